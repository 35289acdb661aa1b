//! The shapes of matches and rules that the dispatch is made of.

use crate::interval::Intervals;
use crate::ruleset::{
    Comment, Datum, Element, ElementKey, Expr, Field, Lookup, Match, Name, Operator, Rule, SetRef, SetSpec, Value,
    Verdict, VerdictMap,
};

/// A rule with a comment.
pub(super) fn commented(exprs: Vec<Expr>, comment: &str) -> Rule {
    Rule { exprs, comment: Some(Comment::new(comment)) }
}

/// A rule without.
pub(super) fn plain(exprs: Vec<Expr>) -> Rule {
    Rule { exprs, comment: None }
}

/// A rule that is a verdict.
pub(super) fn verdict(verdict: Verdict) -> Rule {
    plain(vec![Expr::Verdict(verdict)])
}

/// A rule that looks a key up in a named verdict map.
pub(super) fn by_map(key: Vec<Field>, map: Name) -> Rule {
    plain(vec![Expr::VerdictMap(VerdictMap { key, map: SetRef::Named(map) })])
}

/// The field has this number.
pub(super) fn number(field: Field, number: u32) -> Expr {
    Match::eq(field, Datum::number(field.data_type(), number))
}

/// The field has one of these numbers.
pub(super) fn one_of(field: Field, numbers: &[u32]) -> Expr {
    if let [only] = numbers {
        return number(field, *only);
    }
    let data_type = field.data_type();
    let element = |number: &u32| (ElementKey::values([Datum::number(data_type, *number)]), Element::PLAIN);
    let elements = numbers.iter().map(element).collect();
    let set = SetRef::Anonymous { spec: SetSpec::hash([data_type]), elements };
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set })
}

/// The field's value lies in these intervals, or in none of them; nothing if there are none.
pub(super) fn within(field: Field, intervals: &Intervals, operator: Operator) -> Option<Expr> {
    if intervals.is_empty() {
        return None;
    }
    if let Some(value) = intervals.as_value() {
        return Some(Expr::Match(Match { field, mask: None, operator, value }));
    }
    let spec = SetSpec::intervals([field.data_type()]);
    let set = SetRef::Anonymous { spec, elements: intervals.elements() };
    Some(Expr::Lookup(Lookup { key: vec![field], operator, set }))
}

/// The interface's name begins with `prefix`, or does not.
pub(super) fn interface(field: Field, prefix: &str, operator: Operator) -> Expr {
    let bits = u8::try_from(prefix.len() * 8).unwrap_or(u8::MAX);
    Expr::Match(Match { field, mask: None, operator, value: Value::Prefix(Datum::ifname(prefix), bits) })
}
