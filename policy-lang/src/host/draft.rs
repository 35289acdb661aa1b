//! A rule while it is being read: what the blocks around it and the words before have said.

use std::sync::Arc;

use crate::host::rule::{Action, Domain, Match, MatchesBefore, Table, TargetOption};
use crate::host::vocabulary::{Family, Target};
use crate::source::Span;

/// A rule so far. A block hands a copy to every statement in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) location: Location,
    pub(super) matches: Vec<Match>,
    pub(super) protocol: Option<Protocol>,
    /// The protocols and modules whose keywords are known, in order; a subchain knows those of the rule that leads to
    /// it.
    pub(super) families: Vec<&'static Family>,
    /// The names of the modules that this rule has loaded.
    pub(super) loaded: Vec<Arc<str>>,
    pub(super) action: Option<DraftAction>,
    /// The first word of this statement that belongs to a rule.
    pub(super) started: Option<Span>,
    /// Whether this statement has named a domain, a table or a chain.
    pub(super) located: Option<Span>,
}

/// Where rules go.
#[derive(Clone, Debug, Default)]
pub(super) struct Location {
    pub(super) domain: Option<Domain>,
    /// Whether the domain is one pass of `domain (ip ip6)`.
    pub(super) families: Families,
    pub(super) table: Option<Table>,
    pub(super) chain: Option<Arc<str>>,
}

/// How many domains a statement is read for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Families {
    /// One: addresses pass as written.
    #[default]
    One,
    /// Several: addresses of the other family are left out.
    Several,
}

/// The protocol that a rule has named.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    pub(super) names: Vec<Arc<str>>,
    pub(super) negated: bool,
    /// In a subchain: the parent's match, repeated only in rules whose keywords need it.
    pub(super) pending: Option<Match>,
}

/// The action of a rule so far.
#[derive(Clone, Debug)]
pub(super) struct DraftAction {
    pub(super) kind: ActionKind,
    pub(super) span: Span,
    /// How many protocols and modules were known before it: of words that both have, the later one's counts.
    pub(super) families_before: usize,
    /// How many matches precede it, then each of its options.
    pub(super) matches_before: MatchesBefore,
}

/// An action whose options may still come.
#[derive(Clone, Debug)]
pub(super) enum ActionKind {
    /// One without options.
    Plain(Action),
    /// A target.
    Target(&'static Target, Vec<TargetOption>),
}

impl Draft {
    /// What the statements of a block begin with.
    pub(super) fn for_block(mut self) -> Self {
        self.started = None;
        self.located = None;
        self
    }

    /// Notes that a word of this statement belongs to a rule.
    pub(super) fn start(&mut self, span: Span) {
        self.started.get_or_insert(span);
    }

    /// Repeats the parent chain's protocol in a subchain's rule, once.
    pub(super) fn need_protocol(&mut self) {
        if let Some(repeated) = self.protocol.as_mut().and_then(|protocol| protocol.pending.take()) {
            self.matches.push(repeated);
        }
    }
}
