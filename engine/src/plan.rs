//! The plan: which operations take the kernel from what it has to what it should have.
//!
//! A round is three transactions (dataplane.md 3). *Fill* adds objects that nothing refers to yet, in as many batches
//! as it takes. *Flip* is one batch: rules of base chains, and elements of sets that are in use. *Collect*, later,
//! removes what nothing refers to any more. The fill must be its own, earlier transaction: a set with intervals that
//! is new in the flip's own transaction is not matchable at the instant when the rules change, and a set that is
//! deleted in it is lost to packets that still run through the old rules.

use crate::observed::{RuleHandle, TableFlags};
use crate::ruleset::{BaseChain, Comment, Element, ElementKey, Name, Quota, Rule, SetSpec, TableKey};

/// Rounds to be carried out one after the other; none if nothing has to change.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Usually one. Two where an interval set in use must change in a way that cannot be done in place.
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
    /// Creates a named counter.
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
    /// Creates a chain.
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
}
