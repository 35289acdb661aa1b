//! A `NetworkPolicy` as a rule sees it: fields with their places, what they mean, and the text behind them.

use std::rc::Rc;
use std::sync::Arc;

use policy_lang::diagnostic::{Diagnostic, Edit, Fix, ObjectRef, Safety};
use policy_lang::manifest::tree::{Entry, Spanned, Value};
use policy_lang::manifest::{NetworkPolicy, code};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{RuleSpec, Spec};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::Direction;
use policy_lang::selector::Selector;
use policy_lang::source::{Sources, Span};

use super::edit;
use super::edit::removal;

/// Both directions, ingress first.
pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// A `NetworkPolicy` that can be read.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) object: &'a NetworkPolicy,
    pub(crate) spec: Spec,
    /// The pods that it is about.
    pub(crate) subject: PodSelector,
    /// Those of the input, as indexes of [`super::world::World::classes`].
    pub(crate) selected: Rc<[u32]>,
}

impl<'a> Written<'a> {
    pub(crate) fn subject_of(object: &NetworkPolicy, spec: &Spec) -> PodSelector {
        let namespace = Arc::clone(&object.metadata.name.namespace);
        PodSelector { namespaces: Namespaces::Named(namespace), pods: spec.pod_selector.clone() }
    }

    /// Namespace and name.
    pub(crate) fn name(&self) -> &'a NamespacedName {
        &self.object.metadata.name
    }

    /// For findings.
    pub(crate) fn reference(&self) -> ObjectRef {
        reference("NetworkPolicy", self.name())
    }

    /// Its name in the text.
    pub(crate) fn span(&self) -> Span {
        self.object.metadata.span.unwrap_or(self.object.document.span)
    }

    /// Where its selector is written, or else its name.
    pub(crate) fn selector_span(&self) -> Span {
        self.spec.pod_selector_span.unwrap_or_else(|| self.span())
    }

    /// The entries of `spec`.
    pub(crate) fn fields(&self) -> &'a [Entry] {
        self.object.document.field("spec").and_then(Value::entries).unwrap_or_default()
    }

    /// A field of `spec`, written even if as `null`.
    pub(crate) fn field(&self, name: &str) -> Option<&'a Entry> {
        self.fields().iter().find(|entry| entry.key.value.as_ref() == name)
    }

    /// The rules of one direction.
    pub(crate) fn rules(&self, direction: Direction) -> &[RuleSpec] {
        match direction {
            Direction::Ingress => &self.spec.ingress,
            Direction::Egress => &self.spec.egress,
        }
    }

    /// The rules of the directions that it covers; others are dead text.
    pub(crate) fn live_rules(&self) -> impl Iterator<Item = (Direction, &RuleSpec)> {
        let covered = DIRECTIONS.into_iter().filter(|direction| self.spec.isolates(*direction));
        covered.flat_map(|direction| self.rules(direction).iter().map(move |rule| (direction, rule)))
    }

    /// The peers of those rules, with their places.
    pub(crate) fn live_peers(&self) -> impl Iterator<Item = &Spanned<Peer>> {
        self.live_rules().flat_map(|(_, rule)| &rule.peers)
    }

    /// Every selector that counts, with its place: of the subject, and of the peers' pods and namespaces.
    pub(crate) fn selectors(&self) -> Vec<(&Selector, Span)> {
        let mut all = vec![(&self.spec.pod_selector, self.selector_span())];
        for peer in self.live_peers() {
            let Peer::Pods(selector) = &peer.value else { continue };
            all.push((&selector.pods, peer.span));
            if let Namespaces::Matching(namespaces) = &selector.namespaces {
                all.push((namespaces, peer.span));
            }
        }
        all
    }

    /// Takes a rule out of its list.
    pub(crate) fn without_rule(&self, direction: Direction, rule: &RuleSpec, sources: &Sources) -> Option<Edit> {
        let field = self.field(&direction.to_string())?;
        let index = field.value.items()?.iter().position(|item| item.span == rule.span)?;
        removal::without_item_of(field, index, sources)
    }

    /// The fix that takes a rule away. Nothing where that would end the isolation: of egress, by the last rule of a policy
    /// without types.
    pub(crate) fn rule_away(&self, direction: Direction, rule: &RuleSpec, sources: &Sources) -> Option<Fix> {
        let is_last = direction == Direction::Egress && self.rules(direction).len() == 1;
        if is_last && self.spec.policy_types.is_empty() {
            return None;
        }
        let edits = vec![self.without_rule(direction, rule, sources)?];
        Some(Fix { safety: Safety::Unsafe, title: "take the rule away".to_owned(), edits })
    }

    /// The fix that takes the whole policy away.
    pub(crate) fn away(&self, sources: &Sources) -> Option<Fix> {
        let edits = vec![removal::without_document(&self.object.document, sources)?];
        Some(Fix { safety: Safety::Unsafe, title: "take the policy away".to_owned(), edits })
    }

    /// The node of the document at a span.
    pub(crate) fn node(&self, span: Span) -> Option<&'a Value> {
        node(&self.object.document, span)
    }
}

/// Adds the fix that writes down a selector which is left out; one that is misspelt is not.
pub(crate) fn state_selector(policy: &NetworkPolicy, findings: &mut Vec<Diagnostic>, sources: &Sources) {
    let is_name = |finding: &Diagnostic| finding.help.as_deref() == Some("did you mean `podSelector`?");
    if findings.iter().any(|finding| finding.code == code::UNKNOWN_FIELD && is_name(finding)) {
        findings.retain(|finding| finding.code != code::POD_SELECTOR_MISSING);
    }
    let Some(first) = policy.document.field("spec").and_then(Value::entries).and_then(<[Entry]>::first) else { return };
    for finding in findings.iter_mut().filter(|finding| finding.code == code::POD_SELECTOR_MISSING) {
        let fields = policy.document.field("spec").and_then(Value::entries).unwrap_or_default();
        if fields.iter().all(|entry| entry.key.value.as_ref() != "podSelector") {
            let edit = edit::before_entry(first, "podSelector", "{}", sources);
            let title = "write `podSelector: {}`".to_owned();
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, title, edit));
        }
    }
}

/// The nodes from the root of a document down to the one at a span, or down to the mapping whose key stands there.
pub(crate) fn path(root: &Value, span: Span) -> Option<Vec<&Value>> {
    if root.span == span && root.entries().is_none() {
        return Some(vec![root]);
    }
    let entries = root.entries().unwrap_or_default();
    if entries.iter().any(|entry| entry.key.span == span) {
        return Some(vec![root]);
    }
    let children = entries.iter().map(|entry| &entry.value).chain(root.items().unwrap_or_default());
    let mut below = children.filter(|child| child.span.start <= span.start && span.end <= child.span.end);
    match below.find_map(|child| path(child, span)) {
        Some(mut below) => {
            below.insert(0, root);
            Some(below)
        }
        None => (root.span == span).then(|| vec![root]),
    }
}

/// `from` or `to`.
pub(crate) fn peers_field(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

/// An object for findings.
pub(crate) fn reference(kind: &str, name: &NamespacedName) -> ObjectRef {
    ObjectRef { kind: kind.into(), namespace: Arc::clone(&name.namespace), name: Arc::clone(&name.name) }
}

/// The node at a span: the innermost, because a list of one item may have the span of that item.
///
/// Children are in the order of the text, so that each level takes a search by halves.
fn node(value: &Value, span: Span) -> Option<&Value> {
    let entries = value.entries().unwrap_or_default();
    let items = value.items().unwrap_or_default();
    let before = |child: &Value| child.span.start <= span.start;
    let entry = entries.partition_point(|entry| before(&entry.value)).checked_sub(1).and_then(|at| entries.get(at));
    let item = items.partition_point(before).checked_sub(1).and_then(|at| items.get(at));
    let child = entry.map(|entry| &entry.value).or(item).filter(|child| span.end <= child.span.end);
    child.and_then(|child| node(child, span)).or_else(|| (value.span == span).then_some(value))
}
