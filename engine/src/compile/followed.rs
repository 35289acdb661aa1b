//! The addresses of peers as sets that follow the facts.

use policy_lang::peer::{Peer, PodSelector, ServicePart};

use super::builder::TableBuilder;
use super::pods::AddressFamily;
use crate::resolve::Resolver;
use crate::ruleset::Name;
use crate::view::{Content, Part, View};

/// The set of the addresses of one family that a peer has; nothing for plain addresses, which follow no facts. It is named
/// after the peer, so whoever asks for the same peer gets the same set.
pub(in crate::compile) fn addresses(
    peer: &Peer,
    family: AddressFamily,
    resolver: &Resolver<'_>,
    builder: &mut TableBuilder,
) -> Option<Name> {
    let (kind, tail, words, content) = match peer {
        Peer::Pods(selector) => return Some(pods(selector, family, resolver, builder)),
        Peer::Nodes(selector) => ("nodes", "", peer.to_string(), Content::Nodes(selector.clone())),
        Peer::Service { name, part: ServicePart::Addresses } => {
            ("svc", &*name.name, peer.to_string(), Content::Service(name.clone(), Part::Addresses))
        }
        Peer::Service { name, part: ServicePart::Endpoints } => {
            let words = format!("addresses of the endpoints of service {name}");
            ("svc", &*name.name, words, Content::Service(name.clone(), Part::Endpoints))
        }
        Peer::Addresses { .. } => return None,
    };
    Some(view((kind, tail), family, (&words, &words), content, resolver, builder))
}

/// The same of the pods that a selector selects.
pub(in crate::compile) fn pods(
    selector: &PodSelector,
    family: AddressFamily,
    resolver: &Resolver<'_>,
    builder: &mut TableBuilder,
) -> Name {
    let words = selector.to_string();
    view(("sel", ""), family, (&words, &words), Content::Pods(vec![selector.clone()]), resolver, builder)
}

/// A set that follows the facts, named after what it stands for: in words that tell it from every other, and in those that
/// stand beside it.
pub(in crate::compile) fn view(
    (kind, tail): (&str, &str),
    family: AddressFamily,
    (identity, comment): (&str, &str),
    content: Content,
    resolver: &Resolver<'_>,
    builder: &mut TableBuilder,
) -> Name {
    let kind = format!("{kind}{}", family.digit());
    let view = View { address_type: family.address_type(), content };
    builder.view((&kind, tail), identity, comment, view, resolver)
}
