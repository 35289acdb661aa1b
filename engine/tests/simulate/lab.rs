//! Three namespaces in a row, and packets through them.

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use engine::eval::ruleset::{Host, Interface, Owner, Packet, Route, Transport};

use crate::{Counts, Rule};

/// Looks at the counters until a packet is given up: some ten seconds.
const PATIENCE: usize = 500;

/// Beside the rules that are tested: counts what comes by before any of them, and answers nothing.
const AROUND: &str = "table inet around {
    chain seen_arriving { type filter hook prerouting priority -500; meta l4proto != ipv6-icmp counter; }
    chain seen_sent { type filter hook output priority -500; meta l4proto != ipv6-icmp counter; }
    chain end { type filter hook input priority 2000; policy drop; }
}
";

/// One packet.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) protocol: &'static str,
    pub(crate) to: &'static str,
    pub(crate) port: u16,
    pub(crate) from_router: bool,
}

pub(crate) const PROBES: &[Probe] = &[
    probe("udp", "10.2.0.2", 53),
    probe("udp", "10.2.0.3", 80),
    probe("tcp", "10.2.0.2", 80),
    probe("udp", "10.1.0.1", 53),
    probe("tcp", "10.1.0.1", 22),
    probe("udp", "fd00:2::2", 53),
    probe("tcp", "fd00:2::2", 80),
    probe("udp", "fd00:1::1", 80),
    Probe { from_router: true, ..probe("udp", "10.2.0.2", 53) },
    Probe { from_router: true, ..probe("tcp", "10.2.0.3", 80) },
    Probe { from_router: true, ..probe("udp", "fd00:2::2", 80) },
    Probe { from_router: true, ..probe("udp", "10.1.0.1", 80) },
];

const fn probe(protocol: &'static str, to: &'static str, port: u16) -> Probe {
    Probe { protocol, to, port, from_router: false }
}

/// The namespaces; gone when it goes.
pub(crate) struct Lab {
    prefix: String,
}

impl Lab {
    /// Builds it; nothing where that is not permitted.
    pub(crate) fn new() -> Option<Self> {
        let prefix = format!("plsim{}", std::process::id());
        let lab = Self { prefix };
        let setup = SETUP.replace("PREFIX", &lab.prefix);
        let output = shell(&setup, "");
        if !output.status.success() {
            return None;
        }
        Some(lab)
    }

    /// Replaces the router's rules.
    pub(crate) fn load(&self, text: &str) {
        let command = format!("ip netns exec {}r nft -f -", self.prefix);
        let output = shell(&command, &format!("flush ruleset\n{AROUND}{text}"));
        assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    }

    /// What one packet adds to the counters of the router's rules; nobody answers it.
    pub(crate) fn send(&self, probe: &Probe) -> Counts {
        let Probe { protocol, to, port, from_router } = probe;
        let namespace = format!("{}{}", self.prefix, if *from_router { "r" } else { "a" });
        let before = self.counts();
        let mut child = Command::new("ip")
            .args(["netns", "exec", &namespace, "bash", "-c", &format!("echo > /dev/{protocol}/{to}/{port}")])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The whole way of a packet is one run of the kernel, so what came by first has passed the rest.
        let is_here = |(rule, count): (&Rule, &u64)| rule.0.starts_with("seen") && before.get(rule) != Some(count);
        let mut after = self.counts();
        for _ in 0..PATIENCE {
            if after.iter().any(is_here) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
            after = self.counts();
        }
        after = self.counts();
        // A connect waits for an answer that never comes, and would send its first packet again after a second.
        child.kill().unwrap();
        child.wait().unwrap();
        let added = after.into_iter().map(|(rule, count)| {
            let before = before.get(&rule).copied().unwrap_or(0);
            (rule, count - before)
        });
        added.filter(|((chain, _), count)| *count > 0 && chain.starts_with("pl_")).collect()
    }

    /// What every rule of the router has counted.
    fn counts(&self) -> Counts {
        let output = shell(&format!("ip netns exec {}r nft list ruleset", self.prefix), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut counts = Counts::new();
        let mut chain = None;
        let mut index = 0;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("chain ") {
                chain = Some(rest.trim_end_matches(" {").to_owned());
                index = 0;
            } else if line == "}" {
                chain = None;
            } else if let Some(chain) = chain.as_ref().filter(|_| !line.starts_with("type ")) {
                if let Some((_, rest)) = line.split_once("counter packets ") {
                    let count = rest.split(' ').next().unwrap().parse().unwrap();
                    counts.insert((chain.clone(), index), count);
                }
                index += 1;
            }
        }
        counts
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let names = ["a", "r", "b"].map(|name| format!("ip netns delete {}{name};", self.prefix));
        shell(&names.concat(), "");
    }
}

impl Probe {
    /// The packet as the router first sees it.
    pub(crate) fn packet(&self) -> Packet {
        let destination: IpAddr = self.to.parse().unwrap();
        let own_side = |near: &str, far: &str| if self.to.contains('1') { near.to_owned() } else { far.to_owned() };
        let source = match (self.from_router, destination.is_ipv4()) {
            (false, true) => "10.1.0.2".to_owned(),
            (false, false) => "fd00:1::2".to_owned(),
            (true, true) if self.to == "10.1.0.1" => "10.1.0.1".to_owned(),
            (true, true) => "10.2.0.1".to_owned(),
            (true, false) => own_side("fd00:1::1", "fd00:2::1"),
        };
        let transport = match self.protocol {
            "udp" => Transport::udp(40_000, self.port),
            _ => Transport::syn(40_000, self.port),
        };
        // One line feed behind the headers; a SYN with the options that Linux sends.
        let length = match (self.protocol, destination.is_ipv4()) {
            ("udp", true) => 29,
            ("udp", false) => 49,
            (_, true) => 60,
            (_, false) => 80,
        };
        let input = (!self.from_router).then(|| "in0".into());
        let owner = self.from_router.then_some(Owner { uid: 0, gid: 0 });
        Packet { input, owner, length, ..Packet::new(source.parse().unwrap(), destination, transport) }
    }
}

/// The router.
pub(crate) fn router() -> Host {
    let interface = |name: &str, addresses: [&str; 2]| Interface {
        name: name.into(),
        addresses: addresses.map(|address| address.parse().unwrap()).into(),
        broadcast: Vec::new(),
    };
    let route = |to: &str, interface: &str| Route { to: to.parse().unwrap(), interface: interface.into() };
    Host {
        interfaces: vec![interface("in0", ["10.1.0.1", "fd00:1::1"]), interface("out0", ["10.2.0.1", "fd00:2::1"])],
        routes: vec![
            route("10.1.0.0/24", "in0"),
            route("fd00:1::/64", "in0"),
            route("10.2.0.0/24", "out0"),
            route("fd00:2::/64", "out0"),
        ],
    }
}

/// Addresses of layer 2 are fixed and known, so that no packet waits for another one and none is unexpected.
const SETUP: &str = "
set -e
for name in a r b; do
    ip netns add PREFIX$name
    ip netns exec PREFIX$name sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
        net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    ip -n PREFIX$name link set lo up
done
ip link add a0 address 02:00:00:00:00:01 netns PREFIXa type veth peer name in0 address 02:00:00:00:00:02 netns PREFIXr
ip link add out0 address 02:00:00:00:00:03 netns PREFIXr type veth peer name b0 address 02:00:00:00:00:04 netns PREFIXb
address() { ip -n PREFIX$1 address add $3 dev $2 $4; }
address a a0 10.1.0.2/24; address a a0 fd00:1::2/64 nodad
address r in0 10.1.0.1/24; address r in0 fd00:1::1/64 nodad
address r out0 10.2.0.1/24; address r out0 fd00:2::1/64 nodad
address b b0 10.2.0.2/24; address b b0 10.2.0.3/24; address b b0 fd00:2::2/64 nodad
ip -n PREFIXa link set a0 up; ip -n PREFIXr link set in0 up; ip -n PREFIXr link set out0 up; ip -n PREFIXb link set b0 up
for to in 10.1.0.1 fd00:1::1; do ip -n PREFIXa neigh replace $to dev a0 lladdr 02:00:00:00:00:02 nud permanent; done
for to in 10.1.0.2 fd00:1::2; do ip -n PREFIXr neigh replace $to dev in0 lladdr 02:00:00:00:00:01 nud permanent; done
for to in 10.2.0.2 10.2.0.3 fd00:2::2; do ip -n PREFIXr neigh replace $to dev out0 lladdr 02:00:00:00:00:04 nud permanent; done
ip -n PREFIXa route add default via 10.1.0.1; ip -n PREFIXa -6 route add default via fd00:1::1
for name in a b; do
    ip netns exec PREFIX$name nft 'table inet end { chain input { type filter hook input priority 0; policy drop; }; }'
done
";

fn shell(command: &str, input: &str) -> Output {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
