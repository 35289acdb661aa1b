//! What is put into the kernel is what is observed: rules.

use std::collections::BTreeMap;
use std::time::Duration;

use super::samples::{home, queues, range, value, wants_protocol};
use super::world::{INPUT, creation, filter, inet, ipv4, jump, name, only, rule, rules_in};
use super::{Case, Deviation, Needs, expect_ruleset};
use crate::kernel::{Guard, Kernel};
use crate::ruleset::{
    Assign, AssignTarget, BaseChain, Bytes, BytesBase, Chain, ChainType, Clock, ClockPart, Comment, Connections,
    CtField, DataType, Datum, DynamicSet, Element, ElementKey, Elements, Exists, Expr, ExtensionHeader, Family, Field,
    HeaderField, Hook, Interval, Limit, LimitUnit, Log, LogLevel, Lookup, Match, Nat, NatKind, Operator, Part,
    PerElement, Priority, Quota, RejectWith, Rule, Ruleset, Sample, SctpChunk, SegmentSize, Set, SetCt, SetHeader,
    SetMeta, SetOperation, SetRef, SetSpec, Synproxy, Table, TableKey, Tproxy, Value, Verdict, VerdictMap,
    ZoneDirection,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "every field is compared", needs: Needs::Nothing, run: fields_compared },
    Case { name: "every field is looked up", needs: Needs::Nothing, run: fields_looked_up },
    Case { name: "ranges, prefixes and masks", needs: Needs::Nothing, run: values },
    Case { name: "every statement", needs: Needs::Nothing, run: statements },
    Case { name: "rejects of every family", needs: Needs::Nothing, run: rejects },
    Case { name: "fields of the header are written", needs: Needs::Nothing, run: headers },
    Case { name: "segment sizes", needs: Needs::Nothing, run: segment_sizes },
    Case { name: "parts that not every packet has", needs: Needs::Nothing, run: parts },
    Case { name: "connections that are taken over", needs: Needs::Nothing, run: taken_over },
    Case { name: "packets that wait for programs", needs: Needs::Queue, run: queued },
    Case { name: "copies of packets", needs: Needs::Nothing, run: copied },
    Case { name: "address translation", needs: Needs::Nothing, run: nat },
    Case { name: "verdicts, jumps and verdict maps", needs: Needs::Nothing, run: verdicts },
    Case { name: "rules that add to sets", needs: Needs::Nothing, run: dynamic_sets },
    Case { name: "base chains of every hook, type and family", needs: Needs::Nothing, run: base_chains },
    Case { name: "comments as long as they may be", needs: Needs::Nothing, run: comments },
];

/// Puts a ruleset into an empty kernel and compares.
pub(super) fn round_trip(kernel: &mut dyn Kernel, ruleset: &Ruleset) -> Result<(), Deviation> {
    kernel.commit(&creation(ruleset), Guard::None)?;
    expect_ruleset(kernel, ruleset)
}

/// One rule per field, each in a chain where the field means something.
fn rules_of_fields(rules: impl Fn(Field) -> Vec<Rule>) -> Ruleset {
    let mut by_home: BTreeMap<(Family, Hook), Vec<Rule>> = BTreeMap::new();
    for field in Field::ALL.iter().copied() {
        by_home.entry(home(field)).or_default().extend(rules(field));
    }
    let mut ruleset = Ruleset::default();
    for ((family, hook), rules) in by_home {
        let table = ruleset.tables.entry(TableKey::ours(family)).or_default();
        let chain = Chain { base: Some(filter(hook)), comment: None, rules };
        table.chains.insert(name(&format!("base_{hook}")), chain);
    }
    ruleset
}

/// A rule that gives the field what it wants before it.
fn guarded(field: Field, expr: Expr) -> Rule {
    let tcp = wants_protocol(field).then(|| Match::eq(Field::L4Proto, Datum::protocol(6)));
    rule(tcp.into_iter().chain([expr]).collect::<Vec<_>>())
}

fn compared(field: Field, operator: Operator, value: Value) -> Rule {
    guarded(field, Expr::Match(Match { field, mask: None, operator, value }))
}

/// A value of a field; some have fewer bits than their type.
fn of_field(field: Field, n: u8) -> Datum {
    if matches!(field, Field::VlanId | Field::VlanPcp) {
        return Datum::number(field.data_type(), u32::from(n));
    }
    value(field.data_type(), n)
}

fn fields_compared(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ruleset = rules_of_fields(|field| {
        let one = |n| Value::One(of_field(field, n));
        vec![compared(field, Operator::Eq, one(0)), compared(field, Operator::Ne, one(1))]
    });
    round_trip(kernel, &ruleset)
}

fn fields_looked_up(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ruleset = rules_of_fields(|field| {
        // Which cannot be: see the lowering.
        if field == Field::VlanPcp {
            return Vec::new();
        }
        let elements: Elements = (0..2).map(|n| (ElementKey::values([of_field(field, n)]), Element::PLAIN)).collect();
        let set = |operator| {
            let set = SetRef::Anonymous { spec: SetSpec::hash([field.data_type()]), elements: elements.clone() };
            guarded(field, Expr::Lookup(Lookup { key: vec![field], operator, set }))
        };
        vec![set(Operator::Eq), set(Operator::Ne)]
    });
    round_trip(kernel, &ruleset)
}

fn values(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let mut rules = Vec::new();
    for field in Field::ALL.iter().copied() {
        if let (Some(range), (Family::Inet, Hook::Input)) = (range(field.data_type()), home(field)) {
            rules.push(compared(field, Operator::Eq, Value::Range(range)));
            rules.push(compared(field, Operator::Ne, Value::Range(range)));
        }
    }
    let network = Datum::ipv4([10, 1, 0, 0].into());
    for bits in [1, 8, 15, 16, 24, 31] {
        let network = Datum::from_u128(DataType::Ipv4Addr, network.to_u128() >> (32 - bits) << (32 - bits));
        rules.push(compared(Field::IpSaddr, Operator::Eq, Value::Prefix(network, bits)));
        rules.push(compared(Field::IpDaddr, Operator::Ne, Value::Prefix(network, bits)));
    }
    for bits in [1_u8, 32, 56, 64, 127] {
        let network = Datum::from_u128(DataType::Ipv6Addr, 0x2001_0db8 << 96 >> (128 - bits) << (128 - bits));
        rules.push(compared(Field::Ip6Saddr, Operator::Eq, Value::Prefix(network, bits)));
    }
    for operator in [Operator::Eq, Operator::Ne] {
        rules.push(compared(Field::Iifname, operator, Value::Prefix(Datum::ifname("ppp"), 24)));
    }
    let masked = |field: Field, mask, operator, value| {
        let number = |number| Datum::number(field.data_type(), number);
        rule([Expr::Match(Match { field, mask: Some(number(mask)), operator, value: Value::One(number(value)) })])
    };
    rules.push(rule([Match::any_bit(Field::Ct(CtField::State), 2 | 4)]));
    rules.push(rule([Match::any_bit(Field::Ct(CtField::Status), 0x20)]));
    rules.push(masked(Field::Ct(CtField::State), 8, Operator::Eq, 0));
    rules.push(masked(Field::TcpFlags, 0x17, Operator::Eq, 0x02));
    rules.push(masked(Field::TcpFlags, 0x17, Operator::Ne, 0x02));
    rules.push(masked(Field::Mark, 0xff00, Operator::Eq, 0x0100));
    rules.push(masked(Field::Ct(CtField::Mark), 0x8000_0000, Operator::Ne, 0));
    rules.push(masked(Field::IpFragOff, 0x1fff, Operator::Ne, 0));
    round_trip(kernel, &only(Family::Inet, rules_in(INPUT, rules)))
}

fn statements(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let mut exprs = vec![
        Expr::Counter,
        Expr::NamedCounter(name("seen")),
        Expr::NamedQuota(name("quota")),
        Expr::Quota(Quota { bytes: 10 << 20, over: true }),
        Expr::Quota(Quota { bytes: 1_000, over: false }),
        Expr::Notrack,
        moment(ClockPart::Hour, Operator::Eq, 32_400, 63_000),
        moment(ClockPart::Hour, Operator::Ne, 79_201, 79_201),
        moment(ClockPart::Day, Operator::Eq, 1, 5),
        moment(ClockPart::Day, Operator::Ne, 0, 0),
        moment(ClockPart::Time, Operator::Eq, 1_798_761_600, ClockPart::Time.largest()),
        moment(ClockPart::Time, Operator::Ne, 1_798_804_801, ClockPart::Time.largest()),
        Expr::Sample(Sample::Random { most: 0 }),
        Expr::Sample(Sample::Random { most: 0x7fff_ffff }),
        Expr::Sample(Sample::Nth { every: 3, packet: 0 }),
        Expr::Sample(Sample::Nth { every: 1000, packet: 999 }),
    ];
    for per in [LimitUnit::Second, LimitUnit::Minute, LimitUnit::Hour, LimitUnit::Day, LimitUnit::Week] {
        exprs.push(Expr::Limit(Limit { rate: 10, per, burst: 5, bytes: false, over: false }));
    }
    exprs.push(Expr::Limit(Limit { rate: 400, per: LimitUnit::Minute, burst: 20, bytes: false, over: true }));
    exprs.push(Expr::Limit(Limit { rate: 1 << 20, per: LimitUnit::Second, burst: 4_096, bytes: true, over: false }));
    for level in [
        LogLevel::Emerg,
        LogLevel::Alert,
        LogLevel::Crit,
        LogLevel::Err,
        LogLevel::Warn,
        LogLevel::Notice,
        LogLevel::Info,
        LogLevel::Debug,
    ] {
        exprs.push(Expr::Log(Log { prefix: Some("denied: ".into()), level: Some(level), ..Log::default() }));
    }
    exprs.push(Expr::Log(Log { level: Some(LogLevel::Audit), ..Log::default() }));
    exprs.push(Expr::Log(Log::default()));
    exprs.push(Expr::Log(Log { prefix: Some("x".repeat(127).into()), ..Log::default() }));
    exprs.push(Expr::Log(Log { flags: 1 | 2 | 4 | 8 | 32, level: Some(LogLevel::Info), ..Log::default() }));
    let to_group = Log { prefix: Some("P:7".into()), group: Some(100), snaplen: Some(128), ..Log::default() };
    exprs.push(Expr::Log(Log { queue_threshold: Some(32), ..to_group.clone() }));
    exprs.push(Expr::Log(Log { group: Some(0), ..Log::default() }));
    exprs.push(Expr::Log(to_group));
    for target in [AssignTarget::Mark, AssignTarget::CtMark] {
        for source in [AssignTarget::Mark, AssignTarget::CtMark] {
            exprs.push(Expr::Assign(Assign { target, source, mask: 0xffff_00ff, xor: 0x100 }));
            exprs.push(Expr::Assign(Assign { target, source, mask: u32::MAX, xor: 0 }));
        }
        exprs.push(Expr::Assign(Assign { target, source: target, mask: 0, xor: 0x2a }));
    }
    exprs.extend([SetMeta::Trace, SetMeta::Priority(0x1_0002)].map(Expr::SetMeta));
    for direction in [None, Some(ZoneDirection::Original), Some(ZoneDirection::Reply)] {
        exprs.push(Expr::SetCt(SetCt::Zone { direction, zone: 0 }));
        exprs.push(Expr::SetCt(SetCt::Zone { direction, zone: 0x102 }));
    }
    let rules = exprs.into_iter().map(|expr| rule([expr])).collect();
    let table = Table {
        counters: BTreeMap::from([(name("seen"), Some(Comment::new("what was seen")))]),
        quotas: BTreeMap::from([(name("quota"), Quota { bytes: 5_000_000, over: true })]),
        ..rules_in(filter(Hook::Prerouting), rules)
    };
    round_trip(kernel, &only(Family::Inet, table))
}

fn moment(part: ClockPart, operator: Operator, low: u64, high: u64) -> Expr {
    Expr::Clock(Clock { part, operator, low, high })
}

fn rejects(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let tcp_reset = rule([Match::eq(Field::L4Proto, Datum::protocol(6)), Expr::Reject(RejectWith::TcpReset)]);
    let each = |with: fn(u8) -> RejectWith, codes: &[u8]| {
        codes.iter().map(|code| rule([Expr::Reject(with(*code))])).collect::<Vec<_>>()
    };
    let of_family = |protocol: u32, reject| {
        let family = Match::eq(Field::NfProto, Datum::number(DataType::NfProto, protocol));
        rule([family, Expr::Reject(reject)])
    };
    let mut inet = each(RejectWith::Icmpx, &[0, 1, 2, 3]);
    inet.push(tcp_reset.clone());
    inet.push(of_family(2, RejectWith::Icmp(3)));
    inet.push(of_family(10, RejectWith::Icmpv6(4)));
    let mut ip = each(RejectWith::Icmp, &[0, 1, 2, 3, 9, 10, 13]);
    ip.push(tcp_reset);
    let ip6 = each(RejectWith::Icmpv6, &[0, 1, 3, 4]);
    let tables = [(Family::Inet, inet), (Family::Ip, ip), (Family::Ip6, ip6)];
    let tables = tables.map(|(family, rules)| (TableKey::ours(family), rules_in(INPUT, rules)));
    round_trip(kernel, &Ruleset { tables: tables.into() })
}

fn headers(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let write = |field: &HeaderField| {
        let write = |value| Expr::SetHeader(SetHeader { field: *field, value });
        let protocol = if field.is_v4() { 2 } else { 10 };
        let family = Match::eq(Field::NfProto, Datum::number(DataType::NfProto, protocol));
        [rule([write(0)]), rule([write(1)]), rule([write(field.largest())]), rule([family, Expr::Counter, write(2)])]
    };
    let rules = HeaderField::ALL.iter().flat_map(write).collect();
    round_trip(kernel, &only(Family::Inet, rules_in(filter(Hook::Forward), rules)))
}

fn segment_sizes(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let mut table = Table::default();
    for hook in [Hook::Forward, Hook::Output, Hook::Postrouting] {
        let rules = [SegmentSize::Bytes(1_400), SegmentSize::Bytes(0), SegmentSize::RouteMtu]
            .into_iter()
            .flat_map(|size| {
                let tcp = Match::eq(Field::L4Proto, Datum::protocol(6));
                [rule([Expr::SegmentSize(size)]), rule([tcp, Expr::SegmentSize(size)])]
            })
            .collect();
        let chain = Chain { base: Some(filter(hook)), comment: None, rules };
        table.chains.insert(name(&format!("base_{hook}")), chain);
    }
    round_trip(kernel, &only(Family::Inet, table))
}

fn parts(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let headers = ExtensionHeader::ALL.iter().copied().map(Part::ExtensionHeader);
    let options = [0, 1, 2, 3, 77, 255].map(Part::TcpOption);
    let chunks = SctpChunk::ALL.iter().copied().map(Part::SctpChunk);
    let exists = headers.chain(options).chain(chunks).flat_map(|part| [Exists::there(part), Exists::missing(part)]);
    let bytes = |base, offset, length, mask, low, high| {
        [Operator::Eq, Operator::Ne].map(|operator| Bytes { base, offset, length, mask, operator, low, high })
    };
    let (network, transport) = (BytesBase::Network, BytesBase::Transport);
    let bytes = [
        bytes(network, 8, 4, 0xff, 6, 6),
        bytes(network, 12, 4, u32::MAX.into(), 0x0a00_0001, 0x0a00_0001),
        bytes(network, 0, 4, 0xffff, 100, 200),
        bytes(network, 40, 16, u128::MAX, 1 << 120, 1 << 120),
        bytes(transport, 0, 2, 0xffff, 22, 80),
        bytes(transport, 255, 1, 0xff, 5, 5),
    ];
    let exprs = exists.map(Expr::Exists).chain(bytes.into_iter().flatten().map(Expr::Bytes));
    let mut table = Table::default();
    let rules = exprs.map(|expr| rule([expr])).collect();
    table.chains.insert(name("base"), Chain { base: Some(filter(Hook::Forward)), comment: None, rules });
    round_trip(kernel, &only(Family::Inet, table))
}

fn taken_over(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let tcp = Match::eq(Field::L4Proto, Datum::protocol(6));
    let of_tcp = |exprs: Vec<Expr>| exprs.into_iter().map(|expr| rule([tcp.clone(), expr])).collect::<Vec<_>>();
    let (v4, v6) = (Some([10, 0, 0, 1].into()), Some([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()));
    let handed = [(v4, Some(80)), (v6, Some(80)), (v4, None), (v6, None), (None, Some(0x5051))]
        .map(|(address, port)| Expr::Tproxy(Tproxy { address, port }));
    let sizes = [(Some(1_460), Some(7)), (Some(0), Some(0)), (Some(1_220), None), (None, Some(14)), (None, None)];
    let opened = sizes.into_iter().flat_map(|(segment_size, window_scale)| {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|(timestamp, sack)| Expr::Synproxy(Synproxy { segment_size, window_scale, timestamp, sack }))
    });
    let stripped = [2, 3, 8, 19, 77, 255].map(Expr::StripOption);
    let mut table = Table::default();
    for (hook, exprs) in [
        (Hook::Prerouting, handed.into_iter().chain(stripped.clone()).collect()),
        (Hook::Forward, opened.clone().collect()),
        (Hook::Input, opened.chain(stripped).collect()),
    ] {
        let chain = Chain { base: Some(filter(hook)), comment: None, rules: of_tcp(exprs) };
        table.chains.insert(name(&format!("base_{hook}")), chain);
    }
    round_trip(kernel, &only(Family::Inet, table))
}

fn queued(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let exprs = queues().map(Expr::Queue);
    for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Bridge] {
        let mut table = Table::default();
        let rules = exprs.clone().map(|expr| rule([expr])).collect();
        table.chains.insert(name("base"), Chain { base: Some(filter(Hook::Forward)), comment: None, rules });
        round_trip(kernel, &only(family, table))?;
    }
    Ok(())
}

fn copied(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let addresses = [[10, 0, 0, 1].into(), [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()];
    let tables = addresses.into_iter().zip([Family::Ip, Family::Ip6]).map(|(address, family)| {
        let mut table = Table::default();
        for hook in [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting] {
            let rules = vec![rule([Expr::Duplicate(address)]), rule([Expr::Duplicate(address), Expr::Counter])];
            let chain = Chain { base: Some(filter(hook)), comment: None, rules };
            table.chains.insert(name(&format!("base_{hook}")), chain);
        }
        (TableKey::ours(family), table)
    });
    round_trip(kernel, &Ruleset { tables: tables.collect() })
}

fn nat(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let chain = |hook, priority, rules| {
        let base = BaseChain { chain_type: ChainType::Nat, hook, priority: Priority(priority) };
        Chain { base: Some(base), comment: None, rules }
    };
    let translate = |kind, addresses, ports: Option<Interval>, flags| {
        let tcp = ports.map(|_| Match::eq(Field::L4Proto, Datum::protocol(6)));
        let nat = Expr::Nat(Nat { kind, addresses, ports, flags });
        rule(tcp.into_iter().chain([nat]).collect::<Vec<_>>())
    };
    let v4 = Some(Interval::single(ipv4(1)));
    let v4_range = Interval::new(ipv4(1), ipv4(9));
    let v6 = Some(Interval::single(value(DataType::Ipv6Addr, 0)));
    let v6_range = range(DataType::Ipv6Addr);
    let port = Some(Interval::single(Datum::port(8_080)));
    let ports = range(DataType::InetService);
    let both = |kind| {
        vec![
            translate(kind, v4, None, 0),
            translate(kind, v4, port, 0),
            translate(kind, v4_range, ports, 0),
            translate(kind, v4, None, 4),
            translate(kind, v4_range, None, 8),
            translate(kind, Some(Interval::network("10.1.2.0/24".parse().expect("it is a network"))), None, 64),
            translate(kind, Some(Interval::network("2001:db8::/56".parse().expect("it is a network"))), None, 64),
            translate(kind, v6, None, 0),
            translate(kind, v6, port, 16),
            translate(kind, v6_range, None, 0),
        ]
    };
    let alone = |kind| {
        vec![
            translate(kind, None, None, 0),
            translate(kind, None, port, 0),
            translate(kind, None, ports, 4),
            translate(kind, None, None, 16),
        ]
    };
    let mut prerouting = both(NatKind::Destination);
    prerouting.extend(alone(NatKind::Redirect));
    let mut postrouting = both(NatKind::Source);
    postrouting.extend(alone(NatKind::Masquerade));
    let chains = [
        (name("pre"), chain(Hook::Prerouting, -101, prerouting)),
        (name("out"), chain(Hook::Output, -101, both(NatKind::Destination))),
        (name("in"), chain(Hook::Input, 99, vec![translate(NatKind::Source, v4, None, 0)])),
        (name("post"), chain(Hook::Postrouting, 99, postrouting)),
    ];
    round_trip(kernel, &only(Family::Inet, Table { chains: chains.into(), ..Table::default() }))
}

fn verdicts(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let goto = Verdict::Goto(name("other"));
    let all = [Verdict::Accept, Verdict::Drop, Verdict::Return, Verdict::Continue, goto, Verdict::Jump(name("one"))];
    let elements: Elements = (0..)
        .zip(&all)
        .map(|(n, verdict)| (ElementKey::values([ipv4(n)]), Element::verdict(verdict.clone())))
        .chain([(ElementKey::CatchAll, Element::verdict(Verdict::Drop))])
        .collect();
    let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
    let named = SetRef::Named(name("map"));
    let anonymous = SetRef::Anonymous { spec: spec.clone(), elements: elements.clone() };
    let mut rules: Vec<Rule> =
        all.iter().map(|verdict| rule([Match::eq(Field::IpSaddr, ipv4(77)), Expr::Verdict(verdict.clone())])).collect();
    for map in [named, anonymous] {
        rules.push(rule([Expr::VerdictMap(VerdictMap { key: vec![Field::IpDaddr], map })]));
    }
    let key = vec![Field::IpDaddr, Field::L4Proto, Field::ThDport];
    let ports = Interval::new(Datum::port(80), Datum::port(443));
    let parts = [Interval::single(ipv4(1)), Interval::single(Datum::protocol(6))].into_iter().chain(ports);
    let map = SetRef::Anonymous {
        spec: SetSpec::intervals([DataType::Ipv4Addr, DataType::InetProto, DataType::InetService]).verdicts(),
        elements: Elements::from([(ElementKey::intervals(parts), Element::verdict(Verdict::Accept))]),
    };
    rules.push(rule([Expr::VerdictMap(VerdictMap { key, map })]));
    let regular = |rules| Chain { base: None, comment: Some(Comment::new("a chain")), rules };
    let mut table = rules_in(INPUT, rules);
    table.chains.insert(name("one"), regular(vec![jump("other"), rule([Expr::Counter])]));
    table.chains.insert(name("other"), regular(Vec::new()));
    table.sets.insert(name("map"), Set { spec, elements });
    round_trip(kernel, &only(Family::Inet, table))
}

fn dynamic_sets(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let minute = Some(Duration::from_secs(60));
    let spec = SetSpec {
        dynamic: true,
        timeout: minute,
        size: 65_535.try_into().ok(),
        ..SetSpec::hash([DataType::Ipv4Addr, DataType::InetService])
    };
    let limit = Limit { rate: 10, per: LimitUnit::Second, burst: 5, bytes: false, over: true };
    let statement = |set, operation, timeout, per_element, mask: Option<Datum>| {
        let key = vec![Field::IpSaddr, Field::TcpDport];
        let masks = mask.map(|mask| (Field::IpSaddr, mask)).into_iter().collect();
        rule([Expr::DynamicSet(DynamicSet { operation, set: name(set), key, masks, timeout, per_element })])
    };
    let limit = Some(PerElement::Limit(limit));
    let connections = |over| Some(PerElement::Connections(Connections { count: 10, over }));
    let network = Some(Datum::ipv4([255, 255, 240, 0].into()));
    let rules = vec![
        statement("recent", SetOperation::Add, None, None, None),
        statement("recent", SetOperation::Update, minute, None, None),
        statement("recent", SetOperation::Update, minute, limit, None),
        statement("recent", SetOperation::Update, minute, limit, network),
        statement("recent", SetOperation::Delete, None, None, None),
        statement("connections", SetOperation::Add, None, connections(false), None),
        statement("connections", SetOperation::Add, None, connections(true), network),
    ];
    let mut table = rules_in(INPUT, rules);
    let lasting = SetSpec { timeout: None, ..spec.clone() };
    table.sets.insert(name("recent"), Set { spec, elements: Elements::new() });
    // Elements that know their connections go with the last of those, and take no time besides.
    table.sets.insert(name("connections"), Set { spec: lasting, elements: Elements::new() });
    round_trip(kernel, &only(Family::Inet, table))
}

fn base_chains(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
    let mut ruleset = Ruleset::default();
    for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge] {
        let routed = matches!(family, Family::Inet | Family::Ip | Family::Ip6);
        let mut table = Table::default();
        let mut add = |chain_type: ChainType, hook: Hook, priority| {
            let base = BaseChain { chain_type, hook, priority: Priority(priority) };
            let chain = Chain { base: Some(base), comment: None, rules: Vec::new() };
            table.chains.insert(name(&format!("{chain_type}_{hook}")), chain);
        };
        for hook in hooks {
            if family != Family::Arp || matches!(hook, Hook::Input | Hook::Output) {
                add(ChainType::Filter, hook, -301);
            }
            if routed && hook != Hook::Forward {
                add(ChainType::Nat, hook, 99);
            }
        }
        if routed {
            add(ChainType::Route, Hook::Output, -151);
        }
        ruleset.tables.insert(TableKey::ours(family), table);
    }
    round_trip(kernel, &ruleset)
}

fn comments(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let comment = || Some(Comment::new(&"é".repeat(60)));
    let spec = SetSpec { comment: comment(), ..SetSpec::hash([DataType::Ipv4Addr]) };
    let element = Element { comment: comment(), ..Element::PLAIN };
    let longest = "n".repeat(crate::ruleset::NAME_MAX - 3);
    let chain = Chain {
        base: Some(INPUT),
        comment: comment(),
        rules: vec![Rule { exprs: vec![Expr::Verdict(Verdict::Accept)], comment: comment() }],
    };
    let table = Table {
        comment: comment(),
        counters: BTreeMap::from([(name("c"), comment()), (name(&longest), None)]),
        quotas: BTreeMap::new(),
        helpers: BTreeMap::new(),
        sets: BTreeMap::from([(
            name(&longest),
            Set { spec, elements: Elements::from([(ElementKey::values([ipv4(1)]), element)]) },
        )]),
        chains: BTreeMap::from([(name(&longest), chain)]),
    };
    let ruleset = only(Family::Inet, table);
    round_trip(kernel, &ruleset)?;
    let observed = kernel.observe(&[inet()])?;
    let table = observed.tables.get(&inet());
    let told = table.is_some_and(|table| {
        table.comment == comment() && table.counters.get(&name("c")).is_some_and(|counter| counter.comment == comment())
    });
    super::expect(told, "the comment of the table or of the counter is not what it was")
}
