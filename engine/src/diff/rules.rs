//! Rule by rule: what stays, what goes, what comes.

use std::collections::{BTreeMap, VecDeque};

use crate::observed::{ObservedRule, RuleContent, RuleHandle};
use crate::plan::model::anonymous_set;
use crate::plan::{OpKind, RulePosition};
use crate::ruleset::{Name, Rule};

/// The changes of one chain's rules; rules that are in neither list stay and keep their counters.
#[derive(Debug, Default)]
pub(super) struct Edits<'a> {
    pub(super) removed: Vec<&'a ObservedRule>,
    pub(super) added: Vec<(RulePosition, &'a Rule)>,
}

impl<'a> Edits<'a> {
    /// Takes `observed` to `target`, keeping a long common subsequence: the longest where no rule occurs twice.
    pub(super) fn between(observed: &'a [ObservedRule], target: &'a [Rule]) -> Self {
        let same = |(there, wanted): &(&ObservedRule, &Rule)| is(there, wanted);
        let n_prefix = observed.iter().zip(target).take_while(same).count();
        let observed_rest = observed.get(n_prefix..).unwrap_or(&[]);
        let target_rest = target.get(n_prefix..).unwrap_or(&[]);
        let n_suffix = observed_rest.iter().rev().zip(target_rest.iter().rev()).take_while(same).count();
        let (middle, suffix) = observed_rest.split_at(observed_rest.len() - n_suffix);
        let target_middle = target_rest.get(..target_rest.len() - n_suffix).unwrap_or(&[]);
        edit_middle(middle, target_middle, suffix.first().map(|rule| rule.handle))
    }

    /// Whether anonymous sets come or go with the rules.
    pub(super) fn touch_anonymous_sets(&self) -> bool {
        let removed = self.removed.iter().filter_map(|rule| match &rule.content {
            RuleContent::Known(rule) => Some(rule),
            RuleContent::Unknown(_) => None,
        });
        removed.chain(self.added.iter().map(|(_, rule)| *rule)).any(has_anonymous_set)
    }

    pub(super) fn deletes(&self, chain: &Name) -> impl Iterator<Item = OpKind> {
        self.removed.iter().map(|rule| OpKind::DeleteRule { chain: chain.clone(), handle: rule.handle })
    }

    pub(super) fn adds(&self, chain: &Name) -> impl Iterator<Item = OpKind> {
        self.added.iter().map(|(position, rule)| OpKind::AddRule {
            chain: chain.clone(),
            position: *position,
            rule: (*rule).clone(),
        })
    }
}

pub(super) fn has_anonymous_set(rule: &Rule) -> bool {
    rule.exprs.iter().any(|expr| anonymous_set(expr).is_some())
}

fn is(there: &ObservedRule, wanted: &Rule) -> bool {
    match &there.content {
        RuleContent::Known(rule) => rule == wanted,
        RuleContent::Unknown(_) => false,
    }
}

fn edit_middle<'a>(observed: &'a [ObservedRule], target: &'a [Rule], after: Option<RuleHandle>) -> Edits<'a> {
    let kept = kept(observed, target);
    let removed = (observed.iter().enumerate()).filter(|(at, _)| !kept.contains_key(at)).map(|(_, rule)| rule);
    let by_target: BTreeMap<usize, RuleHandle> =
        kept.iter().filter_map(|(at, wanted)| Some((*wanted, observed.get(*at)?.handle))).collect();
    let mut added = Vec::new();
    let mut next = after;
    for (at, rule) in target.iter().enumerate().rev() {
        match by_target.get(&at) {
            Some(handle) => next = Some(*handle),
            None => added.push((next.map_or(RulePosition::Last, RulePosition::Before), rule)),
        }
    }
    added.reverse();
    Edits { removed: removed.collect(), added }
}

/// Which observed rules stay, and as which of the target: equal rules are paired in order, and of the pairs a
/// longest increasing subsequence is kept, in n log n.
fn kept(observed: &[ObservedRule], target: &[Rule]) -> BTreeMap<usize, usize> {
    let mut places: BTreeMap<&Rule, VecDeque<usize>> = BTreeMap::new();
    for (at, rule) in target.iter().enumerate() {
        places.entry(rule).or_default().push_back(at);
    }
    let pairs: Vec<(usize, usize)> = (observed.iter().enumerate())
        .filter_map(|(at, rule)| match &rule.content {
            RuleContent::Known(rule) => Some((at, places.get_mut(rule)?.pop_front()?)),
            RuleContent::Unknown(_) => None,
        })
        .collect();
    increasing(&pairs)
}

/// A longest subsequence of pairs, sorted by their first, in which the second increases too.
fn increasing(pairs: &[(usize, usize)]) -> BTreeMap<usize, usize> {
    // `ends[n]` is the pair that ends the best subsequence of n + 1 pairs; `before` links each pair to its forerunner.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    let second = |at: &usize| pairs.get(*at).map(|pair| pair.1);
    for (at, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| second(end) < Some(pair.1));
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut kept = BTreeMap::new();
    let mut at = ends.last().copied();
    while let Some(end) = at {
        kept.extend(pairs.get(end).copied());
        at = before.get(end).copied().flatten();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::Comment;

    fn rule(letter: char) -> Rule {
        Rule { exprs: Vec::new(), comment: Some(Comment::new(&letter.to_string())) }
    }

    fn check(from: &str, to: &str, n_removed: usize, n_added: usize) {
        let observed: Vec<ObservedRule> = (from.chars().zip(1..))
            .map(|(letter, n)| ObservedRule { handle: RuleHandle(n), content: RuleContent::Known(rule(letter)) })
            .collect();
        let target: Vec<Rule> = to.chars().map(rule).collect();
        let edits = Edits::between(&observed, &target);
        assert_eq!((edits.removed.len(), edits.added.len()), (n_removed, n_added), "{from} -> {to}");
        let mut rules: Vec<(Option<RuleHandle>, Rule)> = observed
            .iter()
            .filter(|there| !edits.removed.iter().any(|gone| gone.handle == there.handle))
            .map(|there| {
                (Some(there.handle), rule(from.chars().nth(usize::try_from(there.handle.0).unwrap() - 1).unwrap()))
            })
            .collect();
        for (position, rule) in &edits.added {
            let at = match position {
                RulePosition::Last => rules.len(),
                RulePosition::Before(handle) => rules.iter().position(|(there, _)| *there == Some(*handle)).unwrap(),
            };
            rules.insert(at, (None, (*rule).clone()));
        }
        assert_eq!(rules.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>(), target, "{from} -> {to}");
    }

    #[test]
    fn what_can_stay_stays() {
        check("abcd", "abcd", 0, 0);
        check("", "abc", 0, 3);
        check("abc", "", 3, 0);
        check("abcd", "acd", 1, 0);
        check("abcd", "axbcdy", 0, 2);
        check("abcdef", "fabcde", 1, 1);
        check("abcde", "edcba", 4, 4);
        check("aab", "aba", 1, 1);
        check("xaay", "xay", 1, 0);
    }
}
