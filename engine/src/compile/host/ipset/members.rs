//! Members of sets as ranges that do not overlap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use policy_lang::host::ipset::{Dimension, IpSet, Part};

use super::super::emit::merged;
use super::declare::Why;
use crate::ruleset::{DataType, Datum, Interval};

/// One range for each field.
pub(super) type Member = Vec<Interval>;

/// Why members cannot be made to stand apart.
pub(super) const OVERLAP: &str = "members of it overlap in more than one part";

/// Most members that are compared with each other.
const COMPARED_MAX: usize = 2_048;

/// The protocols of a port that has none.
const EITHER: [u8; 2] = [6, 17];

/// The members of a set.
pub(super) fn of(set: &IpSet, dimensions: &[Dimension]) -> Result<Vec<Member>, Why> {
    if let Some(exception) = set.members.iter().find(|member| member.is_exception) {
        let [Dimension::Address] = dimensions else {
            return Err((exception.span, "`nomatch` of members with several parts".to_owned()));
        };
        return with_exceptions(set);
    }
    if dimensions.contains(&Dimension::Interface) && is_nested(set) {
        let reason = "a network inside of another: of those only the longest is asked for its interface";
        return Err((set.span, reason.to_owned()));
    }
    let all = set.members.iter().flat_map(|member| fields(&member.parts)).collect();
    disjoint(all, dimensions).ok_or_else(|| (set.span, OVERLAP.to_owned()))
}

/// Whether networks of a set overlap without being the same.
fn is_nested(set: &IpSet) -> bool {
    let networks: BTreeSet<(IpAddr, Reverse<IpAddr>)> = set
        .members
        .iter()
        .filter_map(|member| match member.parts.first() {
            Some(Part::Addresses(first, last)) => Some((*first, Reverse(*last))),
            _ => None,
        })
        .collect();
    networks.iter().zip(networks.iter().skip(1)).any(|((_, Reverse(last)), (next, _))| next <= last)
}

/// Networks of which the longest that a packet fits decides.
fn with_exceptions(set: &IpSet) -> Result<Vec<Member>, Why> {
    let mut networks: Vec<(Interval, bool)> = Vec::new();
    for member in &set.members {
        let [Part::Addresses(first, last)] = member.parts.as_slice() else { continue };
        let Some(interval) = Interval::new(Datum::address(*first), Datum::address(*last)) else { continue };
        if !is_network(interval, *first) {
            return Err((member.span, "a range beside `nomatch`: write it as networks".to_owned()));
        }
        networks.push((interval, member.is_exception));
    }
    // By their beginnings, the widest first: whoever contains another stands before it.
    networks.sort_by_key(|(interval, _)| (interval.low(), Reverse(interval.high())));
    let mut left = Vec::new();
    let mut open: Vec<(Interval, bool)> = Vec::new();
    // The first address of which nothing was said yet, inside of the innermost network that is open.
    let mut next: Option<Datum> = None;
    for (network, is_exception) in networks {
        close(&mut open, &mut next, Some(network.low()), &mut left);
        if let (Some((_, is_out)), Some(from)) = (open.last(), next)
            && !is_out
            && let Some(before) = network.low().predecessor()
        {
            left.extend(Interval::new(from, before));
        }
        next = Some(network.low());
        open.push((network, is_exception));
    }
    close(&mut open, &mut next, None, &mut left);
    Ok(merged(&left).into_iter().map(|interval| vec![interval]).collect())
}

/// Ends the networks that lie before an address.
fn close(open: &mut Vec<(Interval, bool)>, next: &mut Option<Datum>, until: Option<Datum>, left: &mut Vec<Interval>) {
    while let Some((network, is_exception)) =
        open.pop_if(|(network, _)| until.is_none_or(|until| network.high() < until))
    {
        if let Some(from) = *next
            && !is_exception
        {
            left.extend(Interval::new(from, network.high()));
        }
        *next = network.high().successor();
    }
}

fn is_network(interval: Interval, first: IpAddr) -> bool {
    let width = if first.is_ipv4() { 32 } else { 128 };
    (0..=width).any(|length| IpNet::new(first, length).is_ok_and(|network| Interval::network(network) == interval))
}

/// What the parts of a member are to nftables; a port without a protocol is one of each.
fn fields(parts: &[Part]) -> Vec<Member> {
    let mut members: Vec<Member> = vec![Vec::new()];
    for part in parts {
        let alternatives: Vec<Vec<Interval>> = match part {
            Part::Addresses(first, last) => {
                Interval::new(Datum::address(*first), Datum::address(*last)).into_iter().map(|one| vec![one]).collect()
            }
            Part::Ports(protocol, first, last) => {
                let protocols = protocol.as_ref().map_or(&EITHER[..], std::slice::from_ref);
                let ports = Interval::new(Datum::port(*first), Datum::port(*last));
                let with = |protocol: &u8| Some(vec![Interval::single(Datum::protocol(*protocol)), ports?]);
                protocols.iter().filter_map(with).collect()
            }
            Part::Mark(mark) => vec![vec![Interval::single(Datum::number(DataType::Mark, *mark))]],
            Part::Interface(name) => vec![vec![Interval::single(Datum::ifname(name))]],
            Part::Set(_) => Vec::new(),
        };
        members = members
            .iter()
            .flat_map(|before| alternatives.iter().map(move |part| [before.as_slice(), part.as_slice()].concat()))
            .collect();
    }
    members
}

/// The same members without overlaps; nothing if that is not to be had.
pub(super) fn disjoint(members: Vec<Member>, dimensions: &[Dimension]) -> Option<Vec<Member>> {
    let mut members: Vec<Member> = members.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    for place in ranges(dimensions) {
        members = joined(members, place);
    }
    // What is equal but for its first field was joined, and single values that differ stand apart.
    if members.iter().all(|one| one.iter().skip(1).all(Interval::is_single)) {
        return Some(members);
    }
    let overlap = |one: &Member, other: &Member| one.iter().zip(other).all(|(one, other)| one.overlaps(other));
    let is_fine = members.len() <= COMPARED_MAX
        && members.iter().enumerate().all(|(at, one)| !members.iter().skip(at + 1).any(|other| overlap(one, other)));
    is_fine.then_some(members)
}

/// The fields that may be ranges.
fn ranges(dimensions: &[Dimension]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut n_fields = 0;
    for dimension in dimensions {
        match dimension {
            Dimension::Address => places.push(n_fields),
            // Behind its protocol.
            Dimension::Port => {
                n_fields += 1;
                places.push(n_fields);
            }
            Dimension::Mark | Dimension::Interface => {}
        }
        n_fields += 1;
    }
    places
}

/// Joins members that differ in one field only.
fn joined(members: Vec<Member>, place: usize) -> Vec<Member> {
    let mut groups: BTreeMap<Member, Vec<Interval>> = BTreeMap::new();
    for mut member in members {
        if place < member.len() {
            let own = member.remove(place);
            groups.entry(member).or_default().push(own);
        }
    }
    let members = groups.into_iter().flat_map(|(others, ranges)| {
        merged(&ranges).into_iter().map(move |range| {
            let mut member = others.clone();
            member.insert(place, range);
            member
        })
    });
    members.collect()
}
