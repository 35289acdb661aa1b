//! PAL402 ingress-backend-blocked: a route to a Service that its forwarder cannot reach.

use policy_lang::manifest::route::RouteBackend;
use policy_lang::manifest::{Service, ServicePort, TargetPort};
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::environment::Pods;
use crate::lint::manifests::barrier::{self, Party, Target};
use crate::lint::manifests::{opening, targets};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{World, listed};
use crate::lint::written::{Written, reference};

rule! {
    /// ## What it does
    ///
    /// Finds backends of Ingresses and HTTPRoutes that the policies of their pods close to those who forward
    /// requests.
    ///
    /// ## Why it bites
    ///
    /// The route answers with an error of its own, and nothing in it says that a policy is why.
    ///
    /// ## How it is decided
    ///
    /// Those who forward are `environment.ingressControllers` of the configuration: every workload behind the
    /// backend is isolated for ingress, and no rule admits such a pod on the target port. Peers by address count as
    /// open. Silent without the configuration.
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
    /// kind: Ingress
    /// metadata: {name: web, namespace: shop}
    /// spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
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
    /// kind: Ingress
    /// metadata: {name: web, namespace: shop}
    /// spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where requests come from somewhere else.
    pub(crate) static ROUTE_BACKEND_BLOCKED = "PAL402" "ingress-backend-blocked" Warning Unsafe On,
        "a route to a Service that its forwarder cannot reach", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let controllers = &world.environment.ingress_controllers;
    if controllers.is_empty() {
        return;
    }
    for route in &world.routes {
        for backend in &route.backends {
            let closed = blocked(world, backend, controllers);
            if closed.is_empty() {
                continue;
            }
            let names = listed(controllers.iter().map(|pods| pods.namespace.to_string()));
            let message = format!("{} does not admit those who forward, in {names}", backend.service);
            let object = reference(route.kind.name(), &route.metadata.name);
            let finding = report.about(object, backend.span, message);
            let first = closed.first().and_then(|class| world.isolating(*class, Direction::Ingress).next());
            label(finding, first.map(Written::span), "closes it");
            let peers: Vec<String> = controllers.iter().map(opening::peer).collect();
            let port = closed.first().and_then(|class| port_of(world, backend, *class));
            let fix = first
                .zip(port)
                .map(|(policy, port)| opening::fix(policy, Direction::Ingress, &peers, port, world.sources));
            finding.fix = fix.flatten();
            finding.help = Some("admit them on the port of the pods".into());
        }
    }
}

/// The Service of a backend, with those of its ports that are meant.
fn meant<'a>(world: &World<'a>, backend: &RouteBackend) -> Option<(&'a Service, Vec<&'a ServicePort>)> {
    let services = world.services.get(&backend.service.namespace)?;
    let service = services.iter().copied().find(|service| service.metadata.name == backend.service)?;
    let ports = service.ports.iter().filter(|port| match &backend.port {
        Some(TargetPort::Number(number)) => port.port == *number,
        Some(TargetPort::Name(name)) => port.name.as_ref() == Some(name),
        None => true,
    });
    Some((service, ports.collect()))
}

/// The port of a class that a backend means first.
fn port_of(world: &World<'_>, backend: &RouteBackend, class: u32) -> Option<(Protocol, u16)> {
    let (_, ports) = meant(world, backend)?;
    let port = ports.first()?;
    Some((port.protocol, *targets::numbers(port, world.class(class)?).first()?))
}

/// The backends, if all of them are closed.
fn blocked(world: &World<'_>, backend: &RouteBackend, controllers: &[Pods]) -> Vec<u32> {
    let Some((service, ports)) = meant(world, backend) else { return Vec::new() };
    let backends = targets::backends(world, service);
    let is_closed = |index: &u32| {
        let Some(class) = world.class(*index) else { return false };
        let closed = |port: &&ServicePort| {
            let numbers = targets::numbers(port, class);
            let target = Target { protocol: port.protocol, numbers: &numbers };
            barrier::is_closed(world, *index, Direction::Ingress, Party::Pods(controllers), target)
        };
        ports.iter().all(closed)
    };
    if ports.is_empty() || !backends.iter().all(is_closed) { Vec::new() } else { backends }
}
