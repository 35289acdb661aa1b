//! Ranges of addresses of one family, as numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Net, Ipv6Subnets};
use policy_lang::peer::Peer;
use policy_lang::policy::Peers;

use super::{IpBlocks, Scene};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Range {
    /// The lowest address as a number.
    pub first: u128,
    /// The highest.
    pub last: u128,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Its place in pairs of things for both families.
    pub(super) fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    /// Every address of it.
    pub fn whole(self) -> Range {
        match self {
            Self::V4 => Range { first: 0, last: u128::from(u32::MAX) },
            Self::V6 => Range { first: 0, last: u128::MAX },
        }
    }

    /// The address that a number stands for.
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))),
            Self::V6 => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }

    /// The networks that a range consists of.
    pub fn networks(self, range: Range) -> Vec<IpNet> {
        match self {
            Self::V4 => {
                let address = |number: u128| Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX));
                Ipv4Subnets::new(address(range.first), address(range.last), 0).map(IpNet::V4).collect()
            }
            Self::V6 => {
                // The library cannot count the addresses of all of IPv6.
                if range == self.whole() {
                    return vec![IpNet::V6(Ipv6Net::default())];
                }
                let address = |number: u128| Ipv6Addr::from(number);
                Ipv6Subnets::new(address(range.first), address(range.last), 0).map(IpNet::V6).collect()
            }
        }
    }
}

impl Range {
    /// The addresses of a network.
    pub fn of(network: &IpNet) -> Self {
        Self { first: number(network.network()), last: number(network.broadcast()) }
    }

    /// One address.
    pub fn single(address: IpAddr) -> Self {
        Self { first: number(address), last: number(address) }
    }

    /// Whether an address is in it.
    pub(super) fn contains(self, address: u128) -> bool {
        self.first <= address && address <= self.last
    }
}

/// An address as a number.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Sorted, without overlaps, merged where they touch.
pub fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => last.last = last.last.max(range.last),
            _ => merged.push(range),
        }
    }
    merged
}

/// What is in `from` and not in `holes`; both are merged.
pub fn without(from: &[Range], holes: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    let mut skipped = 0;
    for range in from {
        let mut first = Some(range.first);
        skipped += holes.get(skipped..).unwrap_or_default().partition_point(|hole| hole.last < range.first);
        for hole in holes.get(skipped..).unwrap_or_default() {
            let Some(start) = first.filter(|_| hole.first <= range.last) else { break };
            if let Some(before) = hole.first.checked_sub(1).filter(|before| *before >= start) {
                left.push(Range { first: start, last: before });
            }
            first = hole.last.checked_add(1).filter(|next| *next <= range.last);
        }
        left.extend(first.map(|first| Range { first, last: range.last }));
    }
    left
}

/// What is in both of two merged lists.
pub fn common(one: &[Range], other: &[Range]) -> Vec<Range> {
    let mut common = Vec::new();
    let (mut of_one, mut of_other) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (of_one.peek(), of_other.peek()) {
        let (first, last) = (a.first.max(b.first), a.last.min(b.last));
        if first <= last {
            common.push(Range { first, last });
        }
        if a.last < b.last {
            of_one.next();
        } else {
            of_other.next();
        }
    }
    common
}

/// Whether two merged lists have an address in common.
pub(super) fn meet(one: &[Range], other: &[Range]) -> bool {
    one.iter().any(|range| {
        let at = other.partition_point(|candidate| candidate.last < range.first);
        other.get(at).is_some_and(|candidate| candidate.first <= range.last)
    })
}

/// The addresses of known pods and of nodes.
pub(super) fn taken(scene: &Scene<'_>) -> [Vec<Range>; 2] {
    let members = scene.workloads.entries.iter().flat_map(|workload| &workload.members);
    let pods = members.flat_map(|member| &member.addresses);
    let nodes = scene.inventory.nodes.values().flat_map(|node| &node.addresses);
    let mut taken = [Vec::new(), Vec::new()];
    for address in pods.chain(nodes) {
        taken[Family::of(*address).index()].push(Range::single(*address));
    }
    taken.map(merged)
}

/// Where policies cut the addresses: between two cuts nothing tells one address from another.
#[derive(Debug)]
pub(super) struct Cuts([Vec<u128>; 2]);

impl Cuts {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let mut cuts = Self([Vec::new(), Vec::new()]);
        let mut asks_for_nodes = false;
        for rule in scene.policies.iter().flat_map(|policy| policy.ingress.iter().chain(&policy.egress)).flatten() {
            let Peers::AnyOf(peers) = &rule.peers else { continue };
            for peer in peers {
                match peer {
                    Peer::Pods(_) => {}
                    Peer::Addresses { cidr, except } if scene.options.ip_blocks == IpBlocks::Match => {
                        std::iter::once(cidr).chain(except).for_each(|network| cuts.cut(network));
                    }
                    Peer::Addresses { .. } => {}
                    Peer::Nodes(_) => asks_for_nodes = true,
                    Peer::Service { name, .. } => {
                        let Some(service) = scene.inventory.services.get(name) else { continue };
                        let endpoints = service.endpoints.iter().map(|endpoint| endpoint.address);
                        endpoints.chain(service.addresses.iter().copied()).for_each(|one| cuts.cut(&one.into()));
                    }
                }
            }
        }
        if asks_for_nodes {
            let nodes = scene.inventory.nodes.values().flat_map(|node| &node.addresses);
            nodes.for_each(|address| cuts.cut(&(*address).into()));
        }
        for cuts in &mut cuts.0 {
            cuts.sort_unstable();
            cuts.dedup();
        }
        cuts
    }

    /// The number of the piece that an address is in.
    pub(super) fn place(&self, address: IpAddr) -> (Family, usize) {
        let family = Family::of(address);
        let number = number(address);
        (family, self.0[family.index()].partition_point(|cut| *cut <= number))
    }

    fn cut(&mut self, network: &IpNet) {
        let range = Range::of(network);
        let cuts = &mut self.0[Family::of(network.addr()).index()];
        cuts.push(range.first);
        cuts.extend(range.last.checked_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(u128, u128)]) -> Vec<Range> {
        pairs.iter().map(|(first, last)| Range { first: *first, last: *last }).collect()
    }

    #[test]
    fn what_touches_is_merged_and_holes_are_cut() {
        assert_eq!(merged(ranges(&[(5, 9), (1, 4), (20, 30), (8, 10)])), ranges(&[(1, 10), (20, 30)]));
        let from = ranges(&[(1, 10), (20, 30), (40, u128::MAX)]);
        let holes = ranges(&[(0, 1), (5, 6), (10, 22), (30, 30), (50, u128::MAX)]);
        assert_eq!(without(&from, &holes), ranges(&[(2, 4), (7, 9), (23, 29), (40, 49)]));
        assert_eq!(without(&from, &[]), from);
        assert!(meet(&from, &ranges(&[(11, 19), (30, 35)])) && !meet(&from, &ranges(&[(11, 19), (31, 35)])));
    }

    #[test]
    fn a_whole_family_is_one_network() {
        for (family, whole) in [(Family::V4, "0.0.0.0/0"), (Family::V6, "::/0")] {
            assert_eq!(family.networks(family.whole()), [whole.parse::<IpNet>().unwrap()]);
        }
    }
}
