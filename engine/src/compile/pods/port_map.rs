//! Ports first, addresses second: one look-up finds the chain of those whom a port is permitted to.
//!
//! Ranges of ports and blocks of addresses could be one set of boxes, but the kernel's sets of boxes (pipapo) cost a
//! packet several times what a hash and a set of plain intervals cost together. The chains are entered by goto and say
//! themselves what becomes of a packet that none of their peers sent, so the map decides about every port in it.

use std::collections::{BTreeMap, BTreeSet};

use policy_lang::peer::PodSelector;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use super::cut;
use super::family::AddressFamily;
use super::matching::{by_map, verdict};
use super::peer::{PeerSets, block_test, lookup, peer_field};
use super::permit::permit;
use super::port;
use crate::compile::builder::TableBuilder;
use crate::interval::{self, Intervals};
use crate::limits::{CUTS_MAX, EXPANDED_PORTS_MAX, INLINE_BLOCKS_MAX};
use crate::ruleset::{
    Comment, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Match, Name, Operator, Rule,
    SetSpec, Verdict,
};

/// Numbered ports of one protocol, permitted to one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered<'s> {
    pub(super) protocol: Protocol,
    pub(super) ranges: &'s [(u16, u16)],
    pub(super) peer: Peer<'s>,
}

/// Whom numbered ports are permitted to, in one family.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Peer<'s> {
    Pods(AddressFamily, &'s PodSelector),
    Blocks(AddressFamily, &'s Intervals),
}

/// All whom a port is permitted to.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Peers<'s> {
    blocks: BTreeMap<AddressFamily, Intervals>,
    pods: BTreeMap<AddressFamily, BTreeSet<&'s PodSelector>>,
}

/// Disjoint ranges of ports, each with its peers.
#[derive(Debug)]
pub(super) struct PortMap<'s> {
    ranges: Vec<(Protocol, u16, u16, usize)>,
    /// Each once; the ranges hold their index.
    peers: Vec<Peers<'s>>,
}

impl<'s> Peers<'s> {
    /// Adds a peer; returns how many steps that took.
    fn add(&mut self, peer: Peer<'s>) -> usize {
        match peer {
            Peer::Pods(family, selector) => {
                self.pods.entry(family).or_default().insert(selector);
                1
            }
            Peer::Blocks(family, blocks) => {
                let empty = || Intervals::empty(family.address_type());
                self.blocks.entry(family).or_insert_with(empty).extend(blocks);
                blocks.len()
            }
        }
    }

    /// The sets that its chain looks peers up in.
    fn n_sets(&self) -> usize {
        self.pods.len() + self.blocks.values().filter(|blocks| blocks.len() > INLINE_BLOCKS_MAX).count()
    }
}

impl<'s> PortMap<'s> {
    /// Of these permissions; nothing if that takes more chains or sets than there may be, or too many steps.
    pub(super) fn new(all: &[Numbered<'s>], chains_max: usize, sets_max: usize) -> Option<Self> {
        // The ports of each peer first: where its ranges overlap or touch, there is nothing to cut.
        let mut by_peer: BTreeMap<(Protocol, Peer<'s>), Vec<(u16, u16)>> = BTreeMap::new();
        for Numbered { protocol, ranges, peer } in all {
            by_peer.entry((*protocol, *peer)).or_default().extend_from_slice(ranges);
        }
        let mut by_protocol: BTreeMap<Protocol, Vec<cut::Range<Peer<'s>>>> = BTreeMap::new();
        for ((protocol, peer), ranges) in by_peer {
            let ranges = port::merged(ranges);
            by_protocol.entry(protocol).or_default().extend(ranges.iter().map(|(first, last)| (*first, *last, peer)));
        }
        let mut n_steps_left = CUTS_MAX;
        let mut known: BTreeMap<Peers<'s>, usize> = BTreeMap::new();
        let mut n_sets = 0;
        let mut ranges = Vec::new();
        for (protocol, permitted) in by_protocol {
            let add = |peers: &mut Peers<'s>, peer: &Peer<'s>| peers.add(*peer);
            for (first, last, peers) in cut::disjoint(&permitted, &Peers::default(), add, &mut n_steps_left)? {
                let next = known.len();
                if !known.contains_key(&peers) {
                    n_sets += peers.n_sets();
                }
                ranges.push((protocol, first, last, *known.entry(peers).or_insert(next)));
                if known.len() > chains_max || n_sets > sets_max {
                    return None;
                }
            }
        }
        let mut peers: Vec<(Peers<'s>, usize)> = known.into_iter().collect();
        peers.sort_by_key(|(_, index)| *index);
        Some(Self { ranges, peers: peers.into_iter().map(|(peers, _)| peers).collect() })
    }

    /// The rules that look a port up. A protocol whose ranges are all narrow is looked up in a hash together with the
    /// others of that kind, one with a wide range in a map of its own.
    fn rules(&self, chains: &[Name], tail: &str, builder: &mut TableBuilder) -> Vec<Rule> {
        let mut by_protocol: BTreeMap<Protocol, Vec<(u16, u16, &Name)>> = BTreeMap::new();
        for (protocol, first, last, peers) in &self.ranges {
            let Some(chain) = chains.get(*peers) else { continue };
            by_protocol.entry(*protocol).or_default().push((*first, *last, chain));
        }
        let is_narrow = |(first, last, _): &(u16, u16, &Name)| u32::from(last - first) < EXPANDED_PORTS_MAX;
        let mut exact = Elements::new();
        let mut wide = Vec::new();
        for (protocol, ranges) in by_protocol {
            if ranges.iter().all(is_narrow) {
                let number = Datum::protocol(protocol.number());
                for (first, last, chain) in ranges {
                    let ports = first..=last;
                    let element = || Element::verdict(Verdict::Goto(chain.clone()));
                    exact.extend(ports.map(|port| (ElementKey::values([number, Datum::port(port)]), element())));
                }
            } else {
                let element = |(first, last, chain): (u16, u16, &Name)| {
                    let interval = Interval::new(Datum::port(first), Datum::port(last))?;
                    Some((ElementKey::intervals([interval]), Element::verdict(Verdict::Goto(chain.clone()))))
                };
                wide.push((protocol, ranges.into_iter().filter_map(element).collect::<Elements>()));
            }
        }
        let mut rules = Vec::new();
        if !exact.is_empty() {
            let spec = SetSpec::hash([DataType::InetProto, DataType::InetService]).verdicts().sized_for(&exact);
            let map = builder.constant_set("ports", tail, spec, exact);
            rules.push(by_map(vec![Field::L4Proto, Field::ThDport], map));
        }
        for (protocol, elements) in wide {
            let map =
                builder.constant_set("ports", tail, SetSpec::intervals([DataType::InetService]).verdicts(), elements);
            rules.push(by_map(vec![port::field(protocol)], map));
        }
        rules
    }
}

impl PeerSets<'_> {
    /// The rules of a port map. A packet to a port that is in it, from nobody whom it is permitted to, goes to `rest`.
    pub(super) fn ports_first(
        &mut self,
        map: &PortMap<'_>,
        direction: Direction,
        (tail, comment): (&str, &Comment),
        rest: &Name,
        builder: &mut TableBuilder,
    ) -> Vec<Rule> {
        let mut chains = Vec::new();
        for peers in &map.peers {
            let mut tests = Vec::new();
            for (family, blocks) in &peers.blocks {
                tests.extend(block_tests(peer_field(direction, *family), blocks, builder));
            }
            for (family, selectors) in &peers.pods {
                let set = self.union(selectors, *family, tail, builder);
                tests.push(lookup(peer_field(direction, *family), &set));
            }
            let permits = tests.into_iter().map(|test| permit(vec![test], comment));
            let rules = permits.chain([verdict(Verdict::Goto(rest.clone()))]).collect();
            chains.push(builder.chain("peers", tail, rules, None));
        }
        map.rules(&chains, tail, builder)
    }
}

/// A few blocks are compared with, more are looked up.
fn block_tests(field: Field, blocks: &Intervals, builder: &mut TableBuilder) -> Vec<Expr> {
    if blocks.len() > INLINE_BLOCKS_MAX {
        return block_test(field, blocks, builder).into_iter().collect();
    }
    let test = |block| Expr::Match(Match { field, mask: None, operator: Operator::Eq, value: interval::value(block) });
    blocks.iter().map(test).collect()
}
