//! PAL117 dns-tcp-missing: DNS is open for UDP and not for TCP.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::edit::{self, writing};
use crate::lint::intent::dns::{self, Subjects};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds workloads that may ask DNS by UDP and not by TCP.
    ///
    /// ## Why it bites
    ///
    /// Answers that do not fit into a datagram are asked for again by TCP: long ones fail, and only those.
    ///
    /// ## How it is decided
    ///
    /// As PAL116, for TCP where UDP is open.
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
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{namespaceSelector: {}}]
    ///     ports: [{port: 53, protocol: UDP}]
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
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ///     ports: [{port: 53, protocol: UDP}, {port: 53}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where answers are known to be short.
    pub(crate) static DNS_TCP_MISSING = "PAL117" "dns-tcp-missing" Note Unsafe Off,
        "DNS is open for UDP and not for TCP", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for Subjects { policies, classes } in dns::subjects(world) {
        let open = |protocol| dns::is_open(world, &policies, &classes, protocol);
        if !open(Protocol::Udp) || open(Protocol::Tcp) {
            continue;
        }
        let first = policies.iter().find(|policy| !policy.rules(Direction::Egress).is_empty());
        let Some((first, egress)) = first.and_then(|policy| Some((policy, policy.field("egress")?))) else { continue };
        let message = "DNS is open for UDP and not for TCP: long answers fail";
        let finding = report.about(first.reference(), egress.key.span, message);
        finding.help = Some("open TCP beside UDP in the same rule".into());
        finding.fix = policies.iter().find_map(|policy| beside_udp(world, policy));
    }
}

/// Opens the port of DNS for TCP where it is written for UDP.
fn beside_udp(world: &World<'_>, policy: &Written<'_>) -> Option<Fix> {
    let ports = policy.rules(Direction::Egress).iter().flat_map(|rule| rule.ports.iter().map(move |port| (rule, port)));
    let mut written = ports.filter(|(_, port)| dns::is_port(world, &port.value, Protocol::Udp));
    let (rule, port) = written.next()?;
    let number = policy.node(port.span)?.field("port")?;
    let item = format!("{{port: {}, protocol: TCP}}", writing::in_one_line(number, world.sources)?);
    let edit = edit::with_item(policy.node(rule.span)?.field("ports")?, &item, world.sources)?;
    let title = format!("open it for TCP in {}", policy.name());
    Some(Fix::one(Safety::Unsafe, title, edit))
}
