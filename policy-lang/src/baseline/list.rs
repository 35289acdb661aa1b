//! The oldest form: a plain list of a NetworkPolicy's egress rules, `{to, ports}` (decisions.md 12).
//!
//! It means those rules as `always`, `default: pass` and `otherwise: deny`: every pod gets what it lists and what its
//! own policies add, and nothing else.

use std::sync::Arc;

use crate::baseline::{PRIORITY, lower};
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::Value;
use crate::network_policy::{Strictness, peer, port};
use crate::policy::{Action, Peers, Policy, PortMatches, Rule};
use crate::source::Span;

const RULE: Schema = Schema {
    what: "an egress rule",
    fields: &["to", "ports"],
    elsewhere: &[
        ("from", "nowhere: a baseline is about egress"),
        ("ipBlock", "in an item of `to`"),
        ("port", "in an item of `ports`"),
        ("name", "in an entry of an EgressBaseline, which this list is not"),
    ],
};

/// Reads the list. Objects that exist are read as a server reads them, with warnings.
pub(super) fn read(at: Span, items: &[Value], name: &Arc<str>, reader: &mut Reader<'_>) -> Vec<Policy> {
    if items.is_empty() {
        reader.error(code::BASELINE_ENTRY, at, "this list is empty: pods without policies would reach nothing").help =
            Some("if that is meant, write an EgressBaseline with `default: pass` and `otherwise: deny`".into());
    }
    let rules = items.iter().enumerate().filter_map(|(index, item)| read_rule(index, item, name, reader)).collect();
    let origin = reader.sources.origin(at).with_subject(Arc::clone(name));
    lower::additive(&origin, name, PRIORITY, rules)
}

fn read_rule(index: usize, value: &Value, name: &str, reader: &mut Reader<'_>) -> Option<Rule> {
    let fields = reader.mapping(value, &RULE)?;
    let to = field(fields, "to").and_then(|value| reader.list(value, "a list of peers")).unwrap_or_default();
    let ports = field(fields, "ports").and_then(|value| reader.list(value, "a list of ports")).unwrap_or_default();
    let mut peers = Vec::new();
    for item in to {
        if item.field("podSelector").is_some() && item.field("namespaceSelector").is_none() {
            let message = "this list stands in no namespace, so `podSelector` alone says nothing";
            reader.error(code::BASELINE_ENTRY, item.span, message).help =
                Some("write `namespaceSelector` beside it: {} for every namespace".into());
            continue;
        }
        peers.extend(peer::read(item, &"".into(), Strictness::Lenient, reader).map(|peer| peer.value));
    }
    let matches: Vec<_> = ports.iter().filter_map(|item| port::read(item, reader)).map(|port| port.value).collect();
    let peers = if to.is_empty() { Peers::Any } else { Peers::AnyOf(peers) };
    let ports = if ports.is_empty() { PortMatches::Any } else { PortMatches::AnyOf(matches) };
    let origin = reader.sources.origin(value.span).with_subject(format!("{name} [{index}]"));
    Some(Rule::new(origin, Action::Accept, peers, ports))
}
