//! Labels by which controllers tell one pod, or one generation of pods, from the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use policy_lang::name::Labels;
use policy_lang::peer::{Peer, PodSelector};
use policy_lang::policy::{Direction, Peers, Policy, Rule};

const PER_POD: [&str; 10] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// Those that no policy asks for.
pub(super) fn ignored(policies: &[Policy]) -> BTreeSet<&'static str> {
    let mut ignored = BTreeSet::from(PER_POD);
    for policy in policies {
        let rules = [Direction::Ingress, Direction::Egress].into_iter().filter_map(|way| policy.rules(way)).flatten();
        let selectors = std::iter::once(&policy.subject.pods).chain(&policy.subject.exempt).chain(rules.flat_map(pods));
        for requirement in selectors.flat_map(|selector| selector.pods.requirements()) {
            ignored.remove(&*requirement.key);
        }
    }
    ignored
}

/// The labels without those of these keys.
pub(super) fn without(labels: &Labels, keys: &BTreeSet<&str>) -> Labels {
    if labels.iter().all(|(key, _)| !keys.contains(&**key)) {
        return labels.clone();
    }
    let kept = labels.iter().filter(|(key, _)| !keys.contains(&***key));
    kept.map(|(key, value)| (Arc::clone(key), Arc::clone(value))).collect()
}

fn pods(rule: &Rule) -> impl Iterator<Item = &PodSelector> {
    let peers = match &rule.peers {
        Peers::Any => &[][..],
        Peers::AnyOf(peers) => peers,
    };
    peers.iter().filter_map(|peer| match peer {
        Peer::Pods(selector) => Some(selector),
        Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. } => None,
    })
}
