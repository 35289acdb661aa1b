//! PAL203 rule-matches-nothing: a rule that matches nothing.

use crate::lint::redundancy::emptiness::{self, Emptiness};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds rules all of whose peers match nothing.
    ///
    /// ## Why it bites
    ///
    /// The rule opens nothing. Its pods stay closed to those who were meant.
    ///
    /// ## How it is decided
    ///
    /// As PAL202, for every peer of the rule; its peers are then not reported one by one.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: backend}}}, {podSelector: {matchLabels: {app: cashier}}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the pods are to come.
    pub(crate) static RULE_MATCHES_NOTHING = "PAL203" "rule-matches-nothing" Warning Unsafe On,
        "a rule that matches nothing", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules().filter(|(_, rule)| rule.peers.len() > 1) {
        let empty = rule.peers.iter().filter_map(|peer| match emptiness::of(world, &peer.value) {
            Emptiness::Filled | Emptiness::Unknown(_) => None,
            Emptiness::Empty(help) => Some((peer, help)),
        });
        let empty: Vec<_> = empty.collect();
        if empty.len() < rule.peers.len() {
            continue;
        }
        let message = format!("none of the {} peers of this {direction} rule matches anything", empty.len());
        let finding = report.at(rule.span, message);
        finding.help = empty.first().map(|(_, help)| help.clone());
        for (peer, _) in empty.iter().take(3) {
            label(finding, Some(peer.span), "matches nothing");
        }
        finding.fix = written.rule_away(direction, rule, world.sources);
    }
}
