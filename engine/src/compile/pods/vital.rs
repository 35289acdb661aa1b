//! What no policy may cut, and what no pod may send: decided before any policy is asked (decisions.md 16).

use super::Ways;
use super::family::AddressFamily;
use super::lift;
use super::matching::{commented, interface, number, one_of, plain};
use super::place::{self, Words};
use crate::compile::builder::TableBuilder;
use crate::place::Cause;
use crate::ruleset::{Expr, Field, Operator, Rule, Verdict};

const ICMPV6: u32 = 58;

/// Types of ICMPv6 (RFC 4443, 4861, 2710, 3810).
const PACKET_TOO_BIG: u32 = 2;
const LISTENER_DISCOVERY: [u32; 4] = [130, 131, 132, 143];
const NEIGHBOUR_DISCOVERY: [u32; 3] = [133, 135, 136];
const ROUTER_ADVERTISEMENT_AND_REDIRECT: [u32; 2] = [134, 137];

/// Router solicitation and advertisement, then neighbour discovery proper.
const NEIGHBOURS_AND_ROUTERS: [u32; 4] = [133, 134, 135, 136];

/// Destination unreachable, fragmentation needed.
const UNREACHABLE: u32 = 3;
const FRAGMENTATION_NEEDED: u32 = 4;

/// The hop limit of a packet that no router has forwarded.
const HOP_LIMIT_OF_NEIGHBOURS: u32 = 255;

/// Sends ICMPv6 on a way of its own, which ends with these rules, so that every other packet pays for one comparison.
pub(super) fn rule(ways: &Ways<'_>, pass: &Verdict, judge: Vec<Rule>, builder: &mut TableBuilder) -> Rule {
    let rules = icmpv6(ways, pass, builder).into_iter().chain(judge).collect();
    let chain = builder.chain("icmpv6", "", rules, None);
    plain(vec![number(Field::L4Proto, ICMPV6), Expr::Verdict(Verdict::Goto(chain))])
}

/// What a node cannot do without on its own links: neighbours, routers, and the groups that it listens to.
pub(in crate::compile) fn neighbours() -> [Vec<Expr>; 2] {
    let unforwarded = number(Field::Ip6Hoplimit, HOP_LIMIT_OF_NEIGHBOURS);
    [
        vec![unforwarded, one_of(Field::Icmpv6Type, &NEIGHBOURS_AND_ROUTERS)],
        vec![one_of(Field::Icmpv6Type, &LISTENER_DISCOVERY)],
    ]
}

/// Path MTU discovery, which conntrack may call invalid.
pub(super) fn path_mtu(pass: &Verdict) -> Vec<Rule> {
    let v6 = vec![number(Field::Icmpv6Type, PACKET_TOO_BIG), Expr::Verdict(pass.clone())];
    vec![fragmentation_needed(pass), commented(v6, "packet too big")]
}

/// The same of IPv4: all of ICMP there that is vital, so it is asked about only where something is about to be denied or noted.
pub(super) fn fragmentation_needed(pass: &Verdict) -> Rule {
    let exprs = vec![
        number(Field::IcmpType, UNREACHABLE),
        number(Field::IcmpCode, FRAGMENTATION_NEEDED),
        Expr::Verdict(pass.clone()),
    ];
    commented(exprs, "fragmentation needed")
}

fn icmpv6(ways: &Ways<'_>, pass: &Verdict, builder: &mut TableBuilder) -> Vec<Rule> {
    let passed = |exprs: Vec<Expr>, comment: &str| {
        commented(exprs.into_iter().chain([Expr::Verdict(pass.clone())]).collect(), comment)
    };
    let of_type = |types: &[u32]| one_of(Field::Icmpv6Type, types);
    let unforwarded = number(Field::Ip6Hoplimit, HOP_LIMIT_OF_NEIGHBOURS);
    let mut rules = vec![
        passed(vec![unforwarded, of_type(&NEIGHBOUR_DISCOVERY)], "neighbour discovery"),
        passed(vec![of_type(&LISTENER_DISCOVERY)], "multicast listener discovery"),
        passed(vec![number(Field::Icmpv6Type, PACKET_TOO_BIG)], "packet too big"),
    ];
    rules.extend(routing(ways, pass, builder));
    rules
}

/// Router advertisements, which conntrack does not track, and redirects, which it calls invalid.
pub(super) fn routing(ways: &Ways<'_>, pass: &Verdict, builder: &mut TableBuilder) -> Vec<Rule> {
    let Ways { locals, guard, options } = *ways;
    let routing = || one_of(Field::Icmpv6Type, &ROUTER_ADVERTISEMENT_AND_REDIRECT);
    let mut rules = Vec::new();
    // A host that accepts them would take a route from a pod. Their source is a link-local address, so where the names
    // of pods' interfaces are known, those count; elsewhere only what bears a pod's address is recognised.
    let by_interface = guard.prefix().map(|prefix| interface(Field::Iifname, prefix, Operator::Eq));
    let by_address = locals.holding_one(AddressFamily::V6, Field::Ip6Saddr);
    let from_pod: Vec<Expr> = by_interface.into_iter().chain(by_address).collect();
    if !from_pod.is_empty() {
        let words = Words::single("router advertisement or redirect from a pod");
        let lift = lift::of(None, &options.observe);
        let dropped = place::denial_beside(Cause::RouterAdvertisement, (lift, pass), &words, options, builder);
        rules.extend(from_pod.into_iter().map(|test| plain(vec![routing(), test, Expr::Verdict(dropped.clone())])));
    }
    rules.push(commented(vec![routing(), Expr::Verdict(pass.clone())], "router advertisement or redirect"));
    rules
}
