//! What rules are made of: matches, lookups, statements and verdicts.
//!
//! [`Expr`] and [`Field`] are matched exhaustively by encode, decode, render and the simulator, so a new variant
//! does not compile until each of them knows it. Hashes are taken of the rendered text and follow.

use super::bytes::Bytes;
use super::clock::Clock;
use super::connection::SetCt;
use super::datum::{Datum, Interval};
use super::every::every;
use super::exists::Exists;
use super::field::Field;
use super::header::{SetHeader, SetMeta};
use super::name::Name;
use super::proxy::{Synproxy, Tproxy};
use super::queue::Queue;
use super::set::{ElementKey, Elements, SetSpec};
use crate::interval;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// One expression of a rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Expr {
    /// `tcp dport 22`, `ip saddr != 10.0.0.0/8`, `ct state established,related`.
    Match(Match),
    /// `exthdr rt exists`, `tcp option 77 missing`.
    Exists(Exists),
    /// `@nh,64,32 & 0xff == 0x6`: bytes that no field names.
    Bytes(Bytes),
    /// `ip saddr . tcp dport @set`, `iifname != { "lo", "eth0" }`.
    Lookup(Lookup),
    /// `ip daddr vmap @map`; without an entry the next rule follows.
    VerdictMap(VerdictMap),
    /// `counter`: counts in the rule itself.
    Counter,
    /// `counter name "pl_…"`: counts in an object that outlives the rule.
    NamedCounter(Name),
    /// `quota over 10 mbytes`.
    Quota(Quota),
    /// `quota name "pl_…"`.
    NamedQuota(Name),
    /// `limit rate 10/minute burst 5 packets`.
    Limit(Limit),
    /// `log prefix "…"`.
    Log(Log),
    /// `accept`, `jump pl_…`.
    Verdict(Verdict),
    /// `reject with tcp reset`.
    Reject(RejectWith),
    /// `dnat ip to 10.0.0.1:80`, `snat`, `masquerade`, `redirect`.
    Nat(Nat),
    /// `notrack`.
    Notrack,
    /// `meta random <= 99`, `numgen inc mod 3 0`.
    Sample(Sample),
    /// `meta hour 32400-61199`, `meta day 1-5`.
    Clock(Clock),
    /// `meta mark set meta mark & 0xff00 ^ 0x1`.
    Assign(Assign),
    /// `tcp option maxseg size set rt mtu`.
    SegmentSize(SegmentSize),
    /// `reset tcp option timestamp`: the bytes of the first option of this kind become ones that say nothing.
    StripOption(u8),
    /// `tproxy ip to 10.0.0.1:80`.
    Tproxy(Tproxy),
    /// `synproxy mss 1460 wscale 7`.
    Synproxy(Synproxy),
    /// `queue flags bypass to 0-3`.
    Queue(Queue),
    /// `dup to 10.0.0.1`: a copy of the packet goes to this neighbour, in a table of its family alone.
    Duplicate(IpAddr),
    /// `ip dscp set ef`.
    SetHeader(SetHeader),
    /// `ct zone set 5`, `ct helper set "pl_…"`.
    SetCt(SetCt),
    /// `meta priority set 1:2`, `meta nftrace set 1`.
    SetMeta(SetMeta),
    /// `update @set { ip saddr timeout 60s limit rate over 10/second }`.
    DynamicSet(DynamicSet),
}

/// Compares one field with a constant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Match {
    /// What of the packet.
    pub field: Field,
    /// Bits to look at. `ct state new` is `mask: new, operator: Ne, value: 0`.
    pub mask: Option<Datum>,
    /// Equal or not.
    pub operator: Operator,
    /// The constant, of the field's type.
    pub value: Value,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// `==`, which nft leaves out.
    Eq,
    /// `!=`.
    Ne,
}

/// What a field is compared with.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Value {
    /// One value.
    One(Datum),
    /// A range, both ends included.
    Range(Interval),
    /// The first bits of a value, counted from the most significant: `10.0.0.0/8`, or `"ppp*"` with 24 bits. At
    /// least 1 and fewer than the type has. Interface prefixes are whole bytes.
    Prefix(Datum, u8),
}

/// Looks a concatenation of fields up in a set.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Lookup {
    /// The fields, as many as the set's key has types.
    pub key: Vec<Field>,
    /// `Eq`: must be in it; `Ne`: must not.
    pub operator: Operator,
    /// Where.
    pub set: SetRef,
}

/// Looks a concatenation of fields up in a verdict map and does what it says; without an entry the rule ends and the next
/// one follows.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VerdictMap {
    /// The fields.
    pub key: Vec<Field>,
    /// Where.
    pub map: SetRef,
}

/// A set by name, or one that lives and dies with its rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetRef {
    /// `@name`.
    Named(Name),
    /// `{ … }`.
    Anonymous {
        /// Its key types and whether it has intervals; neither dynamic nor timed, and without a comment.
        spec: SetSpec,
        /// Its elements.
        elements: Elements,
    },
}

/// What ends the evaluation of a rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Ends this base chain; later base chains still see the packet.
    Accept,
    /// Final.
    Drop,
    /// Back to the rule after the jump; in a base chain its policy, accept.
    Return,
    /// On with the next rule.
    Continue,
    /// Into a regular chain and back.
    Jump(Name),
    /// Into a regular chain and back to the caller of this one.
    Goto(Name),
}

/// `quota [over] BYTES`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Quota {
    /// In bytes.
    pub bytes: u64,
    /// Matches once the quota is used up, instead of until then.
    pub over: bool,
}

/// `limit rate [over] RATE/UNIT burst BURST packets|bytes`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Limit {
    /// Packets or bytes per unit.
    pub rate: u64,
    /// The unit of time.
    pub per: LimitUnit,
    /// How many more may come at once, in packets or bytes; nft's default for packets is 5.
    pub burst: u32,
    /// Counts bytes instead of packets.
    pub bytes: bool,
    /// Matches what exceeds the rate instead of what keeps it.
    pub over: bool,
}

/// The unit of a limit.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LimitUnit {
    /// 1 second.
    Second,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
    /// 604,800 seconds.
    Week,
}

every! { pub LimitUnit { Second Minute Hour Day Week } }

/// `log`: to the kernel's log, or to an NFLOG group.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Log {
    /// At most 127 bytes.
    pub prefix: Option<Box<str>>,
    /// The NFLOG group; without it the kernel's log.
    pub group: Option<u16>,
    /// Bytes of each packet to hand over, with a group.
    pub snaplen: Option<u32>,
    /// Packets to collect before they are handed over, with a group.
    pub queue_threshold: Option<u16>,
    /// For the kernel's log; nft's default is warning.
    pub level: Option<LogLevel>,
    /// Bits of `NF_LOG_*`: 1 TCP sequence, 2 TCP options, 4 IP options, 8 user, 32 MAC decode; for the kernel's log.
    pub flags: u32,
}

/// syslog's levels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// 0.
    Emerg,
    /// 1.
    Alert,
    /// 2.
    Crit,
    /// 3.
    Err,
    /// 4.
    Warn,
    /// 5.
    Notice,
    /// 6.
    Info,
    /// 7.
    Debug,
    /// To the audit system instead, without prefix and flags.
    Audit,
}

every! { pub LogLevel { Emerg Alert Crit Err Warn Notice Info Debug Audit } }

/// What the sender is told.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RejectWith {
    /// A TCP reset; wants a match on TCP.
    TcpReset,
    /// ICMP destination unreachable of this code, IPv4 only.
    Icmp(u8),
    /// ICMPv6 destination unreachable of this code, IPv6 only.
    Icmpv6(u8),
    /// Either, by family, in an inet or bridge table: 0 no-route, 1 port-unreachable, 2 host-unreachable,
    /// 3 admin-prohibited.
    Icmpx(u8),
}

/// Address translation.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// New addresses, for source and destination NAT; a single address is a range of one. Decides the family.
    pub addresses: Option<Interval>,
    /// New ports; wants a match on the transport protocol.
    pub ports: Option<Interval>,
    /// Bits of `NF_NAT_RANGE_*` that the user asked for: 4 random, 8 persistent, 16 fully-random, 64 for addresses that are a
    /// network: `prefix`, which replaces the first bits of an address and keeps the rest.
    pub flags: u32,
}

/// The kinds of address translation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NatKind {
    /// `snat`.
    Source,
    /// `dnat`.
    Destination,
    /// `masquerade`.
    Masquerade,
    /// `redirect`.
    Redirect,
}

/// `TARGET set TARGET & MASK ^ XOR`; with a mask of 0, `TARGET set XOR`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Assign {
    /// What is written.
    pub target: AssignTarget,
    /// Where the old value comes from.
    pub source: AssignTarget,
    /// Bits of the old value that are kept.
    pub mask: u32,
    /// Bits that are flipped after that.
    pub xor: u32,
}

/// What can be written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AssignTarget {
    /// `meta mark`.
    Mark,
    /// `ct mark`.
    CtMark,
}

/// TCP's maximum segment size, lowered to this where the packet announces a higher one; never raised, and never added to
/// a packet that announces none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SegmentSize {
    /// In bytes, of TCP's data.
    Bytes(u16),
    /// `rt mtu`: what the routes in both directions carry, without the headers of IP and TCP. Only where a packet has a
    /// route: forward, output and postrouting.
    RouteMtu,
}

/// Some of the packets, whatever they are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sample {
    /// `meta random <= MOST`: those for which a number drawn from all of 32 bits is at most this.
    Random {
        /// The highest number that matches.
        most: u32,
    },
    /// `numgen inc mod EVERY PACKET`: one of so many, by a count of the rule's own.
    Nth {
        /// At least 1.
        every: u32,
        /// Which of them, from 0 on; below `every`.
        packet: u32,
    },
}

/// Adds the packet's values to a dynamic set.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DynamicSet {
    /// How.
    pub operation: SetOperation,
    /// The set.
    pub set: Name,
    /// The fields that make the key.
    pub key: Vec<Field>,
    /// The bits of a field that count; all of them where it has no entry.
    pub masks: BTreeMap<Field, Datum>,
    /// The element's life time.
    pub timeout: Option<Duration>,
    /// What each element asks for itself.
    pub per_element: Option<PerElement>,
}

/// What each element of a dynamic set asks for itself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PerElement {
    /// `limit rate over 10/second`.
    Limit(Limit),
    /// `ct count over 10`.
    Connections(Connections),
}

/// `ct count [over] COUNT`: how many connections there are, this one included.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Connections {
    /// Most that match, or, if `over`, most that do not.
    pub count: u32,
    /// Matches where there are more instead.
    pub over: bool,
}

/// What is done to the set.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetOperation {
    /// `add`: leaves an element that is there alone.
    Add,
    /// `update`: starts its life time again.
    Update,
    /// `delete`.
    Delete,
}

impl Expr {
    /// The fields that it looks up and where, in a set or a verdict map; dynamic sets are written to instead.
    pub fn looked_up(&self) -> Option<(&[Field], &SetRef)> {
        match self {
            Self::Lookup(lookup) => Some((&lookup.key, &lookup.set)),
            Self::VerdictMap(map) => Some((&map.key, &map.map)),
            Self::Match(_)
            | Self::Exists(_)
            | Self::Bytes(_)
            | Self::Counter
            | Self::NamedCounter(_)
            | Self::Quota(_)
            | Self::NamedQuota(_)
            | Self::Limit(_)
            | Self::Log(_)
            | Self::Verdict(_)
            | Self::Reject(_)
            | Self::Nat(_)
            | Self::Notrack
            | Self::Sample(_)
            | Self::Clock(_)
            | Self::Assign(_)
            | Self::SegmentSize(_)
            | Self::StripOption(_)
            | Self::Tproxy(_)
            | Self::Synproxy(_)
            | Self::Queue(_)
            | Self::Duplicate(_)
            | Self::SetHeader(_)
            | Self::SetCt(_)
            | Self::SetMeta(_)
            | Self::DynamicSet(_) => None,
        }
    }

    /// The values that it compares fields with, those of sets without a name included.
    pub fn constants(&self) -> Vec<Interval> {
        if let Self::Match(found) = self {
            return vec![interval::of(&found.value)];
        }
        match self.looked_up() {
            Some((_, SetRef::Anonymous { spec: _, elements })) => {
                elements.keys().flat_map(ElementKey::parts).copied().collect()
            }
            Some((_, SetRef::Named(_))) | None => Vec::new(),
        }
    }

    /// The chain that it jumps or goes to by itself; maps lead to others.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Verdict(verdict) => verdict.target(),
            Self::Match(_)
            | Self::Exists(_)
            | Self::Bytes(_)
            | Self::Lookup(_)
            | Self::VerdictMap(_)
            | Self::Counter
            | Self::NamedCounter(_)
            | Self::Quota(_)
            | Self::NamedQuota(_)
            | Self::Limit(_)
            | Self::Log(_)
            | Self::Reject(_)
            | Self::Nat(_)
            | Self::Notrack
            | Self::Sample(_)
            | Self::Clock(_)
            | Self::Assign(_)
            | Self::SegmentSize(_)
            | Self::StripOption(_)
            | Self::Tproxy(_)
            | Self::Synproxy(_)
            | Self::Queue(_)
            | Self::Duplicate(_)
            | Self::SetHeader(_)
            | Self::SetCt(_)
            | Self::SetMeta(_)
            | Self::DynamicSet(_) => None,
        }
    }
}

impl Verdict {
    /// The chain that it leads to.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return | Self::Continue => None,
        }
    }
}

impl Lookup {
    /// The field's value is in a named set, or is not.
    pub fn in_set(field: Field, set: &Name, operator: Operator) -> Expr {
        Expr::Lookup(Self { key: vec![field], operator, set: SetRef::Named(set.clone()) })
    }
}

impl Match {
    /// `FIELD VALUE`.
    pub fn eq(field: Field, value: Datum) -> Expr {
        Expr::Match(Self { field, mask: None, operator: Operator::Eq, value: Value::One(value) })
    }

    /// `FIELD` has one of these bits: `ct state established,related`.
    pub fn any_bit(field: Field, bits: u32) -> Expr {
        Expr::Match(Self {
            field,
            mask: Some(Datum::number(field.data_type(), bits)),
            operator: Operator::Ne,
            value: Value::One(Datum::number(field.data_type(), 0)),
        })
    }
}

impl Nat {
    /// `NF_NAT_RANGE_NETMAP`, the flag of `prefix`.
    pub const PREFIX: u32 = 64;
}

impl LimitUnit {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }
}
