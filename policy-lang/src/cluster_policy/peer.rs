//! The subject, and one item of `from` or `to` (C7 to C11, C13).

use ipnet::IpNet;

use crate::cluster_policy::Context;
use crate::cluster_policy::spec::limit;
use crate::diagnostic::Label;
use crate::manifest::cidr::{self, Cidr, CidrError, Doubt};
use crate::manifest::code;
use crate::manifest::reader::{Schema, field};
use crate::manifest::tree::{Entry, Value};
use crate::network_policy::{Strictness, selector};
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::policy::Direction;
use crate::selector::Selector;

/// Longest CIDR, in characters (C9): an IPv6 address in full and its prefix length.
const CIDR_MAX: usize = 43;

const SUBJECT: Schema = Schema {
    what: "a subject",
    fields: &["namespaces", "pods"],
    elsewhere: &[
        ("matchLabels", "in `namespaces`, or in a selector of `pods`"),
        ("matchExpressions", "in `namespaces`, or in a selector of `pods`"),
        ("podSelector", "in `pods`"),
        ("namespaceSelector", "in `pods`"),
    ],
};

const INGRESS_PEER: Schema = Schema {
    what: "a peer of an ingress rule",
    fields: &["namespaces", "pods"],
    elsewhere: &[
        ("networks", "in an item of an egress rule's `to`"),
        ("nodes", "in an item of an egress rule's `to`"),
        ("domainNames", "in an item of an egress rule's `to`"),
        ("podSelector", "in `pods`"),
        ("namespaceSelector", "in `pods`"),
        ("protocols", "beside `from`"),
    ],
};

const EGRESS_PEER: Schema = Schema {
    what: "a peer of an egress rule",
    fields: &["namespaces", "pods", "networks", "nodes", "domainNames"],
    elsewhere: &[
        ("podSelector", "in `pods`"),
        ("namespaceSelector", "in `pods`"),
        ("ipBlock", "here as `networks`, a list of CIDRs"),
        ("protocols", "beside `to`"),
    ],
};

const PODS: Schema = Schema {
    what: "a selector of pods",
    fields: &["namespaceSelector", "podSelector"],
    elsewhere: &[
        ("matchLabels", "in `namespaceSelector` or `podSelector`"),
        ("matchExpressions", "in `namespaceSelector` or `podSelector`"),
        ("namespaces", "beside `pods`, or here as `namespaceSelector`"),
    ],
};

/// Reads the subject. Never host-network pods (C7).
pub(super) fn read_subject(value: &Value, context: &mut Context<'_, '_>) -> Option<PodSelector> {
    let (name, chosen) = one_of(value, &SUBJECT, context)?;
    match name {
        "namespaces" => namespaces(chosen, context),
        _ => pods(chosen, context),
    }
}

/// Reads a peer; a list of networks is one peer each. Nothing if a part of it cannot be read.
pub(super) fn read(value: &Value, direction: Direction, context: &mut Context<'_, '_>) -> Option<Vec<Peer>> {
    let schema = match direction {
        Direction::Ingress => &INGRESS_PEER,
        Direction::Egress => &EGRESS_PEER,
    };
    let (name, chosen) = one_of(value, schema, context)?;
    match name {
        "namespaces" => namespaces(chosen, context).map(|pods| vec![Peer::Pods(pods)]),
        "pods" => pods(chosen, context).map(|pods| vec![Peer::Pods(pods)]),
        "networks" => networks(chosen, context),
        "nodes" => selector::read(chosen, context.strictness, context.reader).map(|nodes| vec![Peer::Nodes(nodes)]),
        _ => {
            let message = "`domainNames` are not supported: nothing here looks at what names resolve to";
            context.reader.error(code::CLUSTER_POLICY_DOMAIN_NAMES, chosen.span, message).help =
                Some("write the addresses behind the names as `networks`".into());
            None
        }
    }
}

/// Whether a peer stands for addresses of which no pod tells the names of ports (C12).
pub(super) fn is_address(peer: &Peer) -> bool {
    match peer {
        Peer::Pods(_) => false,
        Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. } => true,
    }
}

/// The one field of a mapping that must have exactly one. Unknown fields have had their finding, and make it none.
pub(super) fn one_of<'v>(
    value: &'v Value,
    schema: &Schema,
    context: &mut Context<'_, '_>,
) -> Option<(&'static str, &'v Value)> {
    let entries = context.reader.mapping(value, schema)?;
    let known = |entry: &&Entry| schema.fields.contains(&entry.key.value.as_ref());
    let written = |entry: &&Entry| known(entry) && !entry.value.is_null();
    let fields = schema.fields.join(", ");
    match entries.iter().filter(written).collect::<Vec<_>>().as_slice() {
        [only] if entries.iter().all(|entry| known(&entry)) => {
            let name = schema.fields.iter().find(|name| **name == only.key.value.as_ref())?;
            Some((name, &only.value))
        }
        [_] => None,
        [] => {
            if entries.iter().all(|entry| known(&entry)) {
                let message = format!("{} must say one of {fields}", schema.what);
                context.reader.error(code::EMPTY_PEER, value.span, message);
            }
            None
        }
        [first, second, ..] => {
            let message = format!("{} says one of {fields}, not several", schema.what);
            let finding = context.reader.error(code::MIXED_PEER, second.key.span, message);
            finding.labels.push(Label { span: first.key.span, text: "the other one".into() });
            None
        }
    }
}

fn namespaces(value: &Value, context: &mut Context<'_, '_>) -> Option<PodSelector> {
    let namespaces = selector::read(value, context.strictness, context.reader)?;
    Some(PodSelector { namespaces: Namespaces::Matching(namespaces), pods: Selector::everything() })
}

fn pods(value: &Value, context: &mut Context<'_, '_>) -> Option<PodSelector> {
    let fields = context.reader.mapping(value, &PODS)?;
    let mut selector = |name: &str| match field(fields, name) {
        Some(written) => selector::read(written, context.strictness, context.reader),
        None => {
            context.reader.error(code::EMPTY_PEER, value.span, format!("`pods` has no `{name}`")).help =
                Some(format!("write `{name}: {{}}` for all of them"));
            None
        }
    };
    let (namespaces, pods) = (selector("namespaceSelector"), selector("podSelector"));
    let known = fields.iter().all(|entry| PODS.fields.contains(&entry.key.value.as_ref()));
    known.then_some(PodSelector { namespaces: Namespaces::Matching(namespaces?), pods: pods? })
}

fn networks(value: &Value, context: &mut Context<'_, '_>) -> Option<Vec<Peer>> {
    let items = context.reader.list(value, "a list of CIDRs")?;
    if items.is_empty() {
        context.reader.error(code::EMPTY_PEER, value.span, "`networks` is empty");
        return None;
    }
    // Each is read, so that each has its finding.
    let peers: Vec<_> = items.iter().map(|item| network(item, context)).collect();
    limit("networks", items.len(), value.span, context);
    peers.into_iter().map(|net| Some(Peer::Addresses { cidr: net?, except: Box::default() })).collect()
}

/// A CIDR as the server's own check takes it: host bits may be set, other old notations are refused.
fn network(value: &Value, context: &mut Context<'_, '_>) -> Option<IpNet> {
    let text = context.reader.text(value, "a CIDR such as 198.51.100.0/24")?;
    let written = &text.value;
    let (code, message, help) = match cidr::parse(written) {
        Ok(Cidr { net, doubt: None }) if written.len() <= CIDR_MAX => return Some(net),
        Ok(Cidr { net, doubt: None }) => {
            (code::BAD_CIDR, format!("`{written}` has more than {CIDR_MAX} characters"), Some(format!("write {net}")))
        }
        Ok(Cidr { net, doubt: Some(doubt @ Doubt::HostBits) }) if context.strictness == Strictness::Lenient => {
            let message = format!("`{written}` {}: read as {net}", doubt.describe());
            context.reader.warning(code::SLOPPY_CIDR, text.span, message).help = Some(format!("write {net}"));
            return Some(net);
        }
        Ok(Cidr { net, doubt: Some(doubt) }) => {
            (code::SLOPPY_CIDR, format!("`{written}` {}", doubt.describe()), Some(format!("write {net}")))
        }
        Err(error @ CidrError::NoPrefix(net)) => {
            (code::BAD_CIDR, format!("`{written}` is {error}"), Some(format!("write {net}")))
        }
        Err(error @ CidrError::Invalid) => (code::BAD_CIDR, format!("`{written}` is {error}"), None),
    };
    context.reader.error(code, text.span, message).help = help;
    None
}
