//! PAL405 scrape-blocked: metrics that nobody can fetch.

use std::sync::Arc;

use policy_lang::diagnostic::ObjectRef;
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::{Service, ServicePort};
use policy_lang::name::Labels;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;
use policy_lang::source::Span;

use crate::lint::documents::{at, kind, name};
use crate::lint::manifests::barrier::{self, Party, Target};
use crate::lint::manifests::{opening, targets, templates};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{Class, World, listed};
use crate::lint::written::{Written, reference};

rule! {
    /// ## What it does
    ///
    /// Finds pods that say where their metrics are (`prometheus.io/port`), and targets of `ServiceMonitors` and
    /// `PodMonitors`, that policy closes to those who ask.
    ///
    /// ## Why it bites
    ///
    /// Graphs end on the day of the policy, and alerts that need them are silent.
    ///
    /// ## How it is decided
    ///
    /// Those who ask are `environment.monitoring` of the configuration: a workload is isolated for ingress, and no rule
    /// admits such a pod on the port. Monitors with `matchExpressions` are left out, and so are ports that cannot be
    /// found. Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9090"}}
    /// spec: {containers: [{name: web}]}
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
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9090"}}
    /// spec: {containers: [{name: web}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
    ///     ports: [{port: 9090}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where metrics are pushed.
    pub(crate) static SCRAPE_BLOCKED = "PAL405" "scrape-blocked" Note Unsafe Off,
        "metrics that nobody can fetch", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    if world.environment.monitoring.is_empty() {
        return;
    }
    templates::each(world, &["prometheus.io/port"], |template| {
        let annotation = |key| at(template.pod, &["metadata", "annotations"]).and_then(|all| all.field(key));
        let scrape = annotation("prometheus.io/scrape").and_then(Value::scalar);
        let Some(port) = annotation("prometheus.io/port") else { return };
        let number = port.scalar().and_then(|port| port.text.parse().ok());
        let Some(number) = number.filter(|_| scrape.is_none_or(|scrape| &*scrape.text == "true")) else { return };
        if is_closed(world, template.class, number) {
            say(world, template.object.clone(), port.span, template.class, number, report);
        }
    });
    for document in &world.documents.with_words(&["ServiceMonitor", "PodMonitor"], world.sources) {
        for monitor in document.iter() {
            match kind(monitor) {
                "ServiceMonitor" => of_services(world, monitor, report),
                "PodMonitor" => of_pods(world, monitor, report),
                _ => {}
            }
        }
    }
}

fn say(world: &World<'_>, object: ObjectRef, span: Span, class: u32, number: u16, report: &mut Report<'_>) {
    let names = listed(world.environment.monitoring.iter().map(|pods| pods.namespace.to_string()));
    let about = world.class(class).map(Class::example).unwrap_or_default();
    let finding = report.about(object, span, format!("{names} does not reach TCP {number} of {about}"));
    let closing = world.isolating(class, Direction::Ingress).next();
    label(finding, closing.map(Written::span), "closes it");
    let peers: Vec<String> = world.environment.monitoring.iter().map(opening::peer).collect();
    let port = (Protocol::Tcp, number);
    let fix = closing.map(|policy| opening::fix(policy, Direction::Ingress, &peers, port, world.sources));
    finding.fix = fix.flatten();
    finding.help = Some(format!("admit them on port {number}"));
}

fn is_closed(world: &World<'_>, class: u32, number: u16) -> bool {
    let target = Target { protocol: Protocol::Tcp, numbers: &[number] };
    barrier::is_closed(world, class, Direction::Ingress, Party::Pods(&world.environment.monitoring), target)
}

/// What a monitor looks for: labels, and namespaces by name; nothing for all of them.
fn selected(monitor: &Value) -> Option<(Labels, Option<Vec<Arc<str>>>)> {
    let selector = at(monitor, &["spec", "selector"])?;
    if selector.field("matchExpressions").is_some() {
        return None;
    }
    let entries = selector.field("matchLabels").and_then(Value::entries).unwrap_or_default().iter();
    let labels = entries.filter_map(|entry| Some((Arc::clone(&entry.key.value), Arc::clone(entry.value.text()?))));
    let namespaces = at(monitor, &["spec", "namespaceSelector"]);
    let any = namespaces.and_then(|namespaces| namespaces.field("any")).and_then(Value::scalar);
    let named = namespaces.and_then(|namespaces| namespaces.field("matchNames")).and_then(Value::items);
    let named = named.map(|names| names.iter().filter_map(|name| name.text().cloned()).collect());
    let own = || name(monitor).map(|name| vec![name.namespace]);
    let is_any = any.is_some_and(|any| &*any.text == "true");
    Some((labels.collect(), if is_any { None } else { named.or_else(own) }))
}

fn of_services(world: &World<'_>, monitor: &Value, report: &mut Report<'_>) {
    let (Some(own), Some((labels, namespaces))) = (name(monitor), selected(monitor)) else { return };
    let is_selected = |service: &Service| {
        let in_namespace = |names: &Vec<Arc<str>>| names.contains(&service.metadata.name.namespace);
        let labels = labels.iter().all(|(key, value)| service.metadata.labels.get(key) == Some(value));
        labels && namespaces.as_ref().is_none_or(in_namespace)
    };
    for endpoint in at(monitor, &["spec", "endpoints"]).and_then(Value::items).unwrap_or_default() {
        let Some(named) = endpoint.field("port").and_then(Value::text) else { continue };
        for service in world.services.values().flatten().filter(|service| is_selected(service)) {
            let is_it = |port: &&ServicePort| port.name.as_ref() == Some(named);
            let Some(port) = service.ports.iter().find(is_it) else { continue };
            for class in targets::backends(world, service) {
                let numbers = world.class(class).map(|class| targets::numbers(port, class)).unwrap_or_default();
                if let Some(number) = numbers.into_iter().find(|number| is_closed(world, class, *number)) {
                    say(world, reference("ServiceMonitor", &own), endpoint.span, class, number, report);
                }
            }
        }
    }
}

fn of_pods(world: &World<'_>, monitor: &Value, report: &mut Report<'_>) {
    let (Some(own), Some((labels, namespaces))) = (name(monitor), selected(monitor)) else { return };
    for endpoint in at(monitor, &["spec", "podMetricsEndpoints"]).and_then(Value::items).unwrap_or_default() {
        let Some(port) = endpoint.field("port").or_else(|| endpoint.field("portNumber")) else { continue };
        for (class, index) in world.classes.iter().zip(0_u32..) {
            let in_namespace = namespaces.as_ref().is_none_or(|names| names.contains(class.namespace));
            let is_selected = labels.iter().all(|(key, value)| class.labels.get(key) == Some(value));
            let number = templates::port(port, class).filter(|_| in_namespace && is_selected);
            if let Some(number) = number.filter(|number| is_closed(world, index, *number)) {
                say(world, reference("PodMonitor", &own), endpoint.span, index, number, report);
            }
        }
    }
}
