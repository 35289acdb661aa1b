//! The oracle: who may connect to whom, as the words of the policies say.
//!
//! Written to be read beside the semantics, not to be fast: every question is answered by walking all policies and
//! all pods. It shares nothing with the compiler, neither the resolving of selectors nor that of ports.
//!
//! A connection is judged by its first packet. Replies of a permitted connection, and ICMP errors about it, are part
//! of it (sem-1) and are never asked about. Addresses are those that the node's forward hook sees: the destination
//! behind a Service, the source before masquerading (sem-47, sem-88).
//!
//! Invariant: subjects are the inventory's pods on this node, and local addresses that none of them is known to own; those
//! are only local where configuration says so (decisions.md 17).

use std::net::IpAddr;

use policy_lang::policy::{Direction, Policy};
use policy_lang::port::Protocol;

use crate::compile::options::{OwnNode, PodOptions, STANDARD};
use crate::inventory::{Inventory, Pod};

pub use self::decision::{Answer, Bound, Cause, Decision, Judgement, Layer, Matched, Outcome};

mod decision;
mod guard;
mod matching;
mod observed;
mod settled;
#[cfg(test)]
mod tests;
mod tiers;

/// The first packet of a connection, as a node sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connection {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes, behind any Service.
    pub destination: IpAddr,
    /// The protocol and what it says.
    pub transport: Transport,
    /// Its way through the node.
    pub way: Way,
    /// Which of the interfaces that it passes are pods' by their names.
    pub interfaces: PodInterfaces,
}

/// The transport of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A protocol with ports.
    Port {
        /// TCP, UDP or SCTP.
        protocol: Protocol,
        /// The destination port, on the pod rather than the Service (sem-52).
        destination: u16,
    },
    /// ICMP between IPv4 addresses, ICMPv6 between IPv6 addresses.
    Icmp {
        /// The type.
        icmp_type: u8,
        /// The code.
        code: u8,
        /// The hop limit that the packet arrived with; neighbour discovery demands 255.
        hop_limit: u8,
    },
    /// Any other IP protocol, by its number.
    Other(u8),
}

/// How a packet passes through a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From one interface to another.
    Forwarded,
    /// From a process on the node, host-network pods included.
    FromNode,
    /// To a process on the node.
    ToNode,
}

/// Which interfaces bear the prefix of [`LocalPods::interface_prefix`](crate::compile::options::LocalPods).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PodInterfaces {
    /// That which the packet comes from.
    pub input: bool,
    /// That which it leaves by.
    pub output: bool,
}

/// What a node knows, and how it is configured.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'a> {
    /// Policies of every tier, in any order.
    pub policies: &'a [Policy],
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The node.
    pub node: &'a str,
    /// How pod policy is enforced there.
    pub options: &'a PodOptions,
}

/// What `node` does with a connection where nothing is configured.
pub fn policies(policies: &[Policy], inventory: &Inventory, node: &str, connection: &Connection) -> Decision {
    Oracle { policies, inventory, node, options: &STANDARD }.decide(connection)
}

impl Connection {
    /// A connection through interfaces of which none is called as pods' are.
    pub fn new(source: IpAddr, destination: IpAddr, transport: Transport, way: Way) -> Self {
        Self { source, destination, transport, way, interfaces: PodInterfaces::default() }
    }
}

impl<'a> Oracle<'a> {
    /// What the node does with a connection, and why.
    pub fn decide(&self, connection: &'a Connection) -> Decision {
        let question = Question { oracle: *self, connection };
        if let Some((outcome, cause)) = question.without_policy() {
            return Decision { outcome, cause, judgements: Vec::new() };
        }
        let ends = match connection.way {
            Way::Forwarded => vec![Direction::Egress, Direction::Ingress],
            // Towards the node itself only the pod's egress counts (sem-85), and that can be switched off.
            Way::ToNode if self.options.own_node == OwnNode::Open => {
                return Decision { outcome: Outcome::Allowed, cause: Cause::OwnNodeOpen, judgements: Vec::new() };
            }
            Way::ToNode => vec![Direction::Egress],
            Way::FromNode => Vec::new(),
        };
        let mut judgements = Vec::new();
        for direction in ends {
            // With two pods at one address, both are asked: what either must not do is denied.
            for subject in question.subjects(direction) {
                judgements.push(question.judge(direction, subject));
            }
        }
        Decision::of(judgements)
    }

    /// The pods that an address belongs to: those that are not terminating if there are any (sem-76).
    fn owners(&self, address: IpAddr) -> Vec<Named<'a>> {
        let inventory = self.inventory;
        let all: Vec<Named<'_>> = inventory.pods.iter().filter(|(_, pod)| pod.addresses.contains(&address)).collect();
        let staying: Vec<Named<'_>> = all.iter().copied().filter(|(_, pod)| !pod.terminating).collect();
        if staying.is_empty() { all } else { staying }
    }
}

/// A pod with its name.
type Named<'a> = (&'a policy_lang::name::NamespacedName, &'a Pod);

/// Whom policies are asked about.
#[derive(Clone, Copy, Debug)]
enum Subject<'a> {
    /// A pod of this node.
    Pod(Named<'a>),
    /// A local address that none of this node's pods is known to own.
    Unknown(IpAddr),
}

/// Everything that one question is about.
struct Question<'a> {
    oracle: Oracle<'a>,
    connection: &'a Connection,
}

impl<'a> Question<'a> {
    /// Who is bound at one end: this node's pods with its address, or the address itself if it is a local one that none
    /// of them is known to own.
    fn subjects(&self, direction: Direction) -> Vec<Subject<'a>> {
        let address = self.own_end(direction);
        let known = self.known(address);
        if known.is_empty() && self.is_local(direction) {
            return vec![Subject::Unknown(address)];
        }
        known.into_iter().map(Subject::Pod).collect()
    }

    /// The pods of this node with an address.
    fn known(&self, address: IpAddr) -> Vec<Named<'a>> {
        let is_here = |(_, pod): &Named<'_>| pod.node.as_deref() == Some(self.oracle.node);
        self.oracle.owners(address).into_iter().filter(is_here).collect()
    }

    /// The address that is judged: the source for egress.
    fn own_end(&self, direction: Direction) -> IpAddr {
        match direction {
            Direction::Egress => self.connection.source,
            Direction::Ingress => self.connection.destination,
        }
    }

    /// The address at the other end.
    fn other_end(&self, direction: Direction) -> IpAddr {
        match direction {
            Direction::Egress => self.connection.destination,
            Direction::Ingress => self.connection.source,
        }
    }
}
