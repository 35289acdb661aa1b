//! Pods of a case, one a line, as the manifests that they stand for.
//!
//! ```text
//! x/s    node-a  10.0.1.7,2001:db8:1::7  {app: s}  http=8080/TCP
//! x/job  node-a  10.0.1.8                phase=Succeeded
//! ```
//!
//! A name, a node, addresses (`-` for none), then in any order: labels, named ports (each in a container of its own;
//! after `init:` or `sidecar:` in an ordinary or a restartable init container), `phase=PHASE`, `terminating` and
//! `host-network`.

use std::fmt::Write as _;

/// The manifests of every line.
pub(crate) fn manifests(lines: &str) -> String {
    let lines = lines.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(manifest).collect::<Vec<_>>().join("---\n")
}

fn manifest(line: &str) -> String {
    let (labels, words) = match line.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (labels, after))) => (labels, format!("{before} {after}")),
        None => ("", line.to_owned()),
    };
    let mut words = words.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("a pod has a name, a node and addresses: {line}"));
    let (namespace, name) = word().split_once('/').unwrap_or_else(|| panic!("no namespace: {line}"));
    let node = word();
    let addresses = word().split(',').filter(|address| *address != "-");
    let addresses: Vec<_> = addresses.map(|address| format!("{{ip: \"{address}\"}}")).collect();
    let (mut phase, mut of_metadata, mut of_spec) = ("Running", "", "");
    let mut containers = "  containers:\n  - {name: main}\n".to_owned();
    let mut init = String::new();
    for (number, word) in words.enumerate() {
        match (word, word.split_once(':'), word.strip_prefix("phase=")) {
            ("terminating", ..) => of_metadata = ", deletionTimestamp: \"2026-01-01T00:00:00Z\"",
            ("host-network", ..) => of_spec = "  hostNetwork: true\n",
            (_, _, Some(found)) => phase = found,
            (_, Some((kind, port)), _) => {
                let restarts = if kind == "sidecar" { ", restartPolicy: Always" } else { "" };
                assert!(["init", "sidecar"].contains(&kind), "{kind}: {line}");
                writeln!(init, "  - {{name: c{number}{restarts}, ports: [{}]}}", named_port(port)).unwrap();
            }
            (port, None, None) => {
                writeln!(containers, "  - {{name: c{number}, ports: [{}]}}", named_port(port)).unwrap();
            }
        }
    }
    let init = if init.is_empty() { String::new() } else { format!("  initContainers:\n{init}") };
    format!(
        "apiVersion: v1\nkind: Pod\n\
         metadata: {{name: {name}, namespace: \"{namespace}\", labels: {{{labels}}}{of_metadata}}}\n\
         spec:\n  nodeName: {node}\n{of_spec}{containers}{init}\
         status: {{phase: {phase}, podIPs: [{}]}}\n",
        addresses.join(", ")
    )
}

/// `NAME=PORT/PROTOCOL`.
fn named_port(text: &str) -> String {
    let port = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once('/')?)));
    let Some((name, (number, protocol))) = port else { panic!("`{text}` is no NAME=PORT/PROTOCOL") };
    format!("{{name: {name}, containerPort: {number}, protocol: {protocol}}}")
}

#[test]
fn a_line_is_a_manifest() {
    let text =
        manifests("# two\nx/s node-a 10.0.1.7,2001:db8::7 {app: s} http=80/UDP sidecar:a=1/TCP\nx/j n - phase=Failed");
    let (objects, findings) = policy_lang::manifest::load("pods", &text, &mut policy_lang::source::Sources::default());
    assert_eq!(findings, []);
    let [policy_lang::manifest::Object::Pod(first), policy_lang::manifest::Object::Pod(second)] = objects.as_slice()
    else {
        panic!("{objects:#?}")
    };
    assert_eq!((first.addresses.len(), first.ports.len(), first.metadata.labels.len()), (2, 2, 1));
    assert_eq!((second.addresses.len(), second.phase), (0, policy_lang::manifest::Phase::Failed));
}
