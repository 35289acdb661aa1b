//! Random small clusters as manifests: workloads with replicas that differ by address, family and port, and policies that
//! match much and miss much.

use std::fmt::Write as _;
use std::net::IpAddr;

use watcher::analysis::Manifests;

/// One address of each piece that the blocks below cut, and one of the other family.
pub(crate) const OUTSIDE: [&str; 4] = ["203.0.113.1", "203.0.113.200", "198.51.100.1", "2001:db8:ffff::1"];
pub(crate) const NODES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const BLOCKS: [&str; 4] = ["0.0.0.0/0", "203.0.113.0/25", "10.0.0.0/30", "::/0"];
/// Whatever policies say of ports, they say it of one of these.
pub(crate) const PORTS: [u16; 4] = [1, 80, 81, 8080];

/// A cluster as its text and as it is read.
pub(crate) struct World {
    pub(crate) text: String,
    pub(crate) manifests: Manifests,
    pub(crate) pods: Vec<Pod>,
}

pub(crate) struct Pod {
    pub(crate) workload: usize,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Workloads by number: `a/w0`, `a/w1`, `b/w2`, `b/w3`; the last is a single pod that nobody owns.
pub(crate) const WORKLOADS: usize = 4;

pub(crate) fn name(workload: usize) -> String {
    format!("{}/w{workload}", if workload < 2 { "a" } else { "b" })
}

impl World {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut text = String::new();
        let mut pods = Vec::new();
        for namespace in ["a", "b"] {
            writeln!(
                text,
                "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{t: {namespace}}}}}"
            )
            .unwrap();
        }
        for (number, address) in NODES.iter().enumerate() {
            writeln!(text, "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{number}}}\nstatus: {{addresses: [{{type: InternalIP, address: {address}}}]}}").unwrap();
        }
        for workload in 0..WORKLOADS {
            let is_single = workload + 1 == WORKLOADS;
            let n_pods = if is_single { 1 } else { 2 + random.below(2) };
            for _ in 0..n_pods {
                let number = pods.len() + 1;
                let (v4, v6) = (format!("10.0.0.{number}"), format!("2001:db8::{number:x}"));
                let addresses = match random.below(5) {
                    0 => vec![v6],
                    1 => vec![v4, v6],
                    _ => vec![v4],
                };
                let port = [80, 81][random.below(2)];
                let owner = if is_single {
                    String::new()
                } else {
                    format!(
                        ", ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: w{workload}, uid: u, controller: true}}]"
                    )
                };
                let shown: Vec<String> = addresses.iter().map(|address| format!("{{ip: \"{address}\"}}")).collect();
                writeln!(
                    text,
                    "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {}, namespace: {}, labels: {{app: w{workload}, half: h{}}}{owner}}}\n\
                     spec: {{nodeName: n0, containers: [{{name: c, ports: [{{name: http, containerPort: {port}}}]}}]}}\n\
                     status: {{phase: Running, podIPs: [{}]}}",
                    if is_single { "w3".to_owned() } else { format!("p{number}") },
                    if workload < 2 { "a" } else { "b" },
                    workload % 2,
                    shown.join(", ")
                )
                .unwrap();
                let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
                pods.push(Pod { workload, addresses });
            }
        }
        for number in 0..=random.below(5) {
            policy(&mut text, number, random);
        }
        let manifests = Manifests::read(vec![("world.yaml".to_owned(), Ok(text.clone()))]);
        assert!(!manifests.has_broken_objects(), "{:#?}\n{text}", manifests.diagnostics);
        assert_eq!(manifests.workloads.entries.len(), WORKLOADS, "{text}");
        Self { text, manifests, pods }
    }
}

fn policy(text: &mut String, number: usize, random: &mut Random) {
    let namespace = ["a", "b"][random.below(2)];
    let subject = match random.below(3) {
        0 => "{}".to_owned(),
        1 => format!("{{matchLabels: {{half: h{}}}}}", random.below(2)),
        _ => format!("{{matchLabels: {{app: w{}}}}}", random.below(WORKLOADS)),
    };
    writeln!(text, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{number}, namespace: {namespace}}}\nspec:\n  podSelector: {subject}").unwrap();
    let directions: &[&str] = [&["Ingress"][..], &["Egress"], &["Ingress", "Egress"]][random.below(3)];
    writeln!(text, "  policyTypes: [{}]", directions.join(", ")).unwrap();
    for direction in directions {
        let (field, peers) = if *direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
        let n_rules = random.below(3);
        if n_rules > 0 {
            writeln!(text, "  {field}:").unwrap();
        }
        for _ in 0..n_rules {
            let peer = match random.below(6) {
                0 => "{podSelector: {}}".to_owned(),
                1 => format!("{{podSelector: {{matchLabels: {{half: h{}}}}}}}", random.below(2)),
                2 => format!("{{namespaceSelector: {{matchLabels: {{t: {}}}}}}}", ["a", "b"][random.below(2)]),
                3 => "{namespaceSelector: {}}".to_owned(),
                _ => format!("{{ipBlock: {{cidr: \"{}\"}}}}", BLOCKS[random.below(BLOCKS.len())]),
            };
            let ports = match random.below(4) {
                0 => "{port: http}",
                1 => "{port: 80}",
                2 => "{port: 80, endPort: 81}",
                _ => "",
            };
            let peers = if random.below(5) == 0 { String::new() } else { format!("{peers}: [{peer}]") };
            let ports = if ports.is_empty() { String::new() } else { format!("ports: [{ports}]") };
            let both = [peers, ports].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            writeln!(text, "  - {{{both}}}").unwrap();
        }
    }
}

/// Numbers that are the same on every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % limit as u64).unwrap()
    }
}
