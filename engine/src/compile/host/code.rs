//! The codes of the findings of the lowering, in the catalogue's group for host rules.

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::source::Span;
use policy_lang::suggest::nearest;

/// A jump to a chain that is not defined in this table and domain.
pub(super) const UNKNOWN_CHAIN: Code = Code("PAL602");
/// Chains that call each other, or calls that nest deeper than the kernel walks.
pub(super) const CHAIN_LOOP: Code = Code("PAL610");
/// An operand of the other family.
pub(super) const FAMILY: Code = Code("PAL618");
/// What has no form in nftables here.
pub(super) const UNSUPPORTED: Code = Code("PAL621");
/// An operand that means nothing: an address, port or name that is none.
pub(super) const OPERAND: Code = Code("PAL623");
/// A match or target where it cannot work: the table, the chain or the protocol does not have it.
pub(super) const PLACE: Code = Code("PAL624");
/// Lowered, and probably not what was meant.
pub(super) const DOUBTFUL: Code = Code("PAL625");
/// A bound is exceeded.
pub(super) const LIMIT: Code = Code("PAL626");

/// Why a rule, or a part of it, was not lowered.
pub(super) type Refusal = Box<Diagnostic>;

/// A refusal at `span`, with what to write instead.
pub(super) fn refuse(code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) -> Refusal {
    Box::new(Diagnostic::error(code, span, message).help(help))
}

/// `did you mean …`, or what to do if nothing is near.
pub(super) fn suggestion<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, &candidates.collect::<Vec<_>>())
        .map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}
