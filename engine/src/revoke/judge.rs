//! One flow: is it permitted?

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::reach::reachable;
use crate::compile::base::Base;
use crate::eval::ruleset::{
    self, Asked, Conntrack, Evaluation, FlowDirection, Host, Outcome, Packet, Ports, State, Transport,
};
use crate::kernel::conntrack::{Bit, Change, Entry, Key, Tuple};
use crate::place::{Cause, Event, Place};
use crate::ruleset::{CtField, Expr, Family, Field, Name, Ruleset, Table, TableKey};

/// `IPS_SRC_NAT`, `IPS_DST_NAT`: what rules can ask of a translated first packet.
const TRANSLATED: u32 = 16 | 32;

/// Protocols by their numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// The flag of the first TCP segment.
const SYN: u8 = 2;

/// A ruleset, to be asked about flows.
#[derive(Debug)]
pub struct Judge<'a> {
    host: &'a Host,
    bit: u32,
    forward: Name,
    pod_input: Name,
    ruleset: &'a Ruleset,
    /// Made for the first flow that is asked about: it takes a look at every element, and most changes concern no flow.
    rules: OnceCell<Rules<'a>>,
    verdicts: BTreeMap<Question, bool>,
    interfaces: BTreeMap<IpAddr, Option<Arc<str>>>,
}

/// What the judgement goes by.
#[derive(Debug)]
struct Rules<'a> {
    asked: Option<(Asked<'a>, &'a Table)>,
    /// Whether any rule looks at what tells two flows from one client to one port of a server apart.
    by_source_port: bool,
}

/// Everything about a flow that its judgement depends on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Question {
    /// Its first packet, as the forward hook sees it.
    first: Tuple,
    /// What of its status rules can see.
    translated: u32,
}

impl<'a> Judge<'a> {
    /// A judge by the pod policy of this ruleset, on this host; `bit` is the one that means *revoked*.
    pub fn new(ruleset: &'a Ruleset, host: &'a Host, bit: u32) -> Self {
        Self {
            host,
            bit,
            forward: Base::Forward.name(),
            pod_input: Base::PodInput.name(),
            ruleset,
            rules: OnceCell::new(),
            verdicts: BTreeMap::new(),
            interfaces: BTreeMap::new(),
        }
    }

    fn rules(&self) -> &Rules<'a> {
        self.rules.get_or_init(|| {
            let ours = self.ruleset.tables.get_key_value(&TableKey::ours(Family::Inet));
            let roots = [&self.forward, &self.pod_input];
            Rules {
                asked: ours.map(|(key, table)| (Asked::new(self.host, key, table), table)),
                by_source_port: ours.is_some_and(|(_, table)| looks_at_source_ports(table, &roots)),
            }
        })
    }

    /// The bit that means *revoked*.
    pub fn bit(&self) -> u32 {
        self.bit
    }

    /// What has to be done to a flow's mark, if it is not as it should be. Of a flow that was judged before, this says
    /// that somebody else has changed its mark.
    pub fn correction(&mut self, entry: &Entry) -> Option<Change> {
        let bit = match (self.permits(entry), entry.mark & self.bit != 0) {
            (true, true) => Bit::Cleared,
            (false, false) => Bit::Set,
            (true, false) | (false, true) => return None,
        };
        Some(Change { flow: entry.flow.clone(), bit })
    }

    /// Whether pod policy permits a flow.
    pub fn permits(&mut self, entry: &Entry) -> bool {
        let Entry { original, reply, status, .. } = entry;
        // The node itself reaches its own pods whatever their policies say (sem-83), and what else it sends is not pod
        // policy's business.
        if self.host.is_local(original.source) {
            return true;
        }
        let key = match (original.key, reply.key) {
            (Key::Ports { source, .. }, Key::Ports { source: server, .. }) => {
                Key::Ports { source: if self.rules().by_source_port { source } else { 0 }, destination: server }
            }
            (Key::Icmp { icmp_type, code, .. }, _) => Key::Icmp { id: 0, icmp_type, code },
            (Key::Ports { .. } | Key::None, _) => Key::None,
        };
        let first = Tuple { source: original.source, destination: reply.source, protocol: original.protocol, key };
        let question = Question { first, translated: status & TRANSLATED };
        if let Some(verdict) = self.verdicts.get(&question) {
            return *verdict;
        }
        let verdict = self.judge(question, original);
        self.verdicts.insert(question, verdict);
        verdict
    }

    fn judge(&mut self, question: Question, original: &Tuple) -> bool {
        let Question { first, translated } = question;
        let is_local = self.host.is_local(first.destination);
        let mut packet = Packet::new(first.source, first.destination, transport(&first));
        packet.input = self.interface(first.source);
        packet.output = self.interface(first.destination).filter(|_| !is_local);
        let (source, destination) = match original.key {
            Key::Ports { source, destination } => (source, destination),
            Key::Icmp { .. } | Key::None => (0, 0),
        };
        packet.conntrack = Conntrack::Tracked(ruleset::Entry {
            state: State::New,
            status: translated,
            mark: 0,
            direction: FlowDirection::Original,
            original_source: original.source,
            original_destination: original.destination,
            original_ports: Ports { source, destination },
        });
        let Some((asked, table)) = &self.rules().asked else { return true };
        let chain = if is_local { &self.pod_input } else { &self.forward };
        !is_denied_by_policy(&asked.chain(chain, packet), table)
    }

    /// The interface that an address is routed to.
    fn interface(&mut self, address: IpAddr) -> Option<Arc<str>> {
        let host = self.host;
        self.interfaces.entry(address).or_insert_with(|| host.route(address).cloned()).clone()
    }
}

/// Whether what stopped the packet is a place of pod policy. A rule of the host's says nothing about live connections.
fn is_denied_by_policy(evaluation: &Evaluation, table: &Table) -> bool {
    match evaluation.outcome {
        Outcome::Accept => return false,
        Outcome::Drop | Outcome::Reject(_) => {}
    }
    let decided = evaluation.decided_by.as_ref();
    let rule = decided.and_then(|by| table.chains.get(&by.chain)?.rules.get(by.index));
    let mut places = rule.into_iter().flat_map(|rule| &rule.exprs).filter_map(place);
    places.any(|place| match (place.event, place.cause) {
        (Event::Denied, Cause::Policy(..) | Cause::Quarantine(_) | Cause::Budget(_)) => true,
        // Of single packets, not of connections.
        (Event::Denied, Cause::Revoked | Cause::Invalid | Cause::ForgedSource | Cause::RouterAdvertisement) => false,
        (Event::Denied, Cause::Host) | (Event::Audited | Event::Logged | Event::Observed, _) => false,
    })
}

/// The place that an expression counts at.
pub(super) fn place(expr: &Expr) -> Option<Place> {
    let Expr::NamedCounter(name) = expr else { return None };
    Place::of_name(name.as_str())
}

fn transport(first: &Tuple) -> Transport {
    match (first.protocol, first.key) {
        (TCP, Key::Ports { source, destination }) => {
            Transport::Tcp { ports: Ports { source, destination }, flags: SYN }
        }
        (UDP, Key::Ports { source, destination }) => Transport::udp(source, destination),
        (SCTP, Key::Ports { source, destination }) => Transport::Sctp(Ports { source, destination }),
        (_, Key::Icmp { icmp_type, code, .. }) => Transport::Icmp { icmp_type, code },
        (protocol, Key::Ports { .. } | Key::None) => Transport::Other(protocol),
    }
}

fn looks_at_source_ports(table: &Table, roots: &[&Name]) -> bool {
    let is_source_port = |field: &Field| {
        matches!(
            field,
            Field::ThSport
                | Field::TcpSport
                | Field::UdpSport
                | Field::SctpSport
                | Field::Ct(CtField::OriginalProtoSrc)
        )
    };
    let rules = reachable(table, roots.iter().copied())
        .into_iter()
        .filter_map(|chain| table.chains.get(chain))
        .flat_map(|chain| &chain.rules);
    rules.flat_map(|rule| &rule.exprs).any(|expr| {
        if let Expr::Match(matching) = expr {
            return is_source_port(&matching.field);
        }
        expr.looked_up().is_some_and(|(key, _)| key.iter().any(is_source_port))
    })
}
