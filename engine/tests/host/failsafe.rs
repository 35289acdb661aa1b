//! Failsafe ports, packet by packet in the simulator.

use std::net::IpAddr;

use engine::compile::failsafe::{self, Failsafes};
use engine::compile::host::Names;
use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::eval::ruleset::{
    Conntrack, Evaluation, FlowDirection, Host, Layer, Outcome, Packet, Ports, State, Transport, hook,
};
use engine::inventory::Inventory;
use engine::ruleset::{Comment, Hook, Ruleset};
use policy_lang::host::{MemoryFiles, parse};
use policy_lang::source::Sources;

const SHUT: &str = "domain (ip ip6) { chain INPUT policy DROP; chain OUTPUT policy DROP; }";

fn compiled(text: &str, failsafes: &Failsafes) -> Ruleset {
    let mut sources = Sources::default();
    let (rules, found) = parse("t", &MemoryFiles::default().with("t", text), &[], &mut sources);
    assert_eq!(found, []);
    let input = Input {
        policies: &[],
        host: Some(HostInput { rules: &rules, names: &Names::built_in(), sources: &sources, failsafes }),
        inventory: &Inventory::default(),
        node: "n",
        forward_mode: ForwardMode::PodsFirst,
        pods: &STANDARD,
        sources: &[],
    };
    compile(&input).0
}

/// What becomes of a packet between two hosts of one family.
fn asked(ruleset: &Ruleset, at: Hook, family: u8, transport: Transport, conntrack: fn(Packet) -> Packet) -> Evaluation {
    let addresses = if family == 4 { ["192.0.2.1", "192.0.2.2"] } else { ["2001:db8::1", "2001:db8::2"] };
    let [source, destination] = addresses.map(|address| address.parse::<IpAddr>().unwrap());
    let packet = Packet { ttl: 255, ..Packet::new(source, destination, transport) };
    hook(ruleset, &Host::default(), Layer::Network, at, conntrack(packet))
}

#[track_caller]
fn check(ruleset: &Ruleset, at: Hook, transport: Transport, conntrack: fn(Packet) -> Packet, passes: bool) {
    for family in [4, 6] {
        let evaluation = asked(ruleset, at, family, transport, conntrack);
        assert_eq!(evaluation.outcome == Outcome::Accept, passes, "IPv{family} {transport:?}: {evaluation:?}");
        let comment = evaluation.decided_by.and_then(|rule| rule.comment);
        if passes {
            assert_eq!(comment.as_ref().map(Comment::as_str), Some("failsafe"));
        }
    }
}

fn first(packet: Packet) -> Packet {
    packet
}

/// The packet is an answer.
fn answer(packet: Packet) -> Packet {
    entry(packet, State::Established, FlowDirection::Reply)
}

/// The packet is an error about a connection to port 22.
fn error(packet: Packet) -> Packet {
    let mut packet = entry(packet, State::Related, FlowDirection::Reply);
    if let Conntrack::Tracked(entry) = &mut packet.conntrack {
        entry.original_ports = Ports { source: 40_000, destination: 22 };
    }
    packet
}

fn entry(mut packet: Packet, state: State, direction: FlowDirection) -> Packet {
    if let Conntrack::Tracked(entry) = &mut packet.conntrack {
        (entry.state, entry.direction) = (state, direction);
    }
    packet
}

#[test]
fn they_are_open_both_ways_and_nothing_begins_from_their_side() {
    let ruleset = compiled(SHUT, &Failsafes::standard());
    for port in [22, 179, 2379, 2380, 6443] {
        check(&ruleset, Hook::Input, Transport::syn(40_000, port), first, true);
        check(&ruleset, Hook::Output, Transport::syn(port, 40_000), answer, true);
    }
    check(&ruleset, Hook::Input, Transport::udp(67, 68), first, true);
    for port in [53, 6443] {
        check(&ruleset, Hook::Output, Transport::syn(40_000, port), first, true);
        check(&ruleset, Hook::Input, Transport::syn(port, 40_000), answer, true);
    }
    for port in [21, 23, 80, 2378, 2381, 10_250] {
        check(&ruleset, Hook::Input, Transport::syn(40_000, port), first, false);
        check(&ruleset, Hook::Output, Transport::syn(port, 40_000), answer, false);
    }
    check(&ruleset, Hook::Input, Transport::udp(40_000, 22), first, false);
    check(&ruleset, Hook::Output, Transport::syn(40_000, 22), first, false);
    // From such a port, but not as an answer.
    check(&ruleset, Hook::Input, Transport::syn(53, 80), first, false);
    check(&ruleset, Hook::Output, Transport::syn(22, 80), first, false);
    let untracked = |packet| Packet { conntrack: Conntrack::Untracked, ..packet };
    check(&ruleset, Hook::Output, Transport::syn(22, 40_000), untracked, false);
}

#[test]
fn with_them_come_neighbours_and_errors_about_their_connections() {
    let ruleset = compiled(SHUT, &Failsafes::standard());
    let passes = |family, icmp_type, conntrack| {
        let transport = Transport::Icmp { icmp_type, code: 0 };
        asked(&ruleset, Hook::Input, family, transport, conntrack).outcome == Outcome::Accept
    };
    for neighbours in [133, 134, 135, 136, 130, 143] {
        assert!(passes(6, neighbours, first), "{neighbours}");
        assert!(!passes(4, neighbours, first), "{neighbours}");
    }
    // A redirect, an echo, and an error about something else.
    assert!(!passes(6, 137, first) && !passes(6, 128, first) && !passes(4, 8, first));
    let of_others = |packet| entry(packet, State::Related, FlowDirection::Reply);
    assert!(passes(6, 2, error) && passes(4, 3, error) && !passes(6, 2, of_others) && !passes(4, 3, of_others));
}

#[test]
fn they_are_nowhere_without_a_chain_of_host_rules_or_a_port() {
    let forwarding = "domain (ip ip6) chain FORWARD policy DROP;";
    assert_eq!(compiled(forwarding, &Failsafes::standard()), compiled(forwarding, &failsafe::NONE));
    let input_only = compiled("domain (ip ip6) chain INPUT policy DROP;", &Failsafes::standard());
    assert!(!engine::render::ruleset(&input_only).contains("pl_output"));
    let none = compiled(SHUT, &failsafe::NONE);
    assert!(!engine::render::ruleset(&none).contains("failsafe"));
    check(&none, Hook::Input, Transport::syn(40_000, 22), first, false);
}
