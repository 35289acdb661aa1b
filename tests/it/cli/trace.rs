//! `palisade trace`: each rule that a packet matches, by its line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::{Machine, program};
use crate::privilege::can_make_namespaces;

const RULES: &str = "\
domain (ip ip6) chain INPUT {
    policy DROP;
    proto udp dport 7001 jump known;
    proto udp dport 7003 NOP;
}
domain (ip ip6) chain known { saddr (127.0.0.1 ::1) ACCEPT; }
";

/// Begins to follow, and returns when it has.
fn follow(machine: &Machine, arguments: &[&str]) -> Child {
    let mut command = program();
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).env("PALISADE_RUN_DIR", machine.run_dir());
    let mut child = machine.namespace.run(|| command.spawn()).unwrap().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "following\n");
    child
}

#[track_caller]
fn printed(mut child: Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text
}

fn send(machine: &Machine, targets: &[&str]) {
    for target in targets {
        machine.run(Command::new("bash").args(["-ec", &format!("echo -n four > /dev/udp/{target}")])).exits(0);
    }
}

#[test]
fn packets_are_followed_line_by_line_through_our_rules_and_others() {
    if !can_make_namespaces("trace") {
        return;
    }
    let machine = Machine::new("trace");
    let file = machine.file("host.ferm", RULES);
    machine.palisade(&["apply", "--host", &file]).exits(0);
    machine.run(Command::new("ip").args(["link", "set", "lo", "up"])).exits(0);
    let others =
        "table ip others { chain in { type filter hook input priority 100; policy drop; udp dport 7001 counter; }; }";
    machine.namespace.nft(others).unwrap();

    let v4 = follow(&machine, &["trace", "--to", "127.0.0.1", "--protocol", "udp", "--port", "7001", "--count", "1"]);
    send(&machine, &["127.0.0.1/7002", "127.0.0.1/7001"]);
    let text = printed(v4);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "127.0.0.1 -> 127.0.0.1 7001/UDP, in lo", "{text}");
    assert!(text.contains(&format!("{file}:3  jump ")), "{text}");
    assert!(text.contains(&format!("{file}:6  accept")), "{text}");
    // What another's chain does afterwards is told too.
    assert!(text.contains("\n  ip others in  rule "), "{text}");
    assert!(lines.last().unwrap().ends_with("others in  its policy  drop"), "{text}");
    assert!(!text.contains("7002"), "{text}");

    let v6 = follow(&machine, &["trace", "--from", "::1/128", "--protocol", "udp", "--count", "2"]);
    send(&machine, &["::1/7003", "::1/9"]);
    let text = printed(v6);
    assert!(text.contains("::1 -> ::1 7003/UDP, in lo\n") && text.contains(&format!("{file}:4  continue")), "{text}");
    assert_eq!(text.matches(&format!("{file}:2 policy DROP  drop")).count(), 2, "{text}");

    // Whoever is killed leaves nothing that is followed, and two at a time are one too many.
    let mut killed = follow(&machine, &["trace", "--interface", "lo"]);
    let second = machine.palisade(&["trace", "--interface", "lo"]).exits(3).stderr;
    assert!(second.contains("somebody follows some already"), "{second}");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let tables = machine.namespace.nft_list(&["list", "tables"]).unwrap();
    assert_eq!(tables.matches("table").count(), 2, "{tables}");
    machine.palisade(&["trace"]).exits(2);
    machine.palisade(&["trace", "--from", "10.0.0.1", "--to", "::1"]).exits(2);
    machine.palisade(&["trace", "--protocol", "icmp", "--port", "8"]).exits(2);
    machine.palisade(&["trace", "--from", "nowhere"]).exits(2);
}
