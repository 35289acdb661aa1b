//! What a case happens on: a laboratory, and the states of the sources that follow each other on it.

use std::ops::ControlFlow;

use engine::apply::{Step as Applied, apply};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;
use watcher::demo::{Scene, World};
use watcher::flows::Before;
use watcher::lab::{Host, Lab, Matrix, Node, Service, Topology};

use super::cluster::Cluster;
use super::flows::{self, Flow, Wanted};
use super::opinions::Court;
use super::script::{Action, Expectation, Script, Tool};

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

/// A state of the sources that is expected to do something, and what is carried out before it is in force.
pub(super) struct Act {
    pub(super) heading: String,
    pub(super) world: World,
    /// Connections that are opened before it is in force.
    wanted: Vec<Wanted>,
    commands: Vec<(String, Tool, String)>,
    pub(super) expectation: Expectation,
}

/// A laboratory that is up, with who is in it.
pub(super) struct Arena {
    lab: Lab,
    scene: Scene,
}

impl Act {
    /// The states between the steps of a case that are expected to do something.
    pub(super) fn all(script: &Script, mut cluster: Cluster) -> Vec<Self> {
        let mut acts = Vec::new();
        let mut commands = Vec::new();
        let mut wanted = Vec::new();
        let mut heading = String::new();
        for step in &script.steps {
            cluster.step(&step.action);
            match &step.action {
                Action::Open(flows) => wanted.extend_from_slice(flows),
                Action::Run { place, tool, lines } => commands.push((place.clone(), *tool, lines.clone())),
                Action::Expect(expectation) => acts.push(Self {
                    heading: std::mem::take(&mut heading),
                    world: cluster.world(),
                    wanted: std::mem::take(&mut wanted),
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
}

impl Arena {
    /// Lets connection tracking forget fast, for many questions in one laboratory.
    pub(super) fn forgetful(self) -> Self {
        for node in &self.scene.topology.nodes {
            self.lab.namespace(&node.host.name).unwrap().sysctl(FORGETFUL).unwrap();
        }
        self
    }

    /// Builds what these worlds and a description need, and has everybody answer to what the tables ask.
    pub(super) fn new<'w, 't>(
        worlds: impl IntoIterator<Item = &'w World>,
        described: &str,
        tables: impl Iterator<Item = &'t Matrix>,
    ) -> Self {
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
        Self { lab, scene: Scene::of_topology(topology, services) }
    }
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
    /// Carries out what the case wants first, loads every node's ruleset and asks; what differs, and how many questions were asked.
    pub(super) fn played(&self, before: Option<&World>, arena: &Arena, held: &mut Vec<Flow>) -> (Vec<String>, usize) {
        for (place, tool, lines) in &self.commands {
            let namespace = arena.lab.namespace(place).unwrap();
            match tool {
                Tool::Nft => namespace.nft(lines).unwrap(),
                Tool::Ip => namespace.ip(lines).unwrap(),
            }
        }
        held.extend(self.wanted.iter().flat_map(|wanted| flows::open(&arena.lab, wanted)));
        for (node, ruleset) in &self.world.rulesets {
            let before = before.and_then(|world| world.rulesets.get(node));
            arena.lab.namespace(node).unwrap().run(|| self.enforce(before, ruleset)).unwrap();
        }
        let court = Court::new(&arena.lab, &arena.scene, &self.world, &self.expectation);
        let (mut found, mut asked) = court.differences();
        if !self.expectation.live.is_empty() {
            let (live, more) = court.live_differences(held);
            found.extend(live);
            asked += more;
        }
        (found, asked)
    }

    /// Puts a ruleset in force where the calling thread is, and has the connections that it concerns judged.
    fn enforce(&self, before: Option<&Ruleset>, ruleset: &Ruleset) {
        let mut kernel = Netlink::open().unwrap();
        apply(&mut kernel, ruleset, TableFlags::default(), &mut |_: Applied<'_>| ControlFlow::Continue(())).unwrap();
        let before = before.map_or(Before::Unknown, Before::Judged);
        watcher::flows::judge(before, ruleset, &self.world.options.local).unwrap();
    }
}
