//! Hosts that are no part of the cluster, chosen so that the policies tell them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use policy_lang::peer::Peer;
use policy_lang::policy::{Direction, Peers, Policy};

use crate::lab::Host;

/// Most hosts outside.
const HOSTS_MAX: usize = 10;

/// Hosts that the examples tell apart, and hosts that nobody has heard of for any other cluster.
const KNOWN: [(&str, &[IpAddr]); 7] = [
    ("admin", &[v4([203, 0, 113, 10]), v6(0xffff, 0x10)]),
    ("proxy", &[v4([198, 51, 100, 7]), v6(0x7, 0x7)]),
    ("mirror", &[v4([203, 0, 113, 80]), v6(0x203, 0x80)]),
    ("stranger", &[v4([192, 0, 2, 9]), v6(0x5, 0x9)]),
    ("banned", &[v4([203, 0, 113, 130]), v6(0xbad, 0x130)]),
    ("old-relay", &[v4([198, 51, 100, 25])]),
    ("metadata", &[v4([169, 254, 169, 254]), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))]),
];

const fn v4(octets: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes(octets)))
}

/// The host of this number in this network of the range for documentation, `2001:db8::/32`.
const fn v6(network: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, network, 0, 0, 0, 0, host))
}

/// The hosts outside of a cluster whose own addresses are these: the known ones, and one more for every combination of
/// address blocks in the policies that none of those is in, up to [`HOSTS_MAX`].
pub(super) fn hosts(policies: &[Policy], taken: &BTreeSet<IpAddr>) -> Vec<Host> {
    let blocks = blocks(policies);
    let in_blocks = |address: IpAddr| -> Vec<bool> { blocks.iter().map(|block| block.contains(&address)).collect() };
    let mut hosts = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, addresses) in KNOWN {
        let free: Vec<_> = addresses.iter().copied().filter(|address| !taken.contains(address)).collect();
        seen.extend(free.iter().map(|address| (address.is_ipv4(), in_blocks(*address))));
        if !free.is_empty() {
            hosts.push(Host { name: name.into(), addresses: free });
        }
    }
    // The members of a block that are in no smaller one are not found by its first addresses alone, but by those just
    // behind the smaller ones too.
    let edges = blocks.iter().flat_map(|block| [inside(*block), behind(*block)]).flatten();
    let mut more: BTreeMap<bool, Vec<IpAddr>> = BTreeMap::new();
    for address in edges.filter(|address| is_ordinary(*address) && !taken.contains(address)) {
        if seen.insert((address.is_ipv4(), in_blocks(address))) {
            more.entry(address.is_ipv4()).or_default().push(address);
        }
    }
    let mut families = more.into_values().map(Vec::into_iter).collect::<Vec<_>>();
    let mut number = 0;
    while hosts.len() < HOSTS_MAX {
        let addresses: Vec<IpAddr> = families.iter_mut().filter_map(Iterator::next).collect();
        if addresses.is_empty() {
            break;
        }
        number += 1;
        hosts.push(Host { name: format!("outside-{number}").into(), addresses });
    }
    hosts
}

/// Every block and exception that a policy names.
fn blocks(policies: &[Policy]) -> Vec<IpNet> {
    let mut blocks = BTreeSet::new();
    let rules = policies.iter().flat_map(|policy| {
        let of = |direction| policy.rules(direction).unwrap_or_default();
        of(Direction::Ingress).iter().chain(of(Direction::Egress))
    });
    for rule in rules {
        let Peers::AnyOf(peers) = &rule.peers else { continue };
        for peer in peers {
            if let Peer::Addresses { cidr, except } = peer {
                blocks.insert(*cidr);
                blocks.extend(except);
            }
        }
    }
    blocks.into_iter().collect()
}

/// An address in a block that is not its first, where there is another.
fn inside(block: IpNet) -> Option<IpAddr> {
    let further = match block.network() {
        IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().checked_add(7)?)),
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().checked_add(7)?)),
    };
    Some(if block.contains(&further) { further } else { block.addr() })
}

/// An address shortly behind a block.
fn behind(block: IpNet) -> Option<IpAddr> {
    Some(match block.broadcast() {
        IpAddr::V4(last) => IpAddr::V4(Ipv4Addr::from_bits(last.to_bits().checked_add(7)?)),
        IpAddr::V6(last) => IpAddr::V6(Ipv6Addr::from_bits(last.to_bits().checked_add(7)?)),
    })
}

/// Whether a host far away may have this address, and packets to it are routed.
fn is_ordinary(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            (1..224).contains(&first) && !v4.is_loopback() && !v4.is_link_local()
        }
        // Global unicast and unique local.
        IpAddr::V6(v6) => {
            let [first, ..] = v6.octets();
            (0x20..0x40).contains(&first) || (0xfc..0xfe).contains(&first)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::examples;
    use crate::source::load_from;

    fn peers(hosts: &[Host]) -> Vec<&str> {
        hosts.iter().map(|host| &*host.name).collect()
    }

    #[test]
    fn without_policies_the_known_hosts_are_there_unless_the_cluster_has_their_addresses() {
        assert_eq!(hosts(&[], &BTreeSet::new()).len(), KNOWN.len());
        let taken = BTreeSet::from([v4([198, 51, 100, 25])]);
        assert!(!peers(&hosts(&[], &taken)).contains(&"old-relay"));
    }

    #[test]
    fn blocks_that_no_known_host_is_in_get_one() {
        let mut policies = load_from(&examples::config(), &examples::Examples::default()).unwrap().policies;
        for rule in policies.iter_mut().filter_map(|policy| policy.ingress.as_mut()).flatten() {
            rule.peers = Peers::AnyOf(vec![Peer::Addresses {
                cidr: "100.64.0.0/10".parse().unwrap(),
                except: ["100.64.8.0/24".parse().unwrap()].into(),
            }]);
        }
        let hosts = hosts(&policies, &BTreeSet::new());
        let addresses: Vec<_> = hosts.iter().flat_map(|host| &host.addresses).collect();
        for block in ["100.64.8.0/24", "100.64.0.0/10"] {
            let block: IpNet = block.parse().unwrap();
            assert!(addresses.iter().any(|address| block.contains(*address)), "{addresses:?}");
        }
        assert!(hosts.len() <= HOSTS_MAX);
    }
}
