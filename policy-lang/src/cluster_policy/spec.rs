//! The fields of a ClusterNetworkPolicy, as far as they can be read.

use crate::cluster_policy::rule::{self, RuleSpec};
use crate::cluster_policy::{Context, Home, Level, peer};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::reader::{Reader, Schema, field, integer};
use crate::manifest::tree::{Entry, ScalarKind, Value, duplicate_keys};
use crate::manifest::{Damage, code, metadata};
use crate::peer::PodSelector;
use crate::policy::Direction;
use crate::source::Span;
use crate::suggest::nearest;

/// Most rules of one direction, peers and protocols of one rule, and CIDRs of one peer (C9, C14).
pub(super) const ITEMS_MAX: usize = 25;

/// The last priority (C2).
pub(crate) const PRIORITY_MAX: u16 = 1000;

/// `spec`. What is `None` could not be read, and has its finding.
pub(super) struct Spec {
    pub(super) level: Option<Level>,
    pub(super) priority: Option<u16>,
    pub(super) subject: Option<PodSelector>,
    pub(super) ingress: Rules,
    pub(super) egress: Rules,
    pub(super) trust: Trust,
}

/// The rules of one direction, in their order.
pub(super) enum Rules {
    /// None are written: the direction is not touched (C4).
    Absent,
    /// These.
    Listed(Vec<RuleSpec>),
    /// What is written there is no list.
    Unreadable(Span),
}

/// How far what could be read can be trusted to be all that was meant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Trust {
    /// As far as each rule says.
    Whole,
    /// Not where it opens something.
    Denials,
    /// Not at all: rules may be missing.
    Nothing,
}

const DOCUMENT: Schema = Schema {
    what: "a ClusterNetworkPolicy",
    fields: &["apiVersion", "kind", "metadata", "spec", "status"],
    elsewhere: &[
        ("tier", "in `spec`"),
        ("priority", "in `spec`"),
        ("subject", "in `spec`"),
        ("ingress", "in `spec`"),
        ("egress", "in `spec`"),
        ("name", "in `metadata`"),
    ],
};

const METADATA: Schema = Schema {
    what: "metadata",
    fields: metadata::FIELDS,
    elsewhere: &[("spec", "beside `metadata`, two columns to the left"), ("tier", "in `spec`")],
};

const SPEC: Schema = Schema {
    what: "the spec of a ClusterNetworkPolicy",
    fields: &["tier", "priority", "subject", "ingress", "egress"],
    elsewhere: &[
        ("namespaces", "in `subject`, or in an item of `from` or `to`"),
        ("pods", "in `subject`, or in an item of `from` or `to`"),
        ("podSelector", "in `subject.pods`"),
        ("namespaceSelector", "in `subject.pods`"),
        ("from", "in an item of `ingress`"),
        ("to", "in an item of `egress`"),
        ("action", "in an item of `ingress` or `egress`"),
        ("policyTypes", "nowhere: a direction without rules is not touched"),
    ],
};

/// Reads the whole document.
pub(super) fn read(document: &Value, damage: Option<Damage>, context: &mut Context<'_, '_>) -> Spec {
    let mut trust = match damage {
        None => Trust::Whole,
        Some(Damage::Header) => Trust::Denials,
        Some(Damage::Text) => Trust::Nothing,
    };
    let entries = context.reader.mapping(document, &DOCUMENT).unwrap_or_default();
    if let Some(metadata) = field(entries, "metadata").filter(|metadata| metadata.entries().is_some()) {
        context.reader.mapping(metadata, &METADATA);
    }
    let at = field(entries, "kind").map_or(document.span, |kind| kind.span);
    let fields = match field(entries, "spec") {
        Some(spec) => context.reader.mapping(spec, &SPEC),
        None => {
            context.reader.error(code::CLUSTER_POLICY, at, "this ClusterNetworkPolicy has no `spec`");
            None
        }
    };
    let Some(fields) = fields else {
        trust = Trust::Nothing;
        return Spec {
            level: None,
            priority: None,
            subject: None,
            ingress: Rules::Absent,
            egress: Rules::Absent,
            trust,
        };
    };
    if !duplicate_keys(entries).is_empty() || !duplicate_keys(fields).is_empty() {
        trust = Trust::Nothing;
    }
    if context.reader.errors() > 0 {
        trust = trust.max(Trust::Denials);
    }
    let level = required(fields, "tier", at, context.reader).and_then(|value| read_level(value, context.reader));
    let priority = required(fields, "priority", at, context.reader).and_then(|value| priority(value, context.reader));
    let subject = required(fields, "subject", at, context.reader)
        .and_then(|value| peer::read_subject(value, context).filter(|_| !value.has_duplicate_key()));
    if level.is_none() || priority.is_none() || subject.is_none() {
        trust = trust.max(Trust::Denials);
    }
    let ingress = rules(fields, Direction::Ingress, context);
    let egress = rules(fields, Direction::Egress, context);
    if matches!((&ingress, &egress), (Rules::Absent, Rules::Absent)) && trust == Trust::Whole {
        let message = "this ClusterNetworkPolicy has no rules: it does nothing";
        context.reader.warning(code::CLUSTER_POLICY, at, message);
    }
    Spec { level, priority, subject, ingress, egress, trust }
}

/// A priority, 0 to 1000.
pub(crate) fn priority(value: &Value, reader: &mut Reader<'_>) -> Option<u16> {
    let Some(scalar) = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number) else {
        reader.wrong_type(value, "a priority, 0 to 1000");
        return None;
    };
    let number = integer(&scalar.text).and_then(|number| u16::try_from(number).ok());
    let priority = number.filter(|priority| *priority <= PRIORITY_MAX);
    if priority.is_none() {
        let message = format!("{} is no priority: 0 to {PRIORITY_MAX}, and the lower one comes first", scalar.text);
        reader.error(code::CLUSTER_POLICY, value.span, message);
    }
    priority
}

/// More items than a server takes. All of them count: a shorter list might open something.
pub(super) fn limit(what: &str, found: usize, span: Span, context: &mut Context<'_, '_>) {
    if found > ITEMS_MAX {
        over_limit(format!("{found} {what}: a server takes {ITEMS_MAX}"), span, context);
    }
}

/// Something that a server refuses, and that is understood all the same.
pub(super) fn over_limit(message: String, span: Span, context: &mut Context<'_, '_>) {
    let severity = match context.home {
        Home::Cluster => Severity::Error,
        Home::Baseline => Severity::Warning,
    };
    let mut finding = Diagnostic::warning(code::CLUSTER_POLICY_LIMIT, span, message);
    finding.severity = severity;
    context.reader.diagnostics.push(finding);
}

fn required<'v>(fields: &'v [Entry], name: &str, at: Span, reader: &mut Reader<'_>) -> Option<&'v Value> {
    let value = field(fields, name);
    if value.is_none() {
        reader.error(code::CLUSTER_POLICY, at, format!("this ClusterNetworkPolicy has no `spec.{name}`"));
    }
    value
}

fn read_level(value: &Value, reader: &mut Reader<'_>) -> Option<Level> {
    let text = reader.text(value, "`Admin` or `Baseline`")?;
    match text.value.as_ref() {
        "Admin" => Some(Level::Admin),
        "Baseline" => Some(Level::Baseline),
        other => {
            let message = format!("`{other}` is neither Admin nor Baseline");
            reader.error(code::CLUSTER_POLICY, text.span, message).help =
                nearest(other, &["Admin", "Baseline"]).map(|near| format!("write `{near}`"));
            None
        }
    }
}

fn rules(fields: &[Entry], direction: Direction, context: &mut Context<'_, '_>) -> Rules {
    let Some(value) = field(fields, &direction.to_string()) else { return Rules::Absent };
    let Some(items) = context.reader.list(value, "a list of rules") else { return Rules::Unreadable(value.span) };
    if items.is_empty() {
        return Rules::Absent;
    }
    let rules = items.iter().map(|item| rule::read(item, direction, context)).collect();
    limit(&format!("{direction} rules"), items.len(), value.span, context);
    Rules::Listed(rules)
}
