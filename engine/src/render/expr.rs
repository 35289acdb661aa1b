//! Matches, lookups and verdicts.

use std::fmt::{self, Write as _};

use super::{datum, part, proxy, queue, quote, set, statement, symbol};
use crate::ruleset::{
    ArpField, Clock, ClockPart, CtField, DataType, Datum, Expr, Family, Field, Lookup, Match, Operator, SetRef, Value,
    Verdict, VerdictMap,
};

/// One expression.
pub(super) fn write(out: &mut String, family: Family, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::Match(matching) => write_match(out, matching),
        Expr::Exists(exists) => part::write_exists(out, *exists),
        Expr::Bytes(bytes) => part::write_bytes(out, *bytes),
        Expr::Lookup(lookup) => write_lookup(out, lookup),
        Expr::VerdictMap(VerdictMap { key, map }) => {
            write_fields(out, key)?;
            out.write_str(" vmap ")?;
            write_set_ref(out, map)
        }
        Expr::Counter => out.write_str("counter packets 0 bytes 0"),
        Expr::NamedCounter(name) => write!(out, "counter name {}", quote::Quoted(name)),
        Expr::Quota(quota) => {
            out.write_str("quota ")?;
            statement::write_quota_size(out, *quota)
        }
        Expr::NamedQuota(name) => write!(out, "quota name {}", quote::Quoted(name)),
        Expr::Limit(limit) => statement::write_limit(out, *limit),
        Expr::Log(log) => statement::write_log(out, log),
        Expr::Verdict(verdict) => write_verdict(out, verdict),
        Expr::Reject(with) => statement::write_reject(out, family, *with),
        Expr::Nat(nat) => statement::write_nat(out, family, nat),
        Expr::Notrack => out.write_str("notrack"),
        Expr::Sample(sample) => statement::write_sample(out, *sample),
        Expr::Clock(moment) => write_clock(out, *moment),
        Expr::Assign(assign) => statement::write_assign(out, *assign),
        Expr::SegmentSize(size) => statement::write_segment_size(out, *size),
        Expr::StripOption(kind) => proxy::write_strip_option(out, *kind),
        Expr::Tproxy(tproxy) => proxy::write_tproxy(out, family, *tproxy),
        Expr::Synproxy(synproxy) => proxy::write_synproxy(out, *synproxy),
        Expr::Queue(queue) => queue::write(out, *queue),
        Expr::Duplicate(address) => write!(out, "dup to {address}"),
        Expr::SetHeader(write) => statement::write_header(out, *write),
        Expr::SetMeta(set) => statement::write_meta(out, *set),
        Expr::SetCt(set) => statement::write_ct(out, set),
        Expr::DynamicSet(dynamic) => statement::write_dynamic_set(out, dynamic),
    }
}

/// A verdict.
pub(super) fn write_verdict(out: &mut String, verdict: &Verdict) -> fmt::Result {
    match verdict {
        Verdict::Accept => out.write_str("accept"),
        Verdict::Drop => out.write_str("drop"),
        Verdict::Return => out.write_str("return"),
        Verdict::Continue => out.write_str("continue"),
        Verdict::Jump(chain) => write!(out, "jump {}", quote::Identifier(chain)),
        Verdict::Goto(chain) => write!(out, "goto {}", quote::Identifier(chain)),
    }
}

/// A concatenation of fields.
pub(super) fn write_fields(out: &mut String, fields: &[Field]) -> fmt::Result {
    for (index, field) in fields.iter().enumerate() {
        write!(out, "{}{}", if index == 0 { "" } else { " . " }, field_name(*field))?;
    }
    Ok(())
}

/// What nft calls a field.
pub(super) fn field_name(field: Field) -> &'static str {
    match field {
        Field::Iifname => "iifname",
        Field::Oifname => "oifname",
        Field::NfProto => "meta nfproto",
        Field::L4Proto => "meta l4proto",
        Field::Mark => "meta mark",
        Field::PktType => "meta pkttype",
        Field::SkUid => "meta skuid",
        Field::SkGid => "meta skgid",
        Field::Length => "meta length",
        Field::Iifgroup => "iifgroup",
        Field::Oifgroup => "oifgroup",
        Field::Cpu => "meta cpu",
        Field::Cgroup => "meta cgroup",
        Field::Realm => "meta rtclassid",
        Field::Ipsec => "meta ipsec",
        Field::RtIpsec => "rt ipsec",
        Field::SocketTransparent => "socket transparent",
        Field::SocketWildcard => "socket wildcard",
        Field::EtherSaddr => "ether saddr",
        Field::EtherDaddr => "ether daddr",
        Field::EtherType => "ether type",
        Field::VlanId => "vlan id",
        Field::VlanPcp => "vlan pcp",
        Field::VlanType => "vlan type",
        Field::Arp(field) => arp_name(field),
        Field::IpSaddr => "ip saddr",
        Field::IpDaddr => "ip daddr",
        Field::IpFragOff => "ip frag-off",
        Field::IpDscp => "ip dscp",
        Field::IpEcn => "ip ecn",
        Field::IpTtl => "ip ttl",
        Field::Ip6Saddr => "ip6 saddr",
        Field::Ip6Daddr => "ip6 daddr",
        Field::Ip6Dscp => "ip6 dscp",
        Field::Ip6Ecn => "ip6 ecn",
        Field::Ip6Hoplimit => "ip6 hoplimit",
        Field::ThSport => "th sport",
        Field::ThDport => "th dport",
        Field::TcpSport => "tcp sport",
        Field::TcpDport => "tcp dport",
        Field::TcpFlags => "tcp flags",
        Field::TcpOptionMaxseg => "tcp option maxseg size",
        Field::UdpSport => "udp sport",
        Field::UdpDport => "udp dport",
        Field::SctpSport => "sctp sport",
        Field::SctpDport => "sctp dport",
        Field::EspSpi => "esp spi",
        Field::AhSpi => "ah spi",
        Field::AhHdrlength => "ah hdrlength",
        Field::AhReserved => "ah reserved",
        Field::DccpType => "dccp type",
        Field::RtType => "rt type",
        Field::RtSegLeft => "rt seg-left",
        Field::RtHdrlength => "rt hdrlength",
        Field::HbhHdrlength => "hbh hdrlength",
        Field::DstHdrlength => "dst hdrlength",
        Field::MhType => "mh type",
        Field::IcmpType => "icmp type",
        Field::IcmpCode => "icmp code",
        Field::Icmpv6Type => "icmpv6 type",
        Field::Icmpv6Code => "icmpv6 code",
        Field::Ct(field) => ct_name(field),
        Field::FibSaddrType => "fib saddr type",
        Field::FibDaddrType => "fib daddr type",
        Field::FibDaddrIifType => "fib daddr . iif type",
        Field::FibSaddrIifType => "fib saddr . iif type",
        Field::FibSaddrOifType => "fib saddr . oif type",
        Field::FibDaddrOifType => "fib daddr . oif type",
        Field::FibSaddrIifOif => "fib saddr . iif oif",
        Field::FibSaddrMarkIifOif => "fib saddr . mark . iif oif",
        Field::FibSaddrOif => "fib saddr oif",
        Field::FibSaddrMarkOif => "fib saddr . mark oif",
    }
}

fn ct_name(field: CtField) -> &'static str {
    match field {
        CtField::State => "ct state",
        CtField::Status => "ct status",
        CtField::Mark => "ct mark",
        CtField::Direction => "ct direction",
        CtField::OriginalIpSaddr => "ct original ip saddr",
        CtField::OriginalIpDaddr => "ct original ip daddr",
        CtField::OriginalIp6Saddr => "ct original ip6 saddr",
        CtField::OriginalIp6Daddr => "ct original ip6 daddr",
        CtField::OriginalProtoSrc => "ct original proto-src",
        CtField::OriginalProtoDst => "ct original proto-dst",
        CtField::Bytes => "ct bytes",
        CtField::Packets => "ct packets",
        CtField::Avgpkt => "ct avgpkt",
        CtField::OriginalBytes => "ct original bytes",
        CtField::OriginalPackets => "ct original packets",
        CtField::OriginalAvgpkt => "ct original avgpkt",
        CtField::ReplyBytes => "ct reply bytes",
        CtField::ReplyPackets => "ct reply packets",
        CtField::ReplyAvgpkt => "ct reply avgpkt",
        CtField::Protocol => "ct protocol",
        CtField::Expiration => "ct expiration",
        CtField::Helper => "ct helper",
        CtField::ReplyIpSaddr => "ct reply ip saddr",
        CtField::ReplyIpDaddr => "ct reply ip daddr",
        CtField::ReplyIp6Saddr => "ct reply ip6 saddr",
        CtField::ReplyIp6Daddr => "ct reply ip6 daddr",
    }
}

fn arp_name(field: ArpField) -> &'static str {
    match field {
        ArpField::Htype => "arp htype",
        ArpField::Ptype => "arp ptype",
        ArpField::Hlen => "arp hlen",
        ArpField::Plen => "arp plen",
        ArpField::Operation => "arp operation",
        ArpField::SaddrEther => "arp saddr ether",
        ArpField::SaddrIp => "arp saddr ip",
        ArpField::DaddrEther => "arp daddr ether",
        ArpField::DaddrIp => "arp daddr ip",
    }
}

fn write_lookup(out: &mut String, lookup: &Lookup) -> fmt::Result {
    let Lookup { key, operator, set } = lookup;
    write_fields(out, key)?;
    out.write_str(negation(*operator))?;
    out.write_char(' ')?;
    write_set_ref(out, set)
}

fn write_set_ref(out: &mut String, set: &SetRef) -> fmt::Result {
    match set {
        SetRef::Named(name) => write!(out, "@{}", quote::Identifier(name)),
        SetRef::Anonymous { spec, elements } => set::write_anonymous(out, spec, elements),
    }
}

fn write_match(out: &mut String, matching: &Match) -> fmt::Result {
    let Match { field, mask, operator, value } = matching;
    out.write_str(field_name(*field))?;
    let data_type = field.data_type();
    let mask = mask.filter(|mask| *mask != Datum::max(data_type));
    match (mask, value) {
        (Some(mask), Value::One(value)) if symbol::bits(data_type).is_some() => {
            write_flags(out, &mask, *operator, value)
        }
        (Some(mask), Value::One(value)) => write_masked(out, &mask, *operator, value),
        (Some(mask), Value::Range(range)) => {
            out.write_str(" & ")?;
            datum::write(out, &mask)?;
            out.write_str(negation(*operator))?;
            out.write_char(' ')?;
            datum::write_range(out, range)
        }
        (Some(mask), Value::Prefix(value, bits)) => {
            let prefix = datum::prefix_mask(data_type, *bits);
            write_masked(out, &datum::and(&mask, &prefix), *operator, &datum::and(value, &prefix))
        }
        (None, Value::One(value)) if symbol::bits(data_type).is_some() => {
            write!(out, " {} ", comparison(*operator))?;
            // nft joins the flags of TCP by commas only, and would take those for "one of them".
            if data_type == DataType::TcpFlag && value.to_u128().count_ones() > 1 {
                return datum::write_number(out, value);
            }
            datum::write_bits(out, value, " | ")
        }
        (None, Value::One(value)) => {
            out.write_str(negation(*operator))?;
            out.write_char(' ')?;
            datum::write(out, value)
        }
        (None, Value::Range(range)) => {
            out.write_str(negation(*operator))?;
            out.write_char(' ')?;
            datum::write_range(out, range)
        }
        (None, Value::Prefix(value, bits)) => write_prefix_match(out, data_type, *operator, value, *bits),
    }
}

fn write_prefix_match(
    out: &mut String,
    data_type: DataType,
    operator: Operator,
    value: &Datum,
    bits: u8,
) -> fmt::Result {
    let mask = datum::prefix_mask(data_type, bits);
    if data_type == DataType::Ifname {
        let beginning = quote::InterfacePrefix(value, usize::from(bits / 8));
        return write!(out, "{} {beginning}", negation(operator));
    }
    if datum::has_prefix_notation(data_type) {
        out.write_str(negation(operator))?;
        out.write_char(' ')?;
        return datum::write_prefix(out, &datum::and(value, &mask), bits);
    }
    write_masked(out, &mask, operator, &datum::and(value, &mask))
}

/// `ct state new,established`, `ct status ! dnat`, `tcp flags syn / syn,ack`, `tcp flags & syn == syn`.
fn write_flags(out: &mut String, mask: &Datum, operator: Operator, value: &Datum) -> fmt::Result {
    if value.to_u128() == 0 {
        out.write_str(match operator {
            Operator::Eq => " ! ",
            Operator::Ne => " ",
        })?;
        return datum::write_bits(out, mask, ",");
    }
    if mask.to_u128().is_power_of_two() {
        return write_masked(out, mask, operator, value);
    }
    out.write_str(negation(operator))?;
    out.write_char(' ')?;
    datum::write_bits(out, value, ",")?;
    out.write_str(" / ")?;
    datum::write_bits(out, mask, ",")
}

/// `meta mark & 0x0000ff00 == 0x00000100`.
fn write_masked(out: &mut String, mask: &Datum, operator: Operator, value: &Datum) -> fmt::Result {
    out.write_str(" & ")?;
    datum::write(out, mask)?;
    write!(out, " {} ", comparison(operator))?;
    datum::write(out, value)
}

/// In numbers, which nft takes for UTC; in words it would take hours for those of whoever loads the text.
fn write_clock(out: &mut String, Clock { part, operator, low, high }: Clock) -> fmt::Result {
    out.write_str(match part {
        ClockPart::Time => "meta time",
        ClockPart::Day => "meta day",
        ClockPart::Hour => "meta hour",
    })?;
    out.write_str(negation(operator))?;
    match (part, symbol::day(low)) {
        (ClockPart::Day, Some(name)) if low == high => write!(out, " \"{name}\""),
        _ if low == high => write!(out, " {low}"),
        _ => write!(out, " {low}-{high}"),
    }
}

/// Where nft leaves "equal" out.
pub(super) fn negation(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "",
        Operator::Ne => " !=",
    }
}

pub(super) fn comparison(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "==",
        Operator::Ne => "!=",
    }
}
