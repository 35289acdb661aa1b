//! Whose flows have to be looked at again when one ruleset has taken the place of another.
//!
//! Found by walking through both at once. Where a dispatch map leads from an address to chains that say the same, the
//! judgement is the same, but for the members of sets that change in place; and those that came or went are looked at
//! themselves, at whichever end of a flow they are.
//!
//! It errs on the side of more: where the rules before the dispatch differ in form, for instance when the first pod is
//! isolated in a direction, every local address is looked at again.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::judge::place;
use super::meaning::Meaning;
use super::reach::{elements, reachable, targets};
use crate::compile::base::Base;
use crate::place::Cause;
use crate::ruleset::{
    DataType, Datum, ElementKey, Elements, Expr, Family, Interval, Name, Rule, Ruleset, SetRef, Table, TableKey,
    Verdict,
};

/// The base chains that pod policy hangs on.
const BASES: [Base; 2] = [Base::Forward, Base::PodInput];

/// Ranges of addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Affected {
    /// Sorted and disjoint, both ends included.
    ranges: Vec<(IpAddr, IpAddr)>,
    /// Whether those are among them that no API has told about. Where pods can be is looked up when they are judged.
    unknown: bool,
}

impl Affected {
    /// The addresses whose flows `after` may judge otherwise than `before` did.
    pub fn between(before: &Ruleset, after: &Ruleset) -> Self {
        let empty = Table::default();
        let ours = TableKey::ours(Family::Inet);
        let [before, after] = [before, after].map(|ruleset| ruleset.tables.get(&ours).unwrap_or(&empty));
        let mut comparison = Comparison {
            before,
            after,
            ranges: Vec::new(),
            form: Form::Same,
            meaning: Meaning::new(before, after),
            seen: BTreeSet::new(),
        };
        for base in BASES {
            comparison.rules(pod_rules(before, base), pod_rules(after, base));
        }
        comparison.changed_in_place();
        match comparison.form {
            Form::Same => Self::of(comparison.ranges),
            Form::Other => {
                let ranges = [before, after].into_iter().flat_map(local).chain(comparison.ranges);
                Self { unknown: true, ..Self::of(ranges) }
            }
        }
    }

    /// Every address that can be a local pod's: for the first time that a ruleset is in force, or is taken over.
    pub fn all(ruleset: &Ruleset) -> Self {
        Self::between(&Ruleset::default(), ruleset)
    }

    /// The addresses in these keys: for when nothing but elements came and went. Nothing if a key has none.
    pub fn of_elements<'k>(keys: impl IntoIterator<Item = &'k ElementKey>) -> Option<Self> {
        let ranges: Option<Vec<_>> = keys.into_iter().map(addresses_of).collect();
        ranges.map(|ranges| Self::of(ranges.into_iter().flatten()))
    }

    /// Ranges with both ends included.
    pub fn of(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|(low, high)| low <= high).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(sorted.len());
        for (low, high) in sorted {
            match merged.last_mut().filter(|(_, end)| low <= *end) {
                Some((_, end)) => *end = high.max(*end),
                None => merged.push((low, high)),
            }
        }
        Self { ranges: merged, unknown: false }
    }

    /// All that is in either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let unknown = self.unknown || other.unknown;
        Self { unknown, ..Self::of(self.ranges.into_iter().chain(other.ranges)) }
    }

    /// With the ranges in which pods can be that no API has told about, if those are meant too.
    #[must_use]
    pub fn with_unknown(self, unknown: impl IntoIterator<Item = IpNet>) -> Self {
        if !self.unknown {
            return self;
        }
        let unknown = unknown.into_iter().map(|range| (range.network(), range.broadcast()));
        Self::of(self.ranges.into_iter().chain(unknown))
    }

    /// Whether an address is among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let up_to = self.ranges.partition_point(|(low, _)| *low <= address);
        let last = up_to.checked_sub(1).and_then(|last| self.ranges.get(last));
        last.is_some_and(|(_, high)| address <= *high)
    }

    /// Whether those are among them that no API has told about, wherever they are.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && !self.unknown
    }

    /// The ranges, sorted and disjoint, both ends included.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        self.ranges.iter().copied()
    }
}

/// Whether the rules up to the dispatch are the same but for the names of what they refer to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Same,
    Other,
}

struct Comparison<'a> {
    before: &'a Table,
    after: &'a Table,
    ranges: Vec<(IpAddr, IpAddr)>,
    form: Form,
    meaning: Meaning<'a>,
    seen: BTreeSet<(&'a Name, &'a Name)>,
}

impl<'a> Comparison<'a> {
    fn rules(&mut self, before: &'a [Rule], after: &'a [Rule]) {
        if before.len() != after.len() {
            self.form = Form::Other;
            return;
        }
        for (before, after) in before.iter().zip(after) {
            if before.exprs.len() != after.exprs.len() {
                self.form = Form::Other;
                return;
            }
            for (before, after) in before.exprs.iter().zip(&after.exprs) {
                self.exprs(before, after);
            }
        }
    }

    fn exprs(&mut self, before: &'a Expr, after: &'a Expr) {
        match (before, after) {
            // Counters and logs judge nothing.
            (Expr::Counter | Expr::NamedCounter(_), Expr::Counter | Expr::NamedCounter(_))
            | (Expr::Log(_), Expr::Log(_)) => {}
            (Expr::Lookup(before), Expr::Lookup(after))
                if before.key == after.key && before.operator == after.operator =>
            {
                self.sets(&before.set, &after.set);
            }
            (Expr::VerdictMap(before), Expr::VerdictMap(after)) if before.key == after.key => {
                self.sets(&before.map, &after.map);
            }
            (Expr::Verdict(Verdict::Jump(before)), Expr::Verdict(Verdict::Jump(after)))
            | (Expr::Verdict(Verdict::Goto(before)), Expr::Verdict(Verdict::Goto(after))) => {
                self.chains(before, after);
            }
            (before, after) if before == after => {}
            _ => self.form = Form::Other,
        }
    }

    fn chains(&mut self, before: &'a Name, after: &'a Name) {
        let rules = |table: &'a Table, name| table.chains.get(name).map_or(&[][..], |chain| chain.rules.as_slice());
        let (old, new) = (rules(self.before, before), rules(self.after, after));
        if old != new && self.seen.insert((before, after)) {
            self.rules(old, new);
        }
    }

    fn sets(&mut self, before: &'a SetRef, after: &'a SetRef) {
        let before = elements(self.before, before);
        let after = elements(self.after, after);
        self.elements(before, after);
    }

    /// Sets that keep their names while their members change.
    fn changed_in_place(&mut self) {
        let [before, after] = [self.before, self.after].map(sets_of_pods);
        for name in before.union(&after) {
            if let (Some(before), Some(after)) = (self.before.sets.get(*name), self.after.sets.get(*name)) {
                self.elements(&before.elements, &after.elements);
            }
        }
    }

    /// The addresses in the keys of what one set has and the other has not, or has otherwise: a map's comment names the
    /// pod that owns the address.
    fn elements(&mut self, before: &'a Elements, after: &'a Elements) {
        let mut changed: Vec<&ElementKey> = before.keys().filter(|key| !after.contains_key(*key)).collect();
        for (key, new) in after {
            let same = before
                .get(key)
                .is_some_and(|old| old.comment == new.comment && self.meaning.is_same_data(&old.data, &new.data));
            if !same {
                changed.push(key);
            }
        }
        for key in changed {
            match addresses_of(key) {
                Some(addresses) => self.ranges.extend(addresses),
                None => self.form = Form::Other,
            }
        }
    }
}

/// The rules of a base chain up to the last that has to do with pod policy; the host's follow.
fn pod_rules(table: &Table, base: Base) -> &[Rule] {
    let rules = table.chains.get(&base.name()).map_or(&[][..], |chain| chain.rules.as_slice());
    let denies = |rule: &Rule| rule.exprs.iter().filter_map(place).any(|place| place.cause != Cause::Host);
    let leads_to_denial = |rule: &Rule| {
        let chains = reachable(table, targets(table, rule));
        chains.iter().filter_map(|name| table.chains.get(*name)).any(|chain| chain.rules.iter().any(denies))
    };
    let last = rules.iter().rposition(|rule| denies(rule) || leads_to_denial(rule));
    last.and_then(|last| rules.get(..=last)).unwrap_or(&[])
}

/// The named sets that pod policy looks up.
fn sets_of_pods(table: &Table) -> BTreeSet<&Name> {
    let rules: Vec<&Rule> = BASES.into_iter().flat_map(|base| pod_rules(table, base)).collect();
    let chains = reachable(table, rules.iter().flat_map(|rule| targets(table, rule)));
    let below = chains.into_iter().filter_map(|name| table.chains.get(name)).flat_map(|chain| &chain.rules);
    let exprs = rules.into_iter().chain(below).flat_map(|rule| &rule.exprs);
    exprs
        .filter_map(|expr| match expr.looked_up() {
            Some((_, SetRef::Named(name))) => Some(name),
            Some((_, SetRef::Anonymous { .. })) | None => None,
        })
        .collect()
}

/// The addresses of the known local pods: the compiler keeps them in two sets.
fn local(table: &Table) -> Vec<(IpAddr, IpAddr)> {
    let sets = ["local4", "local6"].map(Name::ours);
    let keys = sets.iter().filter_map(|name| table.sets.get(name)).flat_map(|set| set.elements.keys());
    keys.filter_map(addresses_of).flatten().collect()
}

/// The addresses in a key, of every field that is one; nothing if none is.
fn addresses_of(key: &ElementKey) -> Option<Vec<(IpAddr, IpAddr)>> {
    let ElementKey::Parts(parts) = key else { return None };
    let ranges: Vec<_> = parts.iter().filter_map(addresses).collect();
    (!ranges.is_empty()).then_some(ranges)
}

fn addresses(part: &Interval) -> Option<(IpAddr, IpAddr)> {
    Some((address(part.low())?, address(part.high())?))
}

fn address(datum: Datum) -> Option<IpAddr> {
    let bytes = datum.bytes();
    if datum.data_type() == DataType::Ipv4Addr {
        return <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    }
    (datum.data_type() == DataType::Ipv6Addr).then(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))?
}
