//! Host rules beside policies: from where they come, and what becomes of them when they break.

use std::fs;

use watcher::lab::{Lab, Service};

use super::node::Node;
use crate::cli::names::NameServer;
use crate::privilege::can_make_namespaces;
use crate::swap::load::TOPOLOGY;

/// Port 80 is shut, and 81 is open.
const RULES: &str = "domain (ip ip6) chain INPUT proto tcp dport 80 DROP;\n";
const ONE_SHUT: &str = "80/TCP  router\nsender  drop\n\n81/TCP  router\nsender  open\n";
const ALL_OPEN: &str = "80/TCP  router\nsender  open\n\n81/TCP  router\nsender  open\n";
const ALL_SHUT: &str = "80/TCP  router\nsender  drop\n\n81/TCP  router\nsender  drop\n";

/// A node that answers on two ports.
fn node() -> Node {
    let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
    lab.listen(&[Service::Tcp(80), Service::Tcp(81)]).unwrap();
    Node::of(lab)
}

fn says(node: &Node, words: &str) -> bool {
    let is_it = |finding: &serde_json::Value| finding.as_str().unwrap().contains(words);
    node.report().is_some_and(|report| report["findings"].as_array().unwrap().iter().any(is_it))
}

#[test]
fn at_a_start_with_broken_host_rules_the_last_good_ones_come_from_the_snapshot() {
    if !can_make_namespaces("agent host rules at a start") {
        return;
    }
    let mut node = node();
    let rules = node.path("node.ferm");
    let host = ["--host", &rules.display().to_string()];
    fs::write(&rules, RULES).unwrap();
    node.start_ready(&host);
    node.is(ONE_SHUT);
    assert!(node.stop().success());
    // As after a boot: only the disk knows.
    node.namespace().nft("delete table inet palisade").unwrap();
    fs::write(&rules, "domain (ip ip6) chain INPUT {\n").unwrap();
    node.start_ready(&host);
    node.is(ONE_SHUT);
    assert!(says(&node, "the last good ones stay"), "{:?}", node.report());
    // They are kept on: a broken file is none that was ever good.
    assert!(node.stop().success());
    node.start_ready(&host);
    node.is(ONE_SHUT);
    fs::write(&rules, "").unwrap();
    node.becomes(ALL_OPEN);
    // Where there are none, nothing new comes in.
    fs::write(&rules, "domain (ip ip6) chain INPUT {\n").unwrap();
    assert!(node.stop().success());
    node.namespace().nft("delete table inet palisade").unwrap();
    fs::remove_dir_all(node.path("state")).unwrap();
    node.start_ready(&host);
    node.is(ALL_SHUT);
    assert!(says(&node, "nothing new comes in to the node"), "{:?}", node.report());
    fs::write(&rules, RULES).unwrap();
    node.becomes(ONE_SHUT);
}

#[test]
fn a_file_that_comes_into_an_included_folder_is_read_and_one_that_goes_is_not() {
    if !can_make_namespaces("agent included folder") {
        return;
    }
    let mut node = node();
    let (rules, folder) = (node.path("node.ferm"), node.path("node.d"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.ferm"), "proto tcp dport 82 DROP;\n").unwrap();
    fs::write(&rules, "domain (ip ip6) chain INPUT { @include 'node.d/'; }\n").unwrap();
    node.start_ready(&["--host", &rules.display().to_string()]);
    node.is(ALL_OPEN);
    fs::write(folder.join("b.ferm"), "proto tcp dport 80 DROP;\n").unwrap();
    node.becomes(ONE_SHUT);
    fs::remove_file(folder.join("b.ferm")).unwrap();
    node.becomes(ALL_OPEN);
    // A file that others replace is followed too.
    let new = node.path("new.ferm");
    fs::write(&new, RULES).unwrap();
    fs::rename(&new, &rules).unwrap();
    node.becomes(ONE_SHUT);
}

/// A node and a Service, each with the sender's addresses.
const ADMIN: &str = "
apiVersion: v1
kind: Node
metadata: {name: admin, labels: {role: admin}}
status: {addresses: [{type: InternalIP, address: 10.244.1.11}, {type: InternalIP, address: '2001:db8:244:1::11'}]}
";
const CALLERS: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: callers-4, namespace: x, labels: {kubernetes.io/service-name: callers}}
addressType: IPv4
ports: [{port: 80, protocol: TCP}]
endpoints: [{addresses: [10.244.1.11]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: callers-6, namespace: x, labels: {kubernetes.io/service-name: callers}}
addressType: IPv6
ports: [{port: 80, protocol: TCP}]
endpoints: [{addresses: ['2001:db8:244:1::11']}]
";

#[test]
fn host_rules_follow_the_pods_nodes_and_services_that_they_name() {
    if !can_make_namespaces("agent host rules and the cluster") {
        return;
    }
    let mut node = node();
    let rules = node.path("node.ferm");
    let callers = "@pods(x, app=sender) @nodes(role=admin) @service(x/callers)";
    let text = format!(
        "domain (ip ip6) chain INPUT proto tcp dport 80 {{ saddr !@namespace(x) RETURN; saddr ({callers}) ACCEPT; DROP; }}"
    );
    fs::write(&rules, text).unwrap();
    node.start_ready(&["--host", &rules.display().to_string()]);
    node.is(ALL_OPEN);
    let pods = fs::read_to_string(node.path("manifests").join("pods.yaml")).unwrap();
    node.write("pods.yaml", &pods.replace("{app: sender}", "{app: other}"));
    node.becomes(ONE_SHUT);
    for (name, text) in [("node.yaml", ADMIN), ("service.yaml", CALLERS)] {
        node.write(name, text);
        node.becomes(ALL_OPEN);
        node.remove(name);
        node.becomes(ONE_SHUT);
    }
    node.write("pods.yaml", &pods);
    node.becomes(ALL_OPEN);
}

#[test]
fn names_are_looked_up_again_and_kept_where_the_server_fails() {
    if !can_make_namespaces("agent names in host rules") {
        return;
    }
    let mut node = node();
    let server = NameServer::listen(node.namespace());
    let (rules, config, conf) = (node.path("node.ferm"), node.path("config.yaml"), node.path("resolv.conf"));
    let text = "domain (ip ip6) chain INPUT proto tcp dport 80 { saddr @resolve(caller.example) ACCEPT; DROP; }";
    fs::write(&rules, text).unwrap();
    fs::write(&config, format!("host: {}\nhostResolve: true\n", rules.display())).unwrap();
    fs::write(&conf, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let sender: (&str, &[&str]) = ("caller.example", &["A 10.244.1.11", "AAAA 2001:db8:244:1::11"]);
    server.knows(&[sender]);
    let mount = format!("mount --bind {} /etc/resolv.conf && exec \"$@\"", conf.display());
    node.start_under(&["unshare", "--mount", "sh", "-ec", &mount, "sh"], &["--config", config.to_str().unwrap()]);
    node.becomes(ALL_OPEN);
    server.knows(&[("caller.example", &["A 192.0.2.1", "AAAA 2001:db8::1"])]);
    node.becomes(ONE_SHUT);
    server.knows(&[sender]);
    node.becomes(ALL_OPEN);
    server.fails();
    node.wait("the failure is told", || says(&node, "cannot be looked up"));
    node.is(ALL_OPEN);
}

#[test]
fn failsafe_ports_stay_open_whatever_host_rules_say_and_no_others_do() {
    if !can_make_namespaces("agent failsafe ports") {
        return;
    }
    let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
    lab.listen(&[Service::Tcp(22), Service::Tcp(80), Service::Tcp(6443), Service::Udp(53)]).unwrap();
    let mut node = Node::of(lab);
    let (rules, config) = (node.path("node.ferm"), node.path("config.yaml"));
    // Not even answers are let out, nor is a neighbour found.
    fs::write(&rules, "domain (ip ip6) { chain INPUT policy DROP; chain OUTPUT policy DROP; }\n").unwrap();
    let arguments = ["--host", rules.to_str().unwrap(), "--config", config.to_str().unwrap()];
    fs::write(&config, "").unwrap();
    node.start(&arguments);
    ready(&node);
    node.is("22/TCP  router\nsender  open\n\n80/TCP  router\nsender  drop\n\n6443/TCP  router\nsender  open\n");
    node.is("22/TCP  open\nrouter  drop\n\n80/TCP  open\nrouter  drop\n\n6443/TCP  open\nrouter  open\n\n53/UDP  open\nrouter  open\n");
    // A list takes the place of the other one, and an empty one turns it off.
    assert!(node.stop().success());
    fs::write(&config, "failsafeInput: [80/tcp]\nfailsafeOutput: []\n").unwrap();
    node.start(&arguments);
    ready(&node);
    node.is("22/TCP  router\nsender  drop\n\n80/TCP  router\nsender  open\n\n6443/TCP  router\nsender  drop\n");
    node.is("22/TCP  open\nrouter  drop\n\n6443/TCP  open\nrouter  drop\n\n53/UDP  open\nrouter  drop\n");
    // They are first.
    let listing = node.namespace().nft_list(&["list", "chain", "inet", "palisade", "pl_input"]).unwrap();
    let first = listing.lines().find(|line| line.contains("counter")).unwrap_or_default();
    assert!(first.contains("tcp dport 80") && first.contains("failsafe"), "{listing}");
}

/// Waits by the socket: HTTP may be shut.
fn ready(node: &Node) {
    node.wait("the agent is ready", || node.report().is_some_and(|report| report["ready"] == true));
}
