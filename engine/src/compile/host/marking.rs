//! MARK and CONNMARK, CLASSIFY and TRACE: what a packet or its connection takes along.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::Object;
use super::code::{DOUBTFUL, OPERAND, Refusal, refuse};
use super::matching::Context;
use super::operand::{masked, number};
use super::target::{EVERYWHERE, Statement, place, unknown_option, value};
use crate::ruleset::{
    Assign, AssignTarget, CtField, DataType, Datum, Expr, Field, Hook, Match, Operator, Rule, SetMeta, Value, Verdict,
};

/// `MARK`.
pub(super) fn packet(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    place("MARK", span, context, &[Table::Mangle], &EVERYWHERE)?;
    let [option] = options else { return Err(one_of_these(span, "MARK")) };
    let (mask, xor) = written(option, "MARK")?;
    Ok(Expr::Assign(Assign { target: AssignTarget::Mark, source: AssignTarget::Mark, mask, xor }))
}

/// `CLASSIFY`: the class of a queueing discipline.
pub(super) fn class(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    let [option] = options else {
        return Err(refuse(OPERAND, span, "CLASSIFY needs a class", "write `CLASSIFY set-class MAJOR:MINOR`"));
    };
    if option.keyword != "set-class" {
        return Err(unknown_option(option, "CLASSIFY"));
    }
    let word = value(option)?;
    let half = |text: &str| u16::from_str_radix(text, 16).ok();
    let class = word
        .text
        .split_once(':')
        .and_then(|(major, minor)| Some(u32::from(half(major)?) << 16 | u32::from(half(minor)?)));
    let class = class.ok_or_else(|| {
        let message = format!("`{}` is no class", word.text);
        refuse(OPERAND, word.span, message, "write MAJOR:MINOR, two hexadecimal numbers as tc writes them")
    })?;
    let tables = [Table::Raw, Table::Mangle, Table::Nat, Table::Filter, Table::Security];
    place("CLASSIFY", span, context, &tables, &[Hook::Forward, Hook::Output, Hook::Postrouting])?;
    Ok(Expr::SetMeta(SetMeta::Priority(class)))
}

/// `TRACE`: the packet is followed through nftables' rules, which `nft monitor trace` shows.
pub(super) fn trace(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    place("TRACE", span, context, &[Table::Raw], &[Hook::Prerouting, Hook::Output])?;
    match options.first() {
        Some(option) => Err(unknown_option(option, "TRACE")),
        None => Ok(Expr::SetMeta(SetMeta::Trace)),
    }
}

/// `CONNMARK`.
pub(super) fn connection(
    options: &[TargetOption],
    span: Span,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Statement, Refusal> {
    let tables = [Table::Mangle, Table::Filter, Table::Nat, Table::Security];
    place("CONNMARK", span, context, &tables, &EVERYWHERE)?;
    let copies = |option: &&TargetOption| matches!(option.keyword, "save-mark" | "restore-mark");
    let (statement, touched) = if let Some(copy) = options.iter().find(copies) {
        let copy = Copy::read(options, copy)?;
        (copy.statement(), if copy.target == AssignTarget::CtMark { copy.cleared | copy.copied } else { 0 })
    } else {
        let [option] = options else { return Err(one_of_these(span, "CONNMARK")) };
        let (mask, xor) = written(option, "CONNMARK")?;
        let (target, source) = (AssignTarget::CtMark, AssignTarget::CtMark);
        (Statement::continuing(vec![Expr::Assign(Assign { target, source, mask, xor })]), !mask | xor)
    };
    let reserved = context.scope.reserved_connection_mark;
    if touched & reserved != 0 {
        findings.push(
            Diagnostic::warning(
                DOUBTFUL,
                span,
                format!("CONNMARK writes the bits {reserved:#x}, which mark revoked flows"),
            )
            .help(format!("leave them alone: add a mask without {reserved:#x}")),
        );
    }
    Ok(statement)
}

fn one_of_these(span: Span, target: &str) -> Refusal {
    let message = format!("{target} needs exactly one of set-mark, set-xmark, and-mark, or-mark and xor-mark");
    refuse(OPERAND, span, message, "write `set-mark VALUE` or `set-mark VALUE/MASK`")
}

/// The bits that are kept, and those that are flipped after that.
fn written(option: &TargetOption, target: &str) -> Result<(u32, u32), Refusal> {
    let plain = |word: &Word| {
        number(&word.text).ok_or_else(|| {
            refuse(
                OPERAND,
                word.span,
                format!("`{}` is no number", word.text),
                "write a number, decimal or hexadecimal",
            )
        })
    };
    match option.keyword {
        "set-mark" => masked(value(option)?).map(|(value, mask)| (!(value | mask), value)),
        "set-xmark" => masked(value(option)?).map(|(value, mask)| (!mask, value)),
        "and-mark" => plain(value(option)?).map(|bits| (bits, 0)),
        "or-mark" => plain(value(option)?).map(|bits| (!bits, bits)),
        "xor-mark" => plain(value(option)?).map(|bits| (u32::MAX, bits)),
        _ => Err(unknown_option(option, target)),
    }
}

/// `save-mark` and `restore-mark`: `target = target & ~cleared ^ source & copied`.
struct Copy {
    target: AssignTarget,
    source: AssignTarget,
    cleared: u32,
    copied: u32,
}

impl Copy {
    fn read(options: &[TargetOption], copy: &TargetOption) -> Result<Self, Refusal> {
        let (target, source, cleared_by) = if copy.keyword == "save-mark" {
            (AssignTarget::CtMark, AssignTarget::Mark, "ctmask")
        } else {
            (AssignTarget::Mark, AssignTarget::CtMark, "nfmask")
        };
        let masks: Vec<&TargetOption> = options.iter().filter(|option| *option != copy).collect();
        let (mut cleared, mut copied) = (u32::MAX, u32::MAX);
        for option in &masks {
            if !matches!(option.keyword, "mask" | "nfmask" | "ctmask") {
                return Err(unknown_option(option, "CONNMARK"));
            }
            if option.keyword == "mask" && masks.len() > 1 {
                let message = "`mask` stands for `nfmask` and `ctmask` together";
                return Err(refuse(OPERAND, option.span, message, "write `mask` alone, or the two others"));
            }
            let word = value(option)?;
            let Some(mask) = number(&word.text) else {
                let message = format!("`{}` is no mask", word.text);
                return Err(refuse(OPERAND, word.span, message, "write a number, decimal or hexadecimal"));
            };
            if option.keyword == "mask" || option.keyword == cleared_by {
                cleared = mask;
            }
            if option.keyword == "mask" || option.keyword != cleared_by {
                copied = mask;
            }
        }
        Ok(Self { target, source, cleared, copied })
    }

    fn statement(&self) -> Statement {
        let Self { target, source, cleared, copied } = *self;
        match (cleared, copied) {
            (u32::MAX, mask) => Statement::continuing(vec![Expr::Assign(Assign { target, source, mask, xor: 0 })]),
            (0, 0) => Statement::continuing(Vec::new()),
            _ => Statement::using(Object::Chain { tail: "connmark", rules: self.bit_by_bit() }),
        }
    }

    /// Arithmetic on two registers came to nftables with Linux 6.13 only, so the bits are copied one after the other. Each
    /// is written only where it changes, so that a mark which is right is never wrong for a moment.
    fn bit_by_bit(&self) -> Vec<Rule> {
        /// INVALID and UNTRACKED: a packet without a connection keeps its mark.
        const NO_CONNECTION: u32 = 1 | 64;
        let Self { target, source, cleared, copied } = *self;
        let is = |of, bits, value| {
            let (field, datum) = (field(of), |number| Datum::number(DataType::Mark, number));
            let (mask, value) = (Some(datum(bits)), Value::One(datum(value)));
            Expr::Match(Match { field, mask, operator: Operator::Eq, value })
        };
        let becomes = |mask, xor| Expr::Assign(Assign { target, source: target, mask, xor });
        let mut rules =
            vec![vec![Match::any_bit(Field::Ct(CtField::State), NO_CONNECTION), Expr::Verdict(Verdict::Return)]];
        let only_cleared = cleared & !copied;
        if only_cleared != 0 {
            rules.push(vec![Match::any_bit(field(target), only_cleared), becomes(!only_cleared, 0)]);
        }
        for bit in (0..u32::BITS).map(|at| 1 << at).filter(|bit| copied & bit != 0) {
            if cleared & bit == 0 {
                rules.push(vec![is(source, bit, bit), becomes(u32::MAX, bit)]);
                continue;
            }
            rules.push(vec![is(source, bit, bit), is(target, bit, 0), becomes(!bit, bit)]);
            rules.push(vec![is(source, bit, 0), is(target, bit, bit), becomes(!bit, 0)]);
        }
        rules.into_iter().map(|exprs| Rule { exprs, comment: None }).collect()
    }
}

fn field(mark: AssignTarget) -> Field {
    match mark {
        AssignTarget::Mark => Field::Mark,
        AssignTarget::CtMark => Field::Ct(CtField::Mark),
    }
}
