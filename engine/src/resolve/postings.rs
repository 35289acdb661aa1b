//! Who bears which label: an index that is made once looking through everything has cost more than making it.

use std::cell::{Cell, OnceCell};
use std::cmp::Ordering;

use policy_lang::name::Labels;
use policy_lang::selector::{Operator, Selector};

/// Without an index, so many times everything is looked through before one is made.
const SCANS_MAX: usize = 2;

/// Things with labels, and their index once there is one.
#[derive(Debug)]
pub(super) struct Postings<'a, T> {
    n_scanned: Cell<usize>,
    index: OnceCell<Index<T>>,
    labels: std::marker::PhantomData<&'a Labels>,
}

/// Every thing in its order, and for each of its labels a hash of the label with the thing's place, sorted.
#[derive(Debug)]
struct Index<T> {
    items: Vec<T>,
    postings: Vec<(u32, u32)>,
}

impl<T> Default for Postings<'_, T> {
    fn default() -> Self {
        Self { n_scanned: Cell::new(0), index: OnceCell::new(), labels: std::marker::PhantomData }
    }
}

impl<'a, T: Copy> Postings<'a, T> {
    /// Finds those of `all` whose labels a selector selects.
    pub(super) fn for_each<I: ExactSizeIterator<Item = T>>(
        &self,
        selector: &Selector,
        all: impl Fn() -> I,
        labels: impl Fn(&T) -> &'a Labels,
        found: impl FnMut(T),
    ) {
        self.for_each_in(selector, &all, labels, |_| Ordering::Equal, &all, found);
    }

    /// The same among a run of them: those for which `place` says equal, which `some` has.
    pub(super) fn for_each_in<I: ExactSizeIterator<Item = T>, J: Iterator<Item = T>>(
        &self,
        selector: &Selector,
        all: impl Fn() -> I,
        labels: impl Fn(&T) -> &'a Labels,
        place: impl Fn(&T) -> Ordering,
        some: impl Fn() -> J,
        mut found: impl FnMut(T),
    ) {
        let wanted = selector.requirements().iter().find_map(|requirement| match &requirement.operator {
            Operator::In(values) => Some((&requirement.key, values)),
            Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
        });
        let is_dear = || self.n_scanned.get() > SCANS_MAX * all().len();
        let indexed = wanted.filter(|_| self.index.get().is_some() || is_dear());
        let Some((key, values)) = indexed else {
            let mut n_scanned = 0;
            for item in some() {
                n_scanned += 1;
                if selector.matches(labels(&item)) {
                    found(item);
                }
            }
            // What no index would help with is not counted.
            self.n_scanned.set(self.n_scanned.get() + wanted.map_or(0, |_| n_scanned));
            return;
        };
        let index = self.index.get_or_init(|| Index::new(all(), &labels));
        for value in values {
            let bearers = index.bearers(hash(key, value), &place);
            bearers.filter(|item| selector.matches(labels(item))).for_each(&mut found);
        }
    }
}

impl<T: Copy> Index<T> {
    fn new<'a>(all: impl Iterator<Item = T>, labels: impl Fn(&T) -> &'a Labels) -> Self {
        let items: Vec<T> = all.collect();
        let mut postings = Vec::new();
        for (item, place) in items.iter().zip(0..) {
            postings.extend(labels(item).iter().map(|(key, value)| (hash(key, value), place)));
        }
        postings.sort_unstable();
        Self { items, postings }
    }

    /// Those with a label of this hash, within the run that `place` calls equal.
    fn bearers(&self, hash: u32, place: impl Fn(&T) -> Ordering) -> impl Iterator<Item = T> {
        let item = move |posting: &(u32, u32)| self.items.get(posting.1 as usize);
        let before =
            |posting: &(u32, u32)| (posting.0, item(posting).map_or(Ordering::Equal, &place)) < (hash, Ordering::Equal);
        let through = |posting: &(u32, u32)| {
            (posting.0, item(posting).map_or(Ordering::Equal, &place)) <= (hash, Ordering::Equal)
        };
        let first = self.postings.partition_point(before);
        let rest = self.postings.get(first..).unwrap_or_default();
        let run = rest.get(..rest.partition_point(through)).unwrap_or_default();
        run.iter().filter_map(item).copied()
    }
}

/// FNV-1a. Who makes two labels meet gains nothing: what is found is asked for its labels.
fn hash(key: &str, value: &str) -> u32 {
    let bytes = key.bytes().chain([0]).chain(value.bytes());
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
