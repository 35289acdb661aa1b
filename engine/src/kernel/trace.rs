//! The way of packets through rules, of ours and of others', as the kernel tells it (`nft monitor trace`).
//!
//! What is traced is said by rules in a table of its own, which the kernel takes away with the socket that made it: a
//! program that is killed leaves no packet traced.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::attribute::Attributes;
use super::message::{Content, Messages, family};
use super::nflog::{Headers, header};
use super::socket::{Socket, denied_or_io};
use super::{Guard, Kernel, KernelError, Netlink, decode};
use crate::interval;
use crate::observed::{RuleHandle, TableFlags};
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    BaseChain, ChainType, Datum, Expr, Family, Field, Hook, Interval, Limit, LimitUnit, Match, Name, Operator,
    Priority, Rule, SetMeta, TableKey, Value, Verdict,
};

/// `NFNLGRP_NFTRACE`.
const GROUP: libc::c_int = 9;
/// `NFT_MSG_TRACE`.
const TRACE: u16 = 17;
/// Room for what has not been listened to, in bytes.
const BUFFER: usize = 8 << 20;
/// Before conntrack and iptables' raw table, behind the joining of fragments.
const PRIORITY: Priority = Priority(-350);
/// Packets a second that each rule has traced, and how many more at once: a flood is not followed packet by packet.
const RATE: u64 = 10;
const BURST: u32 = 20;

/// Which packets are followed: all that answer to what is given, and those that answer them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// Where they come from.
    pub from: Option<IpNet>,
    /// Where they go.
    pub to: Option<IpNet>,
    /// Their protocol, by number, and with a protocol that has ports the port that they go to.
    pub transport: Option<(u8, Option<u16>)>,
    /// The interface that they come in by; those that this host sends have none.
    pub interface: Option<Box<str>>,
}

/// Follows packets in the network namespace that it was opened in.
#[derive(Debug)]
pub struct Tracer {
    /// Owns the table of the rules.
    _owner: Netlink,
    socket: Socket,
    ready: VecDeque<Traced>,
}

/// One step of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Traced {
    /// Tells packets apart; what is sent on or cloned keeps it.
    pub packet: u32,
    /// The table.
    pub table: TableKey,
    /// The chain.
    pub chain: Name,
    /// What of the chain decided.
    pub step: TracedStep,
    /// What was decided; nothing for what palisade's rules never do.
    pub verdict: Option<Verdict>,
    /// What the packet says, at the first step in each base chain.
    pub headers: Option<Headers>,
    /// The index of the interface that it came in by, where the headers are.
    pub input: Option<u32>,
    /// The index of the interface that it leaves by, where the headers are.
    pub output: Option<u32>,
}

/// What decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TracedStep {
    /// A rule all of whose matches were true.
    Rule(RuleHandle),
    /// The end of a chain that was jumped to.
    Return,
    /// The policy of a base chain.
    Policy,
}

/// What the tracer has heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TraceNotice {
    /// A step.
    Step(Box<Traced>),
    /// Steps came faster than they were listened to.
    Lost,
}

impl Tracer {
    /// Begins to follow packets.
    ///
    /// # Errors
    /// [`KernelError::Denied`] also where another program follows packets in the same way, [`KernelError::Io`],
    /// [`KernelError::Rejected`] by kernels that own no tables (before 5.12).
    pub fn open(wanted: &Wanted) -> Result<Self, KernelError> {
        let socket = Socket::with_buffer(BUFFER)?;
        socket.join(GROUP)?;
        let mut owner = Netlink::open()?;
        owner.commit(&ops(wanted), Guard::None)?;
        Ok(Self { _owner: owner, socket, ready: VecDeque::new() })
    }

    /// The next step; nothing if none comes for so long.
    ///
    /// # Errors
    /// [`KernelError::Denied`], [`KernelError::Io`].
    pub fn next(&mut self, patience: Duration) -> Result<Option<TraceNotice>, KernelError> {
        // Zero would be for ever.
        self.socket.set_patience(patience.max(Duration::from_millis(1)))?;
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(Some(TraceNotice::Step(Box::new(step))));
            }
            match self.socket.receive_datagram() {
                Ok(datagram) => {
                    self.ready.extend(steps(datagram).filter(|step| step.table != table()));
                }
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Ok(None),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return Ok(Some(TraceNotice::Lost)),
                Err(error) => return Err(denied_or_io(error)),
            }
        }
    }
}

/// The steps that a datagram tells.
pub(super) fn steps(datagram: &[u8]) -> impl Iterator<Item = Traced> + '_ {
    Messages::new(datagram).filter_map(|received| {
        let Content::Object { kind: TRACE, family, attributes } = received.content else { return None };
        step(family, attributes)
    })
}

/// Reads one message. An answer of the kernel that is not whole is no step.
fn step(number: u8, attributes: Attributes<'_>) -> Option<Traced> {
    const POLICY: u32 = 1;
    const RETURN: u32 = 2;
    const RULE: u32 = 3;
    let step = match attributes.u32(4)? {
        POLICY => TracedStep::Policy,
        RETURN => TracedStep::Return,
        RULE => TracedStep::Rule(RuleHandle(attributes.u64(3)?)),
        _ => return None,
    };
    // The policy of a chain is said in a place of its own.
    let verdict = match step {
        TracedStep::Policy => attributes.u32(16).and_then(|code| verdict(code, None)),
        TracedStep::Return | TracedStep::Rule(_) => {
            attributes.nest(5).and_then(|nest| verdict(nest.u32(1)?, nest.get(2)))
        }
    };
    let packet: Vec<u8> = [8, 9].into_iter().flat_map(|part| attributes.get(part).unwrap_or(&[])).copied().collect();
    Some(Traced {
        packet: attributes.u32(6)?,
        table: TableKey { family: family(number)?, name: decode::name(attributes.get(1)?) },
        chain: decode::name(attributes.get(2)?),
        step,
        verdict,
        headers: header::read(&packet),
        input: attributes.u32(10),
        output: attributes.u32(12),
    })
}

/// `NF_*` and `NFT_*`, the latter below zero.
fn verdict(code: u32, chain: Option<&[u8]>) -> Option<Verdict> {
    match code.cast_signed() {
        0 => Some(Verdict::Drop),
        1 => Some(Verdict::Accept),
        -1 => Some(Verdict::Continue),
        -3 => Some(Verdict::Jump(decode::name(chain?))),
        -4 => Some(Verdict::Goto(decode::name(chain?))),
        -5 => Some(Verdict::Return),
        _ => None,
    }
}

/// The table that says what is traced.
fn table() -> TableKey {
    TableKey { family: Family::Inet, name: Name::ours("trace") }
}

/// That table, which ends with its owner.
fn ops(wanted: &Wanted) -> Vec<Op> {
    let flags = TableFlags { owner: true, persist: false };
    let mut kinds = vec![OpKind::AddTable { flags, comment: None }];
    for hook in [Hook::Prerouting, Hook::Output] {
        let chain = Name::ours(if hook == Hook::Output { "sent" } else { "came" });
        let base = BaseChain { chain_type: ChainType::Filter, hook, priority: PRIORITY };
        kinds.push(OpKind::AddChain { name: chain.clone(), base: Some(base), comment: None });
        for exprs in rules(wanted, hook) {
            let rule = Rule { exprs, comment: None };
            kinds.push(OpKind::AddRule { chain: chain.clone(), position: RulePosition::Last, rule });
        }
    }
    kinds.into_iter().map(|kind| Op { table: table(), kind }).collect()
}

/// A rule for what is wanted, and one for the answers.
fn rules(wanted: &Wanted, hook: Hook) -> Vec<Vec<Expr>> {
    let Wanted { from, to, transport, interface } = wanted;
    let ways = [(from, to, Field::ThDport), (to, from, Field::ThSport)];
    let rule = |(source, destination, port_field): (&Option<IpNet>, &Option<IpNet>, Field)| {
        let mut exprs = Vec::new();
        let mut ask = |field, value| {
            exprs.push(Expr::Match(Match { field, mask: None, operator: Operator::Eq, value }));
        };
        if let Some(interface) = interface.as_ref().filter(|_| hook == Hook::Prerouting) {
            ask(Field::Iifname, Value::One(Datum::ifname(interface)));
        }
        for (network, fields) in
            [(source, [Field::IpSaddr, Field::Ip6Saddr]), (destination, [Field::IpDaddr, Field::Ip6Daddr])]
        {
            if let Some(network) = network {
                let [v4, v6] = fields;
                let field = if matches!(network.addr(), IpAddr::V4(_)) { v4 } else { v6 };
                ask(field, interval::value(Interval::network(*network)));
            }
        }
        if let Some((protocol, port)) = transport {
            ask(Field::L4Proto, Value::One(Datum::protocol(*protocol)));
            if let Some(port) = port {
                ask(port_field, Value::One(Datum::port(*port)));
            }
        }
        let limit = Limit { rate: RATE, per: LimitUnit::Second, burst: BURST, bytes: false, over: false };
        exprs.extend([Expr::Limit(limit), Expr::SetMeta(SetMeta::Trace)]);
        exprs
    };
    ways.map(rule).into()
}
