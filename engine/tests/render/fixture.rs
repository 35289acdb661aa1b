//! Rules and tables around what is tested.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use engine::ruleset::{
    BaseChain, Chain, ChainType, Comment, CtField, DataType, Datum, Element, ElementKey, Elements, Expr, Family, Field,
    Helper, HelperNetwork, HelperTransport, Hook, Interval, Lookup, Match, Name, Operator, Priority, Quota, Rule,
    Ruleset, Set, SetRef, SetSpec, Table, TableKey, Value, Verdict,
};

pub(crate) const PLAIN: Element = Element::PLAIN;

/// A comparison with the match on the protocol before it that the field needs and does not imply.
pub(crate) fn compare(field: Field, mask: Option<Datum>, operator: Operator, value: Value) -> Expr {
    Expr::Match(Match { field, mask, operator, value })
}

pub(crate) fn needed_before(exprs: &[Expr]) -> Option<Expr> {
    let Some(Expr::Match(Match { field, .. })) = exprs.first() else { return None };
    match field {
        Field::ThSport | Field::ThDport => {
            let elements = elements([key([Datum::protocol(6)]), key([Datum::protocol(17)])]);
            let set = SetRef::Anonymous { spec: SetSpec::hash([DataType::InetProto]), elements };
            Some(Expr::Lookup(Lookup { key: vec![Field::L4Proto], operator: Operator::Eq, set }))
        }
        Field::Ct(CtField::OriginalProtoSrc | CtField::OriginalProtoDst) => {
            Some(Match::eq(Field::L4Proto, Datum::protocol(6)))
        }
        _ => None,
    }
}

pub(crate) trait IntoExprs {
    fn into_exprs(self) -> Vec<Expr>;
}

impl IntoExprs for Expr {
    fn into_exprs(self) -> Vec<Expr> {
        vec![self]
    }
}

impl IntoExprs for Vec<Expr> {
    fn into_exprs(self) -> Vec<Expr> {
        self
    }
}

pub(crate) fn rules(rules: impl IntoIterator<Item = impl IntoExprs>) -> Ruleset {
    with_rules(rules.into_iter().map(|rule| {
        let exprs = rule.into_exprs();
        Rule { exprs: needed_before(&exprs).into_iter().chain(exprs).collect(), comment: None }
    }))
}

pub(crate) fn with_rules(rules: impl IntoIterator<Item = Rule>) -> Ruleset {
    let (leaving, coming): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(asks_for_output);
    let chain = |hook, rules| {
        let base = BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(-301) };
        Chain { base: Some(base), comment: None, rules }
    };
    let mut table = table();
    table.chains.insert(Name::ours("a"), chain(Hook::Prerouting, coming));
    if !leaving.is_empty() {
        table.chains.insert(Name::ours("b"), chain(Hook::Postrouting, leaving));
    }
    one_table(Family::Inet, table)
}

/// Whether a rule asks for the interface that the packet leaves by, which is not known before routing.
fn asks_for_output(rule: &Rule) -> bool {
    rule.exprs.iter().any(|expr| match expr {
        Expr::Match(found) => matches!(found.field, Field::FibSaddrOifType | Field::FibDaddrOifType),
        _ => false,
    })
}

/// A table with everything that rules refer to.
pub(crate) fn table() -> Table {
    let address = [DataType::Ipv4Addr];
    let pair = [DataType::Ipv4Addr, DataType::InetService];
    let timeout = Some(Duration::from_secs(60));
    let size = NonZeroU32::new(65_535);
    let jump = Element::verdict(Verdict::Jump(Name::ours("x")));
    let sets = [
        ("a", SetSpec::hash(address), Elements::new()),
        ("pair", SetSpec::intervals(pair), Elements::new()),
        ("dynamic", SetSpec { dynamic: true, timeout, size, ..SetSpec::hash(address) }, Elements::new()),
        ("dynamic_pair", SetSpec { dynamic: true, timeout, size, ..SetSpec::hash(pair) }, Elements::new()),
        ("connections", SetSpec { dynamic: true, size, ..SetSpec::hash(address) }, Elements::new()),
        ("connections_pair", SetSpec { dynamic: true, size, ..SetSpec::hash(pair) }, Elements::new()),
        ("verdicts", SetSpec::intervals(address).verdicts(), [(ElementKey::CatchAll, jump)].into()),
    ];
    let comment = Some(Comment::new("a chain's"));
    Table {
        comment: Some(Comment::new("a table's")),
        counters: [(Name::ours("counter"), None), (Name::ours("counter2"), Some(Comment::new("one's")))].into(),
        helpers: [
            ("ftp", HelperNetwork::Ip, HelperTransport::Tcp),
            ("ftp", HelperNetwork::Ip6, HelperTransport::Tcp),
            ("tftp", HelperNetwork::Ip, HelperTransport::Udp),
        ]
        .map(|(kind, network, transport)| {
            let name = Name::ours(&format!("helper_{}_{}_{kind}", transport.keyword(), network.keyword()));
            (name, Helper { kind: kind.into(), network, transport })
        })
        .into(),
        quotas: [(Name::ours("quota"), Quota { bytes: 10 << 20, over: true })].into(),
        sets: sets.map(|(name, spec, elements)| (Name::ours(name), Set { spec, elements })).into(),
        chains: [(Name::ours("x"), Chain { base: None, comment, rules: Vec::new() })].into(),
    }
}

pub(crate) fn one_table(family: Family, table: Table) -> Ruleset {
    Ruleset { tables: BTreeMap::from([(TableKey::ours(family), table)]) }
}

pub(crate) fn v4(text: &str) -> Datum {
    Datum::ipv4(text.parse::<Ipv4Addr>().unwrap())
}

pub(crate) fn v6(text: &str) -> Datum {
    Datum::ipv6(text.parse::<Ipv6Addr>().unwrap())
}

pub(crate) fn interval(low: Datum, high: Datum) -> Interval {
    Interval::new(low, high).unwrap()
}

pub(crate) fn key<const N: usize>(values: [Datum; N]) -> ElementKey {
    ElementKey::values(values)
}

pub(crate) fn elements(keys: impl IntoIterator<Item = ElementKey>) -> Elements {
    keys.into_iter().map(|key| (key, PLAIN)).collect()
}

pub(crate) fn ranges(ranges: impl IntoIterator<Item = Interval>) -> Elements {
    elements(ranges.into_iter().map(|range| ElementKey::intervals([range])))
}
