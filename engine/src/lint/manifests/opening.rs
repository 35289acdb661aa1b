//! The fix that opens a policy to somebody: one rule more.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;
use policy_lang::source::Sources;

use crate::lint::edit;
use crate::lint::environment::Pods;
use crate::lint::written::{Written, peers_field};

/// Writes a rule for some peers and a port behind those that a policy has; nothing where it has none, because its form is
/// not known then.
pub(crate) fn fix(
    policy: &Written<'_>,
    direction: Direction,
    peers: &[String],
    (protocol, port): (Protocol, u16),
    sources: &Sources,
) -> Option<Fix> {
    let field = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let list = &policy.field(field)?.value;
    let ends = format!("{}: [{}]", peers_field(direction), peers.join(", "));
    let rule = format!("{{{ends}, ports: [{{port: {port}, protocol: {}}}]}}", word(protocol));
    let edit = edit::with_item(list, &rule, sources)?;
    let title = format!("open {} {port} in {}", word(protocol), policy.name());
    Some(Fix { safety: Safety::Unsafe, title, edits: vec![edit] })
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
