//! Configurations drawn by a number: the words that sites use most, in every table, with constants that meet.

use std::fmt::Write as _;

/// Numbers that only look random, the same for every run.
#[derive(Debug)]
struct Draw(u64);

impl Draw {
    /// Below `n`. Splitmix64 of Steele, Lea and Flood.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(n).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

const ADDRESSES: &[&str] = &[
    "(192.0.2.1 2001:db8:2::1)",
    "(192.0.2.0/24 2001:db8:2::/64)",
    "(192.0.2.8/29 198.51.100.7 2001:db8:2::8/125 2001:db8:51::7)",
    "(10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7)",
    "(198.51.100.64/26 198.51.100.70 2001:db8:51::/48 2001:db8:51:1::/64)",
    "(203.0.113.5 203.0.113.6 203.0.113.9 2001:db8:7113::5 2001:db8:7113::6)",
];
const NOT_V4: &[&str] = &["!192.0.2.1", "!192.0.2.0/25", "!198.51.100.64/30"];
const NOT_V6: &[&str] = &["!2001:db8:2::1", "!2001:db8:2::/65", "!2001:db8:51::/48"];
const INTERFACES: &[&str] = &["eth0", "eth1", "(eth0 ppp0)", "!eth0", "eth1+", "ppp+", "!eth+", "nothere0"];
const TRANSPORTS: &[&str] = &[
    "proto tcp",
    "proto udp",
    "proto (tcp udp)",
    "proto !tcp",
    "proto tcp dport 22",
    "proto tcp dport (22 80 443)",
    "proto tcp dport !80",
    "proto tcp dport 1000:1999",
    "proto udp dport (53 123 161:162)",
    "proto udp sport 53",
    "proto (tcp udp) dport 53",
    "proto (tcp udp) sport (53 5353) dport (53 5353)",
    "proto tcp dports (21 22 80:90 443)",
    "proto udp dports !(53 123)",
    "proto tcp sports (20 1024:2048)",
    "proto tcp syn",
    "proto tcp !syn",
    "proto tcp tcp-flags (SYN ACK FIN RST) SYN",
    "proto tcp tcp-flags ALL NONE",
    "proto tcp tcp-flags !(SYN RST) (SYN RST)",
    "proto gre",
    "proto (esp ah)",
    "proto 112",
    "proto sctp dport 3868",
];
const ICMP4: &[&str] = &[
    "echo-request",
    "(echo-request echo-reply)",
    "destination-unreachable",
    "host-unreachable",
    "!echo-request",
    "time-exceeded",
    "3/3",
    "any",
    "parameter-problem",
];
const ICMP6: &[&str] = &[
    "echo-request",
    "(echo-request echo-reply)",
    "destination-unreachable",
    "packet-too-big",
    "!echo-request",
    "neighbour-solicitation",
    "1/4",
    "router-advertisement",
];
const STATES: &[&str] = &[
    "mod state state NEW",
    "mod state state (ESTABLISHED RELATED)",
    "mod state state INVALID",
    "mod conntrack ctstate !NEW",
    "mod conntrack ctstate (NEW ESTABLISHED)",
    "mod conntrack ctstate !(ESTABLISHED RELATED)",
    "mod conntrack ctstate UNTRACKED",
    "mod conntrack ctdir ORIGINAL",
    "mod conntrack ctstatus CONFIRMED",
    "mod conntrack ctproto tcp",
];
const OTHERS: &[&str] = &[
    "mod length length 100:200",
    "mod length length !64",
    "mod mark mark 1",
    "mod mark mark !0",
    "mod mark mark 0x10/0xf0",
    "mod connmark mark 1",
    "mod connmark mark !0x2/0xf",
    "mod addrtype dst-type LOCAL",
    "mod addrtype dst-type !LOCAL",
    "mod addrtype src-type (UNICAST LOCAL)",
    "mod comment comment \"drawn rule\"",
    "mod limit limit 5/hour limit-burst 3",
    "mod limit limit 20/day",
];
const RANGES: &[&str] = &["src-range 192.0.2.10-192.0.2.20", "dst-range !198.51.100.60-198.51.100.70"];
const INCOMING: &[&str] = &[
    "mod pkttype pkt-type unicast",
    "mod pkttype pkt-type multicast",
    "mod mac mac-source 02:00:5e:00:53:02",
    "mod mac mac-source !02:00:5e:00:53:02",
];

/// Where a block of rules stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    table: &'static str,
    chain: &'static str,
    domain: &'static str,
}

const PLACES: &[(&str, &str)] = &[
    ("filter", "INPUT"),
    ("filter", "INPUT"),
    ("filter", "FORWARD"),
    ("filter", "FORWARD"),
    ("filter", "OUTPUT"),
    ("filter", "(INPUT FORWARD)"),
    ("mangle", "PREROUTING"),
    ("mangle", "FORWARD"),
    ("mangle", "OUTPUT"),
    ("mangle", "POSTROUTING"),
    ("mangle", "INPUT"),
    ("nat", "PREROUTING"),
    ("nat", "POSTROUTING"),
    ("nat", "OUTPUT"),
    ("raw", "PREROUTING"),
    ("raw", "OUTPUT"),
];

/// The configuration of a number.
pub(super) fn configuration(number: u64) -> String {
    let mut draw = Draw(number.wrapping_mul(0x1_0000_0001));
    let mut text = String::new();
    for block in 0..=draw.below(3) {
        let (table, chain) = PLACES[draw.below(PLACES.len())];
        // ferm 2.5.1 knows no new address for both families.
        let domain = match table {
            "nat" => draw.pick(&["ip", "ip6"]),
            _ => draw.pick(&["(ip ip6)", "(ip ip6)", "(ip ip6)", "ip", "ip6"]),
        };
        let place = Place { table, chain, domain };
        let _infallible = writeln!(text, "domain {domain} table {table} {{");
        let has_chain = draw.once_in(2).then(|| format!("own{block}"));
        if let Some(name) = &has_chain {
            let rules = draw.rules(place, None);
            let _infallible = writeln!(text, "  chain {name} {{\n{rules}  }}");
        }
        let policy = if table == "nat" { "" } else { draw.pick(&["", "    policy DROP;\n", "    policy ACCEPT;\n"]) };
        let rules = draw.rules(place, has_chain.as_deref());
        let _infallible = writeln!(text, "  chain {chain} {{\n{policy}{rules}  }}\n}}");
    }
    text
}

impl Draw {
    fn rules(&mut self, place: Place, jump: Option<&str>) -> String {
        let n_rules = 3 + self.below(7);
        let at = self.below(n_rules);
        (0..n_rules).map(|idx| self.rule(place, jump.filter(|_| idx == at))).collect()
    }

    fn rule(&mut self, place: Place, jump: Option<&str>) -> String {
        let mut words = Vec::new();
        let mut has_protocol = false;
        for _ in 0..=self.below(3) {
            let word = self.matching(place);
            let is_protocol = word.starts_with("proto");
            let key = word.split([' ', '(']).next().unwrap_or_default();
            let is_repeated = |other: &String| key != "mod" && other.starts_with(key) || *other == word;
            let is_second = is_protocol && has_protocol;
            if !(is_second || words.iter().any(is_repeated)) {
                has_protocol |= is_protocol;
                words.push(word);
            }
        }
        // Modules whose words are those of another one.
        for module in ["mod conntrack", "mod state", "mod addrtype", "mod limit", "mod mark", "mod connmark", "mod mac"]
        {
            let mut seen = false;
            words.retain(|word| !word.starts_with(module) || !std::mem::replace(&mut seen, true));
        }
        let is_tcp = words.iter().any(|word| word.starts_with("proto tcp"));
        let has_ports = words.iter().any(|word| word.starts_with("proto tcp") || word.starts_with("proto udp "));
        let action = match jump {
            Some(name) => format!("{} {name}", self.pick(&["jump", "jump", "goto"])),
            None => self.action(place, is_tcp, has_ports),
        };
        format!("    {} {action};\n", words.join(" "))
    }

    fn matching(&mut self, place: Place) -> String {
        let is_incoming = matches!(place.chain, "INPUT" | "FORWARD" | "PREROUTING" | "(INPUT FORWARD)");
        let is_outgoing = matches!(place.chain, "FORWARD" | "OUTPUT" | "POSTROUTING");
        match self.below(12) {
            0..3 => {
                let word = self.pick(&["saddr", "daddr"]);
                let not = match place.domain {
                    "ip" if self.once_in(3) => self.pick(NOT_V4),
                    "ip6" if self.once_in(3) => self.pick(NOT_V6),
                    _ => "",
                };
                match not {
                    "" if place.domain == "(ip ip6)" => format!("{word} {}", self.pick(ADDRESSES)),
                    "" => format!("{word} @ipfilter({})", self.pick(ADDRESSES)),
                    not => format!("{word} {not}"),
                }
            }
            3 if is_incoming => format!("interface {}", self.pick(INTERFACES)),
            3 if is_outgoing => format!("outerface {}", self.pick(INTERFACES)),
            4 if place.domain == "ip" => format!("proto icmp icmp-type {}", self.pick(ICMP4)),
            4 if place.domain == "ip6" => format!("proto icmp icmp-type {}", self.pick(ICMP6)),
            4 => "proto icmp".to_owned(),
            5 | 6 if place.table != "raw" => self.pick(STATES).to_owned(),
            7 if is_incoming => self.pick(INCOMING).to_owned(),
            7 if place.domain == "ip" => format!("mod iprange {}", self.pick(RANGES)),
            8 => self.pick(OTHERS).to_owned(),
            _ => self.pick(TRANSPORTS).to_owned(),
        }
    }

    fn action(&mut self, place: Place, is_tcp: bool, has_ports: bool) -> String {
        let (v4, v6) = ("192.0.2.77", "2001:db8:2::77");
        let one = |v4: &str, v6: &str| if place.domain == "ip" { v4.to_owned() } else { v6.to_owned() };
        let action = match (place.table, place.chain) {
            ("filter", _) => match self.below(10) {
                0..3 => "ACCEPT",
                3..6 => "DROP",
                6 if is_tcp => "REJECT reject-with tcp-reset",
                6 => "REJECT",
                7 if place.domain == "ip" => self.pick(&[
                    "REJECT reject-with icmp-net-unreachable",
                    "REJECT reject-with icmp-host-unreachable",
                    "REJECT reject-with icmp-proto-unreachable",
                    "REJECT reject-with icmp-admin-prohibited",
                    "REJECT reject-with icmp-host-prohibited",
                ]),
                7 => {
                    self.pick(&["REJECT reject-with icmp-port-unreachable", "REJECT reject-with icmp-host-unreachable"])
                }
                8 => "RETURN",
                _ => self.pick(&["LOG", "NOP", "LOG log-prefix \"drawn: \" log-level info"]),
            },
            ("mangle", _) => self.pick(&[
                "ACCEPT",
                "DROP",
                "MARK set-mark 1",
                "MARK set-mark 0x10",
                "MARK set-xmark 0x20/0xf0",
                "MARK or-mark 2",
                "MARK and-mark 0xfe",
                "MARK xor-mark 3",
                "CONNMARK set-mark 1",
                "CONNMARK set-xmark 0x2/0xf",
                "CONNMARK save-mark",
                "CONNMARK restore-mark",
                "RETURN",
            ]),
            ("raw", _) => self.pick(&["NOTRACK", "NOTRACK", "CT notrack", "ACCEPT", "DROP", "RETURN"]),
            (_, "POSTROUTING") => match self.below(5) {
                0 => "MASQUERADE",
                // Of several ports the kernel takes any.
                1 if has_ports => "MASQUERADE to-ports 40000",
                2 => return format!("SNAT to {}", one("192.0.2.80-192.0.2.90", "2001:db8:2::80-2001:db8:2::90")),
                3 => "ACCEPT",
                _ => return format!("SNAT to {}", one(v4, v6)),
            },
            _ => match self.below(5) {
                0 if has_ports => "REDIRECT to-ports 8080",
                1 => "REDIRECT",
                2 if has_ports => {
                    return format!("DNAT to {}", one(&format!("{v4}:8000"), &format!("'[{v6}]:8000'")));
                }
                3 => "ACCEPT",
                _ => return format!("DNAT to {}", one(v4, v6)),
            },
        };
        action.to_owned()
    }
}
