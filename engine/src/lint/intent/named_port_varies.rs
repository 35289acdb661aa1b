//! PAL113 named-port-varies: a port name with different numbers on different pods.

use std::collections::BTreeSet;

use crate::lint::intent::destinations::{self, NamedPort};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds port names that stand for different numbers on the pods that a rule is about.
    ///
    /// ## Why it bites
    ///
    /// Every pod uses its own number, which is what Kubernetes says and what some engines get wrong.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-2, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 9090}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress:
    ///   - ports: [{port: http}]
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
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress:
    ///   - ports: [{port: http}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where it is meant.
    pub(crate) static NAMED_PORT_VARIES = "PAL113" "named-port-varies" Note Never Off,
        "a port name with different numbers on different pods", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for NamedPort { port, name, classes } in destinations::named_ports(world, written) {
        let declared = world.classes_of(&classes).flat_map(|class| class.ports);
        let own = declared.filter(|own| own.name.as_ref() == Some(name) && own.protocol == port.value.protocol);
        let numbers: BTreeSet<u16> = own.map(|own| own.port.get()).collect();
        if numbers.len() > 1 {
            let numbers = numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            report.at(port.span, format!("`{name}` is {numbers}, depending on the pod"));
        }
    }
}
