//! Ranges of addresses.

use ipnet::IpNet;
use rangemap::RangeInclusiveSet;

use super::world::World;

/// Ranges that nobody outside uses: RFC 1918, RFC 6598, link-local and unique local addresses.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

/// Whether every address of a block is private.
pub(crate) fn is_private(cidr: IpNet) -> bool {
    PRIVATE.iter().filter_map(|private| private.parse::<IpNet>().ok()).any(|private| private.contains(&cidr))
}

/// What is left of a block when its exceptions are taken out.
fn left(cidr: IpNet, except: &[IpNet]) -> RangeInclusiveSet<u128> {
    let mut left = RangeInclusiveSet::new();
    left.insert(range(cidr));
    for hole in except {
        left.remove(range(*hole));
    }
    left
}

/// Whether nothing is left of a block.
pub(crate) fn is_empty(cidr: IpNet, except: &[IpNet]) -> bool {
    left(cidr, except).is_empty()
}

/// Whether a block without its exceptions and a range have an address in common.
pub(crate) fn overlap(cidr: IpNet, except: &[IpNet], other: IpNet) -> bool {
    cidr.addr().is_ipv4() == other.addr().is_ipv4() && left(cidr, except).overlaps(&range(other))
}

/// Whether the input or the configuration shows addresses of the family of a block.
pub(crate) fn has_family(world: &World<'_>, of: &str) -> bool {
    let v4 = !of.contains(':');
    let ranges = world.environment.pod_cidrs.iter().any(|range| range.addr().is_ipv4() == v4);
    let mut services = world.services.values().flatten();
    ranges
        || world.addresses.iter().any(|address| address.is_ipv4() == v4)
        || services.any(|service| service.cluster_ips.iter().any(|address| address.is_ipv4() == v4))
}

fn range(cidr: IpNet) -> std::ops::RangeInclusive<u128> {
    match cidr {
        IpNet::V4(net) => u128::from(u32::from(net.network()))..=u128::from(u32::from(net.broadcast())),
        IpNet::V6(net) => u128::from(net.network())..=u128::from(net.broadcast()),
    }
}
