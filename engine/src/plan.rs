//! The plan: which operations take the kernel from what it has to what it should have.
//!
//! A round is three transactions (dataplane.md 3). *Fill* adds objects that nothing refers to yet, in as many batches
//! as it takes. *Flip* is one batch: rules of base chains, and elements of sets that are in use. *Collect*, later,
//! removes what nothing refers to any more. The fill must be its own, earlier transaction: a set with intervals that
//! is new in the flip's own transaction is not matchable at the instant when the rules change, and a set that is
//! deleted in it is lost to packets that still run through the old rules.

use crate::observed::{RuleHandle, TableFlags};
use crate::ruleset::{BaseChain, Comment, Element, ElementKey, Helper, Name, Quota, Rule, SetSpec, TableKey};

pub use self::batches::{BATCH_BYTES, BATCH_OPS, ELEMENTS_PER_OP, batches};

pub(crate) mod batches;
mod describe;
pub(crate) mod model;

/// Rounds to be carried out one after the other; none if nothing has to change.
///
/// Only the first round can be carried out as it stands. What comes after it is a forecast: the kernel has not yet
/// given handles to the rules that the first round adds, so whoever carries out a plan observes and plans again before
/// the next round.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Usually one. More where something in use must change in a way that cannot be done in place: then the first
    /// round takes the kernel to a state that means the same as the desired one, and the rest gives things their
    /// proper names.
    pub rounds: Vec<Round>,
}

/// Fill, flip, collect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Round {
    /// Adds what is new; may be split into several batches.
    pub fill: Vec<Op>,
    /// Changes what packets meet; always one batch.
    pub flip: Vec<Op>,
    /// Removes what is left over.
    pub collect: Vec<Op>,
}

/// One operation on one object of one table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Op {
    /// The table that it is about.
    pub table: TableKey,
    /// What is done.
    pub kind: OpKind,
}

/// What an operation does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OpKind {
    /// Creates the table, or changes flags that can be changed.
    AddTable {
        /// Its flags; exactly those that an existing one has.
        flags: TableFlags,
        /// Only for a new one.
        comment: Option<Comment>,
    },
    /// Removes the table and all that is in it.
    DeleteTable,
    /// Creates a named counter; there must be none of this name. The same holds for quotas and sets.
    AddCounter {
        /// Its name.
        name: Name,
        /// Its comment.
        comment: Option<Comment>,
    },
    /// Removes a named counter.
    DeleteCounter(Name),
    /// Creates a named quota.
    AddQuota {
        /// Its name.
        name: Name,
        /// Its size.
        quota: Quota,
    },
    /// Removes a named quota.
    DeleteQuota(Name),
    /// Creates a helper of connection tracking.
    AddHelper {
        /// Its name.
        name: Name,
        /// What it is.
        helper: Helper,
    },
    /// Removes a helper.
    DeleteHelper(Name),
    /// Creates an empty set or map.
    AddSet {
        /// Its name.
        name: Name,
        /// What it holds.
        spec: SetSpec,
    },
    /// Removes a set.
    DeleteSet(Name),
    /// Adds elements; those that are there already stay as they are.
    AddElements {
        /// The set.
        set: Name,
        /// What the set holds, which the encoding of elements depends on.
        spec: SetSpec,
        /// The elements.
        elements: Vec<(ElementKey, Element)>,
    },
    /// Removes elements.
    DeleteElements {
        /// The set.
        set: Name,
        /// What the set holds.
        spec: SetSpec,
        /// The elements as they are in the set.
        elements: Vec<(ElementKey, Element)>,
    },
    /// Creates a chain. A base chain that exists with this hook gets policy accept and keeps its rules; a regular
    /// chain that exists stays as it is.
    AddChain {
        /// Its name.
        name: Name,
        /// Its hook, for a base chain; the policy is accept.
        base: Option<BaseChain>,
        /// Its comment.
        comment: Option<Comment>,
    },
    /// Removes an empty chain that nothing jumps to.
    DeleteChain(Name),
    /// Removes all rules of a chain.
    FlushChain(Name),
    /// Adds a rule.
    AddRule {
        /// The chain.
        chain: Name,
        /// Where in it.
        position: RulePosition,
        /// The rule.
        rule: Rule,
    },
    /// Removes a rule.
    DeleteRule {
        /// The chain.
        chain: Name,
        /// The rule.
        handle: RuleHandle,
    },
}

/// Where a rule is added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RulePosition {
    /// At the end.
    Last,
    /// Directly before a rule that is there.
    Before(RuleHandle),
}

impl Plan {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }

    /// How many operations all rounds have.
    pub fn n_ops(&self) -> usize {
        self.rounds.iter().map(Round::n_ops).sum()
    }
}

impl Round {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.n_ops() == 0
    }

    /// How many operations its three transactions have.
    pub fn n_ops(&self) -> usize {
        self.fill.len() + self.flip.len() + self.collect.len()
    }
}
