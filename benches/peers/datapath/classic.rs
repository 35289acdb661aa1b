//! The classic layout of the same policies: a chain for each pod and direction, found by comparing addresses one after
//! the other, that jumps to a chain for each policy, which matches ipsets and marks what it permits.
//!
//! It is the one of kube-router, without what it could do without: no chain for bridged frames, no set of the pods that
//! a policy binds (the pod's chain says so), replies accepted once, no logging. So it is what this layout costs at least.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::cluster::{self, Cluster, Peer, Policy, Subjects};
use super::rules::{Load, SERVER};

/// Which iptables.
#[derive(Clone, Copy, Debug)]
pub(super) enum Backend {
    /// `iptables-legacy-restore`.
    Legacy,
    /// `iptables-nft-restore`.
    Nft,
}

/// A policy has matched; both ends are content.
const PERMITTED: &str = "0x10000/0x10000";
const DECIDED: &str = "0x20000/0x20000";

/// The sets and the chains.
pub(super) fn load(cluster: &Cluster, backend: Backend) -> Load {
    let program = match backend {
        Backend::Legacy => "iptables-legacy-restore",
        Backend::Nft => "iptables-nft-restore",
    };
    let policies: Vec<Policy> = cluster.policies().collect();
    Load::Programs(vec![("ipset", &["restore"], sets(&policies)), (program, &[], chains(cluster, &policies))])
}

fn sets(policies: &[Policy]) -> String {
    let mut text = String::new();
    let peers: BTreeSet<_> = policies.iter().map(|policy| policy.peer).collect();
    for peer in peers {
        let name = set_name(peer);
        let members: Vec<_> = match peer {
            Peer::Team(team) => cluster::team_addresses(team).collect(),
            Peer::Clients => cluster::client_addresses().collect(),
            Peer::Block(address) => {
                let [a, b, c, _] = address.octets();
                write!(
                    text,
                    "create {name} hash:net family inet\nadd {name} {address}/24\nadd {name} {a}.{b}.{c}.248/29 nomatch\n"
                )
                .unwrap();
                continue;
            }
        };
        writeln!(text, "create {name} hash:ip family inet").unwrap();
        for address in members {
            writeln!(text, "add {name} {address}").unwrap();
        }
    }
    text
}

fn set_name(peer: Peer) -> String {
    match peer {
        Peer::Team(team) => format!("SRC-team-{team}"),
        Peer::Clients => "SRC-clients".to_owned(),
        Peer::Block(address) => format!("SRC-{address}"),
    }
}

fn chains(cluster: &Cluster, policies: &[Policy]) -> String {
    let mut declared = String::new();
    let mut dispatch = String::new();
    let mut rules = String::new();
    for policy in policies {
        writeln!(declared, ":NWPLCY-{} - [0:0]", policy.index).unwrap();
        push_policy(&mut rules, policy);
    }
    for is_egress in [false, true] {
        let (side, letter) = if is_egress { ("EG", 's') } else { ("IN", 'd') };
        for pod in 0..cluster::LOCAL_PODS {
            let address = cluster::local_address(pod);
            // Ten thousand jumps for each of 250 pods load nowhere; only the server's chain is ever entered.
            let is_whole = cluster.subjects == Subjects::Spread || address == SERVER;
            let binds = |policy: &&Policy| policy.is_egress == is_egress && policy.pod.is_none_or(|one| one == pod);
            let binding: Vec<&Policy> = policies.iter().filter(binds).collect();
            if binding.is_empty() {
                continue;
            }
            writeln!(declared, ":POD-FW-{side}-{pod} - [0:0]").unwrap();
            writeln!(dispatch, "-A ROUTER-FORWARD -{letter} {address}/32 -j POD-FW-{side}-{pod}").unwrap();
            for policy in binding.iter().filter(|_| is_whole) {
                writeln!(rules, "-A POD-FW-{side}-{pod} -j NWPLCY-{}", policy.index).unwrap();
            }
            write!(
                rules,
                "-A POD-FW-{side}-{pod} -m mark ! --mark {PERMITTED} -j DROP\n\
                 -A POD-FW-{side}-{pod} -j MARK --set-xmark 0x0/0x10000\n\
                 -A POD-FW-{side}-{pod} -j MARK --set-xmark {DECIDED}\n"
            )
            .unwrap();
        }
    }
    format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ROUTER-FORWARD - [0:0]\n{declared}\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j ROUTER-FORWARD\n{dispatch}\
         -A ROUTER-FORWARD -m mark --mark {DECIDED} -j ACCEPT\n{rules}COMMIT\n"
    )
}

fn push_policy(rules: &mut String, policy: &Policy) {
    let set = set_name(policy.peer);
    let side = if policy.is_egress { "dst" } else { "src" };
    let (first, last) = policy.ports;
    let ports = if first == last { first.to_string() } else { format!("{first}:{last}") };
    for protocol in ["udp", "tcp"] {
        writeln!(
            rules,
            "-A NWPLCY-{} -p {protocol} -m {protocol} --dport {ports} -m set --match-set {set} {side} \
             -j MARK --set-xmark {PERMITTED}",
            policy.index
        )
        .unwrap();
    }
}
