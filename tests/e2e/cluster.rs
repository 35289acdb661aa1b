//! Two nodes whose pods are objects of the API server too.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use watcher::demo::Scene;
use watcher::lab::{Lab, Matrix, Outcome, Patience, Probe, Service, Topology};

use crate::administrator::{Administrator, all_cluster_rules};
use crate::agent::{Agent, LIMIT};
use crate::held;
use crate::server::Server;

pub(crate) const NODES: [&str; 2] = ["node-a", "node-b"];

/// `spare` pods answer like all others, and are nobody's until a test makes objects with their addresses.
const TOPOLOGY: &str = "
    node  node-a     192.168.0.11  2001:db8:0:1::11
    pod   shop/cart  node-a  10.244.1.10  2001:db8:244:1::10
    pod   shop/db    node-a  10.244.1.11  2001:db8:244:1::11
    pod   spare/a1   node-a  10.244.1.12  2001:db8:244:1::12
    pod   spare/a2   node-a  10.244.1.13  2001:db8:244:1::13
    node  node-b     192.168.0.12  2001:db8:0:1::12
    pod   shop/web   node-b  10.244.2.10  2001:db8:244:2::10
    pod   spare/b1   node-b  10.244.2.11  2001:db8:244:2::11
    pod   spare/b2   node-b  10.244.2.12  2001:db8:244:2::12
";

/// What everybody answers to; the first is what is meant where no service is named.
pub(crate) const SERVICES: [Service; 2] = [Service::Tcp(8080), Service::Tcp(8081)];

/// The policies of the namespace that all of it is about.
pub(crate) const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

pub(crate) struct Cluster {
    pub(crate) lab: Lab,
    pub(crate) server: Server,
    pub(crate) administrator: Administrator,
    pub(crate) token: String,
}

impl Cluster {
    pub(crate) fn up() -> Self {
        Self::up_with(&[])
    }

    /// The same with further flags of kube-apiserver.
    pub(crate) fn up_with(flags: &[&str]) -> Self {
        let mut lab = Lab::up(&topology()).unwrap();
        lab.listen(&SERVICES).unwrap();
        let server = Server::start_with(flags);
        let administrator = server.administrator();
        let token = administrator.agent(&all_cluster_rules());
        let cluster = Self { lab, server, administrator, token };
        for node in NODES {
            cluster.administrator.node(node, &cluster.addresses(node));
        }
        cluster.administrator.namespace("shop", &json!({}));
        for (pod, node) in [("cart", NODES[0]), ("db", NODES[0]), ("web", NODES[1])] {
            let addresses = cluster.addresses(&format!("shop/{pod}"));
            cluster.administrator.pod("shop", pod, &json!({"app": pod}), node, &addresses);
        }
        cluster
    }

    pub(crate) fn agent(&self, node: &str) -> Agent {
        Agent::start(&self.lab, node, &self.server, &self.token)
    }

    /// An agent on every node, each ready.
    pub(crate) fn agents(&self) -> [Agent; 2] {
        let agents = NODES.map(|node| self.agent(node));
        agents.iter().for_each(Agent::until_ready);
        agents
    }

    /// The addresses of somebody in the laboratory, as objects have them.
    pub(crate) fn addresses(&self, name: &str) -> Vec<String> {
        self.lab.addresses(name).unwrap().iter().map(ToString::to_string).collect()
    }

    /// Who asks and answers, for whoever judges.
    pub(crate) fn scene() -> Scene {
        Scene::of_topology(topology(), SERVICES.to_vec())
    }

    /// What becomes of packets from one pod to another, in both families.
    pub(crate) fn outcomes(&self, from: &str, to: &str) -> Vec<Outcome> {
        let probe = |to| Probe { from: from.into(), to, service: SERVICES[0] };
        let probes: Vec<_> = self.lab.addresses(to).unwrap().iter().map(|to| probe(*to)).collect();
        let answers = self.lab.probe(&probes, Patience::default()).unwrap();
        answers.iter().map(|answer| answer.outcome).collect()
    }

    /// Waits until both families have this outcome.
    #[track_caller]
    pub(crate) fn until(&self, from: &str, to: &str, wanted: Outcome) {
        let limit = Instant::now() + LIMIT;
        loop {
            let outcomes = self.outcomes(from, to);
            if outcomes == [wanted; 2] {
                return;
            }
            assert!(Instant::now() < limit, "{from} to {to}: {outcomes:?}\n{}", self.logs());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until both nodes have in force what the API server holds.
    #[track_caller]
    pub(crate) fn settle(&self) {
        held::until_in_force(&self.administrator, &self.lab, &NODES, self.server.directory());
    }

    /// Packets agree with these tables now.
    #[track_caller]
    pub(crate) fn is(&self, tables: &str) {
        let (_, mismatches) = self.lab.compare(&Matrix::parse_all(tables).unwrap()).unwrap();
        let lines: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{}\n{}", lines.join("\n"), self.logs());
    }

    /// Packets agree with these tables as soon as both nodes have in force what the API server holds.
    #[track_caller]
    pub(crate) fn becomes(&self, tables: &str) {
        self.settle();
        self.is(tables);
    }

    fn logs(&self) -> String {
        let log = |node| std::fs::read_to_string(self.server.directory().join(format!("{node}-log")));
        NODES.map(|node| log(node).unwrap_or_default()).join("\n")
    }
}

fn topology() -> Topology {
    TOPOLOGY.parse().unwrap()
}
