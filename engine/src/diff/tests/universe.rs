//! Small random rulesets that keep to what nf_tables takes: few names, so that two of them share many.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::ruleset::{
    BaseChain, Chain, ChainType, Comment, DataType, Datum, Element, ElementData, ElementKey, Elements, Expr, Family,
    Field, Helper, HelperNetwork, HelperTransport, Hook, Interval, Lookup, MapData, Match, Name, Operator, Priority,
    Quota, Rule, Ruleset, Set, SetCt, SetRef, SetSpec, Table, TableKey, Verdict, VerdictMap,
};

/// Regular chains; each leads only to later ones.
const REGULAR: usize = 4;
const BASE: usize = 3;

/// One or two tables.
pub(crate) fn ruleset() -> impl Strategy<Value = Ruleset> {
    (prop::option::weighted(0.95, table()), prop::option::weighted(0.2, Just(arp()))).prop_map(|(inet, arp)| {
        let inet = inet.map(|table| (TableKey::ours(Family::Inet), table));
        let arp = arp.map(|table| (TableKey::ours(Family::Arp), table));
        Ruleset { tables: inet.into_iter().chain(arp).collect() }
    })
}

/// One table.
pub(crate) fn small() -> impl Strategy<Value = Ruleset> {
    table().prop_map(|table| Ruleset { tables: BTreeMap::from([(TableKey::ours(Family::Inet), table)]) })
}

/// Random numbers, from which a ruleset takes its choices.
#[derive(Clone, Debug)]
struct Choices {
    sets: Vec<usize>,
    regular: Vec<usize>,
    base: Vec<usize>,
    counters: Vec<usize>,
    quotas: BTreeMap<usize, u64>,
    elements: Vec<Vec<(u8, u8)>>,
    kinds: Vec<u8>,
    rules: Vec<Vec<(u8, u8)>>,
}

fn table() -> impl Strategy<Value = Table> {
    let indices = |n: usize| (0..n).collect::<Vec<_>>();
    (
        subsequence(indices(6), 0..=6),
        subsequence(indices(REGULAR), 0..=REGULAR),
        subsequence(indices(BASE), 0..=BASE),
        subsequence(indices(3), 0..=3),
        btree_map(0..2_usize, 1..3_u64, 0..=2),
        vec(vec((0..12_u8, 0..4_u8), 0..8), 6),
        vec(0..12_u8, 16),
        vec(vec((0..12_u8, 0..4_u8), 0..6), REGULAR + BASE),
    )
        .prop_map(|(sets, regular, base, counters, quotas, elements, kinds, rules)| {
            build(&Choices { sets, regular, base, counters, quotas, elements, kinds, rules })
        })
}

fn arp() -> Table {
    let base = BaseChain { chain_type: ChainType::Filter, hook: Hook::Input, priority: Priority(0) };
    let rule = Rule { exprs: vec![Expr::Counter, Expr::Verdict(Verdict::Drop)], comment: None };
    let chain = Chain { base: Some(base), comment: None, rules: vec![rule] };
    Table { chains: BTreeMap::from([(Name::ours("arp"), chain)]), ..Table::default() }
}

fn helper(which: u64) -> Helper {
    let kind = if which == 1 { "ftp" } else { "irc" };
    Helper { kind: kind.into(), network: HelperNetwork::Ip, transport: HelperTransport::Tcp }
}

fn build(choices: &Choices) -> Table {
    let counters = choices.counters.iter().map(|n| (Name::ours(&format!("count{n}")), None)).collect();
    let quotas = choices.quotas.iter();
    let mut table = Table {
        comment: None,
        counters,
        quotas: quotas
            .map(|(n, bytes)| (Name::ours(&format!("quota{n}")), Quota { bytes: *bytes, over: true }))
            .collect(),
        // As quotas: there or not, and one of two.
        helpers: choices.quotas.iter().map(|(n, which)| (Name::ours(&format!("helper{n}")), helper(*which))).collect(),
        ..Table::default()
    };
    for n in &choices.sets {
        table.sets.insert(set_name(*n), set(*n, choices));
    }
    for n in &choices.regular {
        let comment = (choices.kinds[*n] == 0).then(|| Comment::new("told"));
        let rules = rules(*n + 1, &choices.rules[*n], choices);
        table.chains.insert(regular(*n), Chain { base: None, comment, rules });
    }
    for n in &choices.base {
        let base = base_chain(choices.kinds[8 + *n]);
        let rules = rules(0, &choices.rules[REGULAR + *n], choices);
        table.chains.insert(Name::ours(&format!("base{n}")), Chain { base: Some(base), comment: None, rules });
    }
    table
}

fn base_chain(kind: u8) -> BaseChain {
    let (hook, priority) = if kind == 0 { (Hook::Forward, 5) } else { (Hook::Input, -10) };
    BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(priority) }
}

fn regular(n: usize) -> Name {
    Name::ours(&format!("chain{n}"))
}

fn set_name(n: usize) -> Name {
    Name::ours(&format!("set{n}"))
}

/// 0 and 1 are hash sets, 2 holds intervals, 3 concatenated ones, 4 and 5 are verdict maps.
fn spec(n: usize, kind: u8) -> SetSpec {
    let spec = match n {
        0 | 1 => SetSpec::hash([DataType::Ipv4Addr]),
        2 => SetSpec::intervals([DataType::Ipv4Addr]),
        3 => SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]),
        _ => SetSpec::hash([DataType::Ipv4Addr]).verdicts(),
    };
    SetSpec { comment: (kind == 0).then(|| Comment::new("another")), ..spec }
}

fn address(n: u8) -> Datum {
    Datum::ipv4(Ipv4Addr::new(10, 0, 0, n))
}

fn range(low: u8, high: u8) -> Interval {
    Interval::new(address(low), address(high)).unwrap()
}

fn set(n: usize, choices: &Choices) -> Set {
    let spec = spec(n, choices.kinds[4 + n % 4]);
    let mut elements = Elements::new();
    for (a, b) in &choices.elements[n] {
        let comment = (*b == 3).then(|| Comment::new(&format!("element {b}")));
        let key = match n {
            2 => ElementKey::intervals([range(a * 4, a * 4 + b)]),
            3 => ElementKey::intervals([range(a * 4, a * 4 + b), Interval::single(Datum::port(u16::from(*b)))]),
            _ => ElementKey::values([address(*a)]),
        };
        if elements.keys().any(|there| there.overlaps(&key)) {
            continue;
        }
        let data = match &spec.data {
            MapData::Verdict => ElementData::Verdict(verdict(0, *b, choices)),
            MapData::Nothing | MapData::Value(_) | MapData::Counter => ElementData::Nothing,
        };
        elements.insert(key, Element { data, timeout: None, comment });
    }
    Set { spec, elements }
}

/// A verdict that leads to a chain from `first` on, if there is one.
fn verdict(first: usize, choice: u8, choices: &Choices) -> Verdict {
    let later: Vec<usize> = choices.regular.iter().copied().filter(|n| *n >= first).collect();
    match (choice % 4, later.get(usize::from(choice) % later.len().max(1))) {
        (0, Some(n)) => Verdict::Jump(regular(*n)),
        (1, Some(n)) => Verdict::Goto(regular(*n)),
        (2, _) => Verdict::Accept,
        _ => Verdict::Drop,
    }
}

fn rules(first: usize, wanted: &[(u8, u8)], choices: &Choices) -> Vec<Rule> {
    wanted.iter().map(|(a, b)| Rule { exprs: exprs(first, *a, *b, choices), comment: comment(*a, *b) }).collect()
}

fn comment(a: u8, b: u8) -> Option<Comment> {
    (b != 0).then(|| Comment::new(&format!("hosts.ferm:{a}")))
}

fn exprs(first: usize, a: u8, b: u8, choices: &Choices) -> Vec<Expr> {
    let end = Expr::Verdict(verdict(first, b, choices));
    let has_set = |n: usize| choices.sets.contains(&n);
    let lookup = |key: Vec<Field>, set| Expr::Lookup(Lookup { key, operator: Operator::Eq, set });
    match a {
        0..=3 if has_set(usize::from(a)) => {
            let key = if a == 3 { vec![Field::IpSaddr, Field::ThDport] } else { vec![Field::IpSaddr] };
            vec![lookup(key, SetRef::Named(set_name(usize::from(a)))), end]
        }
        // Maps lead to any chain, so only base chains look into them.
        4 | 5 if has_set(usize::from(a)) && first == 0 => {
            vec![Expr::VerdictMap(VerdictMap {
                key: vec![Field::IpDaddr],
                map: SetRef::Named(set_name(usize::from(a))),
            })]
        }
        6 => {
            let elements =
                (0..=b).map(|n| (ElementKey::intervals([range(n * 8, n * 8 + 3)]), Element::PLAIN)).collect();
            let spec = SetSpec::intervals([DataType::Ipv4Addr]);
            vec![lookup(vec![Field::IpDaddr], SetRef::Anonymous { spec, elements }), end]
        }
        7 => {
            let elements =
                Elements::from([(ElementKey::values([address(b)]), Element::verdict(verdict(first, b, choices)))]);
            let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
            vec![Expr::VerdictMap(VerdictMap { key: vec![Field::IpSaddr], map: SetRef::Anonymous { spec, elements } })]
        }
        8 if choices.counters.contains(&usize::from(b)) => {
            vec![Expr::NamedCounter(Name::ours(&format!("count{b}"))), end]
        }
        9 if choices.quotas.contains_key(&usize::from(b)) => {
            vec![Expr::NamedQuota(Name::ours(&format!("quota{b}"))), end]
        }
        10 if b == 0 => vec![end],
        10 if choices.quotas.contains_key(&usize::from(b - 1)) => {
            vec![Expr::SetCt(SetCt::Helper(Name::ours(&format!("helper{}", b - 1)))), end]
        }
        _ => vec![Match::eq(Field::IpSaddr, address(a)), Expr::Counter, end],
    }
}
