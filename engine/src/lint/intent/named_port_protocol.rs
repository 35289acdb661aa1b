//! PAL112 named-port-protocol: a port name of another protocol.

use std::collections::BTreeSet;

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::manifest::tree::Value;
use policy_lang::port::Protocol;

use crate::lint::edit;
use crate::lint::intent::destinations::{self, NamedPort};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds port names that containers declare with another protocol than the rule says.
    ///
    /// ## Why it bites
    ///
    /// A name counts together with its protocol, and that is TCP where none is written. The entry admits nothing.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input. Where one protocol fits, writing it is a safe fix: the entry matches
    /// nothing as it is.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: dns-1, namespace: shop, labels: {app: dns}}
    /// spec: {containers: [{name: dns, ports: [{name: dns, containerPort: 53, protocol: UDP}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: dns}}
    ///   ingress:
    ///   - ports: [{port: dns}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: dns-1, namespace: shop, labels: {app: dns}}
    /// spec: {containers: [{name: dns, ports: [{name: dns, containerPort: 53, protocol: UDP}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: dns}}
    ///   ingress:
    ///   - ports: [{port: dns, protocol: UDP}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static NAMED_PORT_PROTOCOL = "PAL112" "named-port-protocol" Warning Safe On,
        "a port name of another protocol", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for NamedPort { port, name, classes } in destinations::named_ports(world, written) {
        let declared = world.classes_of(&classes).flat_map(|class| class.ports);
        let found = declared.filter(|own| own.name.as_ref() == Some(name)).map(|own| own.protocol);
        let found: BTreeSet<Protocol> = found.collect();
        if found.is_empty() || found.contains(&port.value.protocol) {
            continue;
        }
        let is = found.iter().map(Protocol::to_string).collect::<Vec<_>>().join(" and ");
        let message = format!("`{name}` is a port of {is}, this entry is of {}", port.value.protocol);
        let finding = report.at(port.span, message);
        let mut protocols = found.iter();
        if let (Some(protocol), None) = (protocols.next(), protocols.next()) {
            finding.help = Some(format!("write `protocol: {protocol}`"));
            let edit = written.node(port.span).and_then(|node| with_protocol(node, *protocol, world));
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, format!("write protocol {protocol}"), edit));
        }
    }
}

fn with_protocol(port: &Value, protocol: Protocol, world: &World<'_>) -> Option<policy_lang::diagnostic::Edit> {
    match port.field("protocol") {
        Some(written) => Some(edit::replace(written.span, &protocol.to_string())),
        None => edit::before_entry(port.entries()?.first()?, "protocol", &protocol.to_string(), world.sources),
    }
}
