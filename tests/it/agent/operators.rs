//! What operators ask, and what others who ask can do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::node::Node;
use crate::privilege::can_make_namespaces;

#[test]
fn slow_and_many_clients_keep_nobody_from_asking() {
    if !can_make_namespaces("agent clients") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let connect = || {
        let stream = TcpStream::connect("127.0.0.1:9750").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    let many: Vec<TcpStream> = (0..300).map(|_| node.namespace().run(connect).unwrap()).collect();
    let begun = Instant::now();
    assert_eq!(node.http("/ready").unwrap().0, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(many);
    // A request that comes byte by byte is not waited for.
    let mut slow = node.namespace().run(connect).unwrap();
    slow.write_all(b"GET /metrics HT").unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    drop(slow.read_to_end(&mut answer));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!String::from_utf8_lossy(&answer).contains("palisade_ready"));
    assert_eq!(node.http("/nothing").unwrap().0, 404);
}

#[test]
fn status_asks_the_agent() {
    if !can_make_namespaces("agent status") {
        return;
    }
    let mut node = Node::new();
    let ask = |node: &Node, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(["status", "--agent"]).args(arguments);
        node.at_home(&mut command);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(ask(&node, &[]).0, 3);
    node.start_ready(&[]);
    let (code, text) = ask(&node, &[]);
    assert_eq!((code, text.starts_with("ready: node router\n")), (0, true), "{text}");
    let (code, json) = ask(&node, &["--format", "json"]);
    assert_eq!(code, 0);
    crate::docs::describes("agent-status-json.md", &json);
    std::fs::rename(node.path("manifests"), node.path("away")).unwrap();
    node.stop();
    node.start(&[]);
    node.wait("it waits", || ask(&node, &[]).1.contains("source manifests: lost"));
    let (code, text) = ask(&node, &[]);
    assert_eq!((code, text.starts_with("not ready: node router: waits for")), (1, true), "{text}");
}

#[test]
fn a_log_of_json_has_the_same_fields_in_every_line() {
    if !can_make_namespaces("agent log") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&["--log", "json"]);
    node.write("broken.yaml", "kind: [");
    node.wait("the finding is logged", || node.log().contains("broken.yaml"));
    node.stop();
    let log = node.log();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "event"] {
            assert!(line[field].is_string(), "no {field}: {line}");
        }
    }
    for event in ["started", "in-sync", "applied", "finding", "stopped"] {
        assert!(log.contains(&format!("\"event\":\"{event}\"")), "no {event}:\n{log}");
    }
}
