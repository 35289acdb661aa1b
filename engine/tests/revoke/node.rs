//! A node, its rulesets, and flows in memory.

use std::net::IpAddr;

use engine::compile::failsafe;
use engine::compile::host::Names;
use engine::compile::options::{PodOptions, REVOKED_BIT};
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::eval::ruleset::{Host, Interface, Route};
use engine::inventory::Inventory;
use engine::kernel::conntrack::{Fake, Key, Tuple};
use engine::revoke::{Affected, Judge, Outcome, enforce};
use engine::ruleset::Ruleset;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::MemoryFiles;
use policy_lang::manifest::{self, Object};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;

/// `web`, `db` and `job` on the node, `far` on another.
pub(crate) const PODS: [(&str, &str, [&str; 2]); 4] = [
    ("web", "n", ["10.0.0.1", "fd00::1"]),
    ("db", "n", ["10.0.0.2", "fd00::2"]),
    ("job", "n", ["10.0.0.3", "fd00::3"]),
    ("far", "m", ["10.0.1.1", "fd00:1::1"]),
];

/// What is compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) pods: String,
    pub(crate) policies: String,
    pub(crate) host: &'static str,
    pub(crate) options: PodOptions,
    pub(crate) mode: ForwardMode,
}

/// The standard pods with these policies.
pub(crate) fn with(policies: &str) -> Node {
    let pods = PODS.iter().map(|(name, node, addresses)| pod(name, name, node, *addresses)).collect();
    Node { pods, policies: policies.to_owned(), ..Node::default() }
}

pub(crate) fn pod(name: &str, app: &str, node: &str, [v4, v6]: [&str; 2]) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x, labels: {{app: {app}}}}}\n\
         spec: {{nodeName: {node}}}\nstatus: {{phase: Running, podIPs: [{{ip: {v4}}}, {{ip: '{v6}'}}]}}\n"
    )
}

/// A NetworkPolicy for one app; `fields` is the rest of its spec.
pub(crate) fn policy(name: &str, app: &str, fields: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: x}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, {fields}}}\n"
    )
}

/// `db` admits these apps at TCP port 80.
pub(crate) fn db_admits(apps: &[&str]) -> String {
    let from = |app: &&str| format!("{{podSelector: {{matchLabels: {{app: {app}}}}}}}");
    let from = apps.iter().map(from).collect::<Vec<_>>().join(", ");
    let rules = if apps.is_empty() { "[]".to_owned() } else { format!("[{{from: [{from}], ports: [{{port: 80}}]}}]") };
    policy("db", "db", &format!("policyTypes: [Ingress], ingress: {rules}"))
}

impl Node {
    pub(crate) fn compile(&self) -> (Ruleset, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let text = format!("{}{}", self.pods, self.policies);
        let (objects, mut findings) = manifest::load("objects.yaml", &text, &mut sources);
        assert_eq!(findings, []);
        let policies = objects.iter().filter_map(|object| {
            let Object::NetworkPolicy(policy) = object else { return None };
            Some(network_policy::decode(policy, &sources, Strictness::Lenient).0)
        });
        let policies: Vec<_> = policies.collect();
        let (inventory, _) = Inventory::from_objects(&objects);
        let names = Names::built_in();
        let files = MemoryFiles::default().with("host.ferm", self.host);
        let (rules, found) = policy_lang::host::parse("host.ferm", &files, &[], &mut sources);
        findings.extend(found);
        let host = (!self.host.is_empty()).then_some(HostInput {
            rules: &rules,
            names: &names,
            sources: &sources,
            failsafes: &failsafe::NONE,
        });
        let (ruleset, found) = compile(&Input {
            policies: &policies,
            host,
            inventory: &inventory,
            node: "n",
            forward_mode: self.mode,
            pods: &self.options,
            sources: &[],
        });
        findings.extend(found);
        (ruleset, findings)
    }

    pub(crate) fn ruleset(&self) -> Ruleset {
        self.compile().0
    }
}

/// The node: its own address, and pods behind `cali` interfaces.
pub(crate) fn host() -> Host {
    let route = |to: &str, interface: &str| Route { to: to.parse().unwrap(), interface: interface.into() };
    let addresses = ["192.168.0.1", "fd01::1"].map(|address| address.parse().unwrap()).into();
    let mut routes = vec![route("0.0.0.0/0", "eth0"), route("::/0", "eth0")];
    // Two more than the API knows of.
    for (number, (v4, v6)) in
        (1..=5).map(|number| (number, (format!("10.0.0.{number}/32"), format!("fd00::{number}/128"))))
    {
        routes.extend([route(&v4, &format!("cali{number}")), route(&v6, &format!("cali{number}"))]);
    }
    Host { interfaces: vec![Interface { name: "eth0".into(), addresses, broadcast: Vec::new() }], routes }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The two tuples of a flow, `PROTOCOL CLIENT SERVER:PORT`, or `… VIP:PORT->SERVER:PORT`; every flow has a client port
/// of its own.
pub(crate) fn flow(client_port: u16, text: &str) -> (Tuple, Tuple) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [protocol, client, to] = words.as_slice() else { panic!("{text}") };
    let protocol = match *protocol {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        "icmp" => 1,
        "gre" => 47,
        other => panic!("{other}"),
    };
    let end = |text: &str| {
        let (address, port) = text.rsplit_once(':').unwrap();
        (ip(address.trim_matches(['[', ']'])), port.parse::<u16>().unwrap())
    };
    let (to, at) = to.split_once("->").map_or_else(|| (end(to), end(to)), |(to, at)| (end(to), end(at)));
    let client = ip(client);
    let key = |source, destination| match protocol {
        1 => Key::Icmp { id: client_port, icmp_type: if source == client_port { 8 } else { 0 }, code: 0 },
        47 => Key::None,
        _ => Key::Ports { source, destination },
    };
    (
        Tuple { source: client, destination: to.0, protocol, key: key(client_port, to.1) },
        Tuple { source: at.0, destination: client, protocol, key: key(at.1, client_port) },
    )
}

/// Flows, all begun before anything was judged; returns which of them are cut.
pub(crate) fn cut(ruleset: &Ruleset, flows: &[&str]) -> Vec<bool> {
    let mut fake = Fake::default();
    let ids: Vec<u32> = (40_000..)
        .zip(flows)
        .map(|(port, text)| {
            let (original, reply) = flow(port, text);
            fake.begin(original, reply)
        })
        .collect();
    enforce_all(&mut fake, ruleset);
    ids.into_iter().map(|id| fake.mark_of(id) == Some(REVOKED_BIT)).collect()
}

/// Judges every flow there is.
pub(crate) fn enforce_all(fake: &mut Fake, ruleset: &Ruleset) -> Outcome {
    let host = host();
    let everyone = Affected::of([(ip("0.0.0.0"), ip("255.255.255.255")), (ip("::"), ip("ffff::"))]);
    enforce(fake, &mut Judge::new(ruleset, &host, REVOKED_BIT), &everyone).unwrap()
}
