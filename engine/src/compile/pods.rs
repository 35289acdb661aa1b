//! Pod policy: which packets of which local pods pass.
//!
//! ```text
//! pl_forward:  established, related, invalid -> goto known: revoked connections and invalid packets of pods are dropped
//!              ip saddr vmap @egress4        -> jump the source's policy-set chain
//!              ip daddr vmap @ingress4       -> goto the destination's policy-set chain
//!              icmpv6                        -> goto icmpv6: neighbour discovery and its like pass, the rest as below
//!              ip6 saddr vmap @egress6, ip6 daddr vmap @ingress6: the same for IPv6
//! ```
//! A policy-set chain returns what it permits and drops what it denies, so that both ends of a connection between two
//! local pods are judged. There is one for each distinct list of policies, not one for each pod.
//!
//! These rules stand in the base chain itself where no host rule follows. Where host rules follow, they are a chain of
//! their own, and what they permit is accepted there or goes on to the host rules, as the forward mode says.

use std::collections::BTreeMap;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::policy::{Direction, Policy};

pub(crate) use self::bound::BoundPods;
use self::budget::Budget;
use self::chain::PolicyChains;
pub(super) use self::family::AddressFamily;
use self::guard::Guard;
use self::local::{LocalAddresses, LocalSets};
pub(crate) use self::made::Made;
use self::matching::{plain, verdict};
pub(crate) use self::subject::PolicySet;
use super::base::Base;
use super::builder::TableBuilder;
use super::options::{Ipvs, OwnNode, PodOptions};
use super::{ForwardMode, Input};
use crate::resolve::Resolver;
use crate::ruleset::{DataType, Datum, Expr, Field, Match, Name, Operator, Rule, Value, Verdict};

mod bound;
mod budget;
mod chain;
mod cut;
mod dispatch;
mod family;
mod fold;
mod guard;
mod hairpin;
mod icmp;
mod known;
mod lift;
mod local;
mod made;
mod matching;
mod peer;
mod permit;
pub(super) mod place;
mod port;
mod port_map;
mod sorted;
mod source_check;
mod subject;
pub(super) mod vital;

/// `RTN_LOCAL`: an address of this host.
const LOCAL: u32 = 2;

/// What is asked about a packet at one end.
type End = BTreeMap<AddressFamily, Vec<Rule>>;

/// What is asked about a packet at both ends.
struct Judgement {
    egress: End,
    ingress: End,
}

impl Judgement {
    /// Both ends, the source first.
    fn both(&self) -> End {
        let mut both = self.egress.clone();
        for (family, rules) in &self.ingress {
            both.entry(*family).or_default().extend(rules.iter().cloned());
        }
        both
    }
}

/// Where packets are met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Layer {
    /// At the hooks of IP: forwarded, to the node and from it.
    Network,
    /// On a bridge: what it hands from one of its ports to another.
    Bridge,
}

/// Adds everything that the policies mean for the pods of the node, ahead of the host rules that are there already.
pub(super) fn lower<'a>(
    input: &Input<'a>,
    layer: Layer,
    resolver: &'a Resolver<'a>,
    bound: &BoundPods,
    builder: &mut TableBuilder,
) -> Vec<Diagnostic> {
    let Input { policies, node, pods: options, .. } = *input;
    let local = local::addresses(resolver, bound);
    let guard = Guard::new(options, node, resolver.inventory());
    if local.is_empty() && !guard.is_configured() {
        return Vec::new();
    }
    let budget = budget(policies, bound, &local);
    let mut chains = PolicyChains::new(policies, resolver, local.keys().copied().collect(), node, options, budget);
    let locals = LocalSets::new(&local, builder);
    // Chains of before are taken over with what they refer to, so these are there first.
    lift::sets(&options.observe, &local, resolver.inventory(), builder);
    // The destination is judged last, so nothing is left to come back for, unless pods' traffic has to be told apart then.
    let accepts_pods = input.forward_mode == ForwardMode::PodsFirst && !builder.base_rules(Base::Forward).is_empty();
    let enter_last: fn(Name) -> Verdict = if accepts_pods { Verdict::Jump } else { Verdict::Goto };
    let mut judged = |direction, enter| {
        let dispatched = dispatch::rules(direction, bound, &local, enter, &mut chains, builder);
        let guarded = guard.rules(direction, bound, &locals, &mut chains, builder);
        let mut end = End::new();
        for (family, rule) in dispatched.into_iter().chain(guarded) {
            end.entry(family).or_default().push(rule);
        }
        end
    };
    let egress = judged(Direction::Egress, Verdict::Jump);
    let ingress = judged(Direction::Ingress, enter_last);
    let judgement = Judgement { egress, ingress };
    let ways = Ways { locals: &locals, guard: &guard, options };
    ways.forward(&judgement, input.forward_mode, builder);
    let diagnostics = chains.finish(builder);
    if layer == Layer::Bridge {
        return diagnostics;
    }
    ways.input(&judgement, builder);
    ways.output(&judgement, builder);
    ways.virtual_addresses(builder);
    source_check::lower(&guard, options, builder);
    diagnostics
}

/// What the policies of the node's pods ask for, added up by namespace.
fn budget(policies: &[Policy], bound: &BoundPods, local: &LocalAddresses<'_>) -> Budget {
    let pods = local.values().flatten().map(|(name, _)| *name);
    Budget::new(policies, bound.sets(pods))
}

/// The ways of packets through the node, and what is the same on all of them.
struct Ways<'a> {
    locals: &'a LocalSets,
    guard: &'a Guard<'a>,
    options: &'a PodOptions,
}

impl Ways<'_> {
    /// What is routed through this node.
    fn forward(&self, judgement: &Judgement, mode: ForwardMode, builder: &mut TableBuilder) {
        let host_rules_follow = !builder.base_rules(Base::Forward).is_empty();
        let pass = match (mode, host_rules_follow) {
            (ForwardMode::PodsFirst, true) => self.accept_pods(builder),
            (ForwardMode::PodsFirst, false) | (ForwardMode::HostRules, _) => Verdict::Return,
        };
        let rules = self.judged(judgement.both(), &pass, builder);
        if host_rules_follow {
            let chain = builder.chain("pods", "", rules, None);
            builder.prepend(Base::Forward, vec![verdict(Verdict::Jump(chain))]);
        } else {
            builder.prepend(Base::Forward, rules);
        }
    }

    /// What goes to this node itself: only the egress of local pods is judged (sem-85).
    fn input(&self, judgement: &Judgement, builder: &mut TableBuilder) {
        let rules = match self.options.own_node {
            OwnNode::Judged => judgement.egress.clone(),
            OwnNode::Open => End::new(),
        };
        let rules = self.judged(rules, &Verdict::Return, builder);
        builder.prepend(Base::PodInput, rules);
    }

    /// What the node sends to its own pods is accepted (sem-83), unless it belongs to what was revoked. What IPVS sends on
    /// has somebody else's source and has passed neither forward nor input.
    fn output(&self, judgement: &Judgement, builder: &mut TableBuilder) {
        let mut rules: Vec<Rule> = known::revoked(self.options, builder).into_iter().collect();
        if self.options.ipvs == Ipvs::Present {
            let judged = self.judged(judgement.both(), &Verdict::Return, builder);
            let forwarded = Expr::Match(Match {
                field: Field::FibSaddrType,
                mask: None,
                operator: Operator::Ne,
                value: Value::One(Datum::number(DataType::FibAddrtype, LOCAL)),
            });
            let judged = Expr::Verdict(Verdict::Goto(builder.chain("ipvs", "", judged, None)));
            rules.push(plain(vec![forwarded, judged]));
        }
        builder.prepend(Base::PodOutput, rules);
    }

    /// Declared virtual addresses pass the host's own rules before those ask conntrack anything: packets of a load
    /// balancer that answers directly are new or invalid to it.
    fn virtual_addresses(&self, builder: &mut TableBuilder) {
        let mut accept = |base, field: fn(AddressFamily) -> Field| {
            let tests = known::virtual_addresses(field, self.options);
            if !builder.base_rules(base).is_empty() {
                builder.prepend(base, tests.map(|test| plain(vec![test, Expr::Verdict(Verdict::Accept)])).collect());
            }
        };
        accept(Base::Input, AddressFamily::daddr);
        accept(Base::Output, AddressFamily::saddr);
    }

    /// A judgement with what comes before it, and `pass` at its end. IPv4 comes first, and what is vital of ICMPv6 only
    /// then: whoever decides an IPv4 packet decides it without asking about the other family.
    fn judged(&self, mut end: End, pass: &Verdict, builder: &mut TableBuilder) -> Vec<Rule> {
        let mut of = |family| end.remove(&family).unwrap_or_default();
        let passed = match pass {
            Verdict::Return => None,
            Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Jump(_) | Verdict::Goto(_) => {
                Some(verdict(pass.clone()))
            }
        };
        let v4 = of(AddressFamily::V4);
        let v6: Vec<Rule> = of(AddressFamily::V6).into_iter().chain(passed).collect();
        let judge = builder.chain("judge", "", v4.iter().chain(&v6).cloned().collect(), None);
        let mut rules = known::rules(self, pass, &Verdict::Goto(judge), builder);
        rules.extend(v4);
        rules.push(vital::rule(self, pass, v6.clone(), builder));
        rules.extend(v6);
        rules
    }

    /// Accepts what comes from a local pod or goes to one, and leaves everything else to the rules that follow.
    fn accept_pods(&self, builder: &mut TableBuilder) -> Verdict {
        let by_address = [AddressFamily::saddr, AddressFamily::daddr].map(|field| self.locals.holding(field));
        let local = [Direction::Egress, Direction::Ingress].map(|direction| self.guard.local(direction));
        let tests = by_address.into_iter().flatten().chain(local.into_iter().flatten());
        let rules = tests.map(|test| plain(vec![test, Expr::Verdict(Verdict::Accept)])).collect();
        Verdict::Goto(builder.chain("accept_pods", "", rules, None))
    }
}
