//! Who calls whom among the chains of a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::host::rule::{Action, HostRule, Table};

use super::chains::{Callee, Chains, Sides, base};
use super::clause::Ip;
use super::recent;
use super::socket;
use crate::ruleset::Hook;

/// Words after `jump` that are verdicts, not chains.
const VERDICTS: [&str; 4] = ["ACCEPT", "DROP", "RETURN", "REJECT"];

/// Caller and callee of calls.
pub(super) type Loops = BTreeSet<(Arc<str>, Arc<str>)>;

/// The chains of a table in an order in which they can be made.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Callees first.
    pub(super) order: Vec<Arc<str>>,
    /// Each call that closes a loop.
    pub(super) loops: Loops,
}

/// Who calls whom among the custom chains of a table.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Callees first.
    pub(super) order: Vec<Arc<str>>,
    /// Each call that closes a loop.
    pub(super) loops: Loops,
    /// The hooks that each chain is reached from.
    pub(super) hooks: BTreeMap<Arc<str>, Vec<Hook>>,
}

impl Order {
    /// Walks from these chains along these calls.
    pub(super) fn of<'a>(
        roots: impl Iterator<Item = &'a Arc<str>>,
        callees: &BTreeMap<&'a Arc<str>, Vec<&'a Arc<str>>>,
    ) -> Self {
        let mut order = Self::default();
        let mut state: BTreeMap<&Arc<str>, Visit> = BTreeMap::new();
        for root in roots {
            order.walk(root, callees, &mut state);
        }
        order
    }

    /// Depth first, with a stack of its own: configurations may nest deeper than the machine's.
    fn walk<'a>(
        &mut self,
        root: &'a Arc<str>,
        callees: &BTreeMap<&'a Arc<str>, Vec<&'a Arc<str>>>,
        state: &mut BTreeMap<&'a Arc<str>, Visit>,
    ) {
        let mut stack = vec![(root, 0)];
        while let Some((name, next)) = stack.pop() {
            if next == 0 {
                if state.contains_key(name) {
                    continue;
                }
                state.insert(name, Visit::Open);
            }
            match callees.get(name).and_then(|callees| callees.get(next)) {
                Some(callee) => {
                    stack.push((name, next + 1));
                    match state.get(callee) {
                        None => stack.push((callee, 0)),
                        Some(Visit::Open) => {
                            self.loops.insert((Arc::clone(name), Arc::clone(callee)));
                        }
                        Some(Visit::Done) => {}
                    }
                }
                None => {
                    state.insert(name, Visit::Done);
                    self.order.push(Arc::clone(name));
                }
            }
        }
    }
}

impl Calls {
    /// Walks the calls of a table's chains.
    pub(super) fn of(table: Table, chains: &Chains<'_>) -> Self {
        let callees: BTreeMap<&Arc<str>, Vec<&Arc<str>>> = chains
            .iter()
            .map(|(name, sides)| (name, called(sides).filter(|name| chains.contains_key(*name)).collect()))
            .collect();
        let custom = chains.keys().filter(|name| base(table, name).is_none());
        let Order { order, loops } = Order::of(custom, &callees);
        let mut calls = Self { order, loops, hooks: BTreeMap::new() };
        for (name, hook) in chains.keys().filter_map(|name| Some((name, base(table, name)?.definition().1.hook))) {
            calls.reach(name, hook, &callees);
        }
        calls
    }

    fn reach(&mut self, root: &Arc<str>, hook: Hook, callees: &BTreeMap<&Arc<str>, Vec<&Arc<str>>>) {
        let mut stack = vec![root];
        while let Some(name) = stack.pop() {
            let hooks = self.hooks.entry(Arc::clone(name)).or_default();
            if hooks.contains(&hook) {
                continue;
            }
            hooks.push(hook);
            stack.extend(callees.get(name).into_iter().flatten());
        }
    }

    /// Levels of the chains that these rules call, from the called one on down.
    pub(super) fn height(sides: &Sides<'_>, callees: &BTreeMap<Arc<str>, Callee>) -> usize {
        let rules = [Ip::V4, Ip::V6].into_iter().flat_map(|ip| sides.rules(ip));
        let more = rules.map(own_levels).max().unwrap_or(0);
        1 + more + called(sides).filter_map(|name| callees.get(name)).map(|callee| callee.height).max().unwrap_or(0)
    }
}

/// Levels that a rule's own conditions lead a packet through.
pub(super) fn own_levels(rule: &HostRule) -> usize {
    let of_list = if recent::remembers(rule) { recent::DEPTH } else { 0 };
    let of_socket = if socket::leads_on(rule) { socket::DEPTH } else { 0 };
    of_list + of_socket
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Visit {
    Open,
    Done,
}

/// The chains that a chain's rules call, in either domain.
fn called<'a>(sides: &'a Sides<'_>) -> impl Iterator<Item = &'a Arc<str>> {
    [Ip::V4, Ip::V6].into_iter().flat_map(|ip| sides.rules(ip)).filter_map(|rule| match &rule.action {
        Action::Jump(word) | Action::Goto(word) => (!VERDICTS.contains(&&*word.text)).then_some(&word.text),
        Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => None,
    })
}

/// The chains that a chain's rules go to without coming back, in either domain.
pub(super) fn gone_to<'a>(sides: &'a Sides<'_>) -> BTreeSet<&'a Arc<str>> {
    let rules = [Ip::V4, Ip::V6].into_iter().flat_map(|ip| sides.rules(ip));
    rules
        .filter_map(|rule| match &rule.action {
            Action::Goto(word) => Some(&word.text),
            Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Jump(_) | Action::Target { .. } => {
                None
            }
        })
        .collect()
}
