//! Case files: a cluster, steps that change it, and truth tables between them.
//!
//! ```text
//! # What the case is about.
//! == lab                                       # a laboratory of its own, beside the pods and nodes of the manifests
//! outside far 203.0.113.10
//! == apply                                     # creates or updates, each document by its kind and name
//! apiVersion: networking.k8s.io/v1
//! ...
//! == expect
//! 80/TCP,81/TCP  x/a   10.96.0.9
//! x/b            open  drop
//! == label Pod x/b role=client pod-
//! == delete NetworkPolicy x/p
//! == expect the same
//! ```
//!
//! More headings: `pods` applies pods, one a line (see `pods.rs`); `forget Namespace` takes a namespace from what the
//! compiler knows; `baseline` and `host NODE` set the sources beside the manifests, and `options WORD...` how nodes are
//! configured; `nft NAME` and `ip NAME` are carried out in somebody's network namespace before the next change; `open`
//! then holds connections open, `FROM TO SERVICE` a line, which tables of `live:SERVICE` are about; `expect without
//! oracle: REASON` leaves one opinion out and says so.

use std::fmt;
use std::time::Duration;

use engine::compile::options::{Denial, Established, Mode, OwnNode, Pause, Paused, PodOptions, Quarantine};
use watcher::lab::Matrix;

use super::flows::Wanted;
use super::pods;

/// A case as it is written.
#[derive(Debug)]
pub(crate) struct Script {
    /// The text of `== lab`; none for the laboratory of the group.
    pub(crate) lab: Option<String>,
    pub(crate) steps: Vec<Step>,
}

/// One step, with the heading that failures name.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) heading: String,
    pub(crate) action: Action,
}

#[derive(Debug)]
pub(crate) enum Action {
    Apply(String),
    Delete { object: Object },
    Label { object: Object, changes: Vec<String> },
    Forget { namespace: String },
    Baseline(String),
    Options(PodOptions),
    Host { node: String, rules: String },
    Open(Vec<Wanted>),
    Run { place: String, tool: Tool, lines: String },
    Expect(Expectation),
}

/// What one step expects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expectation {
    pub(crate) tables: Vec<Matrix>,
    /// About the connections that the case holds open.
    pub(crate) live: Vec<Matrix>,
    /// An opinion that is not asked, and why.
    pub(crate) without: Option<(Opinion, String)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opinion {
    Oracle,
    Simulator,
    Kernel,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tool {
    Nft,
    Ip,
}

/// An object's kind and its name, `NAMESPACE/NAME` where it has a namespace.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Script {
    /// Reads a case; panics on what it cannot read, with the heading.
    pub(crate) fn parse(text: &str) -> Self {
        let mut script = Self { lab: None, steps: Vec::new() };
        let mut last = Expectation::default();
        for section in format!("\n{text}").split("\n== ").skip(1) {
            let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
            let words: Vec<_> = heading.split('#').next().unwrap_or_default().split_whitespace().collect();
            if words == ["lab"] {
                script.lab = Some(body.to_owned());
                continue;
            }
            let action = action(&words, body, &last);
            if let Action::Expect(expectation) = &action {
                last.clone_from(expectation);
            }
            script.steps.push(Step { heading: heading.trim().to_owned(), action });
        }
        assert!(script.steps.iter().any(|step| matches!(step.action, Action::Expect(_))), "nothing is expected");
        script
    }

    /// Every table of the case.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Matrix> {
        self.steps.iter().flat_map(|step| match &step.action {
            Action::Expect(expectation) => expectation.tables.as_slice(),
            Action::Apply(_)
            | Action::Delete { .. }
            | Action::Label { .. }
            | Action::Forget { .. }
            | Action::Baseline(_)
            | Action::Options(_)
            | Action::Host { .. }
            | Action::Open(_)
            | Action::Run { .. } => &[],
        })
    }
}

fn action(words: &[&str], body: &str, last: &Expectation) -> Action {
    let object = |kind: &str, name: &str| Object { kind: kind.to_owned(), name: name.to_owned() };
    let run = |place: &str, tool| Action::Run { place: place.to_owned(), tool, lines: body.to_owned() };
    match words {
        ["apply"] => Action::Apply(body.to_owned()),
        ["pods"] => Action::Apply(pods::manifests(body)),
        ["delete", kind, name] => Action::Delete { object: object(kind, name) },
        ["label", kind, name, changes @ ..] => {
            Action::Label { object: object(kind, name), changes: changes.iter().map(ToString::to_string).collect() }
        }
        ["forget", namespace] => Action::Forget { namespace: (*namespace).to_owned() },
        ["options", words @ ..] => Action::Options(options(words)),
        ["baseline"] => Action::Baseline(body.to_owned()),
        ["host", node] => Action::Host { node: (*node).to_owned(), rules: body.to_owned() },
        ["open"] => Action::Open(body.lines().filter_map(wanted).collect()),
        ["nft", place] => run(place, Tool::Nft),
        ["ip", place] => run(place, Tool::Ip),
        ["expect"] => Action::Expect(expectation(body)),
        ["expect", "the", "same"] => {
            assert!(body.split('\n').all(|line| line.trim_start().starts_with('#') || line.trim().is_empty()));
            Action::Expect(last.clone())
        }
        ["expect", "without", opinion, reason @ ..] if !reason.is_empty() => {
            let without = Some((Opinion::parse(opinion), reason.join(" ")));
            Action::Expect(Expectation { without, ..expectation(body) })
        }
        unknown => panic!("`== {}` is no step", unknown.join(" ")),
    }
}

/// How nodes are configured: `range=CIDR` and `prefix=NAME` say which addresses are local pods', `observe=NAMESPACE` and
/// `pause=NAMESPACE` whose denials are only observed.
fn options(words: &[&str]) -> PodOptions {
    let mut options = PodOptions::default();
    for word in words {
        match word.split_once('=') {
            Some(("range", cidr)) => options.local.ranges.push(cidr.parse().unwrap()),
            Some(("prefix", prefix)) => options.local.interface_prefix = Some(prefix.to_owned()),
            Some(("quarantine", "count")) => options.quarantine = Quarantine::Count,
            Some(("own-node", "open")) => options.own_node = OwnNode::Open,
            Some(("established", "keep")) => options.established = Established::Keep,
            Some(("denial", "reject")) => options.denial = Denial::Reject,
            Some(("mode", "observe")) => options.observe.mode = Mode::Observe,
            Some(("observe", namespace)) => drop(options.observe.namespaces.names.insert(namespace.into())),
            Some(("pause", whom)) => options.observe.pauses.push(pause(whom)),
            Some(_) | None => panic!("`{word}` is no option of a node"),
        }
    }
    options
}

/// One that is not over before the case is; `node`, or a namespace.
fn pause(whom: &str) -> Pause {
    let whom = if whom == "node" { Paused::Node } else { Paused::Namespace(whom.into()) };
    Pause { whom, lasts: Duration::from_secs(3_600), number: 1 }
}

/// `FROM TO SERVICE`: a connection to be held open.
fn wanted(line: &str) -> Option<Wanted> {
    let words: Vec<_> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
    match words.as_slice() {
        [] => None,
        [from, to, service] => {
            Some(Wanted { from: (*from).to_owned(), to: (*to).to_owned(), service: service.parse().unwrap() })
        }
        _ => panic!("`{line}` is not FROM TO SERVICE"),
    }
}

/// Reads tables; one with several services, separated by commas, stands for one table of each, and one of `live:SERVICE`
/// is about connections that are held open.
fn expectation(text: &str) -> Expectation {
    let mut expectation = Expectation::default();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let lines: Vec<_> = block.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let Some(header) = lines.iter().find(|line| !line.trim().is_empty()) else { continue };
        let services = header.split_whitespace().next().unwrap_or_default();
        for service in services.split(',') {
            let single = lines.join("\n").replacen(services, service, 1);
            let (to, single) = match single.split_once("live:") {
                Some((before, after)) => (&mut expectation.live, format!("{before}{after}")),
                None => (&mut expectation.tables, single),
            };
            to.extend(Matrix::parse_all(&single).unwrap_or_else(|error| panic!("{error} in\n{block}")));
        }
    }
    assert!(!expectation.tables.is_empty(), "`== expect` without a table");
    expectation
}

impl Opinion {
    fn parse(word: &str) -> Self {
        let all = [Self::Oracle, Self::Simulator, Self::Kernel];
        let named = all.into_iter().find(|opinion| word.trim_end_matches(':') == opinion.to_string());
        named.unwrap_or_else(|| panic!("`{word}` is no opinion"))
    }
}

impl fmt::Display for Opinion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oracle => "oracle",
            Self::Simulator => "simulator",
            Self::Kernel => "kernel",
        })
    }
}

#[test]
fn a_case_is_read_step_by_step() {
    let text = "# About.\n== lab\noutside o 203.0.113.9\n== apply\nkind: X\n== expect\n80/TCP,53/UDP  a  b\nc  open  -\n\
                \necho  a\nb  drop\n== label Pod x/a k=v old-\n== expect the same\n== delete Pod x/a # gone\n";
    let script = Script::parse(text);
    assert_eq!(script.lab.as_deref(), Some("outside o 203.0.113.9"));
    assert_eq!(script.steps.len(), 5);
    assert_eq!(script.tables().count(), 6);
    let services: Vec<_> = script.tables().map(|table| table.service.to_string()).take(3).collect();
    assert_eq!(services, ["80/TCP", "53/UDP", "echo"]);
    assert_eq!(script.steps[4].heading, "delete Pod x/a # gone");
}
