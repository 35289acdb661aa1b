//! A policy-set chain that the next compile may take over, and what it hangs on besides its policies.
//!
//! Whoever changes a policy or a fact forgets the chains that hang on it ([`Made::sizes`], [`PolicySet::holds`]); the
//! rest is compared when the chain is wanted again. The node and the options are the same as long as anything is kept.
//!
//! [`PolicySet::holds`]: super::subject::Effective::holds

use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::policy::Direction;

use super::budget::{Excess, Shares};
use crate::compile::memo::{Memo, Size};
use crate::limits::POD_PORTS_MAX;
use crate::resolve::Resolver;
use crate::ruleset::{Name, Rule};

/// So far is counted. What is counted less than it is, is taken for too much as long as that is certain, and counted again
/// when enough of it went.
const COUNTED_MAX: usize = 2 * POD_PORTS_MAX;

/// A chain, made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(super) chain: Name,
    pub(super) circumstances: Circumstances,
    pub(super) exceeded: Option<Exceeded>,
    pub(super) parts: Box<[Name]>,
    sizes: Vec<(Size, Option<usize>)>,
}

/// What exceeded its bound, said once for each namespace and direction.
pub(super) type Exceeded = ((Arc<str>, Direction, Excess), Diagnostic);

/// What hangs on other pods of the node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Circumstances {
    /// What the budget leaves to NetworkPolicies, where they isolate.
    pub(super) shares: Option<Result<Shares, Excess>>,
    /// How pods reach themselves, where that was asked.
    pub(super) hairpin: Option<Vec<Rule>>,
}

impl Made {
    /// As it was made just now.
    pub(super) fn new(chain: Name, circumstances: Circumstances, exceeded: Option<Exceeded>, memo: &mut Memo) -> Self {
        let mut parts = std::mem::take(&mut memo.parts);
        parts.sort_unstable();
        parts.dedup();
        let sizes = std::mem::take(&mut memo.sizes).into_iter().map(|size| (size, None)).collect();
        Self { chain, circumstances, exceeded, parts: parts.into(), sizes }
    }

    /// Counts what was not counted yet.
    pub(crate) fn count(&mut self, resolver: &Resolver<'_>) {
        for (size, n) in &mut self.sizes {
            n.get_or_insert_with(|| size.view.size(resolver, COUNTED_MAX));
        }
    }

    /// What was folded, or not, because of how many pods there are, with the number, or one that it is not less than.
    pub(crate) fn sizes(&mut self) -> impl Iterator<Item = (&Size, &mut usize)> {
        self.sizes.iter_mut().filter_map(|(size, n)| Some((&*size, n.as_mut()?)))
    }
}
