//! Beside a running agent, `palisade drops` names both ends of a packet, though nothing was ever applied by hand.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

/// A follower that ends with the test.
pub(super) struct Follower(pub(super) Child);

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Follows what is denied.
pub(super) fn follow(node: &Node) -> (Follower, Receiver<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(["drops", "--follow", "--format", "json"]);
    node.at_home(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = node.namespace().spawn(&mut command).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, hear) = channel();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            drop(tell.send(serde_json::from_str(&line).unwrap()));
        }
    });
    (Follower(child), hear)
}

/// Whether somebody reads the log by now.
pub(super) fn reads_the_log(node: &Node) -> bool {
    let read = || std::fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_log").unwrap_or_default();
    node.namespace().run(read).unwrap().lines().any(|line| line.trim_start().starts_with("71 "))
}

#[test]
fn drops_name_both_pods_by_the_agent_and_by_its_newest_word() {
    if !can_make_namespaces("agent drops") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    let (_follower, events) = follow(&node);
    let next = || events.recv_timeout(Duration::from_secs(20)).unwrap();
    node.wait("somebody reads the log", || reads_the_log(&node));
    node.is("80/TCP  open  shut\nsender  open  drop\n");
    let mut families = BTreeSet::new();
    while families.len() < 2 {
        let event = next();
        assert_eq!((&event["from"]["kind"], &event["from"]["name"]), (&"pod".into(), &"x/sender".into()), "{event}");
        assert_eq!((&event["to"]["kind"], &event["to"]["name"]), (&"pod".into(), &"x/shut".into()), "{event}");
        assert_eq!(event["policy"], "x/shut-shut", "{event}");
        families.insert(event["from"]["address"].as_str().unwrap().contains(':'));
    }
    // The address gets another owner, and the rules stay what they are.
    let pods = std::fs::read_to_string(node.path("manifests/pods.yaml")).unwrap();
    node.write("pods.yaml", &pods.replace("name: sender, namespace: x,", "name: other, namespace: x,"));
    let asked = || {
        let mut stream = UnixStream::connect(node.path("run/agent.sock")).unwrap();
        stream.write_all(b"owners 10.244.1.11 192.168.0.11 203.0.113.9\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        serde_json::from_reader::<_, Value>(stream).unwrap()
    };
    node.wait("the agent knows", || asked()["owners"]["10.244.1.11"][0]["name"] == "other");
    let answer = asked();
    assert_eq!(answer["owners"]["192.168.0.11"][0]["kind"], "node", "{answer}");
    assert_eq!(answer["owners"]["203.0.113.9"], Value::Array(Vec::new()), "{answer}");
    // An answer is good for two seconds.
    thread::sleep(Duration::from_millis(2100));
    node.is("80/TCP  open  shut\nsender  open  drop\n");
    while next()["from"]["name"] != "x/other" {}
}

#[test]
fn what_is_asked_wrongly_is_answered_and_holds_nobody_up() {
    if !can_make_namespaces("agent socket") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    for line in ["nonsense\n".to_owned(), "owners 10.0.0\n".to_owned(), format!("owners{}", " 10.0.0.1".repeat(100))] {
        let mut stream = UnixStream::connect(node.path("run/agent.sock")).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer: Value = serde_json::from_reader(stream).unwrap();
        assert!(answer["error"].is_string(), "{answer}");
    }
    // A line without an end is not read to it.
    let mut endless = UnixStream::connect(node.path("run/agent.sock")).unwrap();
    drop(endless.write_all(&vec![b'x'; 1 << 20]));
    // Whoever connects and says nothing gets the report.
    let silent = UnixStream::connect(node.path("run/agent.sock")).unwrap();
    let report: Value = serde_json::from_reader(silent).unwrap();
    assert_eq!(report["ready"], true);
    assert_eq!(node.report().unwrap()["ready"], true);
}
