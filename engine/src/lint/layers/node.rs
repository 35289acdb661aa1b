//! A node that loaded host rules: first packets, judged by the compiled chains.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use policy_lang::host::rule::{Domain, HostChain, HostRules, Table, Word};
use policy_lang::source::Span;

use crate::compile::base::Base;
use crate::eval::ruleset::{Asked, Host, Outcome, Packet, Ports, Transport};
use crate::lint::environment::Environment;
use crate::lint::host::matching;
use crate::ruleset::{Family, Ruleset, TableKey};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// To a process of the node.
    In,
    /// From a process of the node.
    Out,
    /// Past the node, from one interface to another.
    Through,
    /// To the node's address and perhaps elsewhere, before addresses are translated: ferm's `raw`.
    Raw,
    /// The same, ferm's `mangle`.
    Mangle,
    /// The same, `chain PRE_DNAT`.
    BeforeDnat,
}

impl Way {
    fn chain(self) -> Base {
        match self {
            Self::In => Base::Input,
            Self::Out => Base::Output,
            Self::Through => Base::Forward,
            Self::Raw => Base::RawPrerouting,
            Self::Mangle => Base::ManglePrerouting,
            Self::BeforeDnat => Base::PreDnat,
        }
    }
}

/// Most addresses and interfaces that are tried for one question.
const TRIED: usize = 16;

/// An interface that every node may have.
const USUAL_INTERFACE: &str = "eth0";

/// A port that programs ask from.
pub(crate) const ASKING_PORT: u16 = 40_000;

/// The node.
#[derive(Debug)]
pub(crate) struct Node<'r> {
    rules: &'r HostRules,
    ruleset: &'r Ruleset,
    /// Its own addresses: any of those that nodes have.
    pub(crate) own: Vec<IpNet>,
    /// Networks and interfaces that the rules name: what they tell apart.
    networks: Vec<IpNet>,
    interfaces: Vec<Arc<str>>,
}

impl<'r> Node<'r> {
    pub(crate) fn new(rules: &'r HostRules, ruleset: &'r Ruleset, environment: &Environment) -> Self {
        let network = |word: &Word| matching::network(&word.text).map(|net| net.trunc());
        let networks: BTreeSet<IpNet> = rules.words(&["saddr", "daddr"]).filter_map(network).collect();
        let interfaces = rules.words(&["interface", "outerface"]).map(|word| Arc::from(word.text.replace('+', "0")));
        let interfaces: BTreeSet<Arc<str>> = interfaces.chain([Arc::from(USUAL_INTERFACE)]).collect();
        let own = if environment.node_cidrs.is_empty() {
            ["192.0.2.1/32", "2001:db8::1/128"].iter().filter_map(|net| net.parse().ok()).collect()
        } else {
            environment.node_cidrs.clone()
        };
        Self {
            rules,
            ruleset,
            own,
            networks: networks.into_iter().collect(),
            interfaces: interfaces.into_iter().filter(|name| &**name != "lo").collect(),
        }
    }

    /// Whether any first packet from one network to another, on a port of a protocol, is let through.
    pub(crate) fn admits(&self, way: Way, from: IpNet, to: &[IpNet], protocol: Option<u8>, port: u16) -> bool {
        let transport = match protocol {
            Some(17) => Transport::udp(ASKING_PORT, port),
            Some(6) | None => Transport::syn(ASKING_PORT, port),
            Some(_) => Transport::Udp(Ports { source: ASKING_PORT, destination: port }),
        };
        let sources = self.samples(from);
        let destinations: Vec<IpAddr> = to.iter().flat_map(|net| self.samples(*net)).collect();
        let packets = sources.iter().flat_map(|source| {
            let same_family = destinations.iter().filter(|to| to.is_ipv4() == source.is_ipv4());
            same_family.map(|destination| Packet::new(*source, *destination, transport))
        });
        let packets: Vec<Packet> = packets.collect();
        // Nothing is known of a family that the node does not have.
        packets.is_empty() || packets.iter().any(|packet| self.passes(way, packet))
    }

    /// Whether a packet is let through, by any interface that the rules name.
    pub(crate) fn passes(&self, way: Way, packet: &Packet) -> bool {
        let key = TableKey::ours(Family::Inet);
        let Some(table) = self.ruleset.tables.get(&key) else { return true };
        let host = Host::default();
        let asked = Asked::new(&host, &key, table);
        let chain = way.chain().name();
        let interfaces = || self.interfaces.iter().take(TRIED);
        let passes = |input: Option<&Arc<str>>, output: Option<&Arc<str>>| {
            let packet = Packet { input: input.cloned(), output: output.cloned(), ..packet.clone() };
            asked.chain(&chain, packet).outcome == Outcome::Accept
        };
        match way {
            Way::In | Way::Raw | Way::Mangle | Way::BeforeDnat => {
                interfaces().any(|interface| passes(Some(interface), None))
            }
            Way::Out => interfaces().any(|interface| passes(None, Some(interface))),
            Way::Through => interfaces().any(|input| interfaces().any(|output| passes(Some(input), Some(output)))),
        }
    }

    /// What the rules are compiled to.
    pub(crate) fn ruleset(&self) -> &Ruleset {
        self.ruleset
    }

    /// The rules as they are written.
    pub(crate) fn rules(&self) -> &'r HostRules {
        self.rules
    }

    /// A rule about a network, as a chain that may be one of both families has to say it.
    pub(crate) fn accepting(&self, net: IpNet, rule: &str) -> String {
        let (own, other) = if net.addr().is_ipv4() { (Domain::Ip, Domain::Ip6) } else { (Domain::Ip6, Domain::Ip) };
        let has_other = self.rules.chains.iter().any(|chain| chain.domain == other);
        if has_other { format!("@if @eq($DOMAIN, {own}) {rule}") } else { rule.to_owned() }
    }

    /// Where a chain of one domain is, or its policy.
    pub(crate) fn place_in(&self, domain: Domain, table: Table, name: &str) -> Option<Span> {
        let is_it = |chain: &&HostChain| chain.table == table && *chain.name == *name && chain.domain == domain;
        let chain = self.rules.chains.iter().find(is_it)?;
        Some(chain.policy.map_or(chain.span, |(_, span)| span))
    }

    /// Where a chain of IP is, or its policy.
    pub(crate) fn place(&self, table: Table, name: &str) -> Option<Span> {
        let is_it = |chain: &&HostChain| chain.table == table && *chain.name == *name && chain.domain.is_of_ip();
        let chain = self.rules.chains.iter().find(is_it)?;
        Some(chain.policy.map_or(chain.span, |(_, span)| span))
    }

    /// Addresses of a network: one of it, and one of each network in it that the rules tell apart.
    pub(crate) fn samples(&self, net: IpNet) -> Vec<IpAddr> {
        let inside = self.networks.iter().filter(|known| net.contains(*known)).take(TRIED);
        let first = |net: IpNet| net.hosts().next().unwrap_or(net.network());
        let mut samples: Vec<IpAddr> = inside.map(|known| first(*known)).chain([first(net)]).collect();
        samples.sort_unstable();
        samples.dedup();
        samples
    }
}
