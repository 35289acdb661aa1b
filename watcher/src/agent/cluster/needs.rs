//! What is followed only when something needs it: there are many of them, or they change often.

use std::sync::Arc;

use engine::incremental::Change;
use policy_lang::baseline::{Baseline, stand_in};
use policy_lang::peer::Peer;
use policy_lang::policy::{Peers, Policy};
use tokio::sync::watch;

use super::super::event::FoundBaseline;
use super::collection::Kind;

/// What is needed besides pods, namespaces and policies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Needs {
    /// Nodes.
    pub(super) nodes: Following,
    /// Services and their EndpointSlices.
    pub(super) services: Following,
}

/// Whether something is followed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Following {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
}

/// Begins to follow what was not followed before.
#[derive(Clone, Debug)]
pub(super) struct Switch(Arc<watch::Sender<Needs>>);

impl Switch {
    /// Nothing is needed yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::channel(Needs::default()).0))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Needs> {
        self.0.subscribe()
    }

    /// What is followed once is followed for good: policies that need it come back.
    pub(super) fn need(&self, needs: Needs) {
        self.0.send_if_modified(|now| {
            let before = std::mem::replace(now, now.and(needs));
            *now != before
        });
    }
}

impl Needs {
    pub(super) fn and(self, other: Self) -> Self {
        let either = |one, other| if one == Following::On { one } else { other };
        Self { nodes: either(self.nodes, other.nodes), services: either(self.services, other.services) }
    }

    pub(super) fn kinds(self) -> Vec<Kind> {
        let nodes = (self.nodes == Following::On).then_some(Kind::Node);
        let services = (self.services == Following::On).then_some([Kind::Service, Kind::EndpointSlice]);
        nodes.into_iter().chain(services.into_iter().flatten()).collect()
    }

    fn of_policy(mut self, policy: &Policy) -> Self {
        for rule in policy.ingress.iter().chain(&policy.egress).flatten() {
            let Peers::AnyOf(peers) = &rule.peers else { continue };
            for peer in peers {
                match peer {
                    Peer::Nodes(_) => self.nodes = Following::On,
                    Peer::Service { .. } => self.services = Following::On,
                    Peer::Pods(_) | Peer::Addresses { .. } => {}
                }
            }
        }
        self
    }
}

/// What has to be known for policies to mean what they say.
pub(super) fn of(facts: &[Change], baseline: Option<&FoundBaseline>) -> Needs {
    let policies = facts.iter().filter_map(|change| match change {
        Change::Policy(_, _, policy) => policy.as_ref(),
        Change::Pod(..) | Change::Namespace(..) | Change::Node(..) | Change::Service(..) => None,
    });
    let of_baseline = match baseline.map(|found| &found.baseline) {
        Some(Baseline::Sound(policies)) => policies.clone(),
        // What may stand in its place opens the API server, which is known by its Service.
        Some(Baseline::Broken(origin)) => stand_in(origin),
        Some(Baseline::Absent) | None => Vec::new(),
    };
    policies.chain(&of_baseline).fold(Needs::default(), Needs::of_policy)
}
