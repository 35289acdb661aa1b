//! One item of `to`: a CIDR, a word, pods by label, or a Service.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::manifest::cidr::{self, Cidr, CidrError};
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::syntax;
use crate::manifest::tree::{Content, Spanned, Value};
use crate::name::NamespacedName;
use crate::network_policy::{Strictness, selector};
use crate::peer::{Namespaces, Peer, PodSelector, ServicePart};
use crate::selector::{Operator, Requirement, Selector};
use crate::suggest::nearest;

/// The metadata service of the clouds, IPv4 (RFC 3927 link-local) and IPv6 (Amazon's).
const METADATA: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 169, 254), 32)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128)),
];

/// Where `NodeLocal DNSCache` listens on a node: upstream's IPv4 default, and the unique-local IPv6 address that Gardener
/// gives it, as upstream has none.
const NODE_LOCAL_DNS: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 20, 10), 32)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd30, 0x1319, 0xf1e, 0x230b, 0, 0, 0, 1), 128)),
];

const WORDS: &[&str] = &["@apiserver", "@cluster-pods", "@dns", "@metadata", "@node-local-dns", "@nodes"];

const PODS: Schema = Schema {
    what: "a selector of pods",
    fields: &["pods", "namespaces"],
    elsewhere: &[
        ("matchLabels", "in `pods` or `namespaces`"),
        ("matchExpressions", "in `pods` or `namespaces`"),
        ("podSelector", "here as `pods`"),
        ("namespaceSelector", "here as `namespaces`"),
        ("service", "in an item of its own"),
    ],
};

const SERVICE_ITEM: Schema = Schema {
    what: "an item with a `service`",
    fields: &["service"],
    elsewhere: &[("pods", "in an item of its own"), ("namespaces", "in an item of its own"), ("name", "in `service`")],
};

const SERVICE: Schema = Schema {
    what: "a Service",
    fields: &["namespace", "name"],
    elsewhere: &[("port", "beside `to`, as an item of `ports`: the port of its endpoints, not its own")],
};

/// Reads an item; a word may stand for several peers. None where it cannot be read.
pub(super) fn read(value: &Value, reader: &mut Reader<'_>) -> Vec<Peer> {
    match &value.content {
        Content::Mapping(_) if value.field("service").is_some() => read_service(value, reader).into_iter().collect(),
        Content::Mapping(_) => read_pods(value, "a destination", reader).map(Peer::Pods).into_iter().collect(),
        Content::Scalar(_) => match reader.text(value, "a CIDR or a word such as \"@dns\"") {
            Some(text) if text.value.starts_with('@') => read_word(&text, reader),
            Some(text) => read_cidr(&text, reader).into_iter().collect(),
            None => Vec::new(),
        },
        Content::Null | Content::Sequence(_) => {
            reader.wrong_type(value, "a CIDR, a word such as \"@dns\", {pods: …, namespaces: …} or {service: …}");
            Vec::new()
        }
    }
}

/// `@apiserver`: what stands behind the Service `default/kubernetes`.
pub(super) fn api_server() -> Peer {
    Peer::Service { name: NamespacedName::new("default", "kubernetes"), part: ServicePart::Endpoints }
}

/// `@dns`: the pods of kube-dns or CoreDNS.
pub(super) fn dns() -> Peer {
    let label = Requirement { key: "k8s-app".into(), operator: Operator::In(["kube-dns".into()].into()) };
    Peer::Pods(PodSelector { namespaces: Namespaces::Named("kube-system".into()), pods: Selector::new([label]) })
}

/// `@cluster-pods`: every pod of every namespace.
pub(super) fn every_pod() -> PodSelector {
    PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() }
}

/// `@node-local-dns`: the cache's own addresses, and those of the Service in front of which it puts itself.
fn node_local_dns() -> Vec<Peer> {
    let service = NamespacedName::new("kube-system", "kube-dns");
    addresses(NODE_LOCAL_DNS).chain([Peer::Service { name: service, part: ServicePart::Addresses }]).collect()
}

fn addresses(networks: [IpNet; 2]) -> impl Iterator<Item = Peer> {
    networks.into_iter().map(|cidr| Peer::Addresses { cidr, except: Box::default() })
}

fn read_word(text: &Spanned<Arc<str>>, reader: &mut Reader<'_>) -> Vec<Peer> {
    match text.value.as_ref() {
        "@apiserver" => vec![api_server()],
        "@cluster-pods" => vec![Peer::Pods(every_pod())],
        "@dns" => vec![dns()],
        "@metadata" => addresses(METADATA).collect(),
        "@node-local-dns" => node_local_dns(),
        "@nodes" => vec![Peer::Nodes(Selector::everything())],
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

/// `{service: {namespace: …, name: …}}`: its endpoints, as packets to its addresses are judged by where they go.
fn read_service(value: &Value, reader: &mut Reader<'_>) -> Option<Peer> {
    let fields = reader.mapping(value, &SERVICE_ITEM)?;
    let service = field(fields, "service")?;
    let fields = reader.mapping(service, &SERVICE)?;
    let mut part = |name: &str, fault: fn(&str) -> Option<&'static str>| {
        let Some(written) = field(fields, name) else {
            reader.error(code::BASELINE_ENTRY, service.span, format!("this Service has no `{name}`"));
            return None;
        };
        let text = reader.text(written, &format!("a {name}"))?;
        if let Some(fault) = fault(&text.value) {
            reader.error(code::BAD_NAME, text.span, format!("the {name} `{}` {fault}", text.value));
            return None;
        }
        Some(text.value)
    };
    let namespace = part("namespace", syntax::label_fault)?;
    let name = NamespacedName { namespace, name: part("name", syntax::label_fault)? };
    Some(Peer::Service { name, part: ServicePart::Endpoints })
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
