//! Who calls whom among the chains of a table: callees first.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::host::rule::Action;

use super::{Group, Loops};

/// The custom chains of a table, in an order in which they can be made.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Callees first.
    pub(super) custom: Vec<Arc<str>>,
    /// Caller and callee of each call that closes a loop.
    pub(super) loops: Loops,
}

impl Order {
    /// Walks the calls, depth first, with a stack of its own: configurations may nest deeper than the machine's.
    pub(super) fn of(groups: &BTreeMap<Arc<str>, Group<'_>>, is_custom: impl Fn(&str) -> bool) -> Self {
        let callees: BTreeMap<&Arc<str>, Vec<&Arc<str>>> = groups
            .iter()
            .map(|(name, group)| {
                (name, called(group).filter_map(|name| groups.get_key_value(name)).map(|(name, _)| name).collect())
            })
            .collect();
        let mut order = Self::default();
        let mut is_done: BTreeMap<&Arc<str>, bool> = BTreeMap::new();
        for root in groups.keys().filter(|name| is_custom(name)) {
            let mut stack = vec![(root, 0)];
            while let Some((name, next)) = stack.pop() {
                if next == 0 && is_done.insert(name, false).is_some() {
                    // Was there: what it was is put back.
                    is_done.insert(name, true);
                    continue;
                }
                match callees.get(name).and_then(|callees| callees.get(next)) {
                    Some(callee) => {
                        stack.push((name, next + 1));
                        match is_done.get(callee) {
                            None => stack.push((callee, 0)),
                            Some(false) => {
                                order.loops.insert((Arc::clone(name), Arc::clone(callee)));
                            }
                            Some(true) => {}
                        }
                    }
                    None => {
                        is_done.insert(name, true);
                        order.custom.push(Arc::clone(name));
                    }
                }
            }
        }
        order
    }
}

/// The chains that a chain's rules call.
pub(super) fn called<'a>(group: &Group<'a>) -> impl Iterator<Item = &'a Arc<str>> {
    group.rules().filter_map(|rule| match &rule.action {
        Action::Jump(word) | Action::Goto(word) => Some(&word.text),
        Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => None,
    })
}
