//! From one match option to a condition.

use policy_lang::host::rule::{HostRule, Match, NFT, Word};
use smallvec::SmallVec;

use super::chains::Scope;
use super::clause::{Ip, Phase, Reading, Test};
use super::code::{OPERAND, PLACE, Refusal, refuse};
use super::header::Hops;
use super::operand::{self, Address, words};
use super::refusal::{self, REFUSED_MODULES};
use super::transport::{self, Protocols};
use super::untracked::Role;
use super::{
    class, connbytes, connlimit, conntrack, device, extension, four_bytes, hashlimit, header, icmp, ipsec, ipset,
    metadata, nft, part, peers, rate, recent, rpfilter, socket, statistic, time, untracked,
};
use crate::interval;
use crate::ruleset::{CtField, DataType, Datum, Expr, Field, Hook, Interval, Match as Compare, Operator, Value};

/// What a match is read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) rule: &'a HostRule,
    pub(super) protocols: &'a Protocols,
}

/// When iptables looks at a match.
pub(super) fn phase(found: &Match) -> Phase {
    match (found.module, found.keyword) {
        (None, "saddr" | "daddr") => Phase::Address,
        (None, "interface" | "outerface") => Phase::Interface,
        (None, "proto") => Phase::Protocol,
        _ => Phase::Extension,
    }
}

/// Reads one match.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    match untracked::role(found, context.rule) {
        Role::Own => of_one(found, context),
        Role::Decides => untracked::together(found, context),
        // It was read with the state; what is wrong with it is told here.
        Role::Follows => of_one(found, context).map(|_| Reading::Always),
    }
}

/// Reads one match by itself.
pub(super) fn of_one(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let ip = context.scope.ip;
    match (found.keyword, found.module) {
        ("saddr", None) => peers::addresses(found, context, source(ip)),
        ("daddr", None) => peers::addresses(found, context, destination(ip)),
        ("src-range", _) => address_ranges(found, ip, source(ip)),
        ("dst-range", _) => address_ranges(found, ip, destination(ip)),
        ("interface", None) => interfaces(found, place(context), Field::Iifname),
        ("outerface", None) => interfaces(found, place(context), Field::Oifname),
        ("proto", None) => transport::protocol_match(found, context),
        ("sport" | "sports", _) => transport::ports(found, context, Field::ThSport),
        ("dport" | "dports", _) => transport::ports(found, context, Field::ThDport),
        ("ports", _) => transport::either_port(found, context),
        ("state" | "ctstate", _) => conntrack::state(found),
        ("ctstatus", _) => conntrack::status(found),
        ("ctdir", _) => conntrack::direction(found),
        ("ctorigsrc", _) => addresses(found, ip, conntrack::tuple(ip).original_source),
        ("ctorigdst", _) => addresses(found, ip, conntrack::tuple(ip).original_destination),
        ("ctreplsrc", _) => addresses(found, ip, conntrack::tuple(ip).reply_source),
        ("ctrepldst", _) => addresses(found, ip, conntrack::tuple(ip).reply_destination),
        ("ctproto", _) => conntrack::protocol(found, context),
        ("helper", Some("helper")) => conntrack::helper(found),
        ("ctexpire", _) => conntrack::expiration(found),
        ("ctorigsrcport", _) => conntrack::port(found, context, Field::Ct(CtField::OriginalProtoSrc)),
        ("ctorigdstport", _) => conntrack::port(found, context, Field::Ct(CtField::OriginalProtoDst)),
        ("mark", Some("connmark")) => metadata::mark(found, Field::Ct(CtField::Mark)),
        ("mark", Some("mark")) => metadata::mark(found, Field::Mark),
        ("uid-owner", _) => metadata::owner(found, context, Field::SkUid),
        ("gid-owner", _) => metadata::owner(found, context, Field::SkGid),
        ("pkt-type", _) => metadata::packet_type(found),
        ("src-type", _) => metadata::address_type(found, context, Field::FibSaddrType),
        ("dst-type", _) => metadata::address_type(found, context, Field::FibDaddrType),
        ("limit-iface-in" | "limit-iface-out", _) => metadata::limit_interface(found, context),
        ("src-group", _) => device::group(found, context, Field::Iifgroup),
        ("dst-group", _) => device::group(found, context, Field::Oifgroup),
        ("cpu", _) => device::processor(found),
        ("realm", _) => device::realm(found, context),
        ("cgroup", Some("cgroup")) => device::control_group(found, context),
        ("quota", Some("quota")) => rate::quota(found),
        ("length", Some("length")) => metadata::length(found),
        ("mac-source", _) => metadata::mac(found, context),
        ("limit" | "limit-burst", Some("limit")) => rate::limit(found, context.rule),
        (_, Some("connbytes")) if found.keyword != "mod" => connbytes::read(found, context),
        (_, Some("policy")) if found.keyword != "mod" => ipsec::policy(found, context),
        (_, Some("rpfilter")) if found.keyword != "mod" => rpfilter::read(found, context),
        (_, Some("socket")) if found.keyword != "mod" => socket::read(found, context),
        (_, Some("time")) if found.keyword != "mod" => time::read(found, context),
        (_, Some("connlimit")) if found.keyword != "mod" => connlimit::read(found, context),
        (_, Some("statistic")) if found.keyword != "mod" => statistic::read(found, context),
        (_, Some("hashlimit")) if found.keyword != "mod" => hashlimit::read(found, context),
        (_, Some("recent")) if found.keyword != "mod" => recent::read(found, context),
        ("match-set", Some("set")) => ipset::read(found, context),
        ("update-counters" | "update-subcounters", Some("set")) => ipset::counted(found, context),
        ("comment", _) => Ok(Reading::Always),
        (NFT, None) => nft::conditions(found, context),
        ("mod", Some(module)) => module_alone(found, module, context),
        ("mod", None) => {
            let name = words(&found.operands).first().map_or("", |word| &*word.text);
            Err(refusal::of_module(name, found.span))
        }
        _ => of_headers(found, context),
    }
}

/// Reads a match on what the headers of packets say besides addresses and ports.
fn of_headers(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let ip = context.scope.ip;
    match (found.keyword, found.module) {
        ("fragment", None) => fragment(found, ip),
        ("tcp-flags", _) => transport::tcp_flags(found, context),
        ("syn", _) => transport::syn(found, context),
        ("icmp-type" | "icmpv6-type", _) => icmp::read(found, context),
        ("dscp", Some("dscp")) => header::class(found, ip),
        ("dscp-class", Some("dscp")) => header::named_class(found, ip),
        ("ttl-eq" | "hl-eq", _) => header::hops(found, ip, Hops::Equal),
        ("ttl-lt" | "hl-lt", _) => header::hops(found, ip, Hops::Less),
        ("ttl-gt" | "hl-gt", _) => header::hops(found, ip, Hops::Greater),
        ("tos", Some("tos")) => class::type_of_service(found, ip),
        ("ecn-ip-ect", _) => class::marking(found, ip),
        ("ecn-tcp-ece" | "ecn-tcp-cwr", _) => class::flag(found, context),
        ("tcp-option", _) => part::tcp_option(found, context),
        ("chunk-types", _) => part::chunks(found, context),
        ("dccp-types", _) => part::dccp_types(found, context),
        ("mh-type", _) => extension::message(found, context),
        ("rt-type", _) => extension::routing_type(found, context),
        ("rt-segsleft", _) => extension::segments_left(found, context),
        ("rt-len", _) => extension::length(found, context, Field::RtHdrlength),
        ("hbh-len", _) => extension::length(found, context, Field::HbhHdrlength),
        ("dst-len", _) => extension::length(found, context, Field::DstHdrlength),
        ("header", Some("ipv6header")) => extension::headers(found, context),
        ("soft", Some("ipv6header")) => extension::soft(found, context),
        ("ahlen", _) => ipsec::header_length(found, context),
        ("ahres", _) => ipsec::reserved(found, context),
        ("u32", Some("u32")) => four_bytes::read(found),
        ("mss", Some("tcpmss")) => transport::segment_size(found, context),
        ("espspi", _) => ipsec::association(found, context, Field::EspSpi),
        ("ahspi", _) => ipsec::association(found, context, Field::AhSpi),
        _ => Err(refusal::of_match(found)),
    }
}

/// `Eq` or, if negated, `Ne`.
pub(super) fn operator(found: &Match) -> Operator {
    if found.negated { Operator::Ne } else { Operator::Eq }
}

/// Reads every word of a list as values of one field.
pub(super) fn list(
    found: &Match,
    field: Field,
    read: impl Fn(&Word) -> Result<Interval, Refusal>,
) -> Result<Reading, Refusal> {
    let words = words(&found.operands);
    if words.is_empty() {
        let message = format!("`{}` has no value", found.keyword);
        return Err(refuse(OPERAND, found.span, message, "write at least one value"));
    }
    let intervals = words.iter().map(read).collect::<Result<SmallVec<[Interval; 1]>, _>>()?;
    Ok(Reading::values(field, operator(found), intervals, words))
}

/// Reads every word of a list as an expression of its own. Negated, none of them must hold.
pub(super) fn alternatives(
    found: &Match,
    read: impl Fn(&Word, Operator) -> Result<Expr, Refusal>,
) -> Result<Reading, Refusal> {
    let exprs = words(&found.operands).iter().map(|word| read(word, operator(found))).collect::<Result<Vec<_>, _>>()?;
    Ok(Reading::Test(Test::Alternatives(if found.negated {
        vec![exprs]
    } else {
        exprs.into_iter().map(|expr| vec![expr]).collect()
    })))
}

/// `mod NAME`: nothing by itself where an option of the module follows; limit, rpfilter and socket have defaults.
fn module_alone(found: &Match, module: &str, context: Context<'_>) -> Result<Reading, Refusal> {
    let rule = context.rule;
    match module {
        "limit" => rate::limit(found, rule),
        "socket" if options(rule, "socket").next().is_none() => socket::read(found, context),
        "rpfilter" if options(rule, "rpfilter").next().is_none() => rpfilter::read(found, context),
        "comment" => Ok(Reading::Always),
        "hbh" | "dst" | "rt" if options(rule, module).next().is_none() => {
            extension::presence(module, found.span, context)
        }
        _ if rule.matches.iter().any(|other| other.keyword != "mod" && other.module == Some(module)) => {
            Ok(Reading::Always)
        }
        _ if REFUSED_MODULES.iter().any(|refused| refused.name == module) => {
            Err(refusal::of_module(module, found.span))
        }
        _ => {
            let message = format!("`mod {module}` is loaded, and none of its options is used");
            Err(refuse(OPERAND, found.span, message, "add one of the module's options, or leave the module out"))
        }
    }
}

/// The words of one module in a rule, but for `mod` itself.
pub(super) fn options<'r>(rule: &'r HostRule, module: &'r str) -> impl Iterator<Item = &'r Match> {
    rule.matches.iter().filter(move |found| found.module == Some(module) && found.keyword != "mod")
}

pub(super) fn source(ip: Ip) -> Field {
    match ip {
        Ip::V4 => Field::IpSaddr,
        Ip::V6 => Field::Ip6Saddr,
    }
}

pub(super) fn destination(ip: Ip) -> Field {
    match ip {
        Ip::V4 => Field::IpDaddr,
        Ip::V6 => Field::Ip6Daddr,
    }
}

/// Addresses and networks of one family.
pub(super) fn addresses(found: &Match, ip: Ip, field: Field) -> Result<Reading, Refusal> {
    let mut networks: SmallVec<[Interval; 1]> = SmallVec::new();
    let mut all_are_networks = true;
    for word in words(&found.operands) {
        match operand::address(word, ip)? {
            Address::Network(network) => networks.push(Interval::network(network)),
            Address::Masked(..) => all_are_networks = false,
        }
    }
    if all_are_networks {
        return Ok(Reading::values(field, operator(found), networks, words(&found.operands)));
    }
    alternatives(found, |word, operator| {
        let (mask, value) = match operand::address(word, ip)? {
            Address::Network(network) => {
                return Ok(Expr::Match(Compare {
                    field,
                    mask: None,
                    operator,
                    value: interval::value(Interval::network(network)),
                }));
            }
            Address::Masked(value, mask) => (Datum::address(mask), Datum::address(value)),
        };
        Ok(Expr::Match(Compare { field, mask: Some(mask), operator, value: Value::One(value) }))
    })
}

fn address_ranges(found: &Match, ip: Ip, field: Field) -> Result<Reading, Refusal> {
    list(found, field, |word| operand::address_range(word, ip))
}

fn place(context: Context<'_>) -> (Option<Hook>, &str) {
    (context.scope.base_hook(), context.scope.chain)
}

/// `interface` and `outerface` in a chain, which is at a hook if it is a built-in one.
pub(super) fn interfaces(found: &Match, (hook, chain): (Option<Hook>, &str), field: Field) -> Result<Reading, Refusal> {
    let absent =
        if field == Field::Oifname { [Hook::Prerouting, Hook::Input] } else { [Hook::Output, Hook::Postrouting] };
    if let Some(hook) = hook.filter(|hook| absent.contains(hook)) {
        let message = format!("`{}` cannot match in chain {chain}", found.keyword);
        return Err(refuse(PLACE, found.span, message, format!("packets have no such interface in {hook}")));
    }
    let names = words(&found.operands);
    if names.iter().any(|word| &*word.text == "+") {
        return Ok(if found.negated { Reading::Never } else { Reading::Always });
    }
    if names.iter().all(|word| !word.text.ends_with('+')) {
        return list(found, field, |word| interface(word, &word.text).map(Interval::single));
    }
    alternatives(found, |word, operator| {
        let value = match word.text.strip_suffix('+') {
            Some(stem) => {
                let bits = u8::try_from(stem.len() * 8).unwrap_or(u8::MAX);
                Value::Prefix(interface(word, stem)?, bits)
            }
            None => Value::One(interface(word, &word.text)?),
        };
        Ok(Expr::Match(Compare { field, mask: None, operator, value }))
    })
}

/// 1 to 15 bytes, no `/`, white space or control characters; and no `:`, which only the aliases of old had.
fn interface(word: &Word, name: &str) -> Result<Datum, Refusal> {
    let help = if name.contains(':') {
        "an alias is not an interface: match its address with daddr"
    } else if name.is_empty() || name.len() > 15 {
        "interface names have 1 to 15 bytes"
    } else if name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) || [".", ".."].contains(&name) {
        "interface names have no white space and no `/`"
    } else {
        return Ok(Datum::ifname(name));
    };
    Err(refuse(OPERAND, word.span, format!("`{}` is no interface name", word.text), help))
}

fn fragment(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    match ip {
        Ip::V4 => Ok(Reading::expr(later_fragment(operator(found)))),
        Ip::V6 => {
            let message = "`fragment` is a match of domain ip only";
            Err(refuse(PLACE, found.span, message, "put the rule into `domain ip`"))
        }
    }
}

/// A packet of IPv4 that is a fragment and not the first, or is none.
pub(super) fn later_fragment(operator: Operator) -> Expr {
    /// The 13 bits of the fragment offset.
    const OFFSET: u32 = 0x1fff;
    let datum = |bits| Datum::number(DataType::Integer16, bits);
    let operator = match operator {
        Operator::Eq => Operator::Ne,
        Operator::Ne => Operator::Eq,
    };
    Expr::Match(Compare { field: Field::IpFragOff, mask: Some(datum(OFFSET)), operator, value: Value::One(datum(0)) })
}
