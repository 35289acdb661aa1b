//! The way to the API server, made anew when the authorities that it believes are others.
//!
//! Tokens are read again by kube's client. Authorities are not: a cluster whose authority is replaced would be lost to
//! an agent until its next start, although the new one is in its file already.

use std::cell::RefCell;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::Options;

/// The certificates of the authorities that are believed.
type Authorities = Option<Vec<Vec<u8>>>;

/// How the API server is reached.
pub(super) struct Way {
    /// What it is made of again; nothing where it was made by a test.
    options: Option<Options>,
    now: RefCell<(Client, Authorities)>,
}

impl Way {
    /// The way that these options describe.
    pub(super) async fn new(options: &Options) -> Result<Self, String> {
        let now = RefCell::new(made(options).await?);
        Ok(Self { options: Some(options.clone()), now })
    }

    /// One that stays as it is.
    #[cfg(test)]
    pub(super) fn of(config: Config) -> Self {
        Self { options: None, now: RefCell::new((client(config).unwrap(), None)) }
    }

    /// Whoever sends requests now.
    pub(super) fn client(&self) -> Client {
        self.now.borrow().0.clone()
    }

    /// Looks whether other authorities are to be believed by now, after a connection failed. What cannot be read or
    /// believed stays as it was.
    pub(super) async fn look(&self) {
        let Some(options) = &self.options else { return };
        if let Ok(now) = made(options).await
            && now.1 != self.now.borrow().1
            // Half of a file that is being replaced holds none.
            && now.1.as_ref().is_none_or(|authorities| !authorities.is_empty())
        {
            *self.now.borrow_mut() = now;
        }
    }
}

async fn made(options: &Options) -> Result<(Client, Authorities), String> {
    let config = config(options).await?;
    let authorities = config.root_cert.clone();
    Ok((client(config).map_err(|error| error.to_string())?, authorities))
}

/// How the cluster is reached.
async fn config(options: &Options) -> Result<Config, String> {
    let mut config = match &options.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Config::incluster().map_err(|error| error.to_string())?,
    };
    if let Some(server) = &options.server {
        config.cluster_url = server.parse().map_err(|error| format!("`{server}` is no address: {error}"))?;
        // Every API server's certificate has this name, and not every one has every address.
        if options.kubeconfig.is_none() {
            config.tls_server_name = Some("kubernetes.default.svc".to_owned());
        }
    }
    Ok(config)
}

/// A client that neither gives up on a silent stream nor tries again by itself: how long to wait for what, and whether
/// to tell of it, is decided here.
fn client(mut config: Config) -> kube::Result<Client> {
    config.read_timeout = None;
    config.default_retry = false;
    Client::try_from(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkDCCATWgAwIBAgIUcr0VhjFgbf/jyKC9aSOqx87N9HswCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRcGFsaXNhZGUgdGVzdCBvbmUwIBcNMjYxMTI3MDI1MDQ3WhgP
MjEyNjExMDMwMjUwNDdaMBwxGjAYBgNVBAMMEXBhbGlzYWRlIHRlc3Qgb25lMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhfkS2qTcpQMmlcFGFJjZVfIqHiHTkxJp
ssutLxOQWc0Y94S7kgKb56TqXr6UKYOaA1sXtUm1l9Zdwn78DODBWqNTMFEwHQYD
VR0OBBYEFNepjvjriSGTp8XODjwrXt97pItiMB8GA1UdIwQYMBaAFNepjvjriSGT
p8XODjwrXt97pItiMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
ANu4uewVr3BDY6yBgs/SLymh2ZTwCb9Ie53x3yMJ8gWgAiEA3IHiPCIQcpie76uS
xn/YiRf7w04Y8XHXMe6xg4K+5eA=
-----END CERTIFICATE-----
";
    const OTHER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUdW/TdOs12CAW+xbtE17T5tNh21cwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTcGFsaXNhZGUgdGVzdCBvdGhlcjAgFw0yNjExMjcwMjUwNDda
GA8yMTI2MTEwMzAyNTA0N1owHjEcMBoGA1UEAwwTcGFsaXNhZGUgdGVzdCBvdGhl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHgSSoZdkLPmU3HyBMePj7RzEKw1
8urTejIXkhVtvruZAwkEKXq/Z26LxSjrw0YBidjjd1Eq5pgBaLMwECmNqGKjUzBR
MB0GA1UdDgQWBBSJFcoWGYdyxCuMmXL219//Ibm3+jAfBgNVHSMEGDAWgBSJFcoW
GYdyxCuMmXL219//Ibm3+jAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIDXNL+Oq6tTvJ+wbCPPmeOFgpQKgJBt5FRMQ2nSOZUKTAiEAume22ZeEmNAK
LuhtFtAFoMP8Nlw8xVgQNWOQgePeI8I=
-----END CERTIFICATE-----
";

    #[tokio::test]
    async fn a_way_is_made_anew_when_its_authority_is_replaced_and_only_then() {
        let folder = std::env::temp_dir().join(format!("palisade-way-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (authority, kubeconfig) = (folder.join("ca.crt"), folder.join("kubeconfig"));
        std::fs::write(&authority, ONE).unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1', certificate-authority: '{}'}}}}]\n\
             users: [{{name: u, user: {{token: t}}}}]\n",
            authority.display()
        );
        std::fs::write(&kubeconfig, text).unwrap();
        let way = Way::new(&Options { kubeconfig: Some(kubeconfig), ..Options::default() }).await.unwrap();
        let believed = || way.now.borrow().1.clone();
        let before = believed();
        assert!(before.is_some());
        way.look().await;
        assert_eq!(believed(), before);
        std::fs::write(&authority, "half of a certificate").unwrap();
        way.look().await;
        assert_eq!(believed(), before);
        std::fs::write(&authority, OTHER).unwrap();
        way.look().await;
        assert_ne!(believed(), before);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
