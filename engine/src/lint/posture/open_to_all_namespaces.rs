//! PAL306 open-to-all-namespaces: a peer of every namespace.

use policy_lang::peer::{Namespaces, Peer};
use policy_lang::policy::Direction;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds ingress peers with an empty `namespaceSelector` and no `podSelector`.
    ///
    /// ## Why it bites
    ///
    /// Every pod of the cluster is admitted, of every tenant.
    ///
    /// ## How it is decided
    ///
    /// By the words of the peer.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {team: a}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For what serves the whole cluster.
    pub(crate) static OPEN_TO_ALL_NAMESPACES = "PAL306" "open-to-all-namespaces" Note Never Off,
        "a peer of every namespace", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (_, rule) in written.live_rules().filter(|(direction, _)| *direction == Direction::Ingress) {
        for peer in &rule.peers {
            let Peer::Pods(selector) = &peer.value else { continue };
            let every = match &selector.namespaces {
                Namespaces::Matching(namespaces) => namespaces.is_everything(),
                Namespaces::Named(_) => false,
            };
            if every && selector.pods.is_everything() {
                report.at(peer.span, "this peer is every pod of every namespace");
            }
        }
    }
}
