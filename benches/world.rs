//! Synthetic worlds of a chosen size, the same on every run: manifests and host rules as their users would write them.

use std::fmt::Write as _;

/// Pods that the node `node-0` runs at most, as many as the kubelet allows by default and then some.
const LOCAL_PODS: usize = 200;

/// Namespaces, pods and NetworkPolicies as one multi-document YAML text.
///
/// Ten policies and ten pods to a namespace; the first pods run on `node-0`. Every policy is one of four kinds that
/// real clusters have: peers by label, a whole namespace, blocks with exceptions, egress with ports.
pub(crate) fn manifests(n_policies: usize) -> String {
    let mut text = String::new();
    for namespace in 0..n_policies.div_ceil(10) {
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: ns-{namespace}, labels: {{team: t{}}}}}",
            namespace % 7
        );
    }
    for pod in 0..n_policies {
        let node = if pod < LOCAL_PODS { 0 } else { 1 + pod % 50 };
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{pod}, namespace: ns-{}, labels: {{app: a{}, tier: t{}}}}}\n\
             spec: {{nodeName: node-{node}, containers: [{{name: c, ports: [{{name: http, containerPort: 8080}}]}}]}}\n\
             status: {{phase: Running, podIPs: [{{ip: 10.{}.{}.{}}}, {{ip: \"2001:db8:244::{:x}\"}}]}}",
            pod / 10,
            pod % 10,
            pod % 3,
            64 + pod / 65_536,
            pod / 256 % 256,
            pod % 256,
            pod + 1,
        );
    }
    for policy in 0..n_policies {
        let _ = writeln!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: np-{policy}, namespace: ns-{}}}\n\
             spec:\n  podSelector: {{matchLabels: {{app: a{}}}}}\n{}",
            policy / 10,
            policy % 10,
            body(policy),
        );
    }
    text
}

fn body(policy: usize) -> String {
    match policy % 4 {
        0 => format!(
            "  ingress:\n  - from: [{{podSelector: {{matchLabels: {{app: a{}}}}}}}]\n    ports: [{{port: 8080}}, {{port: 9090, endPort: 9099}}]",
            policy % 9,
        ),
        1 => format!(
            "  ingress:\n  - from: [{{namespaceSelector: {{matchLabels: {{team: t{}}}}}}}]\n    ports: [{{port: http}}]",
            policy % 7,
        ),
        2 => format!(
            "  ingress:\n  - from: [{{ipBlock: {{cidr: 172.{}.0.0/16, except: [172.{}.{}.0/24]}}}}, {{podSelector: {{}}}}]",
            policy % 256,
            policy % 256,
            policy / 4 % 256,
        ),
        _ => format!(
            "  policyTypes: [Egress]\n  egress:\n  - to: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{tier: t{}}}}}}}]\n    ports: [{{port: 53, protocol: UDP}}]\n  - to: [{{ipBlock: {{cidr: 198.51.{}.0/24}}}}]",
            policy % 3,
            policy % 256,
        ),
    }
}

/// A ferm configuration of `n_rules` distinct accepts below a policy of drop.
pub(crate) fn host_rules(n_rules: usize) -> String {
    let mut text = String::from(
        "domain ip table filter chain INPUT {\n    policy DROP;\n    mod state state (ESTABLISHED RELATED) ACCEPT;\n    interface lo ACCEPT;\n",
    );
    for rule in 0..n_rules {
        let _ = writeln!(
            text,
            "    saddr 10.{}.{}.{} proto tcp dport {} ACCEPT;",
            rule / 65_536 % 256,
            rule / 256 % 256,
            rule % 256,
            1 + rule * 7 % 65_000,
        );
    }
    text.push_str("}\n");
    text
}

/// Host rules of which no two have the same shape beside each other, so that nothing folds into a set.
pub(crate) fn odd_host_rules(n_rules: usize) -> String {
    let mut text = String::from("domain ip table filter chain INPUT {\n    policy DROP;\n");
    for rule in 0..n_rules {
        let address = format!("10.{}.{}.{}", rule / 65_536 % 256, rule / 256 % 256, rule % 256);
        let port = 1 + rule * 7 % 65_000;
        let _ = match rule % 2 {
            0 => writeln!(text, "    saddr {address} proto tcp dport {port} ACCEPT;"),
            _ => writeln!(text, "    daddr {address} proto udp sport {port} DROP;"),
        };
    }
    text.push_str("}\n");
    text
}
