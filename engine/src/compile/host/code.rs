//! The codes of the findings of the lowering, in the catalogue's group for host rules.

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::source::Span;

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

/// The nearest of the candidates, if it is near: at most a third of the letters differ.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Words longer than this are no typing errors, and the distance is quadratic.
    const LONGEST: usize = 40;
    let letters = word.chars().count();
    if letters > LONGEST {
        return None;
    }
    candidates
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= (letters / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …`, or what to do if nothing is near.
pub(super) fn suggestion<'a>(word: &str, candidates: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, candidates).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

/// Levenshtein's distance without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, letter) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut previous = line;
        let mut left = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&b) {
            let replaced = previous + usize::from(letter != *other);
            previous = *cell;
            left = replaced.min(previous + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        let words = || ["SSH_IN", "WEB", "LOGDROP"].into_iter();
        assert_eq!(nearest("LOGDORP", words()), Some("LOGDROP"));
        assert_eq!(nearest("ssh-in", words()), Some("SSH_IN"));
        assert_eq!(nearest("COMPLETELY", words()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
