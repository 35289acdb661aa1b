//! The map against the oracle: random clusters, and every answer of the map asked for again, one connection at a time.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by it, and says what it did")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use engine::compile::options::PodOptions;
use engine::connectivity::ranges::Family;
use engine::connectivity::{Connectivity, Ends, IpBlocks, Options, Scene};
use engine::eval::policy::{Connection, Oracle, Outcome, Transport, Way};
use engine::inventory::{Inventory, Pod};
use policy_lang::peer::Peer;
use policy_lang::policy::{Direction, Peers, Policy};
use policy_lang::port::Protocol;

use crate::world::{NODE, OTHER, OUTSIDE, POD_RANGES, PORTS, World};

mod random;
mod world;

/// How many clusters are drawn.
const WORLDS: u64 = 10_000;
/// How many connections of each are asked for.
const PROBES: usize = 40;

#[test]
fn the_map_says_what_the_oracle_says() {
    let mut counted = Counted::default();
    for seed in 0..WORLDS {
        let mut world = World::new(seed);
        let workloads = world.workloads(|_| true);
        let options = Options::default();
        let scene =
            Scene { policies: &world.policies, inventory: &world.inventory, workloads: &workloads, options: &options };
        let mut map = Connectivity::new(scene);
        for _ in 0..PROBES {
            let probe = world.random.probe(world.names.len());
            let expected = world.judges(&world.policies, &world.inventory, &probe);
            let found = answer(&mut map, &world, &probe);
            assert_eq!(found, [expected; 2], "seed {seed}, {probe:?}\n{world:#?}");
            counted.add(&world, expected);
        }
    }
    counted.report("of known addresses");
}

#[test]
fn pods_of_unknown_address_are_judged_at_every_address_that_they_may_have() {
    let mut hanging = 0;
    for seed in 0..WORLDS / 5 {
        let mut world = World::new(seed);
        let hidden: Vec<bool> = world.names.iter().map(|_| world.random.below(2) == 0).collect();
        let workloads = world.workloads(|number| !hidden[number]);
        let pod_ranges = POD_RANGES.iter().map(|range| range.parse().unwrap()).collect();
        let options = Options { pod_ranges, ..Options::default() };
        let scene =
            Scene { policies: &world.policies, inventory: &world.inventory, workloads: &workloads, options: &options };
        let mut map = Connectivity::new(scene);
        for _ in 0..12 {
            let probe = world.random.probe(world.names.len());
            let found = answer(&mut map, &world, &probe);
            let of_families = Family::ALL.map(|family| world.judges_everywhere(&hidden, family, &probe));
            let expected = [of_families.iter().any(|[all, _]| *all), of_families.iter().any(|[_, any]| *any)];
            assert_eq!(found, expected, "seed {seed}, {probe:?}, hidden {hidden:?}\n{world:#?}");
            hanging += usize::from(found == [false, true]);
        }
    }
    println!("{hanging} connections hang on addresses that are not known");
    assert!(hanging > 150, "only {hanging} connections hang on an address");
}

#[test]
fn blocks_can_be_kept_from_meaning_pods() {
    let mut differing = 0;
    for seed in 0..WORLDS / 5 {
        let mut world = World::new(seed);
        let workloads = world.workloads(|_| true);
        let options = Options { ip_blocks: IpBlocks::Never, ..Options::default() };
        let scene =
            Scene { policies: &world.policies, inventory: &world.inventory, workloads: &workloads, options: &options };
        let mut map = Connectivity::new(scene);
        let without: Vec<Policy> = world.policies.iter().map(without_blocks).collect();
        for _ in 0..6 {
            let probe = world.random.probe(world.names.len());
            let between_pods = matches!((probe.from, probe.to), (End::Pod(_), End::Pod(_)));
            let policies = if between_pods { &without } else { &world.policies };
            let expected = world.judges(policies, &world.inventory, &probe);
            assert_eq!(answer(&mut map, &world, &probe), [expected; 2], "seed {seed}, {probe:?}\n{world:#?}");
            differing += usize::from(expected != world.judges(&world.policies, &world.inventory, &probe));
        }
    }
    assert!(differing > 100, "only {differing} answers hang on it");
}

/// A question about one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    from: End,
    to: End,
    about: Transport,
}

/// Who is at an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Pod(usize),
    /// The other node.
    Node,
    /// One of the addresses outside.
    Outside(usize),
}

#[derive(Default)]
struct Counted {
    probes: usize,
    allowed: usize,
    shapes: BTreeMap<&'static str, usize>,
}

impl Counted {
    fn add(&mut self, world: &World, allowed: bool) {
        self.probes += 1;
        self.allowed += usize::from(allowed);
        for shape in world.shapes() {
            *self.shapes.entry(shape).or_default() += 1;
        }
    }

    fn report(&self, what: &str) {
        let Self { probes, allowed, shapes } = self;
        println!("{WORLDS} clusters {what}: {probes} connections, {allowed} of them permitted; {shapes:?}");
        let either = allowed.min(&(probes - allowed)) * 3;
        assert!(either > *probes, "{allowed} of {probes} permitted: the clusters are dull");
        assert_eq!(shapes.len(), world::SHAPES, "{shapes:?}");
    }
}

/// What the map says for certain, and what it says is possible.
fn answer(map: &mut Connectivity<'_>, world: &World, probe: &Probe) -> [bool; 2] {
    let among = |map: &Connectivity<'_>, allowed| {
        let allowed = map.allowed(allowed);
        match probe.about {
            Transport::Port { protocol, destination } => allowed.contains(protocol, destination),
            Transport::Icmp { .. } => allowed.echo,
            Transport::Other(_) => allowed.other,
        }
    };
    match (probe.from, probe.to) {
        (End::Pod(from), End::Pod(to)) => {
            let link = map.links(world.place(from)).into_iter().find(|link| link.to == world.place(to));
            let Some(Ends { certain, possible }) = link.map(|link| link.ends) else { return [false; 2] };
            [among(map, certain), among(map, possible)]
        }
        (End::Pod(pod), other) | (other, End::Pod(pod)) => {
            let direction = if probe.from == End::Pod(pod) { Direction::Egress } else { Direction::Ingress };
            let outside = map.outside(world.place(pod), direction);
            let found = match other {
                End::Node => {
                    let names: Vec<_> = map.scene().inventory.nodes.keys().cloned().collect();
                    outside.nodes.iter().filter(|(node, _)| &*names[*node] == OTHER).map(|(_, found)| *found).collect()
                }
                End::Outside(number) => {
                    let has = |network: &ipnet::IpNet| OUTSIDE[number].iter().any(|address| network.contains(address));
                    let found = outside.addresses.iter().filter(|(_, ranges)| {
                        Family::ALL.into_iter().zip(ranges).any(|(family, ranges)| {
                            ranges.iter().flat_map(|range| family.networks(*range)).any(|network| has(&network))
                        })
                    });
                    found.map(|(found, _)| *found).collect::<Vec<_>>()
                }
                End::Pod(_) => Vec::new(),
            };
            [found.into_iter().any(|found| among(map, found)); 2]
        }
        _ => [false; 2],
    }
}

impl World {
    /// The place of a pod among the workloads, which are sorted by name.
    fn place(&self, pod: usize) -> usize {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort();
        names.iter().position(|name| **name == self.names[pod]).unwrap()
    }

    /// Whether a connection is permitted in one of the families that both ends have.
    fn judges(&self, policies: &[Policy], inventory: &Inventory, probe: &Probe) -> bool {
        Family::ALL.into_iter().any(|family| {
            let ends = [probe.from, probe.to].map(|end| self.address(inventory, end, family));
            let [Some(from), Some(to)] = ends else { return false };
            permits(policies, inventory, from, to, probe.about)
        })
    }

    /// Whether it is permitted wherever the hidden pods at its ends are, and whether it is anywhere.
    fn judges_everywhere(&self, hidden: &[bool], family: Family, probe: &Probe) -> [bool; 2] {
        let is_hidden = |end: End| matches!(end, End::Pod(pod) if hidden[pod]);
        let nth = usize::from(family == Family::V6);
        let places = |end: End, number: u8| -> Vec<Option<IpAddr>> {
            let all = &world::addresses(number)[nth];
            if is_hidden(end) { all.iter().copied().map(Some).collect() } else { vec![None] }
        };
        let mut answers = Vec::new();
        for from in places(probe.from, 2) {
            for to in places(probe.to, 3) {
                let mut inventory = self.inventory.clone();
                for (number, name) in self.names.iter().enumerate().filter(|(number, _)| hidden[*number]) {
                    let pod: &mut Pod = inventory.pods.get_mut(name).unwrap();
                    let tried =
                        [(probe.from, from), (probe.to, to)].into_iter().find(|(end, _)| *end == End::Pod(number));
                    pod.addresses = tried.and_then(|(_, tried)| tried).into_iter().collect();
                }
                let ends = [probe.from, probe.to].map(|end| self.address(&inventory, end, family));
                let [Some(from), Some(to)] = ends else { return [false; 2] };
                answers.push(permits(&self.policies, &inventory, from, to, probe.about));
            }
        }
        [answers.iter().all(|answer| *answer), answers.contains(&true)]
    }

    fn address(&self, inventory: &Inventory, end: End, family: Family) -> Option<IpAddr> {
        let of_family = |address: &&IpAddr| Family::of(**address) == family;
        match end {
            End::Pod(pod) => inventory.pods[&self.names[pod]].addresses.iter().find(of_family).copied(),
            End::Node => inventory.nodes[OTHER].addresses.iter().find(of_family).copied(),
            End::Outside(number) => OUTSIDE[number].iter().find(of_family).copied(),
        }
    }
}

fn permits(policies: &[Policy], inventory: &Inventory, from: IpAddr, to: IpAddr, about: Transport) -> bool {
    let about = match about {
        Transport::Icmp { .. } if from.is_ipv6() => Transport::Icmp { icmp_type: 128, code: 0, hop_limit: 64 },
        Transport::Icmp { .. } | Transport::Port { .. } | Transport::Other(_) => about,
    };
    let options = PodOptions::default();
    let oracle = Oracle { policies, inventory, node: NODE, options: &options };
    let connection = Connection::new(from, to, about, Way::Forwarded);
    oracle.decide(&connection).outcome == Outcome::Allowed
}

/// The same policy without what it says of addresses.
fn without_blocks(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for rule in policy.ingress.iter_mut().chain(&mut policy.egress).flatten() {
        if let Peers::AnyOf(peers) = &mut rule.peers {
            peers.retain(|peer| !matches!(peer, Peer::Addresses { .. }));
        }
    }
    policy
}

impl random::Random {
    fn probe(&mut self, n_pods: usize) -> Probe {
        let pod = |random: &mut Self| End::Pod(random.below(n_pods));
        let (from, to) = match self.below(8) {
            0 => (pod(self), End::Node),
            1 => (End::Node, pod(self)),
            2 => (pod(self), End::Outside(self.below(OUTSIDE.len()))),
            3 => (End::Outside(self.below(OUTSIDE.len())), pod(self)),
            _ => {
                let from = self.below(n_pods);
                let to = (from + 1 + self.below(n_pods - 1)) % n_pods;
                (End::Pod(from), End::Pod(to))
            }
        };
        let about = match self.below(12) {
            0 => Transport::Icmp { icmp_type: 8, code: 0, hop_limit: 64 },
            1 => Transport::Other(47),
            _ => {
                let protocol = self.one_of(&[Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
                Transport::Port { protocol, destination: self.one_of(&PORTS) }
            }
        };
        Probe { from, to, about }
    }
}
