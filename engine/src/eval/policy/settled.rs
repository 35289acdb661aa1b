//! What is settled before any policy is asked (decisions.md 16).

use super::{Cause, Outcome, Question, Transport, Way};

/// ICMPv6: router solicitation, neighbour solicitation and advertisement.
const NEIGHBOUR_DISCOVERY: [u8; 3] = [133, 135, 136];
/// ICMPv6: multicast listener query, report, done, and version 2's report.
const LISTENER_DISCOVERY: [u8; 4] = [130, 131, 132, 143];
/// ICMPv6: router advertisement and redirect.
const ROUTING: [u8; 2] = [134, 137];
/// ICMPv6: packet too big.
const PACKET_TOO_BIG: u8 = 2;
/// ICMP: destination unreachable, with the code for "fragmentation needed".
const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);
/// The hop limit of what no router has forwarded.
const NEIGHBOUR: u8 = 255;

impl Question<'_> {
    /// The verdict, if policy has no say in it.
    pub(super) fn without_policy(&self) -> Option<(Outcome, Cause)> {
        if self.connection.way == Way::FromNode {
            return Some((Outcome::Allowed, Cause::OwnNode));
        }
        let Transport::Icmp { icmp_type, code, hop_limit } = self.connection.transport else { return None };
        let vital = Some((Outcome::Allowed, Cause::Vital));
        if self.connection.source.is_ipv4() {
            return if (icmp_type, code) == FRAGMENTATION_NEEDED { vital } else { None };
        }
        let is_discovery = NEIGHBOUR_DISCOVERY.contains(&icmp_type) && hop_limit == NEIGHBOUR;
        if icmp_type == PACKET_TOO_BIG || is_discovery || LISTENER_DISCOVERY.contains(&icmp_type) {
            return vital;
        }
        if !ROUTING.contains(&icmp_type) {
            return None;
        }
        // A host that accepts them would take a route from a pod.
        let denied = if self.is_node_observed() { Outcome::Observed } else { Outcome::Denied };
        if self.comes_from_pod() { Some((denied, Cause::RoutingFromPod)) } else { vital }
    }

    /// A packet of a local pod, by its interface, or by its address; they are sent from link-local ones, which no range
    /// tells apart.
    fn comes_from_pod(&self) -> bool {
        let by_interface = self.oracle.options.local.interface_prefix.is_some() && self.connection.interfaces.input;
        by_interface || !self.known(self.connection.source).is_empty()
    }
}
