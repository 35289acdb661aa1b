//! PAL401 service-unreachable: a Service port on which no backend admits anybody.

use policy_lang::network_policy::RuleSpec;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::manifests::{barrier, targets};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::Class;
use crate::lint::world::{World, listed};
use crate::lint::written::{Written, reference};

rule! {
    /// ## What it does
    ///
    /// Finds ports of Services all of whose backends in the input are closed on the target port.
    ///
    /// ## Why it bites
    ///
    /// Whoever uses the Service runs into a time-out.
    ///
    /// ## How it is decided
    ///
    /// Every workload behind the Service is isolated for ingress, and no rule of its policies has the target port
    /// among its ports, whoever its peers are. Silent where a ClusterNetworkPolicy may accept it.
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
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
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
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    ///     ports: [{port: 8080}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For Services that are closed on purpose.
    pub(crate) static SERVICE_UNREACHABLE = "PAL401" "service-unreachable" Warning Never On,
        "a Service port on which no backend admits anybody", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    if barrier::accepts_above(world, Direction::Ingress) {
        return;
    }
    for service in world.services.values().flatten() {
        let (backends, Some(span)) = (targets::backends(world, service), service.metadata.span) else { continue };
        for port in &service.ports {
            let is_closed = |index: &u32| {
                world.class(*index).is_some_and(|class| {
                    let numbers = targets::numbers(port, class);
                    !numbers.is_empty() && is_closed(world, *index, class, port.protocol, &numbers)
                })
            };
            if !backends.is_empty() && backends.iter().all(is_closed) {
                let message = format!("no backend of this Service admits anybody on port {}", port.port);
                let finding = report.about(reference("Service", &service.metadata.name), span, message);
                let first = backends.first().and_then(|index| world.isolating(*index, Direction::Ingress).next());
                label(finding, first.map(Written::span), "closes it");
                let names = world.classes_of(&backends).map(Class::example);
                finding.help = Some(format!("its backends in the input are {}", listed(names)));
            }
        }
    }
}

fn is_closed(world: &World<'_>, index: u32, class: &Class<'_>, protocol: Protocol, numbers: &[u16]) -> bool {
    let opens = |rule: &RuleSpec| {
        rule.ports.is_empty() || rule.ports.iter().any(|port| targets::has(&port.value, class, protocol, numbers))
    };
    let mut isolating = world.isolating(index, Direction::Ingress).peekable();
    isolating.peek().is_some()
        && !world.broken.contains(class.namespace)
        && !isolating.any(|policy| policy.rules(Direction::Ingress).iter().any(opens))
}
