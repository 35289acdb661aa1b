//! The fields of a NetworkPolicy with their places.

use std::sync::Arc;

use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Spanned, Value, duplicate_keys};
use crate::manifest::{Damage, NetworkPolicy, code, metadata};
use crate::network_policy::{Strictness, peer, port, selector};
use crate::peer::Peer;
use crate::policy::Direction;
use crate::port::PortMatch;
use crate::selector::Selector;
use crate::source::Span;
use crate::suggest::nearest;

/// `spec` of a NetworkPolicy. What could not be read is missing, and [`Spec::breakage`] says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// `podSelector`; everything where none is written (sem-22).
    pub pod_selector: Selector,
    /// Where the selector is written.
    pub pod_selector_span: Option<Span>,
    /// `policyTypes` as written; empty where they are left to defaulting.
    pub policy_types: Vec<Spanned<Direction>>,
    /// Rules of `ingress`.
    pub ingress: Vec<RuleSpec>,
    /// Rules of `egress`.
    pub egress: Vec<RuleSpec>,
    /// What of it can be trusted.
    pub breakage: Option<Breakage>,
}

/// One item of `ingress` or `egress`.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSpec {
    /// The whole item.
    pub span: Span,
    /// `from` or `to`; empty means any peer (sem-18).
    pub peers: Vec<Spanned<Peer>>,
    /// `ports`; empty means any port of any protocol (sem-19).
    pub ports: Vec<Spanned<PortMatch>>,
}

/// What of a broken policy can still be trusted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Breakage {
    /// Which pods it selects and the directions that it covers.
    Rules,
    /// Nothing but its namespace.
    Subject,
}

impl Spec {
    /// Whether the policy isolates the pods that it selects in a direction (sem-11): an empty list of types counts as
    /// none, and then rules for egress count only if there are any.
    pub fn isolates(&self, direction: Direction) -> bool {
        if self.policy_types.is_empty() {
            direction == Direction::Ingress || !self.egress.is_empty()
        } else {
            self.policy_types.iter().any(|policy_type| policy_type.value == direction)
        }
    }
}

const DOCUMENT: Schema = Schema {
    what: "a NetworkPolicy",
    fields: &["apiVersion", "kind", "metadata", "spec", "status"],
    elsewhere: &[
        ("podSelector", "in `spec`"),
        ("policyTypes", "in `spec`"),
        ("ingress", "in `spec`"),
        ("egress", "in `spec`"),
        ("name", "in `metadata`"),
        ("namespace", "in `metadata`"),
        ("labels", "in `metadata`"),
    ],
};

const METADATA: Schema = Schema {
    what: "metadata",
    fields: metadata::FIELDS,
    elsewhere: &[
        ("spec", "beside `metadata`, two columns to the left"),
        ("podSelector", "in `spec`"),
        ("policyTypes", "in `spec`"),
        ("ingress", "in `spec`"),
        ("egress", "in `spec`"),
    ],
};

const SPEC: Schema = Schema {
    what: "the spec of a NetworkPolicy",
    fields: &["podSelector", "policyTypes", "ingress", "egress"],
    elsewhere: &[
        ("matchLabels", "in `podSelector`"),
        ("matchExpressions", "in `podSelector`"),
        ("namespaceSelector", "in an item of `from` or `to`"),
        ("ipBlock", "in an item of `from` or `to`"),
        ("from", "in an item of `ingress`"),
        ("to", "in an item of `egress`"),
        ("ports", "in an item of `ingress` or `egress`"),
        ("selector", "here as `podSelector`"),
    ],
};

const INGRESS_RULE: Schema = Schema {
    what: "an ingress rule",
    fields: &["from", "ports"],
    elsewhere: &[
        ("to", "in an egress rule"),
        ("podSelector", "in an item of `from`"),
        ("namespaceSelector", "in an item of `from`"),
        ("ipBlock", "in an item of `from`"),
        ("port", "in an item of `ports`"),
        ("endPort", "in an item of `ports`"),
        ("protocol", "in an item of `ports`"),
    ],
};

const EGRESS_RULE: Schema = Schema {
    what: "an egress rule",
    fields: &["to", "ports"],
    elsewhere: &[
        ("from", "in an ingress rule"),
        ("podSelector", "in an item of `to`"),
        ("namespaceSelector", "in an item of `to`"),
        ("ipBlock", "in an item of `to`"),
        ("port", "in an item of `ports`"),
        ("endPort", "in an item of `ports`"),
        ("protocol", "in an item of `ports`"),
    ],
};

/// Reads the whole document.
pub(super) fn read(policy: &NetworkPolicy, strictness: Strictness, reader: &mut Reader<'_>) -> Spec {
    let document = &policy.document;
    let mut trust = Trust { breakage: None, errors: 0 };
    let entries = reader.mapping(document, &DOCUMENT).unwrap_or_default();
    let spec = field(entries, "spec");
    let spec_entries = spec.and_then(|spec| reader.mapping(spec, &SPEC)).unwrap_or_default();
    let pod_selector = read_pod_selector(policy, spec_entries, strictness, reader);
    let policy_types = read_policy_types(field(spec_entries, "policyTypes"), reader);
    let lists = [field(spec_entries, "ingress"), field(spec_entries, "egress")];
    if policy_types.is_empty() {
        // Whether it covers egress hangs on a list that is none.
        for rules in lists.iter().flatten().filter(|rules| rules.items().is_none()) {
            reader.wrong_type(rules, "a list of rules");
        }
    }
    trust.lose(Breakage::Subject, reader);
    let is_doubtful = policy.damage == Some(Damage::Text)
        || !duplicate_keys(entries).is_empty()
        || !duplicate_keys(spec_entries).is_empty()
        || document.field("metadata").is_some_and(Value::has_duplicate_key)
        || field(spec_entries, "podSelector").is_some_and(Value::has_duplicate_key);
    if is_doubtful {
        trust.raise(Breakage::Subject);
    }
    if policy.damage.is_some() || document.has_duplicate_key() {
        trust.raise(Breakage::Rules);
    }
    if let Some(metadata) = field(entries, "metadata").filter(|metadata| metadata.entries().is_some()) {
        reader.mapping(metadata, &METADATA);
    }
    let namespace = &policy.metadata.name.namespace;
    let [ingress, egress] = lists;
    let ingress = read_rules(ingress, Direction::Ingress, namespace, strictness, reader);
    let egress = read_rules(egress, Direction::Egress, namespace, strictness, reader);
    trust.lose(Breakage::Rules, reader);
    Spec {
        pod_selector,
        pod_selector_span: field(spec_entries, "podSelector").map(|value| value.span),
        policy_types,
        ingress,
        egress,
        breakage: trust.breakage,
    }
}

/// What can be trusted so far.
struct Trust {
    breakage: Option<Breakage>,
    /// Errors that have been counted.
    errors: usize,
}

impl Trust {
    /// Lowers the trust if there were errors since the last call.
    fn lose(&mut self, breakage: Breakage, reader: &mut Reader<'_>) {
        let errors = reader.errors();
        if errors > self.errors {
            self.raise(breakage);
        }
        self.errors = errors;
    }

    fn raise(&mut self, breakage: Breakage) {
        self.breakage = self.breakage.max(Some(breakage));
    }
}

fn read_pod_selector(
    policy: &NetworkPolicy,
    spec: &[crate::manifest::tree::Entry],
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Selector {
    match field(spec, "podSelector") {
        Some(value) => selector::read(value, strictness, reader).unwrap_or_default(),
        None => {
            let at = policy.metadata.span.unwrap_or(policy.document.span);
            reader
                .warning(
                    code::POD_SELECTOR_MISSING,
                    at,
                    "no `spec.podSelector`: the policy selects every pod of its namespace",
                )
                .help = Some("write `podSelector: {}` if that is meant".into());
            Selector::everything()
        }
    }
}

fn read_policy_types(value: Option<&Value>, reader: &mut Reader<'_>) -> Vec<Spanned<Direction>> {
    let Some(value) = value else { return Vec::new() };
    let items = reader.list(value, "a list of Ingress and Egress").unwrap_or_default();
    if items.len() > 2 {
        reader.error(code::BAD_POLICY_TYPE, value.span, "more than two policyTypes");
    }
    let mut types = Vec::new();
    for item in items {
        let Some(text) = reader.text(item, "Ingress or Egress") else { continue };
        match text.value.as_ref() {
            "Ingress" => types.push(Spanned::new(Direction::Ingress, text.span)),
            "Egress" => types.push(Spanned::new(Direction::Egress, text.span)),
            other => {
                let message = format!("`{other}` is neither Ingress nor Egress");
                let near = nearest(other, &["Ingress", "Egress"]);
                let fix = near.and_then(|near| reader.replacement(text.span, other, near));
                let finding = reader.error(code::BAD_POLICY_TYPE, text.span, message);
                finding.help = near.map(|near| format!("write `{near}`"));
                finding.fix = fix;
            }
        }
    }
    types
}

/// Missing, `null` and empty are the same: no rules (sem-16).
fn read_rules(
    value: Option<&Value>,
    direction: Direction,
    namespace: &Arc<str>,
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Vec<RuleSpec> {
    let Some(value) = value else { return Vec::new() };
    // Said already where no policyTypes are written.
    let reported = reader.diagnostics.iter().any(|finding| finding.span == Some(value.span));
    if value.items().is_none() && reported {
        return Vec::new();
    }
    let items = reader.list(value, "a list of rules").unwrap_or_default();
    items.iter().filter_map(|item| read_rule(item, direction, namespace, strictness, reader)).collect()
}

fn read_rule(
    value: &Value,
    direction: Direction,
    namespace: &Arc<str>,
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Option<RuleSpec> {
    let (schema, peers) = match direction {
        Direction::Ingress => (&INGRESS_RULE, "from"),
        Direction::Egress => (&EGRESS_RULE, "to"),
    };
    // An item without content would be a rule that accepts everything: too much for a dash too many.
    let entries = reader.mapping(value, schema)?;
    let peers = field(entries, peers).and_then(|value| reader.list(value, "a list of peers")).unwrap_or_default();
    let ports = field(entries, "ports").and_then(|value| reader.list(value, "a list of ports")).unwrap_or_default();
    Some(RuleSpec {
        span: value.span,
        peers: peers.iter().filter_map(|value| peer::read(value, namespace, strictness, reader)).collect(),
        ports: ports.iter().filter_map(|value| port::read(value, reader)).collect(),
    })
}
