//! What the test kernel cannot do is simulated, and says so.

use engine::compile::options::{Ipvs, PodOptions};
use engine::compile::{ForwardMode, Input, compile};
use engine::eval::ruleset::{self as simulator, Host, Interface, Layer, Outcome, Packet, Transport};
use engine::inventory::Inventory;
use engine::ruleset::{Hook, Ruleset};
use policy_lang::manifest::{self, Object};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;

use crate::privilege::report;

/// `x/s` on `n` answers `x/c` alone, on 80; `x/c` sends to `x/s` alone.
const MANIFESTS: &str = "
apiVersion: v1
kind: Node
metadata: {name: n}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}, {type: InternalIP, address: '2001:db8:0:1::11'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: s, namespace: x, labels: {app: s}}
spec: {nodeName: n, containers: [{name: c}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.1}, {ip: '2001:db8:1::1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: x, labels: {app: c}}
spec: {nodeName: n, containers: [{name: c}]}
status: {phase: Running, podIPs: [{ip: 10.0.1.2}, {ip: '2001:db8:1::2'}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: s, namespace: x}
spec:
  podSelector: {matchLabels: {app: s}}
  ingress: [{from: [{podSelector: {matchLabels: {app: c}}}], ports: [{port: 80}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: c, namespace: x}
spec:
  podSelector: {matchLabels: {app: c}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: s}}}]}]
";

#[test]
fn sem_92_what_ipvs_sends_on_is_judged_in_output() {
    report("left out: sem-92: IPVS in the kernel: it has none; what IPVS sends on is simulated at the output hook");
    let present = compiled(Ipvs::Present);
    let absent = compiled(Ipvs::Absent);
    // From, to, port, and whether it passes where IPVS sends it on.
    let packets = [
        ("10.0.1.2", "10.0.1.1", 80, true),
        ("10.0.1.2", "10.0.1.1", 81, false),
        ("203.0.113.9", "10.0.1.1", 80, false),
        ("10.0.1.2", "203.0.113.9", 80, false),
        ("203.0.113.9", "10.0.1.2", 80, true),
        ("2001:db8:1::2", "2001:db8:1::1", 80, true),
        ("2001:db8:ffff::9", "2001:db8:1::1", 80, false),
        // The node's own still pass (sem-83).
        ("192.168.0.11", "10.0.1.1", 81, true),
        ("2001:db8:0:1::11", "2001:db8:1::1", 81, true),
    ];
    for (from, to, port, passes) in packets {
        let packet = Packet::new(from.parse().unwrap(), to.parse().unwrap(), Transport::syn(40_000, port));
        let outcome = |ruleset| simulator::hook(ruleset, &host(), Layer::Network, Hook::Output, packet.clone()).outcome;
        assert_eq!(outcome(&present) == Outcome::Accept, passes, "{from} -> {to}:{port}");
        assert_eq!(outcome(&absent), Outcome::Accept, "{from} -> {to}:{port} without IPVS is the node's own");
    }
}

fn compiled(ipvs: Ipvs) -> Ruleset {
    let mut sources = Sources::default();
    let (objects, findings) = manifest::load("manifests", MANIFESTS, &mut sources);
    assert_eq!(findings, []);
    let (inventory, _) = Inventory::from_objects(&objects);
    let mut policies = Vec::new();
    for object in &objects {
        if let Object::NetworkPolicy(policy) = object {
            policies.push(network_policy::decode(policy, &sources, Strictness::Strict).0);
        }
    }
    assert_eq!(policies.len(), 2);
    let input = Input {
        policies: &policies,
        host: None,
        inventory: &inventory,
        node: "n",
        forward_mode: ForwardMode::PodsFirst,
        pods: &PodOptions { ipvs, ..PodOptions::default() },
        sources: &[],
    };
    compile(&input).0
}

fn host() -> Host {
    let addresses = ["192.168.0.11", "2001:db8:0:1::11"].map(|address| address.parse().unwrap()).to_vec();
    Host { interfaces: vec![Interface { name: "eth0".into(), addresses, broadcast: Vec::new() }], routes: Vec::new() }
}
