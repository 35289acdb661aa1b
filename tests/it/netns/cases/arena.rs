//! What a case happens on.

use watcher::demo::{Scene, World};
use watcher::lab::{Host, Lab, Matrix, Node, Service, Topology};

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

/// A laboratory that is up, with who is in it.
pub(crate) struct Arena {
    pub(crate) lab: Lab,
    pub(crate) scene: Scene,
}

impl Arena {
    /// Lets connection tracking forget fast, for many questions in one laboratory.
    pub(crate) fn forgetful(self) -> Self {
        for node in &self.scene.topology.nodes {
            self.lab.namespace(&node.host.name).unwrap().sysctl(FORGETFUL).unwrap();
        }
        self
    }

    /// Builds what these worlds and a description need, and has everybody answer to what the tables ask.
    pub(crate) fn new<'w, 't>(
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
