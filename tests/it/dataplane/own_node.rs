//! A pod and the node that it runs on.

use engine::compile::options::{OwnNode, PodOptions};
use watcher::lab::{Body, Capture, Crafted, Service};

use super::enforce::{Cluster, Family, Rules, baseline, counted, deny_all, policy};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

const PORTS: [&str; 5] = ["22/TCP", "8080/TCP", "8081/TCP", "53/UDP", "8080/UDP"];

/// Where NodeLocal DNS listens.
const CACHE: [&str; 2] = ["169.254.20.10", "fd00:20::10"];

#[test]
fn sem_83_85_own_node_reaches_its_pods_and_is_reached_as_egress_policy_says() {
    if !can_make_namespaces("sem_83_own_node") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let isolated = deny_all("shop", "Ingress, Egress");
    cluster.enforce(&Rules { policies: &isolated, ..Rules::default() });
    let pods = "shop/web shop/db shop/api";
    let closed = ["22/TCP", "8080/TCP", "8080/UDP", "echo"].map(|service| {
        format!(
            "{service} {pods}\nkubelet-a open open drop\nkubelet-b drop drop open\n\n\
             {service} node-a node-b\nshop/web drop drop\nshop/api drop drop\nops/agent open open\n\n"
        )
    });
    cluster.assert_tables("deny-all", &closed.concat());

    // sem-85: the node is an address like any other, and sem-95: so is another node.
    let node_a = "{ipBlock: {cidr: 192.168.0.11/32}}, {ipBlock: {cidr: '2001:db8:0:1::11/128'}}";
    let ssh = policy("shop/web", "Egress", &format!("[{{to: [{node_a}], ports: [{{port: 22}}]}}]"));
    cluster.enforce(&Rules { policies: &(isolated + &ssh), ..Rules::default() });
    cluster.assert_tables(
        "22/TCP to the own node",
        "22/TCP node-a node-b\nshop/web open drop\n\n8080/TCP node-a\nshop/web drop\n\necho node-a\nshop/web drop\n",
    );
}

#[test]
fn sem_85_egress_to_the_own_node_can_be_left_open() {
    if !can_make_namespaces("sem_85_own_node_open") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let isolated = deny_all("shop", "Ingress, Egress");
    let options = PodOptions { own_node: OwnNode::Open, ..PodOptions::default() };
    cluster.enforce(&Rules { policies: &isolated, options, ..Rules::default() });
    cluster.assert_tables(
        "allowEgressToOwnNode",
        "8080/TCP node-a node-b shop/db\nshop/web open drop drop\nshop/api drop open drop\n",
    );
}

#[test]
fn sem_95_96_other_nodes_and_pods_on_their_network_are_addresses() {
    if !can_make_namespaces("sem_95_other_nodes") {
        return;
    }
    // `shop/hosted` runs on node-b's own network: it has the node's address and is no pod to any selector.
    let cluster = Cluster::new(NODES, &PORTS);
    let to = |peer: &str| {
        deny_all("shop", "Ingress, Egress") + &policy("shop/web", "Egress", &format!("[{{to: [{peer}]}}]"))
    };
    let from_anywhere = "8080/TCP node-a node-b shop/db\nshop/web ";
    for (about, peer, cells) in [
        ("every pod of every namespace", "{namespaceSelector: {}}", "drop drop drop"),
        (
            "another node's address",
            "{ipBlock: {cidr: 192.168.0.12/32}}, {ipBlock: {cidr: '2001:db8:0:1::12/128'}}",
            "drop open drop",
        ),
        (
            "the range of the nodes",
            "{ipBlock: {cidr: 192.168.0.0/24}}, {ipBlock: {cidr: '2001:db8:0:1::/64'}}",
            "open open drop",
        ),
        ("one family", "{ipBlock: {cidr: 192.168.0.12/32}}", "drop open|drop drop"),
    ] {
        cluster.enforce(&Rules { policies: &to(peer), ..Rules::default() });
        cluster.assert_tables(about, &format!("{from_anywhere}{cells}\n"));
    }
    // The other way round: what another node's process sends is what its address says.
    let node_b = "{ipBlock: {cidr: 192.168.0.12/32}}, {ipBlock: {cidr: '2001:db8:0:1::12/128'}}";
    for (about, peer, cells) in [("selectors", "{namespaceSelector: {}}", "drop"), ("ipBlock", node_b, "open")] {
        let policies = policy("shop/db", "Ingress", &format!("[{{from: [{peer}]}}]"));
        cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
        cluster.assert_tables(about, &format!("8080/TCP shop/db\nkubelet-b {cells}\nkubelet-a open\n"));
    }
}

#[test]
fn sem_84_forwarded_packets_that_bear_the_nodes_address_get_no_pass() {
    if !can_make_namespaces("sem_84_source_of_the_node") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let node = cluster.namespace("node-a");
    // Everything that the node forwards leaves it with its own address.
    node.nft("table inet masquerades { chain post { type nat hook postrouting priority 100; masquerade; }; }").unwrap();
    let isolated = deny_all("shop", "Ingress");
    cluster.enforce(&Rules { policies: &isolated, ..Rules::default() });
    cluster
        .assert_tables("masqueraded", "8080/TCP shop/db\nalpha drop\nops/agent drop\nkubelet-a open\nshop/api drop\n");
    node.nft("delete table inet masquerades").unwrap();

    // What comes from elsewhere with the node's address; the kernel's own check of IPv4 sources is out of the way.
    node.sysctl(&[("ipv4/conf/all/accept_local", "1"), ("ipv4/conf/eth0/accept_local", "1")]).unwrap();
    let mut capture = Capture::open(cluster.namespace("shop/db")).unwrap();
    for family in Family::BOTH {
        let packet = |source: &str, data: &str| {
            let body = Body::Udp(4000, 8080, data.into());
            Crafted::new(cluster.address(source, family), cluster.address("shop/db", family), body).encode()
        };
        cluster.lab.send("alpha", None, &[packet("node-a", "forged")]).unwrap();
        cluster.lab.send("kubelet-a", None, &[packet("node-a", "the node's own")]).unwrap();
        capture.wait_for(b"the node's own").unwrap();
        assert!(!capture.has(b"forged").unwrap(), "{family:?}");
    }
    // The forged ones were forwarded, not lost on the way: without a policy they arrive.
    cluster.tear_down("node-a");
    for family in Family::BOTH {
        let data = format!("forged {family:?}");
        let body = Body::Udp(4001, 8080, data.clone().into());
        let packet = Crafted::new(cluster.address("node-a", family), cluster.address("shop/db", family), body);
        cluster.lab.send("alpha", None, &[packet.encode()]).unwrap();
        capture.wait_for(data.as_bytes()).unwrap();
    }
}

#[test]
fn dec_3_host_rules_bind_the_node_and_its_pods_both_ways_beside_pod_policy() {
    if !can_make_namespaces("dec_3_host_and_pods") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let host = "domain (ip ip6) table filter {
        chain INPUT proto tcp dport 8081 interface 'cali+' DROP;
        chain OUTPUT proto tcp dport 8081 outerface 'cali+' DROP;
    }";
    let node_a = "{ipBlock: {cidr: 192.168.0.11/32}}, {ipBlock: {cidr: '2001:db8:0:1::11/128'}}";
    let ports = "[{port: 8080}, {port: 8081}]";
    let policies = deny_all("shop", "Ingress, Egress")
        + &policy("shop/web", "Egress", &format!("[{{to: [{node_a}], ports: {ports}}}]"));
    cluster.enforce_on("node-a", &Rules { policies: &policies, host, ..Rules::default() });
    cluster.assert_tables(
        "both",
        // Policy and host allow; policy allows and the host does not; the host allows and policy does not.
        "8080/TCP node-a shop/web\nshop/web open -\nshop/db drop drop\nops/agent open drop\nkubelet-a - open\n\n\
         8081/TCP node-a shop/web\nshop/web drop -\nops/agent drop drop\nkubelet-a - drop\nnode-b open drop\n\n\
         22/TCP node-a\nshop/web drop\nops/agent open\n",
    );
}

#[test]
fn sem_94_a_dns_cache_on_the_node_whose_packets_are_not_tracked_is_judged_in_input() {
    if !can_make_namespaces("sem_94_node_local_dns") {
        return;
    }
    let mut cluster = Cluster::new(NODES, &PORTS);
    let node = cluster.namespace("node-a");
    // This kernel has no dummy interfaces; a bridge without ports bears an address as well.
    node.ip(&format!(
        "link add nodelocaldns type bridge\nlink set nodelocaldns up\naddr add {}/32 dev nodelocaldns\n\
         addr add {}/128 dev nodelocaldns nodad\n",
        CACHE[0], CACHE[1]
    ))
    .unwrap();
    node.nft(&format!(
        "table inet nodelocaldns {{
            chain pre {{ type filter hook prerouting priority -300;
                ip daddr {0} notrack; ip6 daddr {1} notrack; }}
            chain out {{ type filter hook output priority -300;
                ip saddr {0} notrack; ip6 saddr {1} notrack; ip daddr {0} notrack; ip6 daddr {1} notrack; }}
            counter untracked {{ }}
            chain in {{ type filter hook input priority 200; udp dport 53 ct state untracked counter name untracked; }}
        }}",
        CACHE[0], CACHE[1]
    ))
    .unwrap();
    cluster
        .lab
        .listen_also("node-a", &CACHE.map(|address| address.parse().unwrap()), &[Service::Udp(53), Service::Tcp(53)])
        .unwrap();
    let tables = |cells: &str| {
        format!(
            "53/UDP {0} {1}\nshop/web {cells}\nops/agent open open\nkubelet-a open open\n\n53/TCP {0} {1}\nshop/web {cells}\nops/agent open open\n",
            CACHE[0], CACHE[1]
        )
    };

    let isolated = deny_all("shop", "Ingress, Egress");
    cluster.enforce(&Rules { policies: &isolated, ..Rules::default() });
    cluster.assert_tables("deny-all", &tables("drop drop"));

    let always = baseline(&format!(
        "always: [{{name: cache, to: [{}/32, '{}/128'], ports: [53/UDP, 53/TCP]}}]",
        CACHE[0], CACHE[1]
    ));
    cluster.enforce(&Rules { policies: &isolated, baseline: &always, ..Rules::default() });
    cluster.assert_tables("the baseline names the cache", &tables("open open"));
    cluster.assert_tables(
        "and nothing else",
        &format!("8080/UDP node-a\nshop/web drop\n\n8080/TCP {}\nshop/web drop\n", CACHE[0]),
    );
    assert!(counted(cluster.namespace("node-a"), "nodelocaldns", "untracked") > 0);
}
