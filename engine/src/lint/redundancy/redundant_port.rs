//! PAL205 redundant-port: a port that another entry of the rule contains.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::manifest::tree::Value;
use policy_lang::port::{PortMatch, Ports};

use crate::lint::containment::port_within;
use crate::lint::edit;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds entries of `ports` that the other entries of their rule cover together, and ranges of one port.
    ///
    /// ## Why it bites
    ///
    /// The same as for peers: the list looks narrower than it is.
    ///
    /// ## How it is decided
    ///
    /// By protocol and number. Deleting the entry is a safe fix.
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
    ///   - ports: [{port: 80}, {port: 1, endPort: 1024}]
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
    ///   - ports: [{port: 1, endPort: 1024}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the entry documents something.
    pub(crate) static REDUNDANT_PORT = "PAL205" "redundant-port" Note Safe On,
        "a port that another entry of the rule contains", Check::Policy(check);
}

/// Most entries of one rule that are compared with one another.
const COMPARED: usize = 200;

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (_, rule) in written.live_rules() {
        let ports = rule.ports.get(..rule.ports.len().min(COMPARED)).unwrap_or_default();
        for (index, port) in ports.iter().enumerate() {
            let node = written.node(port.span);
            let is_single = match &port.value.ports {
                Ports::Range(range) => range.first() == range.last(),
                Ports::All | Ports::Named(_) => false,
            };
            if is_single && node.is_some_and(|node| node.field("endPort").is_some()) {
                let finding = report.at(port.span, "`endPort` equals `port`: this is one port");
                finding.help = Some("leave `endPort` out".into());
                continue;
            }
            // Of two that say the same, the later one goes.
            let others = ports.iter().enumerate().filter(|(other_index, other)| {
                *other_index < index || (*other_index != index && !port_within(&other.value, &[&port.value]))
            });
            let others: Vec<&PortMatch> = others.map(|(_, other)| &other.value).collect();
            if !port_within(&port.value, &others) {
                continue;
            }
            let finding = report.at(port.span, format!("{} is contained in the other entries of the rule", port.value));
            finding.help = Some("take it away: nothing changes".into());
            let list = written.node(rule.span).and_then(|node| Value::field(node, "ports"));
            let edit = list.and_then(|list| edit::without_item(list, index, world.sources));
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, "take the entry away", edit));
        }
    }
}
