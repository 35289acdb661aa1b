//! What decides between two ends, and whether it is the layer that an assertion names.

use std::net::IpAddr;

use engine::connectivity::{self, Allowed, Connectivity, Reason, Says};
use policy_lang::policy::{Direction, Tier};
use policy_lang::port::Protocol;

use super::file::{Expect, Layer};
use super::verdict::Because;
use crate::map;

/// Who is at the other end of a workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Other {
    /// A workload by its number.
    Workload(usize),
    /// A node by its place in the inventory.
    Node(usize),
    /// Nobody who is known.
    Address(IpAddr),
}

/// What decides about one port, at each end that is a workload.
pub(super) fn because(
    model: &mut Connectivity<'_>,
    ends: (usize, Direction, Other),
    protocol: Protocol,
    port: u16,
) -> Vec<Because> {
    let mut found = Vec::new();
    for (workload, direction, other) in sides(model, ends) {
        let mut reasons = model.reasons(workload, direction, other);
        reasons.retain(|reason| reason.set.contains(protocol, port));
        let subject = model.scene().workloads.entries.get(workload).map(map::peer);
        found.extend(subject.map(|subject| Because { subject, direction, reasons }));
    }
    found
}

/// The ports that not this layer decides about, by itself, at either end; nothing if it decides about all.
pub(super) fn other_layer(
    model: &mut Connectivity<'_>,
    ends: (usize, Direction, Other),
    layer: Layer,
    expect: Expect,
    asked: &Allowed,
) -> Option<Allowed> {
    let mut left = asked.clone();
    let mut decided = Allowed::default();
    for (workload, direction, other) in sides(model, ends) {
        let reasons = model.reasons(workload, direction, other);
        let settled = |is_meant: &dyn Fn(&Reason) -> bool| {
            let meant = reasons.iter().filter(|reason| reason.says != Says::Pass && is_meant(reason));
            meant.fold(Allowed::default(), |all, reason| all.union(&reason.set))
        };
        let is_own = |reason: &Reason| layer_of(reason.tier) == layer && says(reason.says) == Some(expect);
        let own = settled(&is_own).difference(&settled(&|reason| !is_own(reason)));
        left = left.difference(&own);
        decided = decided.union(&settled(&|_| true));
    }
    let wrong = match layer {
        Layer::Default => asked.intersection(&decided),
        Layer::Policy | Layer::Baseline | Layer::Host => left,
    };
    (!wrong.is_nothing()).then_some(wrong)
}

/// The ends that are workloads, and whom each sees; who opens the connection first.
fn sides(
    model: &Connectivity<'_>,
    (workload, direction, other): (usize, Direction, Other),
) -> Vec<(usize, Direction, connectivity::Other)> {
    match other {
        Other::Workload(to) => vec![
            (workload, Direction::Egress, connectivity::Other::Workload(to)),
            (to, Direction::Ingress, connectivity::Other::Workload(workload)),
        ],
        Other::Node(node) => {
            let node = model.scene().inventory.nodes.values().nth(node);
            let address = node.and_then(|node| node.addresses.first());
            address.map(|address| (workload, direction, connectivity::Other::Address(*address))).into_iter().collect()
        }
        Other::Address(address) => vec![(workload, direction, connectivity::Other::Address(address))],
    }
}

fn layer_of(tier: Tier) -> Layer {
    match tier {
        Tier::NetworkPolicy => Layer::Policy,
        Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => Layer::Baseline,
    }
}

fn says(says: Says) -> Option<Expect> {
    match says {
        Says::Accept => Some(Expect::Allow),
        Says::Deny | Says::Isolates => Some(Expect::Deny),
        Says::Pass => None,
    }
}
