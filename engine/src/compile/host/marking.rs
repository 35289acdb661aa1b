//! MARK and CONNMARK.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Table, TargetOption, Word};
use policy_lang::source::Span;

use super::code::{DOUBTFUL, OPERAND, Refusal, UNSUPPORTED, refuse};
use super::matching::Context;
use super::operand::{masked, number};
use super::target::{EVERYWHERE, place, unknown_option, value};
use crate::ruleset::{Assign, AssignTarget, Expr};

/// `MARK`.
pub(super) fn packet(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    place("MARK", span, context, &[Table::Mangle], &EVERYWHERE)?;
    let [option] = options else { return Err(one_of_these(span, "MARK")) };
    let (mask, xor) = written(option, "MARK")?;
    Ok(Expr::Assign(Assign { target: AssignTarget::Mark, source: AssignTarget::Mark, mask, xor }))
}

/// `CONNMARK`.
pub(super) fn connection(
    options: &[TargetOption],
    span: Span,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Expr, Refusal> {
    let tables = [Table::Mangle, Table::Filter, Table::Nat, Table::Security];
    place("CONNMARK", span, context, &tables, &EVERYWHERE)?;
    let copies = |option: &&TargetOption| matches!(option.keyword, "save-mark" | "restore-mark");
    let assign = if let Some(copy) = options.iter().find(copies) {
        copied(options, copy)?
    } else {
        let [option] = options else { return Err(one_of_these(span, "CONNMARK")) };
        let (mask, xor) = written(option, "CONNMARK")?;
        Assign { target: AssignTarget::CtMark, source: AssignTarget::CtMark, mask, xor }
    };
    let reserved = context.scope.reserved_connection_mark;
    if assign.target == AssignTarget::CtMark && touched(assign) & reserved != 0 {
        findings.push(
            Diagnostic::warning(
                DOUBTFUL,
                span,
                format!("CONNMARK writes the bits {reserved:#x}, which mark revoked flows"),
            )
            .help(format!("leave them alone: add a mask without {reserved:#x}")),
        );
    }
    Ok(Expr::Assign(assign))
}

/// Bits that an assignment may change.
fn touched(assign: Assign) -> u32 {
    let Assign { target, source, mask, xor } = assign;
    if target == source { !mask | xor } else { u32::MAX }
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

/// `save-mark` and `restore-mark`: the written side is replaced as a whole.
///
/// Keeping some bits of it needs arithmetic on two registers, which nftables has not on the kernels aimed at.
fn copied(options: &[TargetOption], copy: &TargetOption) -> Result<Assign, Refusal> {
    let (target, source, kept_by, read_by) = if copy.keyword == "save-mark" {
        (AssignTarget::CtMark, AssignTarget::Mark, "ctmask", "nfmask")
    } else {
        (AssignTarget::Mark, AssignTarget::CtMark, "nfmask", "ctmask")
    };
    let mut read_mask = u32::MAX;
    for option in options.iter().filter(|option| *option != copy) {
        let word = match option.keyword {
            "mask" | "nfmask" | "ctmask" => value(option)?,
            _ => return Err(unknown_option(option, "CONNMARK")),
        };
        let Some(mask) = number(&word.text) else {
            let message = format!("`{}` is no mask", word.text);
            return Err(refuse(OPERAND, word.span, message, "write a number, decimal or hexadecimal"));
        };
        if option.keyword == read_by {
            read_mask = mask;
        } else if mask != u32::MAX {
            let message = format!("`{}` with `{}` has no form in nftables here", copy.keyword, option.keyword);
            let help = format!(
                "bits of the old mark cannot be kept beside copied ones: use only `{read_by}`, not `{kept_by}` or `mask`"
            );
            return Err(refuse(UNSUPPORTED, option.span, message, help));
        }
    }
    Ok(Assign { target, source, mask: read_mask, xor: 0 })
}
