//! PAL003 misplaced-field: a field of the schema at the wrong level.

use policy_lang::diagnostic::{Diagnostic, Edit, Fix, Safety};
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::manifest::{NetworkPolicy, code};
use policy_lang::source::{Sources, Span};

use crate::lint::edit::{self, removal, writing};
use crate::lint::rule::{Check, rule};
use crate::lint::written;

rule! {
    /// ## What it does
    ///
    /// Finds fields that exist, but not at this place: `ports` inside an item of `from`, `policyTypes` under
    /// `metadata`.
    ///
    /// ## Why it bites
    ///
    /// A server without strict validation drops them. The policy then says less than was written, which for `ports`
    /// means more is open.
    ///
    /// ## How it is decided
    ///
    /// By the schema: the key is no field here, and one somewhere else.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from:
    ///     - podSelector: {}
    ///       ports: [{port: 80}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from:
    ///     - podSelector: {}
    ///     ports: [{port: 80}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static MISPLACED_FIELD = "PAL003" "misplaced-field" Error Unsafe On,
        "a field of the schema at the wrong level", Check::Elsewhere;
}

/// Where a field can be meant.
enum Place<'v> {
    /// In this mapping.
    In(&'v Value),
    /// In a peer of its own, in the list of this name.
    Peer(&'static str),
}

/// Adds the fix that moves a field to the one place where it can be meant.
pub(crate) fn mend(policy: &NetworkPolicy, findings: &mut [Diagnostic], sources: &Sources) {
    for finding in findings.iter_mut().filter(|finding| finding.code == code::MISPLACED_FIELD) {
        let Some(path) = finding.span.and_then(|span| written::path(&policy.document, span)) else { continue };
        let Some(holder) = path.last() else { continue };
        let entries = holder.entries().unwrap_or_default();
        let at = entries.iter().position(|entry| Some(entry.key.span) == finding.span);
        let Some((at, entry)) = at.and_then(|at| Some((at, entries.get(at)?))) else { continue };
        let edits = match place(&path, entry.key.value.as_ref()) {
            Some(Place::In(target)) => moved(holder, at, target, sources),
            Some(Place::Peer(list)) => wrapped(entry, list, sources).map(|edit| vec![edit]),
            None => None,
        };
        let help = finding.help.as_deref().unwrap_or_default();
        let title = format!("move it: it belongs {}", help.trim_start_matches("it belongs "));
        finding.fix = edits.map(|edits| Fix { safety: Safety::Unsafe, title, edits });
    }
}

/// By the nodes from the document down to the mapping that the field is in: spec, list, rule, list, peer.
fn place<'v>(path: &[&'v Value], name: &str) -> Option<Place<'v>> {
    let (document, holder) = (path.first()?, path.last()?);
    let spec = document.field("spec");
    let is_spec = spec.is_some_and(|spec| spec.span == holder.span);
    match (path.len(), name) {
        (2, "matchLabels" | "matchExpressions") if is_spec => spec?.field("podSelector").map(Place::In),
        (1 | 2, "podSelector" | "policyTypes" | "ingress" | "egress") if !is_spec => spec.map(Place::In),
        (1, "name" | "namespace" | "labels") => document.field("metadata").map(Place::In),
        (4, "podSelector" | "namespaceSelector" | "ipBlock") => {
            // Two of them may be one peer or two, and beside a list nobody knows which peer is meant.
            let own = holder.entries()?.iter().filter(|entry| entry.key.value.as_ref() != "ports");
            let is_ingress = spec?.field("ingress").is_some_and(|list| path.get(2).is_some_and(|own| list == *own));
            (own.count() == 1).then_some(Place::Peer(if is_ingress { "from" } else { "to" }))
        }
        (6, "ports") => path.get(3).copied().map(Place::In),
        (6, "cidr" | "except") => holder.field("ipBlock").map(Place::In),
        _ => None,
    }
}

/// Takes an entry out of one mapping and writes it into another, unless that has another one of its name.
fn moved(holder: &Value, at: usize, target: &Value, sources: &Sources) -> Option<Vec<Edit>> {
    let entry = holder.entries()?.get(at)?;
    let (key, value) = (entry.key.value.as_ref(), writing::in_one_line(&entry.value, sources)?);
    let away = removal::without_entry(holder, at, sources)?;
    if let Some(other) = target.entries()?.iter().find(|other| other.key.value.as_ref() == key) {
        let is_same = writing::in_one_line(&other.value, sources)? == value;
        return is_same.then(|| vec![away]);
    }
    let there = match target.entries()?.first() {
        Some(first) => edit::before_entry(first, key, &value, sources)?,
        None => edit::replace(target.span, &format!("{{{key}: {value}}}")),
    };
    Some(vec![there, away])
}

/// Makes the only item of a list of an entry.
fn wrapped(entry: &Entry, list: &str, sources: &Sources) -> Option<Edit> {
    let value = writing::in_one_line(&entry.value, sources)?;
    let span = Span { end: removal::written_end(&entry.value, sources)?, ..entry.key.span };
    Some(edit::replace(span, &format!("{list}: [{{{}: {value}}}]", entry.key.value)))
}
