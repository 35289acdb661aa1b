//! PAL404 webhook-blocked: the API server does not reach a webhook or an extension of itself.

use std::sync::Arc;

use policy_lang::manifest::tree::Value;
use policy_lang::name::NamespacedName;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::documents::{at, kind};
use crate::lint::manifests::barrier::{self, Party, Target};
use crate::lint::manifests::{opening, targets};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{Written, reference};

rule! {
    /// ## What it does
    ///
    /// Finds Services behind admission webhooks, conversions of custom resources and `APIServices` whose pods policy
    /// closes to the API server.
    ///
    /// ## Why it bites
    ///
    /// Every object that the webhook is asked about is refused after a time-out, or let through unseen.
    ///
    /// ## How it is decided
    ///
    /// The API server asks from `environment.apiServer.cidrs`: every workload behind the Service is isolated for
    /// ingress, and no rule admits those addresses on the target port. A selector of pods never does, because the API
    /// server is no pod. Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: hook-1, namespace: shop, labels: {app: hook}}
    /// spec: {containers: [{name: hook, ports: [{containerPort: 9443}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: hook, namespace: shop}
    /// spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 9443}]}
    /// ---
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata: {name: hook}
    /// webhooks: [{name: hook.example.com, clientConfig: {service: {namespace: shop, name: hook}}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: hook, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 192.0.2.10/32}}]
    ///     ports: [{port: 443}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: hook-1, namespace: shop, labels: {app: hook}}
    /// spec: {containers: [{name: hook, ports: [{containerPort: 9443}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: hook, namespace: shop}
    /// spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 9443}]}
    /// ---
    /// apiVersion: admissionregistration.k8s.io/v1
    /// kind: ValidatingWebhookConfiguration
    /// metadata: {name: hook}
    /// webhooks: [{name: hook.example.com, clientConfig: {service: {namespace: shop, name: hook}}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: hook, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 192.0.2.10/32}}]
    ///     ports: [{port: 9443}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the API server asks by a tunnel of its own, such as konnectivity.
    pub(crate) static WEBHOOK_BLOCKED = "PAL404" "webhook-blocked" Warning Unsafe On,
        "the API server does not reach a webhook or an extension of itself", Check::World(check);
}

/// What the texts must hold for a look.
const WORDS: [&str; 2] = ["clientConfig", "APIService"];

/// The port of a webhook that names none.
const PORT: u16 = 443;

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let Some(server) = &world.environment.api_server else { return };
    for document in world.documents.with_words(&WORDS, world.sources).iter().flat_map(|text| text.iter()) {
        for service in asked(document) {
            let text = |field| service.field(field).and_then(Value::text);
            let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else { continue };
            let number = service.field("port").and_then(Value::scalar).map(|port| port.text.parse().ok());
            let Some(number) = number.unwrap_or(Some(PORT)) else { continue };
            let name = NamespacedName::new(Arc::clone(namespace), Arc::clone(name));
            let Some((first, port)) = blocked(world, &name, number, &server.cidrs) else { continue };
            let own = at(document, &["metadata", "name"]).and_then(Value::text).cloned().unwrap_or_default();
            let object = reference(kind(document), &NamespacedName::new("", own));
            let message = format!("the API server does not reach {name}, port {number}: policy closes its pods");
            let finding = report.about(object, service.span, message);
            let closing = world.isolating(first, Direction::Ingress).next();
            label(finding, closing.map(Written::span), "closes them");
            let nodes: Vec<String> = server.cidrs.iter().map(opening::block).collect();
            let fix = closing.map(|policy| opening::fix(policy, Direction::Ingress, &nodes, port, world.sources));
            finding.fix = fix.flatten();
            let cidrs = server.cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            finding.help = Some(format!("admit {cidrs} on the port of the pods"));
        }
    }
}

/// The Services that the API server asks because of an object.
fn asked(document: &Value) -> Vec<&Value> {
    match kind(document) {
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            let hooks = document.field("webhooks").and_then(Value::items).unwrap_or_default();
            hooks.iter().filter_map(|hook| at(hook, &["clientConfig", "service"])).collect()
        }
        "CustomResourceDefinition" => {
            at(document, &["spec", "conversion", "webhook", "clientConfig", "service"]).into_iter().collect()
        }
        "APIService" => at(document, &["spec", "service"]).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The first of the classes behind a Service, with the port there, if all of them are closed to some nodes.
fn blocked(
    world: &World<'_>,
    name: &NamespacedName,
    number: u16,
    nodes: &[ipnet::IpNet],
) -> Option<(u32, (Protocol, u16))> {
    let service = world.services.get(&name.namespace)?.iter().find(|service| service.metadata.name == *name)?;
    let port = service.ports.iter().find(|port| port.port.get() == number)?;
    let is_behind =
        |labels: &policy_lang::name::Labels| service.selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    // No policy binds those on the network of their node.
    let on_host = world.on_host.iter().filter(|workload| workload.name.namespace == name.namespace);
    if on_host.into_iter().any(|workload| is_behind(workload.labels)) {
        return None;
    }
    let backends = targets::backends(world, service);
    let is_closed = |index: &u32| {
        world.class(*index).is_some_and(|class| {
            let numbers = targets::numbers(port, class);
            let target = Target { protocol: port.protocol, numbers: &numbers };
            !numbers.is_empty() && barrier::is_closed(world, *index, Direction::Ingress, Party::Nodes(nodes), target)
        })
    };
    let first = backends.first().copied().filter(|_| backends.iter().all(is_closed))?;
    let numbers = targets::numbers(port, world.class(first)?);
    Some((first, (port.protocol, *numbers.first()?)))
}
