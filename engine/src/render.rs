//! The ruleset as nft text: what `nft -f` loads, and what `nft list ruleset` would print.

use crate::ruleset::{Chain, Set};

/// The inside of `chain NAME { … }`.
pub(crate) fn chain_body(chain: &Chain) -> String {
    format!("{chain:?}")
}

/// The inside of `set NAME { … }`.
pub(crate) fn set_body(set: &Set) -> String {
    format!("{set:?}")
}
