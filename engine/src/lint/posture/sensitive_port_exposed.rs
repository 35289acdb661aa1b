//! PAL310 sensitive-port-exposed: a port of administration or data is open beyond its namespace.

use std::sync::Arc;

use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::{Namespaces, Peer};
use policy_lang::policy::{Action, Direction};
use policy_lang::port::Protocol;
use policy_lang::source::Span;

use crate::lint::manifests::targets;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::{Class, World};

rule! {
    /// ## What it does
    ///
    /// Finds workloads that declare a port of databases, key stores or administration, and admit others than single
    /// workloads from outside of their namespace to it.
    ///
    /// ## Why it bites
    ///
    /// These ports have data or control behind them, and often no password.
    ///
    /// ## How it is decided
    ///
    /// The port is one that a container declares: 22, 2379, 2380, 3306, 3389, 5432, 5984, 6379, 7000, 8086, 9042, 9092,
    /// 9200, 9300, 10250, 11211, 15672, 27017. It counts where no policy isolates the workload for ingress, or where a
    /// rule admits everybody, a block of addresses, or pods of other namespaces without a selector of pods. Pods by
    /// their labels are a choice. Silent where a layer above may deny.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{containerPort: 5432}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{containerPort: 5432}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For what serves the whole cluster.
    pub(crate) static SENSITIVE_PORT_EXPOSED = "PAL310" "sensitive-port-exposed" Warning Never Off,
        "a port of administration or data is open beyond its namespace", Check::World(check);
}

/// Ports with data or control behind them, TCP, ascending.
const SENSITIVE: [(u16, &str); 18] = [
    (22, "SSH"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (5432, "PostgreSQL"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (7000, "Cassandra"),
    (8086, "InfluxDB"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10250, "the kubelet"),
    (11211, "memcached"),
    (15672, "RabbitMQ"),
    (27017, "MongoDB"),
];

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let denies_above = world.upper.iter().any(|policy| {
        policy.rules(Direction::Ingress).unwrap_or_default().iter().any(|rule| rule.action != Action::Accept)
    });
    if denies_above {
        return;
    }
    for (class, index) in world.classes.iter().zip(0_u32..) {
        for own in class.ports.iter().filter(|own| own.protocol == Protocol::Tcp) {
            let number = own.port.get();
            let Some((_, what)) = SENSITIVE.iter().find(|(sensitive, _)| *sensitive == number) else { continue };
            let Some((first, opening)) = class.members.first().zip(opening(world, index, class, number)) else {
                continue;
            };
            let (span, who) = match opening {
                Opening::Written(span) => (Some(span), "more than single workloads"),
                Opening::NoPolicy => (first.span, "everybody: no policy isolates it"),
            };
            let Some(span) = span else { continue };
            let message = format!("TCP {number} of {} ({what}) is open to {who}", class.example());
            let finding = report.about(first.reference(), span, message);
            finding.help = Some("admit those who need it by their labels".into());
        }
    }
}

/// What opens a port beyond the namespace.
enum Opening {
    /// A peer, or a rule without one.
    Written(Span),
    /// That nothing isolates the pods.
    NoPolicy,
}

fn opening(world: &World<'_>, index: u32, class: &Class<'_>, number: u16) -> Option<Opening> {
    let mut isolating = world.isolating(index, Direction::Ingress).peekable();
    if world.broken.contains(class.namespace) {
        return None;
    }
    if isolating.peek().is_none() {
        return Some(Opening::NoPolicy);
    }
    let has_port = |rule: &RuleSpec| {
        rule.ports.is_empty()
            || rule.ports.iter().any(|port| targets::has(&port.value, class, Protocol::Tcp, &[number]))
    };
    let wide = |rule: &RuleSpec| {
        let peer = rule.peers.iter().find(|peer| is_wide(world, &peer.value, class.namespace));
        peer.map(|peer| peer.span).or_else(|| rule.peers.is_empty().then_some(rule.span))
    };
    isolating
        .flat_map(|policy| policy.rules(Direction::Ingress).iter().filter(|rule| has_port(rule)))
        .find_map(wide)
        .map(Opening::Written)
}

/// Whether a peer is more than workloads that somebody chose.
fn is_wide(world: &World<'_>, peer: &Peer, own: &Arc<str>) -> bool {
    match peer {
        Peer::Addresses { cidr, .. } => cidr.prefix_len() < cidr.max_prefix_len(),
        Peer::Pods(selector) => {
            let beyond = match &selector.namespaces {
                Namespaces::Named(name) => name != own,
                // One that selects the own namespace only is no way in from another.
                Namespaces::Matching(namespaces) => {
                    let mut others = world.namespaces.iter().filter(|(name, _)| *name != own);
                    namespaces.is_everything() || others.any(|(_, other)| namespaces.matches(&other.labels))
                }
            };
            beyond && selector.pods.is_everything()
        }
        Peer::Nodes(_) | Peer::Service { .. } => false,
    }
}
