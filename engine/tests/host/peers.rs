//! Nodes, pods, namespaces and Services in the place of an address.

use engine::compile::host::unknown_peers;
use engine::inventory::Inventory;
use engine::render;
use policy_lang::host::{MemoryFiles, parse};
use policy_lang::manifest;
use policy_lang::source::Sources;

use super::lowered::Lowered;
use super::nft;

const CLUSTER: &str = "
kind: Namespace
apiVersion: v1
metadata: {name: shop, labels: {team: a}}
---
kind: Node
apiVersion: v1
metadata: {name: n1, labels: {role: worker}}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: '2001:db8::1'}]}
---
kind: Node
apiVersion: v1
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
kind: Pod
apiVersion: v1
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}, {ip: '2001:db8:1::1'}]}
---
kind: Service
apiVersion: v1
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.9.0.1, clusterIPs: [10.9.0.1], ports: [{port: 80}]}
---
kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080, protocol: TCP}]
endpoints: [{addresses: [10.0.0.1]}]
";

fn cluster() -> Inventory {
    let mut sources = Sources::default();
    let (objects, found) = manifest::load("cluster.yaml", CLUSTER, &mut sources);
    assert_eq!(found, []);
    Inventory::from_objects(&objects).0
}

/// The rule that `rule` becomes in INPUT of one domain, each set as its elements.
#[track_caller]
fn check(domain: &str, rule: &str, expected: &str) {
    let lowered = Lowered::beside(&format!("domain {domain} chain INPUT {{ {rule} }}"), &cluster());
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    let mut text = lowered.rules();
    for (name, set) in &lowered.table.sets {
        let keys: Vec<String> = set.elements.keys().map(render::element_key).collect();
        text = text.replace(&format!("@{name}"), &format!("[{}]", keys.join(" ")));
    }
    let lines: Vec<&str> =
        text.lines().skip(1).map(|line| line.split(" comment ").next().unwrap_or("").trim()).collect();
    assert_eq!(lines.join("\n"), expected, "{rule}");
}

#[test]
fn everybody_of_the_cluster_is_a_set_of_addresses() {
    check("ip", "saddr @nodes() ACCEPT;", "ip saddr [192.0.2.1 192.0.2.2] accept");
    check("ip", "saddr @nodes(role=worker) ACCEPT;", "ip saddr [192.0.2.1] accept");
    check("ip6", "saddr @nodes() ACCEPT;", "ip6 saddr [2001:db8::1] accept");
    check("ip", "saddr @pods(shop) ACCEPT;", "ip saddr [10.0.0.1] accept");
    check("ip", "saddr @pods(shop, app=web) ACCEPT;", "ip saddr [10.0.0.1] accept");
    check("ip", "saddr @pods('app in (web,db)') ACCEPT;", "ip saddr [10.0.0.1] accept");
    check("ip", "saddr @pods(app in (web db)) ACCEPT;", "ip saddr [10.0.0.1] accept");
    check("ip", "saddr @namespace(shop) ACCEPT;", "ip saddr [10.0.0.1] accept");
    check("ip6", "saddr @namespace(team=a) ACCEPT;", "ip6 saddr [2001:db8:1::1] accept");
    check("ip", "daddr @service(shop/web) ACCEPT;", "ip daddr [10.0.0.1] accept");
    check("ip", "daddr @service(shop/web, addresses) ACCEPT;", "ip daddr [10.9.0.1] accept");
}

#[test]
fn an_empty_set_keeps_the_rule() {
    check("ip", "saddr @pods(shop, app=gone) DROP;", "ip saddr [] drop");
    check("ip", "saddr !@service(none/none) DROP;", "ip saddr != [] drop");
}

#[test]
fn others_may_stand_beside_them() {
    check("ip", "saddr (@nodes() 10.0.0.0/8) DROP;", "ip saddr [192.0.2.1 192.0.2.2] drop\nip saddr 10.0.0.0/8 drop");
    check("ip", "saddr !@nodes() DROP;", "ip saddr != [192.0.2.1 192.0.2.2] drop");
    check("ip", "saddr (@nodes() 0/0) DROP;", "meta nfproto ipv4 drop");
    check(
        "ip",
        "@def $N = (@nodes() @pods(shop)); saddr $N DROP;",
        "ip saddr [192.0.2.1 192.0.2.2] drop\nip saddr [10.0.0.1] drop",
    );
    check(
        "(ip ip6)",
        "saddr @ipfilter((@nodes() ::1)) DROP;",
        "ip saddr [192.0.2.1 192.0.2.2] drop\nip6 saddr [2001:db8::1] drop\nip6 saddr ::1 drop",
    );
}

#[test]
fn whom_nobody_knows_is_doubtful_once_the_facts_are_there() {
    let text = "chain INPUT { saddr (@pods(shop) @pods(x) @service(shop/web) @service(shop/x) @nodes(no=one)) DROP; }";
    let says = |inventory: &Inventory| -> Vec<String> {
        let mut sources = Sources::default();
        let (rules, _) = parse("t", &MemoryFiles::default().with("t", text), &[], &mut sources);
        unknown_peers(&rules, inventory).into_iter().map(|found| found.message).collect()
    };
    let nobody = "stands for nobody";
    assert_eq!(
        says(&cluster()),
        [
            format!("`@pods(x)` {nobody}: namespace x is not known"),
            format!("`@service(shop/x)` {nobody}: service shop/x is not known")
        ]
    );
    assert_eq!(says(&Inventory::default()).len(), 5);
}
