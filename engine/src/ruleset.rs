//! The ruleset: complete desired state in nft's own words, canonical and comparable.
//!
//! Two rulesets that mean the same thing to palisade are equal values: tables, chains, sets and elements are sorted,
//! and nothing in here counts, expires or has a handle. What the kernel adds to it is [`crate::observed`].
//!
//! Every base chain has policy accept; what ends in a drop says so in its last rule (decisions.md 3), so a chain
//! that is half filled can never cut a node off.

use std::collections::BTreeMap;
use std::fmt;

pub use self::bytes::{Bytes, BytesBase};
pub use self::chain::{BaseChain, Chain, ChainType, Hook, Priority};
pub use self::clock::{Clock, ClockPart};
pub use self::connection::{Helper, HelperNetwork, HelperTransport, SetCt, ZoneDirection};
pub use self::datum::{DataType, Datum, Interval};
pub use self::exists::{Exists, ExtensionHeader, Part, SctpChunk};
pub use self::expr::{
    Assign, AssignTarget, Connections, DynamicSet, Expr, Limit, LimitUnit, Log, LogLevel, Lookup, Match, Nat, NatKind,
    Operator, PerElement, Quota, RejectWith, Sample, SegmentSize, SetOperation, SetRef, Value, Verdict, VerdictMap,
};
pub use self::field::{ArpField, CtField, Field};
pub use self::header::{HeaderField, SetHeader, SetMeta};
pub(crate) use self::name::is_plain;
pub use self::name::{COMMENT_MAX, Comment, NAME_MAX, Name, NameError};
pub use self::proxy::{Synproxy, Tproxy};
pub use self::queue::Queue;
pub use self::set::{Element, ElementData, ElementKey, Elements, MapData, Set, SetSpec};

mod bytes;
mod chain;
mod clock;
mod connection;
mod datum;
pub(crate) mod every;
mod exists;
mod expr;
mod field;
mod header;
mod name;
mod proxy;
mod queue;
mod set;

/// Everything that palisade wants in the kernel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ruleset {
    /// The tables, each of them ours alone.
    pub tables: BTreeMap<TableKey, Table>,
}

/// What identifies a table to the kernel.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableKey {
    /// The address family.
    pub family: Family,
    /// The name, `palisade` for ours.
    pub name: Name,
}

/// The families of tables that palisade writes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4 and IPv6 together.
    Inet,
    /// IPv4 only.
    Ip,
    /// IPv6 only.
    Ip6,
    /// ARP.
    Arp,
    /// Bridged frames.
    Bridge,
}

/// One table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// Shown by nft.
    pub comment: Option<Comment>,
    /// Named counters; their values are the kernel's and survive every change of rules.
    pub counters: BTreeMap<Name, Option<Comment>>,
    /// Named quotas.
    pub quotas: BTreeMap<Name, Quota>,
    /// Helpers of connection tracking; each is named after what it is.
    pub helpers: BTreeMap<Name, Helper>,
    /// Named sets and maps.
    pub sets: BTreeMap<Name, Set>,
    /// Base and regular chains.
    pub chains: BTreeMap<Name, Chain>,
}

/// One rule: its expressions from left to right, and the comment that says where it came from.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rule {
    /// Evaluated in order until one does not match or gives a verdict.
    pub exprs: Vec<Expr>,
    /// The origin, as nft shows it.
    pub comment: Option<Comment>,
}

impl TableKey {
    /// The table of this family that is ours: `palisade`.
    pub fn ours(family: Family) -> Self {
        Self { family, name: Name::table() }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
        })
    }
}

impl fmt::Display for TableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}
