//! The source that is a Kubernetes cluster.
//!
//! Each collection is followed by itself, on one connection to the API server and one thread. The agent's role permits
//! list and watch of what is followed here and nothing else, so nothing else is asked.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use policy_lang::baseline;
use policy_lang::name::NamespacedName;
use tokio::sync::watch;

use self::backoff::Backoff;
use self::collection::{Collection, Kind};
use self::follow::{Follower, Patience};
use self::told::{Shared, Told};
use super::event::{Event, Source, SourceName, Tell};

mod backoff;
mod collection;
#[cfg(test)]
mod fake;
mod follow;
mod intern;
mod lines;
mod meaning;
mod request;
mod services;
mod strip;
#[cfg(test)]
mod tests;
mod told;
mod trouble;
mod wire;

/// What is followed whatever the policies are.
const ALWAYS: [Kind; 4] = [Kind::Namespace, Kind::NetworkPolicy, Kind::ClusterNetworkPolicy, Kind::Pod];

/// How often it is looked whether anybody still listens.
const LOOK: Duration = Duration::from_secs(1);

/// How to reach a cluster, and what to read of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that says how; a pod's own ServiceAccount where there is none.
    pub kubeconfig: Option<PathBuf>,
    /// The API server's address in place of the one that is configured: before kube-proxy has run, a Service's address
    /// leads nowhere.
    pub server: Option<String>,
    /// The ConfigMap that holds the baseline.
    pub baseline: NamespacedName,
    /// What is followed from the start besides pods, namespaces and policies.
    pub needs: Needs,
}

impl Default for Options {
    fn default() -> Self {
        let (namespace, name) = baseline::CONFIG_MAP;
        Self { kubeconfig: None, server: None, baseline: NamespacedName::new(namespace, name), needs: Needs::default() }
    }
}

/// What is followed only when something needs it, because there are many of them or they change often.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// Nodes.
    pub nodes: Following,
    /// Services and their EndpointSlices.
    pub services: Following,
}

/// Whether something is followed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Following {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
}

/// The end of a cluster that the loop holds.
#[derive(Clone, Debug)]
pub struct Switch(Arc<watch::Sender<Needs>>);

impl Switch {
    /// Begins to follow what was not followed before. What is followed once is followed for good: a role that permits
    /// it does not stop to, and policies come back.
    pub fn need(&self, needs: Needs) {
        self.0.send_if_modified(|now| {
            let before = *now;
            for (now, wanted) in [(&mut now.nodes, needs.nodes), (&mut now.services, needs.services)] {
                if wanted == Following::On {
                    *now = wanted;
                }
            }
            *now != before
        });
    }
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    patience: Patience,
    needs: watch::Receiver<Needs>,
}

impl Cluster {
    /// A cluster, and the switch for what is not always followed.
    pub fn new(options: Options) -> (Self, Switch) {
        let (sender, needs) = watch::channel(options.needs);
        (Self { options, patience: Patience::default(), needs }, Switch(Arc::new(sender)))
    }

    fn kinds(needs: Needs) -> Vec<Kind> {
        let mut kinds = ALWAYS.to_vec();
        kinds.push(Kind::Baseline);
        if needs.nodes == Following::On {
            kinds.push(Kind::Node);
        }
        if needs.services == Following::On {
            kinds.extend([Kind::Service, Kind::EndpointSlice]);
        }
        kinds
    }

    async fn follow(mut self, tell: Tell) {
        let Some(client) = self.connect(&tell).await else { return };
        let shared = Rc::new(RefCell::new(Shared::default()));
        let mut followed = Vec::new();
        let mut all: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let needs = *self.needs.borrow_and_update();
            for kind in Self::kinds(needs) {
                if followed.contains(&kind) {
                    continue;
                }
                followed.push(kind);
                let collection = match kind {
                    Kind::Baseline => Collection::baseline(&self.options.baseline),
                    kind => Collection::of(kind),
                };
                let told = Told::new(collection, tell.clone(), Rc::clone(&shared));
                all.push(Follower::new(client.clone(), told, self.patience).run().boxed_local());
            }
            tokio::select! {
                _changed = self.needs.changed(), if self.needs.has_changed().is_ok() => {},
                // One of them has noticed that nobody listens.
                _ended = all.next() => return,
                // In a quiet cluster nobody notices.
                () = tokio::time::sleep(LOOK) => if tell.is_over() {
                    return;
                },
            }
        }
    }

    /// A client, as soon as what it takes can be read: a pod may start before its token is there.
    async fn connect(&self, tell: &Tell) -> Option<Client> {
        let mut backoff = Backoff::default();
        loop {
            let why = match config(&self.options).await {
                Ok(config) => match client(config) {
                    Ok(client) => return Some(client),
                    Err(error) => error.to_string(),
                },
                Err(why) => why,
            };
            let why = format!("it is not known how to reach the API server: {why}");
            let told = self.names().iter().try_for_each(|name| tell.tell(name, Event::Lost(why.clone())));
            if told == ControlFlow::Break(()) {
                return None;
            }
            tokio::time::sleep(backoff.next(None)).await;
        }
    }
}

impl Source for Cluster {
    fn names(&self) -> Vec<SourceName> {
        Self::kinds(self.options.needs).into_iter().map(|kind| SourceName::new(kind.source())).collect()
    }

    fn run(self: Box<Self>, tell: Tell) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.follow(tell)),
            Err(error) => {
                let why = format!("cannot wait for the network: {error}");
                // The agent goes on without, and says so, whether it is heard or not.
                let _ignored = self.names().iter().try_for_each(|name| tell.tell(name, Event::Lost(why.clone())));
            }
        }
    }
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
