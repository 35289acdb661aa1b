//! Rules that remember packets, asked at moments that a table gives: which packets of a sequence come through, by ferm's
//! rules and by ours.
//!
//! The moments keep a distance from every edge of the rules' windows that no delay of a loaded machine makes up for.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use watcher::lab::flags;

use super::configurations::{Configuration, Folder};
use super::ferm::{self, Backend, Expanded};
use super::packet::{Packet, Parts, TCP};
use super::pair::Pair;
use super::probes::Probe;
use super::router::{FAR, NEAR, Way};
use super::{can_compare, compiled, report};

/// The name of a configuration in tests/data/twin/sequence, and its packets: a letter is one from an address of its own,
/// with the port that follows or 22, a number the milliseconds until the next.
const SEQUENCES: &[(&str, &str)] = &[
    ("attempts at a login", "a a a a b 1200 a b 1400 a 700 a b b b b 2600 a b"),
    ("attempts that are looked at without being counted", "a a a a a a 700 b b a 1900 a a a a b"),
    ("attempts that count even while they are shut out", "a a a 600 a 1300 a 1300 a 1300 a 2700 a a a"),
    ("two windows over one list", "a a a 1500 a a a 1500 a a a b 1500 a b b b 3600 a"),
    ("a list that is left", "a23 a a24 a a23 b a 500 a24 b24 b a a b23 b"),
    ("what follows the count", "a a a a23 a a a 2700 a a a b b b b"),
    ("few connections at a time", "a a a a23 a23 a23 b a24 b24 b24 a24 a25 b25 c25 a25 b25 c25 a26 b26 a26 c26"),
    ("few connections of a network", "a b c a b q q q q q a"),
    ("one packet of so many", "a a b a a a b a23 a23 a24 b24 a23 b23 a23 a24 a24 a24 a a"),
    ("packets that enter a set", "a a23 a b 1200 a23 a 1300 a a23 b24 a24 a b25 b 2500 b 2000 b a"),
    ("packets that enter a set of ports", "a23 a23 a a24 a24 a25 a25 a23 b b25 b25 a24"),
    ("limits of networks", "a b c a q q a q q q a23 b23 q23 a23 q23"),
];

/// Of so many packets, how many come through for a probability of 25 %: within five standard deviations, of which one is
/// `sqrt(n p (1 - p))`.
const DRAWN: u16 = 1_200;
const SHARE: std::ops::RangeInclusive<usize> = 225..=375;

/// What became of each packet: whether it came through.
fn outcomes(text: &str, first: u32, is_v4: bool, send: &mut dyn FnMut(&Probe) -> [bool; 2]) -> [Vec<bool>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    let start = Instant::now();
    let mut due = Duration::ZERO;
    for (number, token) in (first..).zip(text.split(' ')) {
        if let Ok(wait) = token.parse() {
            due += Duration::from_millis(wait);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            continue;
        }
        let (letter, port) = token.split_at(1);
        let probe = attempt(letter.as_bytes()[0], port.parse().unwrap_or(22), number, is_v4);
        for (outcomes, came_through) in found.iter_mut().zip(send(&probe)) {
            outcomes.push(came_through);
        }
    }
    found
}

pub(super) fn attempt(letter: u8, port: u16, number: u32, is_v4: bool) -> Probe {
    let (source, destination): (IpAddr, IpAddr) = if is_v4 {
        ([192, 0, 2, letter].into(), [198, 51, 100, 1].into())
    } else {
        ([0x2001, 0xdb8, 2, 0, 0, 0, 0, u16::from(letter)].into(), [0x2001, 0xdb8, 9, 0, 0, 0, 0, 1].into())
    };
    let way = Way::Wire { interface: "eth0", source: FAR, destination: NEAR };
    let source_port = 20_000 + u16::try_from(number % 30_000).unwrap();
    let packet = Packet {
        number,
        source,
        destination,
        protocol: TCP,
        ports: (source_port, port),
        icmp: (0, 0),
        flags: flags::SYN,
        turn: 0,
        class: 0,
        hops: 64,
        length: None,
        segment_size: None,
        association: 0,
        parts: Parts::default(),
    };
    Probe { way, by: None, packet }
}

#[test]
fn both_routers_count_the_same_packets() {
    if !can_compare("both_routers_count_the_same") {
        return;
    }
    let folder = Folder::new(0);
    let configured: Vec<&Configuration> = SEQUENCES
        .iter()
        .map(|(name, _)| folder.configurations.iter().find(|found| found.name == format!("sequence/{name}")).unwrap())
        .collect();
    let paths: Vec<_> = configured.iter().map(|configuration| configuration.path.clone()).collect();
    let expanded: Vec<Expanded> = ferm::expand(&paths).into_iter().map(Option::unwrap).collect();
    std::thread::scope(|scope| {
        for backend in [Backend::Nft, Backend::Legacy] {
            let (configured, expanded) = (&configured, &expanded);
            scope.spawn(move || {
                let pair = Pair::new();
                for ((configuration, expanded), (_, text)) in configured.iter().zip(expanded).zip(SEQUENCES) {
                    compare(&pair, backend, configuration, expanded, text);
                }
            });
        }
    });
}

fn compare(pair: &Pair, backend: Backend, configuration: &Configuration, expanded: &Expanded, text: &str) {
    let name = &configuration.name;
    let ruleset = compiled(configuration).unwrap_or_else(|| panic!("{name} is refused"));
    pair.load(backend, expanded).unwrap_or_else(|complaint| panic!("{name}: {complaint}"));
    for (is_v4, first) in [(true, 1), (false, 1000)] {
        pair.begin(&ruleset, &[attempt(b'a', 22, first, is_v4)]);
        let [ferm, palisade] = outcomes(text, first, is_v4, &mut |probe| pair.try_one(probe));
        let came_through = palisade.iter().filter(|came_through| **came_through).count();
        report(&format!("{name}, {backend:?}: {came_through} of {} packets come through", palisade.len()));
        assert_eq!(ferm, palisade, "{name}, {backend:?}, IPv4: {is_v4}: {text}");
        assert!((1..palisade.len()).contains(&came_through), "{name}: some come through, and some do not");
    }
    pair.unload(backend);
}

#[test]
fn both_routers_draw_as_many_packets() {
    if !can_compare("both_routers_draw_as_many") {
        return;
    }
    let folder = Folder::new(0);
    let configuration =
        folder.configurations.iter().find(|found| found.name == "sequence/some of the packets").unwrap();
    let expanded = ferm::expand(std::slice::from_ref(&configuration.path)).remove(0).unwrap();
    let ruleset = compiled(configuration).unwrap();
    let pair = Pair::new();
    pair.load(Backend::Nft, &expanded).unwrap();
    for is_v4 in [true, false] {
        let some = |port: u16, first: u16| -> Vec<Probe> {
            (0..DRAWN).map(|number| attempt(b'a', port, u32::from(first + number), is_v4)).collect()
        };
        pair.begin(&ruleset, &some(22, 0)[..1]);
        let drawn = pair.shares(&some(22, 0));
        report(&format!("of {DRAWN} packets ferm's rules draw {}, ours {}", drawn[0], drawn[1]));
        assert!(drawn.iter().all(|share| SHARE.contains(share)), "{drawn:?} of {DRAWN}");
        assert_eq!(pair.shares(&some(23, DRAWN)), [usize::from(DRAWN); 2], "all of them");
        assert_eq!(pair.shares(&some(24, 2 * DRAWN)), [0; 2], "none of them");
    }
    pair.unload(Backend::Nft);
}
