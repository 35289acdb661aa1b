//! What one compile leaves for the next: what its changing sets stand for, and which chains it made of which policies.

use std::collections::BTreeMap;

use super::pods::{Made, PolicySet};
use crate::ruleset::{Name, Table};
use crate::view::View;

/// What is remembered of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    /// What the changing sets stand for.
    pub(crate) views: BTreeMap<Name, View>,
    /// The chain of each list of policies.
    pub(crate) chains: BTreeMap<PolicySet, Made>,
    /// What was folded, or not, in the chain that is being made.
    pub(crate) sizes: Vec<Size>,
    /// The chains, sets and counters that it is made of. Some of them no rule may refer to.
    pub(crate) parts: Vec<Name>,
}

/// A table whose changing sets are up to date, with what is remembered of it. What is used again is moved out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Former {
    /// The table.
    pub(crate) table: Table,
    /// What is remembered of it.
    pub(crate) memo: Memo,
}

/// A decision that hangs on how many addresses selectors stand for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    /// What the set would hold.
    pub(crate) view: View,
    /// Whether that was few enough.
    pub(crate) fits: bool,
}
