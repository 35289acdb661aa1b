//! The agent as a monitoring plugin sees it, by the command lines that docs/guide/icinga.md gives.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

fn guide() -> String {
    fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/icinga.md")).unwrap()
}

/// What the words of a command line of the guide print, and their exit code: this program in the place of the installed.
fn run<'w>(node: &Node, words: impl IntoIterator<Item = &'w str>) -> (i32, String) {
    let mut words = words.into_iter();
    assert_eq!((words.next(), words.next()), (Some("/usr/bin/sudo"), Some("/usr/bin/palisade")));
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(words);
    node.at_home(&mut command);
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn nrpe(node: &Node) -> (i32, String) {
    let guide = guide();
    let line = guide.lines().find_map(|line| line.strip_prefix("command[check_palisade]=")).unwrap();
    run(node, line.split(' '))
}

#[test]
fn the_plugin_says_ok_and_warns_and_is_critical_by_the_guides_own_command_lines() {
    if !can_make_namespaces("agent plugin") {
        return;
    }
    let mut node = Node::new();
    let (code, text) = nrpe(&node);
    assert_eq!((code, text.starts_with("PALISADE CRITICAL - no agent runs on this node")), (2, true), "{text}");
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&["--table-owner", "shared"]);
    let (code, text) = nrpe(&node);
    let (line, long) = text.split_once('\n').unwrap();
    let (words, data) = line.split_once(" | ").unwrap();
    assert_eq!((code, words.starts_with("PALISADE OK - ready, generation ")), (0, true), "{text}");
    assert!(data.starts_with("pending=0s;60;300;0 generation="), "{text}");
    for one in data.split(' ') {
        assert_eq!(one.split(';').count(), 4, "{one} is not label=value;warn;crit;min");
    }
    assert!(long.contains("source manifests: in sync"), "{text}");
    // Others change the tables.
    node.namespace().nft("delete table inet palisade").unwrap();
    node.wait("it is a warning", || nrpe(&node).0 == 1);
    assert!(nrpe(&node).1.contains("others changed the tables"));
}

#[test]
fn the_definition_for_icinga_gives_arguments_that_there_are() {
    if !can_make_namespaces("agent icinga") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let guide = guide();
    let quoted = |line: &str| -> Vec<String> { line.split('"').skip(1).step_by(2).map(str::to_owned).collect() };
    let command = guide.lines().find(|line| line.trim_start().starts_with("command = [")).unwrap();
    let mut words = quoted(command);
    for line in guide.lines().filter(|line| line.trim_start().starts_with("\"-")) {
        let pair = quoted(line);
        let variable = format!("vars.{} = ", pair[1].trim_matches('$'));
        let value = guide.lines().find_map(|line| line.trim_start().strip_prefix(variable.as_str())).unwrap();
        words.extend([pair[0].clone(), value.trim_matches('"').to_owned()]);
    }
    assert_eq!(words.len(), 6 + 6, "{words:?}");
    let (code, text) = run(&node, words.iter().map(String::as_str));
    assert_eq!((code, text.starts_with("PALISADE OK - ")), (0, true), "{text}");
}

#[test]
fn thresholds_time_limits_and_wrong_usage_are_answered_as_a_plugin_does() {
    if !can_make_namespaces("agent plugin limits") {
        return;
    }
    let mut node = Node::new();
    let nagios = |node: &Node, more: &[&str]| {
        let words = ["/usr/bin/sudo", "/usr/bin/palisade", "status", "--agent", "--format", "nagios"];
        run(node, words.into_iter().chain(more.iter().copied()))
    };
    node.start_ready(&[]);
    // Nothing waits, so what is to be at least 1 is too little.
    let (code, text) = nagios(&node, &["-w", "1:"]);
    assert_eq!((code, text.contains("pending=0s;1:;300;0")), (1, true), "{text}");
    let (code, text) = nagios(&node, &["-w", "1:", "-c", "@0:10"]);
    assert_eq!((code, text.starts_with("PALISADE CRITICAL - ready")), (2, true), "{text}");
    for wrong in [&["-w", "a"][..], &["--nothing"], &["-t", "0"]] {
        let (code, text) = nagios(&node, wrong);
        assert_eq!((code, text.starts_with("PALISADE UNKNOWN - ")), (3, true), "{text}");
    }
    node.stop();
    // Somebody has the socket and says nothing.
    fs::remove_file(node.path("run/agent.sock")).unwrap();
    let _silent = UnixListener::bind(node.path("run/agent.sock")).unwrap();
    let (code, text) = nagios(&node, &["-t", "1"]);
    assert_eq!((code, text.as_str()), (3, "PALISADE UNKNOWN - no answer within 1 s\n"));
}
