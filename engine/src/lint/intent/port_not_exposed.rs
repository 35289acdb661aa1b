//! PAL115 port-not-exposed: a port that no container declares.

use policy_lang::policy::Direction;
use policy_lang::port::Ports;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds port numbers of ingress rules that no container of the selected pods declares, where they declare
    /// others.
    ///
    /// ## Why it bites
    ///
    /// Declared ports inform and do not bind, so this may be right. A number with a slip in it looks the same.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input that declare any port.
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
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress:
    ///   - ports: [{port: 8081}]
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
    ///   - ports: [{port: 8080}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where containers do not declare their ports.
    pub(crate) static PORT_NOT_EXPOSED = "PAL115" "port-not-exposed" Note Never Off,
        "a port that no container declares", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let all_declare = world.classes_of(&written.selected).all(|class| !class.ports.is_empty());
    if written.selected.is_empty() || !all_declare {
        return;
    }
    for (direction, rule) in written.live_rules() {
        for port in rule.ports.iter().filter(|_| direction == Direction::Ingress) {
            let Ports::Range(range) = &port.value.ports else { continue };
            let mut declared = world.classes_of(&written.selected).flat_map(|class| class.ports);
            if !declared.any(|own| own.protocol == port.value.protocol && range.contains(own.port.get())) {
                report.at(port.span, format!("no container of the selected pods declares {}", port.value));
            }
        }
    }
}
