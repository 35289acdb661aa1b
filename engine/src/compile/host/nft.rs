//! `@nft`: conditions and verdicts in nft's own words, for what ferm has no word for.
//!
//! The text is read, not handed on: what it becomes is judged, counted, traced and drawn into sets like any other rule, and
//! needs no nft on the machine. It is the notation that [`crate::render`] writes and `nft list ruleset` prints.
//!
//! Conditions stand where the text stands among the others of the rule; what it logs comes after all of them, before the
//! rule's own action.

use std::fmt::Write as _;

use policy_lang::host::rule::{Action, HostRule, Match as HostMatch, NFT, Word as HostWord};
use policy_lang::source::Span;

use self::statement::{Ending, Part};
use self::words::{Fault, Word, Words};
use super::clause::{Effect, Ip, Reading, Test};
use super::code::{OPERAND, PLACE, Refusal, refuse};
use super::matching::Context;
use super::names::Names;
use super::target::{self, Statement};
use super::transport::{Protocols, TCP};
use super::{emit, operand, reject};
use crate::render;
use crate::ruleset::{Datum, Expr, Field, Hook, Log, Match, RejectWith};

mod comparison;
mod part;
mod statement;
mod value;
mod words;

/// What a text says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Text<'t> {
    conditions: Vec<Expr>,
    logs: Vec<Log>,
    ending: Option<(Ending, Word<'t>)>,
}

/// The conditions of an `@nft`.
pub(super) fn conditions(found: &HostMatch, context: Context<'_>) -> Result<Reading, Refusal> {
    let word = operand::only("@nft", &found.operands, found.span)?;
    let Text { conditions, logs: _, ending: _ } = read(word, context.scope.names)?;
    for field in conditions.iter().flat_map(emit::fields) {
        is_known(*field, word, context)?;
    }
    // As ferm leaves out addresses of the other family.
    let is_others = |field: &Field| emit::family(*field).is_some_and(|family| family != context.scope.ip);
    if conditions.iter().flat_map(emit::fields).any(is_others) {
        return Ok(Reading::Never);
    }
    if conditions.is_empty() {
        return Ok(Reading::Always);
    }
    Ok(Reading::Test(Test::Alternatives(vec![conditions])))
}

/// A rule's action with what its `@nft` does before, or instead.
pub(super) fn with_text(statement: Statement, context: Context<'_>) -> Result<Statement, Refusal> {
    let Some(found) = text_of(context.rule) else { return Ok(statement) };
    let word = operand::only("@nft", &found.operands, found.span)?;
    let Text { conditions, logs, ending } = read(word, context.scope.names)?;
    let statement = match ending {
        Some((_, last)) if context.rule.action != Action::Nop => {
            let fault = last.fault("a rule has one verdict, and this text gives one too", "leave one of them out");
            return Err(refusal(word, &fault));
        }
        Some((ending, last)) => ended(ending, &last, &conditions, word, context)?,
        None => statement,
    };
    let logs = logs.into_iter().map(Expr::Log);
    Ok(Statement { exprs: logs.chain(statement.exprs).collect(), ..statement })
}

/// Whether a rule that could not be read might have held packets back by its text.
pub(super) fn holds_back(rule: &HostRule) -> bool {
    rule.action == Action::Nop && text_of(rule).is_some()
}

/// Whether the text of a rule has a verdict of its own.
pub(super) fn ends(rule: &HostRule, context: Context<'_>) -> bool {
    let words = text_of(rule).map_or(&[][..], |found| operand::words(&found.operands));
    words.iter().any(|word| parse(&word.text, context.scope.names).is_ok_and(|text| text.ending.is_some()))
}

/// The fields and verdicts that are read, as a page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# What `@nft` reads\n\nGenerated from the program's own tables by `make docs`. A text is one rule in the notation of \
         `nft list ruleset`: conditions,\nthen what is done. See [language.md](language.md) for where it may stand.\n\n\
         A condition is a field and what it is compared with: a value, `LOW-HIGH`, `ADDRESS/BITS`, or a list `{ A, B }`, after `==`,\n\
         `!=`, `<`, `>`, `<=`, `>=` or none of them, which means equal. `FIELD & MASK == VALUE` looks at some of the bits. Fields \
         with\n` . ` between them are compared together: `ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.2 . 80-90 }`. Of bits, `A,B` \
         means\none of them, `! A` not this one, `A / A,B` these bits out of those.\n\nBesides: `limit rate [over] \
         NUMBER/UNIT [burst NUMBER packets]`, the same of bytes, `quota [over] NUMBER UNIT`,\n`meta random <= NUMBER`, `numgen inc \
         mod NUMBER NUMBER`. What is done: `log` with all its options, `accept`, `drop`,\n`return`, `continue`, `reject` with all its \
         answers, `queue [flags bypass,fanout] to NUMBER-NUMBER`. `counter` is read and left out: every rule has one.\n\n| field | is compared with |\n|---|---|\n",
    );
    for field in comparison::fields() {
        let _ = writeln!(text, "| `{}` | {} |", render::field(field), value::notation(field.data_type()));
    }
    text
}

fn text_of(rule: &HostRule) -> Option<&HostMatch> {
    rule.matches.iter().find(|found| found.keyword == NFT)
}

fn read<'t>(word: &'t HostWord, names: &Names) -> Result<Text<'t>, Refusal> {
    parse(&word.text, names).map_err(|fault| refusal(word, &fault))
}

fn parse<'t>(text: &'t str, names: &Names) -> Result<Text<'t>, Fault> {
    let mut words = Words::of(text)?;
    let mut read = Text::default();
    while let Some(next) = words.peek().copied() {
        if read.ending.is_some() {
            let help = "write an array with a text for each rule: @nft ('…' '…');";
            return Err(next.fault("nothing can follow a verdict", help));
        }
        match statement::next(&mut words, names)? {
            Part::Condition(_) if !read.logs.is_empty() => {
                return Err(next.fault("a condition cannot follow `log`", "write it before, or in a rule of its own"));
            }
            Part::Condition(expr) => read.conditions.push(expr),
            Part::Log(log) => read.logs.push(log),
            Part::Ending(ending, word) => read.ending = Some((ending, word)),
            Part::Nothing => {}
        }
    }
    Ok(read)
}

/// What a verdict of a text becomes, which is what ferm's word for it becomes.
fn ended(
    ending: Ending,
    last: &Word<'_>,
    conditions: &[Expr],
    word: &HostWord,
    context: Context<'_>,
) -> Result<Statement, Refusal> {
    let mut findings = Vec::new();
    let mut as_ferm = |action| target::read_action(action, context, &mut findings);
    let with = match ending {
        Ending::Accept => return as_ferm(&Action::Accept),
        Ending::Drop => return as_ferm(&Action::Drop),
        Ending::Return => return as_ferm(&Action::Return),
        Ending::Continue => return as_ferm(&Action::Nop),
        Ending::Queue(queue) => {
            return Ok(Statement { exprs: vec![Expr::Queue(queue)], uses: None, effect: Effect::Final });
        }
        Ending::Reject(with) => with,
    };
    let statement = reject::reject(&[], span(word, last.place()), context)?;
    let fits = match (with, context.scope.ip) {
        (RejectWith::TcpReset, _) => {
            let proven = Match::eq(Field::L4Proto, Datum::protocol(TCP));
            let of_tcp = [Field::TcpSport, Field::TcpDport, Field::TcpFlags, Field::TcpOptionMaxseg];
            let is_tcp = |expr: &Expr| *expr == proven || emit::fields(expr).iter().any(|field| of_tcp.contains(field));
            *context.protocols == Protocols::Of(vec![TCP]) || conditions.iter().any(is_tcp)
        }
        (RejectWith::Icmp(_), Ip::V6) | (RejectWith::Icmpv6(_), Ip::V4) => {
            let message = format!("this answer does not exist in domain {}", context.scope.domain());
            let fault = last.fault(message, "write icmpx, which is for both");
            return Err(refusal(word, &fault));
        }
        _ => true,
    };
    if !fits {
        return Err(refusal(word, &last.fault("a reset needs TCP", "compare with a port of TCP, or meta l4proto tcp")));
    }
    Ok(Statement { exprs: vec![Expr::Reject(with)], effect: Effect::Final, ..statement })
}

/// Where packets have what not all have.
const PLACES: &[(&[Field], &[Hook])] = &[
    (
        &[
            Field::Iifname,
            Field::Iifgroup,
            Field::EtherSaddr,
            Field::EtherDaddr,
            Field::Ipsec,
            Field::FibDaddrIifType,
            Field::FibSaddrIifType,
            Field::FibSaddrOif,
            Field::FibSaddrMarkOif,
        ],
        &[Hook::Prerouting, Hook::Input, Hook::Forward],
    ),
    (
        &[Field::Oifname, Field::Oifgroup, Field::RtIpsec, Field::FibSaddrOifType, Field::FibDaddrOifType],
        &[Hook::Forward, Hook::Output, Hook::Postrouting],
    ),
    (&[Field::SocketTransparent, Field::SocketWildcard], &[Hook::Prerouting, Hook::Input]),
    (&[Field::SkUid, Field::SkGid], &[Hook::Output, Hook::Postrouting]),
    (&[Field::FibSaddrIifOif, Field::FibSaddrMarkIifOif], &[Hook::Prerouting]),
];

/// Refuses a field where packets do not have it.
fn is_known(field: Field, word: &HostWord, context: Context<'_>) -> Result<(), Refusal> {
    let Some((_, hooks)) = PLACES.iter().find(|(fields, _)| fields.contains(&field)) else { return Ok(()) };
    let Some(hook) = context.scope.hooks.iter().find(|hook| !hooks.contains(hook)) else { return Ok(()) };
    let message = format!("`{}` is unknown of the packets of {hook}", render::field(field));
    let chains: Vec<String> = hooks.iter().map(|hook| hook.to_string().to_uppercase()).collect();
    Err(refuse(PLACE, word.span, message, format!("write the rule in chain {}", chains.join(" or "))))
}

fn refusal(word: &HostWord, fault: &Fault) -> Refusal {
    refuse(OPERAND, span(word, fault.place.clone()), fault.message.clone(), fault.help.clone())
}

/// The place of a part of a text, where the text stands in the file as it is; that of all of it where variables were put in.
fn span(word: &HostWord, place: std::ops::Range<usize>) -> Span {
    let Span { source, start, end } = word.span;
    let written = end.saturating_sub(start) as usize;
    // Between quotes; and in ASCII, so that no place is within a letter where variables of the same length were put in.
    if written != word.text.len() + 2 || !word.text.is_ascii() {
        return word.span;
    }
    let at = |offset: usize| start.saturating_add(1).saturating_add(u32::try_from(offset).unwrap_or(u32::MAX)).min(end);
    Span { source, start: at(place.start), end: at(place.end).max(at(place.start)) }
}
