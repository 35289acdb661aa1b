//! What `palisade lint`, `map`, `diff` and `explain` cost at 100, 1,000 and 10,000 workloads with as many policies: from the
//! text of the manifests to the text of the result. `lint` and `explain` are run as programs, as is what starts and only says
//! its version.
//!
//! `cargo bench --bench analysis` prints the table; `-- quick` leaves the largest out. Each is measured in a process of
//! its own. Time is the processor's, so that a busy machine changes little.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up stops")]
#![expect(clippy::print_stdout, reason = "figures are what the bench is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use engine::connectivity::{Connectivity, Options, Scene};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use serde_json::json;
use watcher::analysis::Manifests;
use watcher::difference::rules::Rules;
use watcher::difference::{Compared, compare};
use watcher::map::Map;
use watcher::report;

const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// The most time and memory at 1,000 workloads, in milliseconds and MB; ten times that at 10,000.
const GOALS: [(&str, f64, f64); 5] = [
    ("map", 500.0, 200.0),
    ("diff", 1_000.0, 200.0),
    ("lint", 1_000.0, 200.0),
    ("explain", 50.0, 200.0),
    ("start", 10.0, 200.0),
];

#[expect(dead_code, reason = "the other benches need more of it")]
#[path = "world.rs"]
mod world;

#[derive(Debug, Deserialize, Serialize)]
struct Figures {
    /// Of it to read; nothing where it is not known by itself.
    load_ms: Option<f64>,
    total_ms: f64,
    peak_mb: f64,
    lines: usize,
    classes: Option<usize>,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["measure", what, size] => {
            println!("{}", serde_json::to_string(&measured(what, size.parse().unwrap())).unwrap());
        }
        ["quick"] => publish(&SIZES[..2]),
        _ => publish(&SIZES),
    }
}

fn publish(sizes: &[usize]) {
    println!("| command | workloads and policies | read, ms | all, ms | peak, MB | lines of the result | classes |");
    println!("|---|---|---|---|---|---|---|");
    let mut rows = Vec::new();
    let mut missed = Vec::new();
    for (what, most_ms, most_mb) in GOALS {
        // Nothing is read by what only starts.
        let sizes = if what == "start" { &sizes[..1] } else { sizes };
        for size in sizes {
            let arguments = ["measure", what, &size.to_string()];
            let output = Command::new(env::current_exe().unwrap()).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let figures: Figures = serde_json::from_slice(&output.stdout).unwrap();
            let Figures { load_ms, total_ms, peak_mb, lines, classes } = &figures;
            let load_ms = load_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
            let classes = classes.map_or_else(|| "-".to_owned(), |n| n.to_string());
            println!("| {what} | {size} | {load_ms} | {total_ms:.0} | {peak_mb:.0} | {lines} | {classes} |");
            let scale = (*size as f64 / 1_000.0).max(1.0);
            if *total_ms > most_ms * scale || *peak_mb > most_mb * scale {
                missed.push(format!("{what} at {size}"));
            }
            rows.push(json!({"command": what, "size": size, "figures": figures}));
        }
    }
    let closing =
        if missed.is_empty() { "every goal hit".to_owned() } else { format!("missed: {}", missed.join(", ")) };
    println!("\nanalysis: {} figures, {closing}", rows.len());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("analysis.json"),
        format!("{:#}\n", json!({"version": 1, "table": "analysis", "rows": rows})),
    )
    .unwrap();
}

fn measured(what: &str, size: usize) -> Figures {
    match what {
        "lint" => ran(&["lint", "-", "--exit-zero"], &manifests(size, 443)),
        "explain" => {
            ran(&["explain", "ns-0/pod-0", "ns-0/pod-9:8080/TCP", "--manifests", "-"], &world::manifests(size))
        }
        "start" => ran(&["--version"], ""),
        _ => analysed(what, size),
    }
}

/// The released program, which reads this text.
fn ran(arguments: &[&str], input: &str) -> Figures {
    let path = env::temp_dir().join(format!("palisade-analysis-{}.yaml", std::process::id()));
    fs::write(&path, input).unwrap();
    let arguments = arguments.iter().map(|argument| if *argument == "-" { path.to_str().unwrap() } else { *argument });
    let output = Command::new(env!("CARGO_BIN_EXE_palisade")).args(arguments).output().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).lines().count();
    Figures { load_ms: None, total_ms: ms(&usage), peak_mb: usage.max_rss() as f64 / 1024.0, lines, classes: None }
}

fn analysed(what: &str, size: usize) -> Figures {
    let (old, new) = (manifests(size, 443), manifests(size, 8443));
    let before = spent_ms();
    let read = |text: &str| Manifests::read(vec![("m.yaml".into(), Ok(text.to_owned()))]);
    let options = Options::default();
    let first = read(&old);
    let second = (what == "diff").then(|| read(&new));
    let load_ms = spent_ms() - before;
    let mut model = Connectivity::new(scene(&first, &options));
    let mut text = String::new();
    match &second {
        None => report::map::write(&Map::new(&mut model), report::map::Form::Json, &mut text).unwrap(),
        Some(second) => {
            let mut after = Connectivity::new(scene(second, &options));
            let changes = compare(&mut Compared { old: &mut model, new: &mut after });
            report::diff::write(&changes, &Rules::default(), report::diff::Form::Json, &mut text).unwrap();
        }
    }
    let total_ms = spent_ms() - before;
    let peak_mb = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss() as f64 / 1024.0;
    let lines = text.lines().count();
    Figures { load_ms: Some(load_ms), total_ms, peak_mb, lines, classes: Some(model.n_classes()) }
}

fn scene<'a>(manifests: &'a Manifests, options: &'a Options) -> Scene<'a> {
    let Manifests { policies, inventory, workloads, .. } = manifests;
    Scene { policies, inventory, workloads, options }
}

fn spent_ms() -> f64 {
    ms(&getrusage(UsageWho::RUSAGE_SELF).unwrap())
}

/// Processor time, in milliseconds.
fn ms(usage: &Usage) -> f64 {
    let ms = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    ms(usage.user_time()) + ms(usage.system_time())
}

/// Deployments in namespaces of 20, each with a policy of its own: named ports, a range, a block, peers by label. Every
/// hundredth policy opens a port that is given.
fn manifests(size: usize, port: u16) -> String {
    let n_namespaces = (size / 20).max(1);
    let mut text = String::new();
    for number in 0..n_namespaces {
        writeln!(
            text,
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: ns{number}, labels: {{team: t{}}}}}\n---",
            number % 7
        )
        .unwrap();
    }
    for number in 0..size {
        let (namespace, peer) = (number % n_namespaces, (number * 7 + 3) % size);
        let port = if number % 100 == 0 { port } else { 443 };
        writeln!(
            text,
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: app{number}, namespace: ns{namespace}}}
spec:
  template:
    metadata: {{labels: {{app: app{number}, tier: t{tier}}}}}
    spec: {{containers: [{{name: c, ports: [{{name: http, containerPort: {http}}}]}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p{number}, namespace: ns{namespace}}}
spec:
  podSelector: {{matchLabels: {{app: app{number}}}}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ns{of_peer}}}}}
      podSelector: {{matchLabels: {{app: app{peer}}}}}
    - podSelector: {{matchLabels: {{tier: t{next}}}}}
    ports: [{{port: http}}, {{port: {first}, endPort: {last}}}]
  egress:
  - to: [{{namespaceSelector: {{matchLabels: {{team: t{team}}}}}}}]
  - to: [{{ipBlock: {{cidr: 203.0.{block}.0/24}}}}]
    ports: [{{port: {port}}}]
---",
            tier = number % 3,
            next = (number + 1) % 3,
            http = 8_000 + number % 5,
            of_peer = peer % n_namespaces,
            first = 9_000 + number % 11,
            last = 9_010 + number % 11,
            team = number % 7,
            block = number % 250,
        )
        .unwrap();
    }
    text
}
