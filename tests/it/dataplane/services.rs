//! Services: what a pod's policy judges when kube-proxy has rewritten the destination, in each of its layouts.

use std::net::IpAddr;

use watcher::lab::{KubeProxy, Layout, Proxied, Service, TrafficPolicy};

use super::enforce::{Cluster, Rules, baseline, deny_all, policy};
use crate::privilege::can_make_namespaces;

/// `shop/web`, `shop/db` and `ops/agent` on one node, `shop/api` on the other.
pub(super) const NODES: &str = "
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

pub(super) const PORTS: [&str; 4] = ["8080/TCP", "8080/UDP", "6443/TCP", "80/TCP"];

/// Every VIP, externalIP and NodePort of the tests, on every node. externalIPs are routed to node-a.
pub(super) fn cluster(layout: Layout) -> Cluster {
    let cluster = Cluster::new(NODES, &PORTS);
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    let service = |idx: u16, name: &str, backend: &str, port: u16| Proxied {
        name: name.into(),
        cluster_ips: addresses(&[&format!("10.96.0.{idx}"), &format!("2001:db8:96::{idx}")]),
        external_ips: addresses(&[&format!("198.51.100.{idx}"), &format!("2001:db8:51::{idx}")]),
        service: Service::Tcp(80),
        node_port: Some(30_000 + idx),
        traffic_policy: TrafficPolicy::Cluster,
        endpoints: match backend {
            "" => Vec::new(),
            backend => cluster.lab.addresses(backend).unwrap().iter().map(|ip| (*ip, port).into()).collect(),
        },
    };
    let services = vec![
        service(11, "shop/web", "shop/web", 8080),
        service(12, "shop/db", "shop/db", 8080),
        Proxied { traffic_policy: TrafficPolicy::Local, ..service(13, "shop/db-local", "shop/db", 8080) },
        service(14, "shop/api", "shop/api", 8080),
        service(15, "default/kubernetes", "node-b", 6443),
        service(16, "shop/none", "", 8080),
    ];
    for node in &cluster.topology.nodes {
        let proxy = KubeProxy {
            cluster_cidrs: vec!["10.244.0.0/16".parse().unwrap(), "2001:db8:244::/48".parse().unwrap()],
            node: node.host.addresses.clone(),
            local: node.pods.iter().flat_map(|pod| pod.addresses.clone()).collect(),
            services: services.clone(),
        };
        proxy.load(cluster.namespace(&node.host.name), layout).unwrap();
    }
    let fabric = cluster.lab.fabric();
    fabric.ip("route add 198.51.100.0/24 via 192.168.0.11 dev lk1\n").unwrap();
    fabric.ip("route add 2001:db8:51::/64 via 2001:db8:0:1::11 dev lk1\n").unwrap();
    cluster
}

fn from_cidrs(cidrs: &[&str]) -> String {
    cidrs.iter().map(|cidr| format!("{{ipBlock: {{cidr: '{cidr}'}}}}")).collect::<Vec<_>>().join(", ")
}

/// `shop/db` answers `shop/web` and `alpha`; `shop/web` reaches `shop/db` and the API server behind its VIP.
fn policies() -> String {
    let alpha = from_cidrs(&["203.0.113.10/32", "2001:db8:ffff::10/128"]);
    let api_server = from_cidrs(&["192.168.0.12/32", "2001:db8:0:1::12/128"]);
    let web = "{podSelector: {matchLabels: {pod: web}}}";
    let db = "{podSelector: {matchLabels: {pod: db}}}";
    [
        deny_all("shop", "Ingress"),
        policy("shop/db", "Ingress", &format!("[{{from: [{web}, {alpha}], ports: [{{port: 8080}}]}}]")),
        policy(
            "shop/web",
            "Egress",
            &format!("[{{to: [{db}], ports: [{{port: 8080}}]}}, {{to: [{api_server}], ports: [{{port: 6443}}]}}]"),
        ),
    ]
    .concat()
}

/// sem-83, sem-87 to sem-91, W7: in every layout of kube-proxy.
const JUDGED_ON_THE_BACKEND: &str = "
80/TCP     10.96.0.11  2001:db8:96::11  10.96.0.12  2001:db8:96::12  10.96.0.14  2001:db8:96::14  10.96.0.15  2001:db8:96::15
shop/web   open        open             open        open             drop        drop             open        open
ops/agent  drop        drop             drop        drop             drop        drop             open        open
kubelet-a  open        open             open        open             drop        drop             open        open
kubelet-b  drop        drop             drop        drop             open        open             open        open

80/TCP  198.51.100.12  2001:db8:51::12
alpha   open           open
beta    drop           drop

80/TCP     10.96.0.16  2001:db8:96::16
shop/web   refused     refused
ops/agent  refused     refused

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

#[test]
fn sem_88_89_90_91_services_are_judged_on_the_backend_in_every_layout_of_kube_proxy() {
    if !can_make_namespaces("sem_88_services") {
        return;
    }
    for layout in Layout::ALL {
        let cluster = cluster(layout);
        let before = layout.listing(cluster.namespace("node-a")).unwrap();
        cluster.enforce(&Rules { policies: &policies(), ..Rules::default() });
        cluster.assert_tables(&format!("{layout:?}"), JUDGED_ON_THE_BACKEND);
        assert_eq!(layout.listing(cluster.namespace("node-a")).unwrap(), before, "{layout:?}");
        cluster.tear_down("node-a");
        assert_eq!(layout.listing(cluster.namespace("node-a")).unwrap(), before, "{layout:?}");
    }
}

#[test]
fn sem_87_a_way_through_a_service_back_to_itself_is_closed_by_the_baseline_only() {
    if !can_make_namespaces("sem_87_hairpin") {
        return;
    }
    let cluster = cluster(Layout::Nftables);
    let isolated = deny_all("shop", "Ingress, Egress");
    cluster.enforce(&Rules { policies: &isolated, ..Rules::default() });
    let open = "80/TCP    10.96.0.11  2001:db8:96::11  10.96.0.12  2001:db8:96::12\nshop/web  open  open  drop  drop\n";
    cluster.assert_tables("NetworkPolicy alone", open);

    let deny = baseline("deny: [{name: itself, to: [10.244.1.11/32, '2001:db8:244:1::11/128']}]");
    cluster.enforce(&Rules { policies: &isolated, baseline: &deny, ..Rules::default() });
    cluster.assert_tables("the baseline too", "80/TCP    10.96.0.11  2001:db8:96::11\nshop/web  drop  drop\n");

    // An enforced permission opens it without NetworkPolicies being asked; so does nothing at all being said of it.
    let other = baseline("deny: [{name: other, to: [10.244.1.12/32, '2001:db8:244:1::12/128']}]");
    cluster.enforce(&Rules { policies: &isolated, baseline: &other, ..Rules::default() });
    cluster.assert_tables("a baseline about another", open);
}

#[test]
fn w7_a_policy_names_the_port_and_the_address_behind_the_service() {
    if !can_make_namespaces("w7_behind_the_service") {
        return;
    }
    let cluster = cluster(Layout::Nftables);
    let behind = "80/TCP  10.96.0.12  2001:db8:96::12\nshop/web  ";
    let to =
        |peer: &str, port: u16| policy("shop/web", "Egress", &format!("[{{to: [{peer}], ports: [{{port: {port}}}]}}]"));
    let db = "{podSelector: {matchLabels: {pod: db}}}";
    let vip = from_cidrs(&["10.96.0.12/32", "2001:db8:96::12/128"]);
    let endpoint = from_cidrs(&["10.244.1.12/32", "2001:db8:244:1::12/128"]);
    for (about, peer, port, cells) in [
        ("the target's port", db, 8080, "open open"),
        ("the Service's port", db, 80, "drop drop"),
        ("the VIP as ipBlock", &*vip, 80, "drop drop"),
        ("the endpoint as ipBlock", &*endpoint, 8080, "open open"),
    ] {
        cluster.enforce(&Rules { policies: &to(peer, port), ..Rules::default() });
        cluster.assert_tables(about, &format!("{behind}{cells}\n"));
    }
}

#[test]
fn sem_90_the_backends_node_sees_the_address_of_the_node_that_received() {
    if !can_make_namespaces("sem_90_receiving_node") {
        return;
    }
    let cluster = cluster(Layout::Nftables);
    let nodes = from_cidrs(&["192.168.0.12/32", "2001:db8:0:1::12/128"]);
    let from_node_b = policy("shop/db", "Ingress", &format!("[{{from: [{nodes}]}}]"));
    cluster.enforce(&Rules { policies: &from_node_b, ..Rules::default() });
    cluster.assert_tables(
        "an ipBlock of the receiving node",
        "30012/TCP  node-a  node-b\nalpha  drop  open\nbeta  drop  open\nshop/web  drop  open\n\n\
         30013/TCP  node-a  node-b\nalpha  drop  drop\n",
    );
}
