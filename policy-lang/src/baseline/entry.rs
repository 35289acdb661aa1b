//! One entry of `deny`, `always` or `allow`: where to, and on which ports.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::baseline::spec::Entry;
use crate::manifest::cidr::{self, Cidr, CidrError};
use crate::manifest::code;
use crate::manifest::core::protocol_named;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Content, Entry as Field, Spanned, Value};
use crate::network_policy::{Strictness, selector};
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::port::{PortMatch, PortRange, Ports};
use crate::selector::{Operator, Requirement, Selector};
use crate::suggest::nearest;

/// Longest name of an entry, in characters, as ClusterNetworkPolicy has it for its rules.
const NAME_MAX: usize = 100;

/// The metadata service of the clouds, IPv4 (RFC 3927 link-local) and IPv6 (Amazon's).
const METADATA: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 169, 254), 32)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128)),
];

const WORDS: &[&str] = &["@cluster-pods", "@dns", "@metadata"];

const ENTRY: Schema = Schema {
    what: "an entry of the baseline",
    fields: &["name", "to", "ports"],
    elsewhere: &[
        ("from", "nowhere: a baseline is about egress"),
        ("pods", "in an item of `to`"),
        ("namespaces", "in an item of `to`"),
        ("port", "as an item of `ports`, such as 53/UDP"),
        ("cidr", "as an item of `to`"),
    ],
};

const PODS: Schema = Schema {
    what: "a selector of pods",
    fields: &["pods", "namespaces"],
    elsewhere: &[
        ("matchLabels", "in `pods` or `namespaces`"),
        ("matchExpressions", "in `pods` or `namespaces`"),
        ("podSelector", "here as `pods`"),
        ("namespaceSelector", "here as `namespaces`"),
    ],
};

/// Reads an entry.
pub(super) fn read(value: &Value, reader: &mut Reader<'_>) -> Option<Entry> {
    let fields = reader.mapping(value, &ENTRY)?;
    let name = read_name(fields, reader);
    let to = not_empty(value, fields, "to", reader).unwrap_or_default();
    if field(fields, "to").is_none() {
        reader.error(code::BASELINE_ENTRY, value.span, "this entry has no `to`").help =
            Some("for every destination write [0.0.0.0/0, \"::/0\"]".into());
    }
    let ports = match fields.iter().find(|field| field.key.value.as_ref() == "ports") {
        None => None,
        Some(ports) if ports.value.is_null() => {
            reader.error(
                code::BASELINE_ENTRY,
                ports.key.span,
                "`ports` has no value: say what is meant, or leave it out",
            );
            return None;
        }
        Some(_) => {
            Some(not_empty(value, fields, "ports", reader)?.iter().filter_map(|port| read_port(port, reader)).collect())
        }
    };
    let to = to.iter().flat_map(|value| read_destination(value, reader)).collect();
    Some(Entry { span: value.span, name, to, ports })
}

fn read_name(fields: &[Field], reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let name = reader.text(field(fields, "name")?, "the name of an entry")?;
    let fault =
        name.value.is_empty() || name.value.chars().count() > NAME_MAX || name.value.chars().any(char::is_control);
    if fault {
        reader.error(code::BASELINE_ENTRY, name.span, format!("a name has 1 to {NAME_MAX} printable characters"));
    }
    Some(name.value)
}

/// A list that is written to hold something. An empty one means everything elsewhere, and nothing to most readers.
fn not_empty<'v>(entry: &Value, fields: &'v [Field], name: &str, reader: &mut Reader<'_>) -> Option<&'v [Value]> {
    let value = field(fields, name)?;
    let items = reader.list(value, &format!("a list under `{name}`"))?;
    if items.is_empty() {
        let span = if value.span.start < value.span.end { value.span } else { entry.span };
        reader.error(code::BASELINE_ENTRY, span, format!("`{name}` is empty: say what is meant, or leave it out"));
        return None;
    }
    Some(items)
}

/// An item of `to`: a CIDR, a word, or a selector of pods.
fn read_destination(value: &Value, reader: &mut Reader<'_>) -> Vec<Peer> {
    match &value.content {
        Content::Mapping(_) => read_pods(value, "a destination", reader).map(Peer::Pods).into_iter().collect(),
        Content::Scalar(_) => match reader.text(value, "a CIDR or a word such as \"@dns\"") {
            Some(text) if text.value.starts_with('@') => read_word(&text, reader),
            Some(text) => read_cidr(&text, reader).into_iter().collect(),
            None => Vec::new(),
        },
        Content::Null | Content::Sequence(_) => {
            reader.wrong_type(value, "a CIDR, a word such as \"@dns\", or {pods: …, namespaces: …}");
            Vec::new()
        }
    }
}

fn read_word(text: &Spanned<Arc<str>>, reader: &mut Reader<'_>) -> Vec<Peer> {
    match text.value.as_ref() {
        "@cluster-pods" => vec![Peer::Pods(every_pod())],
        "@dns" => vec![Peer::Pods(dns())],
        "@metadata" => METADATA.into_iter().map(|cidr| Peer::Addresses { cidr, except: Box::default() }).collect(),
        other => {
            let help = match nearest(other, WORDS) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the words are {}", WORDS.join(", ")),
            };
            reader.error(code::BASELINE_ENTRY, text.span, format!("unknown word `{other}`")).help = Some(help);
            Vec::new()
        }
    }
}

/// `@cluster-pods`: every pod of every namespace.
pub(super) fn every_pod() -> PodSelector {
    PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() }
}

/// `@dns`: the pods of kube-dns or CoreDNS.
pub(super) fn dns() -> PodSelector {
    let label = Requirement { key: "k8s-app".into(), operator: Operator::In(["kube-dns".into()].into()) };
    PodSelector { namespaces: Namespaces::Named("kube-system".into()), pods: Selector::new([label]) }
}

fn read_cidr(text: &Spanned<Arc<str>>, reader: &mut Reader<'_>) -> Option<Peer> {
    let written = &text.value;
    let (message, help) = match cidr::parse(written) {
        Ok(Cidr { net, doubt: None }) => return Some(Peer::Addresses { cidr: net, except: Box::default() }),
        Ok(Cidr { net, doubt: Some(doubt) }) => (format!("`{written}` {}", doubt.describe()), format!("write {net}")),
        Err(CidrError::NoPrefix(net)) => (format!("`{written}` has no prefix length"), format!("write {net}")),
        Err(CidrError::Invalid) => (
            format!("`{written}` is neither a CIDR nor a word"),
            format!("write a CIDR such as 198.51.100.0/24, or one of {}", WORDS.join(", ")),
        ),
    };
    reader.error(code::BAD_CIDR, text.span, message).help = Some(help);
    None
}

/// `{pods: …, namespaces: …}`: a baseline has no namespace of its own, so `pods` alone means those of any namespace.
pub(super) fn read_pods(value: &Value, what: &str, reader: &mut Reader<'_>) -> Option<PodSelector> {
    let fields = reader.mapping(value, &PODS)?;
    if fields.is_empty() {
        reader.error(code::EMPTY_PEER, value.span, format!("{what} must not be empty")).help =
            Some("say which with `pods` or `namespaces`; `namespaces: {}` is every pod".into());
        return None;
    }
    let mut selector = |name| match field(fields, name) {
        // Not written is everything; `null` is a slip.
        None if fields.iter().any(|field| field.key.value.as_ref() == name) => {
            reader.error(code::BASELINE_ENTRY, value.span, format!("`{name}` has no value"));
            None
        }
        None => Some(Selector::everything()),
        Some(value) => selector::read(value, Strictness::Strict, reader),
    };
    let (namespaces, pods) = (selector("namespaces"), selector("pods"));
    Some(PodSelector { namespaces: Namespaces::Matching(namespaces?), pods: pods? })
}

/// `53/UDP`, `8000-8080/TCP` or `TCP`.
fn read_port(value: &Value, reader: &mut Reader<'_>) -> Option<PortMatch> {
    let Some(scalar) = value.scalar() else {
        reader.wrong_type(value, "a port such as 53/UDP");
        return None;
    };
    let text = &scalar.text;
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, protocol)) => (Some(ports), protocol),
        None if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            reader.error(code::BAD_PORT, value.span, format!("`{text}` has no protocol")).help =
                Some(format!("write {text}/TCP, {text}/UDP or {text}/SCTP"));
            return None;
        }
        None => (None, text.as_ref()),
    };
    let Some(known) = protocol_named(protocol) else {
        let upper = protocol.to_ascii_uppercase();
        reader.error(code::BAD_PROTOCOL, value.span, format!("`{protocol}` is none of TCP, UDP, SCTP")).help =
            protocol_named(&upper).map(|_| format!("write {upper}"));
        return None;
    };
    let ports = match ports {
        None => Ports::All,
        Some(ports) => match range(ports) {
            Some(range) => Ports::Range(range),
            None => {
                let message = format!("`{ports}` is neither a port from 1 to 65535 nor a range of them");
                reader.error(code::BAD_PORT, value.span, message);
                return None;
            }
        },
    };
    Some(PortMatch { protocol: known, ports })
}

fn range(text: &str) -> Option<PortRange> {
    let number = |text: &str| -> Option<NonZeroU16> {
        // The standard library would take a sign.
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    match text.split_once('-') {
        Some((first, last)) => PortRange::new(number(first)?, number(last)?),
        None => number(text).map(PortRange::single),
    }
}
