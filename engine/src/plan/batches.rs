//! Cuts a fill into batches that the kernel takes without making others wait.

use super::{Op, OpKind};
use crate::ruleset::{Element, ElementKey, Expr, Rule, SetRef};

/// Most operations in one batch of a fill. The kernel needs about 17 µs for a rule, so a batch holds the lock of
/// nf_tables for some 35 ms; other writers of the network namespace wait that long.
pub const BATCH_OPS: usize = 2_000;

/// Most bytes in one batch of a fill, estimated. A batch of 3.7 MB was measured to keep others waiting for up to
/// 1.5 s; and one `sendmsg` needs a send buffer of its whole size.
pub const BATCH_BYTES: usize = 1 << 20;

/// Most elements in one operation: batches of about 5,000 were measured to go in fastest.
pub const ELEMENTS_PER_OP: usize = 5_000;

/// Bytes of a message's headers and its table and chain or set names, roughly.
const MESSAGE_BYTES: usize = 96;

/// Bytes of one expression, roughly: most are a load and a comparison.
const EXPR_BYTES: usize = 96;

/// Bytes of one element without its comment, roughly: a range of addresses and ports has 44, IPv6 more.
const ELEMENT_BYTES: usize = 64;

/// Cuts operations into runs that keep to [`BATCH_OPS`] and [`BATCH_BYTES`], in order. An operation that is larger
/// than that by itself is a batch of its own.
pub fn batches(ops: &[Op]) -> impl Iterator<Item = &[Op]> {
    let mut rest = ops;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take(BATCH_OPS)
            .take_while(|op| {
                bytes += estimated_bytes(&op.kind);
                bytes <= BATCH_BYTES
            })
            .count();
        let (batch, left) = rest.split_at_checked(fitting.max(1))?;
        rest = left;
        Some(batch)
    })
}

fn estimated_bytes(kind: &OpKind) -> usize {
    MESSAGE_BYTES
        + match kind {
            OpKind::AddElements { elements, .. } | OpKind::DeleteElements { elements, .. } => {
                elements.iter().map(|(_, element)| element_bytes(element)).sum()
            }
            OpKind::AddRule { rule, .. } => rule_bytes(rule),
            OpKind::AddSet { .. } => 2 * MESSAGE_BYTES,
            OpKind::AddTable { .. }
            | OpKind::DeleteTable
            | OpKind::AddCounter { .. }
            | OpKind::DeleteCounter(_)
            | OpKind::AddQuota { .. }
            | OpKind::DeleteQuota(_)
            | OpKind::AddHelper { .. }
            | OpKind::DeleteHelper(_)
            | OpKind::DeleteSet(_)
            | OpKind::AddChain { .. }
            | OpKind::DeleteChain(_)
            | OpKind::FlushChain(_)
            | OpKind::DeleteRule { .. } => MESSAGE_BYTES,
        }
}

fn rule_bytes(rule: &Rule) -> usize {
    let comment = rule.comment.as_ref().map_or(0, |comment| comment.as_str().len());
    let anonymous: usize = rule.exprs.iter().filter_map(anonymous_elements).flatten().map(element_bytes).sum();
    comment + rule.exprs.len() * EXPR_BYTES + anonymous
}

fn anonymous_elements(expr: &Expr) -> Option<impl Iterator<Item = &Element>> {
    match super::model::anonymous_set(expr)? {
        SetRef::Anonymous { elements, .. } => Some(elements.values()),
        SetRef::Named(_) => None,
    }
}

fn element_bytes(element: &Element) -> usize {
    ELEMENT_BYTES + element.comment.as_ref().map_or(0, |comment| comment.as_str().len())
}

/// Cuts elements into operations of at most [`ELEMENTS_PER_OP`].
pub(crate) fn elements_per_op(
    elements: Vec<(ElementKey, Element)>,
) -> impl Iterator<Item = Vec<(ElementKey, Element)>> {
    let mut rest = elements.into_iter().peekable();
    std::iter::from_fn(move || {
        rest.peek()?;
        Some(rest.by_ref().take(ELEMENTS_PER_OP).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::{DataType, Datum, Family, Name, SetSpec, TableKey};

    fn op(kind: OpKind) -> Op {
        Op { table: TableKey::ours(Family::Inet), kind }
    }

    #[test]
    fn batches_keep_order_and_lose_nothing() {
        let ops: Vec<Op> = (0..4_500).map(|n| op(OpKind::DeleteSet(Name::ours(&n.to_string())))).collect();
        let cut: Vec<&[Op]> = batches(&ops).collect();
        assert_eq!(cut.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [2_000, 2_000, 500]);
        assert_eq!(cut.concat(), ops);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn a_batch_of_elements_is_bounded_in_bytes() {
        let spec = SetSpec::hash([DataType::Mark]);
        let element = |n| (ElementKey::values([Datum::number(DataType::Mark, n)]), Element::PLAIN);
        let ops: Vec<Op> = elements_per_op((0..100_000).map(element).collect())
            .map(|elements| op(OpKind::AddElements { set: Name::ours("s"), spec: spec.clone(), elements }))
            .collect();
        assert_eq!(ops.len(), 20);
        assert!(batches(&ops).all(|batch| batch.len() <= 3));
    }
}
