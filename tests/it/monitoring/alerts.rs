//! The alerts: Prometheus understands them, they fire when they should, and each has its page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::promtool;
use super::{path, read, uses_documented_metrics};

/// The rules.
const RULES: &str = "deploy/chart/files/alerts.yaml";
/// Their tests.
const TESTS: &str = "deploy/alerts/tests.yaml";
/// Where the pages are; the links in the alerts end so.
const PAGES: &str = "docs/runbooks";

/// An alert as the file has it: each field by its key, `expr` in one line.
type Alert = BTreeMap<String, String>;

/// The alerts of the file, read by its lines: promtool says how many there are.
fn alerts() -> BTreeMap<String, Alert> {
    let text = read(RULES);
    let mut alerts = BTreeMap::new();
    for block in text.split("\n      - alert: ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let mut alert = Alert::new();
        let mut last = None;
        for line in rest.lines() {
            let indent = line.len() - line.trim_start().len();
            match line.trim_start().split_once(':') {
                Some((key, value))
                    if indent == 8 || indent == 10 && key.chars().all(|c| c.is_ascii_lowercase() || c == '_') =>
                {
                    alert.insert(
                        key.to_owned(),
                        value.trim_start_matches([' ', '|', '>', '-']).trim_matches('"').to_owned(),
                    );
                    last = Some(key.to_owned());
                }
                Some(_) | None => {
                    let value = alert.get_mut(last.as_ref().unwrap()).unwrap();
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(line.trim());
                }
            }
        }
        alerts.insert(name.to_owned(), alert);
    }
    alerts
}

#[test]
fn they_fire_when_they_should_and_keep_quiet_when_they_should_not() {
    let Some(mut promtool) = promtool::command("alerts") else { return };
    let checked = promtool.args(["check", "rules"]).arg(path(RULES)).output().unwrap();
    let said = promtool::said(&checked);
    assert!(checked.status.success(), "{said}");
    assert!(said.contains(&format!("{} rules found", alerts().len())), "{said}");
    let Some(mut promtool) = promtool::command("alerts") else { return };
    let tested = promtool.args(["test", "rules"]).arg(path(TESTS)).output().unwrap();
    assert!(tested.status.success(), "{}", promtool::said(&tested));
}

#[test]
fn each_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let text = read(TESTS);
    let tests: BTreeMap<&str, &str> =
        text.split("\n  - name: ").skip(1).map(|test| test.split_once('\n').unwrap()).collect();
    for name in alerts().keys() {
        for (how, fires) in [("fires", true), ("keeps quiet", false)] {
            let test = tests.get(format!("{name} {how}").as_str()).unwrap_or_else(|| panic!("no test: {name} {how}"));
            let asked = format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}");
            assert!(test.contains(&asked), "{name} {how} does not ask for {asked}");
            assert_eq!(test.contains(&format!("labels: '{{alertname=\"{name}\", ")), fires, "{name} {how}");
        }
    }
}

#[test]
fn each_asks_for_metrics_that_there_are() {
    for alert in alerts().values() {
        uses_documented_metrics(&alert["expr"]);
    }
}

#[test]
fn each_says_what_it_means_and_has_its_page() {
    let mut pages = BTreeSet::from(["README.md".to_owned()]);
    let contents = read("docs/runbooks/README.md");
    for (name, alert) in alerts() {
        assert!(["critical", "warning", "info"].contains(&alert["severity"].as_str()), "{name}");
        assert!(alert["summary"].len() > 20 && alert["description"].len() > 40, "{name}");
        let (site, page) = alert["runbook_url"].split_once(PAGES).unwrap();
        assert_eq!(site, "https://palisade.dev/", "{name}");
        let page = page.trim_start_matches('/');
        let text = read(&format!("{PAGES}/{page}"));
        assert_eq!(text.lines().next(), Some(format!("# {name}").as_str()), "{page}");
        for heading in ["What is at stake", "How to look", "What to do", "How to silence it"] {
            assert!(text.contains(&format!("\n## {heading}\n")), "{page} does not say: {heading}");
        }
        assert!(contents.contains(&format!("[{name}]({page})")), "the list of pages lacks {name}");
        assert!(pages.insert(page.to_owned()), "{page} is of two alerts");
    }
    let found = fs::read_dir(path(PAGES)).unwrap();
    let found: BTreeSet<String> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, pages, "a page without an alert, or two of one");
}

#[test]
fn what_the_pages_tell_people_to_run_and_to_ask_for_is_there() {
    let known = super::documented();
    let help = read("docs/reference/cli.md");
    for entry in fs::read_dir(path(PAGES)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = read(&format!("{PAGES}/{name}"));
        // Every second piece stands between backquotes.
        for code in text.split('`').skip(1).step_by(2) {
            let is_metric = code.starts_with("palisade_") || code.starts_with("process_");
            for metric in super::promql::metrics(code).into_iter().filter(|_| is_metric) {
                assert!(known.contains(&metric), "{name}: there is no metric {metric}");
            }
            if let Some(rest) = code.strip_prefix("palisade ") {
                let command = rest.split_whitespace().next().unwrap();
                assert!(help.contains(&format!("\n### palisade {command}\n")), "{name}: there is no command {command}");
            }
            if code.starts_with("--") {
                let flag = code.split([' ', '=']).next().unwrap();
                assert!(help.contains(flag), "{name}: there is no flag {flag}");
            }
        }
    }
}
