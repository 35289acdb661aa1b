//! Which rules mean an address: the addresses of a family, in as few groups as the rules tell apart.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::ranges::{Family, Range};
use super::tiers::RowRule;

/// The rules that mean the addresses of a group, by their numbers, and the addresses, merged.
pub(super) type Groups = BTreeMap<FixedBitSet, Vec<Range>>;

/// Every address of a family.
pub(super) fn groups(rules: &[RowRule], family: Family) -> Groups {
    let mut changes: Vec<(u128, usize)> = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for range in &rule.ranges[family.index()] {
            changes.push((range.first, number));
            if range.last < family.whole().last {
                changes.push((range.last + 1, number));
            }
        }
    }
    changes.sort_unstable();
    let mut groups = Groups::new();
    let mut current = FixedBitSet::with_capacity(rules.len());
    let mut first = 0;
    for (at, number) in changes {
        if at > first {
            add(&mut groups, &current, Range { first, last: at - 1 });
            first = at;
        }
        current.toggle(number);
    }
    add(&mut groups, &current, Range { first, last: family.whole().last });
    groups
}

fn add(groups: &mut Groups, meaning: &FixedBitSet, range: Range) {
    if let Some(ranges) = groups.get_mut(meaning) {
        match ranges.last_mut() {
            Some(last) if last.last + 1 == range.first => last.last = range.last,
            _ => ranges.push(range),
        }
        return;
    }
    groups.insert(meaning.clone(), vec![range]);
}
