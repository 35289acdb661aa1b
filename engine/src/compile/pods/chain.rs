//! Policy-set chains: what one list of policies permits and denies.
//!
//! The chain is entered by a jump. Returning permits, dropping denies. The enforced baseline stands in the chain
//! itself; what follows it is a chain of its own, entered by goto, so that `Pass` can skip the rest of the tier.

use std::collections::BTreeMap;

use policy_lang::policy::{Action, Direction, Policy};

use super::fold;
use super::peer::PeerSets;
use super::subject::Effective;
use super::{AddressFamily, FAMILIES};
use crate::compile::builder::TableBuilder;
use crate::resolve::Resolver;
use crate::ruleset::{
    Comment, Datum, Element, ElementKey, Elements, Expr, Field, Lookup, Name, Operator, Rule, Set, SetRef, SetSpec,
    Verdict,
};

/// Makes each policy-set chain once.
pub(super) struct PolicyChains<'a> {
    policies: &'a [Policy],
    node: &'a str,
    peers: PeerSets<'a>,
    chains: BTreeMap<Effective, Name>,
}

impl<'a> PolicyChains<'a> {
    /// No chains yet.
    pub(super) fn new(policies: &'a [Policy], resolver: &'a Resolver<'a>, node: &'a str) -> Self {
        Self { policies, node, peers: PeerSets::new(resolver), chains: BTreeMap::new() }
    }

    /// The facts behind it.
    pub(super) fn resolver(&self) -> &'a Resolver<'a> {
        self.peers.resolver()
    }

    /// The chain for this list of policies.
    pub(super) fn chain(&mut self, effective: Effective, builder: &mut TableBuilder) -> Name {
        if let Some(name) = self.chains.get(&effective) {
            return name.clone();
        }
        let rest = self.rest(&effective, builder);
        let rules = if effective.admin.is_empty() { rest } else { self.tiers(&effective, rest, builder) };
        let tail = self.tail(&effective);
        let name = builder.chain(short(effective.direction), &tail, rules, None);
        self.chains.insert(effective, name.clone());
        name
    }

    /// The enforced baseline, then `rest`: in place, or in a chain to go to where a rule passes to it.
    fn tiers(&mut self, effective: &Effective, rest: Vec<Rule>, builder: &mut TableBuilder) -> Vec<Rule> {
        let all_rules = effective.admin.iter().flat_map(|index| self.rules(*index, effective.direction));
        let any_pass = all_rules.map(|rule| rule.action).any(|action| action == Action::Pass);
        let (pass, after) = if any_pass && !rest.is_empty() {
            let kind = format!("{}_rest", short(effective.direction));
            let next = Verdict::Goto(builder.chain(&kind, &self.tail(effective), rest, None));
            (next.clone(), vec![Rule { exprs: vec![Expr::Verdict(next)], comment: None }])
        } else {
            (Verdict::Return, rest)
        };
        let mut rules = Vec::new();
        for index in effective.admin.clone() {
            self.push_ordered(index, effective, &pass, &mut rules, builder);
        }
        // A tier that ends in a deny of everything leaves nothing to decide.
        if !rules.last().is_some_and(is_unconditional) {
            rules.extend(after);
        }
        rules
    }

    /// The NetworkPolicies that isolate the pods, or the baseline's `otherwise` where none does.
    fn rest(&mut self, effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        let asked = if effective.isolating.is_empty() { &effective.otherwise } else { &effective.isolating };
        if asked.is_empty() {
            return Vec::new();
        }
        let mut rules = Vec::new();
        for index in asked.clone() {
            self.push_ordered(index, effective, &Verdict::Return, &mut rules, builder);
        }
        let hairpin = self.hairpin(builder);
        if effective.isolating.is_empty() {
            return hairpin.into_iter().chain(rules).collect();
        }
        // NetworkPolicies only permit, so a pod's way to itself, which is rare, is asked for after them.
        let mut rules = fold::permissions(rules, &self.tail(effective), builder);
        rules.extend(hairpin);
        rules.push(denied(Some(self.isolation(effective))));
        rules
    }

    /// Lowers the rules of one policy, in their order.
    fn push_ordered(
        &mut self,
        index: usize,
        effective: &Effective,
        pass: &Verdict,
        rules: &mut Vec<Rule>,
        builder: &mut TableBuilder,
    ) {
        let Some(policy) = self.policies.get(index) else { return };
        for rule in policy.rules(effective.direction).unwrap_or_default() {
            let comment = Comment::new(&rule.origin.to_string());
            for mut exprs in self.peers.matches(rule, effective, builder) {
                match rule.action {
                    Action::Accept => exprs.push(Expr::Verdict(Verdict::Return)),
                    Action::Pass => exprs.push(Expr::Verdict(pass.clone())),
                    Action::Deny => exprs.extend([Expr::Counter, Expr::Verdict(Verdict::Drop)]),
                }
                rules.push(Rule { exprs, comment: Some(comment.clone()) });
            }
        }
    }

    /// A pod cannot block itself: a connection through a Service that comes back is accepted once the enforced baseline
    /// has been asked (decisions.md 13).
    fn hairpin(&mut self, builder: &mut TableBuilder) -> Vec<Rule> {
        FAMILIES
            .into_iter()
            .filter_map(|family| {
                let (saddr, daddr) = family.address_fields();
                let elements: Elements = self
                    .peers
                    .resolver()
                    .inventory()
                    .pods
                    .values()
                    .filter(|pod| pod.node.as_deref() == Some(self.node))
                    .flat_map(|pod| &pod.addresses)
                    .filter(|address| crate::compile::address_family(**address) == family)
                    .map(|address| {
                        let address = Datum::address(*address);
                        (ElementKey::values([address, address]), Element::PLAIN)
                    })
                    .collect();
                if elements.is_empty() {
                    return None;
                }
                let name = Name::ours(&format!("self{}", family.digit()));
                let spec = SetSpec::hash([saddr.data_type(), daddr.data_type()]);
                builder.named_set(name.clone(), Set { spec, elements });
                let lookup = Lookup { key: vec![saddr, daddr], operator: Operator::Eq, set: SetRef::Named(name) };
                Some(Rule {
                    exprs: vec![Expr::Lookup(lookup), Expr::Verdict(Verdict::Return)],
                    comment: Some(Comment::new("a pod through a Service to itself")),
                })
            })
            .collect()
    }

    /// The comment of the final drop: who isolates the pods.
    fn isolation(&self, effective: &Effective) -> Comment {
        let first = effective.isolating.first().and_then(|index| self.policies.get(*index));
        let origin = first.map(|policy| policy.origin.to_string()).unwrap_or_default();
        let others = effective.isolating.len().saturating_sub(1);
        let direction = effective.direction;
        Comment::new(&match others {
            0 => format!("{origin}: isolates {direction}"),
            n => format!("{origin} and {n} more: isolate {direction}"),
        })
    }

    /// What to recognise the chain by: the first policy's namespace and name.
    fn tail(&self, effective: &Effective) -> String {
        let first = effective.isolating.first().or(effective.admin.first()).or(effective.otherwise.first());
        first.and_then(|index| self.policies.get(*index)).map(|policy| policy.name.to_string()).unwrap_or_default()
    }

    fn rules(&self, index: usize, direction: Direction) -> &'a [policy_lang::policy::Rule] {
        self.policies.get(index).and_then(|policy| policy.rules(direction)).unwrap_or_default()
    }
}

fn is_unconditional(rule: &Rule) -> bool {
    rule.exprs.iter().all(|expr| matches!(expr, Expr::Counter | Expr::Verdict(_)))
}

fn denied(comment: Option<Comment>) -> Rule {
    Rule { exprs: vec![Expr::Counter, Expr::Verdict(Verdict::Drop)], comment }
}

fn short(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "eg",
    }
}

impl AddressFamily {
    fn address_fields(self) -> (Field, Field) {
        match self {
            Self::V4 => (Field::IpSaddr, Field::IpDaddr),
            Self::V6 => (Field::Ip6Saddr, Field::Ip6Daddr),
        }
    }
}
