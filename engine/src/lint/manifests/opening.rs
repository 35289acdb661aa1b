//! The fix that opens a policy to somebody: one rule more.

use std::sync::Arc;

use policy_lang::diagnostic::{Edit, Fix, Safety};
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;
use policy_lang::source::Sources;

use crate::lint::edit::{self, writing};
use crate::lint::environment::Pods;
use crate::lint::written::{Written, peers_field};

/// A fix that writes into more policies than these is for people to think about.
pub(crate) const POLICIES: usize = 8;

/// Writes a rule for some peers and a port behind those that a policy has.
pub(crate) fn fix(
    policy: &Written<'_>,
    direction: Direction,
    peers: &[String],
    (protocol, port): (Protocol, u16),
    sources: &Sources,
) -> Option<Fix> {
    let ports = ports(protocol, &[port]);
    let edit = edit(policy, direction, peers, Some(&ports), sources)?;
    let title = format!("open {} {port} in {}", word(protocol), policy.name());
    Some(Fix::one(Safety::Unsafe, title, edit))
}

/// The same for ports as they are written elsewhere, `[{port: 80}]`; all of them where none are. A policy without rules in
/// this direction gets its first one.
pub(crate) fn edit(
    policy: &Written<'_>,
    direction: Direction,
    peers: &[String],
    ports: Option<&str>,
    sources: &Sources,
) -> Option<Edit> {
    let (field, rule) = (direction.to_string(), rule(direction, peers, ports));
    match policy.field(&field).map(|entry| &entry.value) {
        Some(list) if list.items().is_some_and(<[_]>::is_empty) => {
            Some(edit::replace(list.span, &format!("[{rule}]"))).filter(|_| edit::is_flow(list, sources))
        }
        Some(list) => edit::with_item(list, &rule, sources),
        None => writing::with_list(policy.object.document.field("spec")?, &field, &rule, sources),
    }
}

/// Ports of one protocol as they are written.
pub(crate) fn ports(protocol: Protocol, numbers: &[u16]) -> String {
    let ports: Vec<_> =
        numbers.iter().map(|number| format!("{{port: {number}, protocol: {}}}", word(protocol))).collect();
    format!("[{}]", ports.join(", "))
}

fn rule(direction: Direction, peers: &[String], ports: Option<&str>) -> String {
    let ports = ports.map(|ports| format!(", ports: {ports}")).unwrap_or_default();
    format!("{{{}: [{}]{ports}}}", peers_field(direction), peers.join(", "))
}

/// The pods that a policy selects as a peer of a policy of some namespace.
pub(crate) fn subject(policy: &Written<'_>, seen_from: &Arc<str>, sources: &Sources) -> Option<String> {
    let selector = policy.field("podSelector").map(|entry| writing::in_one_line(&entry.value, sources));
    let pods = format!("podSelector: {}", selector.unwrap_or_else(|| Some("{}".to_owned()))?);
    let own = &policy.name().namespace;
    let of_other = format!("namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {own}}}}}, ");
    Some(format!("{{{}{pods}}}", if own == seen_from { "" } else { &of_other }))
}

/// Pods as a peer of a policy.
pub(crate) fn peer(pods: &Pods) -> String {
    let namespace = format!("namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {}}}}}", pods.namespace);
    if pods.labels.is_empty() {
        return format!("{{{namespace}}}");
    }
    let labels: Vec<String> = pods.labels.iter().map(|(key, value)| format!("{key}: \"{value}\"")).collect();
    format!("{{{namespace}, podSelector: {{matchLabels: {{{}}}}}}}", labels.join(", "))
}

/// A network as a peer of a policy.
pub(crate) fn block(net: &ipnet::IpNet) -> String {
    format!("{{ipBlock: {{cidr: \"{net}\"}}}}")
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}
