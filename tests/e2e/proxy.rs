//! The real kube-proxy on both nodes, in each of its modes: what a pod's policy judges is what it has rewritten.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watcher::lab::{Lab, Matrix, Service};

use crate::administrator::{Administrator, cluster_rules};
use crate::agent::{Agent, LIMIT};
use crate::figures::{Timed, report};
use crate::held;
use crate::relay::Relay;
use crate::server::{self, Server};

const NODES: [&str; 2] = ["node-a", "node-b"];

const TOPOLOGY: &str = "
    node      node-a     192.168.0.11  2001:db8:0:1::11
    pod       shop/web   node-a  10.244.1.11  2001:db8:244:1::11
    pod       shop/db    node-a  10.244.1.12  2001:db8:244:1::12
    pod       ops/agent  node-a  10.244.1.13  2001:db8:244:1::13
    process   kubelet-a  node-a
    node      node-b     192.168.0.12  2001:db8:0:1::12
    pod       shop/api   node-b  10.244.2.11  2001:db8:244:2::11
    process   kubelet-b  node-b
    outside   alpha      203.0.113.10  2001:db8:ffff::10
    outside   beta       203.0.113.20  2001:db8:ffff::20
";

/// Without any policy everybody reaches everything: kube-proxy is at work, on the port and on both nodes.
const TRANSLATED: &str = "
80/TCP     10.96.0.11  fd00:96::11  10.96.0.12  fd00:96::12  10.96.0.14  fd00:96::14
shop/web   open        open         open        open         open        open
shop/api   open        open         open        open         open        open
kubelet-a  open        open         open        open         open        open

80/TCP  198.51.100.12  2001:db8:51::12
alpha   open           open
beta    open           open

30012/TCP  node-a  node-b
alpha      open    open

30013/TCP  node-a  node-b
alpha      open    drop
";

/// `shop/db` answers `shop/web` and `alpha`; `shop/web` reaches `shop/db` only. A way through a Service back to itself
/// is open, and what a node that is not the pod's passes on bears that node's address.
const JUDGED: &str = "
80/TCP     10.96.0.11  fd00:96::11  10.96.0.12  fd00:96::12  10.96.0.14  fd00:96::14
shop/web   open        open         open        open         drop        drop
ops/agent  drop        drop         drop        drop         drop        drop
kubelet-a  open        open         open        open         drop        drop
kubelet-b  drop        drop         drop        drop         open        open

80/TCP  198.51.100.12  2001:db8:51::12
alpha   open           open
beta    drop           drop

30012/TCP  node-a  node-b
alpha      open    drop
beta       drop    drop
shop/web   open    drop
ops/agent  drop    drop
kubelet-a  open    drop
kubelet-b  drop    drop

30013/TCP  node-a  node-b
alpha      open    drop
beta       drop    drop
shop/web   open    drop
";

/// How often kube-proxy has its table to rewrite beside ours.
const REWRITES: usize = 12;

const SERVICES: &str = "/api/v1/namespaces/shop/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

#[test]
#[ignore = "needs an API server: make e2e"]
fn services_of_the_real_kube_proxy_are_judged_as_written_in_its_nftables_mode() {
    let _timed = Timed::begin("kube-proxy: nftables");
    services_are_judged_as_written("nftables");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn services_of_the_real_kube_proxy_are_judged_as_written_in_its_iptables_mode() {
    let _timed = Timed::begin("kube-proxy: iptables");
    services_are_judged_as_written("iptables");
}

fn services_are_judged_as_written(mode: &str) {
    let cluster = Cluster::up();
    let _proxies = NODES.map(|node| Proxy::start(&cluster, node, mode));
    cluster.until(TRANSLATED);
    let agents = NODES.map(|node| Agent::start(&cluster.lab, node, &cluster.server, &cluster.token));
    agents.iter().for_each(Agent::until_ready);
    cluster.settle();
    cluster.is(TRANSLATED);
    cluster.policies();
    cluster.settle();
    let mut n_asked = cluster.is(JUDGED);
    for n in 0..REWRITES {
        // Another Service comes or goes, which kube-proxy writes, and so does a policy, which the agent does.
        let (service, policy) = (format!("other-{}", n / 2), format!("other-{}", n / 2));
        if n % 2 == 0 {
            cluster.service(&service, 20 + n, "shop/api", "Cluster", false);
            let spec = json!({"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]});
            cluster.administrator.create(POLICIES, &json!({"metadata": {"name": policy}, "spec": spec}));
        } else {
            cluster.administrator.delete(&format!("{SERVICES}/{service}"));
            cluster.administrator.delete(&format!("{POLICIES}/{policy}"));
        }
        n_asked += cluster.is(JUDGED);
    }
    cluster.settle();
    n_asked += cluster.is(JUDGED);
    report(&format!("kube-proxy in its {mode} mode: {n_asked} questions, {REWRITES} rewrites"));
}

/// The cluster of these tests.
struct Cluster {
    lab: Lab,
    server: Server,
    administrator: Administrator,
    token: String,
}

impl Cluster {
    fn up() -> Self {
        let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
        lab.listen(&[Service::Tcp(8080)]).unwrap();
        // externalIPs are routed to one of the nodes.
        let fabric = lab.fabric();
        fabric.ip("route add 198.51.100.0/24 via 192.168.0.11 dev lk1\n").unwrap();
        fabric.ip("route add 2001:db8:51::/64 via 2001:db8:0:1::11 dev lk1\n").unwrap();
        let server = Server::start();
        let administrator = server.administrator();
        let token = administrator.agent(&cluster_rules());
        let cluster = Self { lab, server, administrator, token };
        for node in NODES {
            cluster.administrator.node(node, &cluster.addresses(node));
        }
        for namespace in ["shop", "ops"] {
            cluster.administrator.namespace(namespace, &json!({}));
        }
        for (namespace, pod, node) in
            [("shop", "web", NODES[0]), ("shop", "db", NODES[0]), ("ops", "agent", NODES[0]), ("shop", "api", NODES[1])]
        {
            let addresses = cluster.addresses(&format!("{namespace}/{pod}"));
            cluster.administrator.pod(namespace, pod, &json!({"app": pod}), node, &addresses);
        }
        cluster.service("web", 11, "shop/web", "Cluster", true);
        cluster.service("db", 12, "shop/db", "Cluster", true);
        cluster.service("db-local", 13, "shop/db", "Local", true);
        cluster.service("api", 14, "shop/api", "Cluster", true);
        cluster
    }

    fn addresses(&self, name: &str) -> Vec<String> {
        self.lab.addresses(name).unwrap().iter().map(ToString::to_string).collect()
    }

    /// A Service of both families, and the slices that a controller would make for it.
    fn service(&self, name: &str, idx: usize, backend: &str, traffic: &str, is_outside: bool) {
        let mut spec = json!({
            "type": "NodePort",
            "clusterIP": format!("10.96.0.{idx}"),
            "clusterIPs": [format!("10.96.0.{idx}"), format!("fd00:96::{idx}")],
            "ipFamilyPolicy": "RequireDualStack",
            "externalTrafficPolicy": traffic,
            "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30_000 + idx}],
        });
        if is_outside {
            spec["externalIPs"] = json!([format!("198.51.100.{idx}"), format!("2001:db8:51::{idx}")]);
        }
        self.administrator.create(SERVICES, &json!({"metadata": {"name": name}, "spec": spec}));
        let node = if backend == "shop/api" { NODES[1] } else { NODES[0] };
        for address in self.addresses(backend) {
            let family = if address.contains(':') { "IPv6" } else { "IPv4" };
            let endpoint = json!({"addresses": [address], "nodeName": node, "conditions": {"ready": true}});
            let metadata = json!({
                "name": format!("{name}-{}", family.to_lowercase()),
                "labels": {"kubernetes.io/service-name": name},
            });
            let slice = json!({
                "metadata": metadata, "addressType": family, "endpoints": [endpoint],
                "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            });
            self.administrator.create(SLICES, &slice);
        }
    }

    fn policies(&self) {
        let block = |cidr: &str| json!({"ipBlock": {"cidr": cidr}});
        let pod = |app: &str| json!({"podSelector": {"matchLabels": {"app": app}}});
        let ports = json!([{"port": 8080}]);
        let policy = |name: &str, spec: Value| {
            self.administrator.create(POLICIES, &json!({"metadata": {"name": name}, "spec": spec}));
        };
        policy("deny", json!({"podSelector": {}, "policyTypes": ["Ingress"]}));
        let from = json!([pod("web"), block("203.0.113.10/32"), block("2001:db8:ffff::10/128")]);
        policy("db", json!({"podSelector": pod("db")["podSelector"], "ingress": [{"from": from, "ports": ports}]}));
        policy(
            "web",
            json!({
                "podSelector": pod("web")["podSelector"], "policyTypes": ["Egress"],
                "egress": [{"to": [pod("db")], "ports": ports}],
            }),
        );
    }

    #[track_caller]
    fn settle(&self) {
        held::until_in_force(&self.administrator, &self.lab, &NODES, self.server.directory());
    }

    fn mismatches(&self, tables: &str) -> (usize, Vec<String>) {
        let tables = Matrix::parse_all(tables).unwrap();
        let n_cells = tables.iter().flat_map(|table| &table.rows).map(|(_, cells)| cells.len()).sum();
        let (_, mismatches) = self.lab.compare(&tables).unwrap();
        (n_cells, mismatches.iter().map(ToString::to_string).collect())
    }

    /// Packets agree with these tables; how many cells they have.
    #[track_caller]
    fn is(&self, tables: &str) -> usize {
        let (n_cells, lines) = self.mismatches(tables);
        assert!(lines.is_empty(), "{}", lines.join("\n"));
        n_cells
    }

    /// Waits until packets agree with these tables.
    #[track_caller]
    fn until(&self, tables: &str) {
        let limit = Instant::now() + LIMIT;
        loop {
            let (_, lines) = self.mismatches(tables);
            if lines.is_empty() {
                return;
            }
            let log = |node| std::fs::read_to_string(self.server.directory().join(format!("{node}-proxy-log")));
            assert!(Instant::now() < limit, "{}\n{}", lines.join("\n"), log(NODES[0]).unwrap_or_default());
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A kube-proxy that goes when this does; its rules stay, as everything in the namespace does.
struct Proxy {
    child: Child,
    _relay: Relay,
}

impl Proxy {
    fn start(cluster: &Cluster, node: &str, mode: &str) -> Self {
        let (namespace, server) = (cluster.lab.namespace(node).unwrap(), &cluster.server);
        let relay = Relay::new(Some(namespace), server.port());
        let token = std::fs::read_to_string(server.directory().join("token")).unwrap();
        let kubeconfig = server.kubeconfig(&format!("{node}-proxy"), &token, relay.port);
        let untouched = json!({"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"});
        // Everything is written again each second, whether it changed or not.
        let often = json!({"syncPeriod": "1s", "minSyncPeriod": "0s"});
        let config = json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": mode,
            "clientConnection": {"kubeconfig": kubeconfig},
            "hostnameOverride": node,
            "clusterCIDR": "10.244.0.0/16,2001:db8:244::/48",
            "detectLocalMode": "ClusterCIDR",
            "conntrack": untouched,
            "nftables": often,
            "iptables": {"syncPeriod": "1s", "minSyncPeriod": "0s", "localhostNodePorts": false},
        });
        let path = server.directory().join(format!("{node}-proxy.json"));
        std::fs::write(&path, config.to_string()).unwrap();
        let log = std::fs::File::create(server.directory().join(format!("{node}-proxy-log"))).unwrap();
        let mut command = Command::new(server::program());
        command.arg("kube-proxy").arg("--config").arg(path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self { child: namespace.spawn(&mut command).unwrap(), _relay: relay }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}
