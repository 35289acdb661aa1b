//! `@nft`: what a rule says in nftables' own words. ferm has no such word.

use smallvec::smallvec;

use super::location::no_chain;
use super::options::domain;
use super::values::plain;
use super::{Evaluator, Flow, Step, error, joined};
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction};
use crate::host::rule::{Action, Domain, HostRule, Match, NFT, Operands, Word};
use crate::host::stream::Stream;
use crate::source::Span;

impl Evaluator<'_> {
    /// What follows `@nft`: a text, or an array with one for each rule.
    pub(super) fn nft(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<Flow> {
        if draft.location.chain.is_none() {
            return Err(no_chain(span));
        }
        let domain = domain(draft);
        if matches!(domain, Domain::Arp | Domain::Eb) {
            return Err(error(code::UNSUPPORTED, span, format!("`@nft` does not exist in domain {domain}")).into());
        }
        if let Some(first) = draft.matches.iter().find(|found| found.keyword == NFT) {
            return Err(error(code::RULE, span, "a rule has one `@nft`").label(first.span, "the first one").into());
        }
        draft.start(span);
        let value = self.value(stream)?;
        plain(&value)?;
        let end = value.span;
        let words = self.force(value.items, domain)?;
        if words.is_empty() {
            let diagnostic = error(code::OPERAND, end, "`@nft` has no text");
            return Err(diagnostic.help("for example: @nft 'tcp flags syn limit rate 10/second' ACCEPT;").into());
        }
        self.charge(words.len(), end)?;
        let operands = Operands::OneOf(words);
        draft.matches.push(Match { keyword: NFT, module: None, negated: false, operands, span: joined(span, end) });
        Ok(Flow::More)
    }
}

/// The action of a rule that names none: what it does is in its `@nft`.
pub(super) fn action(matches: &[Match]) -> Option<DraftAction> {
    let found = matches.iter().find(|found| found.keyword == NFT)?;
    let matches_before = smallvec![matches.len()];
    Some(DraftAction { kind: ActionKind::Plain(Action::Nop), span: found.span, families_before: 0, matches_before })
}

/// The rules that a rule with several texts is, in their order: each may do something else.
pub(super) fn apart(rule: HostRule) -> Vec<HostRule> {
    let Some(at) = rule.matches.iter().position(|found| found.keyword == NFT) else { return vec![rule] };
    let texts = rule.matches.get(at).map(|found| found.operands.alternatives().to_vec()).unwrap_or_default();
    let with = |text: Word| {
        let mut rule = rule.clone();
        if let Some(found) = rule.matches.get_mut(at) {
            found.operands = Operands::OneOf(vec![text]);
        }
        rule
    };
    texts.into_iter().map(with).collect()
}
