//! PAL409 service-selects-nothing: a Service without backends.

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::reference;

rule! {
    /// ## What it does
    ///
    /// Finds Services whose selector matches no workload of their namespace.
    ///
    /// ## Why it bites
    ///
    /// What is decided by this Service, such as which port its pods have, is decided by nothing.
    ///
    /// ## How it is decided
    ///
    /// Only where the namespace has workloads in the input.
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
    /// spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
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
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the pods are to come.
    pub(crate) static SERVICE_SELECTS_NOTHING = "PAL409" "service-selects-nothing" Note Never Off,
        "a Service without backends", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for service in world.services.values().flatten().filter(|service| !service.selector.is_empty()) {
        let namespace = &service.metadata.name.namespace;
        let Some(span) = service.metadata.span.filter(|_| world.has_workloads(namespace)) else { continue };
        let selects = |labels: &policy_lang::name::Labels| {
            service.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        let on_host = world.on_host.iter().filter(|workload| workload.name.namespace == *namespace);
        let found = world.in_namespace(namespace).any(|(_, class)| selects(class.labels))
            || on_host.into_iter().any(|workload| selects(workload.labels));
        if !found {
            let finding =
                report.about(reference("Service", &service.metadata.name), span, "this Service selects no workload");
            finding.help = Some(world.looked_at(namespace));
        }
    }
}
