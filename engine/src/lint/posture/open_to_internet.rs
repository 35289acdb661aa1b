//! PAL307 open-to-internet: pods admit the internet that nothing leads to them.

use std::collections::BTreeSet;

use ipnet::IpNet;
use policy_lang::manifest::Service;
use policy_lang::manifest::tree::Value;
use policy_lang::name::NamespacedName;
use policy_lang::peer::Peer;
use policy_lang::policy::Direction;

use crate::lint::addresses::is_private;
use crate::lint::documents::{at, kind, name};
use crate::lint::manifests::targets;
use crate::lint::posture::openness;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::{Class, World, listed};
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds ingress rules for public addresses on pods with no load balancer, NodePort, Ingress or HTTPRoute in front.
    ///
    /// ## Why it bites
    ///
    /// Nobody comes that way on purpose. Whoever comes found a way that nobody thought of: a neighbour in the same
    /// network, or a route to the network of pods.
    ///
    /// ## How it is decided
    ///
    /// The rule names a block that is not within the private ranges, or ports and no peer, and none of the workloads
    /// that its policy selects is behind a Service that is reached from outside. Rules for everything are PAL304. Silent
    /// where the namespace has no Service in the input, and for `environment.ingressControllers`.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
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
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ///     ports: [{port: 8080}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Service
    /// metadata: {name: web, namespace: shop}
    /// spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ///     ports: [{port: 8080}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where addresses of pods are public.
    pub(crate) static OPEN_TO_INTERNET = "PAL307" "open-to-internet" Warning Never Off,
        "pods admit the internet that nothing leads to them", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let fronts = fronts(world);
    for policy in &world.policies {
        let namespace = &policy.name().namespace;
        let services = world.services.get(namespace).map(Vec::as_slice).unwrap_or_default();
        let fronts: Vec<_> = services.iter().filter(|service| fronts.contains(&service.metadata.name)).collect();
        let is_led_to = |class: &u32| fronts.iter().any(|service| targets::backends(world, service).contains(class));
        let is_controller = world.environment.ingress_controllers.iter().any(|pods| pods.namespace == *namespace);
        if services.is_empty() || is_controller || policy.selected.is_empty() || policy.selected.iter().any(is_led_to) {
            continue;
        }
        look(world, policy, report);
    }
}

fn look(world: &World<'_>, policy: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in policy.live_rules() {
        if direction != Direction::Ingress || openness::is_everything(rule) {
            continue;
        }
        let public = |peer: &Peer| match peer {
            Peer::Addresses { cidr, except } => !is_private(*cidr) && !crate::lint::addresses::is_empty(*cidr, except),
            Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
        };
        let peer = rule.peers.iter().find(|peer| public(&peer.value));
        let (span, what) = match (peer, rule.peers.is_empty()) {
            (Some(peer), _) => (peer.span, shown(&peer.value)),
            (None, true) => (rule.span, "everybody".to_owned()),
            (None, false) => continue,
        };
        let names = listed(world.classes_of(&policy.selected).map(Class::example));
        let message = format!("this admits {what} to {names}, and nothing leads there from outside");
        let finding = report.about(policy.reference(), span, message);
        finding.help = Some("name those who connect, or the Service that is to lead here".into());
    }
}

fn shown(peer: &Peer) -> String {
    match peer {
        Peer::Addresses { cidr, .. } => IpNet::to_string(cidr),
        Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => String::new(),
    }
}

/// The Services that are reached from outside.
fn fronts(world: &World<'_>) -> BTreeSet<NamespacedName> {
    let backends = world.routes.iter().flat_map(|route| &route.backends).map(|backend| backend.service.clone());
    let is_public = |service: &&&Service| {
        !service.external_ips.is_empty()
            || !service.load_balancer_ips.is_empty()
            || service.ports.iter().any(|port| port.node_port.is_some())
    };
    let public = world.services.values().flatten().filter(is_public).map(|service| service.metadata.name.clone());
    let texts = world.documents.with_words(&["LoadBalancer", "NodePort"], world.sources);
    let is_front = |document: &&Value| {
        let written = at(document, &["spec", "type"]).and_then(Value::text);
        kind(document) == "Service" && written.is_some_and(|kind| matches!(&**kind, "LoadBalancer" | "NodePort"))
    };
    let typed = texts.iter().flat_map(|text| text.iter()).filter(is_front).filter_map(name);
    backends.chain(public).chain(typed).collect()
}
