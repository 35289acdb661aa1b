//! What a large cluster costs an agent, and what agents cost an API server: `make bench-scale`.
//!
//! A real kube-apiserver and etcd, filled past the API server (`--seed`), and the agent as it is released, in a network
//! namespace of its own, with a real kernel. `-- quick` does a twentieth of everything.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot be set up stops")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures are what the bench is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

use std::env;
use std::time::{Duration, Instant};

use serde_json::json;

use self::client::{Change, Changer};
use self::cluster::{Size, namespace};
use self::fleet::Fleet;
use self::node::Node;
use self::process::Process;
use self::report::{Figure, Goal};
use self::server::Server;

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/e2e/administrator.rs"]
mod administrator;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/e2e/audit.rs"]
mod audit;
mod client;
mod cluster;
mod fleet;
mod node;
mod process;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/e2e/relay.rs"]
mod relay;
mod report;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/e2e/server.rs"]
mod server;
#[path = "../../tests/e2e/yaml.rs"]
mod yaml;

/// How much is measured.
#[derive(Clone, Copy)]
struct Amount {
    large: Size,
    small: Size,
    fleet_cluster: Size,
    n_agents: usize,
    n_changes: usize,
    n_churn: usize,
    pause: Duration,
}

impl Amount {
    fn divided_by(by: usize) -> Self {
        Self {
            large: Size { pods: 100_000 / by, policies: 10_000 / by, namespaces: 1_000 / by, local: 110 },
            small: Size { pods: 5_000 / by, policies: 500 / by, namespaces: 50, local: 110 },
            fleet_cluster: Size { pods: 10_000 / by, policies: 1_000 / by, namespaces: 100, local: 110 },
            n_agents: 300 / by,
            n_changes: 200 / by,
            n_churn: 100_000 / by,
            pause: Duration::from_secs(60) / u32::try_from(by).unwrap(),
        }
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let amount = Amount::divided_by(if arguments.iter().any(|argument| argument == "quick") { 20 } else { 1 });
    let wants = |part: &str| arguments.iter().all(|argument| argument == "quick" || argument == part);
    let mut figures = Vec::new();
    if wants("node") {
        figures.extend(node_of(amount.small, amount, &[Goal::at_most("resident, MB", 30.0)], "5,000 pods", false));
        let goals = [
            Goal::at_most("resident, MB", 100.0),
            Goal::at_most("in sync and applied, s", 5.0),
            Goal::at_most("a remote pod's change to the kernel, p99, ms", 50.0),
            Goal::at_most("a local policy's change to the kernel, p99, ms", 100.0),
            Goal::at_most("processor at 20 changes a second, % of a core", 5.0),
            Goal::at_most("processor when idle, % of a core", 0.5),
        ];
        figures.extend(node_of(amount.large, amount, &goals, "100,000 pods", true));
    }
    if wants("fleet") {
        figures.extend(fleet_of(amount));
    }
    report::publish(&figures);
}

/// One agent, with a kernel.
fn node_of(size: Size, amount: Amount, goals: &[Goal], title: &'static str, is_whole: bool) -> Vec<Figure> {
    let server = seeded(size);
    let changer = Changer::new(&server.directory().join("kubeconfig"));
    let mut figures = report::Figures::new(title, goals);
    let begun = Instant::now();
    let node = Node::start(&server);
    let agent = node.process();
    let report = node.until_ready();
    figures.add("in sync and applied, s", begun.elapsed().as_secs_f64());
    eprintln!("{title}: in sync with {} pods and {} policies", report.n_pods, report.n_policies);
    figures.add("received until then, MB", node.received() as f64 / 1e6);
    figures.add("processor until then, s", agent.cpu().as_secs_f64());
    // The snapshot is written 10 s after a change at the latest.
    std::thread::sleep(Duration::from_secs(15));
    figures.add("resident, MB", agent.resident());
    figures.add("peak, MB", agent.peak());
    figures.add("state on disk, MB", node.state().values().sum::<u64>() as f64 / 1e6);
    if !is_whole {
        return figures.finish();
    }
    let ((), idle) = used(agent, || std::thread::sleep(amount.pause));
    figures.add("processor when idle, % of a core", idle);
    let pods = latencies(&node, &changer, amount.n_changes, |n| peer_change(size, n));
    figures.add_percentiles("a remote pod's change to the kernel", &pods);
    let policies = latencies(&node, &changer, amount.n_changes / 2, policy_change);
    figures.add_percentiles("a local policy's change to the kernel", &policies);

    let received = node.received();
    let n_steady = usize::try_from(amount.pause.as_secs().max(1) * 20).unwrap();
    let ((), steady) =
        used(agent, || changer.at_rate(20, (0..n_steady).map(|n| relabelled(size, anybody(size, n), n))));
    figures.add("processor at 20 changes a second, % of a core", steady);
    figures.add("received for each change, kB", (node.received() - received) as f64 / 1e3 / n_steady as f64);

    let steps = 10;
    let mut resident = Vec::new();
    let begun = Instant::now();
    for step in 0..steps {
        let each = amount.n_churn / steps;
        let numbers = (step * each)..((step + 1) * each);
        changer.at_full_speed(numbers.map(|n| relabelled(size, anybody(size, n), n)));
        resident.push(agent.resident());
        eprintln!("{title}: {:.0} MB after {} changes", agent.resident(), (step + 1) * each);
    }
    figures.add("churn, changes a second", amount.n_churn as f64 / begun.elapsed().as_secs_f64());
    figures.add("resident after churn, MB", agent.resident());
    // What is warm after a fifth of it stays; a leak goes on.
    figures.add(
        "memory's slope over the last 80 % of churn, kB for 1,000 changes",
        report::slope(&resident[2..]) * 1e6 / (amount.n_churn / steps) as f64,
    );
    figures.finish()
}

/// Agents as the API server sees them.
fn fleet_of(amount: Amount) -> Vec<Figure> {
    let size = amount.fleet_cluster;
    let server = seeded(size);
    let api = Process(server.process());
    let kubeconfig = server.directory().join("kubeconfig");
    let changer = Changer::new(&kubeconfig);
    let mut figures = report::Figures::new("agents at 10,000 pods", &[]);
    for n_agents in [1, amount.n_agents / 6, amount.n_agents] {
        let relay = relay::Relay::new(None, server.port());
        let token = std::fs::read_to_string(server.directory().join("token")).unwrap();
        let kubeconfig = server.kubeconfig(&format!("fleet-{n_agents}"), &token, relay.port);
        let before = api.cpu();
        let fleet = Fleet::start(n_agents, &kubeconfig);
        let took = fleet.until_in_sync();
        let name = |what: &str| format!("{n_agents} agents: {what}");
        figures.add(name("all in sync after, s"), took.as_secs_f64());
        figures.add(name("the API server's processor for that, s"), api.cpu().saturating_sub(before).as_secs_f64());
        figures.add(name("sent for that, MB"), relay.received() as f64 / 1e6);
        figures.add(name("the API server's memory, MB"), api.resident());
        std::thread::sleep(Duration::from_secs(5));

        let (sent, before) = (relay.received(), api.cpu());
        let mut delays = Vec::new();
        for n in 0..amount.n_changes {
            let begun = changer.change(&relabelled(size, anybody(size, n), n_agents + n));
            let heard = fleet.hear(1);
            delays.extend(heard.iter().map(|at| (*at - begun).as_secs_f64() * 1e3));
        }
        let n_heard = (amount.n_changes * n_agents) as f64;
        figures.add_percentiles(name("a pod's change to each agent"), &delays);
        figures.add(
            name("the API server's processor for a change, ms"),
            api.cpu().saturating_sub(before).as_secs_f64() * 1e3 / amount.n_changes as f64,
        );
        figures.add(name("sent for a change to one agent, kB"), (relay.received() - sent) as f64 / 1e3 / n_heard);
    }
    figures.finish()
}

fn seeded(size: Size) -> Server {
    let path = env::temp_dir().join(format!("palisade-seed-{}", std::process::id()));
    size.write(&path).unwrap();
    // Auditing is for the tests; a cluster's own would cost as much for every client.
    let server = Server::start_seeded(&path, &["--audit-log-path=", "--audit-policy-file="]);
    std::fs::remove_file(&path).unwrap();
    server
}

/// Percent of a core that a process used while something else was done.
fn used<T>(process: Process, work: impl FnOnce() -> T) -> (T, f64) {
    let (begun, before) = (Instant::now(), process.cpu());
    let done = work();
    (done, process.cpu().saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0)
}

/// From the request to the end of the agent's commit, in milliseconds.
fn latencies(node: &Node, changer: &Changer, n_changes: usize, change: impl Fn(usize) -> Change) -> Vec<f64> {
    let one = |n| {
        std::thread::sleep(Duration::from_millis(120));
        node.forget();
        let begun = changer.change(&change(n));
        (node.next_commit() - begun).as_secs_f64() * 1e3
    };
    (0..n_changes).map(one).collect()
}

/// A pod of another node that loses the label by which a policy of a local pod knows it as a peer, or gets it back.
fn peer_change(size: Size, n: usize) -> Change {
    // In every fourth namespace the first policy is of the first kind, and the second layer of pods has its peer's app.
    let n_peers = size.local / 4;
    let app = if (n / n_peers).is_multiple_of(2) { "lost" } else { "a1" };
    labelled(size, n % n_peers * 4 + size.namespaces, app)
}

/// Any pod of another node.
fn anybody(size: Size, n: usize) -> usize {
    size.local + n * 7_919 % (size.pods - size.local)
}

/// A pod that gets another label, of as many as a cluster has workloads.
fn relabelled(size: Size, pod: usize, n: usize) -> Change {
    labelled(size, pod, &format!("b{}", n % 1_009))
}

fn labelled(size: Size, pod: usize, app: &str) -> Change {
    let (namespace, name) = size.pod(pod);
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    Change { path, merge: json!({"metadata": {"labels": {"app": app}}}) }
}

/// A policy of a local pod that gets another port.
fn policy_change(n: usize) -> Change {
    let path = format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/np-0", namespace(0));
    let peer = json!({"podSelector": {"matchLabels": {"app": "a1"}}});
    Change { path, merge: json!({"spec": {"ingress": [{"from": [peer], "ports": [{"port": 9_000 + n}]}]}}) }
}
