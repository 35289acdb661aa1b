//! Breaking the glass: denials that are lifted for a while, and carried out again when the time is over.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use watcher::lab::Matrix;

use super::connections::{PATIENCE, SILENCE, Talk};
use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

/// Long enough for a busy machine to see that it is paused.
const PAUSE: &str = "25s";
const PAUSED: Duration = Duration::from_secs(25);

/// What a pause may take until its end is seen.
const END: Duration = Duration::from_secs(90);

const DENIED: &str = "80/TCP  open  shut\nsender  drop  drop\n";
const OPEN: &str = "80/TCP  open  shut\nsender  open  open\n";

/// Both families of the pod that is open.
const OPEN_POD: [&str; 2] = ["10.244.1.12:81", "[2001:db8:244:1::12]:81"];

/// A node on which nobody reaches any pod but those of `y`.
fn node() -> Node {
    let mut node = Node::new();
    node.write("open.yaml", &shuts("open"));
    node.write("shut.yaml", &shuts("shut"));
    node.start_ready(&[]);
    node.becomes(DENIED);
    node
}

/// Runs a command where the agent is; code, standard output and standard error.
fn palisade(node: &Node, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(arguments).stdin(Stdio::null());
    node.at_home(&mut command);
    let output = node.namespace().run(|| command.output()).unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Waits until a pause of that beginning is over as packets see it. Before its time nobody looks: a busy machine drops too.
#[track_caller]
fn ends(node: &Node, begun: Instant) {
    let tables = Matrix::parse_all(DENIED).unwrap();
    thread::sleep(PAUSED.saturating_sub(begun.elapsed()));
    while !node.lab.compare(&tables).unwrap().1.is_empty() {
        assert!(begun.elapsed() < END, "it does not end\n{}", node.log());
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_pause_opens_counts_and_ends_by_itself_and_what_was_opened_is_cut() {
    if !can_make_namespaces("agent pause") {
        return;
    }
    let node = node();
    for (whom, said) in [(["--namespace", "x"].as_slice(), "namespace x"), (&["--node"], "the whole node")] {
        let begun = Instant::now();
        let (code, out, error) = palisade(&node, &[&["pause", "--for", PAUSE], whom].concat());
        assert_eq!((code, out.contains(said)), (0, true), "{out}{error}");
        node.is(OPEN);
        let mut talks = OPEN_POD.map(|address| Talk::open_to(&node, address));
        assert!(talks.iter_mut().all(|talk| talk.flows(PATIENCE)));
        let (code, status, _) = palisade(&node, &["status", "--agent"]);
        assert_eq!((code, status.contains(&format!("paused: {said}, for another "))), (0, true), "{status}");
        let drops = palisade(&node, &["drops"]).1;
        assert!(drops.contains("would be denied, but is only observed:"), "{drops}");
        assert!(drops.contains("open.yaml:3 x/open-shut: isolates ingress"), "{drops}");
        let n_cut = || node.metric("palisade_conntrack_revoked_total");
        let before = n_cut();
        ends(&node, begun);
        node.wait("they are cut", || n_cut() >= before + 2);
        assert!(talks.iter_mut().all(|talk| !talk.flows(SILENCE)), "{}", node.log());
        assert!(node.log().contains("pause-over"), "{}", node.log());
        assert_eq!(node.report().unwrap()["pauses"].as_array().map(Vec::len), Some(0));
    }
    assert!(node.log().contains("palisade (process "), "{}", node.log());
}

#[test]
fn a_pause_ends_in_the_kernel_when_the_agent_is_dead() {
    if !can_make_namespaces("agent pause dead") {
        return;
    }
    let mut node = node();
    let begun = Instant::now();
    let (code, _, error) = palisade(&node, &["pause", "--namespace", "x", "--for", PAUSE]);
    assert_eq!(code, 0, "{error}");
    let mut talks = OPEN_POD.map(|address| Talk::open_to(&node, address));
    node.kill();
    node.is(OPEN);
    ends(&node, begun);
    // Nobody has judged what was opened meanwhile.
    assert!(talks.iter_mut().all(|talk| talk.flows(PATIENCE)));
    node.start_ready(&[]);
    assert!(talks.iter_mut().all(|talk| !talk.flows(SILENCE)), "{}", node.log());
    node.is(DENIED);
}

/// What is loaded is what the sources say, but for the pause; nothing else is told of a pause either.
fn differs_by_nothing_but(node: &Node, pause: Option<&str>) {
    let manifests = node.path("manifests");
    let sources = ["--manifests", manifests.to_str().unwrap(), "--node", "router"];
    let (code, out, error) = palisade(node, &[&["status"], &sources[..]].concat());
    assert_eq!((code, out.lines().next()), (0, Some("in sync")), "{out}{error}");
    assert_eq!(out.lines().find(|line| line.starts_with("paused: ")), pause, "{out}");
    let (code, out, error) = palisade(node, &[&["plan"], &sources[..]].concat());
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(error.contains("note: paused: "), pause.is_some(), "{error}");
    assert!(pause.is_none_or(|pause| error.contains(pause)), "{error}");
}

#[test]
fn a_restart_keeps_a_pause_and_does_not_prolong_it_and_resume_ends_it() {
    if !can_make_namespaces("agent pause restart") {
        return;
    }
    let mut node = node();
    let begun = Instant::now();
    differs_by_nothing_but(&node, None);
    assert_eq!(palisade(&node, &["pause", "--namespace", "x", "--for", "2h"]).0, 0);
    differs_by_nothing_but(&node, Some("paused: pods of namespace x"));
    assert_eq!(palisade(&node, &["resume"]).0, 0);
    assert_eq!(palisade(&node, &["pause", "--node", "--for", "2h"]).0, 0);
    differs_by_nothing_but(&node, Some("paused: the whole node"));
    let left = |node: &Node| node.report().unwrap()["pauses"][0]["secondsLeft"].as_u64().unwrap();
    for _ in 0..3 {
        node.kill();
        node.start_ready(&[]);
        node.is(OPEN);
        let told = left(&node);
        assert!(told <= 7_200 && told + begun.elapsed().as_secs() + 2 >= 7_200, "{told}");
    }
    // Whoever takes the table away does not prolong it either, and is put right.
    let _refused_where_it_has_an_owner = node.namespace().nft("delete table inet palisade");
    let told = left(&node);
    assert!(told <= 7_200 - begun.elapsed().as_secs().saturating_sub(2), "{told}");
    node.becomes(OPEN);
    let (code, out, error) = palisade(&node, &["resume"]);
    assert_eq!((code, out.as_str()), (0, "no longer paused: the whole node\n"), "{error}");
    differs_by_nothing_but(&node, None);
    node.is(DENIED);
    node.kill();
    node.start_ready(&[]);
    node.is(DENIED);
}

#[test]
fn a_pause_that_cannot_be_is_refused_with_the_reason() {
    if !can_make_namespaces("agent pause refused") {
        return;
    }
    let mut node = node();
    for (arguments, code, why) in [
        (&["pause", "--namespace", "nowhere", "--for", "10m"][..], 3, "there is no namespace nowhere"),
        (&["pause", "--node", "--for", "25h"], 2, "at most 24h"),
        (&["pause", "--for", "10m"], 2, "--node"),
        (&["pause", "--node", "--namespace", "x", "--for", "10m"], 2, "cannot be used"),
        (&["resume"], 3, "nothing is paused"),
    ] {
        let (found, _, error) = palisade(&node, arguments);
        assert_eq!(found, code, "{arguments:?}: {error}");
        assert!(error.contains(why) || code == 2, "{error}");
    }
    // A pause of one namespace is none of another.
    node.write("y.yaml", "kind: Namespace\napiVersion: v1\nmetadata: {name: y}\n");
    node.wait("it is known", || palisade(&node, &["pause", "--namespace", "y", "--for", "10m"]).0 == 0);
    node.is(DENIED);
    node.stop();
    let (code, _, error) = palisade(&node, &["pause", "--node", "--for", "10m"]);
    assert_eq!((code, error.contains("no agent answers")), (3, true), "{error}");
}

#[test]
fn an_agent_that_only_observes_says_so_and_is_ready() {
    if !can_make_namespaces("agent observe") {
        return;
    }
    let mut node = Node::new();
    node.write("open.yaml", &shuts("open"));
    std::fs::write(node.path("config.yaml"), "mode: observe\n").unwrap();
    let config = node.path("config.yaml");
    node.start_ready(&["--config", config.to_str().unwrap()]);
    let manifests = node.path("manifests");
    let mut follow = Command::new(env!("CARGO_BIN_EXE_palisade"));
    follow.args(["drops", "--follow", "--count", "1", "--node", "router", "--manifests"]).arg(manifests);
    node.at_home(&mut follow);
    let mut follow = node.namespace().spawn(follow.stdin(Stdio::null()).stdout(Stdio::piped())).unwrap();
    let begun = Instant::now();
    while follow.try_wait().unwrap().is_none() {
        node.is("80/TCP  open\nsender  open\n");
        assert!(begun.elapsed() < END, "nothing was logged");
    }
    let line = String::from_utf8(follow.wait_with_output().unwrap().stdout).unwrap();
    assert!(line.contains("x/sender") && line.contains("x/open"), "{line}");
    assert!(line.contains("would be denied (only observed) by NetworkPolicy ingress"), "{line}");
    assert!(node.report().unwrap()["observing"][0].as_str().unwrap().starts_with("mode observe"));
    assert!(palisade(&node, &["status"]).1.contains("observing: nothing is dropped"), "{}", node.log());
    assert!(node.log().contains("mode observe: nothing is dropped"), "{}", node.log());
    let metrics = || node.http("/metrics").unwrap().1;
    assert!(metrics().contains("palisade_observing{scope=\"node\"} 1\n"), "{}", metrics());
    node.wait("what was observed is counted", || {
        let text = metrics();
        let name = "palisade_observed_packets_total{cause=\"network-policy\",direction=\"ingress\"} ";
        let count = text.lines().find_map(|line| line.strip_prefix(name));
        count.is_some_and(|count| count.parse::<u64>().unwrap() > 0)
    });
    let name = "palisade_denied_packets_total{cause=\"network-policy\",direction=\"ingress\"} 0\n";
    assert!(metrics().contains(name), "{}", metrics());
}
