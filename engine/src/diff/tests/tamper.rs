//! What strangers with nft do to a table.

use proptest::prelude::*;

use crate::observed::{Observed, ObservedChain, ObservedRule, ObservedTable, RuleContent, RuleHandle, UnknownObject};
use crate::ruleset::{BaseChain, ChainType, Comment, DataType, Elements, Hook, Name, Priority, Set, SetSpec};

#[derive(Clone, Copy, Debug)]
pub(super) struct Trick {
    what: u8,
    which: usize,
}

pub(super) fn tricks() -> impl Strategy<Value = Vec<Trick>> {
    proptest::collection::vec((0..11_u8, 0..8_usize).prop_map(|(what, which)| Trick { what, which }), 1..6)
}

impl Trick {
    pub(super) fn play(self, state: &mut Observed) {
        let handle = RuleHandle(1_000_000 + u64::from(self.what) * 100 + self.which as u64);
        let Some(table) = state.tables.values_mut().next() else { return };
        match self.what {
            0 => self.set(table, |set| drop(set.elements.pop_first())),
            1 => self.set(table, |set| set.spec.comment = Some(Comment::new("made by hand"))),
            2 => self.set(table, |set| {
                if let Some(mut element) = set.elements.first_entry() {
                    element.get_mut().comment = Some(Comment::new("by hand"));
                }
            }),
            3 => self.chain(table, |chain| drop(chain.rules.pop())),
            4 => self.chain(table, |chain| chain.rules.reverse()),
            5 => self.chain(table, |chain| {
                if chain.rules.iter().all(|rule| rule.handle != handle) {
                    let content = RuleContent::Unknown("osf".into());
                    chain.rules.insert(chain.rules.len() / 2, ObservedRule { handle, content });
                }
            }),
            6 => self.chain(table, |chain| chain.policy_drop = chain.base.is_some()),
            7 => self.chain(table, |chain| {
                if let Some(base) = &mut chain.base {
                    base.priority = Priority(base.priority.0 + 1);
                }
            }),
            8 => {
                let set = Set { spec: SetSpec::hash([DataType::Mark]), elements: Elements::new() };
                table.sets.insert(Name::ours("theirs"), set);
            }
            9 => {
                let base = BaseChain { chain_type: ChainType::Filter, hook: Hook::Input, priority: Priority(77) };
                let content = RuleContent::Unknown("tproxy".into());
                let rules = vec![ObservedRule { handle, content }];
                let chain = ObservedChain { base: Some(base), policy_drop: true, comment: None, rules };
                table.chains.insert(Name::ours("theirs"), chain);
            }
            _ => {
                let name = Name::ours("set0");
                if !table.sets.contains_key(&name) {
                    table.unknown.insert(UnknownObject { kind: "set", name, reason: "a data type".into() });
                }
            }
        }
    }

    fn set(self, table: &mut ObservedTable, change: impl FnOnce(&mut Set)) {
        let n_sets = table.sets.len().max(1);
        if let Some(set) = table.sets.values_mut().nth(self.which % n_sets) {
            change(set);
        }
    }

    fn chain(self, table: &mut ObservedTable, change: impl FnOnce(&mut ObservedChain)) {
        let n_chains = table.chains.len().max(1);
        if let Some(chain) = table.chains.values_mut().nth(self.which % n_chains) {
            change(chain);
        }
    }
}
