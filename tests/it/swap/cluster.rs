//! The cluster of the load as manifests that change from one generation to the next and mean the same.

use std::fmt::Write as _;

use engine::compile::{ForwardMode, Input, compile};
use engine::inventory::Inventory;
use engine::ruleset::Ruleset;
use policy_lang::diagnostic::Severity;
use policy_lang::manifest::{Object, load};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;

use super::load::{ANSWERED, ONE_WAY};

/// Pods of the router with a policy of their own that no packet of the load meets.
const OTHERS: u32 = 12;
/// Pods that bear the label of those who may be reached, and come and go.
pub(super) const PEERS: u32 = 3;

/// What the router enforces in a generation; the bits say which of the peers are there.
///
/// The sender reaches `open` and not `shut`: in even generations by label, in odd ones by address ranges. Every
/// generation has other ports beside, so that each policy's chain is a new one.
pub(super) fn ruleset(generation: u32, peers: u32) -> Ruleset {
    let mut sources = Sources::default();
    let (objects, diagnostics) = load("swap", &manifests(generation, peers), &mut sources);
    assert!(diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error), "{diagnostics:#?}");
    let decoded = objects.iter().filter_map(|object| {
        let Object::NetworkPolicy(policy) = object else { return None };
        Some(network_policy::decode(policy, &sources, Strictness::Strict).0)
    });
    let policies: Vec<_> = decoded.collect();
    let (inventory, _) = Inventory::from_objects(&objects);
    let input = Input {
        policies: &policies,
        host: None,
        inventory: &inventory,
        node: "router",
        forward_mode: ForwardMode::PodsFirst,
        pods: &engine::compile::options::STANDARD,
        sources: &[],
    };
    compile(&input).0
}

fn manifests(generation: u32, peers: u32) -> String {
    let mut text = String::from(
        "apiVersion: v1\nkind: Node\nmetadata: {name: router}\nstatus: {addresses: [{type: InternalIP, address: 192.168.0.11}]}\n\
         ---\napiVersion: v1\nkind: Node\nmetadata: {name: elsewhere}\nstatus: {addresses: [{type: InternalIP, address: 192.168.0.12}]}\n",
    );
    pod(&mut text, "sender", "role: sender", "router", "1", 11);
    pod(&mut text, "open", "role: open", "router", "1", 12);
    pod(&mut text, "shut", "role: shut", "router", "1", 13);
    let flow = format!("{{port: {ONE_WAY}, protocol: UDP}}, {{port: {ANSWERED}, protocol: UDP}}");
    let extra = 10_000 + generation;
    let by_label = "{podSelector: {matchLabels: {role: open}}}";
    let by_range = "{ipBlock: {cidr: 10.244.1.0/24, except: [10.244.1.13/32]}}, \
                    {ipBlock: {cidr: \"2001:db8:244:1::/64\", except: [\"2001:db8:244:1::13/128\"]}}";
    let (flow_to, extra_to) = if generation.is_multiple_of(2) { (by_label, by_range) } else { (by_range, by_label) };
    policy(
        &mut text,
        "sender",
        "role: sender",
        &format!(
            "[Egress]\n  egress:\n  - {{to: [{flow_to}], ports: [{flow}]}}\n  - {{to: [{extra_to}], ports: [{{port: {extra}}}]}}"
        ),
    );
    policy(
        &mut text,
        "open",
        "role: open",
        &format!("[Ingress]\n  ingress: [{{from: [{{podSelector: {{}}}}], ports: [{flow}, {{port: {extra}}}]}}]"),
    );
    for other in 0..OTHERS {
        pod(&mut text, &format!("other-{other}"), &format!("other: o{other}"), "router", "1", 1000 + other);
        let port = 20_000 + (generation + other) % 40_000;
        let rule = format!(
            "[Ingress, Egress]\n  ingress: [{{ports: [{{port: {port}}}]}}]\n  egress: [{{ports: [{{port: {port}}}]}}]"
        );
        policy(&mut text, &format!("other-{other}"), &format!("other: o{other}"), &rule);
    }
    // Last, so that no policy moves to another line: rules say in their comments where they come from.
    for peer in (0..PEERS).filter(|peer| peers & (1 << peer) != 0) {
        pod(&mut text, &format!("peer-{peer}"), "role: open", "elsewhere", "2", 11 + peer);
    }
    text
}

fn pod(text: &mut String, name: &str, label: &str, node: &str, range: &str, host: u32) {
    let (v4_high, v4_low) = (u32::from(range.parse::<u8>().unwrap()) + host / 250, host % 250);
    // The others lie beyond the laboratory's own range.
    let v4 = if host < 250 { format!("10.244.{range}.{host}") } else { format!("10.99.{v4_high}.{v4_low}") };
    writeln!(
        text,
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x, labels: {{{label}}}}}\n\
         spec: {{nodeName: {node}}}\nstatus: {{phase: Running, podIPs: [{{ip: {v4}}}, {{ip: \"2001:db8:244:{range}::{host}\"}}]}}"
    )
    .unwrap();
}

fn policy(text: &mut String, name: &str, selector: &str, types_and_rules: &str) {
    writeln!(
        text,
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: x}}\n\
         spec:\n  podSelector: {{matchLabels: {{{selector}}}}}\n  policyTypes: {types_and_rules}"
    )
    .unwrap();
}
