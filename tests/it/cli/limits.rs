//! What a tenant can write, as text and through the whole program: bounded rules and elements, a finding where it is too
//! much, and nothing of it in what other namespaces get.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Ran, palisade_reads};

/// Two namespaces with a pod each; `good` has a policy of its own.
const WORLD: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: evil}
---
apiVersion: v1
kind: Namespace
metadata: {name: good}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: evil}
spec: {nodeName: n, containers: [{ports: [{name: web, containerPort: 80}]}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: good}
spec: {nodeName: n}
status: {podIP: 10.0.0.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: good}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {}}]
    ports: [{port: 80}]
  - from: [{ipBlock: {cidr: 11.0.0.0/16, except: [11.0.2.0/24]}}]
";

/// Just below 2 MB, the largest object that is meant to be enforced as written.
const OBJECT: usize = 1_999_000;

/// What becomes of the pod of `evil`.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fate {
    /// Its policies are enforced.
    AsWritten,
    /// It is closed, because they ask for too much.
    OverBudget,
}

/// A policy of `evil` with this `spec`.
fn policy(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: evil}}\nspec: {spec}\n"
    )
}

/// A policy that isolates `evil` and permits these rules, written in flow style.
fn permits(rules: &str) -> String {
    policy("p", &format!("{{podSelector: {{}}, ingress: [{rules}]}}"))
}

/// As many items as fit into an object of [`OBJECT`] bytes.
fn fill(item: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let items = (0..).map(item);
    for item in items {
        if text.len() + item.len() > OBJECT {
            break;
        }
        text.push_str(&item);
    }
    text
}

fn compile(text: &str, more: &[&str]) -> Ran {
    palisade_reads(&[&["compile", "--manifests", "-", "--node", "n", "--format", "json"], more].concat(), text)
}

/// Named chains or sets of the only table.
fn objects(ruleset: &Value, kind: &str) -> BTreeMap<String, Value> {
    let objects = ruleset["tables"][0][kind].as_array().unwrap().iter();
    objects.map(|object| (object["name"].as_str().unwrap().to_owned(), object.clone())).collect()
}

/// What the policy of `good` became: its chains, and the sets that they use.
fn part_of_good(ruleset: &Value) -> Vec<Value> {
    let chains = objects(ruleset, "chains").into_iter().filter(|(name, _)| name.contains("_good_"));
    let chains: Vec<Value> = chains.map(|(_, chain)| chain).collect();
    let text = format!("{chains:?}");
    let sets = objects(ruleset, "sets").into_iter().filter(|(name, _)| text.contains(name));
    let sets: Vec<Value> = sets.map(|(_, set)| set).collect();
    assert!(!chains.is_empty() && !sets.is_empty());
    [chains, sets].concat()
}

fn check_bounds(ruleset: &Value) {
    let chains = objects(ruleset, "chains");
    let sets = objects(ruleset, "sets");
    let longest = chains.values().map(|chain| chain["rules"].as_array().unwrap().len()).max();
    let n_elements: usize = sets.values().map(|set| set["elements"].as_array().unwrap().len()).sum();
    assert!(chains.len() < 30 && longest < Some(80), "{} chains, {longest:?} rules in one of them", chains.len());
    assert!(sets.len() < 100 && n_elements < 300_000, "{} sets, {n_elements} elements", sets.len());
    let alone = compile(&format!("{WORLD}{}", permits("")), &[]).exits(0);
    assert_eq!(part_of_good(ruleset), part_of_good(&serde_json::from_str(&alone.stdout).unwrap()));
}

/// Compiles what `evil` writes.
fn check(written: &str, fate: Fate) {
    let ran = compile(&format!("{WORLD}{written}"), &[]).exits(0);
    let ruleset = serde_json::from_str(&ran.stdout).unwrap();
    check_bounds(&ruleset);
    let is_over = fate == Fate::OverBudget;
    let finding = "warning[PAL031]: the ingress policies of namespace evil take more than ";
    assert_eq!(ran.stderr.contains(finding), is_over, "{}", ran.stderr);
    assert_eq!(ran.stderr.contains("--> <stdin>:"), is_over, "{}", ran.stderr);
    let closed = objects(&ruleset, "counters").keys().any(|name| name.starts_with("pl_deny_budget_in"));
    assert_eq!(closed, is_over);
}

fn block(n: usize, n_except: usize) -> String {
    let (a, b) = (11 + n / 256, n % 256);
    let hole = |n: usize| format!("{a}.{b}.{}.0/24,", 2 * n);
    let except: String = (0..n_except).map(hole).collect();
    format!("{{ipBlock: {{cidr: {a}.{b}.0.0/16, except: [{except}]}}}},")
}

#[test]
fn ten_thousand_blocks_with_excepts() {
    let blocks: String = (0..10_000).map(|n| block(n, 6)).collect();
    check(&permits(&format!("{{from: [{blocks}]}}")), Fate::AsWritten);
    check(&permits(&format!("{{from: [{blocks}], ports: [{{port: 80}}, {{port: 90}}]}}")), Fate::OverBudget);
}

#[test]
fn named_ports_of_anybody() {
    check(&permits(&format!("{{ports: [{}]}}", fill(|n| format!("{{port: a{n}}},")))), Fate::OverBudget);
}

#[test]
fn every_single_port() {
    let one = |port: u16| format!("{{port: {port}}},");
    let ports: String = (1..=u16::MAX).map(one).collect();
    check(&permits(&format!("{{ports: [{ports}]}}")), Fate::AsWritten);
}

#[test]
fn five_thousand_policies_on_one_pod() {
    let one = |n: usize| {
        let rule = format!("{{from: [{}], ports: [{{port: {}}}]}}", block(n, 1), n + 1);
        policy(&format!("p{n}"), &format!("{{podSelector: {{}}, ingress: [{rule}]}}"))
    };
    check(&(0..5_000).map(one).collect::<String>(), Fate::AsWritten);
}

#[test]
fn five_thousand_policies_with_overlapping_ports_on_one_pod() {
    let one = |n: usize| {
        let rule = format!("{{from: [{}], ports: [{{port: {}, endPort: {}}}]}}", block(n, 0), n + 1, n + 50_000);
        policy(&format!("p{n}"), &format!("{{podSelector: {{}}, ingress: [{rule}]}}"))
    };
    check(&(0..5_000).map(one).collect::<String>(), Fate::OverBudget);
}

#[test]
fn objects_of_two_megabytes_that_are_enforced() {
    let peers = |items: String| permits(&format!("{{from: [{items}]}}"));
    let address = |n: usize| format!("{{ipBlock: {{cidr: 12.{}.{}.{}/32}}}},", n >> 16, n >> 8 & 255, n & 255);
    check(&peers(fill(|n| address(2 * n))), Fate::AsWritten);
    check(&peers(fill(|n| format!("{{podSelector: {{matchLabels: {{a: v{n}}}}}}},"))), Fate::AsWritten);
    let values = fill(|n| format!("v{n},"));
    let expression = format!("{{key: a, operator: NotIn, values: [{values}]}}");
    check(&peers(format!("{{podSelector: {{matchExpressions: [{expression}]}}}}")), Fate::AsWritten);
    check(
        &permits(&format!("{{ports: [{}]}}", fill(|n| format!("{{port: {}}},", 1 + 2 * n % 65_535)))),
        Fate::AsWritten,
    );
}

#[test]
fn objects_of_two_megabytes_that_ask_for_too_much() {
    let holes = fill(|n| format!("{}.{}.{}.0/25,", 11 + (n >> 16), n >> 8 & 255, n & 255));
    check(&permits(&format!("{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [{holes}]}}}}]}}")), Fate::OverBudget);
    check(&permits(&fill(|_| "{},".to_owned())), Fate::OverBudget);
}

#[test]
fn selectors_that_match_everything() {
    check(&permits(&format!("{{from: [{}]}}", fill(|_| "{podSelector: {}},".to_owned()))), Fate::AsWritten);
    let each = |n: usize| format!("{{from: [{{namespaceSelector: {{}}}}], ports: [{{port: {}}}]}},", 1 + n % 65_535);
    check(&permits(&fill(each)), Fate::AsWritten);
    let anything = fill(|n| format!("{{key: a{n}, operator: DoesNotExist}},"));
    check(&policy("p", &format!("{{podSelector: {{matchExpressions: [{anything}]}}}}")), Fate::AsWritten);
}

#[test]
fn an_object_that_no_server_takes_closes_the_pods_that_it_selects() {
    let ports = fill(|n| format!("{{port: {}}},", 1 + n % 65_535));
    let large = permits(&format!("{{ports: [{ports}]}}, {{ports: [{ports}]}}"));
    let text = format!("{WORLD}{large}");
    let place = format!("--> <stdin>:{}:7", WORLD.lines().count() + 3);
    let refused = compile(&text, &[]).exits(2);
    assert!(refused.stderr.contains("error[PAL025]: this object has "), "{}", refused.stderr);
    assert!(refused.stderr.contains(&place), "{}", refused.stderr);
    assert_eq!(refused.stdout, "");
    let ran = compile(&text, &["--keep-going"]).exits(1);
    assert!(ran.stderr.contains("(NetworkPolicy evil/p)"), "{}", ran.stderr);
    let ruleset: Value = serde_json::from_str(&ran.stdout).unwrap();
    check_bounds(&ruleset);
    let chains = objects(&ruleset, "chains");
    let of_evil = chains.iter().find(|(name, _)| name.contains("_evil_")).unwrap().1;
    let sound = compile(&format!("{WORLD}{}", permits("")), &[]).exits(0);
    let closed = objects(&serde_json::from_str(&sound.stdout).unwrap(), "chains");
    let closed = closed.iter().find(|(name, _)| name.contains("_evil_")).unwrap().1;
    assert_eq!(of_evil["rules"].as_array().unwrap().len(), closed["rules"].as_array().unwrap().len());
    assert!(!of_evil["rules"].to_string().contains("80"), "{of_evil}");
}
