//! Rules in, outcomes and traces out. The table `palisade` of the inet family has the chains that each test names.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::ruleset::{
    Assign, AssignTarget, ChainType, CtField, DataType, Datum, DynamicSet, Element, ElementData, ElementKey, Elements,
    Expr, Field, HeaderField, Interval, Limit, LimitUnit, Log, Lookup, MapData, Match, Nat, NatKind, Operator,
    PerElement, Priority, Quota, Rule, Set, SetHeader, SetOperation, SetRef, SetSpec, Table, Value, VerdictMap,
};

#[test]
fn a_base_chain_accepts_only_for_itself_and_a_drop_is_final() {
    let chains = [
        base("early", Hook::Input, -10, vec![vec![accept()], vec![drop()]]),
        base("late", Hook::Input, 10, vec![vec![port(22), drop()], vec![accept()]]),
    ];
    let dropped = input(chains.clone(), tcp(22));
    assert_eq!(show(&dropped), "drop early:0=accept late:0=drop");
    assert_eq!(dropped.decided_by.map(|rule| (rule.chain, rule.index)), Some((Name::ours("late"), 0)));
    assert_eq!(show(&input(chains, tcp(80))), "accept early:0=accept late:1=accept");
}

#[test]
fn jumps_come_back_and_gotos_do_not() {
    let chains = [
        base("a", Hook::Input, 0, vec![vec![jump("b")], vec![Expr::Counter], vec![drop()]]),
        chain("b", vec![vec![goto("c")], vec![drop()]]),
        chain("c", vec![vec![Expr::Verdict(Verdict::Return)], vec![drop()]]),
    ];
    assert_eq!(show(&input(chains, tcp(1))), "drop a:0=jump pl_b b:0=goto pl_c c:0=return a:1 a:2=drop");
    let chains = [base("a", Hook::Input, 0, vec![vec![goto("b")], vec![drop()]]), chain("b", vec![])];
    assert_eq!(show(&input(chains, tcp(1))), "accept a:0=goto pl_b");
}

#[test]
fn a_return_in_a_base_chain_is_its_policy() {
    let chains = [base("a", Hook::Input, 0, vec![vec![Expr::Verdict(Verdict::Return)], vec![drop()]])];
    assert_eq!(show(&input(chains, tcp(1))), "accept a:0=return");
}

#[test]
fn loops_and_jumps_that_are_too_deep_end_in_a_drop() {
    let chains = [base("a", Hook::Input, 0, vec![vec![goto("b")]]), chain("b", vec![vec![goto("b")]])];
    assert_eq!(input(chains, tcp(1)).outcome, Outcome::Drop);
    let deep = |depth: usize| {
        let mut chains = vec![base("a", Hook::Input, 0, vec![vec![jump("00")]])];
        chains.extend((0..depth).map(|n| chain(&format!("{n:02}"), vec![vec![jump(&format!("{:02}", n + 1))]])));
        input(chains, tcp(1)).outcome
    };
    assert_eq!((deep(15), deep(16)), (Outcome::Accept, Outcome::Drop));
}

#[test]
fn raw_bytes_are_those_of_the_fields_and_what_nobody_says_is_named() {
    use crate::ruleset::{Bytes, BytesBase};
    let raw = |base, offset, length, mask, low: u128, high: u128| {
        Expr::Bytes(Bytes { base, offset, length, mask, operator: Operator::Eq, low, high })
    };
    let all = |length| Bytes::largest(length);
    let drops = |expr| {
        let seen = input([base("a", Hook::Input, 0, vec![vec![expr, drop()], vec![accept()]])], tcp(22));
        (seen.outcome == Outcome::Drop, seen.unknown.iter().map(|rule| rule.index).collect::<Vec<_>>())
    };
    let (network, transport) = (BytesBase::Network, BytesBase::Transport);
    let (yes, no, unknown) = ((true, vec![]), (false, vec![]), (false, vec![0]));
    // Version, protocol, destination port by either base, flags, and a length.
    assert_eq!(drops(raw(network, 0, 1, 0xf0, 0x40, 0x40)), yes);
    assert_eq!(drops(raw(network, 9, 1, 0xff, 6, 6)), yes);
    assert_eq!(drops(raw(network, 9, 1, 0xff, 17, 255)), no);
    assert_eq!(drops(raw(transport, 2, 2, all(2), 20, 25)), yes);
    assert_eq!(drops(raw(network, 22, 2, all(2), 22, 22)), yes);
    assert_eq!(drops(raw(transport, 13, 1, 2, 2, 2)), yes);
    assert_eq!(drops(raw(network, 2, 2, all(2), 60, 60)), yes);
    // Behind its end there is nothing to compare; a sequence number and an identification are not said.
    assert_eq!(drops(raw(network, 60, 1, 0xff, 0, 0)), no);
    assert_eq!(drops(raw(transport, 4, 4, all(4), 0, u128::from(u32::MAX))), unknown);
    assert_eq!(drops(raw(network, 4, 2, all(2), 0, 0)), unknown);
    assert_eq!(drops(raw(network, 0, 4, 0xff00_0000, 0x4500_0000, 0x4500_0000)), yes);

    let of = |protocol, field: Field, value: u32| {
        let rule = vec![field_is(field, Operator::Eq, Datum::number(field.data_type(), value)), drop()];
        let packet = Packet { transport: Transport::Other(protocol), ..tcp(0) };
        let seen = input([base("a", Hook::Input, 0, vec![rule])], packet);
        (seen.outcome, seen.unknown.len())
    };
    assert_eq!(of(51, Field::AhSpi, 5), (Outcome::Accept, 1));
    assert_eq!(of(50, Field::AhSpi, 5), (Outcome::Accept, 0));
    assert_eq!(of(50, Field::EspSpi, 5), (Outcome::Accept, 1));
    assert_eq!(of(33, Field::DccpType, 1), (Outcome::Accept, 1));
    assert_eq!(of(6, Field::SocketTransparent, 1), (Outcome::Accept, 1));
    assert_eq!(of(1, Field::SocketTransparent, 1), (Outcome::Accept, 0));
    assert_eq!(of(1, Field::Ct(CtField::Expiration), 1), (Outcome::Accept, 1));
}

#[test]
fn a_field_that_is_not_there_ends_the_rule_even_for_not_equal() {
    let rules = vec![
        vec![field_is(Field::UdpDport, Operator::Ne, Datum::port(53)), drop()],
        vec![field_is(Field::Ip6Saddr, Operator::Ne, Datum::ipv6(std::net::Ipv6Addr::LOCALHOST)), drop()],
        vec![field_is(Field::SkUid, Operator::Ne, Datum::number(DataType::Uid, 0)), drop()],
        vec![field_is(Field::EtherType, Operator::Ne, Datum::number(DataType::EtherType, 1)), drop()],
        // An interface that is not there has an empty name.
        vec![field_is(Field::Oifname, Operator::Ne, Datum::ifname("eth0")), accept()],
    ];
    assert_eq!(show(&input([base("a", Hook::Input, 0, rules)], tcp(1))), "accept a:4=accept");
}

#[test]
fn what_is_written_into_the_header_is_what_later_rules_see() {
    let write = |field, value| Expr::SetHeader(SetHeader { field, value });
    let is = |field: Field, value| field_is(field, Operator::Eq, Datum::number(field.data_type(), value));
    let rules = vec![
        vec![write(HeaderField::Ip6Dscp, 1), drop()],
        vec![write(HeaderField::IpDscp, 46), write(HeaderField::IpTtl, 5)],
        vec![is(Field::IpDscp, 46), is(Field::IpTtl, 5), accept()],
        vec![drop()],
    ];
    assert_eq!(show(&input([base("a", Hook::Input, 0, rules)], tcp(1))), "accept a:1 a:2=accept");
}

#[test]
fn a_prefix_is_replaced_and_the_rest_of_the_address_kept() {
    let network = Interval::network("10.1.2.0/24".parse().unwrap());
    let nat = Nat { kind: NatKind::Destination, addresses: Some(network), ports: None, flags: 64 };
    let mut flow = Flow::new(Packet::new([192, 0, 2, 1].into(), [203, 0, 113, 77].into(), Transport::syn(1, 80)));
    let verdict = translate::apply(&nat, &mut flow, &Host::default(), Hook::Prerouting);
    assert_eq!((verdict, flow.packet.destination), (Some(Verdict::Accept), IpAddr::from([10, 1, 2, 77])));
}

#[test]
fn later_fragments_have_no_ports() {
    let rules = vec![vec![field_is(Field::ThDport, Operator::Ne, Datum::port(53)), drop()], vec![accept()]];
    let fragment = Packet { fragment: 0x2001, ..tcp(80) };
    assert_eq!(show(&input([base("a", Hook::Input, 0, rules.clone())], fragment)), "accept a:1=accept");
    let first = Packet { fragment: 0x2000, ..tcp(80) };
    assert_eq!(show(&input([base("a", Hook::Input, 0, rules)], first)), "drop a:0=drop");
}

#[test]
fn masks_ranges_and_prefixes_compare_as_numbers() {
    let matching = |field: Field, mask, operator, value| {
        let mask: Option<u32> = mask;
        let mask = mask.map(|mask| Datum::number(field.data_type(), mask));
        let rule = vec![Expr::Match(Match { field, mask, operator, value }), drop()];
        let packet = Packet { mark: 0x1234, input: Some("ppp0".into()), ..tcp(443) };
        input([base("a", Hook::Input, 0, vec![rule])], packet).outcome == Outcome::Drop
    };
    let mark = |number| Datum::number(DataType::Mark, number);
    let range = |low, high| Value::Range(Interval::new(low, high).unwrap());
    assert!(matching(Field::Mark, Some(0xff00), Operator::Eq, Value::One(mark(0x1200))));
    assert!(!matching(Field::Mark, Some(0xff00), Operator::Ne, Value::One(mark(0x1200))));
    assert!(matching(Field::TcpFlags, Some(0x12), Operator::Eq, Value::One(Datum::number(DataType::TcpFlag, 2))));
    assert!(matching(Field::TcpDport, None, Operator::Eq, range(Datum::port(400), Datum::port(443))));
    assert!(!matching(Field::TcpDport, None, Operator::Ne, range(Datum::port(443), Datum::port(443))));
    assert!(matching(Field::IpSaddr, None, Operator::Eq, Value::Prefix(v4("10.0.0.0"), 8)));
    assert!(matching(Field::IpSaddr, None, Operator::Ne, Value::Prefix(v4("11.0.0.0"), 8)));
    assert!(matching(Field::Iifname, None, Operator::Eq, Value::Prefix(Datum::ifname("ppp"), 24)));
    assert!(!matching(Field::Iifname, None, Operator::Eq, Value::One(Datum::ifname("ppp"))));
}

#[test]
fn maps_fall_back_on_their_catch_all_and_a_miss_ends_the_rule() {
    let elements: Elements = [
        (network("10.0.0.0", "10.0.0.255"), Element::verdict(Verdict::Jump(Name::ours("b")))),
        (ElementKey::CatchAll, Element::verdict(Verdict::Drop)),
    ]
    .into();
    let spec = SetSpec::intervals([DataType::Ipv4Addr]).verdicts();
    let with = |elements: Elements, source: &str| {
        let lookup = |map| Expr::VerdictMap(VerdictMap { key: vec![Field::IpSaddr], map });
        let rules = vec![vec![lookup(SetRef::Named(Name::ours("m"))), Expr::Counter], vec![accept()]];
        let mut ruleset = inet([base("a", Hook::Input, 0, rules), chain("b", vec![])]);
        let set = Set { spec: spec.clone(), elements };
        ruleset.tables.values_mut().next().unwrap().sets.insert(Name::ours("m"), set);
        let packet = Packet::new(address(source), address("10.0.0.9"), Transport::syn(1, 2));
        show(&hook(&ruleset, &Host::default(), Layer::Network, Hook::Input, packet))
    };
    assert_eq!(with(elements.clone(), "10.0.0.7"), "accept a:0=jump pl_b a:1=accept");
    assert_eq!(with(elements.clone(), "10.0.1.7"), "drop a:0=drop");
    let mut without = elements;
    without.remove(&ElementKey::CatchAll);
    assert_eq!(with(without.clone(), "10.0.1.7"), "accept a:1=accept");
    without.insert(ElementKey::CatchAll, Element::verdict(Verdict::Continue));
    assert_eq!(with(without, "10.0.1.7"), "accept a:0 a:1=accept");
}

#[test]
fn concatenations_look_every_part_up() {
    let key = ElementKey::intervals([
        Interval::new(v4("10.0.0.0"), v4("10.0.0.255")).unwrap(),
        Interval::single(Datum::port(53)),
    ]);
    let spec = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
    let set = SetRef::Anonymous { spec, elements: [(key, Element::PLAIN)].into() };
    let lookup = |operator| {
        let lookup = Lookup { key: vec![Field::IpSaddr, Field::UdpDport], operator, set: set.clone() };
        base("a", Hook::Input, 0, vec![vec![Expr::Lookup(lookup), drop()]])
    };
    let udp = |port| Packet::new(address("10.0.0.7"), address("10.0.0.9"), Transport::udp(1, port));
    let outcome = |operator, packet| input([lookup(operator)], packet).outcome;
    assert_eq!(outcome(Operator::Eq, udp(53)), Outcome::Drop);
    assert_eq!(outcome(Operator::Eq, udp(54)), Outcome::Accept);
    assert_eq!(outcome(Operator::Ne, udp(54)), Outcome::Drop);
    assert_eq!(outcome(Operator::Ne, tcp(54)), Outcome::Accept);
}

#[test]
fn statements_do_what_they_say_and_are_recorded() {
    let limit = |over| Expr::Limit(Limit { rate: 1, per: LimitUnit::Second, burst: 5, bytes: false, over });
    let log = Log { prefix: Some("x ".into()), ..Log::default() };
    let rules = vec![
        vec![limit(true), drop()],
        vec![Expr::Quota(Quota { bytes: 1, over: true }), drop()],
        vec![Expr::NamedQuota(Name::ours("q")), drop()],
        vec![limit(false), Expr::NamedCounter(Name::ours("c")), Expr::Counter, Expr::Log(log.clone())],
        vec![Expr::Counter, port(9), accept()],
        vec![Expr::Reject(RejectWith::Icmpv6(1))],
        vec![Expr::Reject(RejectWith::TcpReset)],
    ];
    let mut ruleset = inet([base("a", Hook::Input, 0, rules)]);
    let table = ruleset.tables.values_mut().next().unwrap();
    table.quotas.insert(Name::ours("q"), Quota { bytes: 1, over: true });
    let evaluation = hook(&ruleset, &Host::default(), Layer::Network, Hook::Input, tcp(80));
    assert_eq!(evaluation.outcome, Outcome::Reject(RejectWith::TcpReset));
    assert_eq!(show(&evaluation), "reject a:3 a:6=drop");
    assert_eq!(evaluation.logged, [log]);
    assert_eq!(evaluation.counted.len(), 3);
    assert_eq!(evaluation.counted[0], Counted::Named(TableKey::ours(Family::Inet), Name::ours("c")));
}

#[test]
fn marks_carry_over_to_later_chains_and_connections() {
    let set = |target, source, mask, xor| Expr::Assign(Assign { target, source, mask, xor });
    let mark = |field: Field, number| field_is(field, Operator::Eq, Datum::number(DataType::Mark, number));
    let chains = [
        base("a", Hook::Input, -150, vec![vec![set(AssignTarget::Mark, AssignTarget::Mark, 0xff00, 0x11)]]),
        base("b", Hook::Input, 0, vec![vec![set(AssignTarget::CtMark, AssignTarget::Mark, u32::MAX, 0)]]),
        base(
            "c",
            Hook::Input,
            5,
            vec![vec![mark(Field::Mark, 0x1211), mark(Field::Ct(CtField::Mark), 0x1211), drop()]],
        ),
    ];
    let packet = Packet { mark: 0x1234, ..tcp(80) };
    assert_eq!(show(&input(chains.clone(), packet.clone())), "drop a:0 b:0 c:0=drop");
    let untracked = Packet { conntrack: Conntrack::Untracked, ..packet };
    assert_eq!(show(&input(chains, untracked)), "accept a:0 b:0");
}

#[test]
fn what_a_packet_adds_to_a_set_is_in_it() {
    let key = vec![Field::IpSaddr];
    let change = |operation, limit| {
        let (set, key, masks) = (Name::ours("s"), key.clone(), BTreeMap::new());
        Expr::DynamicSet(DynamicSet { operation, set, key, masks, timeout: None, per_element: limit })
    };
    let lookup = Expr::Lookup(Lookup { key: key.clone(), operator: Operator::Eq, set: SetRef::Named(Name::ours("s")) });
    let over = Limit { rate: 1, per: LimitUnit::Second, burst: 5, bytes: false, over: true };
    let rules = vec![
        vec![lookup.clone(), drop()],
        vec![change(SetOperation::Update, Some(PerElement::Limit(over))), drop()],
        vec![lookup.clone(), Expr::Counter],
        vec![change(SetOperation::Delete, None)],
        vec![lookup, drop()],
    ];
    assert_eq!(show(&input([base("a", Hook::Input, 0, rules)], tcp(1))), "accept a:2 a:3");
}

#[test]
fn notrack_works_before_conntrack_and_not_after() {
    let chains = |priority| {
        [
            base("a", Hook::Prerouting, priority, vec![vec![port(53), Expr::Notrack]]),
            base("b", Hook::Prerouting, -150, vec![vec![Match::any_bit(Field::Ct(CtField::State), 64), drop()]]),
            base(
                "early",
                Hook::Prerouting,
                -300,
                vec![vec![Match::any_bit(Field::Ct(CtField::State), 1), Expr::Counter]],
            ),
        ]
    };
    let run = |priority, port| {
        let ruleset = inet(chains(priority));
        show(&hook(&ruleset, &Host::default(), Layer::Network, Hook::Prerouting, tcp(port)))
    };
    assert_eq!(run(-301, 53), "drop a:0 b:0=drop");
    assert_eq!(run(-301, 80), "accept early:0");
    assert_eq!(run(-199, 53), "accept early:0 a:0");
}

#[test]
fn a_forwarded_packet_is_judged_behind_the_translation() {
    let dnat = nat(NatKind::Destination, Some("10.0.1.7"), Some(8080));
    let chains = [
        nat_base("pre", Hook::Prerouting, -101, vec![vec![port(80), dnat], vec![drop()]]),
        base("forward", Hook::Forward, 0, vec![vec![destination("10.0.1.7"), port(8080), status(32), Expr::Counter]]),
        nat_base("post", Hook::Postrouting, 99, vec![vec![nat(NatKind::Masquerade, None, None)]]),
        base("sent", Hook::Postrouting, 300, vec![vec![source("10.0.1.1"), status(16), accept()]]),
    ];
    let packet = Packet { input: Some("eth0".into()), ..to("192.0.2.10", Transport::syn(1000, 80)) };
    let journey = receive(&inet(chains.clone()), &host(), packet.clone());
    assert_eq!(journey.end, End::Sent("pods".into()));
    let traces: Vec<String> = journey.stages.iter().map(|stage| show(&stage.evaluation)).collect();
    assert_eq!(traces, ["accept pre:0=accept", "accept forward:0", "accept post:0=accept sent:0=accept"]);
    assert_eq!(journey.packet.source, address("10.0.1.1"));

    // Only first packets pass nat chains.
    let Conntrack::Tracked(entry) = packet.conntrack else { panic!() };
    let established = Conntrack::Tracked(Entry { state: State::Established, ..entry });
    let later = Packet { conntrack: established, destination: address("10.0.1.7"), ..packet };
    let journey = receive(&inet(chains), &host(), later);
    assert_eq!(journey.packet.source, address("203.0.113.5"));
    assert_eq!(journey.end, End::Sent("pods".into()));
}

#[test]
fn the_first_nat_chain_that_decides_is_the_last() {
    let chains = [
        nat_base("a", Hook::Prerouting, -101, vec![vec![port(1), nat(NatKind::Destination, Some("10.0.1.1"), None)]]),
        nat_base("b", Hook::Prerouting, -90, vec![vec![nat(NatKind::Destination, Some("10.0.1.7"), None)]]),
        nat_base("c", Hook::Prerouting, -80, vec![vec![nat(NatKind::Destination, Some("10.0.1.8"), None)]]),
        // Between the chains' numbers, but after all nat chains, which run at -100.
        base("d", Hook::Prerouting, -95, vec![vec![destination("10.0.1.7"), drop()]]),
    ];
    let packet = Packet { input: Some("eth0".into()), ..to("198.51.100.1", Transport::syn(1, 80)) };
    let journey = receive(&inet(chains), &host(), packet);
    assert_eq!(show(&journey.stages[0].evaluation), "drop b:0=accept d:0=drop");
    assert_eq!(journey.end, End::Dropped(Hook::Prerouting));
}

#[test]
fn packets_for_the_host_pass_input_and_translated_ones_may_become_so() {
    let redirect = nat(NatKind::Redirect, None, Some(3128));
    let chains = [
        nat_base("pre", Hook::Prerouting, -101, vec![vec![port(80), redirect]]),
        base("input", Hook::Input, 0, vec![vec![port(3128), local(), Expr::Reject(RejectWith::Icmpx(3))]]),
        base("forward", Hook::Forward, 0, vec![vec![drop()]]),
    ];
    let packet = |port| Packet { input: Some("eth0".into()), ..to("198.51.100.1", Transport::syn(1, port)) };
    let journey = receive(&inet(chains.clone()), &host(), packet(80));
    assert_eq!(journey.end, End::Rejected(Hook::Input, RejectWith::Icmpx(3)));
    assert_eq!(journey.packet.destination, address("192.0.2.10"));
    assert_eq!(receive(&inet(chains), &host(), packet(81)).end, End::Dropped(Hook::Forward));
}

#[test]
fn what_the_host_sends_passes_output_and_postrouting_and_comes_back_in_for_itself() {
    let owner = Some(Owner { uid: 1000, gid: 100 });
    let mine = field_is(Field::SkUid, Operator::Eq, Datum::number(DataType::Uid, 1000));
    let chains = [
        nat_base(
            "out_nat",
            Hook::Output,
            -101,
            vec![vec![port(53), nat(NatKind::Destination, Some("192.0.2.10"), None)]],
        ),
        nat_base("pre_nat", Hook::Prerouting, -101, vec![vec![drop()]]),
        base("output", Hook::Output, 0, vec![vec![mine, accept()], vec![drop()]]),
        base("input", Hook::Input, 0, vec![vec![interface("lo"), accept()], vec![drop()]]),
    ];
    let packet = |port, owner| Packet {
        owner,
        ..Packet::new(address("192.0.2.10"), address("10.0.1.7"), Transport::syn(1, port))
    };
    let run = |packet| send(&inet(chains.clone()), &host(), packet);
    assert_eq!(run(packet(80, owner)).end, End::Sent("pods".into()));
    assert_eq!(run(packet(80, None)).end, End::Dropped(Hook::Output));
    let hooks = |journey: Journey| journey.stages.iter().map(|stage| stage.hook).collect::<Vec<_>>();
    let returned = run(packet(53, owner));
    assert_eq!(returned.end, End::Delivered);
    assert_eq!(hooks(returned), [Hook::Output, Hook::Postrouting, Hook::Prerouting, Hook::Input]);
    let nowhere = Packet::new(address("192.0.2.10"), address("2001:db8::1"), Transport::syn(1, 2));
    assert_eq!(send(&Ruleset::default(), &host(), nowhere).end, End::Unroutable);
}

#[test]
fn families_see_their_own_packets() {
    let drop_all = || base("a", Hook::Forward, 0, vec![vec![drop()]]);
    let with = |family| {
        let (name, chain) = drop_all();
        let table = Table { chains: [(name, chain)].into(), ..Table::default() };
        Ruleset { tables: [(TableKey::ours(family), table)].into() }
    };
    let v4 =
        || Packet { input: Some("eth0".into()), output: Some("eth1".into()), ..to("10.0.1.7", Transport::syn(1, 2)) };
    let forwarded = |family| receive(&with(family), &host(), v4()).end;
    assert_eq!(forwarded(Family::Ip), End::Dropped(Hook::Forward));
    assert_eq!(forwarded(Family::Ip6), End::Sent("pods".into()));
    assert_eq!(forwarded(Family::Bridge), End::Sent("pods".into()));
    assert_eq!(bridge(&with(Family::Bridge), &host(), v4()).end, End::Dropped(Hook::Forward));
    assert_eq!(bridge(&with(Family::Inet), &host(), v4()).end, End::Sent("eth1".into()));
}

#[test]
fn addresses_have_the_type_that_the_host_gives_them() {
    let host = host();
    let types = |text: &str, interface| host.address_type(address(text), interface);
    assert_eq!(types("192.0.2.10", None), 2);
    assert_eq!(types("192.0.2.10", Some("eth0")), 2);
    assert_eq!(types("192.0.2.10", Some("pods")), 1);
    assert_eq!(
        [types("192.0.2.255", None), types("255.255.255.255", None), types("192.0.2.255", Some("pods"))],
        [3, 3, 1]
    );
    assert_eq!([types("224.0.0.1", None), types("ff02::1", None), types("8.8.8.8", None)], [5, 5, 1]);
    assert_eq!([types("127.0.0.1", None), types("::1", None), types("127.0.0.1", Some("eth0"))], [2, 2, 1]);
}

#[test]
fn maps_to_values_and_counters_do_not_disturb_lookups() {
    let spec = SetSpec { data: MapData::Counter, ..SetSpec::hash([DataType::InetService]) };
    let element = Element { data: ElementData::Counter(Name::ours("c")), ..Element::PLAIN };
    let set = SetRef::Anonymous { spec, elements: [(ElementKey::values([Datum::port(1)]), element)].into() };
    let lookup = Expr::Lookup(Lookup { key: vec![Field::TcpDport], operator: Operator::Eq, set });
    assert_eq!(show(&input([base("a", Hook::Input, 0, vec![vec![lookup, drop()]])], tcp(1))), "drop a:0=drop");
}

/// `accept a:0=jump pl_b b:2`: the outcome, then every rule that matched with its verdict.
fn show(evaluation: &Evaluation) -> String {
    let mut words = vec![
        match evaluation.outcome {
            Outcome::Accept => "accept",
            Outcome::Drop => "drop",
            Outcome::Reject(_) => "reject",
        }
        .to_owned(),
    ];
    words.extend(evaluation.hits.iter().map(|hit| {
        let chain = hit.rule.chain.as_str().trim_start_matches("pl_");
        let verdict = hit.verdict.as_ref().map(|verdict| format!("={}", crate::render::verdict(verdict)));
        format!("{chain}:{}{}", hit.rule.index, verdict.unwrap_or_default())
    }));
    words.join(" ")
}

fn input(chains: impl IntoIterator<Item = (Name, Chain)>, packet: Packet) -> Evaluation {
    hook(&inet(chains), &Host::default(), Layer::Network, Hook::Input, packet)
}

fn inet(chains: impl IntoIterator<Item = (Name, Chain)>) -> Ruleset {
    let table = Table { chains: chains.into_iter().collect(), ..Table::default() };
    Ruleset { tables: [(TableKey::ours(Family::Inet), table)].into() }
}

fn base(name: &str, hook: Hook, priority: i32, rules: Vec<Vec<Expr>>) -> (Name, Chain) {
    let base = BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(priority) };
    let (name, chain) = chain(name, rules);
    (name, Chain { base: Some(base), ..chain })
}

fn nat_base(name: &str, hook: Hook, priority: i32, rules: Vec<Vec<Expr>>) -> (Name, Chain) {
    let base = BaseChain { chain_type: ChainType::Nat, hook, priority: Priority(priority) };
    let (name, chain) = chain(name, rules);
    (name, Chain { base: Some(base), ..chain })
}

fn chain(name: &str, rules: Vec<Vec<Expr>>) -> (Name, Chain) {
    let rules = rules.into_iter().map(|exprs| Rule { exprs, comment: None }).collect();
    (Name::ours(name), Chain { base: None, comment: None, rules })
}

/// eth0 to the outside, `pods` to 10.0.1.0/24.
fn host() -> Host {
    let interface = |name: &str, own: &str, broadcast: &str| Interface {
        name: name.into(),
        addresses: vec![address(own)],
        broadcast: vec![broadcast.parse::<Ipv4Addr>().unwrap()],
    };
    let route = |to: &str, interface: &str| Route { to: to.parse().unwrap(), interface: interface.into() };
    Host {
        interfaces: vec![interface("eth0", "192.0.2.10", "192.0.2.255"), interface("pods", "10.0.1.1", "10.0.1.255")],
        routes: vec![route("0.0.0.0/0", "eth0"), route("10.0.1.0/24", "pods")],
    }
}

fn tcp(port: u16) -> Packet {
    Packet::new(address("10.0.0.7"), address("10.0.0.9"), Transport::syn(1000, port))
}

fn to(destination: &str, transport: Transport) -> Packet {
    Packet::new(address("203.0.113.5"), address(destination), transport)
}

fn accept() -> Expr {
    Expr::Verdict(Verdict::Accept)
}

fn drop() -> Expr {
    Expr::Verdict(Verdict::Drop)
}

fn jump(chain: &str) -> Expr {
    Expr::Verdict(Verdict::Jump(Name::ours(chain)))
}

fn goto(chain: &str) -> Expr {
    Expr::Verdict(Verdict::Goto(Name::ours(chain)))
}

fn field_is(field: Field, operator: Operator, value: Datum) -> Expr {
    Expr::Match(Match { field, mask: None, operator, value: Value::One(value) })
}

fn port(port: u16) -> Expr {
    Match::eq(Field::TcpDport, Datum::port(port))
}

fn source(text: &str) -> Expr {
    Match::eq(Field::IpSaddr, v4(text))
}

fn destination(text: &str) -> Expr {
    Match::eq(Field::IpDaddr, v4(text))
}

fn interface(name: &str) -> Expr {
    Match::eq(Field::Iifname, Datum::ifname(name))
}

fn local() -> Expr {
    Match::eq(Field::FibDaddrType, Datum::number(DataType::FibAddrtype, 2))
}

fn status(bits: u32) -> Expr {
    Match::any_bit(Field::Ct(CtField::Status), bits)
}

fn nat(kind: NatKind, address: Option<&str>, port: Option<u16>) -> Expr {
    Expr::Nat(Nat {
        kind,
        addresses: address.map(|address| Interval::single(v4(address))),
        ports: port.map(|port| Interval::single(Datum::port(port))),
        flags: 0,
    })
}

fn network(low: &str, high: &str) -> ElementKey {
    ElementKey::intervals([Interval::new(v4(low), v4(high)).unwrap()])
}

fn v4(text: &str) -> Datum {
    Datum::ipv4(text.parse().unwrap())
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
