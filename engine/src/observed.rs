//! What the kernel has: our tables as far as they could be read, with the handles that changing them takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ruleset::{BaseChain, Chain, Comment, Helper, Name, Quota, Rule, Ruleset, Set, Table, TableKey};

/// The tables that were asked for and exist, as of one kernel generation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observed {
    /// The generation of the whole dump.
    pub generation: KernelGeneration,
    /// The tables.
    pub tables: BTreeMap<TableKey, ObservedTable>,
}

/// nf_tables' own generation: any commit to any table of the network namespace counts it up.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KernelGeneration(pub u32);

/// One table in the kernel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedTable {
    /// Owner and persist.
    pub flags: TableFlags,
    /// Its comment.
    pub comment: Option<Comment>,
    /// Named counters and what they counted.
    pub counters: BTreeMap<Name, ObservedCounter>,
    /// Named quotas.
    pub quotas: BTreeMap<Name, Quota>,
    /// Helpers of connection tracking.
    pub helpers: BTreeMap<Name, Helper>,
    /// Named sets and maps. Elements of dynamic sets are left out: they come and go by themselves.
    pub sets: BTreeMap<Name, Set>,
    /// Chains.
    pub chains: BTreeMap<Name, ObservedChain>,
    /// Objects that palisade cannot describe and therefore never made: flowtables, limit objects, odd sets.
    pub unknown: BTreeSet<UnknownObject>,
}

/// Flags of a table.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TableFlags {
    /// Only the socket that owns it may change it (kernel 5.12).
    pub owner: bool,
    /// It outlives its owner (kernel 6.9).
    pub persist: bool,
}

/// A named counter's state.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedCounter {
    /// Packets counted.
    pub packets: u64,
    /// Bytes counted.
    pub bytes: u64,
    /// Its comment.
    pub comment: Option<Comment>,
}

/// What was counted somewhere.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counted {
    /// Packets.
    pub packets: u64,
    /// Bytes of those packets, from their IP headers on.
    pub bytes: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A chain in the kernel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedChain {
    /// Its hook.
    pub base: Option<BaseChain>,
    /// Whether somebody gave it policy drop; ours never have it.
    pub policy_drop: bool,
    /// Its comment.
    pub comment: Option<Comment>,
    /// Its rules in order.
    pub rules: Vec<ObservedRule>,
}

/// A rule in the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObservedRule {
    /// How the kernel knows it.
    pub handle: RuleHandle,
    /// What it says.
    pub content: RuleContent,
}

/// The kernel's number of a rule, unique in its table and never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleHandle(pub u64);

/// What a rule in the kernel says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuleContent {
    /// In our own terms.
    Known(Rule),
    /// Something that palisade never writes; the text names the first expression that it could not read.
    Unknown(Box<str>),
}

/// An object that palisade cannot describe.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct UnknownObject {
    /// `flowtable`, `set`, `chain`, `object`.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// What is strange about it.
    pub reason: Box<str>,
}

impl KernelGeneration {
    /// The one that the next commit leaves; the kernel never uses 0.
    #[must_use]
    pub fn following(self) -> Self {
        Self(self.0.wrapping_add(1).max(1))
    }
}

impl Observed {
    /// The same as a desired state: without what the kernel adds, and without what palisade cannot describe.
    pub fn to_ruleset(&self) -> Ruleset {
        let tables = self.tables.iter().map(|(key, there)| {
            let table = Table {
                comment: there.comment.clone(),
                counters: there
                    .counters
                    .iter()
                    .map(|(name, counter)| (name.clone(), counter.comment.clone()))
                    .collect(),
                quotas: there.quotas.clone(),
                helpers: there.helpers.clone(),
                sets: there.sets.clone(),
                chains: there.chains.iter().map(|(name, chain)| (name.clone(), chain.to_chain())).collect(),
            };
            (key.clone(), table)
        });
        Ruleset { tables: tables.collect() }
    }
}

impl ObservedChain {
    fn to_chain(&self) -> Chain {
        let known = self.rules.iter().filter_map(|rule| match &rule.content {
            RuleContent::Known(rule) => Some(rule.clone()),
            RuleContent::Unknown(_) => None,
        });
        Chain { base: self.base, comment: self.comment.clone(), rules: known.collect() }
    }
}

impl fmt::Display for KernelGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
