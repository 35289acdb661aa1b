//! PAL403 dependency-blocked: a program is told of a Service that policy closes to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::diagnostic::{Edit, Fix, Safety};
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::{Service, ServicePort};
use policy_lang::name::NamespacedName;
use policy_lang::policy::Direction;
use policy_lang::source::Span;

use crate::lint::documents::{at, kind, name};
use crate::lint::environment::Pods;
use crate::lint::manifests::barrier::{self, Party, Target};
use crate::lint::manifests::templates::{self, Template};
use crate::lint::manifests::{opening, targets};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{World, listed};
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds environment variables, arguments, commands and values of `ConfigMaps` of a workload that name a Service of
    /// the input which policy closes to it.
    ///
    /// ## Why it bites
    ///
    /// The program is told where its database is, and hangs when it connects.
    ///
    /// ## How it is decided
    ///
    /// By words that look like `service.namespace`, `service.namespace.svc…` or `service:port`, in addresses and URLs:
    /// a Service of this name must be in the input with that port, or with a single one where none is written. It is
    /// blocked where the egress of the workload or the ingress of every backend closes the target port. Peers by
    /// address count as open. Of `ConfigMaps` those count that `envFrom` or `configMapKeyRef` names.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, env: [{name: DB, value: "postgres://db.shop:5432/web"}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{containerPort: 5432}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: db, namespace: shop}
    /// spec: {selector: {app: db}, ports: [{port: 5432}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: db}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: api}}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, env: [{name: DB, value: "postgres://db.shop:5432/web"}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{containerPort: 5432}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: db, namespace: shop}
    /// spec: {selector: {app: db}, ports: [{port: 5432}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: db}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For names that a program prints and never connects to.
    pub(crate) static DEPENDENCY_BLOCKED = "PAL403" "dependency-blocked" Warning Unsafe Off,
        "a program is told of a Service that policy closes to it", Check::World(check);
}

/// A key of a ConfigMap, its text, and where that is written.
type Told = (Arc<str>, Arc<str>, Span);

/// The values of every ConfigMap, by its name.
type ConfigMaps = BTreeMap<NamespacedName, Vec<Told>>;

/// What the texts must hold for a look.
const WORDS: [&str; 3] = ["env", "args", "command"];

fn check(world: &World<'_>, report: &mut Report<'_>) {
    if world.services.is_empty() || world.policies.is_empty() {
        return;
    }
    let maps = config_maps(world);
    templates::each(world, &WORDS, |template| {
        let mut texts: Vec<(Arc<str>, Span)> = Vec::new();
        for container in template.containers() {
            collect(container, template, &maps, &mut texts);
        }
        let mut said: Vec<(NamespacedName, u16)> = Vec::new();
        for (text, span) in texts {
            for (service, port) in named(&text, world, &template.name.namespace) {
                let known = (service.metadata.name.clone(), port);
                if said.contains(&known) || !is_blocked(world, template.class, service, port) {
                    continue;
                }
                let message = format!("this names {}, port {port}, and policy closes it to these pods", known.0);
                let finding = report.about(template.object.clone(), span, message);
                let backend = targets::backends(world, service).first().copied();
                let closing = backend.and_then(|backend| world.isolating(backend, Direction::Ingress).next());
                let closing = closing.or_else(|| world.isolating(template.class, Direction::Egress).next());
                label(finding, closing.map(Written::span), "isolates one of the two sides");
                finding.help = Some("open it at both ends: egress here, ingress there".into());
                finding.fix = opened(world, template.class, service, port);
                said.push(known);
            }
        }
    });
}

fn config_maps(world: &World<'_>) -> ConfigMaps {
    let mut found = BTreeMap::new();
    for document in world.documents.with_words(&["ConfigMap"], world.sources).iter().flat_map(|text| text.iter()) {
        let Some(name) = name(document).filter(|_| kind(document) == "ConfigMap") else { continue };
        let entries = document.field("data").and_then(Value::entries).unwrap_or_default().iter();
        let values = entries.filter_map(|entry| {
            Some((Arc::clone(&entry.key.value), Arc::clone(entry.value.text()?), entry.value.span))
        });
        found.insert(name, values.collect());
    }
    found
}

/// What a container is told.
fn collect(container: &Value, template: &Template<'_>, maps: &ConfigMaps, texts: &mut Vec<(Arc<str>, Span)>) {
    let items = |field| container.field(field).and_then(Value::items).unwrap_or_default();
    let mut take = |value: &Value| texts.extend(value.text().map(|text| (Arc::clone(text), value.span)));
    items("args").iter().chain(items("command")).for_each(&mut take);
    items("env").iter().filter_map(|variable| variable.field("value")).for_each(take);
    let of_map = |reference: Option<&Value>| {
        let name = reference?.field("name").and_then(Value::text)?;
        maps.get(&NamespacedName::new(Arc::clone(&template.name.namespace), Arc::clone(name)))
    };
    for source in items("envFrom") {
        let values = of_map(source.field("configMapRef")).map(Vec::as_slice).unwrap_or_default();
        texts.extend(values.iter().map(|(_, text, span)| (Arc::clone(text), *span)));
    }
    for variable in items("env") {
        let reference = at(variable, &["valueFrom", "configMapKeyRef"]);
        let key = reference.and_then(|reference| reference.field("key")).and_then(Value::text);
        let values = of_map(reference).map(Vec::as_slice).unwrap_or_default();
        let values = values.iter().filter(|(own, _, _)| Some(own) == key);
        texts.extend(values.map(|(_, text, span)| (Arc::clone(text), *span)));
    }
}

/// The Services of the input that a text names, with the port.
fn named<'w>(text: &str, world: &World<'w>, namespace: &Arc<str>) -> Vec<(&'w Service, u16)> {
    let is_of_names = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | ':');
    let words = text.split(|letter| !is_of_names(letter));
    words.filter_map(|word| one(word, world, namespace)).collect()
}

fn one<'w>(word: &str, world: &World<'w>, namespace: &Arc<str>) -> Option<(&'w Service, u16)> {
    let (host, port) = match word.split_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
        None => (word, None),
    };
    let mut labels = host.trim_end_matches('.').split('.');
    let (name, of) = (labels.next()?, labels.next());
    // `example.com` is a name of the world; what follows a namespace is `svc`.
    let is_cluster = labels.next().is_none_or(|label| label == "svc");
    let of: Arc<str> = match of {
        Some(of) => of.into(),
        None if port.is_some() => Arc::clone(namespace),
        None => return None,
    };
    let service = world.services.get(&of)?.iter().find(|service| &*service.metadata.name.name == name);
    let service = service.filter(|_| is_cluster)?;
    let port = match (port, service.ports.as_slice()) {
        (Some(port), _) => port,
        (None, [only]) => only.port.get(),
        (None, _) => return None,
    };
    Some((service, port))
}

/// Whether every backend is closed to a class, on one side or the other.
fn is_blocked(world: &World<'_>, from: u32, service: &Service, number: u16) -> bool {
    let backends = targets::backends(world, service);
    let Some(port) = service.ports.iter().find(|port| port.port.get() == number) else { return false };
    !backends.is_empty() && backends.iter().all(|to| !barriers(world, from, *to, port).is_empty())
}

/// The sides that are closed between two classes: who closes, in which direction, towards whom.
fn barriers(world: &World<'_>, from: u32, to: u32, port: &ServicePort) -> Vec<(u32, Direction, u32)> {
    let Some(class) = world.class(to) else { return Vec::new() };
    let numbers = targets::numbers(port, class);
    let target = Target { protocol: port.protocol, numbers: &numbers };
    let mut sides = vec![(from, Direction::Egress, to), (to, Direction::Ingress, from)];
    sides.retain(|(own, direction, other)| {
        !numbers.is_empty() && barrier::is_closed(world, *own, *direction, Party::Class(*other), target)
    });
    sides
}

/// The fix that opens every side that is closed, each in the first policy that closes it.
fn opened(world: &World<'_>, from: u32, service: &Service, number: u16) -> Option<Fix> {
    let port = service.ports.iter().find(|port| port.port.get() == number)?;
    let backends = targets::backends(world, service);
    let mut edits: Vec<Edit> = Vec::new();
    let mut opened: Vec<&Written<'_>> = Vec::new();
    for to in &backends {
        for (own, direction, other) in barriers(world, from, *to, port) {
            let policy = world.isolating(own, direction).next()?;
            let peer = world.class(other)?;
            let peer = Pods { namespace: Arc::clone(peer.namespace), labels: peer.labels.clone() };
            let ports = opening::ports(port.protocol, &targets::numbers(port, world.class(*to)?));
            let edit = opening::edit(policy, direction, &[opening::peer(&peer)], Some(&ports), world.sources)?;
            // Behind the same rule, two edits would be one place.
            if edits.iter().all(|known| known.span != edit.span) {
                opened.push(policy);
                edits.push(edit);
            }
            if edits.len() > opening::POLICIES {
                return None;
            }
        }
    }
    let names = listed(opened.iter().map(|policy| policy.name().to_string()));
    (!edits.is_empty()).then(|| Fix { safety: Safety::Unsafe, title: format!("open it in {names}"), edits })
}
