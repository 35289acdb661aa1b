//! Actions and targets: what a rule does.

use smallvec::smallvec;

use super::location::two_actions;
use super::modules::repeat_protocol_for;
use super::options::{check_needs, domain, only};
use super::{Evaluator, Step, error, hints, joined};
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction};
use crate::host::limits::{CHAIN_NAME, LOG_PREFIX};
use crate::host::rule::{Action, Domain, Operands, TargetOption};
use crate::host::stream::Stream;
use crate::host::vocabulary::{self, Arity, Keyword};
use crate::source::Span;

impl Evaluator<'_> {
    /// What follows `jump` or `goto`.
    pub(super) fn jump(&mut self, stream: &mut Stream, draft: &mut Draft, word: &str, span: Span) -> Step<()> {
        if word == "realgoto" {
            self.warn(span, "`realgoto` is an old spelling", "write goto");
        }
        let chain = self.single(stream)?;
        if chain.text.len() > CHAIN_NAME {
            let message = format!("`{}` is longer than {CHAIN_NAME} bytes, the longest name of a chain", chain.text);
            return Err(error(code::LOCATION, chain.span, message).into());
        }
        let action = match (word, &*chain.text) {
            ("jump", "ACCEPT") => Action::Accept,
            ("jump", "DROP") => Action::Drop,
            ("jump", "RETURN") => Action::Return,
            ("jump", _) => Action::Jump(chain),
            _ => Action::Goto(chain),
        };
        set_action(draft, ActionKind::Plain(action), span)
    }

    /// An action or a target. Returns whether the word is one.
    pub(super) fn action(draft: &mut Draft, word: &str, span: Span) -> Step<bool> {
        let kind = match word {
            "ACCEPT" => ActionKind::Plain(Action::Accept),
            "DROP" => ActionKind::Plain(Action::Drop),
            "RETURN" => ActionKind::Plain(Action::Return),
            "NOP" => ActionKind::Plain(Action::Nop),
            _ => match vocabulary::of(domain(draft)).targets.iter().find(|target| target.name == word) {
                Some(target) => {
                    check_needs(draft, target.needs, word, span)?;
                    ActionKind::Target(target, Vec::new())
                }
                None => return Ok(false),
            },
        };
        set_action(draft, kind, span)?;
        Ok(true)
    }

    /// An option of the rule's target. Returns whether the word is one.
    pub(super) fn target_option(
        &mut self,
        stream: &mut Stream,
        draft: &mut Draft,
        word: &str,
        span: Span,
    ) -> Step<bool> {
        let Some(DraftAction { kind: ActionKind::Target(target, _), families_before, .. }) = &draft.action else {
            return Ok(false);
        };
        if draft.families.iter().skip(*families_before).any(|family| family.keyword(word).is_some()) {
            return Ok(false);
        }
        let target = *target;
        let Some(keyword) = target.options.iter().find(|keyword| keyword.name == word) else { return Ok(false) };
        let (operands, end) = self.target_operands(stream, draft, keyword)?;
        let operands = self.adjusted(draft, keyword, operands);
        let option = TargetOption { keyword: keyword.canonical, operands, span: joined(span, end.unwrap_or(span)) };
        repeat_protocol_for(draft, keyword.name);
        let before = draft.matches.len();
        if let Some(DraftAction { kind: ActionKind::Target(_, options), matches_before, .. }) = &mut draft.action {
            options.push(option);
            matches_before.push(before);
        }
        Ok(true)
    }

    fn target_operands(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &'static Keyword,
    ) -> Step<(Operands, Option<Span>)> {
        match keyword.arity {
            Arity::Flag => Ok((Operands::Flag, None)),
            Arity::Single | Arity::Multiplied | Arity::ClassId => {
                let (words, _, end) = self.list(stream, draft, keyword, None)?;
                Ok((Operands::OneOf(vec![only(keyword, words, end)?]), Some(end)))
            }
            Arity::Pair | Arity::Set | Arity::TwoWords => {
                let (operands, _, end) = self.pair(stream, draft, keyword, None)?;
                Ok((operands, Some(end)))
            }
            Arity::Repeated => {
                let (words, _, end) = self.list(stream, draft, keyword, None)?;
                Ok((Operands::Repeated(words), Some(end)))
            }
            Arity::Joined | Arity::Ports => {
                let (words, _, end) = self.list(stream, draft, keyword, None)?;
                if words.is_empty() {
                    return Err(hints::empty(keyword, end));
                }
                Ok((Operands::Joined(words), Some(end)))
            }
        }
    }

    /// What ferm does to the operands of single options: ip6's names of rejections, the length of a log prefix.
    fn adjusted(&mut self, draft: &Draft, keyword: &Keyword, mut operands: Operands) -> Operands {
        let Operands::OneOf(words) = &mut operands else { return operands };
        for word in words {
            if keyword.name == "reject-with" && domain(draft) == Domain::Ip6 {
                word.text = reject_in_ip6(&word.text).into();
            } else if keyword.name == "log-prefix" && word.text.len() > LOG_PREFIX {
                let message = format!("this log prefix is longer than {LOG_PREFIX} bytes");
                self.warn(word.span, message, "the rest is cut off, as the kernel would");
                word.text = word.text.get(..floor(&word.text, LOG_PREFIX)).unwrap_or("").into();
            }
        }
        operands
    }
}

fn set_action(draft: &mut Draft, kind: ActionKind, span: Span) -> Step<()> {
    if let Some(first) = &draft.action {
        return Err(two_actions(span, first));
    }
    let families_before = draft.families.len();
    draft.action = Some(DraftAction { kind, span, families_before, matches_before: smallvec![draft.matches.len()] });
    Ok(())
}

fn reject_in_ip6(name: &str) -> &str {
    match name {
        "icmp-net-unreachable" => "icmp6-no-route",
        "icmp-host-unreachable" => "icmp6-addr-unreachable",
        "icmp-port-unreachable" => "icmp6-port-unreachable",
        "icmp-net-prohibited" | "icmp-host-prohibited" | "icmp-admin-prohibited" => "icmp6-adm-prohibited",
        _ => name,
    }
}

/// The last character boundary that is not past `limit` bytes.
fn floor(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
