//! Host rules in `chain PRE_DNAT`: NodePorts, externalIPs and VIPs as the sender wrote them.

use watcher::lab::Layout;

use super::enforce::{Rules, policy};
use super::services::cluster;
use crate::privilege::can_make_namespaces;

const RULES: &str = "
domain ip table filter chain PRE_DNAT {
    mod state state (ESTABLISHED RELATED) ACCEPT;
    proto tcp dport 30012 saddr ! 203.0.113.10 DROP;
    daddr 198.51.100.12 saddr 203.0.113.20 DROP;
    daddr 10.96.0.12 proto tcp dport 80 saddr 10.244.1.13 DROP;
}
domain ip6 table filter chain PRE_DNAT {
    mod state state (ESTABLISHED RELATED) ACCEPT;
    proto tcp dport 30012 saddr ! 2001:db8:ffff::10 DROP;
    daddr 2001:db8:51::12 saddr 2001:db8:ffff::20 DROP;
    daddr 2001:db8:96::12 proto tcp dport 80 saddr 2001:db8:244:1::13 DROP;
}
";

#[test]
fn dec_3_host_rules_before_dnat_see_node_ports_external_ips_and_vips() {
    if !can_make_namespaces("dec_3_pre_dnat") {
        return;
    }
    for layout in [Layout::Nftables, Layout::IptablesLegacy] {
        let cluster = cluster(layout);
        cluster.enforce_on("node-a", &Rules { host: RULES, ..Rules::default() });
        cluster.assert_tables(
            &format!("{layout:?}"),
            "30012/TCP  node-a
             alpha      open
             beta       drop
             shop/web   drop
             kubelet-a  open

             80/TCP     198.51.100.12  2001:db8:51::12
             alpha      open           open
             beta       drop           drop

             80/TCP     10.96.0.12  2001:db8:96::12
             shop/web   open        open
             ops/agent  drop        drop
             kubelet-a  open        open

             8080/TCP   shop/db
             ops/agent  open
             beta       open

             30013/TCP  node-a
             beta       open\n",
        );
    }
}

#[test]
fn dec_3_a_policy_drop_before_dnat_lets_replies_and_what_is_named_pass() {
    if !can_make_namespaces("dec_3_pre_dnat_policy") {
        return;
    }
    let host = "
        domain (ip ip6) table filter chain PRE_DNAT {
            policy DROP;
            mod state state (ESTABLISHED RELATED) ACCEPT;
            proto (icmp ipv6-icmp) ACCEPT;
            interface eth0 proto tcp dport 30012 ACCEPT;
            interface 'cali+' ACCEPT;
            interface lo ACCEPT;
        }
    ";
    let cluster = cluster(Layout::IptablesNft);
    // Pod policy is asked as well, and for the same connection by the backend's address.
    let from = "[{from: [{ipBlock: {cidr: 203.0.113.10/32}}, {ipBlock: {cidr: '2001:db8:ffff::10/128'}}]}]";
    let policies = policy("shop/db", "Ingress", from);
    cluster.enforce_on("node-a", &Rules { host, policies: &policies, ..Rules::default() });
    cluster.assert_tables(
        "policy DROP",
        "30012/TCP  node-a
         alpha      open
         beta       drop

         30013/TCP  node-a
         alpha      drop

         8080/TCP   shop/db  shop/web  shop/api  alpha
         alpha      drop     drop      open      -
         shop/web   drop     -         open      open
         kubelet-a  open     open      open      open\n",
    );
}
