//! "Did you mean": the known word nearest to an unknown one.

/// The candidate that differs only in case or word separators, or by at most two typing slips.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let folded = fold(word);
    let distance = |candidate: &&&str| slips(&folded, &fold(candidate));
    // A two-letter word is two slips away from every other one.
    let limit = if folded.len() < 4 { 1 } else { 2 };
    candidates.iter().min_by_key(distance).filter(|candidate| distance(candidate) <= limit).copied()
}

fn fold(word: &str) -> Vec<char> {
    // Longer words are no slips of any field's name, and the comparison is quadratic.
    word.chars().filter(|letter| !matches!(letter, '-' | '_' | ' ')).flat_map(char::to_lowercase).take(64).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from one word to the other.
fn slips(from: &[char], to: &[char]) -> usize {
    let mut before_last = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX - 1);
            let mut best = at(&last, column) + usize::from(letter != other);
            best = best.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && from.get(row - 1) == Some(other) && to.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_or_another_case_finds_the_word_and_anything_else_does_not() {
        let fields = ["podSelector", "policyTypes", "ingress", "egress"];
        assert_eq!(nearest("ingres", &fields), Some("ingress"));
        assert_eq!(nearest("podselector", &fields), Some("podSelector"));
        assert_eq!(nearest("pod-selectors", &fields), Some("podSelector"));
        assert_eq!(nearest("geress", &fields), Some("egress"));
        assert_eq!(nearest("status", &fields), None);
        assert_eq!(nearest("to", &["if"]), None);
    }
}
