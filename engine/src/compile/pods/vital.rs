//! What no policy may cut, and what no pod may send: decided before any policy is asked (decisions.md 16).

use super::AddressFamily;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{
    Comment, Datum, Element, ElementKey, Expr, Field, Lookup, Match, Name, Operator, Rule, SetRef, SetSpec, Verdict,
};

/// Bits of `ct state`.
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;

/// ICMP and ICMPv6.
const ICMP_PROTOCOLS: [u32; 2] = [1, 58];

/// Types of ICMPv6 (RFC 4443, 4861, 2710, 3810).
const PACKET_TOO_BIG: [u32; 1] = [2];
const LISTENER_DISCOVERY: [u32; 4] = [130, 131, 132, 143];
const NEIGHBOUR_DISCOVERY: [u32; 3] = [133, 135, 136];
const ROUTER_ADVERTISEMENT_AND_REDIRECT: [u32; 2] = [134, 137];

/// The hop limit of a packet that no router has forwarded.
const HOP_LIMIT_OF_NEIGHBOURS: u32 = 255;

/// The rules of a judgement, behind those that settle replies and vital ICMP.
///
/// ICMP takes a way of its own, entered by goto and with the same judgement at its end, so that every other packet pays
/// for one comparison only, and `return` means the same in both.
pub(super) fn before(
    judgement: Vec<Rule>,
    pass: &Verdict,
    locals: &[(AddressFamily, Name)],
    builder: &mut TableBuilder,
) -> Vec<Rule> {
    let icmp = icmp(pass, locals).into_iter().chain(judgement.iter().cloned()).collect();
    let icmp = Expr::Verdict(Verdict::Goto(builder.chain("icmp", "", icmp, None)));
    let replies = Match::any_bit(Field::CtState, ESTABLISHED | RELATED);
    let mut rules = vec![
        rule(vec![replies, Expr::Verdict(pass.clone())], "replies and related errors"),
        Rule { exprs: vec![one_of(Field::L4Proto, &ICMP_PROTOCOLS), icmp], comment: None },
    ];
    rules.extend(judgement);
    rules
}

fn icmp(pass: &Verdict, locals: &[(AddressFamily, Name)]) -> Vec<Rule> {
    let passed = |exprs: Vec<Expr>, comment: &str| {
        rule(exprs.into_iter().chain([Expr::Verdict(pass.clone())]).collect(), comment)
    };
    let number = |field: Field, number| Match::eq(field, Datum::number(field.data_type(), number));
    let of_type = |types: &[u32]| one_of(Field::Icmpv6Type, types);
    let unforwarded = number(Field::Ip6Hoplimit, HOP_LIMIT_OF_NEIGHBOURS);
    let mut rules = vec![
        passed(vec![unforwarded, of_type(&NEIGHBOUR_DISCOVERY)], "neighbour discovery"),
        passed(vec![of_type(&LISTENER_DISCOVERY)], "multicast listener discovery"),
        passed(vec![of_type(&PACKET_TOO_BIG)], "packet too big"),
        passed(vec![number(Field::IcmpType, 3), number(Field::IcmpCode, 4)], "fragmentation needed"),
    ];
    // A host that accepts them would take a route from a pod.
    for (_, set) in locals.iter().filter(|(family, _)| *family == AddressFamily::V6) {
        let lookup = Lookup { key: vec![Field::Ip6Saddr], operator: Operator::Eq, set: SetRef::Named(set.clone()) };
        let from_pod = vec![
            of_type(&ROUTER_ADVERTISEMENT_AND_REDIRECT),
            Expr::Lookup(lookup),
            Expr::Counter,
            Expr::Verdict(Verdict::Drop),
        ];
        rules.push(rule(from_pod, "router advertisement or redirect from a pod"));
    }
    rules.push(passed(vec![of_type(&ROUTER_ADVERTISEMENT_AND_REDIRECT)], "router advertisement or redirect"));
    rules
}

fn rule(exprs: Vec<Expr>, comment: &str) -> Rule {
    Rule { exprs, comment: Some(Comment::new(comment)) }
}

/// The field has one of these numbers.
fn one_of(field: Field, numbers: &[u32]) -> Expr {
    let data_type = field.data_type();
    let number = |number: &u32| Datum::number(data_type, *number);
    if let [only] = numbers {
        return Match::eq(field, number(only));
    }
    let elements = numbers.iter().map(|value| (ElementKey::values([number(value)]), Element::PLAIN)).collect();
    let set = SetRef::Anonymous { spec: SetSpec::hash([data_type]), elements };
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set })
}
