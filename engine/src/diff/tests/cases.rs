//! Plans by hand: how many rounds, and what is in each part.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::*;
use crate::observed::{ObservedChain, ObservedRule, RuleContent};
use crate::ruleset::{
    BaseChain, Chain, ChainType, Comment, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Hook, Interval,
    Lookup, Match, Name, Operator, Priority, Rule, Set, SetRef, SetSpec, Table, Verdict, VerdictMap,
};

const INPUT: BaseChain = BaseChain { chain_type: ChainType::Filter, hook: Hook::Input, priority: Priority(-10) };

fn only(table: Table) -> Ruleset {
    Ruleset { tables: BTreeMap::from([(TableKey::ours(Family::Inet), table)]) }
}

/// `pl_input` with these rules, and these sets.
fn input<const N: usize>(rules: Vec<Rule>, sets: [(&str, Set); N]) -> Ruleset {
    let chain = Chain { base: Some(INPUT), comment: None, rules };
    only(Table {
        chains: BTreeMap::from([(Name::ours("input"), chain)]),
        sets: sets.into_iter().map(|(name, set)| (Name::ours(name), set)).collect(),
        ..Table::default()
    })
}

fn address(n: u32) -> Datum {
    Datum::ipv4(Ipv4Addr::from(n))
}

fn range(low: u32, high: u32) -> (ElementKey, Element) {
    (ElementKey::intervals([Interval::new(address(low), address(high)).unwrap()]), Element::PLAIN)
}

fn boxed(low: u32, high: u32, port: u16) -> (ElementKey, Element) {
    let addresses = Interval::new(address(low), address(high)).unwrap();
    (ElementKey::intervals([addresses, Interval::single(Datum::port(port))]), Element::PLAIN)
}

fn intervals<const N: usize>(elements: [(ElementKey, Element); N]) -> Set {
    Set { spec: SetSpec::intervals([DataType::Ipv4Addr]), elements: elements.into() }
}

fn looks_into(set: &str) -> Rule {
    let set = SetRef::Named(Name::ours(set));
    let lookup = Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set };
    Rule { exprs: vec![Expr::Lookup(lookup), Expr::Verdict(Verdict::Accept)], comment: None }
}

fn from(n: u32) -> Rule {
    let comment = Some(Comment::new(&format!("hosts.ferm:{n}")));
    Rule { exprs: vec![Match::eq(Field::IpSaddr, address(n)), Expr::Verdict(Verdict::Drop)], comment }
}

/// `fill | flip | collect` of every round, in words.
fn check(from: &Ruleset, to: &Ruleset) -> String {
    let mut fake = Fake::current();
    carry_out(&mut fake, from);
    let plan = diff(&observe(&mut fake), to, TableFlags::default());
    let ops =
        |ops: &[Op]| ops.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ").replace("inet palisade ", "");
    let round = |round: &Round| format!("{} | {} | {}", ops(&round.fill), ops(&round.flip), ops(&round.collect));
    let text = plan.rounds.iter().map(round).collect::<Vec<_>>().join("\n");
    carry_out(&mut fake, to);
    text
}

#[test]
fn an_element_is_added_in_place() {
    let set = |n| Set { spec: SetSpec::hash([DataType::Ipv4Addr]), elements: (1..=n).map(|n| range(n, n)).collect() };
    let rules = || vec![looks_into("s")];
    assert_eq!(
        check(&input(rules(), [("s", set(3))]), &input(rules(), [("s", set(4))])),
        " | add 1 element to set pl_s | "
    );
}

#[test]
fn an_interval_that_shrinks_takes_a_detour() {
    let rules = || vec![looks_into("s")];
    let (a, b) = (intervals([range(0, 255)]), intervals([range(0, 127)]));
    assert_eq!(
        check(&input(rules(), [("s", a)]), &input(rules(), [("s", b)])),
        "add set pl_tmp0_s; add 1 element to set pl_tmp0_s \
         | delete rule pl_input handle 1; add rule pl_input: ip saddr @pl_tmp0_s accept \
         | delete set pl_s\n\
         add set pl_s; add 1 element to set pl_s \
         | delete rule pl_input handle 9223372036854775808; add rule pl_input: ip saddr @pl_s accept \
         | delete set pl_tmp0_s"
    );
}

#[test]
fn an_interval_beside_another_is_exchanged_in_place() {
    let rules = || vec![looks_into("s")];
    let (a, b) = (intervals([range(0, 9), range(20, 29)]), intervals([range(10, 19), range(20, 29)]));
    assert_eq!(
        check(&input(rules(), [("s", a)]), &input(rules(), [("s", b)])),
        " | delete 1 element from set pl_s; add 1 element to set pl_s | "
    );
}

#[test]
fn many_deletes_from_concatenated_intervals_make_a_new_set() {
    let spec = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
    let set = |n| Set { spec: spec.clone(), elements: (0..n).map(|n| boxed(n * 8, n * 8 + 4, 80)).collect() };
    let set_ref = SetRef::Named(Name::ours("s"));
    let lookup = Lookup { key: vec![Field::IpSaddr, Field::ThDport], operator: Operator::Eq, set: set_ref };
    let rules = || vec![Rule { exprs: vec![Expr::Lookup(lookup.clone())], comment: None }];
    let rounds = |n| check(&input(rules(), [("s", set(10))]), &input(rules(), [("s", set(n))])).lines().count();
    assert_eq!((rounds(20), rounds(8), rounds(7)), (1, 1, 2));
}

#[test]
fn a_verdict_that_changes_takes_a_detour() {
    let map = |verdict| Set {
        spec: SetSpec::hash([DataType::Ipv4Addr]).verdicts(),
        elements: Elements::from([(ElementKey::values([address(1)]), Element::verdict(verdict))]),
    };
    let vmap = VerdictMap { key: vec![Field::IpSaddr], map: SetRef::Named(Name::ours("m")) };
    let rules = || vec![Rule { exprs: vec![Expr::VerdictMap(vmap.clone())], comment: None }];
    let (a, b) = (map(Verdict::Drop), map(Verdict::Accept));
    let text = check(&input(rules(), [("m", a.clone())]), &input(rules(), [("m", b.clone())]));
    assert!(text.starts_with("add set pl_tmp0_m"), "{text}");
    assert_eq!(text.lines().count(), 2);
    let idle = check(&input(Vec::new(), [("m", a)]), &input(Vec::new(), [("m", b)]));
    assert_eq!(idle, "delete 1 element from set pl_m; add 1 element to set pl_m |  | ");
}

#[test]
fn rules_that_stay_keep_their_handles() {
    assert_eq!(
        check(&input(vec![from(1), from(2), from(3)], []), &input(vec![from(1), from(4), from(3)], [])),
        " | delete rule pl_input handle 2; \
         add rule pl_input: ip saddr 0.0.0.4 drop comment \"hosts.ferm:4\" | "
    );
}

#[test]
fn a_rule_with_an_anonymous_set_comes_by_a_bypass() {
    let set = SetRef::Anonymous { spec: SetSpec::intervals([DataType::Ipv4Addr]), elements: [range(0, 9)].into() };
    let lookup = Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set };
    let rule = Rule { exprs: vec![Expr::Lookup(lookup), Expr::Verdict(Verdict::Drop)], comment: None };
    let text = check(&input(vec![from(1)], []), &input(vec![from(1), rule], []));
    let [first, second] = text.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(first.contains(" | add rule pl_input: goto pl_tmp0_input | "), "{first}");
    assert!(second.contains(" | delete rule pl_input handle 9223372036854775810 | "), "{second}");
}

#[test]
fn policy_drop_goes_without_touching_rules() {
    let desired = input(vec![from(1)], []);
    let mut fake = Fake::current();
    carry_out(&mut fake, &desired);
    fake.tamper(|state| {
        let chains = state.tables.values_mut().flat_map(|table| table.chains.values_mut());
        chains.for_each(|chain| chain.policy_drop = true);
    });
    let observed = observe(&mut fake);
    let found = changes(&observed, &desired, TableFlags::default());
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["chain inet palisade pl_input [policy drop]"]
    );
    let plan = diff(&observed, &desired, TableFlags::default());
    assert_eq!(plan.n_ops(), 1);
    carry_out(&mut fake, &desired);
}

#[test]
fn changes_name_element_and_rule_with_their_source() {
    let set = |n| Set { spec: SetSpec::hash([DataType::Ipv4Addr]), elements: (1..=n).map(|n| range(n, n)).collect() };
    let (a, b) = (input(vec![from(1), from(2)], [("s", set(1))]), input(vec![from(2), from(1)], [("s", set(2))]));
    let mut fake = Fake::current();
    carry_out(&mut fake, &a);
    let found = changes(&observe(&mut fake), &b, TableFlags::default());
    let sources: Vec<_> = found.iter().filter_map(|change| change.object.source()).map(Comment::as_str).collect();
    assert_eq!(sources, ["hosts.ferm:1"]);
    let words: Vec<String> = found.iter().map(|change| format!("{} {change}", change.difference.planned())).collect();
    assert_eq!(
        words,
        [
            "add element inet palisade pl_s: 0.0.0.2",
            "change rule inet palisade pl_input: ip saddr 0.0.0.1 drop comment \"hosts.ferm:1\" [out of its place]",
        ]
    );
}

#[expect(clippy::disallowed_methods, reason = "a test of time measures it")]
/// 10,000 chains and 100,000 elements: first install, nothing to do, one chain and one element.
#[test]
fn large_states_take_time_in_proportion() {
    let table = |n_chains: u32| {
        let rules = (0..4).map(from).collect::<Vec<_>>();
        let chain =
            |n: u32| (Name::ours(&format!("chain_{n}")), Chain { base: None, comment: None, rules: rules.clone() });
        let verdict = |n: u32| Element::verdict(Verdict::Jump(Name::ours(&format!("chain_{}", n % n_chains))));
        let map = Set {
            spec: SetSpec::hash([DataType::Ipv4Addr]).verdicts(),
            elements: (0..n_chains * 10).map(|n| (ElementKey::values([address(n)]), verdict(n))).collect(),
        };
        let vmap = VerdictMap { key: vec![Field::IpSaddr], map: SetRef::Named(Name::ours("dispatch")) };
        let base = Chain {
            base: Some(INPUT),
            comment: None,
            rules: vec![Rule { exprs: vec![Expr::VerdictMap(vmap)], comment: None }],
        };
        let mut chains: BTreeMap<Name, Chain> = (0..n_chains).map(chain).collect();
        chains.insert(Name::ours("input"), base);
        Table { chains, sets: BTreeMap::from([(Name::ours("dispatch"), map)]), ..Table::default() }
    };
    let desired = only(table(10_000));
    let observed = as_observed(&desired);
    let timed = |observed: &Observed, desired: &Ruleset| {
        let start = Instant::now();
        (diff(observed, desired, TableFlags::default()).n_ops(), start.elapsed())
    };
    let (n_installed, install) = timed(&Observed::default(), &desired);
    let (n_unchanged, unchanged) = timed(&observed, &desired);
    assert_eq!((n_installed, n_unchanged), (1 + 1 + 20 + 10_000 + 40_000 + 2, 0));
    // Without optimisation, on a machine that does other things too: far from anything quadratic.
    let limit = Duration::from_secs(5);
    assert!(install < limit && unchanged < limit, "{install:?} {unchanged:?}");
}

/// What a kernel that has exactly this would show.
fn as_observed(ruleset: &Ruleset) -> Observed {
    let mut handles = 1..;
    let mut rules = |rules: &[Rule]| {
        let content = rules.iter().cloned().map(RuleContent::Known);
        content
            .zip(handles.by_ref())
            .map(|(content, n)| ObservedRule { handle: crate::observed::RuleHandle(n), content })
            .collect()
    };
    let tables = ruleset.tables.iter().map(|(key, table)| {
        let chains = table.chains.iter().map(|(name, chain)| {
            let there = ObservedChain { base: chain.base, rules: rules(&chain.rules), ..ObservedChain::default() };
            (name.clone(), there)
        });
        (key.clone(), ObservedTable { sets: table.sets.clone(), chains: chains.collect(), ..ObservedTable::default() })
    });
    Observed { tables: tables.collect(), ..Observed::default() }
}
