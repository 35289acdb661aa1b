//! Policy-set chains: what one list of policies permits and denies.
//!
//! The chain is entered by a jump. Returning permits, dropping denies. Its first tier stands in the chain itself; what
//! follows a tier that passes something on is a chain of its own, entered by goto, so that `Pass` can skip the rest of
//! the tier and a return still is a permission.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::policy::{Action, Direction, Effect, Logging, Policy, Rule as PolicyRule};

use super::budget::{Budget, Excess, Shares};
use super::hairpin::Hairpin;
use super::made::{Circumstances, Exceeded, Made};
use super::matching::verdict;
use super::peer::PeerSets;
use super::place::{self, Words};
use super::sorted::Sorted;
use super::subject::{Effective, Isolation, PolicySet};
use crate::compile::builder::TableBuilder;
use crate::compile::options::PodOptions;
use crate::place::Cause;
use crate::resolve::Resolver;
use crate::ruleset::{Comment, Expr, Name, Rule, Verdict};

/// Makes each policy-set chain once.
pub(super) struct PolicyChains<'a> {
    policies: &'a [Policy],
    options: &'a PodOptions,
    hairpin: Hairpin,
    peers: PeerSets<'a>,
    chains: BTreeMap<PolicySet, Made>,
    budget: Budget,
    /// What the chain that is being made exceeded.
    exceeded: Option<Exceeded>,
}

impl<'a> PolicyChains<'a> {
    /// No chains yet.
    pub(super) fn new(
        policies: &'a [Policy],
        resolver: &'a Resolver<'a>,
        local: Vec<IpAddr>,
        node: &str,
        options: &'a PodOptions,
        budget: Budget,
    ) -> Self {
        Self {
            policies,
            options,
            hairpin: Hairpin::new(local),
            peers: PeerSets::new(resolver, node),
            chains: BTreeMap::new(),
            budget,
            exceeded: None,
        }
    }

    /// All policies.
    pub(super) fn policies(&self) -> &'a [Policy] {
        self.policies
    }

    /// The facts behind it.
    pub(super) fn resolver(&self) -> &'a Resolver<'a> {
        self.peers.resolver()
    }

    /// The chain for this list of policies: the one that the compile before made, or a new one.
    pub(super) fn chain(&mut self, set: &PolicySet, builder: &mut TableBuilder) -> Name {
        if let Some(made) = self.chains.get(set) {
            return made.chain.clone();
        }
        let former = builder.former().memo.chains.remove(set);
        let kept =
            former.filter(|made| self.holds_still(made, set, builder) && builder.take_over(&made.chain, &made.parts));
        let made = kept.unwrap_or_else(|| self.make(set, builder));
        let name = made.chain.clone();
        self.chains.insert(set.clone(), made);
        name
    }

    fn make(&mut self, effective: &Effective, builder: &mut TableBuilder) -> Made {
        let [enforced, cluster_admin] = &effective.before;
        builder.memo().parts.clear();
        self.hairpin.asked();
        let rules = self.middle(effective, builder);
        let rules = self.tier(cluster_admin, effective, rules, builder);
        let rules = self.tier(enforced, effective, rules, builder);
        let chain = builder.chain(short(effective.direction), &self.tail(effective), rules, None);
        let circumstances = Circumstances { shares: self.shares(effective), hairpin: self.hairpin.asked() };
        Made::new(chain, circumstances, self.exceeded.take(), builder.memo())
    }

    /// Whether a chain would be made of the same rules again.
    fn holds_still(&mut self, made: &Made, effective: &Effective, builder: &mut TableBuilder) -> bool {
        let Circumstances { shares, hairpin } = &made.circumstances;
        // Asking how pods reach themselves makes their sets, so only those ask who would have them.
        *shares == self.shares(effective) && hairpin.as_ref().is_none_or(|rules| *rules == self.hairpin.rules(builder))
    }

    fn shares(&self, effective: &Effective) -> Option<Result<Shares, Excess>> {
        match &effective.isolation {
            Isolation::Policies(isolating) => Some(self.budget.shares(self.policies, isolating, effective.direction)),
            Isolation::Open | Isolation::Quarantine | Isolation::Counted => None,
        }
    }

    /// What is asked once the admins' tiers have passed a packet on.
    fn middle(&mut self, effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        match &effective.isolation {
            Isolation::Policies(isolating) => self.isolated(isolating, effective, builder),
            Isolation::Quarantine => {
                let about = "pod without a known address: quarantine";
                let cause = Cause::Quarantine(effective.direction);
                place::denial(cause, &Words::single(about), self.options, builder)
            }
            Isolation::Counted => {
                let words = Words::single("pod without a known address: would be in quarantine");
                let counted = place::audit(Cause::Quarantine(effective.direction), &words, self.options, builder);
                let counted = Rule { exprs: vec![Expr::Verdict(counted)], comment: None };
                std::iter::once(counted).chain(self.open(effective, builder)).collect()
            }
            Isolation::Open => self.open(effective, builder),
        }
    }

    /// Where nothing isolates, the tiers of defaults are asked.
    fn open(&mut self, effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        let [cluster_baseline, otherwise] = &effective.after;
        let rules = self.tier(otherwise, effective, Vec::new(), builder);
        let rules = self.tier(cluster_baseline, effective, rules, builder);
        if rules.is_empty() { rules } else { self.hairpin.rules(builder).into_iter().chain(rules).collect() }
    }

    /// NetworkPolicies permit what they list and nothing else.
    fn isolated(&mut self, isolating: &[usize], effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        let permitting: Vec<&PolicyRule> =
            isolating.iter().flat_map(|index| self.rules(*index, effective.direction)).collect();
        let direction = effective.direction;
        let sorted = Sorted::new(&permitting, effective);
        let layout = match self.budget.shares(self.policies, isolating, direction) {
            Err(excess) => Err(excess),
            Ok(_) if sorted.is_everything() => return vec![verdict(Verdict::Return)],
            Ok(shares) => self.peers.layout(&sorted, direction, shares, &mut builder.memo().sizes),
        };
        let layout = match layout {
            Ok(layout) => layout,
            Err(excess) => return self.over_budget(excess, isolating, direction, builder),
        };
        let tail = self.tail(effective);
        // They only permit, so a pod's way to itself, which is rare, is asked for after them.
        let mut rest = self.hairpin.rules(builder);
        let (cause, words) = self.isolation(isolating, direction);
        rest.extend(place::denial(cause, &words, self.options, builder));
        self.peers.permissions((&sorted, &layout), &permitting, effective, (&tail, rest), builder)
    }

    /// Everything is denied where what is permitted would take too much.
    fn over_budget(
        &mut self,
        excess: Excess,
        isolating: &[usize],
        direction: Direction,
        builder: &mut TableBuilder,
    ) -> Vec<Rule> {
        let Some(policy) = isolating.first().and_then(|index| self.policies.get(*index)) else { return Vec::new() };
        let namespace = &policy.name.namespace;
        let key = (Arc::clone(namespace), direction, excess);
        self.exceeded = Some((key, excess.diagnostic(policy, direction)));
        let about = format!("namespace {namespace} is over its budget: {}", excess.what());
        let words = Words {
            identity: format!("budget {direction} {namespace}"),
            tail: namespace.to_string(),
            line: about,
            about: format!("namespace {namespace} is over its budget"),
        };
        place::denial(Cause::Budget(direction), &words, self.options, builder)
    }

    /// Leaves the chains for the next compile; says what exceeded its bound.
    pub(super) fn finish(self, builder: &mut TableBuilder) -> Vec<Diagnostic> {
        let exceeded = self.chains.values().filter_map(|made| made.exceeded.clone());
        let exceeded: BTreeMap<_, _> = exceeded.collect();
        builder.memo().chains = self.chains;
        builder.memo().parts.clear();
        exceeded.into_values().collect()
    }

    /// A tier with an order, then `rest`: in place, or in a chain to go to where a rule passes to it.
    fn tier(
        &mut self,
        indices: &[usize],
        effective: &Effective,
        rest: Vec<Rule>,
        builder: &mut TableBuilder,
    ) -> Vec<Rule> {
        if indices.is_empty() {
            return rest;
        }
        let all_rules = indices.iter().flat_map(|index| self.rules(*index, effective.direction));
        let passes = |rule: &PolicyRule| rule.action == Action::Pass && rule.effect == Effect::Enforced;
        let any_pass = all_rules.into_iter().any(passes);
        let (pass, after) = if any_pass && !rest.is_empty() {
            let kind = format!("{}_rest", short(effective.direction));
            let next = Verdict::Goto(builder.chain(&kind, &self.tail(effective), rest, None));
            (next.clone(), vec![Rule { exprs: vec![Expr::Verdict(next)], comment: None }])
        } else {
            (Verdict::Return, rest)
        };
        let mut rules = Vec::new();
        for index in indices {
            self.push_rules(*index, effective, &pass, &mut rules, builder);
        }
        // A tier that ends in a decision about everything leaves nothing to decide.
        if !rules.last().is_some_and(decides_everything) {
            rules.extend(after);
        }
        rules
    }

    /// Lowers the rules of one policy, in their order.
    fn push_rules(
        &mut self,
        index: usize,
        effective: &Effective,
        pass: &Verdict,
        rules: &mut Vec<Rule>,
        builder: &mut TableBuilder,
    ) {
        let Some(policy) = self.policies.get(index) else { return };
        let direction = effective.direction;
        for (number, rule) in policy.rules(direction).unwrap_or_default().iter().enumerate() {
            let alternatives = self.peers.matches(rule, effective, builder);
            if alternatives.is_empty() {
                continue;
            }
            let cause = Cause::Policy(direction, policy.tier);
            let words = || Words::of_rule(policy, direction, number, rule);
            let then = match rule.action {
                Action::Accept => Verdict::Return,
                Action::Pass => pass.clone(),
                Action::Deny => Verdict::Drop,
            };
            let verdict = match (rule.effect, rule.action, rule.logging) {
                (Effect::Audited, _, _) => place::audit(cause, &words(), self.options, builder),
                (Effect::Enforced, Action::Deny, _) => place::denial_chain(cause, &words(), self.options, builder),
                (Effect::Enforced, Action::Accept | Action::Pass, Logging::Logged) => {
                    place::logged(cause, &words(), then, self.options, builder)
                }
                (Effect::Enforced, Action::Accept | Action::Pass, Logging::Silent) => then,
            };
            let comment = Comment::new(&rule.origin.to_string());
            let lowered = |verdict: &Verdict| {
                let rule = |mut exprs: Vec<Expr>| {
                    exprs.push(Expr::Verdict(verdict.clone()));
                    Rule { exprs, comment: Some(comment.clone()) }
                };
                alternatives.iter().cloned().map(rule).collect::<Vec<_>>()
            };
            match &verdict {
                // Only what is audited goes on: a packet that matches two alternatives is still counted once.
                Verdict::Jump(noted) if alternatives.len() > 1 => {
                    let either = lowered(&Verdict::Goto(noted.clone()));
                    let chain = builder.chain("audit", &policy.name.to_string(), either, None);
                    rules.push(Rule {
                        exprs: vec![Expr::Verdict(Verdict::Jump(chain))],
                        comment: Some(comment.clone()),
                    });
                }
                Verdict::Accept
                | Verdict::Drop
                | Verdict::Return
                | Verdict::Continue
                | Verdict::Jump(_)
                | Verdict::Goto(_) => rules.extend(lowered(&verdict)),
            }
        }
    }

    /// The place where those who isolate a pod deny.
    fn isolation(&self, isolating: &[usize], direction: Direction) -> (Cause, Words) {
        let policies: Vec<&Policy> = isolating.iter().filter_map(|index| self.policies.get(*index)).collect();
        let names: Vec<_> = policies.iter().map(|policy| policy.name.to_string()).collect();
        let first = policies.first();
        let name = first.map(|policy| policy.name.to_string()).unwrap_or_default();
        let origin = first.map(|policy| policy.origin.to_string()).unwrap_or_default();
        let said_of = |who: &str| match isolating.len().saturating_sub(1) {
            0 => format!("{who}: isolates {direction}"),
            n => format!("{who} and {n} more: isolate {direction}"),
        };
        let words = Words {
            identity: format!("isolate {direction} {}", names.join(" ")),
            about: said_of(&name),
            line: said_of(&origin),
            tail: name,
        };
        (Cause::Policy(direction, policy_lang::policy::Tier::NetworkPolicy), words)
    }

    /// What to recognise the chain by: the first policy's namespace and name.
    fn tail(&self, effective: &Effective) -> String {
        let isolating = match &effective.isolation {
            Isolation::Policies(isolating) => isolating.first(),
            Isolation::Quarantine | Isolation::Counted => return "quarantine".to_owned(),
            Isolation::Open => None,
        };
        let first = isolating.or_else(|| effective.before.iter().chain(&effective.after).flatten().next());
        first.and_then(|index| self.policies.get(*index)).map(|policy| policy.name.to_string()).unwrap_or_default()
    }

    fn rules(&self, index: usize, direction: Direction) -> &'a [PolicyRule] {
        self.policies.get(index).and_then(|policy| policy.rules(direction)).unwrap_or_default()
    }
}

/// Whether a rule decides whatever comes to it.
fn decides_everything(rule: &Rule) -> bool {
    let leaves = |verdict: &Verdict| match verdict {
        Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Goto(_) => true,
        Verdict::Jump(_) | Verdict::Continue => false,
    };
    matches!(rule.exprs.as_slice(), [Expr::Verdict(verdict)] if leaves(verdict))
}

/// As names of chains say it.
pub(super) fn short(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "eg",
    }
}
