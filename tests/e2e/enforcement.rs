//! Two agents, each the agent of a node, and what packets may do.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use watcher::lab::{Lab, Outcome, Patience, Probe, Service, Topology};

use crate::administrator::{AGENT_USER, Administrator, cluster_rules};
use crate::audit;
use crate::relay::Relay;
use crate::server::Server;

const NODES: &str = "
    node  node-a     192.168.0.11  2001:db8:0:1::11
    pod   shop/cart  node-a  10.244.1.10  2001:db8:244:1::10
    pod   shop/db    node-a  10.244.1.11  2001:db8:244:1::11
    node  node-b     192.168.0.12  2001:db8:0:1::12
    pod   shop/web   node-b  10.244.2.10  2001:db8:244:2::10
";

/// How long a change may take on its way to the packets. What it does take is of interest to benches.
const LIMIT: Duration = Duration::from_secs(45);

/// An agent that goes when this does; what it enforces stays.
struct Agent {
    child: Child,
    /// Its way to the API server.
    relay: Relay,
}

impl Agent {
    fn start(lab: &Lab, node: &str, server: &Server, token: &str) -> Self {
        let namespace = lab.namespace(node).unwrap();
        let relay = Relay::new(Some(namespace), server.port());
        let kubeconfig = server.kubeconfig(node, token, relay.port);
        let folder = |kind: &str| server.directory().join(format!("{node}-{kind}"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command
            .args(["agent", "--node", node, "--source"])
            .arg(format!("cluster:{}", kubeconfig.display()))
            .env("PALISADE_RUN_DIR", folder("run"))
            .env("PALISADE_STATE_DIR", folder("state"))
            .stdin(Stdio::null())
            .stderr(log);
        Self { child: namespace.spawn(&mut command).unwrap(), relay }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}

/// Two nodes whose pods are objects of the cluster too.
struct Cluster {
    lab: Lab,
    server: Server,
    administrator: Administrator,
    token: String,
}

impl Cluster {
    fn up() -> Self {
        let mut lab = Lab::up(&NODES.parse::<Topology>().unwrap()).unwrap();
        lab.listen(&[service()]).unwrap();
        let server = Server::start();
        let administrator = server.administrator();
        administrator.namespace("shop", &json!({}));
        let token = administrator.agent(&cluster_rules());
        for (pod, node) in [("cart", "node-a"), ("db", "node-a"), ("web", "node-b")] {
            let addresses = lab.addresses(&format!("shop/{pod}")).unwrap();
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            administrator.pod("shop", pod, &json!({"app": pod}), node, &addresses);
        }
        Self { lab, server, administrator, token }
    }

    fn agent(&self, node: &str) -> Agent {
        Agent::start(&self.lab, node, &self.server, &self.token)
    }

    /// What becomes of packets from one pod to another, in both families.
    fn outcomes(&self, from: &str, to: &str) -> Vec<Outcome> {
        let probe = |to: &IpAddr| Probe { from: from.into(), to: *to, service: service() };
        let probes: Vec<_> = self.lab.addresses(to).unwrap().iter().map(probe).collect();
        let answers = self.lab.probe(&probes, Patience::default()).unwrap();
        answers.iter().map(|answer| answer.outcome).collect()
    }

    /// Waits until both families have this outcome.
    #[track_caller]
    fn until(&self, from: &str, to: &str, wanted: Outcome) {
        let limit = Instant::now() + LIMIT;
        loop {
            let outcomes = self.outcomes(from, to);
            if outcomes == [wanted; 2] {
                return;
            }
            assert!(Instant::now() < limit, "{from} to {to}: {outcomes:?}\n{}", logs(self.server.directory()));
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn service() -> Service {
    "8080/TCP".parse().unwrap()
}

fn logs(directory: &Path) -> String {
    ["node-a", "node-b"]
        .map(|node| std::fs::read_to_string(directory.join(format!("{node}-log"))).unwrap_or_default())
        .join("\n")
}

const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

#[test]
#[ignore = "needs an API server: make e2e"]
fn policies_of_the_api_decide_what_packets_may_do_on_every_node() {
    let cluster = Cluster::up();
    let mut agents = ["node-a", "node-b"].map(|node| cluster.agent(node));
    cluster.until("shop/web", "shop/db", Outcome::Open);

    let from_cart = json!([{"from": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}]);
    let of_db = json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": from_cart});
    cluster.administrator.create(POLICIES, &json!({"metadata": {"name": "db"}, "spec": of_db}));
    cluster.until("shop/web", "shop/db", Outcome::Dropped);
    assert_eq!(cluster.outcomes("shop/cart", "shop/db"), [Outcome::Open; 2]);

    let no_egress = json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]});
    cluster.administrator.create(POLICIES, &json!({"metadata": {"name": "web"}, "spec": no_egress}));
    cluster.until("shop/web", "shop/cart", Outcome::Dropped);

    // A pod of another node becomes one that may.
    cluster.administrator.delete(&format!("{POLICIES}/web"));
    cluster.administrator.patch("/api/v1/namespaces/shop/pods/web", &json!({"metadata": {"labels": {"app": "cart"}}}));
    cluster.until("shop/web", "shop/db", Outcome::Open);
    cluster.administrator.patch("/api/v1/namespaces/shop/pods/web", &json!({"metadata": {"labels": {"app": "web"}}}));
    cluster.until("shop/web", "shop/db", Outcome::Dropped);

    // An agent that is killed, and one that cannot reach the API server: what was enforced is enforced.
    agents[0].kill();
    assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
    agents[0] = cluster.agent("node-a");
    agents[0].relay.cut();
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(250));
        assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
        assert_eq!(cluster.outcomes("shop/cart", "shop/db"), [Outcome::Open; 2]);
    }
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
    agents[0].relay.mend();
    cluster.until("shop/web", "shop/db", Outcome::Open);

    let asked = cluster.server.requests_of(AGENT_USER);
    assert!(!asked.is_empty());
    let refused: Vec<_> = asked.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let other: Vec<_> = audit::kinds(&asked).into_iter().filter(|kind| !kind.starts_with("watch ")).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn whatever_becomes_of_the_api_server_what_was_enforced_is_enforced() {
    let mut cluster = Cluster::up();
    let _agents = ["node-a", "node-b"].map(|node| cluster.agent(node));
    let closed = json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]});
    let policy = json!({"metadata": {"name": "db"}, "spec": closed});
    cluster.administrator.create(POLICIES, &policy);
    cluster.until("shop/web", "shop/db", Outcome::Dropped);
    let is_kept = |cluster: &Cluster| {
        for _ in 0..6 {
            assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
            assert_eq!(cluster.outcomes("shop/db", "shop/web"), [Outcome::Open; 2]);
            thread::sleep(Duration::from_millis(250));
        }
    };

    cluster.server.freeze();
    is_kept(&cluster);
    cluster.server.thaw();
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    cluster.until("shop/web", "shop/db", Outcome::Open);
    cluster.administrator.create(POLICIES, &policy);
    cluster.until("shop/web", "shop/db", Outcome::Dropped);

    // It comes back with another certificate of the same authority, and with an empty watch cache.
    cluster.server.stop();
    is_kept(&cluster);
    cluster.server.resume_renewed();
    cluster.administrator = cluster.server.administrator();
    is_kept(&cluster);
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    cluster.until("shop/web", "shop/db", Outcome::Open);
}
