//! What operators load into Prometheus and Grafana: the alerts, their pages, the dashboard.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

mod alerts;
mod dashboard;
mod promql;
pub(crate) mod promtool;

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every name that queries may use: what docs/reference/metrics.md lists for the agent, the series of its histograms, and
/// what Prometheus itself says of whom it scrapes.
pub(crate) fn documented() -> BTreeSet<String> {
    let page = read("docs/reference/metrics.md");
    let (_, of_agent) = page.split_once("\n## Of the agent").unwrap();
    let mut names = BTreeSet::from(["up".to_owned()]);
    for line in of_agent.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (name, rest) = line.split_once("` | ").unwrap();
        if rest.starts_with("histogram") {
            names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
        names.insert(name.to_owned());
    }
    assert!(names.len() > 30, "metrics.md lists {names:?}");
    names
}

/// Fails unless a query uses documented metrics only, and some.
#[track_caller]
fn uses_documented_metrics(query: &str) {
    let used = promql::metrics(query);
    assert!(!used.is_empty(), "no metric in {query}");
    let known = documented();
    let unknown: Vec<&String> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?} in {query} are not in docs/reference/metrics.md");
}

/// Has promtool check queries as if they were rules; nothing is checked where it is missing.
fn are_understood(what: &str, queries: &[String]) {
    let Some(mut promtool) = promtool::command(what) else { return };
    let mut rules = String::new();
    for (index, query) in queries.iter().enumerate() {
        let query = serde_json::to_string(query).unwrap();
        writeln!(rules, "  - record: q{index}\n    expr: {query}").unwrap();
    }
    let file = std::env::temp_dir().join(format!("palisade-queries-{}-{}.yaml", std::process::id(), queries.len()));
    fs::write(&file, format!("groups:\n- name: queries\n  rules:\n{rules}")).unwrap();
    let output = promtool.args(["check", "rules"]).arg(&file).stdin(Stdio::null()).output().unwrap();
    fs::remove_file(&file).unwrap();
    let said = promtool::said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("{} rules found", queries.len())), "{said}");
}
