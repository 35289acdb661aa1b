//! What the renderer writes, nft loads and lists again byte for byte.
//!
//! Runs `nft` in network namespaces of its own; needs root and nft, and says so where they are missing.
#![expect(clippy::disallowed_methods, reason = "the test runs nft, which the crate itself must not")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its own premises do not hold")]
#![expect(clippy::wildcard_enum_match_arm, reason = "only some fields need a match before them")]

use std::num::NonZeroU32;
use std::time::Duration;

use engine::render;
use engine::ruleset::{
    ArpField, Assign, AssignTarget, BaseChain, Bytes, BytesBase, Chain, ChainType, Clock, ClockPart, Comment,
    Connections, CtField, DataType, Datum, DynamicSet, Element, ElementData, ElementKey, Elements, Exists, Expr,
    ExtensionHeader, Family, Field, HeaderField, Hook, Interval, Limit, LimitUnit, Log, LogLevel, Lookup, MapData,
    Match, Name, Nat, NatKind, Operator, Part, PerElement, Priority, Quota, RejectWith, Rule, Ruleset, Sample,
    SctpChunk, SegmentSize, Set, SetCt, SetHeader, SetMeta, SetOperation, SetRef, SetSpec, Synproxy, Table, TableKey,
    Tproxy, Value, Verdict, VerdictMap, ZoneDirection,
};

mod fixture;
#[cfg(feature = "kernel")]
mod netlink;
mod nft;
mod sample;

use fixture::{PLAIN, compare, elements, interval, key, one_table, ranges, rules, table, v4, v6, with_rules};
use nft::{check, check_text, list, nft};
use sample::{is_bits, is_one_bit, sample_range, samples};

#[test]
fn every_field_compares_with_single_values() {
    check(&rules(Field::ALL.iter().filter(|field| is_of_ip(**field)).flat_map(|field| {
        // nft lists group 0 and realm 0 by their names in /etc/iproute2, which another machine may not have.
        let has_name = matches!(field, Field::Iifgroup | Field::Oifgroup | Field::Realm);
        let is_bit = matches!(field, Field::SocketTransparent | Field::SocketWildcard);
        let is_listed = move |value: &Datum| (!has_name || value.to_u128() != 0) && (!is_bit || value.to_u128() < 2);
        samples(field.data_type()).into_iter().filter(is_listed).flat_map(|value| {
            [Operator::Eq, Operator::Ne].map(|operator| compare(*field, None, operator, Value::One(value)))
        })
    })));
}

/// Whether a field is in packets that a table of both families of IP sees.
fn is_of_ip(field: Field) -> bool {
    !ARP.iter().chain(&TAG).any(|(other, _)| *other == field)
}

const TAG: [(Field, &[u32]); 3] =
    [(Field::VlanId, &[0, 1, 4095]), (Field::VlanPcp, &[0, 7]), (Field::VlanType, &[0x0806, 0x1234])];
const ARP: [(Field, &[u32]); 9] = [
    (Field::Arp(ArpField::Htype), &[1, 256]),
    (Field::Arp(ArpField::Ptype), &[0x0800, 0x1234]),
    (Field::Arp(ArpField::Hlen), &[6, 255]),
    (Field::Arp(ArpField::Plen), &[4]),
    (Field::Arp(ArpField::Operation), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    (Field::Arp(ArpField::SaddrEther), &[0x0200_0001]),
    (Field::Arp(ArpField::SaddrIp), &[0x0a00_0001]),
    (Field::Arp(ArpField::DaddrEther), &[0x0200_0001]),
    (Field::Arp(ArpField::DaddrIp), &[0x0a00_0001]),
];

#[test]
fn fields_of_arp_and_of_tags_compare_in_tables_of_their_own() {
    for (family, fields) in [(Family::Arp, &ARP[..]), (Family::Bridge, &TAG[..]), (Family::Bridge, &ARP[..])] {
        let exprs = fields.iter().flat_map(|(field, numbers)| {
            let values = numbers.iter().map(|number| Datum::number(field.data_type(), *number)).collect::<Vec<_>>();
            let (first, last) = (values[0], values[values.len() - 1]);
            // Priorities are compared, and not listed: see the lowering of `vlan-prio`.
            let wanted = if values.len() > 1 && *field != Field::VlanPcp {
                Some(elements(values.iter().map(|value| key([*value]))))
            } else {
                None
            };
            let set = wanted.map(|elements| {
                let set = SetRef::Anonymous { spec: SetSpec::hash([field.data_type()]), elements };
                Expr::Lookup(Lookup { key: vec![*field], operator: Operator::Eq, set })
            });
            let range = Interval::new(first, last).filter(|range| !range.is_single());
            // nft lists what it added itself before this field only, and there before single values.
            let tagged = Match::eq(Field::EtherType, Datum::number(DataType::EtherType, 0x8100));
            let before = (*field == Field::VlanType).then_some(tagged);
            let compared = |value| compare(*field, None, Operator::Ne, value);
            let single = values.into_iter().map(|value| before.iter().cloned().chain([compared(Value::One(value))]));
            let others = range.map(|range| compared(Value::Range(range))).into_iter().chain(set);
            single.map(Iterator::collect::<Vec<_>>).chain(others.map(|expr| vec![expr])).collect::<Vec<_>>()
        });
        let mut tables = rules(exprs).tables;
        let table = tables.pop_first().unwrap().1;
        let base = BaseChain { chain_type: ChainType::Filter, hook: Hook::Input, priority: Priority(1) };
        let chains = table.chains.into_iter().map(|(name, chain)| (name, Chain { base: Some(base), ..chain }));
        let table = Table { chains: chains.filter(|(name, _)| *name == Name::ours("a")).collect(), ..Table::default() };
        check(&one_table(family, table));
    }
}

#[test]
fn every_field_compares_with_ranges_and_prefixes() {
    let without_ranges = [DataType::Ifname, DataType::Boolean];
    let is_ranged = |field: &&Field| !is_bits(field.data_type()) && !without_ranges.contains(&field.data_type());
    let ranged = Field::ALL.iter().filter(|field| is_of_ip(**field)).filter(is_ranged);
    check(&rules(ranged.flat_map(|field| {
        let values = samples(field.data_type());
        let range = Interval::new(values[0].min(values[1]), values[0].max(values[1])).unwrap();
        [Operator::Eq, Operator::Ne].map(|operator| compare(*field, None, operator, Value::Range(range)))
    })));
    let networks = [
        (Field::IpSaddr, v4("10.0.0.0"), 8),
        (Field::IpDaddr, v4("10.1.2.4"), 31),
        (Field::Ip6Saddr, v6("2001:db8::"), 32),
        (Field::Ip6Daddr, v6("fe80::"), 10),
        (Field::Ct(CtField::OriginalIpSaddr), v4("10.0.0.0"), 9),
        (Field::Ct(CtField::OriginalIp6Daddr), v6("2001:db8::"), 33),
        (Field::Mark, Datum::number(DataType::Mark, 0x0100_0000), 8),
        (Field::Ct(CtField::Mark), Datum::number(DataType::Mark, 0x100), 24),
        (Field::TcpDport, Datum::port(1024), 6),
        (Field::EtherSaddr, Datum::from_bytes(DataType::EtherAddr, &[0, 1, 2]), 24),
        (Field::Iifname, Datum::ifname("ppp"), 24),
        (Field::Oifname, Datum::ifname("abcdefghijklmn"), 112),
    ];
    check(&rules(networks.into_iter().flat_map(|(field, value, bits)| {
        [Operator::Eq, Operator::Ne].map(|operator| compare(field, None, operator, Value::Prefix(value, bits)))
    })));
}

#[test]
fn masks_of_bits_and_of_numbers_keep_their_meaning() {
    let bits = [Field::Ct(CtField::State), Field::Ct(CtField::Status), Field::TcpFlags].into_iter().flat_map(|field| {
        let datum = move |number| Datum::number(field.data_type(), number);
        [(2, 0), (2, 2), (0x12, 0), (0x12, 2), (0x12, 0x12), (0x3f, 1), (0x42, 0x40)].into_iter().flat_map(
            move |(mask, value)| {
                [Operator::Eq, Operator::Ne]
                    .map(|operator| compare(field, Some(datum(mask)), operator, Value::One(datum(value))))
            },
        )
    });
    let numbers = [
        (Field::Mark, 0xff00, 0x100),
        (Field::Mark, 0xff00, 0),
        (Field::Ct(CtField::Mark), 0x1, 1),
        (Field::IpFragOff, 0x1fff, 0),
        (Field::IpFragOff, 0x2000, 0x2000),
        (Field::TcpDport, 0xff0, 0x100),
        (Field::EtherType, 0xff0, 0x100),
        (Field::L4Proto, 0x30, 0x10),
        (Field::IpTtl, 0x3c, 0x10),
        (Field::IcmpType, 0x3c, 0x10),
        (Field::SkUid, 0xff0, 0x10),
        (Field::Length, 0xff0, 0x10),
        (Field::IpSaddr, 0xff00_00ff, 0x0a00_0001),
    ];
    let numbers = numbers.into_iter().flat_map(|(field, mask, value)| {
        let datum = move |number| Datum::number(field.data_type(), number);
        [Operator::Eq, Operator::Ne]
            .map(|operator| compare(field, Some(datum(mask)), operator, Value::One(datum(value))))
    });
    let range = Interval::new(Datum::number(DataType::Mark, 0x100), Datum::number(DataType::Mark, 0x200)).unwrap();
    let mask = Some(Datum::number(DataType::Mark, 0xff00));
    check(&rules(bits.chain(numbers).chain([compare(Field::Mark, mask, Operator::Ne, Value::Range(range))])));
}

#[test]
fn interface_names_keep_their_stars_and_letters() {
    let names = ["eth0", "a*b", "a*", "*", "é", "a b", "a\\b", "x.y-z_0", "'", "$x", "#", "{"];
    check(&rules(names.map(|name| Match::eq(Field::Iifname, Datum::ifname(name)))));
}

#[test]
fn lookups_take_named_and_anonymous_sets() {
    let ports = ranges([Interval::single(Datum::port(22)), interval(Datum::port(80), Datum::port(90))]);
    let addresses = elements([key([v4("10.0.0.1")]), key([v4("10.0.0.2")])]);
    let networks = ranges([interval(v4("10.0.0.0"), v4("10.0.255.255")), interval(v4("10.2.0.1"), v4("10.2.0.7"))]);
    let pairs = elements([
        key([v4("10.0.0.1"), Datum::port(256)]),
        key([v4("10.0.0.2"), Datum::port(80)]),
        key([v4("10.0.0.3"), Datum::port(80)]),
    ]);
    let boxes: Elements = [
        (ElementKey::intervals([interval(v4("10.0.0.0"), v4("10.0.0.255")), Interval::single(Datum::port(53))]), PLAIN),
        (ElementKey::intervals([Interval::single(v4("10.0.1.0")), interval(Datum::port(1), Datum::port(9))]), PLAIN),
    ]
    .into();
    let interfaces = elements(["b", "ab", "eth0", "xth0"].map(|name| key([Datum::ifname(name)])));
    let states = elements([2, 4].map(|bits| key([Datum::number(DataType::CtState, bits)])));
    let anonymous = |key: &[DataType], intervals, elements| SetRef::Anonymous {
        spec: SetSpec { intervals, ..SetSpec::hash(key) },
        elements,
    };
    let pair = [DataType::Ipv4Addr, DataType::InetService];
    let sets = [
        (vec![Field::IpSaddr], SetRef::Named(Name::ours("a"))),
        (vec![Field::IpSaddr, Field::TcpDport], SetRef::Named(Name::ours("pair"))),
        (vec![Field::IpSaddr], anonymous(&[DataType::Ipv4Addr], false, addresses)),
        (vec![Field::IpDaddr], anonymous(&[DataType::Ipv4Addr], true, networks)),
        (vec![Field::UdpSport], anonymous(&[DataType::InetService], true, ports)),
        (vec![Field::IpSaddr, Field::TcpDport], anonymous(&pair, false, pairs)),
        (vec![Field::IpSaddr, Field::TcpDport], anonymous(&pair, true, boxes)),
        (vec![Field::Iifname], anonymous(&[DataType::Ifname], false, interfaces)),
        (vec![Field::Ct(CtField::State)], anonymous(&[DataType::CtState], false, states)),
    ];
    check(&rules(sets.into_iter().flat_map(|(key, set)| {
        [Operator::Eq, Operator::Ne].map(|operator| {
            vec![Expr::Lookup(Lookup { key: key.clone(), operator, set: set.clone() }), Expr::Verdict(Verdict::Accept)]
        })
    })));
}

#[test]
fn verdict_maps_take_every_verdict_and_the_catch_all() {
    let verdicts = [
        Verdict::Accept,
        Verdict::Drop,
        Verdict::Return,
        Verdict::Continue,
        Verdict::Jump(Name::ours("x")),
        Verdict::Goto(Name::ours("x")),
    ];
    let mut elements: Elements = (1_u16..)
        .zip(verdicts.clone())
        .map(|(port, verdict)| (key([Datum::port(port)]), Element::verdict(verdict)))
        .collect();
    elements.insert(ElementKey::CatchAll, Element::verdict(Verdict::Drop));
    let commented = Element { comment: Some(Comment::new("shop/db egress[0] *")), ..Element::verdict(Verdict::Accept) };
    elements.insert(key([Datum::port(99)]), commented);
    let spec = SetSpec::hash([DataType::InetService]).verdicts();
    let named = VerdictMap { key: vec![Field::IpSaddr], map: SetRef::Named(Name::ours("verdicts")) };
    let anonymous = VerdictMap { key: vec![Field::TcpDport], map: SetRef::Anonymous { spec, elements } };
    let alone = verdicts.map(Expr::Verdict);
    check(&rules([Expr::VerdictMap(named), Expr::VerdictMap(anonymous)].into_iter().chain(alone)));
}

#[test]
fn statements_are_listed_as_they_are_written() {
    let mut exprs = vec![
        Expr::Counter,
        Expr::NamedCounter(Name::ours("counter")),
        Expr::NamedQuota(Name::ours("quota")),
        Expr::Notrack,
    ];
    let quotas = [1, 1023, 1024, 1_000_000, 1 << 20, (1 << 20) + 1, 10 << 30, u64::MAX >> 1];
    exprs.extend(quotas.into_iter().flat_map(|bytes| [true, false].map(|over| Expr::Quota(Quota { bytes, over }))));
    exprs.extend(limits().map(Expr::Limit));
    exprs.extend([0, 1, 0x7fff_ffff, 0xffff_fffd].map(|most| Expr::Sample(Sample::Random { most })));
    exprs.extend([(2, 0), (3, 2), (1000, 0)].map(|(every, packet)| Expr::Sample(Sample::Nth { every, packet })));
    let days = [(0, 0), (1, 5), (6, 6)].into_iter();
    exprs.extend(days.flat_map(|(low, high)| {
        [Operator::Eq, Operator::Ne].map(|operator| Expr::Clock(Clock { part: ClockPart::Day, operator, low, high }))
    }));
    exprs.extend(logs().map(Expr::Log));
    exprs.extend((0..=16).map(|code| Expr::Reject(RejectWith::Icmp(code))));
    exprs.extend((0..=8).map(|code| Expr::Reject(RejectWith::Icmpv6(code))));
    exprs.extend((0..=3).map(|code| Expr::Reject(RejectWith::Icmpx(code))));
    let reset = vec![Match::eq(Field::L4Proto, Datum::protocol(6)), Expr::Reject(RejectWith::TcpReset)];
    let size = Expr::SegmentSize(SegmentSize::Bytes(1_400));
    let size = vec![Match::eq(Field::TcpFlags, Datum::number(DataType::TcpFlag, 2)), size];
    exprs.extend(headers());
    let classes = [0, 1, 0x1_0000, 0xa_0010, 0xffff_0000, u32::MAX].map(SetMeta::Priority);
    exprs.extend(classes.into_iter().chain([SetMeta::Trace]).map(Expr::SetMeta));
    for direction in [None, Some(ZoneDirection::Original), Some(ZoneDirection::Reply)] {
        exprs.extend([0, 1, 256, 65_535].map(|zone| Expr::SetCt(SetCt::Zone { direction, zone })));
    }
    exprs.push(Expr::SetCt(SetCt::Helper(Name::ours("helper_tcp_ip_ftp"))));
    let exprs = exprs.into_iter().map(|expr| vec![expr]).chain([reset, size]);
    check(&rules(exprs.chain(assigns().map(|assign| vec![Expr::Assign(assign)])).chain(dynamic_sets())));
}

/// nft lists moments in its own time zone, and reads words in that, too.
#[test]
fn moments_mean_the_same_wherever_their_text_is_loaded() {
    let of_part = |part: ClockPart, ranges: [(u64, u64); 3]| {
        ranges.into_iter().flat_map(move |(low, high)| {
            [Operator::Eq, Operator::Ne].map(|operator| Expr::Clock(Clock { part, operator, low, high }))
        })
    };
    let hours = of_part(ClockPart::Hour, [(0, 0), (32_400, 63_000), (86_399, 86_399)]);
    let last = ClockPart::Time.largest();
    let times = of_part(ClockPart::Time, [(0, 0), (1_798_761_600, 1_801_440_001), (1_798_761_600, last)]);
    let ruleset = rules(hours.chain(times));
    let text = render::ruleset(&ruleset);
    let zones = ["UTC0", "EST5", "IST-5:30"];
    let loaded = zones.map(|zone| nft(&text, &format!("TZ={zone} nft -f - && nft list ruleset")));
    let [Some(Ok(here)), Some(Ok(west)), Some(Ok(east))] = loaded else {
        assert!(loaded.iter().all(Option::is_none), "{loaded:?}\n{text}");
        return;
    };
    assert_eq!(here, west);
    assert_eq!(here, east);
    #[cfg(feature = "kernel")]
    netlink::check(&ruleset, &here);
}

#[test]
fn connections_that_are_taken_over_are_listed_as_they_are_written() {
    let tcp = |expr| Rule { exprs: vec![Match::eq(Field::L4Proto, Datum::protocol(6)), expr], comment: None };
    let (v4, v6) = (Some("10.0.0.1".parse().unwrap()), Some("2001:db8::1".parse().unwrap()));
    let handed = [(v4, Some(80)), (v6, Some(80)), (v4, None), (v6, None), (None, Some(80))];
    let handed = handed.map(|(address, port)| tcp(Expr::Tproxy(Tproxy { address, port })));
    // Where there is one number only, nft lists a 0 for the other.
    let opened = [(Some(1460), Some(7)), (None, None)].into_iter().flat_map(|(segment_size, window_scale)| {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|(timestamp, sack)| tcp(Expr::Synproxy(Synproxy { segment_size, window_scale, timestamp, sack })))
    });
    let chain = |hook, priority, rules| {
        let base = BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(priority) };
        Chain { base: Some(base), comment: None, rules }
    };
    let mut table = table();
    table.chains = [
        (Name::ours("a"), chain(Hook::Prerouting, -151, handed.into())),
        (Name::ours("b"), chain(Hook::Forward, 1, opened.collect())),
        (Name::ours("c"), chain(Hook::Forward, 2, (0..=255).map(|kind| tcp(Expr::StripOption(kind))).collect())),
        (Name::ours("x"), Chain::default()),
    ]
    .into();
    check(&one_table(Family::Inet, table));
}

#[test]
fn parts_and_bytes_are_listed_as_they_are_written() {
    let headers = ExtensionHeader::ALL.iter().copied().map(Part::ExtensionHeader);
    let chunks = SctpChunk::ALL.iter().copied().map(Part::SctpChunk);
    let options = (0..=255).map(Part::TcpOption);
    let exists = headers.chain(chunks).chain(options).flat_map(|part| [Exists::there(part), Exists::missing(part)]);
    let bytes = [
        // Where no field lies.
        (BytesBase::Network, 40, 4, 0xff, 0x6, 0x6),
        (BytesBase::Network, 40, 4, 0xffff_ffff, 0x0a00_0001, 0x0a00_0001),
        (BytesBase::Network, 40, 4, 0xffff_ffff, 0x5, 0x900),
        (BytesBase::Network, 200, 16, u128::MAX, 1 << 120, 1 << 120),
        (BytesBase::Transport, 100, 3, 0xff_ffff, 0x7, 0x7),
    ];
    let bytes = bytes.into_iter().flat_map(|(base, offset, length, mask, low, high)| {
        [Operator::Eq, Operator::Ne].map(|operator| Bytes { base, offset, length, mask, operator, low, high })
    });
    let exprs = exists.map(Expr::Exists).chain(bytes.map(Expr::Bytes));
    let rules = exprs.map(|expr| Rule { exprs: vec![expr], comment: None }).collect();
    let mut table = table();
    table.chains.insert(Name::ours("a"), Chain { base: None, comment: None, rules });
    check(&one_table(Family::Inet, table));
}

#[test]
fn copies_are_listed_as_they_are_written() {
    for (family, neighbours) in [(Family::Ip, ["10.0.0.1", "192.0.2.7"]), (Family::Ip6, ["fe80::1", "2001:db8::1"])] {
        let rules = neighbours.map(|address| Rule {
            exprs: vec![Expr::Duplicate(address.parse().unwrap()), Expr::Counter],
            comment: None,
        });
        let base = BaseChain { chain_type: ChainType::Filter, hook: Hook::Prerouting, priority: Priority(-152) };
        let chains = [(Name::ours("a"), Chain { base: Some(base), comment: None, rules: rules.into() })].into();
        check(&one_table(family, Table { chains, ..Table::default() }));
    }
}

#[test]
fn address_translation_is_listed_as_it_is_written() {
    let targets = [
        None,
        Some(Interval::single(v4("10.0.0.1"))),
        Some(interval(v4("10.0.0.1"), v4("10.0.0.6"))),
        Some(interval(v4("10.0.0.0"), v4("10.0.0.255"))),
        Some(Interval::single(v6("2001:db8::1"))),
        Some(interval(v6("2001:db8::1"), v6("2001:db8::6"))),
    ];
    let ports = [None, Some(Interval::single(Datum::port(80))), Some(interval(Datum::port(80), Datum::port(90)))];
    let chain = |hook, priority, kinds: [NatKind; 2]| {
        let mut rules = Vec::new();
        for (kind, addresses) in kinds.into_iter().flat_map(|kind| targets.map(|addresses| (kind, addresses))) {
            let is_plain = matches!(kind, NatKind::Masquerade | NatKind::Redirect);
            for ports in ports {
                // Neither takes addresses, the others need something; nft lists networks with ports as it cannot read.
                let is_network = addresses == targets[3] && ports.is_some();
                if is_plain && addresses.is_some() || !is_plain && addresses.or(ports).is_none() || is_network {
                    continue;
                }
                // A prefix is of a network, and has no ports.
                let has_prefix = addresses == targets[3] && ports.is_none();
                for flags in [0, 4, 8, 16, 12, 28].into_iter().chain(has_prefix.then_some(64)) {
                    let protocol = ports.map(|_| Match::eq(Field::L4Proto, Datum::protocol(6)));
                    let nat = Expr::Nat(Nat { kind, addresses, ports, flags });
                    rules.push(Rule { exprs: protocol.into_iter().chain([nat]).collect(), comment: None });
                }
            }
        }
        let base = BaseChain { chain_type: ChainType::Nat, hook, priority: Priority(priority) };
        Chain { base: Some(base), comment: None, rules }
    };
    let mut table = table();
    table.chains = [
        (Name::ours("a"), chain(Hook::Prerouting, -101, [NatKind::Destination, NatKind::Redirect])),
        (Name::ours("b"), chain(Hook::Postrouting, 99, [NatKind::Source, NatKind::Masquerade])),
        (Name::ours("x"), Chain::default()),
    ]
    .into();
    check(&one_table(Family::Inet, table));
}

#[test]
fn every_type_makes_sets_with_and_without_ranges() {
    let mut table = table();
    for (index, data_type) in DataType::ALL.iter().enumerate() {
        let singles = samples(*data_type).into_iter().filter(|value| !is_bits(*data_type) || is_one_bit(value));
        let spec = SetSpec::hash([*data_type]);
        let values = elements(singles.map(|value| key([value])));
        table.sets.insert(Name::ours(&format!("hash{index}")), Set { spec, elements: values });
        let Some(range) = sample_range(*data_type) else { continue };
        let far = Datum::from_u128(*data_type, range.high().to_u128() + 2);
        let spec = SetSpec::intervals([*data_type]);
        table.sets.insert(
            Name::ours(&format!("range{index}")),
            Set { spec, elements: ranges([range, Interval::single(far)]) },
        );
        let spec = SetSpec::intervals([*data_type, DataType::InetService]);
        let boxes = [
            ElementKey::intervals([range, interval(Datum::port(0), Datum::max(DataType::InetService))]),
            ElementKey::intervals([Interval::single(far), Interval::single(Datum::port(7))]),
        ];
        table.sets.insert(Name::ours(&format!("boxes{index}")), Set { spec, elements: elements(boxes) });
    }
    check(&one_table(Family::Inet, table));
}

#[test]
fn sets_of_every_form_are_listed_as_they_are_written() {
    let everything = [interval(v4("0.0.0.0"), v4("255.255.255.255"))];
    let names = ["eth0", "ab", "xth0", "b"].map(|name| ElementKey::values([Datum::ifname(name)]));
    let wild = ElementKey::intervals([Interval::new(
        Datum::ifname("ppp"),
        Datum::from_bytes(DataType::Ifname, b"ppp\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    )
    .unwrap()]);
    let mixed = [
        key([Datum::ifname("eth0"), Datum::number(DataType::Mark, 0x100), v6("2001:db8::1")]),
        key([Datum::ifname("ab"), Datum::number(DataType::Mark, 1), v6("2001:db8::1")]),
        key([Datum::ifname("b"), Datum::number(DataType::Mark, 2), v6("::1.2.3.4")]),
    ];
    let address = SetSpec::hash([DataType::Ipv4Addr]);
    let timed = Element { timeout: Some(Duration::from_secs(108_000)), ..PLAIN };
    let counter = Element { data: ElementData::Counter(Name::ours("counter")), ..PLAIN };
    let value = Element { data: ElementData::Value([v4("10.0.0.1"), Datum::port(80)].into()), ..PLAIN };
    let value_spec = MapData::Value(vec![DataType::Ipv4Addr, DataType::InetService]);
    let sets = [
        (SetSpec::intervals([DataType::Ipv4Addr]), ranges(everything)),
        (
            SetSpec { size: NonZeroU32::new(9), comment: Some(Comment::new("a 'b' $c *")), ..address.clone() },
            Elements::new(),
        ),
        (SetSpec { dynamic: true, timeout: Some(Duration::from_millis(90_500)), ..address.clone() }, Elements::new()),
        (SetSpec { counters: true, ..address.clone() }, elements([key([v4("10.0.0.1")]), key([v4("9.0.0.1")])])),
        (SetSpec { data: MapData::Counter, ..address.clone() }, [(key([v4("10.0.0.1")]), counter)].into()),
        (SetSpec { data: value_spec, ..address.clone() }, [(key([v4("10.0.0.1")]), value)].into()),
        (SetSpec::hash([DataType::Ifname]), elements(names.clone())),
        (SetSpec::intervals([DataType::Ifname]), elements(names.into_iter().chain([wild]))),
        (SetSpec::hash([DataType::Ifname, DataType::Mark, DataType::Ipv6Addr]), elements(mixed)),
        (SetSpec::hash([DataType::Integer32, DataType::Ipv4Addr, DataType::CtState]), Elements::new()),
        (
            SetSpec { data: MapData::Value(vec![DataType::Integer16]), ..SetSpec::hash([DataType::EtherType]) },
            Elements::new(),
        ),
    ];
    let mut table = table();
    table.sets.extend(
        (0..).zip(sets).map(|(index, (spec, elements))| (Name::ours(&format!("set{index}")), Set { spec, elements })),
    );
    check(&one_table(Family::Inet, table.clone()));

    // A life time that runs: nft shows what is left of it.
    let spec = SetSpec { timeout: Some(Duration::ZERO), ..address };
    table.sets.insert(Name::ours("timed"), Set { spec, elements: [(key([v4("10.0.0.1")]), timed)].into() });
    let text = render::ruleset(&one_table(Family::Inet, table));
    let Some(listed) = list(&text) else { return };
    assert!(listed.contains("elements = { 10.0.0.1 timeout 1d6h expires 1d"), "{listed}");
}

#[test]
fn priorities_are_named_as_nft_names_them() {
    let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
    let priorities = [
        -400, -311, -310, -301, -300, -290, -289, -200, -199, -190, -151, -115, -101, -11, -10, 0, 1, 10, 51, 99, 101,
        111, 301,
    ];
    let mut ruleset = Ruleset::default();
    for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Bridge, Family::Arp] {
        let mut table = Table::default();
        for (index, hook) in hooks.iter().enumerate() {
            if family == Family::Arp && !matches!(hook, Hook::Input | Hook::Output) {
                continue;
            }
            for (number, priority) in priorities.iter().enumerate() {
                let base = BaseChain { chain_type: ChainType::Filter, hook: *hook, priority: Priority(*priority) };
                let chain = Chain { base: Some(base), comment: None, rules: Vec::new() };
                table.chains.insert(Name::ours(&format!("{index}_{number:02}")), chain);
            }
        }
        ruleset.tables.insert(TableKey::ours(family), table);
    }
    check(&ruleset);
}

#[test]
fn other_families_have_their_own_defaults() {
    let nat = |address| {
        let nat = Nat { kind: NatKind::Destination, addresses: Some(Interval::single(address)), ports: None, flags: 0 };
        vec![Expr::Nat(nat)]
    };
    let mut ruleset = Ruleset::default();
    let families = [
        (Family::Ip, Expr::Reject(RejectWith::Icmp(3)), nat(v4("10.0.0.1"))),
        (Family::Ip6, Expr::Reject(RejectWith::Icmpv6(4)), nat(v6("2001:db8::1"))),
    ];
    for (family, reject, nat) in families {
        let chain = |chain_type, hook, exprs| Chain {
            base: Some(BaseChain { chain_type, hook, priority: Priority(-101) }),
            comment: None,
            rules: vec![Rule { exprs, comment: None }],
        };
        let chains = [
            (Name::ours("a"), chain(ChainType::Filter, Hook::Forward, vec![reject])),
            (Name::ours("b"), chain(ChainType::Nat, Hook::Prerouting, nat)),
        ];
        ruleset.tables.insert(TableKey::ours(family), Table { chains: chains.into(), ..Table::default() });
    }
    let bridged = rules([Match::eq(Field::EtherType, Datum::number(DataType::EtherType, 0x0806))]);
    // There are no helpers for bridged frames.
    let without_helpers = |table| Table { helpers: [].into(), ..table };
    let bridged = bridged.tables.into_values().map(without_helpers);
    ruleset.tables.extend(bridged.map(|table| (TableKey::ours(Family::Bridge), table)));
    check(&ruleset);
}

#[test]
fn comments_and_prefixes_from_tenants_cannot_leave_their_quotes() {
    let texts = ["\" accept; drop \"", "a\nb", "\\", "\\\"", "$x ${y} $(z)", "#", "; }", "*", "x*", "é\u{85}", ""];
    let rules = texts.map(|text| Rule {
        exprs: vec![Expr::Log(Log { prefix: Some(text.into()), ..Log::default() }), Expr::Verdict(Verdict::Continue)],
        comment: Some(Comment::new(text)),
    });
    check_text(&with_rules(rules));
    let long = Log { prefix: Some("é".repeat(100).into()), ..Log::default() };
    check_text(&with_rules([Rule { exprs: vec![Expr::Log(long)], comment: None }]));
}

#[test]
fn names_without_notation_are_refused_instead_of_misread() {
    for name in ["a\"b", "a\nb", "a\\*", "a\u{7}"] {
        let text = render::ruleset(&rules([Match::eq(Field::Iifname, Datum::ifname(name))]));
        let Some(outcome) = nft(&text, "nft -f -") else { return };
        assert!(outcome.is_err_and(|error| error.contains("exceeds maximum length")), "{text}");
    }
    let chain: Name = "a\"; }; table inet evil {".parse().unwrap();
    let text = render::ruleset(&rules([Expr::Verdict(Verdict::Jump(chain))]));
    let Some(outcome) = nft(&text, "nft -f -; nft list tables") else { return };
    assert!(outcome.is_ok_and(|tables| !tables.contains("evil")), "{text}");
}

/// nft prints less than it was given in these cases; what it prints means the same, or is its own fault.
#[test]
fn documented_differences_are_exactly_these() {
    let single =
        SetRef::Anonymous { spec: SetSpec::hash([DataType::Ipv4Addr]), elements: elements([key([v4("10.0.0.1")])]) };
    let warn = Log { level: Some(LogLevel::Warn), queue_threshold: None, ..Log::default() };
    let threshold = Log { group: Some(1), queue_threshold: Some(0), ..Log::default() };
    let states = Value::One(Datum::number(DataType::CtState, 6));
    let network = Nat {
        kind: NatKind::Destination,
        addresses: Some(interval(v4("10.0.0.0"), v4("10.0.0.255"))),
        ports: Some(Interval::single(Datum::port(80))),
        flags: 0,
    };
    let mask = Some(v4("255.0.0.0"));
    let cases = [
        (
            vec![Match::eq(Field::L4Proto, Datum::protocol(6)), Match::eq(Field::TcpDport, Datum::port(22))],
            "meta l4proto tcp tcp dport 22",
            "tcp dport 22",
        ),
        (
            vec![Match::eq(Field::L4Proto, Datum::protocol(6)), Match::eq(Field::ThDport, Datum::port(22))],
            "meta l4proto tcp th dport 22",
            "tcp dport 22",
        ),
        (
            vec![
                Match::eq(Field::NfProto, Datum::number(DataType::NfProto, 2)),
                Match::eq(Field::IpSaddr, v4("10.0.0.1")),
            ],
            "meta nfproto ipv4 ip saddr 10.0.0.1",
            "ip saddr 10.0.0.1",
        ),
        (
            vec![Expr::Lookup(Lookup { key: vec![Field::IpSaddr], operator: Operator::Ne, set: single })],
            "ip saddr != { 10.0.0.1 }",
            "ip saddr != 10.0.0.1",
        ),
        (vec![Expr::Log(warn)], "log level warn", "log"),
        (vec![Expr::Log(threshold)], "log group 1 queue-threshold 0", "log group 1"),
        (
            vec![compare(Field::Ct(CtField::State), None, Operator::Eq, states)],
            "ct state == established | related",
            "ct state established | related",
        ),
        (
            vec![compare(Field::IpSaddr, mask, Operator::Eq, Value::One(v4("10.0.0.0")))],
            "ip saddr & 255.0.0.0 == 10.0.0.0",
            "ip saddr 10.0.0.0/8",
        ),
        (vec![Match::eq(Field::L4Proto, Datum::protocol(2))], "meta l4proto 2", "meta l4proto igmp"),
        (
            vec![Match::eq(Field::L4Proto, Datum::protocol(6)), Expr::Nat(network)],
            "meta l4proto tcp dnat ip to 10.0.0.0-10.0.0.255:80",
            "meta l4proto tcp dnat ip to 10.0.0.0/24:80",
        ),
    ];
    let base = BaseChain { chain_type: ChainType::Nat, hook: Hook::Prerouting, priority: Priority(0) };
    for (exprs, written, listed) in cases {
        let rule = Rule { exprs, comment: None };
        assert_eq!(render::rule(&rule), written);
        let chain = Chain { base: Some(base), comment: None, rules: vec![rule] };
        let table = Table { chains: [(Name::ours("a"), chain)].into(), ..Table::default() };
        let Some(output) = list(&render::ruleset(&one_table(Family::Inet, table))) else { return };
        assert_eq!(output.lines().nth(3).unwrap_or("").trim(), listed);
    }
}

fn limits() -> impl Iterator<Item = Limit> {
    let units = [LimitUnit::Second, LimitUnit::Minute, LimitUnit::Hour, LimitUnit::Day, LimitUnit::Week];
    let packets = units
        .into_iter()
        .flat_map(|per| [5, 6, 1000].map(|burst| Limit { rate: 10, per, burst, bytes: false, over: burst == 6 }));
    let bytes = [10, 1024, 10 << 20].into_iter().flat_map(|rate| {
        [0, 5, 5 << 10].map(|burst| Limit { rate, per: LimitUnit::Second, burst, bytes: true, over: burst == 5 })
    });
    packets.chain(bytes)
}

fn logs() -> impl Iterator<Item = Log> {
    use LogLevel::{Alert, Crit, Debug, Emerg, Err, Info, Notice};
    let levels =
        [Emerg, Alert, Crit, Err, Notice, Info, Debug].map(|level| Log { level: Some(level), ..Log::default() });
    let flags = [1, 2, 3, 4, 8, 32, 36, 0x2f].map(|flags| Log { flags, level: Some(Info), ..Log::default() });
    let groups = [
        Log { group: Some(0), ..Log::default() },
        Log {
            group: Some(65_535),
            snaplen: Some(64),
            queue_threshold: Some(8),
            prefix: Some("a b: ".into()),
            ..Log::default()
        },
    ];
    levels.into_iter().chain(flags).chain(groups).chain([Log::default()])
}

fn headers() -> impl Iterator<Item = Expr> {
    HeaderField::ALL.iter().flat_map(|field| {
        let values = (0..=field.largest()).filter(|value| *value < 4 || value % 7 == 0 || *value == field.largest());
        values.map(|value| Expr::SetHeader(SetHeader { field: *field, value }))
    })
}

fn assigns() -> impl Iterator<Item = Assign> {
    let targets = [AssignTarget::Mark, AssignTarget::CtMark];
    let numbers = [
        (0, 5),
        (0, 0),
        (u32::MAX, 0),
        (0xff00, 0),
        (0xff00, 1),
        (0xff00, 0x101),
        (0xffff_fffe, 1),
        (u32::MAX, 1),
        (0x00ff_00ff, 0xff00_00f0),
    ];
    targets.into_iter().flat_map(move |target| {
        targets.into_iter().flat_map(move |source| numbers.map(|(mask, xor)| Assign { target, source, mask, xor }))
    })
}

fn dynamic_sets() -> impl Iterator<Item = Vec<Expr>> {
    let limit = PerElement::Limit(Limit { rate: 10, per: LimitUnit::Second, burst: 7, bytes: false, over: true });
    let connections = |over| PerElement::Connections(Connections { count: 10, over });
    let operations = [SetOperation::Add, SetOperation::Update, SetOperation::Delete];
    operations.into_iter().flat_map(move |operation| {
        [
            (None, None),
            (Some(Duration::from_secs(90)), None),
            (None, Some(limit)),
            (Some(Duration::from_secs(3_600)), Some(limit)),
            (None, Some(connections(true))),
            (None, Some(connections(false))),
        ]
        .into_iter()
        .filter(move |(timeout, each)| operation != SetOperation::Delete || (timeout.is_none() && each.is_none()))
        .flat_map(move |(timeout, per_element)| {
            // Elements that know their connections take no time besides.
            let set = match per_element {
                Some(PerElement::Connections(_)) => "connections",
                Some(PerElement::Limit(_)) | None => "dynamic",
            };
            [
                (Name::ours(set), vec![Field::IpSaddr]),
                (Name::ours(&format!("{set}_pair")), vec![Field::IpSaddr, Field::TcpDport]),
            ]
            .into_iter()
            .flat_map(move |(set, key)| {
                let masks = [None, Some([255, 255, 255, 0]), Some([255, 255, 240, 0])].map(|mask| {
                    mask.map(|mask: [u8; 4]| (Field::IpSaddr, Datum::ipv4(mask.into()))).into_iter().collect()
                });
                masks.map(|masks| {
                    let (set, key) = (set.clone(), key.clone());
                    vec![Expr::DynamicSet(DynamicSet { operation, set, key, masks, timeout, per_element })]
                })
            })
        })
    })
}
