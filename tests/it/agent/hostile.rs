//! What clients, and whoever writes manifests, can do to a running agent.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::node::{Node, shuts};
use crate::privilege::{can_make_namespaces, report};

/// How many clients there are of each kind, and how many of them have a descriptor of the agent's at most: those that are
/// served, and those that gave way in one go of the runtime and are closed after it.
const CLIENTS: usize = 400;
const SERVED: u64 = 2 * (64 + 128);

/// What an agent has open without a client, and some room.
const DESCRIPTORS: u64 = 60;

/// What so many clients may cost, in KiB: a task, buffers and a report for each that is served.
const MEMORY: u64 = 8 << 10;

#[test]
fn operations_4_4_19_hundreds_of_slow_clients_hold_up_nothing() {
    if !can_make_namespaces("hundreds of slow clients") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let (memory, generation) = (kib(&node, "VmRSS"), node.metric("palisade_generation"));
    let mut clients = Vec::new();
    let mut most = 0;
    for round in 0..4 {
        clients.push((node.namespace().run(|| slow_http(round)).unwrap(), slow_status(&node)));
        most = most.max(descriptors(&node));
    }
    assert!(most <= SERVED + DESCRIPTORS, "{most} descriptors for {} clients", 4 * 2 * CLIENTS / 4);
    // Those who were given way to know it, and everybody else is served.
    assert_eq!(node.http("/ready").unwrap().0, 200);
    assert_eq!(node.http("/live").unwrap().0, 200);
    assert!(node.report().is_some());
    // The loop hears of a change and applies it while they are all there.
    node.write("policy.yaml", &shuts("open"));
    node.becomes(
        "80/TCP  open  shut
         sender  -     open\n",
    );
    // Packets know of it a moment before it is told.
    node.wait("the change is told", || node.metric("palisade_generation") > generation);
    let grown = kib(&node, "VmHWM").saturating_sub(memory);
    assert!(grown < MEMORY, "{grown} KiB for {CLIENTS} clients of each kind");
    report(&format!("{} clients: {most} descriptors at most, {grown} KiB more", 2 * CLIENTS));
    drop(clients);
    node.wait("their connections are gone", || descriptors(&node) <= DESCRIPTORS);
}

/// Clients who send one letter of a request, all but the end of one, or a request without reading the answer.
fn slow_http(round: usize) -> Vec<TcpStream> {
    let begin =
        [&b"G"[..], b"GET /metrics HTTP/1.1\r\nHost: node\r\n", b"GET /metrics HTTP/1.1\r\nHost: n\r\n\r\n", b""];
    let streams = (0..CLIENTS / 4).map(|_| {
        let mut stream = TcpStream::connect("127.0.0.1:9750").unwrap();
        // Who was given way to already is told so here.
        drop(stream.write_all(begin[round % begin.len()]));
        stream
    });
    streams.collect()
}

/// Clients of the socket who never read what they asked for.
fn slow_status(node: &Node) -> Vec<UnixStream> {
    (0..CLIENTS / 4).map(|_| UnixStream::connect(node.path("run/agent.sock")).unwrap()).collect()
}

#[test]
fn a_request_without_an_end_is_cut_off() {
    if !can_make_namespaces("a request without an end") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let memory = kib(&node, "VmRSS");
    let sent = node
        .namespace()
        .run(|| {
            let mut stream = TcpStream::connect("127.0.0.1:9750").unwrap();
            stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
            drop(stream.write_all(b"GET /live HTTP/1.1\r\n"));
            let line = [b"x-".to_vec(), vec![b'a'; 4_000], b": b\r\n".to_vec()].concat();
            let begun = Instant::now();
            let sent = (0..10_000).take_while(|_| stream.write_all(&line).is_ok()).count();
            assert!(begun.elapsed() < Duration::from_secs(60), "{sent}");
            // Whatever is answered, it is an end.
            drop(stream.read_to_end(&mut Vec::new()));
            sent
        })
        .unwrap();
    assert!(sent < 10_000, "it took {sent} headers");
    assert!(kib(&node, "VmHWM").saturating_sub(memory) < MEMORY);
    assert_eq!(node.http("/live").unwrap().0, 200);
}

#[test]
fn the_socket_is_roots_and_its_folder_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;
    if !can_make_namespaces("the agent's files") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    node.stop();
    node.start_ready(&[]);
    let mode = |name: &str| fs::symlink_metadata(node.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run/agent.sock"), 0o600);
    for name in ["run", "state", "state/facts", "state/baseline", "run/lock"] {
        if node.path(name).exists() {
            assert_eq!(mode(name) & 0o022, 0, "others can write {name}");
        }
    }
    assert!(node.path("state/facts").exists());
    node.stop();
    // A folder that anybody can put a snapshot into is not believed, and nothing is enforced from it.
    fs::set_permissions(node.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
    node.namespace().nft("delete table inet palisade").unwrap();
    fs::rename(node.path("manifests"), node.path("away")).unwrap();
    node.start(&[]);
    node.wait("it is said", || node.log().contains("chmod go-w"));
    assert!(!node.is_loaded());
}

#[test]
fn nobody_writes_a_line_of_the_log_or_to_the_terminal_of_who_reads_the_status() {
    if !can_make_namespaces("a log that is written to") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let name = r#""a\e]0;owned\a\n2026-01-01T00:00:00Z  INFO event=\"forged\"\r\x9b2J""#;
    node.write(
        "hostile.yaml",
        &format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: x}}\n\
             spec: {{podSelector: {{matchLabels: {{{name}: {name}}}}}, policyTypes: [{name}]}}\n"
        ),
    );
    node.wait("the findings are logged", || node.log().contains("owned"));
    let status = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(["status", "--agent"]);
        node.at_home(&mut command);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    node.wait("the status has them", || status().contains("owned"));
    for text in [node.log(), status()] {
        let acted_upon = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(acted_upon, None, "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text}");
    }
}

#[test]
fn net_admin_is_all_that_it_needs() {
    /// The bit of `CAP_NET_ADMIN` alone.
    const NET_ADMIN: &str = "0000000000001000";
    if !can_make_namespaces("an agent without other capabilities") {
        return;
    }
    let mut node = Node::new();
    let limits = ["setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all", "--no-new-privs"];
    node.start_under(&limits, &[]);
    node.wait("the agent is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    let status = fs::read_to_string(format!("/proc/{}/status", node.process())).unwrap();
    for line in [format!("CapEff:\t{NET_ADMIN}"), format!("CapBnd:\t{NET_ADMIN}"), "NoNewPrivs:\t1".to_owned()] {
        assert!(status.contains(&line), "no {line}:\n{status}");
    }
    node.write("policy.yaml", &shuts("open"));
    node.becomes(
        "80/TCP  open  shut
         sender  -     open\n",
    );
    // What is asked of conntrack, of the log and of the notices of others' commits takes nothing more either.
    assert!(!node.log().contains("not-listening") && !node.log().contains("not-judged"), "{}", node.log());
    assert!(node.stop().success());
    assert!(node.path("state/facts").exists());
}

fn descriptors(node: &Node) -> u64 {
    let folder = fs::read_dir(format!("/proc/{}/fd", node.process())).unwrap();
    u64::try_from(folder.count()).unwrap()
}

/// A line of the agent's `/proc/PID/status`, in KiB.
fn kib(node: &Node, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
