//! What expressions need to have been matched before, and what they establish for others.

use crate::kernel::field::{Context, Dependency, Network};
use crate::kernel::part;
use crate::ruleset::{Datum, Expr, Field, Match, Operator, RejectWith, Value};

/// What has to be matched before an expression.
pub(in crate::kernel) fn missing_for(context: Context, expr: &Expr) -> Vec<Dependency> {
    match expr {
        Expr::Match(expr) => context.missing_for(&[expr.field]),
        Expr::Lookup(lookup) => context.missing_for(&lookup.key),
        Expr::VerdictMap(map) => context.missing_for(&map.key),
        Expr::DynamicSet(dynamic) => context.missing_for(&dynamic.key),
        Expr::Exists(exists) => part::missing_for(context, *exists),
        Expr::Reject(RejectWith::TcpReset) | Expr::SegmentSize(_) => context.missing_for_tcp(),
        Expr::SetHeader(write) => {
            context.missing_for_network(if write.field.is_v4() { Network::Ip } else { Network::Ip6 })
        }
        Expr::Reject(RejectWith::Icmp(_)) => context.missing_for_network(Network::Ip),
        Expr::Reject(RejectWith::Icmpv6(_)) => context.missing_for_network(Network::Ip6),
        Expr::Reject(RejectWith::Icmpx(_))
        | Expr::Bytes(_)
        | Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Quota(_)
        | Expr::NamedQuota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Verdict(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::SetCt(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::SetMeta(_)
        | Expr::Assign(_) => Vec::new(),
    }
}

/// What an expression establishes for those after it.
pub(in crate::kernel) fn established_by(expr: &Expr) -> Option<Dependency> {
    match expr {
        Expr::Match(Match { field, mask, operator, value }) => established_by_match(*field, *mask, *operator, value),
        Expr::Exists(_)
        | Expr::Bytes(_)
        | Expr::Lookup(_)
        | Expr::VerdictMap(_)
        | Expr::Counter
        | Expr::NamedCounter(_)
        | Expr::Quota(_)
        | Expr::NamedQuota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Verdict(_)
        | Expr::Reject(_)
        | Expr::Nat(_)
        | Expr::Notrack
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::Assign(_)
        | Expr::SegmentSize(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::Queue(_)
        | Expr::Duplicate(_)
        | Expr::SetHeader(_)
        | Expr::SetCt(_)
        | Expr::SetMeta(_)
        | Expr::DynamicSet(_) => None,
    }
}

pub(super) fn established_by_match(
    field: Field,
    mask: Option<Datum>,
    operator: Operator,
    value: &Value,
) -> Option<Dependency> {
    match (mask, operator, value) {
        (None, Operator::Eq, Value::One(value)) => Dependency::from_field(field, value.bytes()),
        (Some(_) | None, Operator::Eq | Operator::Ne, Value::One(_) | Value::Range(_) | Value::Prefix(..)) => None,
    }
}
