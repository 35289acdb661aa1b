//! Time: of a large repository, and of what a tenant could write to make it long.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use engine::lint::environment::Environment;
use watcher::lint::load_texts;

/// What a debug build may take; a release build is to take a second for the first of them (docs/ci).
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_thousand_workloads_and_policies_take_little_time() {
    let (took, n_findings) = lint(&cluster(1000));
    println!("1,000 workloads and 1,000 policies: {took:?}, {n_findings} findings");
    assert!(took < LIMIT, "{took:?}");
}

#[test]
fn many_policies_of_one_namespace_that_say_nearly_the_same_take_little_time() {
    let mut text = pod("shop", "web", 0);
    for index in 0..1000 {
        write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{index}, namespace: shop}}\nspec:\n  \
             podSelector: {{}}\n  policyTypes: [Ingress, Egress]\n  ingress:\n"
        )
        .unwrap();
        for rule in 0..20 {
            writeln!(
                text,
                "  - {{from: [{{podSelector: {{matchLabels: {{a: b{index}}}}}}}], ports: [{{port: {}}}]}}",
                rule + 1
            )
            .unwrap();
        }
    }
    let (took, n_findings) = lint(&text);
    println!("1,000 policies of one namespace with 20 rules each: {took:?}, {n_findings} findings");
    assert!(took < LIMIT, "{took:?}");
}

#[test]
fn one_policy_with_thousands_of_peers_and_ports_takes_little_time() {
    let mut text = String::from(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  \
         podSelector: {}\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n",
    );
    for index in 0..10_000 {
        writeln!(text, "    - ipBlock: {{cidr: 10.{}.{}.0/24}}", index / 256, index % 256).unwrap();
    }
    text.push_str("    ports:\n");
    for index in 0..10_000 {
        writeln!(text, "    - port: {}", index + 1).unwrap();
    }
    let (took, n_findings) = lint(&text);
    println!("one policy with 10,000 peers and ports: {took:?}, {n_findings} findings");
    assert!(took < LIMIT, "{took:?}");
}

fn lint(text: &str) -> (Duration, usize) {
    let start = Instant::now();
    let loaded = load_texts(&[("a.yaml".to_owned(), text.to_owned())]);
    let findings = loaded.lint(&Environment::default());
    (start.elapsed(), findings.len())
}

/// Fifty workloads to a namespace, each with a policy for ingress from two others and for egress with DNS.
fn cluster(n: usize) -> String {
    let mut text = String::new();
    for index in 0..n {
        let namespace = format!("team-{}", index / 50);
        let (from, to) = ((index + 1) % n, (index + 7) % n);
        text.push_str(&pod(&namespace, &format!("app-{index}"), index));
        write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: app-{index}, namespace: {namespace}}}\n\
             spec:\n  podSelector: {{matchLabels: {{app: app-{index}}}}}\n  policyTypes: [Ingress, Egress]\n  ingress:\n  \
             - from:\n    - podSelector: {{matchLabels: {{app: app-{from}}}}}\n    - namespaceSelector: \
             {{matchLabels: {{kubernetes.io/metadata.name: team-{}}}}}\n      podSelector: {{matchLabels: {{app: app-{to}}}}}\n    \
             ports: [{{port: 8080}}, {{port: metrics}}]\n  egress:\n  - to: [{{namespaceSelector: {{}}, podSelector: \
             {{matchLabels: {{k8s-app: kube-dns}}}}}}]\n    ports: [{{port: 53, protocol: UDP}}, {{port: 53}}]\n  - to: \
             [{{podSelector: {{matchLabels: {{app: app-{to}}}}}}}]\n    ports: [{{port: 8080}}]\n",
            to / 50
        )
        .unwrap();
    }
    text
}

fn pod(namespace: &str, app: &str, index: usize) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}, namespace: {namespace}}}\nspec:\n  template:\n    \
         metadata: {{labels: {{app: {app}, tier: t{}}}}}\n    spec: {{containers: [{{name: main, ports: [{{name: http, \
         containerPort: 8080}}, {{name: metrics, containerPort: 9090}}]}}]}}\n",
        index % 5
    )
}
