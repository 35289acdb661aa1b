//! PAL503 baseline-blocks-tenant-allow: a policy allows what the baseline denies.

use policy_lang::peer::Peer;
use policy_lang::policy::{Direction, Tier};
use policy_lang::port::PortMatch;

use crate::lint::baseline::walk::{self, Met};
use crate::lint::containment::{pods_within, port_matches};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds peers of egress rules that the enforced baseline denies altogether.
    ///
    /// ## Why it bites
    ///
    /// The baseline is asked first. The rule of the tenant opens nothing, and looks as if it did.
    ///
    /// ## How it is decided
    ///
    /// The entries of the baseline are walked in their order: one that denies contains the peer and its ports, and
    /// none before it may accept it or let it past. Pods that are exempt are left out.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// always: [{to: ["@dns"]}, {to: ["@apiserver"]}]
    /// deny: [{to: [203.0.113.0/24]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 203.0.113.7/32}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// always: [{to: ["@dns"]}, {to: ["@apiserver"]}]
    /// deny: [{to: [203.0.113.0/24]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 198.51.100.7/32}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While the baseline is being narrowed.
    pub(crate) static BLOCKS_TENANT_ALLOW = "PAL503" "baseline-blocks-tenant-allow" Warning Never On,
        "a policy allows what the baseline denies", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let binds = |policy: &&policy_lang::policy::Policy| {
        let bound = written.selected.iter().any(|class| {
            let selects = |selector| world.selects(selector, *class);
            selects(&policy.subject.pods) && !policy.subject.exempt.iter().any(selects)
        });
        let unknown = || !policy.subject.exempt.iter().any(|exempt| pods_within(&written.subject, exempt));
        bound || (written.selected.is_empty() && unknown())
    };
    let policies: Vec<_> = world.tier(Tier::ConfigMapAdmin).filter(binds).collect();
    if policies.is_empty() {
        return;
    }
    for (_, rule) in written.live_rules().filter(|(direction, _)| *direction == Direction::Egress) {
        let every: [Option<&PortMatch>; 1] = [None];
        let ports: Vec<Option<&PortMatch>> = port_matches(rule).into_iter().map(Some).collect();
        let ports = if ports.is_empty() { &every[..] } else { &ports[..] };
        for peer in &rule.peers {
            let denial = |port: Option<&PortMatch>| match walk::first(world, &policies, &peer.value, port) {
                Some(Met::Denied(rule)) => Some(rule),
                Some(Met::Open) | None => None,
            };
            let denials: Vec<_> = ports.iter().copied().filter_map(denial).collect();
            let Some(first) = denials.first().filter(|_| denials.len() == ports.len()) else { continue };
            let message = format!("the baseline denies this before the policy is asked: {}", first.origin);
            let what = match &peer.value {
                Peer::Addresses { cidr, .. } => cidr.to_string(),
                Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => "it".to_owned(),
            };
            let finding = report.at(peer.span, message);
            label(finding, world.place(&first.origin), format!("denies {what}"));
            finding.help = Some("take the peer away, or have the baseline let it past with `allow`".into());
        }
    }
}
