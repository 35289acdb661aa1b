//! One entry of `deny`, `always` or `allow`: where to, on which ports, and what of it is told.

use std::sync::Arc;

use crate::baseline::spec::Entry;
use crate::baseline::{destination, icmp, port};
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Entry as Field, Value};
use crate::peer::Peer;
use crate::policy::{Effect, Logging};

/// Longest name of an entry, in characters, as ClusterNetworkPolicy has it for its rules.
const NAME_MAX: usize = 100;

const ENTRY: Schema = Schema {
    what: "an entry of the baseline",
    fields: &["name", "to", "ports", "icmp", "log", "audit"],
    elsewhere: &[
        ("from", "nowhere: a baseline is about egress"),
        ("pods", "in an item of `to`"),
        ("namespaces", "in an item of `to`"),
        ("service", "in an item of `to`"),
        ("port", "as an item of `ports`, such as 53/UDP"),
        ("cidr", "as an item of `to`"),
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
    let ports = if is_written(fields, "ports", reader)? {
        let items = not_empty(value, fields, "ports", reader)?;
        Some(items.iter().filter_map(|item| port::read(item, reader)).collect::<Vec<_>>())
    } else {
        None
    };
    let icmp = if is_written(fields, "icmp", reader)? {
        let items = not_empty(value, fields, "icmp", reader)?;
        Some(items.iter().filter_map(|item| icmp::read(item, reader)).flatten().collect::<Vec<_>>())
    } else {
        None
    };
    let to: Vec<_> = to.iter().flat_map(|value| destination::read(value, reader)).collect();
    let only_pods = to.iter().all(|peer| matches!(peer, Peer::Pods(_)));
    if let Some(named) = ports.iter().flatten().find(|port| port.value.is_named() && !only_pods) {
        let message = format!("`{}` is a port of pods, and not every item of `to` is pods", named.value);
        reader.error(code::BASELINE_ENTRY, named.span, message).help =
            Some("write the number, or an entry for the pods alone".into());
    }
    let ports = ports.map(|ports| ports.into_iter().map(|port| port.value).collect());
    let effect = if flag(fields, "audit", reader) { Effect::Audited } else { Effect::Enforced };
    let logging = if flag(fields, "log", reader) { Logging::Logged } else { Logging::Silent };
    Some(Entry { span: value.span, name, to, ports, icmp, effect, logging })
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

/// Whether a field is there. One without a value is a slip, as it would mean everything.
fn is_written(fields: &[Field], name: &str, reader: &mut Reader<'_>) -> Option<bool> {
    match fields.iter().find(|field| field.key.value.as_ref() == name) {
        None => Some(false),
        Some(found) if found.value.is_null() => {
            let message = format!("`{name}` has no value: say what is meant, or leave it out");
            reader.error(code::BASELINE_ENTRY, found.key.span, message);
            None
        }
        Some(_) => Some(true),
    }
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

fn flag(fields: &[Field], name: &str, reader: &mut Reader<'_>) -> bool {
    field(fields, name).and_then(|value| reader.boolean(value, "true or false")).unwrap_or(false)
}
