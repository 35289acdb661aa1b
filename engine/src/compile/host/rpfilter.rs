//! `mod rpfilter`: whether the way back to a packet's source leads by where the packet came in.
//!
//! What differs: where several routes of different metrics lead to an IPv6 source, iptables takes any of them, nftables
//! only the best.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use policy_lang::host::rule::{Match, Table};

use super::clause::{Ip, Reading, Test};
use super::code::{PLACE, Refusal, UNSUPPORTED, refuse};
use super::emit::list_expr;
use super::matching::{Context, options};
use crate::ruleset::{DataType, Datum, Expr, Field, Hook, Interval, Match as Compare, Operator, Value};

/// The module's name.
const MODULE: &str = "rpfilter";

/// The network of sources that are none.
const NOWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8);

/// `RTN_BROADCAST` and `RTN_ANYCAST`.
const BROADCAST: u32 = 3;
const ANYCAST: u32 = 4;

/// What a rule asks, at the first of the module's words, or at the module itself where it has none.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let scope = context.scope;
    let is_early = scope.hooks.iter().all(|hook| *hook == Hook::Prerouting);
    if !is_early || !matches!(scope.table, Table::Raw | Table::Mangle) {
        let message = format!("`mod {MODULE}` cannot match in chain {}", scope.chain);
        return Err(refuse(PLACE, found.span, message, "put the rule into `table raw chain PREROUTING`, or mangle's"));
    }
    let (mut is_loose, mut by_mark, mut is_inverted) = (false, false, false);
    for option in options(context.rule, MODULE) {
        match option.keyword {
            "loose" => is_loose = true,
            "validmark" => by_mark = true,
            "invert" => is_inverted = true,
            other => {
                let message = format!("`{other}` of {MODULE} has no form in nftables here");
                let help = "accept packets from the host's own addresses before: mod addrtype src-type LOCAL";
                return Err(refuse(UNSUPPORTED, option.span, message, help));
            }
        }
    }
    let field = match (is_loose, by_mark) {
        (false, false) => Field::FibSaddrIifOif,
        (false, true) => Field::FibSaddrMarkIifOif,
        (true, false) => Field::FibSaddrOif,
        (true, true) => Field::FibSaddrMarkOif,
    };
    Ok(Reading::Test(Test::Alternatives(match scope.ip {
        Ip::V4 => alternatives_v4(field, is_inverted),
        Ip::V6 => alternatives_v6(field, is_inverted),
    })))
}

/// iptables asks whether the way back is that of a unicast address, nftables whether there is one. What has no source yet
/// is of no network, whatever the type of its address.
fn alternatives_v4(field: Field, is_inverted: bool) -> Vec<Vec<Expr>> {
    let from_nowhere = |operator| list_expr(Field::IpSaddr, operator, &[Interval::network(NOWHERE.into())]);
    let others = [BROADCAST, ANYCAST].map(|number| Interval::single(Datum::number(DataType::FibAddrtype, number)));
    let is_other = |operator| list_expr(Field::FibSaddrType, operator, &others);
    if is_inverted {
        let from_others = vec![from_nowhere(Operator::Ne), is_other(Operator::Eq), leads(field, Operator::Ne)];
        return vec![vec![leads(field, Operator::Eq)], from_others];
    }
    vec![
        vec![from_nowhere(Operator::Eq), leads(field, Operator::Ne)],
        vec![from_nowhere(Operator::Ne), is_other(Operator::Ne), leads(field, Operator::Ne)],
    ]
}

/// iptables lets what has no source yet pass.
fn alternatives_v6(field: Field, is_inverted: bool) -> Vec<Vec<Expr>> {
    let from_nowhere = |operator| compare(Field::Ip6Saddr, operator, Datum::ipv6(Ipv6Addr::UNSPECIFIED));
    if is_inverted {
        return vec![vec![from_nowhere(Operator::Ne), leads(field, Operator::Eq)]];
    }
    vec![vec![from_nowhere(Operator::Eq)], vec![from_nowhere(Operator::Ne), leads(field, Operator::Ne)]]
}

/// Whether the field shows no interface, or, by `Ne`, one.
fn leads(field: Field, operator: Operator) -> Expr {
    compare(field, operator, Datum::min(field.data_type()))
}

fn compare(field: Field, operator: Operator, value: Datum) -> Expr {
    Expr::Match(Compare { field, mask: None, operator, value: Value::One(value) })
}
