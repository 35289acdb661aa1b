//! The source that is a Kubernetes cluster.
//!
//! Each collection is followed by itself, on one connection to the API server and one thread. The agent's role permits
//! list and watch of what is followed here and nothing else, so nothing else is asked; but for the Lease, where that is
//! asked for.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use policy_lang::baseline;
use policy_lang::name::NamespacedName;

use self::backoff::Backoff;
use self::collection::{Collection, Kind};
use self::follow::{Follower, Patience};
use self::needs::{Needs, Switch};
use self::told::{Shared, Told};
use self::way::Way;
use super::causes::with_causes;
use super::event::{Event, Source, SourceName, Tell};

mod backoff;
mod collection;
#[cfg(test)]
mod fake;
mod follow;
mod frames;
mod json;
pub mod lease;
mod lines;
mod meaning;
mod needs;
mod nodes;
mod protobuf;
mod reduced;
mod request;
mod said;
mod services;
mod strip;
#[cfg(test)]
mod tests;
mod told;
mod trouble;
pub mod untrusted;
mod way;
mod wire;

/// What is followed in every cluster.
const ALWAYS: [Kind; 5] = [Kind::Namespace, Kind::NetworkPolicy, Kind::ClusterNetworkPolicy, Kind::Pod, Kind::Baseline];

/// How often it is looked whether anybody still listens.
const LOOK: Duration = Duration::from_secs(1);

/// How to reach a cluster, and what to read of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file that says how; a pod's own service account where there is none.
    pub kubeconfig: Option<PathBuf>,
    /// The API server's address in place of the one that is configured: before kube-proxy has run, a Service's address
    /// leads nowhere.
    pub server: Option<String>,
    /// The ConfigMap that holds the baseline.
    pub baseline: NamespacedName,
    /// The ConfigMap that holds host rules, if any does.
    pub host: Option<NamespacedName>,
}

impl Default for Options {
    fn default() -> Self {
        let (namespace, name) = baseline::CONFIG_MAP;
        Self { kubeconfig: None, server: None, baseline: NamespacedName::new(namespace, name), host: None }
    }
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    patience: Patience,
    switch: Switch,
}

impl Cluster {
    /// A cluster that is reached and read so.
    pub fn new(options: Options) -> Self {
        Self { options, patience: Patience::default(), switch: Switch::new() }
    }

    /// What is followed for policies with these needs.
    fn kinds(&self, needs: Needs) -> Vec<Kind> {
        self.always().chain(needs.kinds()).collect()
    }

    /// What is followed whatever the policies are.
    fn always(&self) -> impl Iterator<Item = Kind> {
        ALWAYS.into_iter().chain(self.options.host.as_ref().map(|_| Kind::HostRules))
    }

    fn collection(&self, kind: Kind) -> Collection {
        match (kind, &self.options.host) {
            (Kind::Baseline, _) => Collection::config_map(kind, &self.options.baseline),
            (Kind::HostRules, Some(host)) => Collection::config_map(kind, host),
            (kind, _) => Collection::of(kind),
        }
    }

    async fn follow(self, tell: Tell) {
        let Some(way) = self.connect(&tell).await else { return };
        let way = Rc::new(way);
        let shared = Rc::new(RefCell::new(Shared::default()));
        let mut needs = self.switch.subscribe();
        let mut followed = Vec::new();
        let mut all: FuturesUnordered<LocalBoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            let needed = *needs.borrow_and_update();
            for kind in self.kinds(needed) {
                if followed.contains(&kind) {
                    continue;
                }
                followed.push(kind);
                let told = Told::new(self.collection(kind), tell.clone(), Rc::clone(&shared));
                all.push(Follower::new(Rc::clone(&way), told, self.patience, self.switch.clone()).run().boxed_local());
            }
            tokio::select! {
                _changed = needs.changed() => {},
                // One of them has noticed that nobody listens.
                _ended = all.next() => return,
                // In a quiet cluster nobody notices.
                () = tokio::time::sleep(LOOK) => if tell.is_over() {
                    return;
                },
            }
        }
    }

    /// The way, as soon as what it takes can be read: a pod may start before its token is there.
    async fn connect(&self, tell: &Tell) -> Option<Way> {
        let mut backoff = Backoff::default();
        loop {
            let why = match Way::new(&self.options).await {
                Ok(way) => return Some(way),
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
        self.always().map(|kind| SourceName::new(kind.source())).collect()
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

/// Whether the API server answers a new connection. Any answer is one: what is found out is whether packets get there
/// and back. Asked is for what the agent may see anyhow.
///
/// # Errors
/// Why nothing answered.
pub fn answers(options: &Options) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let attempt = async {
            let way = Way::new(options).await?;
            let collection = Collection::config_map(Kind::Baseline, &options.baseline);
            let request = http::Request::builder()
                .uri(request::Ask::Page { after: None }.uri(&collection, 0))
                .header("accept", "application/json")
                .header("user-agent", concat!("palisade/", env!("CARGO_PKG_VERSION")));
            let request = request.body(kube::client::Body::empty()).map_err(|error| error.to_string())?;
            way.client().send(request).await.map(|_| ()).map_err(|error| with_causes(&error))
        };
        let answer = tokio::time::timeout(super::probe::PATIENCE, attempt).await;
        answer.unwrap_or_else(|_| Err(format!("it did not answer within {:?}", super::probe::PATIENCE)))
    })
}
