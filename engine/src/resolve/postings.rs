//! Who bears which label: indexes that are made once looking through everything has cost more than making them.

use std::cell::{Cell, OnceCell};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use fixedbitset::FixedBitSet;
use policy_lang::name::Labels;
use policy_lang::selector::{Operator, Selector};

/// Without an index, so many times everything is looked through before one is made.
const SCANS_MAX: usize = 2;

/// Things with labels, and their indexes once there are any.
#[derive(Debug)]
pub(super) struct Postings<'a, T> {
    /// Every thing in its order.
    items: OnceCell<Vec<T>>,
    /// By keys and values.
    pairs: Index,
    /// By keys alone.
    keys: Index,
    labels: std::marker::PhantomData<&'a Labels>,
}

/// For each label of each thing a hash of the label with the thing's place, sorted; and how many things were looked at
/// without it that it would have passed over.
#[derive(Debug, Default)]
struct Index {
    n_scanned: Cell<usize>,
    postings: OnceCell<Vec<(u32, u32)>>,
}

/// Labels of which each thing that a selector selects bears one.
enum Wanted<'s> {
    /// The key with one of the values.
    Pairs(&'s str, &'s [Arc<str>]),
    /// The key.
    Key(&'s str),
    /// None: it may select what has no labels.
    Nothing,
}

impl<T> Default for Postings<'_, T> {
    fn default() -> Self {
        let labels = std::marker::PhantomData;
        Self { items: OnceCell::new(), pairs: Index::default(), keys: Index::default(), labels }
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
        if let Some((index, hashes)) = self.indexed(selector, &all, &labels) {
            let items = self.items(all);
            for hash in hashes {
                let bearers = index.bearers(items, hash, &place);
                bearers.filter(|item| selector.matches(labels(item))).for_each(&mut found);
            }
            return;
        }
        let mut n_scanned = 0;
        for item in some() {
            n_scanned += 1;
            if selector.matches(labels(&item)) {
                found(item);
            }
        }
        self.scanned(selector, n_scanned);
    }

    /// The places of those of a run that a selector selects and that are not among `known`, which are not looked at.
    pub(super) fn new_in<I: ExactSizeIterator<Item = T>>(
        &self,
        selector: &Selector,
        all: impl Fn() -> I,
        labels: impl Fn(&T) -> &'a Labels,
        run: Range<usize>,
        known: &FixedBitSet,
    ) -> Vec<usize> {
        let indexed = self.indexed(selector, &all, &labels);
        let items = self.items(all);
        let selected = |at: &usize| items.get(*at).is_some_and(|item| selector.matches(labels(item)));
        if let Some((index, hashes)) = indexed {
            let bearers = hashes.into_iter().flat_map(|hash| index.bearers_in(hash, &run));
            return bearers.filter(|at| !known.contains(*at)).filter(selected).collect();
        }
        let mut n_scanned = 0;
        let found = absent(known, run).inspect(|_| n_scanned += 1).filter(selected).collect();
        self.scanned(selector, n_scanned);
        found
    }

    /// All of them in their order.
    pub(super) fn items<I: Iterator<Item = T>>(&self, all: impl Fn() -> I) -> &[T] {
        self.items.get_or_init(|| all().collect())
    }

    /// The index that knows whom a selector may select, if it is worth to ask it, and what to look for in it.
    fn indexed<I: ExactSizeIterator<Item = T>>(
        &self,
        selector: &Selector,
        all: impl Fn() -> I,
        labels: impl Fn(&T) -> &'a Labels,
    ) -> Option<(&Index, Vec<u32>)> {
        let wanted = Wanted::by(selector);
        let index = self.index(&wanted)?;
        if index.postings.get().is_none() && index.n_scanned.get() <= SCANS_MAX * all().len() {
            return None;
        }
        index.postings.get_or_init(|| {
            let mut postings = Vec::new();
            for (item, place) in self.items(all).iter().zip(0..) {
                let of_pairs = matches!(wanted, Wanted::Pairs(..));
                let hashes = labels(item).iter().map(|(key, value)| hash(key, of_pairs.then_some(value)));
                postings.extend(hashes.map(|hash| (hash, place)));
            }
            postings.sort_unstable();
            postings
        });
        Some((index, wanted.hashes()))
    }

    /// The index that knows who bears what is wanted.
    fn index(&self, wanted: &Wanted<'_>) -> Option<&Index> {
        match wanted {
            Wanted::Pairs(..) => Some(&self.pairs),
            Wanted::Key(_) => Some(&self.keys),
            Wanted::Nothing => None,
        }
    }

    /// Notes what was looked through. What no index would help with is not counted.
    fn scanned(&self, selector: &Selector, n: usize) {
        if let Some(index) = self.index(&Wanted::by(selector)) {
            index.n_scanned.set(index.n_scanned.get() + n);
        }
    }
}

impl Index {
    /// Those with a label of this hash, within the run that `place` calls equal.
    fn bearers<T: Copy>(&self, items: &[T], hash: u32, place: impl Fn(&T) -> Ordering) -> impl Iterator<Item = T> {
        let item = move |posting: &(u32, u32)| items.get(posting.1 as usize);
        let order =
            |posting: &(u32, u32)| posting.0.cmp(&hash).then_with(|| item(posting).map_or(Ordering::Equal, &place));
        self.equal(order).iter().filter_map(item).copied()
    }

    /// The places of those with a label of this hash within a run.
    fn bearers_in(&self, hash: u32, run: &Range<usize>) -> impl Iterator<Item = usize> {
        let order = |posting: &(u32, u32)| {
            let place = posting.1 as usize;
            // A run may be empty.
            let in_run = match place {
                before if before < run.start => Ordering::Less,
                within if within < run.end => Ordering::Equal,
                _ => Ordering::Greater,
            };
            posting.0.cmp(&hash).then(in_run)
        };
        self.equal(order).iter().map(|posting| posting.1 as usize)
    }

    /// The postings for which `order` says equal, which stand together.
    fn equal(&self, order: impl Fn(&(u32, u32)) -> Ordering) -> &[(u32, u32)] {
        let postings = self.postings.get().map(Vec::as_slice).unwrap_or_default();
        let first = postings.partition_point(|posting| order(posting) == Ordering::Less);
        let rest = postings.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|posting| order(posting) != Ordering::Greater)).unwrap_or_default()
    }
}

/// What of a run is not in a set, a word at a time: most of the set is there already when many selectors select nearly
/// everything.
pub(super) fn absent(set: &FixedBitSet, run: Range<usize>) -> impl Iterator<Item = usize> {
    let bits = usize::BITS as usize;
    let of_word = move |word: usize| {
        let mut absent = !set.as_slice().get(word).copied().unwrap_or_default();
        std::iter::from_fn(move || {
            let lowest = (absent != 0).then(|| absent.trailing_zeros() as usize)?;
            absent &= absent - 1;
            Some(word * bits + lowest)
        })
    };
    (run.start / bits..run.end.div_ceil(bits)).flat_map(of_word).filter(move |at| run.contains(at))
}

impl<'s> Wanted<'s> {
    fn by(selector: &'s Selector) -> Self {
        let requirements = || selector.requirements().iter();
        let pairs = requirements().find_map(|requirement| match &requirement.operator {
            Operator::In(values) => Some(Self::Pairs(&requirement.key, values)),
            Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
        });
        let key = || requirements().find(|requirement| requirement.operator == Operator::Exists);
        pairs.or_else(|| Some(Self::Key(&key()?.key))).unwrap_or(Self::Nothing)
    }

    fn hashes(&self) -> Vec<u32> {
        match self {
            Self::Pairs(key, values) => values.iter().map(|value| hash(key, Some(value))).collect(),
            Self::Key(key) => vec![hash(key, None)],
            Self::Nothing => Vec::new(),
        }
    }
}

/// FNV-1a, of a key alone or with a value. Who makes two labels meet gains nothing: what is found is asked for its labels.
fn hash(key: &str, value: Option<&Arc<str>>) -> u32 {
    let value = value.into_iter().flat_map(|value| std::iter::once(0).chain(value.bytes()));
    key.bytes().chain(value).fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
