//! Chains: what a flip does to those in use.
//!
//! A rule with an anonymous set must neither come nor go in a chain in use: a new set with intervals is not matchable
//! at the instant of its own commit, and packets that still run through the old rules miss in a map that goes. Such
//! a chain is by-passed: a stand-in with all of its rules is filled first, the flip puts `goto` that stand-in before
//! everything else, and what is dead behind it is changed at leisure in the next round, which ends with the `goto`
//! taken away. Rules that stay keep their counters, which miss what passes through the stand-in meanwhile.

use super::detour::{FreeNames, is_stand_in};
use super::live::Live;
use super::rules::{Edits, has_anonymous_set};
use super::table::Draft;
use super::{Outlook, Renewal};
use crate::observed::{ObservedChain, ObservedRule, ObservedTable, RuleContent, RuleHandle};
use crate::plan::{OpKind, RulePosition};
use crate::ruleset::{Chain, Expr, Name, Rule, Table, Verdict};

pub(super) fn draft(
    draft: &mut Draft,
    observed: &ObservedTable,
    target: &Table,
    live: &Live<'_>,
    names: &mut FreeNames<'_>,
    renewal: Renewal,
) {
    for (name, chain) in &target.chains {
        match observed.chains.get(name) {
            None if chain.base.is_some() => draft.new_base_chain(name, chain, names, renewal),
            None => draft.new_chain(name, chain),
            Some(there) => {
                if there.policy_drop {
                    draft.base_chains.push(add_chain(name, chain));
                }
                if live.chain(name) {
                    draft.chain_in_use(name, there, chain, names, renewal);
                } else {
                    let edits = Edits::between(&there.rules, &chain.rules);
                    draft.contents.extend(edits.deletes(name));
                    draft.contents.extend(edits.adds(name));
                }
            }
        }
    }
    for (name, there) in &observed.chains {
        if !target.chains.contains_key(name) {
            draft.leaving_chain(name, there, target);
        }
    }
}

impl Draft {
    fn new_chain(&mut self, name: &Name, chain: &Chain) {
        self.chains.push(add_chain(name, chain));
        self.contents.extend(chain.rules.iter().map(|rule| add_rule(name, RulePosition::Last, rule.clone())));
    }

    /// A base chain is in force as soon as it exists, so it comes in the flip.
    fn new_base_chain(&mut self, name: &Name, chain: &Chain, names: &mut FreeNames<'_>, renewal: Renewal) {
        self.base_chains.push(add_chain(name, chain));
        if renewal == Renewal::Fresh || chain.rules.iter().any(has_anonymous_set) {
            let bypass = self.bypass(name, chain, names);
            self.additions.push(add_rule(name, RulePosition::Last, bypass));
        } else {
            self.additions.extend(chain.rules.iter().map(|rule| add_rule(name, RulePosition::Last, rule.clone())));
        }
    }

    fn chain_in_use(
        &mut self,
        name: &Name,
        there: &ObservedChain,
        chain: &Chain,
        names: &mut FreeNames<'_>,
        renewal: Renewal,
    ) {
        let (bypass, rules) = split_bypass(&there.rules, chain);
        let edits = Edits::between(rules, &chain.rules);
        // A regular chain has a new name in a fresh round, and is in use here only if it is to go.
        let replace = renewal == Renewal::Fresh && chain.base.is_some();
        match bypass {
            Some(bypass) if !replace => {
                // All behind the `goto` is dead, so it can be put right before the `goto` is taken away.
                self.contents.extend(edits.deletes(name));
                self.contents.extend(edits.adds(name));
                self.removals.push(OpKind::DeleteRule { chain: name.clone(), handle: bypass });
            }
            None if !replace && !edits.touch_anonymous_sets() => {
                self.removals.extend(edits.deletes(name));
                self.additions.extend(edits.adds(name));
            }
            Some(_) | None => {
                let goto = self.bypass(name, chain, names);
                let position = rules.first().map_or(RulePosition::Last, |rule| RulePosition::Before(rule.handle));
                self.removals.extend(bypass.map(|handle| OpKind::DeleteRule { chain: name.clone(), handle }));
                self.additions.push(add_rule(name, position, goto));
                self.dead_rules.extend(edits.deletes(name));
            }
        }
    }

    /// Fills a stand-in for a chain and returns the rule that leads to it.
    fn bypass(&mut self, name: &Name, chain: &Chain, names: &mut FreeNames<'_>) -> Rule {
        let stand_in = names.stand_in(name);
        self.new_chain(&stand_in, &Chain { base: None, ..chain.clone() });
        self.outlook = Outlook::More;
        Rule { exprs: vec![Expr::Verdict(Verdict::Goto(stand_in))], comment: None }
    }

    /// A base chain that is not wanted goes out of force by a `return` in front of all its rules, which takes no set
    /// from packets that are on their way through it. One that stood in for another and says the same keeps its
    /// rules until it is collected: packets between the two must meet one of them.
    fn leaving_chain(&mut self, name: &Name, there: &ObservedChain, target: &Table) {
        if there.policy_drop {
            let comment = there.comment.clone();
            self.base_chains.push(OpKind::AddChain { name: name.clone(), base: there.base, comment });
        }
        let first = there.rules.first();
        let relieved = is_stand_in(name) && target.chains.values().any(|chain| says_the_same(there, chain));
        if there.base.is_some() && !relieved && !first.is_none_or(is_return) {
            let position = first.map_or(RulePosition::Last, |rule| RulePosition::Before(rule.handle));
            let rule = Rule { exprs: vec![Expr::Verdict(Verdict::Return)], comment: None };
            self.additions.push(add_rule(name, position, rule));
        }
        self.dead_rules.push(OpKind::FlushChain(name.clone()));
        self.dead_chains.push(OpKind::DeleteChain(name.clone()));
    }
}

/// The `goto` by which a chain is by-passed, and the rules behind it.
fn split_bypass<'a>(rules: &'a [ObservedRule], chain: &Chain) -> (Option<RuleHandle>, &'a [ObservedRule]) {
    match rules.split_first() {
        Some((first, rest)) if leads_to_stand_in(first) && !says_first(chain, first) => (Some(first.handle), rest),
        Some(_) | None => (None, rules),
    }
}

fn leads_to_stand_in(rule: &ObservedRule) -> bool {
    match &rule.content {
        RuleContent::Known(rule) => match rule.exprs.as_slice() {
            [Expr::Verdict(Verdict::Goto(chain))] => is_stand_in(chain),
            _ => false,
        },
        RuleContent::Unknown(_) => false,
    }
}

fn says_first(chain: &Chain, rule: &ObservedRule) -> bool {
    chain.rules.first().is_some_and(|first| rule.content == RuleContent::Known(first.clone()))
}

fn says_the_same(there: &ObservedChain, chain: &Chain) -> bool {
    let known = there.rules.iter().map(|rule| match &rule.content {
        RuleContent::Known(rule) => Some(rule),
        RuleContent::Unknown(_) => None,
    });
    there.base == chain.base && known.eq(chain.rules.iter().map(Some))
}

fn is_return(rule: &ObservedRule) -> bool {
    match &rule.content {
        RuleContent::Known(rule) => matches!(rule.exprs.as_slice(), [Expr::Verdict(Verdict::Return)]),
        RuleContent::Unknown(_) => false,
    }
}

fn add_chain(name: &Name, chain: &Chain) -> OpKind {
    OpKind::AddChain { name: name.clone(), base: chain.base, comment: chain.comment.clone() }
}

fn add_rule(chain: &Name, position: RulePosition, rule: Rule) -> OpKind {
    OpKind::AddRule { chain: chain.clone(), position, rule }
}
