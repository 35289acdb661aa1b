//! The simulator: what the kernel does with a packet, given a ruleset.
//!
//! Works on the same [`Expr`] that is encoded for the kernel, without registers. A field that a packet does not have
//! ends the rule, whatever it would have been compared with; a field implies the protocol that it belongs to.
//!
//! What it takes for granted, because it looks at one packet without a past:
//! - limits have tokens left and quotas are not used up, so `limit rate over` and `quota over` do not match;
//! - dynamic sets hold what the ruleset lists and what this packet added, whatever its timeout;
//! - translation picks the lowest address and port of a range, and keeps a port that lies in it;
//! - packets of known connections are given with the addresses that the hooks see: only first packets are translated;
//! - routes depend on the destination only, not on marks, and broadcast follows the host's interfaces;
//! - protocols without ports have none, where `th` would read whatever stands there;
//! - base chains of one priority run in the order of their tables and names;
//! - frames that carry no IP, and so ARP tables, are left out.
//!
//! Of sockets, of what AH, ESP and DCCP carry, of how long connections are kept and of most bytes behind the headers nothing
//! is known. Rules that ask for it are passed by and named in [`Evaluation::unknown`], or match where
//! [`Packet::granted`] has them.
//!
//! References to chains and sets that do not exist, which the kernel refuses to load, behave as empty ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::evaluate::Traversal;
use self::index::Indexes;
use crate::ruleset::{
    BaseChain, Chain, ChainType, Comment, Family, Hook, Log, Name, RejectWith, Ruleset, Table, TableKey, Verdict,
};

pub use self::packet::{
    Conntrack, Entry, Ethernet, Extension, FlowDirection, Host, Interface, Owner, Packet, PacketType, Ports, Route,
    State, Transport,
};
pub use self::way::{End, Journey, Stage, bridge, receive, send};

mod bytes;
mod evaluate;
mod field;
mod index;
mod packet;
#[cfg(test)]
mod tests;
mod translate;
mod way;

/// Where conntrack looks at packets that arrive and that are sent.
const CONNTRACK: i32 = -200;

/// What one hook does with a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evaluation {
    /// What becomes of it.
    pub outcome: Outcome,
    /// The rule that dropped it, or the last that accepted it; none where no rule did either.
    pub decided_by: Option<RuleRef>,
    /// Every rule whose matches all held, in order.
    pub hits: Vec<Hit>,
    /// Rules that look at what nobody says of the packet: whether they match cannot be known, and they are passed by unless
    /// [`Packet::granted`] has them.
    pub unknown: Vec<RuleRef>,
    /// What was counted, in order.
    pub counted: Vec<Counted>,
    /// What was logged, in order.
    pub logged: Vec<Log>,
    /// The packet afterwards: marks, addresses, tracking.
    pub packet: Packet,
}

/// What becomes of a packet at a hook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It goes on.
    Accept,
    /// It is gone.
    Drop,
    /// It is gone, and its sender is told.
    Reject(RejectWith),
}

/// One rule of a ruleset.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RuleRef {
    /// The table.
    pub table: TableKey,
    /// The chain.
    pub chain: Name,
    /// Its place in the chain, from 0.
    pub index: usize,
    /// Its comment.
    pub comment: Option<Comment>,
}

/// A rule whose matches all held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hit {
    /// Which.
    pub rule: RuleRef,
    /// Its verdict, if it gave one. A translation or a rejection shows as `Accept` and `Drop`.
    pub verdict: Option<Verdict>,
}

/// A counter that counted the packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Counted {
    /// A named counter.
    Named(TableKey, Name),
    /// The counter of a rule.
    InRule(RuleRef),
}

/// Which tables see a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// `inet`, and `ip` or `ip6`: packets that are routed.
    Network,
    /// `bridge`: frames that are bridged.
    Bridge,
}

/// One table whose chains are asked about many packets.
pub struct Asked<'a> {
    host: &'a Host,
    table_key: &'a TableKey,
    table: &'a Table,
    indexes: Indexes<'a>,
}

impl<'a> Asked<'a> {
    /// Gets ready to ask.
    pub fn new(host: &'a Host, table_key: &'a TableKey, table: &'a Table) -> Self {
        Self { host, table_key, table, indexes: Indexes::new(table) }
    }

    /// What one base chain by itself does with a packet that conntrack has looked at. Without such a chain it passes.
    pub fn chain(&self, name: &Name, packet: Packet) -> Evaluation {
        let mut flow = Flow::new(packet);
        let mut evaluation = Evaluation::of(&flow.packet);
        let chain = self.table.chains.get_key_value(name);
        if let Some((name, hook)) = chain.and_then(|(name, chain)| Some((name, chain.base?.hook))) {
            let Self { host, table_key, table, indexes } = self;
            let indexes = Some(indexes);
            let mut traversal = Traversal {
                flow: &mut flow,
                host,
                hook,
                table_key,
                table,
                evaluation: &mut evaluation,
                is_early: false,
                indexes,
            };
            let outcome = traversal.base_chain(name);
            evaluation.outcome = outcome;
        }
        evaluation.packet = flow.packet;
        evaluation
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("table", self.table_key).finish_non_exhaustive()
    }
}

impl Evaluation {
    /// Of a packet that no rule has seen.
    fn of(packet: &Packet) -> Self {
        Self {
            outcome: Outcome::Accept,
            decided_by: None,
            hits: Vec::new(),
            unknown: Vec::new(),
            counted: Vec::new(),
            logged: Vec::new(),
            packet: packet.clone(),
        }
    }
}

/// Takes a packet through the base chains of one hook, in their order, as if no hook had seen it before.
pub fn hook(ruleset: &Ruleset, host: &Host, layer: Layer, hook: Hook, packet: Packet) -> Evaluation {
    Flow::new(packet).hook(ruleset, host, layer, hook)
}

/// A packet on its way, with what earlier hooks have settled.
#[derive(Clone, Debug)]
struct Flow {
    packet: Packet,
    /// Conntrack has looked at it; what comes back by the loopback keeps its entry.
    is_known: bool,
    /// Source and destination are translated at most once each.
    translated: BTreeSet<Manipulation>,
    /// What the packet added to dynamic sets.
    added: BTreeMap<(TableKey, Name), Vec<Vec<crate::ruleset::Datum>>>,
}

/// What a translation changes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Manipulation {
    Source,
    Destination,
}

impl Flow {
    fn new(packet: Packet) -> Self {
        Self { packet, is_known: false, translated: BTreeSet::new(), added: BTreeMap::new() }
    }

    fn hook(&mut self, ruleset: &Ruleset, host: &Host, layer: Layer, hook: Hook) -> Evaluation {
        let mut evaluation = Evaluation::of(&self.packet);
        for (table_key, table, name, base) in base_chains(ruleset, layer, hook, &self.packet) {
            if base.chain_type == ChainType::Nat && !self.wants_translation(hook) {
                continue;
            }
            // Before conntrack has looked, a packet is nothing to it; `notrack` makes use of that.
            let known = self.packet.conntrack;
            let is_tracker = matches!(hook, Hook::Prerouting | Hook::Output);
            let early = is_tracker && !self.is_known && base.priority.0 < CONNTRACK;
            if early && known != Conntrack::Untracked {
                self.packet.conntrack = Conntrack::Invalid;
            }
            let mut traversal = Traversal {
                flow: self,
                host,
                hook,
                table_key,
                table,
                evaluation: &mut evaluation,
                is_early: early,
                indexes: None,
            };
            let outcome = traversal.base_chain(name);
            if early && self.packet.conntrack != Conntrack::Untracked {
                self.packet.conntrack = known;
            }
            if outcome != Outcome::Accept {
                evaluation.outcome = outcome;
                break;
            }
        }
        self.is_known = true;
        // Where no nat chain decided, the kernel settles that there is nothing to translate.
        if hook != Hook::Forward && self.wants_translation(hook) {
            self.translated.insert(manipulation(hook));
        }
        evaluation.packet = self.packet.clone();
        evaluation
    }

    /// Nat chains see first packets of connections, until one of them has decided.
    fn wants_translation(&self, hook: Hook) -> bool {
        let is_first = match self.packet.conntrack {
            Conntrack::Tracked(entry) => match entry.state {
                State::New => true,
                // Errors follow the translation of what they are about; other related packets begin a connection.
                State::Related => !matches!(self.packet.transport, Transport::Icmp { .. }),
                State::Established => false,
            },
            Conntrack::Untracked | Conntrack::Invalid => false,
        };
        is_first && !self.translated.contains(&manipulation(hook))
    }
}

fn manipulation(hook: Hook) -> Manipulation {
    match hook {
        Hook::Prerouting | Hook::Output | Hook::Forward => Manipulation::Destination,
        Hook::Input | Hook::Postrouting => Manipulation::Source,
    }
}

/// The base chains that a packet passes at a hook, in their order.
fn base_chains<'a>(
    ruleset: &'a Ruleset,
    layer: Layer,
    hook: Hook,
    packet: &Packet,
) -> Vec<(&'a TableKey, &'a Table, &'a Name, BaseChain)> {
    let mut chains: Vec<_> = ruleset
        .tables
        .iter()
        .filter(|(key, _)| sees(key.family, layer, packet))
        .flat_map(|(key, table)| table.chains.iter().map(move |(name, chain)| (key, table, name, chain)))
        .filter_map(|(key, table, name, chain): (_, _, _, &Chain)| {
            chain.base.filter(|base| base.hook == hook).map(|base| (key, table, name, base))
        })
        .collect();
    chains.sort_by_key(|(key, _, name, base)| (effective_priority(*base), base.priority, *key, *name));
    chains
}

/// Nat chains run where the kernel translates, whatever their own number, which orders them among themselves.
fn effective_priority(base: BaseChain) -> i32 {
    match (base.chain_type, manipulation(base.hook)) {
        (ChainType::Nat, Manipulation::Destination) => -100,
        (ChainType::Nat, Manipulation::Source) => 100,
        (ChainType::Filter | ChainType::Route, _) => base.priority.0,
    }
}

fn sees(family: Family, layer: Layer, packet: &Packet) -> bool {
    match (layer, family) {
        (Layer::Network, Family::Inet) => true,
        (Layer::Network, Family::Ip) => packet.source.is_ipv4(),
        (Layer::Network, Family::Ip6) => packet.source.is_ipv6(),
        (Layer::Bridge, Family::Bridge) => true,
        (Layer::Network, Family::Arp | Family::Bridge) => false,
        (Layer::Bridge, Family::Inet | Family::Ip | Family::Ip6 | Family::Arp) => false,
    }
}
