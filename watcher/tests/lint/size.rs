//! Time: of a large repository, and of what a tenant could write to make it long.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use engine::lint::environment::Environment;
use watcher::lint::load_texts;

/// How many times as long four times as much may take: near 4 where the work grows with the text, 16 where it grows with
/// its square.
const RATIO: f64 = 10.0;

#[test]
fn workloads_and_policies_cost_no_more_the_more_there_are() {
    grows_with_its_text("workloads, a policy each", 250, cluster);
}

#[test]
fn many_policies_of_one_namespace_that_say_nearly_the_same_cost_no_more_the_more_there_are() {
    grows_with_its_text("policies of one namespace with 20 rules each", 100, |n| {
        let mut text = pod("shop", "web", 0);
        for index in 0..n {
            write!(
                text,
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{index}, namespace: \
                 shop}}\nspec:\n  podSelector: {{}}\n  policyTypes: [Ingress, Egress]\n  ingress:\n"
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
        text
    });
}

#[test]
fn peers_and_ports_of_one_policy_cost_no_more_the_more_there_are() {
    grows_with_its_text("peers and as many ports of one policy", 1_000, |n| {
        let mut text = String::from(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  \
             podSelector: {}\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n",
        );
        for index in 0..n {
            writeln!(text, "    - ipBlock: {{cidr: 10.{}.{}.0/24}}", index / 256, index % 256).unwrap();
        }
        text.push_str("    ports:\n");
        for index in 0..n {
            writeln!(text, "    - port: {}", index + 1).unwrap();
        }
        text
    });
}

/// Compares `n` of something with four times as many, in turns; the best of three of each is what the machine disturbed
/// least.
#[track_caller]
fn grows_with_its_text(what: &str, n: usize, text: impl Fn(usize) -> String) {
    let texts = [text(n), text(4 * n)];
    let mut best = [Duration::MAX; 2];
    for _ in 0..3 {
        for (best, text) in best.iter_mut().zip(&texts) {
            *best = (*best).min(lint(text));
        }
    }
    let [small, large] = best.map(|took| took.as_secs_f64());
    eprintln!("{n} and {} {what}: {:.1} times as long", 4 * n, large / small);
    assert!(large < small * RATIO, "{what}: {large:.3} s for {}, {small:.3} s for {n}", 4 * n);
}

fn lint(text: &str) -> Duration {
    let start = Instant::now();
    let loaded = load_texts(&[("a.yaml".to_owned(), text.to_owned())]);
    drop(loaded.lint(&Environment::default()));
    start.elapsed()
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
