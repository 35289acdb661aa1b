//! Operations in words, for errors.

use crate::plan::{Op, OpKind};
use crate::ruleset::{Comment, Rule};

/// What an operation does, with the source line of a rule, as `nft` would say it:
/// `add rule inet palisade pl_input (node.ferm:12)`.
pub(crate) fn describe(op: &Op) -> Box<str> {
    let table = &op.table;
    match &op.kind {
        OpKind::AddTable { .. } => format!("add table {table}"),
        OpKind::DeleteTable => format!("delete table {table}"),
        OpKind::AddCounter { name, comment } => format!("add counter {table} {name}{}", origin(comment.as_ref())),
        OpKind::DeleteCounter(name) => format!("delete counter {table} {name}"),
        OpKind::AddQuota { name, .. } => format!("add quota {table} {name}"),
        OpKind::DeleteQuota(name) => format!("delete quota {table} {name}"),
        OpKind::AddSet { name, spec } => format!("add set {table} {name}{}", origin(spec.comment.as_ref())),
        OpKind::DeleteSet(name) => format!("delete set {table} {name}"),
        OpKind::AddElements { set, elements, .. } => format!("add {} to set {table} {set}", count(elements.len())),
        OpKind::DeleteElements { set, elements, .. } => {
            format!("delete {} from set {table} {set}", count(elements.len()))
        }
        OpKind::AddChain { name, comment, .. } => format!("add chain {table} {name}{}", origin(comment.as_ref())),
        OpKind::DeleteChain(name) => format!("delete chain {table} {name}"),
        OpKind::FlushChain(name) => format!("flush chain {table} {name}"),
        OpKind::AddRule { chain, rule: Rule { comment, .. }, .. } => {
            format!("add rule {table} {chain}{}", origin(comment.as_ref()))
        }
        OpKind::DeleteRule { chain, handle } => format!("delete rule {table} {chain} handle {}", handle.0),
    }
    .into()
}

fn origin(comment: Option<&Comment>) -> String {
    comment.map(|comment| format!(" ({comment})")).unwrap_or_default()
}

fn count(n_elements: usize) -> String {
    if n_elements == 1 { "1 element".into() } else { format!("{n_elements} elements") }
}
