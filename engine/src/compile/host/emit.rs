//! From understood rules to nft's: arrays become sets, families get their guard, every rule counts.

use super::clause::{Clause, Families, Ip, Lowered, Product, Test, Values};
use super::transport::TCP;
use super::{connlimit, rule};
use crate::compile::builder::TableBuilder;
use crate::interval;
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Match, Operator, Rule, SetRef,
    SetSpec, Value, Verdict,
};

/// nft's numbers of the families.
const NFPROTO: [(Ip, u32); 2] = [(Ip::V4, 2), (Ip::V6, 10)];

/// The rules that a lowered rule becomes.
pub(super) fn rules(lowered: &Lowered, builder: &mut TableBuilder, out: &mut Vec<Rule>) {
    match lowered.product {
        Product::Repeat => {
            for one in lowered.repeated() {
                out.push(rule(&one.clauses, lowered, builder));
            }
        }
        Product::Fold => {
            let mut combinations: Vec<Vec<Clause>> = vec![Vec::new()];
            for clause in &lowered.clauses {
                let tests = clause.test.condensed();
                combinations = combinations
                    .into_iter()
                    .flat_map(|before| {
                        tests.iter().map(move |test| {
                            let mut clauses = before.clone();
                            clauses.push(Clause { phase: clause.phase, test: test.clone() });
                            clauses
                        })
                    })
                    .collect();
            }
            out.extend(combinations.iter().map(|clauses| rule(clauses, lowered, builder)));
        }
    }
}

/// One rule of conditions that have one alternative each.
fn rule(clauses: &[Clause], lowered: &Lowered, builder: &mut TableBuilder) -> Rule {
    let mut ordered: Vec<&Clause> = clauses.iter().collect();
    ordered.sort_by_key(|clause| clause.phase);
    let mut exprs = Vec::new();
    for clause in ordered {
        match &clause.test {
            Test::Values(values) => exprs.push(values_expr(values, builder)),
            Test::Alternatives(alternatives) => exprs.extend(alternatives.iter().flatten().cloned()),
        }
    }
    connlimit::own_sets(&mut exprs, builder);
    let Lowered { families, statement, comment, .. } = lowered;
    interrupted(exprs, *families, statement, comment.as_str(), builder)
}

/// A rule some of whose conditions are calls: what follows the first of them is a chain that calls, and goes on.
fn interrupted(
    mut conditions: Vec<Expr>,
    families: Families,
    statement: &[Expr],
    comment: &str,
    builder: &mut TableBuilder,
) -> Rule {
    let Some(at) = conditions.iter().position(|expr| matches!(expr, Expr::Verdict(_))) else {
        return finished(conditions, families, statement, comment);
    };
    let mut rest = conditions.split_off(at);
    let call = rest.remove(0);
    // Sent back is what the condition before says.
    let sent_back = if call == Expr::Verdict(Verdict::Return) { conditions.pop() } else { None };
    if sent_back.is_none() && rest.is_empty() && statement.is_empty() {
        return finished(conditions, families, &[call], comment);
    }
    // nft wants the protocol in the same rule as what depends on it.
    let protocol = conditions.iter().filter(|expr| fields(expr).contains(&Field::L4Proto)).cloned();
    let rest = protocol.chain(rest).collect();
    let follows = interrupted(rest, Families::Both, statement, comment, builder);
    let called = Rule { exprs: sent_back.into_iter().chain([call]).collect(), comment: None };
    let then = builder.chain("then", "", vec![called, follows], None);
    let mut rule = finished(conditions, families, &[Expr::Verdict(Verdict::Jump(then))], comment);
    // The last of its conditions stands in the chain, which counts instead.
    rule.exprs.retain(|expr| *expr != Expr::Counter);
    rule
}

/// A rule of these conditions: guarded, counting, with its statement and its comment.
pub(super) fn finished(conditions: Vec<Expr>, families: Families, statement: &[Expr], comment: &str) -> Rule {
    let mut exprs = apart(without_implied_protocol(with_named_ports(conditions)));
    if let Some(guard) = guard(&exprs, families) {
        exprs.insert(0, guard);
    }
    exprs.push(Expr::Counter);
    exprs.extend_from_slice(statement);
    Rule { exprs, comment: Some(crate::ruleset::Comment::new(comment)) }
}

/// The types whose lists become named sets, and how the names end.
const NAMED: [(DataType, &str); 3] =
    [(DataType::Ipv4Addr, "4"), (DataType::Ipv6Addr, "6"), (DataType::InetService, "port")];

/// A field against a list: a named set for a variable's, otherwise as [`list_expr`] does it.
pub(super) fn values_expr(values: &Values, builder: &mut TableBuilder) -> Expr {
    let Values { field, operator, intervals, variable, runs: _ } = values;
    let suffix = NAMED.iter().find(|(data_type, _)| *data_type == field.data_type()).map(|(_, suffix)| *suffix);
    let Some((variable, suffix)) = variable.as_ref().zip(suffix) else {
        return list_expr(*field, *operator, intervals);
    };
    let spec = SetSpec::intervals([field.data_type()]);
    let name = builder.list("v", &format!("{variable}_{suffix}"), spec, elements(merged(intervals)));
    Expr::Lookup(Lookup { key: vec![*field], operator: *operator, set: SetRef::Named(name) })
}

/// A field against a list of values: a comparison, or a look-up in a set of its own.
pub(super) fn list_expr(field: Field, operator: Operator, intervals: &[Interval]) -> Expr {
    let intervals = normalised(intervals);
    if let [interval] = intervals.as_slice() {
        return Expr::Match(Match { field, mask: None, operator, value: interval::value(*interval) });
    }
    let key = [field.data_type()];
    let single = intervals.iter().all(Interval::is_single);
    let spec = if single { SetSpec::hash(key) } else { SetSpec::intervals(key) };
    let set = SetRef::Anonymous { spec, elements: elements(intervals) };
    Expr::Lookup(Lookup { key: vec![field], operator, set })
}

fn elements(intervals: Vec<Interval>) -> Elements {
    intervals.into_iter().map(|interval| (ElementKey::intervals([interval]), Element::PLAIN)).collect()
}

/// Sorted and disjoint. Neighbours stay apart as long as all are single values: a list of ports reads as written.
pub(super) fn normalised(intervals: &[Interval]) -> Vec<Interval> {
    if intervals.iter().all(Interval::is_single) {
        let mut sorted = intervals.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        return sorted;
    }
    merged(intervals)
}

/// Sorted, disjoint, and with a gap between any two.
pub(super) fn merged(intervals: &[Interval]) -> Vec<Interval> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for next in sorted {
        let joined = merged.last().and_then(|last| {
            let touches = last.high().successor().is_none_or(|after| next.low() <= after);
            touches.then(|| Interval::new(last.low(), last.high().max(next.high()))).flatten()
        });
        match (joined, merged.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => merged.push(next),
        }
    }
    merged
}

/// The test of the family, where a rule is for one and no field of it says so, or none before what remembers packets: those of
/// the other family would be remembered.
fn guard(exprs: &[Expr], families: Families) -> Option<Expr> {
    let Families::Only(ip) = families else { return None };
    let before = exprs.iter().take_while(|expr| !rule::remembers(expr));
    if before.flat_map(fields).any(|field| family(*field) == Some(ip)) {
        return None;
    }
    NFPROTO
        .iter()
        .find(|(of, _)| *of == ip)
        .map(|(_, number)| Match::eq(Field::NfProto, Datum::number(DataType::NfProto, *number)))
}

/// What a policy of one family is guarded with.
pub(super) fn family_guard(families: Families) -> Option<Expr> {
    guard(&[], families)
}

/// The fields that an expression compares.
pub(super) fn fields(expr: &Expr) -> &[Field] {
    if let Expr::Match(found) = expr {
        return std::slice::from_ref(&found.field);
    }
    expr.looked_up().map_or(&[], |(key, _)| key)
}

/// The family whose header a field is in.
pub(super) fn family(field: Field) -> Option<Ip> {
    const V4: [Field; 6] =
        [Field::IpSaddr, Field::IpDaddr, Field::IpFragOff, Field::IpDscp, Field::IpEcn, Field::IpTtl];
    const V6: [Field; 11] = [
        Field::Ip6Saddr,
        Field::Ip6Daddr,
        Field::Ip6Dscp,
        Field::Ip6Ecn,
        Field::Ip6Hoplimit,
        Field::RtType,
        Field::RtSegLeft,
        Field::RtHdrlength,
        Field::HbhHdrlength,
        Field::DstHdrlength,
        Field::MhType,
    ];
    if V4.contains(&field) {
        Some(Ip::V4)
    } else if V6.contains(&field) {
        Some(Ip::V6)
    } else {
        None
    }
}

/// `th dport` under one protocol that nft has its own word for becomes `tcp dport`.
fn with_named_ports(mut exprs: Vec<Expr>) -> Vec<Expr> {
    let Some(protocol) = exprs.iter().find_map(protocol_match) else { return exprs };
    for expr in &mut exprs {
        match expr {
            Expr::Match(found) => found.field = named_port(found.field, protocol),
            Expr::Lookup(found) => {
                for field in &mut found.key {
                    *field = named_port(*field, protocol);
                }
            }
            Expr::VerdictMap(_)
            | Expr::Exists(_)
            | Expr::Bytes(_)
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
            | Expr::DynamicSet(_) => {}
        }
    }
    exprs
}

/// `(protocol, source port, destination port)` in nft's own words.
const PORTS: [(u8, Field, Field); 3] = [
    (TCP, Field::TcpSport, Field::TcpDport),
    (17, Field::UdpSport, Field::UdpDport),
    (132, Field::SctpSport, Field::SctpDport),
];

fn named_port(field: Field, protocol: u8) -> Field {
    let named = PORTS.iter().find(|(number, _, _)| *number == protocol);
    match (named, field) {
        (Some((_, sport, _)), Field::ThSport) => *sport,
        (Some((_, _, dport)), Field::ThDport) => *dport,
        _ => field,
    }
}

/// The one protocol that an expression asks for.
fn protocol_match(expr: &Expr) -> Option<u8> {
    let Expr::Match(Match { field: Field::L4Proto, mask: None, operator: Operator::Eq, value: Value::One(value) }) =
        expr
    else {
        return None;
    };
    value.bytes().first().copied()
}

/// `sport != 80 dport != 80` with the second as a range of one.
///
/// nft 1.0.6 reads two such comparisons of neighbours as one of both ports together, which is true of far more packets.
fn apart(mut exprs: Vec<Expr>) -> Vec<Expr> {
    let mut n_ports = 0;
    for expr in &mut exprs {
        let Expr::Match(Match { field, mask: None, operator: Operator::Ne, value }) = expr else { continue };
        let Value::One(port) = *value else { continue };
        if field.data_type() == DataType::InetService {
            n_ports += 1;
            if n_ports > 1 {
                *value = Value::Range(Interval::single(port));
            }
        }
    }
    exprs
}

/// Leaves the test of the protocol out where the next expression makes it too.
///
/// Only the next one: between it and a limit the test keeps other packets away from the limit.
fn without_implied_protocol(exprs: Vec<Expr>) -> Vec<Expr> {
    let implied: Vec<bool> = exprs
        .iter()
        .zip(exprs.iter().skip(1))
        .map(|(expr, next)| {
            protocol_match(expr).is_some_and(|protocol| fields(next).iter().any(|field| implies(*field, protocol)))
        })
        .chain([false])
        .collect();
    exprs.into_iter().zip(implied).filter(|(_, implied)| !implied).map(|(expr, _)| expr).collect()
}

fn implies(field: Field, protocol: u8) -> bool {
    let of_ports = PORTS.iter().any(|(number, sport, dport)| *number == protocol && [*sport, *dport].contains(&field));
    let of_own = match protocol {
        TCP => field == Field::TcpFlags,
        50 => field == Field::EspSpi,
        51 => field == Field::AhSpi,
        1 => [Field::IcmpType, Field::IcmpCode].contains(&field),
        58 => [Field::Icmpv6Type, Field::Icmpv6Code].contains(&field),
        _ => false,
    };
    of_ports || of_own
}
