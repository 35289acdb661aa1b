//! From selectors to sets of whatever bears labels, by an index of the labels.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;
use policy_lang::name::{Labels, UNREADABLE_LABEL};
use policy_lang::selector::{Operator, Selector};

/// Who bears which label.
#[derive(Debug)]
pub(super) struct Index<'a> {
    len: usize,
    by_key: BTreeMap<&'a str, ByKey<'a>>,
}

#[derive(Debug, Default)]
struct ByKey<'a> {
    bearers: Vec<usize>,
    by_value: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    /// Of things by their numbers, from 0.
    pub(super) fn new(labels: impl IntoIterator<Item = &'a Labels>) -> Self {
        let mut by_key: BTreeMap<&str, ByKey<'_>> = BTreeMap::new();
        let mut len = 0;
        for (number, labels) in labels.into_iter().enumerate() {
            len = number + 1;
            for (key, value) in labels.iter() {
                let bearers = by_key.entry(key).or_default();
                bearers.bearers.push(number);
                bearers.by_value.entry(value).or_default().push(number);
            }
        }
        Self { len, by_key }
    }

    /// Those that a selector selects. What could not be read satisfies only what asks for exactly that.
    pub(super) fn select(&self, selector: &Selector) -> FixedBitSet {
        let mut found = FixedBitSet::with_capacity(self.len);
        found.insert_range(..);
        for requirement in selector.requirements() {
            let bearers = self.by_key.get(&*requirement.key);
            let with = |values: &[std::sync::Arc<str>]| {
                let by_value = values.iter().filter_map(|value| bearers?.by_value.get(&**value));
                self.set(by_value.flatten())
            };
            let any = || self.set(bearers.map_or(&[][..], |bearers| &bearers.bearers));
            match &requirement.operator {
                Operator::In(values) => found.intersect_with(&with(values)),
                Operator::NotIn(values) => found.difference_with(&with(values)),
                Operator::Exists => found.intersect_with(&any()),
                Operator::DoesNotExist => found.difference_with(&any()),
            }
        }
        let asks = selector.requirements().iter().any(|requirement| &*requirement.key == UNREADABLE_LABEL);
        if let Some(unreadable) = self.by_key.get(UNREADABLE_LABEL).filter(|_| !asks) {
            found.difference_with(&self.set(&unreadable.bearers));
        }
        found
    }

    /// Those that bear all of these labels.
    pub(super) fn with_all(&self, labels: &Labels) -> FixedBitSet {
        let mut found = FixedBitSet::with_capacity(self.len);
        found.insert_range(..);
        for (key, value) in labels.iter() {
            let bearers = self.by_key.get(&**key).and_then(|by_key| by_key.by_value.get(&**value));
            found.intersect_with(&self.set(bearers.into_iter().flatten()));
        }
        found
    }

    fn set<'n>(&self, numbers: impl IntoIterator<Item = &'n usize>) -> FixedBitSet {
        let mut set = FixedBitSet::with_capacity(self.len);
        numbers.into_iter().for_each(|number| set.insert(*number));
        set
    }
}
