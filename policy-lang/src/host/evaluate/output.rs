//! Where finished rules go: chains in the order of their opening, and the numbers that tie the rules of several
//! domains together.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{Evaluator, Step, error};
use crate::host::code;
use crate::host::draft::Location;
use crate::host::expand;
use crate::host::limits::{PRODUCT, TOTAL_PRODUCT};
use crate::host::rule::{ChainPolicy, Domain, HostChain, HostRule, Table};
use crate::host::stream::Call;
use crate::source::{SourceId, Span};

/// How the names of subchains without one begin.
const AUTOMATIC: &str = "ferm_auto_";

type ChainKey = (Domain, Table, Arc<str>);

/// The rules so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    chains: Vec<HostChain>,
    index: BTreeMap<ChainKey, usize>,
    /// The domains in which a rule, a policy or a chain was asked for. ferm prints nothing for others, whatever
    /// chains were opened and left empty.
    enabled: Vec<Domain>,
    /// Subchains without a name so far.
    automatic: u32,
    /// Provenance numbers so far.
    numbered: u32,
    /// The replay of `domain (…)` that is going on; domains do not nest.
    replay: Option<Replay>,
    /// iptables rules so far.
    product: u64,
}

/// The numbers given out in the passes of one `domain (…)`.
#[derive(Debug, Default)]
struct Replay {
    numbers: BTreeMap<Passed, u32>,
    /// How often each rule was met in this pass: a chain or a table may be read several times within a domain.
    met: BTreeMap<Origin, u32>,
}

/// A rule's place. The text alone is not enough: a function is called from many places, and a statement is read for
/// several chains.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Origin {
    table: Table,
    /// Empty for subchains without a name: their numbers differ between the passes.
    chain: Arc<str>,
    /// The end of the rule, then the calls that led there, the innermost first.
    path: Vec<(SourceId, u32)>,
}

type Passed = (Origin, u32);

impl Output {
    /// Opens a chain. Returns whether it is new.
    pub(super) fn open(&mut self, location: &Location, span: Span) -> bool {
        let before = self.chains.len();
        self.chain(location, span);
        self.chains.len() > before
    }

    /// Whether a chain has rules already.
    pub(super) fn has_rules(&self, location: &Location) -> bool {
        let key = (
            location.domain.unwrap_or(Domain::Ip),
            location.table.unwrap_or(Table::Filter),
            location.chain.clone().unwrap_or_default(),
        );
        self.index.get(&key).and_then(|at| self.chains.get(*at)).is_some_and(|chain| !chain.rules.is_empty())
    }

    /// Sets a chain's policy; the last one counts.
    pub(super) fn set_policy(&mut self, location: &Location, policy: ChainPolicy, span: Span) {
        self.enable(location);
        self.chain(location, span).policy = Some((policy, span));
    }

    /// Notes that something was asked for in a domain.
    pub(super) fn enable(&mut self, location: &Location) {
        let domain = location.domain.unwrap_or(Domain::Ip);
        if !self.enabled.contains(&domain) {
            self.enabled.push(domain);
        }
    }

    /// A name for a subchain without one.
    pub(super) fn automatic_name(&mut self) -> String {
        self.automatic += 1;
        format!("{AUTOMATIC}{}", self.automatic)
    }

    /// Begins the reading of a statement for several domains.
    pub(super) fn begin_replay(&mut self) {
        self.replay = Some(Replay::default());
    }

    /// Begins one domain of several.
    pub(super) fn begin_pass(&mut self) {
        if let Some(replay) = &mut self.replay {
            replay.met.clear();
        }
    }

    /// Ends the reading for several domains.
    pub(super) fn end_replay(&mut self) {
        self.replay = None;
    }

    /// The chains of the domains in which anything was asked for.
    pub(super) fn into_chains(self) -> Vec<HostChain> {
        let Self { mut chains, enabled, .. } = self;
        chains.retain(|chain| enabled.contains(&chain.domain));
        for chain in &mut chains {
            chain.rules.shrink_to_fit();
        }
        chains
    }

    fn chain(&mut self, location: &Location, span: Span) -> &mut HostChain {
        let (domain, table) = (location.domain.unwrap_or(Domain::Ip), location.table.unwrap_or(Table::Filter));
        let name = location.chain.clone().unwrap_or_default();
        let chains = &mut self.chains;
        let at = *self.index.entry((domain, table, Arc::clone(&name))).or_insert_with(|| {
            chains.push(HostChain { domain, table, name, policy: None, span, rules: Vec::new() });
            chains.len() - 1
        });
        &mut chains[at]
    }

    /// The number of a rule that ends at `end`: the same in every pass that meets it.
    fn provenance(&mut self, location: &Location, end: Span, calls: Option<&Call>) -> u32 {
        let next = self.numbered;
        let number = match &mut self.replay {
            None => next,
            Some(Replay { numbers, met }) => {
                let calls = std::iter::successors(calls, |call| call.parent.as_deref());
                let path = std::iter::once(end).chain(calls.map(|call| call.span));
                let path = path.map(|span| (span.source, span.start)).collect();
                let named = location.chain.clone().filter(|name| !name.starts_with(AUTOMATIC));
                let table = location.table.unwrap_or(Table::Filter);
                let origin = Origin { table, chain: named.unwrap_or_default(), path };
                let times = met.entry(origin.clone()).or_default();
                *times += 1;
                *numbers.entry((origin, *times)).or_insert(next)
            }
        };
        if number == next {
            self.numbered += 1;
        }
        number
    }
}

impl Evaluator<'_> {
    /// Adds a rule to its chain. `end` is the semicolon or the block that ended it.
    pub(super) fn emit(
        &mut self,
        location: &Location,
        mut rule: HostRule,
        end: Span,
        calls: Option<&Rc<Call>>,
    ) -> Step<()> {
        let product = expand::product(&rule);
        if product > PRODUCT {
            let message = format!("this rule stands for {product} rules, more than the {PRODUCT} that are possible");
            return Err(error(code::LIMIT, rule.span, message).help("its arrays multiply: split it").into());
        }
        self.output.product = self.output.product.saturating_add(product);
        if self.output.product > TOTAL_PRODUCT {
            self.exhausted = true;
            let message = format!("the rules so far stand for more than {TOTAL_PRODUCT}: the rest is not read");
            return Err(error(code::LIMIT, rule.span, message).into());
        }
        rule.provenance = self.output.provenance(location, end, calls.map(Rc::as_ref));
        self.output.enable(location);
        self.output.chain(location, rule.span).rules.push(rule);
        Ok(())
    }
}
