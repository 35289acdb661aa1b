//! A table under construction: names structural objects by their content and keeps each of them once.
//!
//! Invariant: what has a content-hashed name never changes under that name, so a change of content is a new object
//! that can be filled before the rules that refer to it are flipped.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::base::Base;
use super::memo::{Former, Memo};
use crate::resolve::Resolver;
use crate::ruleset::{
    BaseChain, Chain, Comment, Element, Elements, Expr, Helper, MapData, Name, Rule, Set, SetRef, SetSpec, Table,
};
use crate::view::View;

/// Longest readable tail of a name, in bytes: enough to recognise an object, short enough to read a listing.
const TAIL_MAX: usize = 64;

/// Collects the chains and sets of one table.
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    table: Table,
    base: BTreeMap<Base, Vec<Rule>>,
    memo: Memo,
    former: Former,
}

impl TableBuilder {
    /// A table that comes after another one.
    pub(crate) fn after(former: Former) -> Self {
        Self { former, ..Self::default() }
    }

    /// Adds a rule to the end of a base chain.
    pub fn push(&mut self, base: Base, rule: Rule) {
        self.base.entry(base).or_default().push(rule);
    }

    /// Makes a base chain that is none of [`Base`], unless it would hold nothing.
    pub(crate) fn hooked(&mut self, name: Name, base: BaseChain, rules: Vec<Rule>) {
        if !rules.is_empty() {
            self.table.chains.insert(name, Chain { base: Some(base), comment: None, rules });
        }
    }

    /// Adds rules to the beginning of a base chain.
    pub fn prepend(&mut self, base: Base, rules: Vec<Rule>) {
        if !rules.is_empty() {
            self.base.entry(base).or_default().splice(0..0, rules);
        }
    }

    /// A regular chain of exactly these rules, named `pl_KIND_HASH_TAIL` after its content.
    pub fn chain(&mut self, kind: &str, tail: &str, rules: Vec<Rule>, comment: Option<Comment>) -> Name {
        let chain = Chain { base: None, comment, rules };
        let hash = crate::hash::chain(&chain);
        let found = insert((&mut self.table.chains, &self.former.table.chains), kind, &hash, tail, chain);
        self.named(found)
    }

    /// A set that never changes, named `pl_KIND_HASH_TAIL` after its content.
    pub fn constant_set(&mut self, kind: &str, tail: &str, spec: SetSpec, elements: Elements) -> Name {
        let set = Set { spec, elements };
        let hash = crate::hash::set(&set);
        let found = insert((&mut self.table.sets, &self.former.table.sets), kind, &hash, tail, set);
        self.named(found)
    }

    /// Chains of before are told apart by the names of what they refer to, so they are of no use once two contents share
    /// a hash.
    fn named(&mut self, (name, is_ambiguous): (Name, bool)) -> Name {
        if is_ambiguous {
            self.former.memo.chains.clear();
        }
        self.note(&name);
        name
    }

    /// Notes that an object which may have been there before belongs to what is being made.
    pub(crate) fn note(&mut self, name: &Name) {
        self.memo.parts.push(name.clone());
    }

    /// A set that follows the facts, named `pl_KIND_HASH_TAIL` after what it stands for: `identity`, for instance a
    /// selector in words. It is looked up in the facts once.
    pub(crate) fn view(
        &mut self,
        (kind, tail): (&str, &str),
        identity: &str,
        comment: &str,
        view: View,
        resolver: &Resolver<'_>,
    ) -> Name {
        let name = name(kind, &crate::hash::text(identity), tail, 0);
        if !self.table.sets.contains_key(&name) {
            let Former { table, memo } = &mut self.former;
            let kept = memo.views.remove(&name).and_then(|_| table.sets.remove(&name));
            let set = kept.unwrap_or_else(|| Set {
                spec: SetSpec { comment: Some(Comment::new(comment)), ..view.spec() },
                elements: view.elements(resolver),
            });
            self.table.sets.insert(name.clone(), set);
            self.memo.views.insert(name.clone(), view);
        }
        self.note(&name);
        name
    }

    /// A set under exactly this name, for dynamic sets and the lists of variables, whose names people rely on.
    /// Returns whether the name was free or held the same set.
    pub fn named_set(&mut self, name: Name, set: Set) -> bool {
        match self.table.sets.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(set);
                true
            }
            Entry::Occupied(entry) => *entry.get() == set,
        }
    }

    /// A list that its name is relied on for: `pl_KIND_TAIL`. Where another list has that name, by another scope's variable or
    /// by letters that nft has no room for, it is named by its content too.
    pub fn list(&mut self, kind: &str, tail: &str, spec: SetSpec, elements: Elements) -> Name {
        let name = Name::ours(&format!("{kind}_{tail}"));
        if self.named_set(name.clone(), Set { spec: spec.clone(), elements: elements.clone() }) {
            return name;
        }
        self.constant_set(kind, tail, spec, elements)
    }

    /// A helper of connection tracking, named after what it is.
    pub(crate) fn helper(&mut self, helper: Helper) -> Name {
        let Helper { kind, network, transport } = &helper;
        let name = Name::ours(&format!("helper_{}_{}_{kind}", transport.keyword(), network.keyword()));
        self.table.helpers.insert(name.clone(), helper);
        name
    }

    /// A dynamic set of one rule alone, named after what the rule says; of several rules that say the same, each has one.
    pub(crate) fn own_set(&mut self, kind: &str, identity: &str, set: Set) -> Name {
        let mut number = 0;
        let mut free = name(kind, identity, "", number);
        while self.table.sets.contains_key(&free) {
            number += 1;
            free = name(kind, identity, "", number);
        }
        self.table.sets.insert(free.clone(), set);
        free
    }

    /// A named counter; naming it twice is the same counter.
    pub fn counter(&mut self, name: Name, comment: Option<Comment>) {
        self.note(&name);
        self.table.counters.entry(name).or_insert(comment);
    }

    /// The rules of a base chain so far.
    pub fn base_rules(&self, base: Base) -> &[Rule] {
        self.base.get(&base).map_or(&[], Vec::as_slice)
    }

    /// Takes over a chain of the table before, with all that it refers to and whatever else was made for it; returns
    /// whether it is there now.
    ///
    /// Sets under names that people rely on are never taken over: whoever refers to one makes it anew.
    pub(crate) fn take_over(&mut self, chain: &Name, parts: &[Name]) -> bool {
        let is_there = self.take_over_chain(chain);
        for part in parts {
            self.take_over_chain(part);
            self.take_over_set(part);
            self.take_over_counter(part);
        }
        is_there
    }

    fn take_over_chain(&mut self, name: &Name) -> bool {
        if self.table.chains.contains_key(name) {
            return true;
        }
        let Some(kept) = self.former.table.chains.remove(name) else { return false };
        for expr in kept.rules.iter().flat_map(|rule| &rule.exprs) {
            if let Expr::NamedCounter(counter) = expr {
                self.take_over_counter(counter);
            }
            if let Some(target) = expr.target() {
                self.take_over_chain(target);
            }
            if let Some((_, SetRef::Named(set))) = expr.looked_up() {
                self.take_over_set(set);
            }
        }
        self.table.chains.insert(name.clone(), kept);
        true
    }

    fn take_over_counter(&mut self, name: &Name) {
        if let Some(comment) = self.former.table.counters.remove(name) {
            self.table.counters.entry(name.clone()).or_insert(comment);
        }
    }

    fn take_over_set(&mut self, name: &Name) {
        if self.table.sets.contains_key(name) {
            return;
        }
        let Some(kept) = self.former.table.sets.remove(name) else { return };
        if let Some(view) = self.former.memo.views.remove(name) {
            self.memo.views.insert(name.clone(), view);
        }
        if kept.spec.data == MapData::Verdict {
            for target in kept.elements.values().filter_map(Element::target) {
                self.take_over_chain(target);
            }
        }
        self.table.sets.insert(name.clone(), kept);
    }

    /// What is remembered from one compile to the next.
    pub(crate) fn memo(&mut self) -> &mut Memo {
        &mut self.memo
    }

    /// The table before, as far as it has not been taken over.
    pub(crate) fn former(&mut self) -> &mut Former {
        &mut self.former
    }

    /// The table, with every base chain that holds something, and what to remember.
    pub(crate) fn finish_with_memo(mut self, comment: Option<Comment>) -> (Table, Memo) {
        let memo = std::mem::take(&mut self.memo);
        (self.finish(comment), memo)
    }

    /// The table, with every base chain that holds something.
    pub fn finish(mut self, comment: Option<Comment>) -> Table {
        for (base, rules) in self.base {
            let (_, hook) = base.definition();
            self.table.chains.insert(base.name(), Chain { base: Some(hook), comment: None, rules });
        }
        self.table.comment = comment;
        self.table
    }
}

/// Inserts under `pl_KIND_HASH_TAIL`; should two contents share a hash, the second gets a number. Returns the name, and
/// whether another content has it, or had it before.
fn insert<T: PartialEq>(
    (objects, former): (&mut BTreeMap<Name, T>, &BTreeMap<Name, T>),
    kind: &str,
    hash: &str,
    tail: &str,
    object: T,
) -> (Name, bool) {
    let mut n_collisions = 0_u32;
    let mut free = name(kind, hash, tail, n_collisions);
    let mut is_ambiguous = former.get(&free).is_some_and(|other| *other != object);
    while objects.get(&free).is_some_and(|other| *other != object) {
        is_ambiguous = true;
        n_collisions += 1;
        free = name(kind, hash, tail, n_collisions);
    }
    objects.entry(free.clone()).or_insert(object);
    (free, is_ambiguous)
}

fn name(kind: &str, hash: &str, tail: &str, n_collisions: u32) -> Name {
    let tail = tail.get(..TAIL_MAX).unwrap_or(tail);
    let tail = if tail.is_empty() { String::new() } else { format!("_{tail}") };
    match n_collisions {
        0 => Name::ours(&format!("{kind}_{hash}{tail}")),
        n => Name::ours(&format!("{kind}_{hash}x{n}{tail}")),
    }
}
