//! A table under construction: names structural objects by their content and keeps each of them once.
//!
//! Invariant: what has a content-hashed name never changes under that name, so a change of content is a new object
//! that can be filled before the rules that refer to it are flipped.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::base::Base;
use super::memo::Memo;
use crate::resolve::Resolver;
use crate::ruleset::{Chain, Comment, Elements, Name, Rule, Set, SetSpec, Table};
use crate::view::View;

/// Longest readable tail of a name, in bytes: enough to recognise an object, short enough to read a listing.
const TAIL_MAX: usize = 64;

/// Collects the chains and sets of one table.
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    table: Table,
    base: BTreeMap<Base, Vec<Rule>>,
    memo: Memo,
}

impl TableBuilder {
    /// Adds a rule to the end of a base chain.
    pub fn push(&mut self, base: Base, rule: Rule) {
        self.base.entry(base).or_default().push(rule);
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
        insert(&mut self.table.chains, kind, &hash, tail, chain)
    }

    /// A set that never changes, named `pl_KIND_HASH_TAIL` after its content.
    pub fn constant_set(&mut self, kind: &str, tail: &str, spec: SetSpec, elements: Elements) -> Name {
        let set = Set { spec, elements };
        let hash = crate::hash::set(&set);
        insert(&mut self.table.sets, kind, &hash, tail, set)
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
            let set = self.memo.former.remove(&name).unwrap_or_else(|| Set {
                spec: SetSpec { comment: Some(Comment::new(comment)), ..view.spec() },
                elements: view.elements(resolver),
            });
            self.table.sets.insert(name.clone(), set);
            self.memo.views.insert(name.clone(), view);
        }
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

    /// A named counter; naming it twice is the same counter.
    pub fn counter(&mut self, name: Name, comment: Option<Comment>) {
        self.table.counters.entry(name).or_insert(comment);
    }

    /// The rules of a base chain so far.
    pub fn base_rules(&self, base: Base) -> &[Rule] {
        self.base.get(&base).map_or(&[], Vec::as_slice)
    }

    /// What is remembered from one compile to the next.
    pub(crate) fn memo(&mut self) -> &mut Memo {
        &mut self.memo
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

/// Inserts under `pl_KIND_HASH_TAIL`; should two contents share a hash, the second gets a number.
fn insert<T: PartialEq>(objects: &mut BTreeMap<Name, T>, kind: &str, hash: &str, tail: &str, object: T) -> Name {
    let mut n_collisions = 0_u32;
    let mut free = name(kind, hash, tail, n_collisions);
    while objects.get(&free).is_some_and(|other| *other != object) {
        n_collisions += 1;
        free = name(kind, hash, tail, n_collisions);
    }
    objects.entry(free.clone()).or_insert(object);
    free
}

fn name(kind: &str, hash: &str, tail: &str, n_collisions: u32) -> Name {
    let tail = tail.get(..TAIL_MAX).unwrap_or(tail);
    let tail = if tail.is_empty() { String::new() } else { format!("_{tail}") };
    match n_collisions {
        0 => Name::ours(&format!("{kind}_{hash}{tail}")),
        n => Name::ours(&format!("{kind}_{hash}x{n}{tail}")),
    }
}
