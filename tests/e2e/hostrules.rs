//! Host rules beside a cluster: from a file of the node, from a ConfigMap, and back again where they cut the agent off.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watcher::lab::{Lab, Outcome, Patience, Probe, Service, Topology};

use crate::administrator::{AGENT_USER, Administrator, cluster_rules};
use crate::audit;
use crate::relay::Relay;
use crate::server::Server;

const NODES: &str = "
    node  node-a     192.168.0.11  2001:db8:0:1::11
    pod   shop/cart  node-a  10.244.1.10  2001:db8:244:1::10
";

/// How long a change may take on its way to the packets.
const LIMIT: Duration = Duration::from_secs(60);

const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const CONFIG_MAP: &str = "/api/v1/namespaces/kube-system/configmaps/palisade-host";

/// A node with an agent that takes host rules from both.
struct Node {
    lab: Lab,
    server: Server,
    administrator: Administrator,
    relay: Relay,
    kubeconfig: PathBuf,
    agent: Option<Child>,
}

impl Node {
    fn up() -> Self {
        let mut lab = Lab::up(&NODES.parse::<Topology>().unwrap()).unwrap();
        lab.listen(&[service(80), service(81), service(82)]).unwrap();
        let server = Server::start();
        let administrator = server.administrator();
        administrator.namespace("shop", &json!({}));
        let token = administrator.agent(&cluster_rules());
        administrator.may_read_config_map("palisade-host");
        let relay = Relay::new(Some(lab.namespace("node-a").unwrap()), server.port());
        let kubeconfig = server.kubeconfig("node-a", &token, relay.port);
        Self { lab, server, administrator, relay, kubeconfig, agent: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.server.directory().join(name)
    }

    fn start(&mut self, arguments: &[&str]) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("agent-log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command
            .args(["agent", "--node", "node-a", "--host-configmap", "kube-system/palisade-host", "--source"])
            .arg(format!("cluster:{}", self.kubeconfig.display()))
            .args(arguments)
            .env("PALISADE_RUN_DIR", self.path("run"))
            .env("PALISADE_STATE_DIR", self.path("state"))
            .stdin(Stdio::null())
            .stderr(log);
        self.agent = Some(self.lab.namespace("node-a").unwrap().spawn(&mut command).unwrap());
    }

    fn kill(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    /// What becomes of packets from the pod to a port of the node, in both families.
    fn outcomes(&self, port: u16) -> Vec<Outcome> {
        let probe = |to: &IpAddr| Probe { from: "shop/cart".into(), to: *to, service: service(port) };
        let probes: Vec<_> = self.lab.addresses("node-a").unwrap().iter().map(probe).collect();
        let answers = self.lab.probe(&probes, Patience::default()).unwrap();
        answers.iter().map(|answer| answer.outcome).collect()
    }

    #[track_caller]
    fn until(&self, port: u16, wanted: Outcome) {
        self.wait(&format!("port {port} is {wanted:?}"), || self.outcomes(port) == [wanted; 2]);
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let limit = Instant::now() + LIMIT;
        while !is_so() {
            let log = fs::read_to_string(self.path("agent-log")).unwrap_or_default();
            assert!(Instant::now() < limit, "waited in vain: {what}\n{:?}\n{log}", self.report());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn report(&self) -> Option<Value> {
        use std::io::Read as _;
        let mut text = String::new();
        let socket = self.path("run").join("agent.sock");
        std::os::unix::net::UnixStream::connect(socket).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// What became of the rules of the ConfigMap.
    fn state(&self) -> String {
        let report = self.report().unwrap_or_default();
        let of_map =
            report["host"].as_array().and_then(|all| all.iter().find(|host| host["source"] == "host-configmap"));
        of_map.map(|host| host["state"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    fn say(&self, text: &str) {
        self.administrator.patch(CONFIG_MAP, &json!({"data": {"host.ferm": text}}));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ignored = agent.kill();
            let _ignored = agent.wait();
        }
    }
}

fn service(port: u16) -> Service {
    Service::Tcp(port)
}

fn config_map(text: &str) -> Value {
    json!({"metadata": {"name": "palisade-host"}, "data": {"host.ferm": text, "ports.ferm": "proto tcp dport 81 DROP;"}})
}

const OF_MAP: &str = "domain (ip ip6) chain INPUT { proto tcp dport 80 ACCEPT; @include 'ports.ferm'; }";

#[test]
#[ignore = "needs an API server: make e2e"]
fn host_rules_of_the_node_and_of_a_config_map_hold_together_and_the_nodes_come_first() {
    let mut node = Node::up();
    let file = node.path("node.ferm");
    fs::write(&file, "domain (ip ip6) chain INPUT proto tcp dport 80 DROP;\n").unwrap();
    node.start(&["--host", file.to_str().unwrap()]);
    node.until(80, Outcome::Dropped);
    assert_eq!(node.outcomes(81), [Outcome::Open; 2]);
    assert_eq!(node.state(), "absent");

    // What the file drops, the ConfigMap does not open.
    node.administrator.create(CONFIG_MAPS, &config_map(OF_MAP));
    node.until(81, Outcome::Dropped);
    assert_eq!(node.outcomes(80), [Outcome::Dropped; 2]);
    node.wait("they are good", || node.state() == "good");
    fs::write(&file, "domain (ip ip6) chain INPUT proto tcp dport 82 DROP;\n").unwrap();
    node.until(82, Outcome::Dropped);
    node.until(80, Outcome::Open);
    assert_eq!(node.outcomes(81), [Outcome::Dropped; 2]);

    // Broken, then gone: the last good ones stay, over a new start too.
    node.say("domain (ip ip6) chain INPUT {");
    node.wait("they are broken", || node.state() == "last-good");
    assert_eq!(node.outcomes(81), [Outcome::Dropped; 2]);
    node.administrator.delete(CONFIG_MAP);
    node.wait("they are gone", || node.report().is_some_and(|report| report.to_string().contains("are gone")));
    assert_eq!(node.outcomes(81), [Outcome::Dropped; 2]);
    node.wait("it is on the disk", || {
        fs::read_to_string(node.path("state/facts")).is_ok_and(|kept| kept.contains("configmap:kube-system"))
    });
    node.kill();
    node.start(&["--host", file.to_str().unwrap()]);
    node.wait("it is ready", || node.report().is_some_and(|report| report["ready"] == true));
    assert_eq!(node.outcomes(81), [Outcome::Dropped; 2]);
    assert_eq!(node.state(), "last-good");
    node.administrator.create(CONFIG_MAPS, &json!({"metadata": {"name": "palisade-host"}, "data": {"host.ferm": ""}}));
    node.until(81, Outcome::Open);
    assert_eq!(node.outcomes(82), [Outcome::Dropped; 2]);

    let asked = node.server.requests_of(AGENT_USER);
    assert!(asked.iter().all(|request| request.code != 403), "{asked:#?}");
    let others = ["list configmaps", "watch configmaps"];
    let kinds = audit::kinds(&asked);
    assert!(kinds.iter().all(|kind| kind.starts_with("watch ") || others.contains(&kind.as_str())), "{kinds:?}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn host_rules_that_cut_the_agent_off_from_the_api_server_are_taken_back() {
    let mut node = Node::up();
    let config = node.path("config.yaml");
    fs::write(&config, "hostRevertAfter: 8\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    node.administrator.create(CONFIG_MAPS, &config_map(OF_MAP));
    node.start(&arguments);
    node.until(81, Outcome::Dropped);
    node.wait("they are good", || node.state() == "good");

    // Live connections go on, so the watch does not notice: only a new one does.
    let cut = |port: u16| {
        let mine = node.relay.port;
        format!(
            "domain (ip ip6) chain INPUT {{ mod state state ESTABLISHED ACCEPT; proto tcp dport ({mine} {port}) DROP; }}"
        )
    };
    node.say(&cut(82));
    node.until(82, Outcome::Dropped);
    assert_eq!(node.outcomes(81), [Outcome::Open; 2]);
    node.until(82, Outcome::Open);
    node.until(81, Outcome::Dropped);
    node.wait("it says so", || node.state() == "refused");
    let report = node.report().unwrap();
    assert_eq!(report["ready"], false);
    assert!(
        report["notReadyBecause"].as_str().unwrap().contains("the API server did not answer within 8 s"),
        "{report}"
    );

    // Killed in the middle of the next trial, the next run takes it back although nobody tells it anything.
    node.say(&cut(80));
    node.until(80, Outcome::Dropped);
    node.kill();
    assert_eq!(node.outcomes(80), [Outcome::Dropped; 2]);
    node.start(&arguments);
    node.until(80, Outcome::Open);
    node.until(81, Outcome::Dropped);
    node.wait("the same text is refused", || node.state() == "refused");
    assert_eq!(node.outcomes(80), [Outcome::Open; 2]);

    // Another text is another change.
    node.say("domain (ip ip6) chain INPUT proto tcp dport 82 DROP;");
    node.until(82, Outcome::Dropped);
    node.wait("they are good", || node.state() == "good");
    node.wait("it is ready", || node.report().is_some_and(|report| report["ready"] == true));
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn host_rules_are_not_blamed_for_an_api_server_that_was_away_before() {
    let mut node = Node::up();
    let (config, file) = (node.path("config.yaml"), node.path("node.ferm"));
    fs::write(&config, "hostRevert: all\nhostRevertAfter: 5\n").unwrap();
    fs::write(&file, "").unwrap();
    node.start(&["--config", config.to_str().unwrap(), "--host", file.to_str().unwrap()]);
    node.wait("it is ready", || node.report().is_some_and(|report| report["ready"] == true));
    let state = |node: &Node| node.report().unwrap_or_default()["host"][0]["state"].as_str().map(ToOwned::to_owned);
    node.wait("they are good", || state(&node).as_deref() == Some("good"));
    node.relay.cut();
    fs::write(&file, "domain (ip ip6) chain INPUT proto tcp dport 80 DROP;\n").unwrap();
    node.until(80, Outcome::Dropped);
    node.wait("they are unproven", || state(&node).as_deref() == Some("unproven"));
    for _ in 0..8 {
        thread::sleep(Duration::from_secs(1));
        assert_eq!(node.outcomes(80), [Outcome::Dropped; 2]);
    }
    node.relay.mend();
    node.wait("they are good", || state(&node).as_deref() == Some("good"));
    assert_eq!(node.outcomes(80), [Outcome::Dropped; 2]);
}
