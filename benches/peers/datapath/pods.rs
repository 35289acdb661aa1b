//! New flows to one of 250 local pods under policies, in palisade's layout and in the classic one.
//!
//! Each set of policies is a run of its own with its own reference, so that few namespaces are alive at a time. Before
//! the first round every contestant shows that it judges: a port and a source that no policy permits get nothing
//! through, and of what is permitted everything arrives, which [`Lab`] counts in every burst.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::pipeline;
use super::super::table::{Goal, Row, Series, Table, print};
use super::classic::{self, Backend};
use super::cluster::{Cluster, Shape, Subjects};
use super::lab::Lab;
use super::rules::{CLIENT, Load, PORT, one_rule};

const ROUNDS: usize = 15;
const BURST: Duration = Duration::from_millis(25);
const NEW_FLOWS: u32 = 4_000;
const CONNECTS: usize = 700;

/// Of the rate of conntrack with one rule, where ports are exact, and where ranges force sets of intervals.
const EXACT: f64 = 0.95;
const RANGES: f64 = 0.88;
/// Of the rate of the classic layout. Only of packets: of a connect most is not filtering, whatever the layout.
const CLASSIC: f64 = 1.7;

const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Sent where nothing may arrive.
const CONTROLS: u32 = 64;

/// What was measured of one contestant, by kind: one flow, new flows, connects, and the wait for a connect, of which the
/// median and the 95th percentile of each round.
type Figures = [Series; KINDS.len()];

struct Kind {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    /// Whether the classic layout's goal is about it.
    is_packets: bool,
}

const KINDS: [Kind; 5] = [
    kind("pods-one-flow", "UDP packets to a pod, one flow that stays new", "ns of CPU a packet", true),
    kind("pods-new-flows", "UDP packets to a pod, each a new flow", "ns of CPU a packet", true),
    kind("pods-connects", "TCP connects to a pod", "ns of CPU a connect", false),
    kind("pods-latency-p50", "TCP connect to a pod, median wait", "us", false),
    kind("pods-latency-p95", "TCP connect to a pod, 95th percentile of the wait", "us", false),
];

const fn kind(name: &'static str, title: &'static str, unit: &'static str, is_packets: bool) -> Kind {
    Kind { name, title, unit, is_packets }
}

struct Contestant {
    lab: Lab,
    figures: Figures,
}

/// One table for each kind, of the sets of policies that have these words in their names.
pub(crate) fn tables(words: &str) -> Vec<Table> {
    let mut rows: [Vec<Row>; KINDS.len()] = Default::default();
    for cluster in clusters().filter(|cluster| cluster.name().contains(words)) {
        print(&format!("{} ...", cluster.name()));
        let contestants = measured(&cluster);
        for (kind, rows) in rows.iter_mut().enumerate() {
            push_rows(kind, &cluster, &contestants, rows);
        }
    }
    let table = |(kind, rows): (&Kind, _)| {
        let Kind { name, title, unit, .. } = *kind;
        Table { name, title, unit, ratio: "rate by the peer's", rows }
    };
    KINDS.iter().zip(rows).map(table).collect()
}

fn clusters() -> impl Iterator<Item = Cluster> {
    let nothing = Cluster { subjects: Subjects::Spread, shape: Shape::Exact, n_policies: 0 };
    let all = [Subjects::Spread, Subjects::All].into_iter().flat_map(|subjects| {
        [Shape::Exact, Shape::Ranges]
            .into_iter()
            .flat_map(move |shape| SIZES.into_iter().map(move |n_policies| Cluster { subjects, shape, n_policies }))
    });
    [nothing].into_iter().chain(all)
}

/// The reference, palisade, and the classic layout on both.
fn measured(cluster: &Cluster) -> Vec<Contestant> {
    let ours = Load::Ours(Box::new(pipeline::Cluster::read(&cluster.manifests()).compile()));
    let contestants = [
        ("conntrack and one rule", one_rule()),
        ("palisade", ours),
        ("classic, iptables-legacy", classic::load(cluster, Backend::Legacy)),
        ("classic, iptables-nft", classic::load(cluster, Backend::Nft)),
    ];
    let mut contestants: Vec<Contestant> = contestants
        .into_iter()
        .map(|(name, load)| Contestant { lab: Lab::new(&load), figures: KINDS.map(|_| Series::new(name)) })
        .collect();
    for contestant in contestants.iter().skip(1) {
        judges(cluster, &contestant.figures[0].name, &contestant.lab);
    }
    for round in 0..=ROUNDS {
        for contestant in &mut contestants {
            let figures = burst(&contestant.lab);
            // The first round warms caches and neighbours up.
            if round > 0 {
                contestant.figures.iter_mut().zip(figures).for_each(|(series, figure)| series.figures.push(figure));
            }
        }
    }
    contestants
}

fn burst(lab: &Lab) -> [f64; KINDS.len()] {
    let each = |(spent, n_events): (Duration, u32)| spent.as_secs_f64() * 1e9 / f64::from(n_events);
    let [one_flow, new_flows] = [lab.one_flow(BURST), lab.new_flows(NEW_FLOWS, BURST)].map(each);
    let mut connects = lab.connects(CONNECTS, BURST);
    connects.waits.sort();
    let wait = |percent: usize| connects.waits[(connects.waits.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    let n_connects = u32::try_from(connects.waits.len()).unwrap();
    [one_flow, new_flows, each((connects.spent, n_connects)), wait(50), wait(95)]
}

/// Packets that no policy permits do not arrive; without policies they do.
fn judges(cluster: &Cluster, name: &str, lab: &Lab) {
    let stranger = Ipv4Addr::new(10, 9, 1, 250);
    let expected = if cluster.n_policies == 0 { CONTROLS } else { 0 };
    assert_eq!(lab.arriving(CONTROLS, CLIENT, PORT - 1), expected, "{}, {name}: the port next to it", cluster.name());
    assert_eq!(lab.arriving(CONTROLS, stranger, PORT), expected, "{}, {name}: a stranger", cluster.name());
    assert_eq!(lab.arriving(CONTROLS, CLIENT, PORT), CONTROLS, "{}, {name}: what is permitted", cluster.name());
}

fn push_rows(kind: usize, cluster: &Cluster, contestants: &[Contestant], rows: &mut Vec<Row>) {
    let [reference, palisade, classics @ ..] = contestants else { return };
    let row = |peer: &Contestant, goal| Row {
        case: cluster.name(),
        subject: palisade.figures[kind].clone(),
        peer: peer.figures[kind].clone(),
        inverted: true,
        goal,
    };
    let of_one_rule = match cluster.shape {
        Shape::Exact => EXACT,
        Shape::Ranges => RANGES,
    };
    rows.push(row(reference, Goal::AtLeast(of_one_rule)));
    let is_judged = KINDS[kind].is_packets && cluster.n_policies > 0;
    let goal = if is_judged { Goal::AtLeast(CLASSIC) } else { Goal::Nothing };
    rows.extend(classics.iter().map(|classic| row(classic, goal)));
}
