//! What was written is read back as it was written, and no bytes whatever do harm.

#![expect(clippy::unwrap_used, reason = "the samples fit what they are samples of")]
#![expect(clippy::wildcard_enum_match_arm, reason = "only some samples are special")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::attribute::Attributes;
use super::batch::{Batch, Ending};
use super::decode;
use super::element::{self, WireElement};
use super::inspect::inspect;
use super::lower::{Surroundings, lower};
use super::message::{Content, Messages, kind};
use super::set_object;
use crate::kernel::Guard;
use crate::observed::RuleContent;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    Assign, AssignTarget, Bytes, BytesBase, Clock, ClockPart, Comment, Connections, DataType, Datum, DynamicSet,
    Element, ElementData, ElementKey, Elements, Exists, Expr, ExtensionHeader, Family, Field, HeaderField, Interval,
    Limit, LimitUnit, Log, LogLevel, Lookup, MapData, Match, Name, Nat, NatKind, Operator, Part, PerElement, Queue,
    Quota, RejectWith, Rule, Sample, SctpChunk, SegmentSize, SetCt, SetHeader, SetMeta, SetOperation, SetRef, SetSpec,
    Synproxy, TableKey, Tproxy, Value, Verdict, VerdictMap, ZoneDirection,
};

/// The named set of the samples that holds ranges.
const INTERVALS: &str = "pl_intervals";

fn has_intervals(name: &Name) -> bool {
    name.as_str() == INTERVALS
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn rules_are_read_back_from_their_bytes_as_they_were_written(family in families(), exprs in vec(exprs(), 0..6)) {
        let surroundings = Surroundings { family, has_intervals: &has_intervals };
        // What cannot be said is refused, which is another test's subject.
        if lower(&exprs, surroundings).is_err() {
            return Ok(());
        }
        let rule = Rule { exprs, comment: Some(Comment::new("a.ferm:1")) };
        prop_assert_eq!(read_back(family, &rule), Some(RuleContent::Known(rule)));
    }

    #[test]
    fn elements_are_read_back_in_any_order(
        (spec, elements, order) in specs().prop_flat_map(|spec| {
            let elements = elements(&spec);
            (Just(spec), elements, any::<u64>())
        })
    ) {
        let layout = set_object::layout(&spec, None);
        let mut wire: Vec<WireElement> = Vec::new();
        for (key, element) in &elements {
            let (start, end) = element::encode(&spec, &layout, key, element).unwrap();
            wire.push(start);
            wire.extend(end);
        }
        wire.sort_by_key(|element| (element.key.map(|key| mix(key, order)), element.flags));
        prop_assert_eq!(element::decode(&spec, &layout, &wire), Some(elements));
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in vec(any::<u8>(), 0..256), message in any::<u16>()) {
        read_everything(&bytes, message);
    }

    #[test]
    fn damaged_messages_do_no_harm(
        exprs in vec(exprs(), 0..4), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()
    ) {
        let rule = Rule { exprs, comment: None };
        if let Some(batch) = batch_of(Family::Inet, &rule) {
            let mut bytes = batch.as_bytes().to_vec();
            *at.get_mut(&mut bytes) = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            read_everything(&bytes, kind::NEW_RULE);
        }
    }
}

#[test]
fn every_field_is_read_back_in_every_family() {
    for family in [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge] {
        for field in Field::ALL {
            let rule = Rule { exprs: vec![Match::eq(*field, Datum::number(field.data_type(), 1))], comment: None };
            assert_eq!(read_back(family, &rule), Some(RuleContent::Known(rule)), "{family} {field:?}");
        }
    }
}

#[test]
fn what_nft_adds_silently_may_also_be_written() {
    let tcp = Match::eq(Field::L4Proto, Datum::protocol(6));
    let ipv4 = Match::eq(Field::NfProto, Datum::number(DataType::NfProto, 2));
    let port = |field| Match::eq(field, Datum::port(22));
    let address = Match::eq(Field::IpSaddr, Datum::number(DataType::Ipv4Addr, 1));
    let value = Value::Prefix(Datum::port(0x100), 8);
    let half_port = Expr::Match(Match { field: Field::ThSport, mask: None, operator: Operator::Ne, value });
    for exprs in [
        vec![tcp.clone(), port(Field::TcpDport)],
        vec![tcp.clone(), port(Field::ThDport)],
        vec![port(Field::TcpDport), port(Field::ThDport)],
        vec![tcp.clone(), tcp.clone(), port(Field::TcpDport)],
        vec![ipv4.clone(), Expr::Counter, address.clone()],
        vec![ipv4.clone(), tcp.clone(), address, port(Field::TcpSport)],
        vec![ipv4, Match::eq(Field::IcmpType, Datum::number(DataType::IcmpType, 8))],
        vec![tcp.clone(), half_port],
        vec![tcp, Expr::Reject(RejectWith::TcpReset)],
    ] {
        let rule = Rule { exprs, comment: None };
        assert_eq!(read_back(Family::Inet, &rule), Some(RuleContent::Known(rule)));
    }
}

/// Encodes a rule through libnftnl, and reads its message; nothing if it cannot be encoded.
fn read_back(family: Family, rule: &Rule) -> Option<RuleContent> {
    let batch = batch_of(family, rule)?;
    let sets = anonymous_sets(rule);
    let next = std::cell::Cell::new(0);
    let find_set = |name: &str| {
        if !name.starts_with("__") {
            return Some(SetRef::Named(name.parse().ok()?));
        }
        let index = next.get();
        next.set(index + 1);
        sets.get(index).cloned()
    };
    Messages::new(batch.as_bytes()).find_map(|received| match received.content {
        Content::Object { kind: kind::NEW_RULE, attributes, .. } => {
            // The kernel numbers rules, and the message that creates one has no number.
            let mut message = Vec::new();
            super::attribute::push(&mut message, 2, b"pl_chain\0");
            super::attribute::push(&mut message, 3, &7_u64.to_be_bytes());
            super::attribute::push(&mut message, 4, attributes.get(4).unwrap_or(&[]));
            super::attribute::push(&mut message, 7, attributes.get(7).unwrap_or(&[]));
            let surroundings = Surroundings { family, has_intervals: &has_intervals };
            decode::rule(Attributes::new(&message), surroundings, &find_set).map(|(_, rule)| rule.content)
        }
        Content::Object { .. } | Content::Done { .. } | Content::Error { .. } | Content::Other => None,
    })
}

fn batch_of(family: Family, rule: &Rule) -> Option<Batch> {
    let kind = OpKind::AddRule { chain: Name::ours("chain"), position: RulePosition::Last, rule: rule.clone() };
    let ops = [Op { table: TableKey::ours(family), kind }];
    Batch::new(&ops, 1, Guard::None, Ending::None, &|_, name| has_intervals(name)).ok()
}

fn anonymous_sets(rule: &Rule) -> Vec<SetRef> {
    let set = |expr: &Expr| match expr {
        Expr::Lookup(Lookup { set, .. }) | Expr::VerdictMap(VerdictMap { map: set, .. }) => Some(set.clone()),
        _ => None,
    };
    rule.exprs.iter().filter_map(set).filter(|set| matches!(set, SetRef::Anonymous { .. })).collect()
}

/// Hands bytes to everything that reads what the kernel sends.
fn read_everything(bytes: &[u8], message: u16) {
    for received in Messages::new(bytes) {
        if let Content::Object { attributes, .. } = received.content {
            read_attributes(attributes);
        }
    }
    read_attributes(Attributes::new(bytes));
    drop(super::userdata::comment(bytes, 0));
    drop(super::hint::decode(bytes));
    drop(decode::name(bytes));
    drop(super::type_id::types(u32::from(message), bytes.len(), Some(bytes)));
}

fn read_attributes(attributes: Attributes<'_>) {
    let surroundings = Surroundings { family: Family::Inet, has_intervals: &has_intervals };
    let find_set = |name: &str| Some(SetRef::Named(name.parse().ok()?));
    drop(decode::table(attributes));
    drop(decode::chain(Family::Arp, attributes));
    drop(decode::object(attributes));
    drop(decode::flowtable(attributes));
    drop(decode::rule(attributes, surroundings, &find_set));
    drop(inspect(attributes, &find_set));
    let mut wire = Vec::new();
    for spec in [SetSpec::intervals([DataType::Mark]), SetSpec::intervals([DataType::Ipv4Addr, DataType::Dscp])] {
        let _ = decode::elements(attributes, &spec, &mut wire);
        drop(element::decode(&spec, &set_object::layout(&spec, None), &wire));
    }
    if let Some((_, Ok(set))) = decode::set(attributes) {
        let _ = decode::elements(attributes, &set.spec, &mut wire);
        drop(element::decode(&set.spec, &set.layout, &wire));
    }
}

/// A number that shuffles keys.
fn mix(key: element::Bytes, order: u64) -> u64 {
    key.as_slice().iter().fold(order, |mixed, byte| mixed.wrapping_mul(0x100_0000_01b3) ^ u64::from(*byte))
}

fn families() -> impl Strategy<Value = Family> {
    prop::sample::select(vec![Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge])
}

fn moments() -> impl Strategy<Value = (ClockPart, u64, u64)> {
    let part = prop::sample::select(vec![ClockPart::Time, ClockPart::Day, ClockPart::Hour]);
    (part, any::<u64>(), any::<u64>()).prop_map(|(part, one, other)| {
        let within = |number: u64| number % (part.largest() + 1);
        (part, within(one).min(within(other)), within(one).max(within(other)))
    })
}

fn exprs() -> impl Strategy<Value = Expr> {
    let name = || prop::sample::select(vec!["pl_a", INTERVALS]).prop_map(|name| name.parse::<Name>().unwrap());
    prop_oneof![
        4 => matches(),
        1 => prop::sample::select(vec![2_u32, 10]).prop_map(|number| Match::eq(Field::NfProto, Datum::number(DataType::NfProto, number))),
        2 => prop::sample::select(vec![6_u8, 17, 1, 58]).prop_map(|number| Match::eq(Field::L4Proto, Datum::protocol(number))),
        2 => (keys(), name(), operators()).prop_map(|(key, name, operator)| {
            Expr::Lookup(Lookup { key, operator, set: SetRef::Named(name) })
        }),
        1 => anonymous(MapData::Nothing).prop_flat_map(|(key, set)| (Just(key), Just(set), operators()))
            .prop_map(|(key, set, operator)| Expr::Lookup(Lookup { key, operator, set })),
        1 => anonymous(MapData::Verdict).prop_map(|(key, map)| Expr::VerdictMap(VerdictMap { key, map })),
        1 => (keys(), name()).prop_map(|(key, name)| Expr::VerdictMap(VerdictMap { key, map: SetRef::Named(name) })),
        1 => Just(Expr::Counter),
        1 => name().prop_map(Expr::NamedCounter),
        1 => name().prop_map(Expr::NamedQuota),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(bytes, over)| Expr::Quota(Quota { bytes, over })),
        1 => limits().prop_map(Expr::Limit),
        1 => logs().prop_map(Expr::Log),
        1 => verdicts().prop_map(Expr::Verdict),
        2 => prop_oneof![
            Just(RejectWith::TcpReset), any::<u8>().prop_map(RejectWith::Icmp),
            any::<u8>().prop_map(RejectWith::Icmpv6), any::<u8>().prop_map(RejectWith::Icmpx)
        ].prop_map(Expr::Reject),
        1 => nats().prop_map(Expr::Nat),
        1 => Just(Expr::Notrack),
        1 => prop::option::of(any::<u16>()).prop_map(|size| {
            Expr::SegmentSize(size.map_or(SegmentSize::RouteMtu, SegmentSize::Bytes))
        }),
        1 => (prop::option::of(any::<bool>()), any::<u16>()).prop_map(|(is_reply, zone)| {
            let direction = is_reply.map(|is| if is { ZoneDirection::Reply } else { ZoneDirection::Original });
            Expr::SetCt(SetCt::Zone { direction, zone })
        }),
        1 => any::<u8>().prop_map(Expr::StripOption),
        1 => (parts(), operators()).prop_map(|(part, operator)| Expr::Exists(Exists { part, operator })),
        2 => bytes().prop_map(Expr::Bytes),
        1 => (prop::option::of(any::<std::net::IpAddr>()), prop::option::of(any::<u16>()))
            .prop_map(|(address, port)| Expr::Tproxy(Tproxy { address, port })),
        1 => (prop::option::of(any::<u16>()), prop::option::of(any::<u8>()), any::<bool>(), any::<bool>()).prop_map(
            |(segment_size, window_scale, timestamp, sack)| {
                Expr::Synproxy(Synproxy { segment_size, window_scale, timestamp, sack })
            }
        ),
        1 => (any::<u16>(), any::<u16>(), any::<bool>(), any::<bool>()).prop_map(|(first, last, bypass, fanout)| {
            Expr::Queue(Queue { first, last, bypass, fanout })
        }),
        1 => any::<std::net::IpAddr>().prop_map(Expr::Duplicate),
        1 => name().prop_map(|name| Expr::SetCt(SetCt::Helper(name))),
        1 => prop_oneof![Just(SetMeta::Trace), any::<u32>().prop_map(SetMeta::Priority)].prop_map(Expr::SetMeta),
        1 => (prop::sample::select(HeaderField::ALL.to_vec()), any::<u8>()).prop_map(|(field, value)| {
            Expr::SetHeader(SetHeader { field, value: value & field.largest() })
        }),
        1 => (any::<bool>(), any::<bool>(), masks(), masks()).prop_map(|(to, from, mask, xor)| {
            let target = |is_ct| if is_ct { AssignTarget::CtMark } else { AssignTarget::Mark };
            Expr::Assign(Assign { target: target(to), source: target(from), mask, xor })
        }),
        1 => (moments(), operators()).prop_map(|((part, low, high), operator)| {
            Expr::Clock(Clock { part, operator, low, high })
        }),
        1 => (any::<u32>(), 1..u32::MAX, any::<bool>()).prop_map(|(packet, every, is_random)| {
            Expr::Sample(if is_random { Sample::Random { most: packet } } else { Sample::Nth { every, packet: packet % every } })
        }),
        1 => (masked_keys(), name(), prop::option::of(1_u64..1 << 40), prop::option::of(per_element()), 0..3_usize).prop_map(
            |((key, masks), set, timeout, per_element, operation)| {
                let operation = [SetOperation::Add, SetOperation::Update, SetOperation::Delete][operation];
                let timeout = timeout.map(Duration::from_millis);
                Expr::DynamicSet(DynamicSet { operation, set, key, masks, timeout, per_element })
            }
        ),
    ]
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        prop::sample::select(ExtensionHeader::ALL.to_vec()).prop_map(Part::ExtensionHeader),
        any::<u8>().prop_map(Part::TcpOption),
        prop::sample::select(SctpChunk::ALL.to_vec()).prop_map(Part::SctpChunk),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let base = prop::sample::select(vec![BytesBase::Network, BytesBase::Transport]);
    let mask = prop_oneof![Just(u128::MAX), any::<u128>()];
    let range = prop_oneof![any::<u128>().prop_map(|one| (one, one)), any::<(u128, u128)>()];
    (base, any::<u8>(), 1..=Bytes::LENGTH_MAX, mask, operators(), range).prop_map(
        |(base, offset, length, mask, operator, (one, other))| {
            let within = |number: u128| number & Bytes::largest(length);
            let (low, high) = (within(one).min(within(other)), within(one).max(within(other)));
            Bytes { base, offset, length, mask: within(mask), operator, low, high }
        },
    )
}

fn masks() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(u32::MAX), any::<u32>()]
}

fn operators() -> impl Strategy<Value = Operator> {
    prop_oneof![Just(Operator::Eq), Just(Operator::Ne)]
}

fn matches() -> impl Strategy<Value = Expr> {
    (prop::sample::select(Field::ALL.to_vec()), operators()).prop_flat_map(|(field, operator)| {
        let data_type = field.data_type();
        let mask = prop_oneof![
            2 => Just(None),
            1 => data(data_type).prop_map(Some),
            1 => prefix_bits(data_type).prop_map(move |bits| Some(super::lower::prefix_mask(data_type, bits))),
        ];
        (Just(field), mask, Just(operator), values(data_type))
            .prop_map(|(field, mask, operator, value)| Expr::Match(Match { field, mask, operator, value }))
    })
}

fn values(data_type: DataType) -> impl Strategy<Value = Value> {
    prop_oneof![
        data(data_type).prop_map(Value::One),
        intervals(data_type).prop_map(Value::Range),
        (data(data_type), prefix_bits(data_type)).prop_map(move |(value, bits)| {
            Value::Prefix(super::lower::masked(&value, &super::lower::prefix_mask(data_type, bits)), bits)
        }),
    ]
}

fn prefix_bits(data_type: DataType) -> impl Strategy<Value = u8> {
    let width = u8::try_from(data_type.width() * 8).unwrap();
    let step = if data_type == DataType::Ifname { 8 } else { 1 };
    (1..width.div_ceil(step)).prop_map(move |bits| bits * step)
}

fn data(data_type: DataType) -> impl Strategy<Value = Datum> {
    prop_oneof![any::<u128>(), 0..4_u128].prop_map(move |number| match data_type {
        DataType::Dscp => Datum::from_u128(data_type, number % 64),
        data_type => Datum::from_u128(data_type, number),
    })
}

fn intervals(data_type: DataType) -> impl Strategy<Value = Interval> {
    (data(data_type), data(data_type)).prop_map(|(a, b)| Interval::new(a.min(b), a.max(b)).unwrap())
}

fn keys() -> impl Strategy<Value = Vec<Field>> {
    vec(prop::sample::select(Field::ALL.to_vec()), 1..5)
}

/// Keys, the first field of which has a mask sometimes.
fn masked_keys() -> impl Strategy<Value = (Vec<Field>, BTreeMap<Field, Datum>)> {
    keys().prop_flat_map(|key| {
        let first = key[0];
        let mask = prop::option::of(data(first.data_type()));
        mask.prop_map(move |mask| (key.clone(), mask.map(|mask| (first, mask)).into_iter().collect()))
    })
}

fn per_element() -> impl Strategy<Value = PerElement> {
    prop_oneof![
        limits().prop_map(PerElement::Limit),
        (any::<u32>(), any::<bool>()).prop_map(|(count, over)| PerElement::Connections(Connections { count, over })),
    ]
}

fn anonymous(data: MapData) -> impl Strategy<Value = (Vec<Field>, SetRef)> {
    (keys(), any::<bool>()).prop_flat_map(move |(key, intervals)| {
        let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
        let spec = SetSpec { data: data.clone(), intervals, ..SetSpec::hash(types) };
        let elements = elements(&SetSpec { timeout: None, ..spec.clone() });
        (Just(key), Just(spec), elements).prop_map(|(key, spec, elements)| (key, SetRef::Anonymous { spec, elements }))
    })
}

fn specs() -> impl Strategy<Value = SetSpec> {
    let types = || vec(prop::sample::select(DataType::ALL.to_vec()), 1..5);
    let holds = prop_oneof![
        Just(MapData::Nothing),
        Just(MapData::Verdict),
        Just(MapData::Counter),
        types().prop_map(MapData::Value),
    ];
    (types(), holds, any::<bool>(), prop::option::of(1_u64..1 << 40))
        .prop_map(|(key, data, intervals, timeout)| SetSpec {
            data,
            intervals,
            timeout: timeout.map(Duration::from_millis),
            ..SetSpec::hash(key)
        })
        .prop_filter("keys and data of at most 64 bytes", |spec| {
            let fits =
                |types: &[DataType]| types.iter().map(|one| one.width().next_multiple_of(4)).sum::<usize>() <= 64;
            fits(&spec.key)
                && match &spec.data {
                    MapData::Value(types) => fits(types),
                    MapData::Nothing | MapData::Verdict | MapData::Counter => true,
                }
        })
}

/// Disjoint elements that fit the set.
fn elements(spec: &SetSpec) -> impl Strategy<Value = Elements> + use<> {
    let key: Vec<_> = spec.key.iter().map(|data_type| intervals(*data_type)).collect();
    let spec = spec.clone();
    let value: Vec<_> = match &spec.data {
        MapData::Value(types) => types.iter().map(|data_type| data(*data_type)).collect(),
        MapData::Nothing | MapData::Verdict | MapData::Counter => Vec::new(),
    };
    let timeout = match spec.timeout {
        Some(own) => {
            prop_oneof![Just(None), Just(Some(own)), (1_u64..99_999).prop_map(|ms| Some(Duration::from_millis(ms)))]
                .boxed()
        }
        None => Just(None).boxed(),
    };
    vec((key, value, verdicts(), timeout, any::<bool>()), 0..6).prop_map(move |candidates| {
        let mut elements = Elements::new();
        for (index, (parts, value, verdict, timeout, has_comment)) in candidates.into_iter().enumerate() {
            let parts = parts.into_iter().map(|part| if spec.intervals { part } else { Interval::single(part.low()) });
            let key = if index == 5 { ElementKey::CatchAll } else { ElementKey::intervals(parts) };
            if elements.keys().any(|other: &ElementKey| other.overlaps(&key)) {
                continue;
            }
            let data = match &spec.data {
                MapData::Nothing => ElementData::Nothing,
                MapData::Verdict => ElementData::Verdict(verdict),
                MapData::Value(_) => ElementData::Value(value.into()),
                MapData::Counter => ElementData::Counter(Name::ours("counter")),
            };
            let comment = has_comment.then(|| Comment::new("np.yaml:7"));
            elements.insert(key, Element { data, timeout, comment });
        }
        elements
    })
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Accept,
        Verdict::Drop,
        Verdict::Return,
        Verdict::Continue,
        Verdict::Jump(Name::ours("a")),
        Verdict::Goto(Name::ours("b")),
    ])
}

fn limits() -> impl Strategy<Value = Limit> {
    use LimitUnit::{Day, Hour, Minute, Second, Week};
    let units = prop::sample::select(vec![Second, Minute, Hour, Day, Week]);
    (any::<u64>(), units, 1_u32.., any::<bool>(), any::<bool>()).prop_map(|(rate, per, burst, bytes, over)| Limit {
        rate,
        per,
        burst,
        bytes,
        over,
    })
}

fn logs() -> impl Strategy<Value = Log> {
    use LogLevel::{Alert, Audit, Crit, Debug, Emerg, Err, Info, Notice, Warn};
    let level = prop::option::of(prop::sample::select(vec![Emerg, Alert, Crit, Err, Warn, Notice, Info, Debug]));
    let prefix = || prop::option::of("[ -~é]{0,60}".prop_map(Box::from));
    prop_oneof![
        Just(Log { level: Some(Audit), ..Log::default() }),
        (prefix(), level, 0..64_u32).prop_map(|(prefix, level, flags)| Log { prefix, level, flags, ..Log::default() }),
        (prefix(), any::<u16>(), prop::option::of(0..99_u32), prop::option::of(0..99_u16)).prop_map(
            |(prefix, group, snaplen, queue_threshold)| {
                Log { prefix, group: Some(group), snaplen, queue_threshold, ..Log::default() }
            }
        ),
    ]
}

fn nats() -> impl Strategy<Value = Nat> {
    let addresses = prop_oneof![
        Just(None),
        intervals(DataType::Ipv4Addr).prop_map(Some),
        intervals(DataType::Ipv6Addr).prop_map(Some),
        data(DataType::Ipv4Addr).prop_map(|address| Some(Interval::single(address))),
    ];
    let kinds =
        prop::sample::select(vec![NatKind::Source, NatKind::Destination, NatKind::Masquerade, NatKind::Redirect]);
    let ports = prop::option::of(intervals(DataType::InetService));
    let flags = prop::sample::select(vec![0, 4, 8, 16, 28, 64, 92]);
    (kinds, addresses, ports, flags).prop_map(|(kind, addresses, ports, flags)| {
        let is_plain = matches!(kind, NatKind::Masquerade | NatKind::Redirect);
        Nat { kind, addresses: if is_plain { None } else { addresses }, ports, flags }
    })
}
