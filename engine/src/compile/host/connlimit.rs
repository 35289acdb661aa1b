//! `mod connlimit`: how many connections an address, or a network, has at a time.
//!
//! Every rule of iptables counts for itself, so every rule has a set of its own, in which each element knows its
//! connections.
//!
//! What differs: a set has room for 65,535 addresses or networks, and matches nothing of others while it is full.

use std::num::NonZeroU32;

use policy_lang::host::rule::Match;

use super::clause::Reading;
use super::code::{OPERAND, Refusal, refuse};
use super::key::Key;
use super::matching::{Context, destination, options, source};
use super::operand::{bounded, only};
use crate::compile::builder::TableBuilder;
use crate::ruleset::{Connections, DynamicSet, Elements, Expr, Name, PerElement, Set, SetOperation, SetSpec};

/// The module's name, and how the names of its sets begin.
const MODULE: &str = "connlimit";

/// How many addresses or networks a set holds.
const SIZE: NonZeroU32 = NonZeroU32::new(65_535).expect("it is not zero");

/// The limit of a rule, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let ip = context.scope.ip;
    let mut limits = Vec::new();
    let mut ends = Vec::new();
    let mut mask = None;
    for option in options(context.rule, MODULE) {
        match option.keyword {
            "connlimit-upto" => limits.push((option, option.negated)),
            "connlimit-above" => limits.push((option, !option.negated)),
            "connlimit-mask" => mask = Some(only(option.keyword, &option.operands, option.span)?),
            "connlimit-daddr" => ends.push(destination(ip)),
            _ => ends.push(source(ip)),
        }
    }
    let [(option, over)] = *limits else {
        let message = "connlimit needs exactly one of connlimit-upto and connlimit-above";
        return Err(refuse(OPERAND, found.span, message, "write `connlimit-above 10` or `connlimit-upto 10`"));
    };
    let end = match *ends {
        [] => source(ip),
        [end] => end,
        _ => {
            let message = "connlimit counts by one end of the connections";
            return Err(refuse(OPERAND, found.span, message, "write either connlimit-saddr or connlimit-daddr"));
        }
    };
    let limit = only(option.keyword, &option.operands, option.span)?;
    let count = bounded(limit, "number of connections", u32::MAX)?;
    let mut key = Key::new(vec![end]);
    if let Some(mask) = mask {
        key.narrow(end, mask)?;
    }
    let Key { fields, masks } = key.or_one_for_all();
    Ok(Reading::expr(Expr::DynamicSet(DynamicSet {
        operation: SetOperation::Add,
        set: Name::ours(MODULE),
        key: fields,
        masks,
        timeout: None,
        per_element: Some(PerElement::Connections(Connections { count, over })),
    })))
}

/// Gives every count of connections among the expressions of a rule a set of its own.
pub(super) fn own_sets(exprs: &mut [Expr], builder: &mut TableBuilder) {
    let identity = crate::hash::exprs(exprs);
    for expr in exprs {
        if let Expr::DynamicSet(dynamic) = expr
            && let Some(PerElement::Connections(_)) = dynamic.per_element
        {
            let key = Key { fields: dynamic.key.clone(), masks: dynamic.masks.clone() };
            let spec = SetSpec { size: Some(SIZE), ..key.spec() };
            dynamic.set = builder.own_set(MODULE, &identity, Set { spec, elements: Elements::new() });
        }
    }
}
