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

/// Letters to insert, delete, replace or swap with their neighbour, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> { text.chars().map(|c| c.to_ascii_lowercase()).collect() };
    let (a, b) = (letters(a), letters(b));
    let first: Vec<usize> = (0..=b.len()).collect();
    let mut rows = [Vec::new(), Vec::new(), first];
    for (line, letter) in a.iter().enumerate() {
        let [_, earlier, above] = rows;
        let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
        let mut row = vec![line + 1];
        for (column, other) in b.iter().enumerate() {
            let replaced = at(&above, column) + usize::from(letter != other);
            let mut best = replaced.min(at(&above, column + 1) + 1).min(at(&row, column) + 1);
            let before = |text: &[char], at: usize| at.checked_sub(1).and_then(|at| text.get(at).copied());
            if before(&a, line) == Some(*other) && before(&b, column) == Some(*letter) {
                best = best.min(at(&earlier, column.wrapping_sub(1)) + 1);
            }
            row.push(best);
        }
        rows = [earlier, above, row];
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
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
        assert_eq!(nearest("tpc", ["tcp", "udp"].into_iter()), Some("tcp"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
