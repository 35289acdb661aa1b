//! Names in host rules: looked up at a name server in the machine's own namespace.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, NS};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use watcher::lab::Namespace;

use super::{Machine, Ran};
use crate::privilege::can_make_namespaces;

/// What a name server knows: by name, records in words: `A 192.0.2.1`, `MX mail.example.`.
type Zone = BTreeMap<&'static str, Vec<&'static str>>;

/// How a name server is, and what it knows.
#[derive(Clone, Default)]
pub(crate) struct NameServer(Arc<Mutex<Option<Zone>>>);

impl NameServer {
    /// One that listens in a namespace, at 127.0.0.1, until the test ends.
    pub(crate) fn listen(namespace: &Namespace) -> Self {
        let server = Self::default();
        let socket = namespace.run(|| UdpSocket::bind("127.0.0.1:53")).unwrap().unwrap();
        let zone = Arc::clone(&server.0);
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Ok(query) = Message::from_bytes(&buffer[..length]) else { continue };
                let answer = answer(&query, zone.lock().unwrap().as_ref());
                socket.send_to(&answer.to_bytes().unwrap(), from).unwrap();
            }
        });
        server
    }

    /// From now on it knows this.
    pub(crate) fn knows(&self, zone: &[(&'static str, &[&'static str])]) {
        let zone = zone.iter().map(|(name, records)| (*name, records.to_vec())).collect();
        *self.0.lock().unwrap() = Some(zone);
    }

    /// From now on it says that it cannot answer.
    pub(crate) fn fails(&self) {
        *self.0.lock().unwrap() = None;
    }
}

fn answer(query: &Message, zone: Option<&Zone>) -> Message {
    let asked = &query.queries[0];
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.add_query(asked.clone());
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.authoritative = true;
    let Some(zone) = zone else {
        answer.metadata.response_code = ResponseCode::ServFail;
        return answer;
    };
    let Some(records) = zone.get(asked.name().to_utf8().trim_end_matches('.')) else {
        answer.metadata.response_code = ResponseCode::NXDomain;
        return answer;
    };
    let records = records.iter().filter_map(|words| {
        let (kind, value) = words.split_once(' ')?;
        let name = |text: &str| Name::from_utf8(text).unwrap();
        let (kind, data) = match kind {
            "A" => (RecordType::A, RData::A(A(value.parse().unwrap()))),
            "AAAA" => (RecordType::AAAA, RData::AAAA(AAAA(value.parse().unwrap()))),
            "NS" => (RecordType::NS, RData::NS(NS(name(value)))),
            _ => (RecordType::MX, RData::MX(MX::new(10, name(value)))),
        };
        (kind == asked.query_type()).then(|| Record::from_rdata(asked.name().clone(), 1, data))
    });
    answer.add_answers(records);
    answer
}

/// Runs the program where that server is the only one.
fn palisade(machine: &Machine, arguments: &[&str]) -> Ran {
    let conf = machine.file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let mut command = Command::new("unshare");
    let script = format!("mount --bind {conf} /etc/resolv.conf && exec \"$@\"");
    command.args(["--mount", "sh", "-ec", &script, "sh", env!("CARGO_BIN_EXE_palisade")]).args(arguments);
    machine.run(&mut command)
}

/// The elements of the sets of names, and the rules with their handles.
fn loaded(machine: &Machine) -> (String, String) {
    let listing = machine.namespace.nft_list(&["-a", "list", "table", "inet", "palisade"]).unwrap();
    let elements = listing.lines().filter_map(|line| line.trim().strip_prefix("elements = "));
    // What the ruleset says of its sources is a set too.
    let elements = elements.filter(|line| !line.contains("comment"));
    let rules = listing.lines().filter(|line| line.contains("counter packets")).collect::<Vec<_>>();
    (elements.collect::<Vec<_>>().join(" "), rules.join("\n"))
}

const RULES: &str =
    "domain (ip ip6) chain INPUT { saddr @resolve(a.example) ACCEPT; saddr @resolve(z.example, MX) DROP; }";

#[test]
fn names_are_followed_by_elements_and_kept_where_servers_fail() {
    if !can_make_namespaces("names in host rules") {
        return;
    }
    let machine = Machine::new("names");
    let server = NameServer::listen(&machine.namespace);
    let host = machine.file("host.ferm", RULES);
    let apply = || palisade(&machine, &["apply", "--host", &host, "--resolve"]);
    let mail: (&str, &[&str]) = ("z.example", &["MX m.example."]);
    let of_mail: (&str, &[&str]) = ("m.example", &["A 192.0.2.25", "AAAA 2001:db8::25"]);
    // Nothing is looked up that nobody wants looked up, and nothing is enforced that cannot be.
    let refused = palisade(&machine, &["apply", "--host", &host]).exits(2);
    assert!(refused.stderr.contains("--resolve"), "{}", refused.stderr);
    server.fails();
    apply().exits(2);
    server.knows(&[("a.example", &["A 192.0.2.9", "A 192.0.2.1", "AAAA 2001:db8::1"]), mail, of_mail]);
    apply().exits(0);
    let (elements, rules) = loaded(&machine);
    assert_eq!(elements, "{ 192.0.2.1, 192.0.2.9 } { 2001:db8::1 } { 192.0.2.25 } { 2001:db8::25 }");
    assert_eq!(rules.lines().count(), 4, "{rules}");
    // Other answers are other elements.
    server.knows(&[("a.example", &["A 192.0.2.3", "AAAA 2001:db8::1"]), mail, of_mail]);
    palisade(&machine, &["status"]).exits(0);
    palisade(&machine, &["plan", "--host", &host, "--resolve"]).exits(1);
    apply().exits(0);
    let (elements, same) = loaded(&machine);
    assert_eq!((elements.as_str(), &same), ("{ 192.0.2.3 } { 2001:db8::1 } { 192.0.2.25 } { 2001:db8::25 }", &rules));
    // Neither a failure nor a name that is gone takes anything away.
    for (fail, words) in [(true, "cannot be looked up"), (false, "does not exist any more")] {
        if fail {
            server.fails();
        } else {
            server.knows(&[]);
        }
        let kept = apply().exits(0);
        assert!(kept.stderr.contains(words) && kept.stderr.contains("192.0.2.3"), "{}", kept.stderr);
        assert_eq!(loaded(&machine), (elements.clone(), rules.clone()));
    }
    // A name that has addresses of one family only says so.
    server.knows(&[("a.example", &["A 192.0.2.3"]), mail, of_mail]);
    apply().exits(0);
    assert_eq!(loaded(&machine).0, "{ 192.0.2.3 } { 192.0.2.25 } { 2001:db8::25 }");
    // At a boot without a network: what was looked up last is in force.
    machine.palisade(&["teardown"]).exits(0);
    server.fails();
    apply().exits(0);
    assert_eq!(loaded(&machine).0, "{ 192.0.2.3 } { 192.0.2.25 } { 2001:db8::25 }");
}

#[test]
fn commands_are_run_where_they_are_allowed_and_their_output_is_kept() {
    if !can_make_namespaces("commands in host rules") {
        return;
    }
    let machine = Machine::new("commands");
    let ports = machine.file("ports", "22 80\n");
    let text = format!("@def $P = `cat {ports}`; chain INPUT proto tcp dport ($P $MORE) ACCEPT;");
    let host = machine.file("host.ferm", &text);
    let apply =
        |more: &[&str]| machine.palisade(&[&["apply", "--host", &host, "--def", "$MORE=(443 8443)"], more].concat());
    let refused = apply(&[]).exits(2);
    assert!(refused.stderr.contains("--allow-exec"), "{}", refused.stderr);
    apply(&["--allow-exec"]).exits(0);
    let rules = || machine.namespace.nft_list(&["list", "chain", "inet", "palisade", "pl_input"]).unwrap();
    assert!(rules().contains("tcp dport { 22, 80, 443, 8443 }"), "{}", rules());
    // It is known what the rules were read with.
    machine.palisade(&["status"]).exits(0);
    machine.file("ports", "22\n");
    machine.palisade(&["status"]).exits(1);
    // What is kept needs nobody.
    machine.palisade(&["teardown"]).exits(0);
    std::fs::remove_file(&ports).unwrap();
    let kept = apply(&["--allow-exec", "--keep-going"]).exits(1);
    assert!(kept.stderr.contains("the last good ones are enforced"), "{}", kept.stderr);
    assert!(rules().contains("tcp dport { 22, 80, 443, 8443 }"), "{}", rules());
}
