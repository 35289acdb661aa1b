//! Packets that take longer through the rules than a swap takes: none may meet what a swap removes.

use std::iter;

use engine::ruleset::{Chain, DataType, Datum, Expr, Field, Match, Name, Rule, Ruleset, Verdict};

use super::cluster;
use super::engine::Engine;
use super::{Effort, describe, sustain};
use crate::privilege::{can_make_namespaces, report};

/// Rules in the chain that takes its time, and how often a packet goes through it: a fifth of a million rules, some hundred
/// microseconds, as long as from the commit of a flip to the next commit at least.
const RULES: u32 = 500;
const ROUNDS: usize = 400;

#[test]
fn a_packet_that_is_slow_meets_nothing_that_is_half_gone() {
    if !can_make_namespaces("slow packets") {
        return;
    }
    let lab = super::laboratory();
    let kernel = lab.namespace("router").unwrap().run(super::Netlink::open).unwrap().unwrap();
    let effort = Effort { swaps: 100, touches: 0, rate: 2_000 };
    let account = sustain(&lab, &mut Engine::of(kernel, 4, slow), effort);
    report(&describe("slow packets", effort, &account));
    assert_eq!((account.lost, account.leaked), (0, 0), "{account:?}");
}

/// What is enforced in a generation, behind a chain that no rule of matches and every packet goes through again and again.
fn slow(generation: u32, peers: u32) -> Ruleset {
    let mut ruleset = cluster::ruleset(generation, peers);
    let table = ruleset.tables.values_mut().find(|table| !table.chains.is_empty()).unwrap();
    let name: Name = "pl_slow".parse().unwrap();
    let looks_up = |rule: &Rule| rule.exprs.iter().any(|expr| matches!(expr, Expr::VerdictMap(_)));
    let base =
        table.chains.values_mut().find(|chain| chain.base.is_some() && chain.rules.iter().any(looks_up)).unwrap();
    let at = base.rules.iter().position(looks_up).unwrap();
    let jump = Rule { exprs: vec![Expr::Verdict(Verdict::Jump(name.clone()))], comment: None };
    base.rules.splice(at..at, iter::repeat_n(jump, ROUNDS));
    let never = |mark| Match::eq(Field::Mark, Datum::number(DataType::Mark, mark));
    let rules = (1..=RULES).map(|mark| Rule { exprs: vec![never(mark)], comment: None }).collect();
    table.chains.insert(name, Chain { base: None, comment: None, rules });
    ruleset
}
