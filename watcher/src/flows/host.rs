//! This host as the simulator sees it: its interfaces, their addresses, and what is routed where.
//!
//! Routes are those of the main table: what rules of policy routing lead elsewhere is not seen.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use engine::eval::ruleset::{Host, Interface, Route};
use ipnet::{Ipv4Net, Ipv6Net};

/// The main table's routes, for the network namespace of the thread that reads.
const ROUTES4: &str = "/proc/thread-self/net/route";
const ROUTES6: &str = "/proc/thread-self/net/ipv6_route";

/// Flags of routes (`RTF_*`).
const UP: u32 = 1;
const REJECT: u32 = 0x200;

/// The host that the calling thread is on.
///
/// # Errors
/// What the system says. A kernel without IPv6 has no routes of it, which is no error.
pub fn read() -> io::Result<Host> {
    let mut interfaces: BTreeMap<String, (Vec<IpAddr>, Vec<Ipv4Addr>)> = BTreeMap::new();
    for found in nix::ifaddrs::getifaddrs()? {
        let (addresses, broadcasts) = interfaces.entry(found.interface_name).or_default();
        let address = found.address.as_ref();
        addresses
            .extend(address.and_then(|address| address.as_sockaddr_in()).map(|address| IpAddr::from(address.ip())));
        addresses
            .extend(address.and_then(|address| address.as_sockaddr_in6()).map(|address| IpAddr::from(address.ip())));
        let broadcast = found.broadcast.as_ref().and_then(|address| address.as_sockaddr_in());
        broadcasts.extend(broadcast.map(nix::sys::socket::SockaddrIn::ip));
    }
    let interfaces = interfaces.into_iter().map(|(name, (addresses, broadcast))| Interface {
        name: name.into(),
        addresses,
        broadcast,
    });
    let text = |path| match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    };
    let (routes4, routes6) = (text(ROUTES4)?, text(ROUTES6)?);
    let routes = routes4.lines().filter_map(route4).chain(routes6.lines().filter_map(route6));
    Ok(Host { interfaces: interfaces.collect(), routes: routes.collect() })
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, reference counts, metric, mask, …; addresses as
/// the machine's numbers of their bytes.
fn route4(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[interface, destination, _, flags, _, _, _, mask, ..] = words.as_slice() else { return None };
    let address = |text| u32::from_str_radix(text, 16).ok().map(|number| Ipv4Addr::from(number.to_ne_bytes()));
    let to = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    let is_usable = is_usable(u32::from_str_radix(flags, 16).ok()?);
    is_usable.then(|| Route { to: to.into(), interface: interface.into() })
}

/// A line of `/proc/net/ipv6_route`: destination, its length, source, its length, gateway, metric, counts, flags,
/// interface.
fn route6(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[destination, length, _, _, _, _, _, _, flags, interface] = words.as_slice() else { return None };
    let destination = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
    let to = Ipv6Net::new(destination, u8::from_str_radix(length, 16).ok()?).ok()?;
    let is_usable = is_usable(u32::from_str_radix(flags, 16).ok()?);
    is_usable.then(|| Route { to: to.into(), interface: interface.into() })
}

fn is_usable(flags: u32) -> bool {
    flags & UP != 0 && flags & REJECT == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_the_kernel_prints_them() {
        if cfg!(target_endian = "little") {
            let line = "cali1\t0B01F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0";
            let route = route4(line).unwrap();
            assert_eq!((route.to.to_string(), &*route.interface), ("10.244.1.11/32".to_owned(), "cali1"));
        }
        assert_eq!(route4("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"), None);
        let line = "20010db8024400010000000000000011 80 00000000000000000000000000000000 00 \
                    00000000000000000000000000000000 00000400 00000001 00000000 00000001    cali1";
        let route = route6(line).unwrap();
        assert_eq!((route.to.to_string(), &*route.interface), ("2001:db8:244:1::11/128".to_owned(), "cali1"));
        // An unreachable route leads nowhere.
        assert_eq!(route6(&line.replace("00000001    cali1", "00200200       lo")), None);
    }
}
