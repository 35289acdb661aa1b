//! Two routers that are asked the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::process::Command;
use std::time::Duration;

use engine::apply::{Step, apply};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;

use super::event::{Event, Hook};
use super::ferm::{self, Backend, Expanded};
use super::observer::forget_connections;
use super::packet::{AH, error_about};
use super::probes::{Probe, derive, local};
use super::router::{FAR, INTERFACES, NEAR, Router, Routes, Way};
use super::rules;

/// One has ferm's rules, the other those of palisade.
#[derive(Debug)]
pub(super) struct Pair {
    ferm: Router,
    palisade: Router,
    /// Where the numbers of the next configuration's probes begin.
    next: u32,
}

/// What came of a configuration.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) probes: usize,
    /// With the answers, continuations and errors.
    pub(super) packets: usize,
    pub(super) differences: Vec<String>,
}

/// A packet that both get.
struct Asked<'a> {
    probe: &'a Probe,
    way: Way,
    bytes: Vec<u8>,
    what: &'static str,
}

/// What became of a round.
#[derive(Default)]
struct Seen<'a> {
    /// The probes of which both let the packet itself through, and where it arrived.
    arrived: Vec<(&'a Probe, Event)>,
    /// Those for which each drew a port of its own: they cannot be continued with the same packets.
    drawn: BTreeSet<u32>,
}

impl Asked<'_> {
    fn without_drawn_ports(&self, events: &[Event]) -> Vec<Event> {
        let asked = Event::new(Hook::Sent, &self.bytes).and_then(|event| match event.transport() {
            Some((_, [a, b, ..])) => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        });
        events.iter().map(|event| event.without_drawn_port(asked.unwrap_or_default())).collect()
    }

    fn describe(&self, ferm: &[Event], palisade: &[Event]) -> String {
        let Self { probe, way, bytes, what } = self;
        let event = Event::new(Hook::Sent, bytes).map_or_else(String::new, |event| event.to_string());
        let way = match way {
            Way::Own => "of its own".to_owned(),
            Way::Wire { interface, .. } => format!("by {interface}"),
        };
        let by = probe.by.unwrap_or("nothing: it is the router's");
        let mut text = format!("{what} {way}, to leave by {by}:{event}");
        for (name, events) in [("ferm", ferm), ("palisade", palisade)] {
            text.extend(events.iter().map(|event| format!("\n    {name}: {event}")));
            text.extend(events.is_empty().then(|| format!("\n    {name}: nothing passes")));
        }
        text
    }
}

impl Pair {
    pub(super) fn new() -> Self {
        let pair = Self { ferm: Router::new("ferm's router"), palisade: Router::new("palisade's router"), next: 0 };
        assert_eq!(pair.ferm.indices(), pair.palisade.indices(), "twins have the same interfaces");
        pair
    }

    /// Loads ferm's rules; iptables' complaint if it does not take them.
    pub(super) fn load(&self, backend: Backend, expanded: &Expanded) -> Result<(), String> {
        ferm::load(&self.ferm.namespace, backend, expanded)
    }

    /// Packets come so long after each other from now on, or as fast as they can.
    pub(super) fn pace(&mut self, pace: Option<Duration>) {
        for router in [&mut self.ferm, &mut self.palisade] {
            router.pace = pace;
        }
    }

    /// Takes them away again: the other backend's would be asked beside them.
    pub(super) fn unload(&self, backend: Backend) {
        self.load(backend, &Expanded::default()).unwrap();
        // Without rules nothing holds them; a kernel without ipset has none.
        let _none = self.ferm.namespace.output(Command::new("ipset").arg("destroy"), "");
    }

    /// Makes both forget what was, and gives ours its rules; all probes are for the router itself.
    pub(super) fn begin(&self, ruleset: &Ruleset, probes: &[Probe]) {
        self.enforce(&Ruleset::default());
        self.enforce(ruleset);
        let routes = Routes::Local(local(&probes.iter().collect::<Vec<_>>()));
        for router in [&self.ferm, &self.palisade] {
            forget_connections(&router.namespace);
            router.route(&routes);
        }
    }

    /// Whether a packet comes through ferm's rules, and through ours.
    pub(super) fn try_one(&self, probe: &Probe) -> [bool; 2] {
        let bytes = probe.packet.encode();
        [&self.ferm, &self.palisade].map(|router| {
            let events = router.send([(&probe.way, &bytes[..])].into_iter());
            events.iter().any(|event| event.hook == Hook::Delivered && event.probe == probe.packet.number)
        })
    }

    /// How many packets come through ferm's rules, and through ours.
    pub(super) fn shares(&self, probes: &[Probe]) -> [usize; 2] {
        let encoded: Vec<_> = probes.iter().map(|probe| (&probe.way, probe.packet.encode())).collect();
        [&self.ferm, &self.palisade].map(|router| {
            let events = router.send(encoded.iter().map(|(way, bytes)| (*way, &bytes[..])));
            events.iter().filter(|event| event.hook == Hook::Delivered).count()
        })
    }

    /// Asks both routers whatever the rules suggest, of which ferm's are loaded.
    pub(super) fn compare(
        &mut self,
        backend: Backend,
        expanded: &Expanded,
        ruleset: &Ruleset,
        most: usize,
    ) -> Compared {
        self.enforce(&Ruleset::default());
        self.enforce(ruleset);
        self.forget();
        let v4 = derive(&rules::read(&expanded.v4), true, most / 2, self.next);
        self.next += u32::try_from(v4.len()).unwrap();
        let v6 = derive(&rules::read(&expanded.v6), false, most / 2, self.next);
        self.next += u32::try_from(v6.len()).unwrap();
        let mut probes = [v4, v6].concat();
        // iptables' two backends disagree: the older one looks behind the header for what follows it.
        probes.retain(|probe| backend == Backend::Nft || probe.packet.protocol != AH || probe.packet.source.is_ipv4());
        let mut compared = Compared { probes: probes.len(), ..Compared::default() };
        let by: BTreeSet<_> = probes.iter().map(|probe| probe.by).collect();
        for by in by {
            let part: Vec<&Probe> = probes.iter().filter(|probe| probe.by == by).collect();
            let routes = by.map_or_else(|| Routes::Local(local(&part)), Routes::By);
            self.route(&routes);
            self.ask_all(&part, &mut compared);
        }
        compared
    }

    fn ask_all(&self, probes: &[&Probe], compared: &mut Compared) {
        let questions = probes.iter().map(|probe| Asked {
            probe,
            way: probe.way.clone(),
            bytes: probe.packet.encode(),
            what: "question",
        });
        let Seen { arrived, .. } = self.ask(&questions.collect::<Vec<_>>(), compared);
        let mut answers = Vec::new();
        let mut continued = Vec::new();
        let mut errors = Vec::new();
        for (probe, event) in arrived {
            let back = match event.hook {
                Hook::Delivered => Way::Own,
                Hook::Sent | Hook::Connection | Hook::Class => match self.ferm.interface(event.output) {
                    Some(interface) => Way::Wire { interface, source: FAR, destination: NEAR },
                    None => continue,
                },
            };
            let asked = |way: &Way, bytes, what| Asked { probe, way: way.clone(), bytes, what };
            answers.extend(probe.packet.answer(&event).map(|answer| asked(&back, answer.encode(), "answer")));
            continued.push(asked(&probe.way, probe.packet.next().encode(), "continuation"));
            errors.extend(error_about(&event).map(|bytes| asked(&back, bytes, "error")));
        }
        let mut drawn = BTreeSet::new();
        for mut round in [answers, continued, errors] {
            round.retain(|asked| !drawn.contains(&asked.probe.packet.number));
            drawn.extend(self.ask(&round, compared).drawn);
        }
    }

    /// Sends packets to both, and compares what becomes of each.
    fn ask<'a>(&self, asked: &[Asked<'a>], compared: &mut Compared) -> Seen<'a> {
        compared.packets += asked.len();
        let packets = || asked.iter().map(|asked| (&asked.way, &asked.bytes[..]));
        let [mut ferm, mut palisade] = [&self.ferm, &self.palisade].map(|router| by_probe(router.send(packets())));
        let mut seen = Seen::default();
        for asked in asked {
            let number = asked.probe.packet.number;
            let [ferm, palisade] = [&mut ferm, &mut palisade].map(|events| events.remove(&number).unwrap_or_default());
            if ferm == palisade {
                // `Delivered` comes before `Sent`: what came by `lo` was sent too.
                let itself = ferm.into_iter().find(|event| asked.probe.packet.is_itself(event));
                seen.arrived.extend(itself.map(|event| (asked.probe, event)));
            } else if asked.without_drawn_ports(&ferm) == asked.without_drawn_ports(&palisade) {
                seen.drawn.insert(number);
            } else {
                compared.differences.push(asked.describe(&ferm, &palisade));
            }
        }
        seen
    }

    /// Sends packets to both, and says what both made of them.
    pub(super) fn send(&self, packets: &[(Way, Vec<u8>)]) -> [Vec<Event>; 2] {
        [&self.ferm, &self.palisade].map(|router| {
            let mut events = router.send(packets.iter().map(|(way, bytes)| (way, &bytes[..])));
            events.sort();
            events
        })
    }

    /// Sets the routes of both.
    pub(super) fn route(&self, routes: &Routes) {
        self.ferm.route(routes);
        self.palisade.route(routes);
    }

    /// Lets both forget their connections.
    pub(super) fn forget(&self) {
        for router in [&self.ferm, &self.palisade] {
            forget_connections(&router.namespace);
        }
    }

    /// Runs these lines of ip in both, for either family, and then something whose results are kept.
    pub(super) fn in_both<T: Send>(&self, run: impl Fn() -> T + Sync, lines: &str) -> [T; 2] {
        [&self.ferm, &self.palisade].map(|router| {
            for family in ["-4", "-6"] {
                router.namespace.output(Command::new("ip").args([family, "-batch", "-"]), lines).unwrap();
            }
            router.namespace.run(&run).unwrap()
        })
    }

    pub(super) fn enforce(&self, ruleset: &Ruleset) {
        let mut kernel = self.palisade.namespace.run(Netlink::open).unwrap().unwrap();
        apply(&mut kernel, ruleset, TableFlags::default(), &mut |_: Step<'_>| ControlFlow::Continue(())).unwrap();
    }
}

fn by_probe(events: Vec<Event>) -> BTreeMap<u32, Vec<Event>> {
    let mut found: BTreeMap<u32, Vec<Event>> = BTreeMap::new();
    for event in events {
        found.entry(event.probe).or_default().push(event);
    }
    for events in found.values_mut() {
        events.sort();
    }
    found
}

impl Router {
    /// The router's interface of an index.
    fn interface(&self, index: u32) -> Option<&'static str> {
        let at = self.indices().iter().position(|found| *found == index)?;
        INTERFACES.get(at).copied()
    }
}
