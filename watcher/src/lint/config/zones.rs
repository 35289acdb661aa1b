//! `zones`, `zoneRules` and `permissiveness` of the configuration: what the organisation wants of the cluster.

use std::num::NonZeroU16;
use std::sync::Arc;

use engine::lint::environment::{Environment, Zone, ZoneRule};
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::tree::Value;
use policy_lang::port::Protocol;
use policy_lang::suggest::nearest;

use super::environment::{labels, only};
use super::{CONFIG, Refused, text, texts, wrong};

/// `zones`: names with the labels of their namespaces.
pub(super) fn zones(value: &Value) -> Result<Vec<Zone>, Refused> {
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping of zones"))?;
    let zone = |entry: &policy_lang::manifest::tree::Entry| {
        only(&entry.value, &["namespaceLabels"])?;
        let written = entry.value.field("namespaceLabels");
        let written = written.ok_or_else(|| wrong(&entry.value, "a mapping with `namespaceLabels`"))?;
        Ok(Zone { name: Arc::clone(&entry.key.value), namespaces: labels(written)? })
    };
    entries.iter().map(zone).collect()
}

/// `zoneRules`: of two zones what the first may open to the second.
pub(super) fn rules(value: &Value) -> Result<Vec<ZoneRule>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of rules for zones"))?;
    items.iter().map(rule).collect()
}

fn rule(value: &Value) -> Result<ZoneRule, Refused> {
    only(value, &["from", "to", "allow"])?;
    let zone = |field| {
        let written = value.field(field).ok_or_else(|| wrong(value, "a mapping with `from`, `to` and `allow`"))?;
        text(written).map(Arc::from)
    };
    let allow = value.field("allow").ok_or_else(|| wrong(value, "a mapping with `from`, `to` and `allow`"))?;
    let is_none = allow.text().is_some_and(|word| word.as_ref() == "none");
    let ports = if is_none { Vec::new() } else { ports(allow)? };
    Ok(ZoneRule { from: zone("from")?, to: zone("to")?, allow: ports })
}

fn ports(value: &Value) -> Result<Vec<(Protocol, u16)>, Refused> {
    let refused = || wrong(value, "`none`, or a list of ports such as 5432/tcp");
    let port = |word: &str| {
        let (number, protocol) = word.split_once('/')?;
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => return None,
        };
        Some((protocol, number.parse::<NonZeroU16>().ok()?.get()))
    };
    if value.items().is_none() {
        return Err(refused());
    }
    texts(value)?.iter().map(|word| port(word).ok_or_else(refused)).collect()
}

/// Rules for zones that do not exist.
pub(super) fn unknown(environment: &Environment, document: &Value) -> Vec<Diagnostic> {
    let known: Vec<&str> = environment.zones.iter().map(|zone| &*zone.name).collect();
    let rules = document.field("zoneRules").and_then(Value::items).unwrap_or_default();
    let named = rules.iter().flat_map(|rule| ["from", "to"].into_iter().filter_map(|field| rule.field(field)));
    let unknown = named.filter_map(|value| Some((value, value.text().filter(|name| !known.contains(&&***name))?)));
    let finding = |(value, name): (&Value, &Arc<str>)| {
        let finding = Diagnostic::error(CONFIG, value.span, format!("there is no zone `{name}`"));
        match nearest(name, &known) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("`zones` has none of this name"),
        }
    };
    unknown.map(finding).collect()
}

/// `permissiveness`: for namespaces the most that may be open, in percent.
pub(super) fn permissiveness(value: &Value) -> Result<Vec<(Arc<str>, u8)>, Refused> {
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping of namespaces to percentages"))?;
    let budget = |entry: &policy_lang::manifest::tree::Entry| {
        let number = entry.value.scalar().and_then(|scalar| scalar.text.parse::<u8>().ok());
        let number = number.filter(|number| *number <= 100);
        let number = number.ok_or_else(|| wrong(&entry.value, "a percentage from 0 to 100"))?;
        Ok((Arc::clone(&entry.key.value), number))
    };
    entries.iter().map(budget).collect()
}
