//! The fields of an EgressBaseline with their places.

use std::sync::Arc;

use crate::baseline::{PRIORITY, destination, entry};
use crate::cluster_policy;
use crate::diagnostic::Diagnostic;
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Entry as Field, Spanned, Value};
use crate::name::NAMESPACE_NAME_LABEL;
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::policy::{Effect, Logging};
use crate::port::{IcmpMatch, PortMatch};
use crate::selector::{Operator, Selector};
use crate::source::Span;
use crate::suggest::nearest;

/// The version that is read.
pub(super) const API_VERSION: &str = "palisade.dev/v1alpha1";

/// The kind that is read.
pub(super) const KIND: &str = "EgressBaseline";

/// A baseline whose every field could be read.
#[derive(Debug)]
pub(super) struct Spec {
    /// The document.
    pub(super) span: Span,
    pub(super) priority: u16,
    pub(super) exempt: Vec<Spanned<PodSelector>>,
    pub(super) deny: Vec<Entry>,
    pub(super) always: Vec<Entry>,
    pub(super) allow: Vec<Entry>,
    pub(super) default: Spanned<Default>,
    pub(super) otherwise: Spanned<Otherwise>,
}

/// One entry of `deny`, `always` or `allow`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) span: Span,
    pub(super) name: Option<Arc<str>>,
    /// Never empty.
    pub(super) to: Vec<Peer>,
    /// Never empty.
    pub(super) ports: Option<Vec<PortMatch>>,
    /// Never empty. With neither of the two it is about any port of any protocol.
    pub(super) icmp: Option<Vec<IcmpMatch>>,
    pub(super) effect: Effect,
    pub(super) logging: Logging,
}

/// What happens to connections that no entry matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Default {
    Deny,
    Pass,
}

/// What happens to connections that no NetworkPolicy of the pod decides either.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Otherwise {
    Allow,
    Deny,
}

const DOCUMENT: Schema = Schema {
    what: "an EgressBaseline",
    fields: &[
        "apiVersion",
        "kind",
        "metadata",
        "priority",
        "exempt",
        "deny",
        "always",
        "allow",
        "default",
        "otherwise",
    ],
    elsewhere: &[
        ("name", "in `metadata`"),
        ("to", "in an entry of `deny`, `always` or `allow`"),
        ("ports", "in an entry of `deny`, `always` or `allow`"),
        ("icmp", "in an entry of `deny`, `always` or `allow`"),
        ("log", "in an entry of `deny`, `always` or `allow`"),
        ("audit", "in an entry of `deny`, `always` or `allow`"),
        ("spec", "nowhere: its fields stand beside `metadata`"),
    ],
};

const METADATA: Schema = Schema { what: "metadata", fields: &["name", "labels", "annotations"], elsewhere: &[] };

/// `metadata.name`, if it is a text.
pub(super) fn name(document: &Value) -> Option<Arc<str>> {
    document.field("metadata")?.field("name")?.text().cloned()
}

/// Reads the whole document; nothing if one of its parts is missing. Errors elsewhere are for the caller to see.
pub(super) fn read(document: &Value, reader: &mut Reader<'_>) -> Option<Spec> {
    let fields = reader.mapping(document, &DOCUMENT)?;
    if let Some(metadata) = field(fields, "metadata") {
        reader.mapping(metadata, &METADATA);
    }
    if name(document).is_none() {
        let at = field(fields, "metadata").or_else(|| field(fields, "kind")).map_or(document.span, |value| value.span);
        reader.diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, at, "this baseline has no `metadata.name`"));
    }
    let priority = field(fields, "priority").map_or(Some(PRIORITY), |value| cluster_policy::priority(value, reader));
    let exempt = list(fields, "exempt", reader).iter().filter_map(|value| read_exemption(value, reader)).collect();
    let deny = entries(fields, "deny", reader);
    let always = entries(fields, "always", reader);
    let allow = entries(fields, "allow", reader);
    let default = choice(document, "default", &[("deny", Default::Deny), ("pass", Default::Pass)], reader);
    let otherwise = choice(document, "otherwise", &[("allow", Otherwise::Allow), ("deny", Otherwise::Deny)], reader);
    let spec = Spec {
        span: document.span,
        priority: priority?,
        exempt,
        deny,
        always,
        allow,
        default: default?,
        otherwise: otherwise?,
    };
    warn(&spec, reader);
    Some(spec)
}

fn list<'v>(fields: &'v [Field], name: &str, reader: &mut Reader<'_>) -> &'v [Value] {
    field(fields, name).and_then(|value| reader.list(value, &format!("a list under `{name}`"))).unwrap_or_default()
}

fn entries(fields: &[Field], verb: &str, reader: &mut Reader<'_>) -> Vec<Entry> {
    list(fields, verb, reader).iter().filter_map(|value| entry::read(value, reader)).collect()
}

/// A field that must be written, because either choice would surprise somebody.
fn choice<T: Copy>(document: &Value, name: &str, choices: &[(&str, T)], reader: &mut Reader<'_>) -> Option<Spanned<T>> {
    let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    let all = words.iter().map(|word| format!("`{name}: {word}`")).collect::<Vec<_>>().join(" or ");
    let Some(value) = document.field(name) else {
        let at = document.field("kind").map_or(document.span, |kind| kind.span);
        let message = format!("this baseline does not say {all}");
        reader.diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, at, message));
        return None;
    };
    let text = reader.text(value, &format!("`{name}`"))?;
    let chosen = choices.iter().find(|(word, _)| *word == text.value.as_ref());
    if chosen.is_none() {
        let near = nearest(&text.value, &words).map(|near| format!("did you mean `{near}`?"));
        reader.error(code::BASELINE_ENTRY, text.span, format!("`{}` is not {all}", text.value)).help = near;
    }
    chosen.map(|(_, choice)| Spanned::new(*choice, text.span))
}

fn read_exemption(value: &Value, reader: &mut Reader<'_>) -> Option<Spanned<PodSelector>> {
    let exempt = destination::read_pods(value, "an exemption", reader)?;
    let warning = match &exempt.namespaces {
        Namespaces::Matching(namespaces) if namespaces.is_everything() && exempt.pods.is_everything() => {
            Some("this exempts every pod: the baseline binds only those that are not known yet")
        }
        Namespaces::Matching(namespaces) if !is_pinned(namespaces) => Some(
            "this exemption hangs on labels that a tenant may be able to set: \
             name the namespaces by `kubernetes.io/metadata.name`",
        ),
        Namespaces::Matching(_) | Namespaces::Named(_) => None,
    };
    if let Some(warning) = warning {
        reader.diagnostics.push(Diagnostic::warning(code::BASELINE_EXEMPTION, value.span, warning));
    }
    Some(Spanned::new(exempt, value.span))
}

/// Whether a selector names its namespaces by the label that nobody but the server can set.
fn is_pinned(namespaces: &Selector) -> bool {
    namespaces.requirements().iter().any(|requirement| {
        requirement.key.as_ref() == NAMESPACE_NAME_LABEL && matches!(requirement.operator, Operator::In(_))
    })
}

/// Says what will not do what it seems to.
fn warn(spec: &Spec, reader: &mut Reader<'_>) {
    let first_allow = spec.allow.first().map(|entry| entry.span);
    let message = match (spec.default.value, spec.otherwise.value) {
        (_, Otherwise::Deny) => Some(
            "with `otherwise: deny` an entry of `allow` opens nothing by itself: \
             only for pods whose own policies open it too. `always` opens it for every pod",
        ),
        (Default::Pass, Otherwise::Allow) => Some(
            "with `default: pass` an entry of `allow` changes nothing: everything passes to the pods' own policies",
        ),
        (Default::Deny, Otherwise::Allow) => None,
    };
    if let (Some(span), Some(message)) = (first_allow, message) {
        reader.diagnostics.push(Diagnostic::warning(code::BASELINE_ALLOW_OPENS_NOTHING, span, message));
    }
    let denies =
        !spec.deny.is_empty() || spec.default.value == Default::Deny || spec.otherwise.value == Otherwise::Deny;
    if !denies {
        let message = "this baseline denies nothing";
        reader.diagnostics.push(Diagnostic::warning(code::BASELINE_EMPTY, spec.default.span, message));
    }
}
