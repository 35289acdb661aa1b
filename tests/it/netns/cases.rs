//! Truth tables from tests/data/netns: compiled, loaded on every node, and held by all three opinions.

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use engine::apply::{Step as Applied, apply};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use watcher::demo::{Scene, World};
use watcher::lab::{Host, Lab, Matrix, Node, Service, Topology};

use self::cluster::Cluster;
use self::script::{Action, Expectation, Script, Tool};
use crate::privilege::{can_make_namespaces, report};

mod cluster;
mod opinions;
mod pods;
mod script;

/// How many cases are under way at once.
const WORKERS: usize = 4;
/// Most differences of a case that are shown.
const SHOWN: usize = 12;

/// Ports of questions are used again after 40,000 of them; what conntrack remembers must be forgotten by then.
const FORGETFUL: &[(&str, &str)] = &[
    ("netfilter/nf_conntrack_udp_timeout", "1"),
    ("netfilter/nf_conntrack_udp_timeout_stream", "1"),
    ("netfilter/nf_conntrack_tcp_timeout_syn_sent", "2"),
    ("netfilter/nf_conntrack_tcp_timeout_time_wait", "1"),
    ("netfilter/nf_conntrack_tcp_timeout_close", "1"),
    ("netfilter/nf_conntrack_sctp_timeout_cookie_wait", "1"),
    ("netfilter/nf_conntrack_sctp_timeout_cookie_echoed", "1"),
];

/// The 48 traffic scenarios of Kubernetes' end-to-end suite, and their neighbours.
#[test]
fn scenarios() {
    group("scenarios");
}

/// What implementations most often get wrong.
#[test]
fn semantics() {
    group("semantics");
}

/// Policies, baseline and host rules on one node.
#[test]
fn sources_together() {
    group("together");
}

/// A state of the sources that is expected to do something, and what is carried out before it is asked.
struct Act {
    heading: String,
    world: World,
    commands: Vec<(String, Tool, String)>,
    expectation: Expectation,
}

/// A laboratory that is up, with who is in it.
struct Arena {
    lab: Lab,
    scene: Scene,
}

/// What is the same for all cases of a folder.
struct Group {
    name: &'static str,
    cluster: Cluster,
    /// The folder's `topology`.
    described: String,
    cases: Vec<(String, Script)>,
}

/// What came of some cases.
#[derive(Default)]
struct Tally {
    asked: usize,
    failures: String,
}

/// Runs every case of a folder, or those whose names begin with `PALISADE_CASE`, several at the same time: most of it
/// is waiting for packets that do not come.
fn group(name: &'static str) {
    if !can_make_namespaces(name) {
        return;
    }
    let group = Group::read(name);
    let next = AtomicUsize::new(0);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| group.run(&next))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let failures: String = tallies.iter().map(|tally| tally.failures.as_str()).collect();
    assert!(failures.is_empty(), "{failures}");
    let asked: usize = tallies.iter().map(|tally| tally.asked).sum();
    report(&format!("{name}: {} cases, {asked} questions, three opinions agree on each", group.cases.len()));
}

impl Group {
    fn read(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/netns").join(name);
        let wanted = std::env::var("PALISADE_CASE").unwrap_or_default();
        let (mut cluster, mut described, mut cases) = (Cluster::default(), String::new(), Vec::new());
        for path in entries(&folder) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            match path.extension().map(|extension| extension.to_str().unwrap()) {
                Some("case") if stem.starts_with(&wanted) => cases.push((stem, Script::parse(&text))),
                Some("case") => {}
                Some("yaml") => cluster.apply(&text),
                Some(_) | None => described = text,
            }
        }
        assert!(!cases.is_empty(), "no cases in {}", folder.display());
        Self { name, cluster, described, cases }
    }

    /// Runs cases until none is left: each in a laboratory of its own, or in the one that this worker has for the rest.
    fn run(&self, next: &AtomicUsize) -> Tally {
        let mut tally = Tally::default();
        let mut common = None;
        while let Some((case, script)) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let acts = acts(script, self.cluster.clone());
            let own = script
                .lab
                .as_ref()
                .map(|described| arena(acts.iter().map(|act| &act.world), described, script.tables()));
            let arena = match &own {
                Some(own) => own,
                None => common.get_or_insert_with(|| {
                    let scripts = self.cases.iter().filter(|(_, script)| script.lab.is_none());
                    let tables = scripts.flat_map(|(_, script)| script.tables());
                    let world = self.cluster.world();
                    arena([&world], &self.described, tables)
                }),
            };
            for act in &acts {
                tally.play(act, arena, &format!("{}/{case}", self.name));
            }
        }
        tally
    }
}

impl Tally {
    fn play(&mut self, act: &Act, arena: &Arena, case: &str) {
        let (found, questions) = act.played(arena);
        self.asked += questions;
        if let Some((opinion, reason)) = &act.expectation.without {
            report(&format!("left out: {case}: == {}: the {opinion}: {reason}", act.heading));
        }
        if !found.is_empty() {
            let shown = found.iter().take(SHOWN).fold(String::new(), |text, line| text + "  " + line + "\n");
            write!(self.failures, "\n{case}: == {} ({} differences)\n{shown}", act.heading, found.len()).unwrap();
        }
    }
}

/// The states between the steps that are expected to do something.
fn acts(script: &Script, mut cluster: Cluster) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut commands = Vec::new();
    let mut heading = String::new();
    for step in &script.steps {
        cluster.step(&step.action);
        match &step.action {
            Action::Run { place, tool, lines } => commands.push((place.clone(), *tool, lines.clone())),
            Action::Expect(expectation) => acts.push(Act {
                heading: std::mem::take(&mut heading),
                world: cluster.world(),
                commands: std::mem::take(&mut commands),
                expectation: expectation.clone(),
            }),
            Action::Apply(_)
            | Action::Delete { .. }
            | Action::Label { .. }
            | Action::Forget { .. }
            | Action::Baseline(_)
            | Action::Options(_)
            | Action::Host { .. } => {}
        }
        if !matches!(step.action, Action::Expect(_)) {
            heading.clone_from(&step.heading);
        }
    }
    acts
}

/// Builds what these worlds and a description need, and has everybody answer to what the tables ask.
fn arena<'w, 't>(
    worlds: impl IntoIterator<Item = &'w World>,
    described: &str,
    tables: impl Iterator<Item = &'t Matrix>,
) -> Arena {
    let needed: Vec<_> = worlds.into_iter().map(|world| Topology::of(&world.inventory)).collect();
    let mut topology = Topology::default();
    for node in needed.iter().flat_map(|needed| &needed.nodes) {
        if !topology.nodes.iter().any(|known| known.host.name == node.host.name) {
            topology.nodes.push(Node { pods: Vec::new(), ..node.clone() });
        }
    }
    topology.read(described).unwrap();
    for node in needed.into_iter().flat_map(|needed| needed.nodes) {
        add_pods(&mut topology, node);
    }
    let behind = topology.services.iter().map(|service| match service.service {
        Service::Tcp(_) => Service::Tcp(service.port),
        Service::Udp(_) => Service::Udp(service.port),
        Service::Sctp(_) => Service::Sctp(service.port),
        Service::Echo => Service::Echo,
    });
    let mut services: Vec<_> = tables.map(|table| table.service).chain(behind).collect();
    services.sort_unstable();
    services.dedup();
    let mut lab = Lab::up(&topology).unwrap();
    lab.listen(&services).unwrap();
    for node in &topology.nodes {
        lab.namespace(&node.host.name).unwrap().sysctl(FORGETFUL).unwrap();
    }
    Arena { lab, scene: Scene::of_topology(topology, services) }
}

/// Adds the pods of a node; one whose address somebody has already is that one.
fn add_pods(topology: &mut Topology, node: Node) {
    for pod in node.pods {
        let shares = |known: &Host| known.addresses.iter().any(|address| pod.addresses.contains(address));
        if topology.hosts().any(|known| known.name == pod.name || shares(known)) {
            continue;
        }
        let known = topology.nodes.iter_mut().find(|known| known.host.name == node.host.name);
        known.unwrap().pods.push(pod);
    }
}

impl Act {
    /// Loads every node's ruleset and asks; what differs, and how many questions were asked.
    fn played(&self, arena: &Arena) -> (Vec<String>, usize) {
        for (node, ruleset) in &self.world.rulesets {
            let mut kernel = arena.lab.namespace(node).unwrap().run(Netlink::open).unwrap().unwrap();
            apply(&mut kernel, ruleset, TableFlags::default(), &mut |_: Applied<'_>| ControlFlow::Continue(()))
                .unwrap();
        }
        for (place, tool, lines) in &self.commands {
            let namespace = arena.lab.namespace(place).unwrap();
            match tool {
                Tool::Nft => namespace.nft(lines).unwrap(),
                Tool::Ip => namespace.ip(lines).unwrap(),
            }
        }
        opinions::differences(&arena.lab, &arena.scene, &self.world, &self.expectation)
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
