//! The wires of a laboratory, as lines for `ip -batch`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::topology::Host;

/// The gateway of every routed wire, a link-local address as Calico uses it.
const GATEWAY4: &str = "169.254.1.1";
/// The same for IPv6; the router's end of the wire bears it.
const GATEWAY6: &str = "fe80::1";
/// The hardware address of the router's end of every routed wire.
const ROUTER_MAC: &str = "ee:ee:ee:ee:ee:ee";

/// What holds in every namespace before its first interface comes up: addresses are usable at once, nothing is
/// autoconfigured, unprivileged echo sockets work, and nothing is filtered by reverse path unless a test asks for it.
pub(super) const EVERYWHERE: &[(&str, &str)] = &[
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/ping_group_range", "0 2147483647"),
    // One answer per error would be rationed: many probes are answered by the same router.
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv6/icmp/ratelimit", "0"),
];

/// What makes a namespace a router.
pub(super) const ROUTER: &[(&str, &str)] = &[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// What makes a router answer for the gateway's address on this wire, without the usual pause of most of a second.
pub(super) fn proxy(interface: &str) -> [(String, &'static str); 2] {
    [(format!("ipv4/conf/{interface}/proxy_arp"), "1"), (format!("ipv4/neigh/{interface}/proxy_delay"), "0")]
}

/// Lines for the two ends of wires.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// For the namespace of the router or bridge.
    pub(super) near: String,
    /// For the host's namespace.
    pub(super) far: String,
}

/// How the host learns the hardware address of its gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Resolution {
    /// It asks, and the router answers in the gateway's place.
    Asked,
    /// It is told beforehand: the router has no other route by which it could answer in the gateway's place.
    Told,
}

/// A wire from a router to the `eth0` of a host, with host routes in one direction and a default in the other.
pub(super) fn routed(interface: &str, host: &Host, path: &str, resolution: Resolution) -> Wire {
    let mut wire = Wire::default();
    let Wire { near, far } = &mut wire;
    line(near, format_args!("link add {interface} address {ROUTER_MAC} type veth peer name eth0 netns {path}"));
    line(near, format_args!("link set {interface} up"));
    line(near, format_args!("addr add {GATEWAY6}/64 dev {interface} nodad"));
    line(far, format_args!("link set eth0 up"));
    for address in &host.addresses {
        line(near, format_args!("route add {address} dev {interface}"));
        match address {
            IpAddr::V4(_) => {
                line(far, format_args!("addr add {address}/32 dev eth0"));
                line(far, format_args!("route add {GATEWAY4} dev eth0 scope link"));
                if resolution == Resolution::Told {
                    line(far, format_args!("neigh add {GATEWAY4} lladdr {ROUTER_MAC} dev eth0 nud permanent"));
                }
                line(far, format_args!("route add default via {GATEWAY4} dev eth0"));
            }
            IpAddr::V6(_) => {
                line(far, format_args!("addr add {address}/128 dev eth0 nodad"));
                line(far, format_args!("route add default via {GATEWAY6} dev eth0"));
            }
        }
    }
    wire
}

/// A bridge that has the first address of each range that its hosts are in.
pub(super) fn bridge(name: &str, hosts: &[Host]) -> String {
    let mut lines = String::new();
    line(&mut lines, format_args!("link add {name} type bridge mcast_snooping 0"));
    line(&mut lines, format_args!("link set {name} up"));
    let mut gateways: Vec<_> = hosts.iter().flat_map(|host| &host.addresses).map(|address| on_link(*address)).collect();
    gateways.sort_unstable();
    gateways.dedup();
    for (gateway, length) in gateways {
        let flags = if gateway.is_ipv6() { " nodad" } else { "" };
        line(&mut lines, format_args!("addr add {gateway}/{length} dev {name}{flags}"));
    }
    lines
}

/// A wire from a bridge to the `eth0` of a host.
pub(super) fn bridged(interface: &str, bridge: &str, host: &Host, path: &str) -> Wire {
    let mut wire = Wire::default();
    let Wire { near, far } = &mut wire;
    line(near, format_args!("link add {interface} type veth peer name eth0 netns {path}"));
    line(near, format_args!("link set {interface} master {bridge} up"));
    line(far, format_args!("link set eth0 up"));
    for address in &host.addresses {
        let (gateway, length) = on_link(*address);
        let flags = if address.is_ipv6() { " nodad" } else { "" };
        line(far, format_args!("addr add {address}/{length} dev eth0{flags}"));
        line(far, format_args!("route add default via {gateway} dev eth0"));
    }
    wire
}

/// Routes to hosts behind another router.
pub(super) fn behind(interface: &str, hosts: &[Host], router: &Host) -> String {
    let mut lines = String::new();
    for address in hosts.iter().flat_map(|host| &host.addresses) {
        let via = router.addresses.iter().find(|via| via.is_ipv4() == address.is_ipv4());
        if let Some(via) = via {
            line(&mut lines, format_args!("route add {address} via {via} dev {interface}"));
        }
    }
    lines
}

/// The gateway and the prefix length of the range that an address is in: /24 and /64, the first address of it.
fn on_link(address: IpAddr) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(address) => (Ipv4Addr::from_bits(address.to_bits() & !0xff | 1).into(), 24),
        IpAddr::V6(address) => (Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX) | 1).into(), 64),
    }
}

fn line(lines: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(lines, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_has_one_gateway_per_range() {
        let host = |addresses: &[&str]| Host {
            name: "h".into(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        };
        let lines = bridge("cni0", &[host(&["10.244.1.9", "2001:db8:244:1::9"]), host(&["10.244.1.10"])]);
        assert_eq!(lines.matches("addr add").count(), 2);
        assert!(lines.contains("addr add 10.244.1.1/24 dev cni0\n"), "{lines}");
        assert!(lines.contains("addr add 2001:db8:244:1::1/64 dev cni0 nodad\n"), "{lines}");
    }
}
