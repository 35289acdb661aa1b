//! PAL616 pmtu-blackhole: errors about the size of packets are dropped.

use policy_lang::host::rule::{Domain, Table};

use crate::eval::ruleset::{Conntrack, Packet, State, Transport};
use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules that let packets of established connections in and drop the ICMP errors which say that a packet
    /// was too large.
    ///
    /// ## Why it bites
    ///
    /// Connections open, and hang with the first large packet, for those behind a tunnel only.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled, and such an error, which connection tracking calls RELATED, is judged by the compiled
    /// INPUT and FORWARD, by every interface that the rules name. Where established connections are dropped too, PAL612
    /// says so; where neighbour discovery is, PAL615.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state ESTABLISHED ACCEPT; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where every path has the same MTU.
    pub(crate) static PMTU_BLACKHOLE = "PAL616" "pmtu-blackhole" Warning Unsafe On,
        "errors about the size of packets are dropped", Check::Node(check);
}

/// Whoever is far away, and the node or what is behind it.
const ENDS: [(Domain, &str, &str); 2] =
    [(Domain::Ip, "203.0.113.1", "192.0.2.1"), (Domain::Ip6, "2001:db8:ff::1", "2001:db8::1")];

/// `fragmentation-needed` of IPv4 and `packet-too-big` of IPv6, with their names.
fn error(domain: Domain) -> (Transport, &'static str) {
    match domain {
        Domain::Ip6 => (Transport::Icmp { icmp_type: 2, code: 0 }, "packet-too-big"),
        Domain::Ip | Domain::Arp | Domain::Eb => (Transport::Icmp { icmp_type: 3, code: 4 }, "fragmentation-needed"),
    }
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    for (domain, from, to) in ENDS {
        let (Ok(from), Ok(to)) = (from.parse(), to.parse()) else { continue };
        for (way, name) in [(Way::In, "INPUT"), (Way::Through, "FORWARD")] {
            let passes = |transport, state| {
                let mut packet = Packet::new(from, to, transport);
                if let Conntrack::Tracked(entry) = &mut packet.conntrack {
                    entry.state = state;
                }
                node.passes(way, &packet)
            };
            let (error, said) = error(domain);
            let established = passes(Transport::syn(443, 40_000), State::Established);
            let neighbours = || passes(Transport::Icmp { icmp_type: 135, code: 0 }, State::New);
            let is_its_own = established && (domain == Domain::Ip || way == Way::Through || neighbours());
            if !is_its_own || passes(error, State::Related) {
                continue;
            }
            let Some(span) = node.place_in(domain, Table::Filter, name) else { continue };
            let message = format!("{name} drops the errors `{said}`: large packets get lost without a word");
            let finding = report.at(span, message);
            finding.help = Some("accept what is related: `mod state state (ESTABLISHED RELATED) ACCEPT;`".into());
            finding.fix = accepting::fix("mod state state RELATED ACCEPT;", span, world.sources);
        }
    }
}
