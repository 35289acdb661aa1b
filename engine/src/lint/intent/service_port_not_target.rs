//! PAL110 service-port-not-target-port: a Service port where the port of the pods is judged.

use policy_lang::diagnostic::Fix;
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::{Service, ServicePort, TargetPort};
use policy_lang::port::Ports;

use crate::lint::intent::destinations;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::Class;
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds rules with a port of a Service that is not the port of the pods behind it.
    ///
    /// ## Why it bites
    ///
    /// Policy sees a packet after the Service has sent it on: the port is the target port. A rule for the Service
    /// port admits nothing that comes through the Service.
    ///
    /// ## How it is decided
    ///
    /// A Service of the input selects pods that the rule is about, has this port, and sends it on to other ones; no
    /// container of those pods declares the written port.
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
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress:
    ///   - ports: [{port: 80}]
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
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
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
    /// Where the pods listen on both ports without declaring it.
    pub(crate) static SERVICE_PORT_NOT_TARGET = "PAL110" "service-port-not-target-port" Warning Unsafe On,
        "a Service port where the port of the pods is judged", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules().filter(|(_, rule)| !rule.ports.is_empty()) {
        let Some(classes) = destinations::classes(world, written, direction, rule) else { continue };
        for port in &rule.ports {
            let Ports::Range(range) = &port.value.ports else { continue };
            if range.first() != range.last() {
                continue;
            }
            let number = range.first();
            let declared = |class: &&Class<'_>| {
                class.ports.iter().any(|own| own.protocol == port.value.protocol && own.port.get() == number)
            };
            if world.classes_of(&classes).any(|class| declared(&class)) {
                continue;
            }
            let of = |class: &Class<'_>| sent_on(world, class, port.value.protocol, number);
            let Some((service, targets)) = world.classes_of(&classes).find_map(of) else { continue };
            let message = format!(
                "{number} is a port of Service {}, which sends it on to {}: policy sees only that",
                service.metadata.name,
                targets.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
            );
            let node = written.node(port.span).and_then(|port| port.field("port"));
            let finding = report.at(node.map_or(port.span, |port| port.span), message);
            label(finding, service.metadata.span, "this Service");
            if let [target] = targets.as_slice() {
                finding.help = Some(format!("write {target}"));
                finding.fix = node
                    .filter(|node| Value::scalar(node).is_some())
                    .map(|node| Fix::risky(format!("write {target}"), node.span, target.to_string()));
            }
        }
    }
}

/// The Service that takes this port for pods and sends it on to others only, and to which.
fn sent_on<'a>(
    world: &World<'a>,
    class: &Class<'_>,
    protocol: policy_lang::port::Protocol,
    number: u16,
) -> Option<(&'a Service, Vec<u16>)> {
    let mut found: Option<(&Service, Vec<u16>)> = None;
    for service in destinations::services_of(world, class) {
        for port in service.ports.iter().filter(|port| port.protocol == protocol) {
            let targets = numbers(port, class);
            if targets.contains(&number) {
                return None;
            }
            if port.port.get() == number && !targets.is_empty() {
                found = found.or(Some((service, targets)));
            }
        }
    }
    found
}

fn numbers(port: &ServicePort, class: &Class<'_>) -> Vec<u16> {
    match &port.target {
        TargetPort::Number(number) => vec![number.get()],
        TargetPort::Name(name) => {
            let own = class.ports.iter();
            let own = own.filter(|own| own.protocol == port.protocol && own.name.as_ref() == Some(name));
            own.map(|own| own.port.get()).collect()
        }
    }
}
