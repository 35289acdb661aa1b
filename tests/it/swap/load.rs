//! Packets that flow while something else happens, and an account of each by the kernel itself.
//!
//! The account is a table of its own in the router, first in prerouting and last in postrouting: what goes in and does
//! not come out was dropped between, by the ruleset under test and nothing else. Sockets are never asked: what their
//! buffers lose says nothing about the ruleset.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use watcher::lab::{Lab, Namespace, Service};

/// One router; who sends, who may be reached and who may not.
pub(crate) const TOPOLOGY: &str = "
    node  router   192.168.0.11  2001:db8:0:1::11
    pod   sender   router  10.244.1.11  2001:db8:244:1::11
    pod   open     router  10.244.1.12  2001:db8:244:1::12
    pod   shut     router  10.244.1.13  2001:db8:244:1::13
";

/// One-way flows go here and are never answered, so conntrack holds each of their packets to be new.
pub(crate) const ONE_WAY: u16 = 7001;
/// Flows that go here are answered, so all but their first packet are established.
pub(crate) const ANSWERED: u16 = 7002;

/// From how many ports each one-way flow is sent at a time.
const PORTS: usize = 32;
/// How often one of them is replaced by another, so that packets without any conntrack entry keep coming.
const RENEWAL: Duration = Duration::from_millis(10);
/// How often the senders look at the clock.
const TICK: Duration = Duration::from_millis(1);
/// What an answered flow sends, in packets a second.
const ANSWERED_RATE: u32 = 500;
/// How long the account has to stand still before it is final.
const STILL: Duration = Duration::from_millis(200);

/// What the load found.
#[derive(Debug)]
pub(crate) struct Account {
    /// Packets that came in and were to pass, in all flows.
    pub(crate) allowed: u64,
    /// Packets that came in and were not to pass.
    pub(crate) denied: u64,
    /// Packets that were to pass and did not.
    pub(crate) lost: u64,
    /// Packets that were not to pass and did.
    pub(crate) leaked: u64,
    /// What came in a second, over the whole time.
    pub(crate) rate: f64,
    /// For each flow what came in and what went out.
    pub(crate) flows: BTreeMap<String, (u64, u64)>,
}

/// A laboratory for a load, with the account opened.
pub(crate) fn laboratory() -> Lab {
    let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
    lab.listen(&[Service::Udp(ANSWERED)]).unwrap();
    // Nobody answers one-way flows, not even by an ICMP error.
    let silence = format!(
        "table inet silence {{ chain in {{ type filter hook prerouting priority -300; udp dport {ONE_WAY} drop; }}; }}"
    );
    for receiver in ["open", "shut"] {
        lab.namespace(receiver).unwrap().nft(&silence).unwrap();
    }
    let router = lab.namespace("router").unwrap();
    router.nft(&account_table(&flows(&lab))).unwrap();
    lab
}

/// Sends at this rate in all, in packets a second, while the work is done, and says what became of the packets.
pub(crate) fn under_load<T>(lab: &Lab, rate: u32, work: impl FnOnce() -> T) -> (T, Account) {
    let router = lab.namespace("router").unwrap();
    let flows = flows(lab);
    let before = counters(router);
    let over = AtomicBool::new(false);
    let one_way = u32::try_from(flows.iter().filter(|flow| flow.kind == Kind::OneWay).count()).unwrap();
    let start = Instant::now();
    let result = thread::scope(|scope| {
        // However the work ends, the senders end.
        let _over = Over(&over);
        let over = &over;
        for flow in &flows {
            let sender = lab.namespace("sender").unwrap();
            scope.spawn(move || match flow.kind {
                Kind::OneWay => sender.run(|| send_one_way(flow.to, rate / one_way, over)).unwrap(),
                Kind::Question => sender.run(|| send_answered(flow.to, over)).unwrap(),
                Kind::Answer => {}
            });
        }
        work()
    });
    let took = start.elapsed();
    let after = settled(router);
    (result, account(&flows, &before, &after, took))
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    OneWay,
    Question,
    Answer,
}

/// Packets from one address to another.
#[derive(Clone, Debug)]
struct Flow {
    name: String,
    kind: Kind,
    allowed: bool,
    from: IpAddr,
    to: SocketAddr,
}

fn flows(lab: &Lab) -> Vec<Flow> {
    let mut flows = Vec::new();
    let address =
        |name: &str, v4: bool| *lab.addresses(name).unwrap().iter().find(|address| address.is_ipv4() == v4).unwrap();
    for (family, v4) in [("v4", true), ("v6", false)] {
        let [sender, open, shut] = ["sender", "open", "shut"].map(|name| address(name, v4));
        let mut add = |name, kind, allowed, from, to, port| {
            flows.push(Flow { name: format!("{name}_{family}"), kind, allowed, from, to: SocketAddr::new(to, port) });
        };
        add("allowed", Kind::OneWay, true, sender, open, ONE_WAY);
        add("denied", Kind::OneWay, false, sender, shut, ONE_WAY);
        add("question", Kind::Question, true, sender, open, ANSWERED);
        // The port of an answer is its source.
        add("answer", Kind::Answer, true, open, sender, ANSWERED);
    }
    flows
}

fn account_table(flows: &[Flow]) -> String {
    let mut counters = String::new();
    let mut rules = [String::new(), String::new()];
    for Flow { name, kind, from, to, .. } in flows {
        let ip = if from.is_ipv4() { "ip" } else { "ip6" };
        let port = if *kind == Kind::Answer { "sport" } else { "dport" };
        for (side, rules) in ["in", "out"].iter().zip(&mut rules) {
            writeln!(counters, "counter {name}_{side} {{ }}").unwrap();
            writeln!(
                rules,
                "{ip} saddr {from} {ip} daddr {} udp {port} {} counter name {name}_{side}",
                to.ip(),
                to.port()
            )
            .unwrap();
        }
    }
    let [into, out] = rules;
    format!(
        "table inet account {{\n{counters}
            chain into {{ type filter hook prerouting priority -300;\n{into}}}
            chain out {{ type filter hook postrouting priority 300;\n{out}}}
        }}\n"
    )
}

/// The packets that each counter has seen.
fn counters(router: &Namespace) -> BTreeMap<String, u64> {
    let text = router.nft_list(&["list", "counters", "table", "inet", "account"]).unwrap();
    let mut counters = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["counter", found, "{"] => name = found,
            ["packets", packets, ..] => drop(counters.insert(name.to_owned(), packets.parse().unwrap())),
            _ => {}
        }
    }
    assert!(!counters.is_empty(), "nft lists no counters: {text}");
    counters
}

/// The counters when no packet is under way any more.
fn settled(router: &Namespace) -> BTreeMap<String, u64> {
    let mut last = counters(router);
    loop {
        thread::sleep(STILL);
        let next = counters(router);
        if next == last {
            return next;
        }
        last = next;
    }
}

fn account(flows: &[Flow], before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>, took: Duration) -> Account {
    let (mut allowed, mut denied, mut lost, mut leaked) = (0, 0, 0, 0);
    let mut by_flow = BTreeMap::new();
    for flow in flows {
        let passed = |side| {
            let name = format!("{}_{side}", flow.name);
            after[&name] - before[&name]
        };
        let (came, went) = (passed("in"), passed("out"));
        if flow.allowed {
            allowed += came;
            lost += came - went;
        } else {
            denied += came;
            leaked += went;
        }
        by_flow.insert(flow.name.clone(), (came, went));
    }
    #[expect(clippy::cast_precision_loss, reason = "fewer packets than a float is exact for")]
    let rate = (allowed + denied) as f64 / took.as_secs_f64();
    Account { allowed, denied, lost, leaked, rate, flows: by_flow }
}

/// Sends from ports that change all the time, at a rate that catches up after pauses.
fn send_one_way(to: SocketAddr, rate: u32, over: &AtomicBool) {
    let mut sockets: Vec<_> = (0..PORTS).map(|_| socket(to)).collect();
    let start = Instant::now();
    let mut renewed = start;
    let mut sent = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let due = u64::try_from(start.elapsed().as_micros()).unwrap() * u64::from(rate) / 1_000_000;
        while sent < due && !over.load(Ordering::Relaxed) {
            let socket = &sockets[usize::try_from(sent).unwrap() % PORTS];
            // A full queue on the way loses a packet before it is counted.
            let _lost = socket.send(b"palisade");
            sent += 1;
        }
        if renewed.elapsed() >= RENEWAL {
            renewed = Instant::now();
            let oldest = usize::try_from(start.elapsed().as_millis()).unwrap() % PORTS;
            sockets[oldest] = socket(to);
        }
        thread::sleep(TICK);
    }
}

/// Asks from one port, and reads the answers.
fn send_answered(to: SocketAddr, over: &AtomicBool) {
    let socket = socket(to);
    let mut buffer = [0; 64];
    while !over.load(Ordering::Relaxed) {
        let _lost = socket.send(b"palisade");
        while socket.recv(&mut buffer).is_ok() {}
        thread::sleep(Duration::from_secs(1) / ANSWERED_RATE);
    }
}

fn socket(to: SocketAddr) -> UdpSocket {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(to).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}
