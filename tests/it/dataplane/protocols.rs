//! Protocols without ports, SCTP, and fragments.

use watcher::lab::{Body, Capture, Crafted};

use super::enforce::{Cluster, Family, Rules, deny_all, policy};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

const GRE: u8 = 47;
const ESP: u8 = 50;
/// An experimental number, RFC 3692.
const EXPERIMENT: u8 = 253;

/// `shop/web` is open to `ops/agent` by a rule without ports, `shop/db` by one with ports of each protocol that has some.
fn policies() -> String {
    let from_agent = "from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]";
    deny_all("shop", "Ingress")
        + &policy("shop/web", "Ingress", &format!("[{{{from_agent}}}]"))
        + &policy(
            "shop/db",
            "Ingress",
            &format!(
                "[{{{from_agent}, ports: [{{protocol: TCP}}, {{protocol: UDP, port: 8080}}, {{protocol: SCTP}}]}}]"
            ),
        )
}

#[test]
fn sem_66_a_rule_without_ports_admits_any_protocol_and_one_with_ports_none_without() {
    if !can_make_namespaces("sem_66_any_protocol") {
        return;
    }
    let cluster = Cluster::new(NODES, &["8080/UDP"]);
    cluster.enforce(&Rules { policies: &policies(), ..Rules::default() });
    for (pod, arrives) in [("shop/web", true), ("shop/db", false)] {
        let mut capture = Capture::open(cluster.namespace(pod)).unwrap();
        for family in Family::BOTH {
            let packet =
                |from: &str, body| Crafted::new(cluster.address(from, family), cluster.address(pod, family), body);
            for protocol in [GRE, ESP, EXPERIMENT] {
                let data = |from: &str| {
                    // GRE's version 0 without flags and with IPv4 in it; to the others it is just data.
                    [&[0, 0, 8, 0], format!("{protocol} from {from} by {family:?}").as_bytes()].concat()
                };
                for from in ["alpha", "ops/agent"] {
                    let crafted = packet(from, Body::Other(protocol, data(from)));
                    cluster.lab.send(from, None, &[crafted.encode()]).unwrap();
                }
                let last = format!("udp after {protocol} by {family:?}");
                let crafted = packet("ops/agent", Body::Udp(7000, 8080, last.clone().into()));
                cluster.lab.send("ops/agent", None, &[crafted.encode()]).unwrap();
                capture.wait_for(last.as_bytes()).unwrap();
                assert_eq!(capture.has(&data("ops/agent")).unwrap(), arrives, "{pod} {protocol} {family:?}");
                assert!(!capture.has(&data("alpha")).unwrap(), "{pod} {protocol} {family:?}");
            }
        }
    }
}

#[test]
fn sem_70_an_sctp_init_and_its_answer_pass_and_no_others() {
    if !can_make_namespaces("sem_70_sctp") {
        return;
    }
    let cluster = Cluster::new(NODES, &["3868/SCTP", "3869/SCTP", "3868/TCP"]);
    let policies = deny_all("shop", "Ingress, Egress")
        + &policy("shop/db", "Ingress", "[{ports: [{protocol: SCTP, port: 3868}]}]")
        + &policy("shop/web", "Egress", "[{ports: [{protocol: SCTP, port: 3868}]}]");
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    // The INIT ACK passes the other way although both ends are isolated in it (calico#2570).
    cluster.assert_tables(
        "SCTP",
        "3868/SCTP shop/db shop/web alpha\nshop/web open - open\nalpha open drop -\nops/agent open drop open\n\n\
         3869/SCTP shop/db shop/web\nshop/web drop -\nalpha drop drop\n\n3868/TCP shop/db\nshop/web drop\nalpha drop\n",
    );
}

/// Before fragments are put together (-400): only so do later ones come by themselves.
const NO_TRACKING: &str = "
table inet untracked {
    chain pre { type filter hook prerouting priority -450; udp sport 7000 notrack; ip frag-off & 0x1fff != 0 notrack;
        exthdr frag exists notrack; }
}
";

#[test]
fn sem_69_fragments_are_judged_whole_and_untracked_later_ones_by_rules_without_ports() {
    if !can_make_namespaces("sem_69_fragments") {
        return;
    }
    let cluster = Cluster::new(NODES, &["8080/UDP"]);
    cluster.enforce(&Rules { policies: &policies(), ..Rules::default() });
    let mut identification = 100;
    let mut send = |pod: &str, from: &str, family: Family, data: &str| {
        identification += 1;
        // The first fragment ends with the first half, so that each has a word of its own.
        let body = Body::Udp(7000, 8080, format!("{data:-<24}{data:+<24}").into());
        let packet = Crafted::new(cluster.address(from, family), cluster.address(pod, family), body);
        let fragments = packet.encode_in_fragments(32, identification);
        cluster.lab.send(from, None, &fragments).unwrap();
    };
    let halves = |data: &str| [format!("{data:-<24}"), format!("{data:+<24}")];

    // Tracked: conntrack puts them together, and all or nothing passes.
    for pod in ["shop/web", "shop/db"] {
        let mut capture = Capture::open(cluster.namespace(pod)).unwrap();
        for family in Family::BOTH {
            send(pod, "alpha", family, &format!("alpha {family:?}"));
            send(pod, "ops/agent", family, &format!("agent {family:?}"));
            let [first, second] = halves(&format!("agent {family:?}"));
            capture.wait_for(first.as_bytes()).unwrap();
            capture.wait_for(second.as_bytes()).unwrap();
            for half in halves(&format!("alpha {family:?}")) {
                assert!(!capture.has(half.as_bytes()).unwrap(), "{pod} {half}");
            }
        }
    }

    cluster.namespace("node-a").nft(NO_TRACKING).unwrap();
    for (pod, later_pass) in [("shop/web", true), ("shop/db", false)] {
        let mut capture = Capture::open(cluster.namespace(pod)).unwrap();
        for family in Family::BOTH {
            send(pod, "alpha", family, &format!("Alpha {family:?}"));
            send(pod, "ops/agent", family, &format!("Agent {family:?}"));
            send(pod, "ops/agent", family, &format!("Last {family:?}"));
            let [first, later] = halves(&format!("Agent {family:?}"));
            capture.wait_for(halves(&format!("Last {family:?}"))[0].as_bytes()).unwrap();
            assert!(capture.has(first.as_bytes()).unwrap(), "{pod} {family:?}");
            assert_eq!(capture.has(later.as_bytes()).unwrap(), later_pass, "{pod} {family:?}");
            for half in halves(&format!("Alpha {family:?}")) {
                assert!(!capture.has(half.as_bytes()).unwrap(), "{pod} {half}");
            }
        }
    }
}
