//! What one compile leaves for the next: what its changing sets stand for, and what hung on how many pods there are.

use std::collections::BTreeMap;

use crate::ruleset::{Name, Set};
use crate::view::View;

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    /// Changing sets that are up to date; what is used again is moved out.
    pub(crate) former: BTreeMap<Name, Set>,
    /// What the changing sets stand for.
    pub(crate) views: BTreeMap<Name, View>,
    /// What was folded, or not, because of how many pods there are.
    pub(crate) sizes: Vec<Size>,
}

/// A decision that hangs on how many addresses selectors stand for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    /// What the set would hold.
    pub(crate) view: View,
    /// Whether that was few enough.
    pub(crate) fits: bool,
}
