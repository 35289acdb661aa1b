//! The agent as a kubelet starts it: the chart's arguments, the files of a service account, and no kubeconfig.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use watcher::lab::Namespace;

use crate::relay::Relay;
use crate::server::Server;
use crate::tools;

/// How long anything may take; a new token is looked for once a minute.
const LIMIT: Duration = Duration::from_secs(120);

const NODE: &str = "node-a";

/// Of a pod that nobody has made: nothing here collects what it owns.
const POD_UID: &str = "5d0e7a2c-6f0f-4a57-9c3f-0d4f6f1c1a11";

/// Puts the files where the kubelet mounts them, where only this process and its children see them, and becomes the agent.
const MOUNT: &str = "
    files=$1
    shift
    mount -t tmpfs none /run
    mount -t tmpfs none /var/lib
    mount -t tmpfs none /etc
    account=/run/secrets/kubernetes.io/serviceaccount
    mkdir -p /run/palisade /var/lib/palisade /etc/palisade-agent $account
    mount --bind $files/run /run/palisade
    mount --bind $files/state /var/lib/palisade
    mount --bind $files/config /etc/palisade-agent
    mount --bind $files/account $account
    exec \"$@\"
";

/// An agent that goes when this does; what it enforces stays.
pub(crate) struct Container {
    child: Child,
    files: PathBuf,
    /// Its way to the API server.
    pub(crate) relay: Relay,
}

impl Container {
    /// In a node's network, of a chart with these values. `service` is the API server's Service as the kubelet tells of it,
    /// a relay's port where none is given.
    pub(crate) fn start(
        node: &Namespace,
        server: &Server,
        token: &str,
        values: impl FnOnce(u16) -> Value,
        service: Option<(&str, u16)>,
    ) -> Self {
        let relay = Relay::new(Some(node), server.port());
        let objects = tools::objects(&values(relay.port));
        let files = server.directory().join("container");
        for folder in ["run", "state", "config", "account"] {
            fs::create_dir_all(files.join(folder)).unwrap();
        }
        let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
        let config = of_kind("ConfigMap")["data"]["palisade.yaml"].as_str().unwrap();
        fs::write(files.join("config/palisade.yaml"), config).unwrap();
        fs::copy(server.directory().join("ca.crt"), files.join("account/ca.crt")).unwrap();
        fs::write(files.join("account/namespace"), tools::NAMESPACE).unwrap();
        put_token(&files, token, "first");

        let container = &of_kind("DaemonSet")["spec"]["template"]["spec"]["containers"][0];
        let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
        // The variables of the chart, as the kubelet replaces them.
        let arguments = arguments.map(|argument| {
            argument.replace("$(NODE_NAME)", NODE).replace("$(POD_NAME)", "palisade-x").replace("$(POD_UID)", POD_UID)
        });
        let (host, port) = service.unwrap_or(("127.0.0.1", relay.port));
        let log = fs::File::create(files.join("log")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-ec", MOUNT, "sh"])
            .arg(&files)
            .arg(env!("CARGO_BIN_EXE_palisade"))
            .args(arguments)
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port.to_string())
            .stdin(Stdio::null())
            .stderr(log);
        Self { child: node.spawn(&mut command).unwrap(), files, relay }
    }

    /// Replaces the token in one step, as a kubelet does: the folder that a link leads to is another one.
    pub(crate) fn replace_token(&self, token: &str) {
        put_token(&self.files, token, "second");
    }

    /// Waits until its report is like this.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let limit = Instant::now() + LIMIT;
        loop {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "waited for {what}, and it ended: {ended:?}\n{}", self.log());
            let report = self.report();
            if let Some(report) = report.as_ref().filter(|report| is_so(report)) {
                return report.clone();
            }
            assert!(Instant::now() < limit, "waited in vain for {what}: {report:#?}\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn report(&self) -> Option<Value> {
        let mut text = String::new();
        UnixStream::connect(self.files.join("run/agent.sock")).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.join("log")).unwrap_or_default()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}

fn put_token(files: &Path, token: &str, version: &str) {
    let account = files.join("account");
    let folder = account.join(format!("..{version}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("token"), token).unwrap();
    let link = |to: &str, name: &str| {
        let new = account.join(format!("{name}.new"));
        std::os::unix::fs::symlink(to, &new).unwrap();
        fs::rename(new, account.join(name)).unwrap();
    };
    link(&format!("..{version}"), "..data");
    link("..data/token", "token");
}

/// What became of a source.
pub(crate) fn lost<'a>(report: &'a Value, source: &str) -> Option<&'a str> {
    let sources = report["sources"].as_array().into_iter().flatten();
    sources.filter(|known| known["name"] == source).find_map(|known| known["lost"].as_str())
}

/// Whether a source has answered and sees what there is.
pub(crate) fn is_in_sync(report: &Value, source: &str) -> bool {
    let mut sources = report["sources"].as_array().into_iter().flatten();
    sources.any(|known| known["name"] == source && known["inSync"] == true)
}
