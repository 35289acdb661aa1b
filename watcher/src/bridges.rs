//! Reads what the system says of its bridges: `/sys/class/net`, `/proc/sys/net/bridge` and the routes.
//!
//! `/proc/sys/net` and the routes are those of the network namespace of whoever reads, `/sys` is that of the mount: a
//! container that looks at its node needs the node's.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use engine::compile::bridge::{self, Bridge, Facts, Unseen};
use engine::inventory::Inventory;
use engine::ruleset::{Family, Ruleset, TableKey};
use ipnet::IpNet;

/// Where everything stands; tests have a copy.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/sys/class/net`.
    pub interfaces: PathBuf,
    /// `/proc/sys/net/bridge`: there is none without `br_netfilter`.
    pub calls: PathBuf,
    /// `/proc/thread-self/net`.
    pub network: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            interfaces: "/sys/class/net".into(),
            calls: "/proc/sys/net/bridge".into(),
            network: "/proc/thread-self/net".into(),
        }
    }
}

/// What this machine says. A machine without bridges is not asked for its routes.
///
/// # Errors
/// If something that has to be there cannot be read.
pub fn read(roots: &Roots) -> io::Result<Facts> {
    let mut bridges = Vec::new();
    let mut entries = fs::read_dir(&roots.interfaces)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let of_bridge = entry.path().join("bridge");
        if !of_bridge.is_dir() {
            continue;
        }
        // Either of the two is enough: the whole host's, or the bridge's own.
        let calls = |whole: &str, own: &str| -> io::Result<bool> {
            Ok(is_on(&roots.calls.join(whole))? || roots.calls.is_dir() && is_on(&of_bridge.join(own))?)
        };
        bridges.push(Bridge {
            name: entry.file_name().to_string_lossy().into(),
            calls_ipv4: calls("bridge-nf-call-iptables", "nf_call_iptables")?,
            calls_ipv6: calls("bridge-nf-call-ip6tables", "nf_call_ip6tables")?,
        });
    }
    let routes = if bridges.is_empty() { Vec::new() } else { routes(&roots.network)? };
    Ok(Facts { bridges, routes })
}

/// The bridges of this machine between whose pods nothing is enforced; none where a table judges on the bridges themselves.
///
/// # Errors
/// As [`read`].
pub fn unseen(ruleset: &Ruleset, inventory: &Inventory, node: &str) -> io::Result<Vec<Unseen>> {
    if ruleset.tables.contains_key(&TableKey::ours(Family::Bridge)) {
        return Ok(Vec::new());
    }
    Ok(bridge::unseen(&read(&Roots::default())?, inventory, node))
}

/// Whether a file holds anything but 0; one that is not there is off.
fn is_on(path: &Path) -> io::Result<bool> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim() != "0"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The main routing table, both families. A family that the kernel lacks has none.
fn routes(network: &Path) -> io::Result<Vec<(IpNet, Box<str>)>> {
    let text = |name: &str| match fs::read_to_string(network.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    };
    let v4 = text("route")?;
    let v6 = text("ipv6_route")?;
    Ok(v4.lines().skip(1).filter_map(route_v4).chain(v6.lines().filter_map(route_v6)).collect())
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses as hexadecimal numbers in the machine's order.
fn route_v4(line: &str) -> Option<(IpNet, Box<str>)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let number = |idx: usize| words.get(idx).and_then(|word| u32::from_str_radix(word, 16).ok()).map(u32::to_ne_bytes);
    let mask = u32::from_be_bytes(number(7)?);
    let to = IpNet::new(Ipv4Addr::from(number(1)?).into(), u8::try_from(mask.leading_ones()).ok()?).ok()?;
    Some((to, (*words.first()?).into()))
}

/// `DESTINATION LENGTH SOURCE LENGTH NEXTHOP METRIC REFCNT USE FLAGS IFACE`, all in hexadecimal digits.
fn route_v6(line: &str) -> Option<(IpNet, Box<str>)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let address = IpAddr::V6(Ipv6Addr::from(u128::from_str_radix(words.first()?, 16).ok()?));
    let length = u8::from_str_radix(words.get(1)?, 16).ok()?;
    Some((IpNet::new(address, length).ok()?, (*words.get(9)?).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        let hexadecimal = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
        let line = format!(
            "cni0\t{}\t00000000\t0001\t0\t0\t0\t{}\t0\t0\t0",
            hexadecimal([10, 244, 1, 0]),
            hexadecimal([255, 255, 255, 0])
        );
        assert_eq!(route_v4(&line), Some(("10.244.1.0/24".parse().unwrap(), "cni0".into())));
        let zeroes = "0".repeat(32);
        let line = format!(
            "20010db8024400010000000000000000 40 {zeroes} 00 {zeroes} 00000100 00000001 00000000 00000001     cni0"
        );
        assert_eq!(route_v6(&line), Some(("2001:db8:244:1::/64".parse().unwrap(), "cni0".into())));
        assert_eq!(route_v6("not a route"), None);
        assert_eq!(route_v4("Iface Destination"), None);
    }
}
