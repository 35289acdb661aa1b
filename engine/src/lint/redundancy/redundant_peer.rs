//! PAL204 redundant-peer: a peer that another peer of the rule contains.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::manifest::tree::Value;

use crate::lint::containment::peer_within;
use crate::lint::edit;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{Written, peers_field};

rule! {
    /// ## What it does
    ///
    /// Finds peers that add nothing to the other peers of their rule.
    ///
    /// ## Why it bites
    ///
    /// Whoever takes the wider one away later does not see what is left.
    ///
    /// ## How it is decided
    ///
    /// By the words alone, whatever pods there are. Deleting the narrower one is a safe fix.
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
    ///   - from:
    ///     - podSelector: {}
    ///     - podSelector: {matchLabels: {app: web}}
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
    ///   - from:
    ///     - podSelector: {}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the narrower one documents something.
    pub(crate) static REDUNDANT_PEER = "PAL204" "redundant-peer" Note Safe On,
        "a peer that another peer of the rule contains", Check::Policy(check);
}

/// Most peers of one rule that are compared with one another.
const COMPARED: usize = 200;

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        let peers = rule.peers.get(..rule.peers.len().min(COMPARED)).unwrap_or_default();
        for (index, peer) in peers.iter().enumerate() {
            // Of two that say the same, the later one goes.
            let contains = |(other_index, other): &(usize, &policy_lang::manifest::tree::Spanned<_>)| {
                *other_index != index
                    && peer_within(&peer.value, &other.value)
                    && (*other_index < index || !peer_within(&other.value, &peer.value))
            };
            let Some((_, other)) = peers.iter().enumerate().find(contains) else { continue };
            let finding = report.at(peer.span, "this peer is contained in another one of the rule");
            label(finding, Some(other.span), "contains it");
            finding.help = Some("take it away: nothing changes".into());
            let list = written.node(rule.span).and_then(|node| Value::field(node, peers_field(direction)));
            let edit = list.and_then(|list| edit::without_item(list, index, world.sources));
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, "take the peer away", edit));
        }
    }
}
