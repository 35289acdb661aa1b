//! The same permissions in each contestant's own words. The last rules are the ones that match.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use engine::ruleset::Ruleset;

use super::super::pipeline::{Cluster, Host};
use super::super::world;

/// Who sends.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 1, 2);
/// Who receives, and is a pod of the node where pods are asked for.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 2, 2);
/// Where, for UDP and for TCP.
pub(super) const PORT: u16 = 7001;

const SIZES: [usize; 4] = [0, 100, 1_000, 10_000];

/// Rules under a name.
#[derive(Debug)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) load: Load,
    pub(super) is_reference: bool,
    pub(super) is_ours: bool,
}

/// How rules are loaded.
#[derive(Debug)]
pub(super) enum Load {
    Nothing,
    Nft(String),
    /// Programs, their arguments and their input.
    Programs(Vec<(&'static str, &'static [&'static str], String)>),
    Ours(Box<Ruleset>),
}

/// Everything that is compared; the reference is among them.
pub(super) fn contestants() -> Vec<Contestant> {
    let others = |name: &str, load| Contestant { name: name.into(), load, is_reference: false, is_ours: false };
    let mut all = vec![
        Contestant { is_reference: true, ..others("conntrack and one rule", one_rule()) },
        others("no rules, no conntrack", Load::Nothing),
        others("conntrack, accept all", Load::Nft(nft(&["accept".to_owned()]))),
    ];
    for size in SIZES {
        let ours = |name: &str, ruleset| Contestant {
            name: format!("palisade, {size} {name}"),
            load: Load::Ours(Box::new(ruleset)),
            is_reference: false,
            is_ours: true,
        };
        all.push(ours("host rules", Host::read(&ferm(size)).compile()));
        all.push(ours("policies", Cluster::read(&manifests(size)).compile()));
        if size > 0 {
            all.push(ours("rules of one policy", Cluster::read(&one_policy(size)).compile()));
            all.push(others(&format!("nft linear, {size}"), Load::Nft(nft(&linear(size)))));
            all.push(others(&format!("iptables linear, {size}"), iptables(size)));
            all.push(others(&format!("ipset, {size}"), ipset(size)));
        }
    }
    all
}

/// The reference: replies, and one rule on the destination's address.
pub(super) fn one_rule() -> Load {
    Load::Nft(nft(&[format!("ip daddr {SERVER} accept")]))
}

/// Destination, protocol and port of each rule.
fn permissions(size: usize) -> impl Iterator<Item = (Ipv4Addr, &'static str, u16)> {
    let protocol = |rule: usize| if rule.is_multiple_of(2) { "udp" } else { "tcp" };
    (0..size).map(move |rule| {
        let (address, port) = if rule + 2 < size {
            let rule = u32::try_from(rule).unwrap();
            (Ipv4Addr::from_bits(0x0a40_0000 + rule), u16::try_from(1 + rule * 7 % 65_000).unwrap())
        } else {
            (SERVER, PORT)
        };
        (address, protocol(rule), port)
    })
}

fn ferm(size: usize) -> String {
    let policy = if size == 0 { "ACCEPT" } else { "DROP" };
    let mut text = format!(
        "domain ip table filter chain FORWARD {{\n    policy {policy};\n    mod state state (ESTABLISHED RELATED) ACCEPT;\n"
    );
    for (address, protocol, port) in permissions(size) {
        writeln!(text, "    daddr {address} proto {protocol} dport {port} ACCEPT;").unwrap();
    }
    text + "}\n"
}

fn linear(size: usize) -> Vec<String> {
    permissions(size)
        .map(|(address, protocol, port)| format!("ip daddr {address} {protocol} dport {port} accept"))
        .collect()
}

fn nft(rules: &[String]) -> String {
    format!(
        "table inet peer {{ chain forward {{ type filter hook forward priority 0; policy accept;\n\
         ct state established,related accept\n{}\ndrop\n}}; }}\n",
        rules.join("\n")
    )
}

fn iptables(size: usize) -> Load {
    let rules = permissions(size).fold(String::new(), |mut text, (address, protocol, port)| {
        writeln!(text, "-A FORWARD -d {address}/32 -p {protocol} -m {protocol} --dport {port} -j ACCEPT").unwrap();
        text
    });
    Load::Programs(vec![("iptables-legacy-restore", &[], restored(&rules))])
}

fn ipset(size: usize) -> Load {
    let mut sets = "create permitted hash:ip,port family inet\n".to_owned();
    for (address, protocol, port) in permissions(size) {
        writeln!(sets, "add permitted {address},{protocol}:{port}").unwrap();
    }
    let rule = "-A FORWARD -m set --match-set permitted dst,dst -j ACCEPT\n";
    Load::Programs(vec![("ipset", &["restore"], sets), ("iptables-legacy-restore", &[], restored(rule))])
}

fn restored(rules: &str) -> String {
    format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n{rules}COMMIT\n"
    )
}

/// A cluster with so many policies, and the server among its pods with one policy more, for itself.
fn manifests(size: usize) -> String {
    format!("{}{}", world::manifests(size), server(&format!("  ingress:\n  - {}\n", permission("10.9.1.0/24", PORT))))
}

/// The server alone, with a policy of so many rules.
fn one_policy(size: usize) -> String {
    let mut rules = "  ingress:\n".to_owned();
    for rule in 1..size {
        let block = format!("172.{}.{}.0/24", 16 + rule / 256 % 16, rule % 256);
        writeln!(rules, "  - {}", permission(&block, u16::try_from(1 + rule * 7 % 65_000).unwrap())).unwrap();
    }
    writeln!(rules, "  - {}", permission("10.9.1.0/24", PORT)).unwrap();
    server(&rules)
}

fn permission(block: &str, port: u16) -> String {
    format!("{{from: [{{ipBlock: {{cidr: {block}}}}}], ports: [{{port: {port}, protocol: UDP}}, {{port: {port}}}]}}")
}

fn server(rules: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: server}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: server, namespace: server, labels: {{app: server}}}}\n\
         spec: {{nodeName: node-0}}\nstatus: {{phase: Running, podIPs: [{{ip: {SERVER}}}]}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: server, namespace: server}}\n\
         spec:\n  podSelector: {{}}\n{rules}"
    )
}
