//! Pod policy: which packets of which local pods pass.
//!
//! ```text
//! pl_forward:  established, related, invalid -> goto known: revoked connections and invalid packets of pods are dropped
//!              icmp, icmpv6                  -> goto a chain each: neighbour discovery and its like pass, the rest as below
//!              ip saddr vmap @egress         -> jump the source's policy-set chain
//!              ip daddr vmap @ingress        -> jump the destination's policy-set chain
//! ```
//! A policy-set chain returns what it permits and drops what it denies, so that both ends of a connection between two
//! local pods are judged. There is one for each distinct list of policies, not one for each pod.
//!
//! These rules stand in the base chain itself where no host rule follows. Where host rules follow, they are a chain of
//! their own, and what they permit is accepted there or goes on to the host rules, as the forward mode says.

use policy_lang::policy::Direction;

use self::chain::PolicyChains;
pub(super) use self::family::AddressFamily;
use self::guard::Guard;
use self::local::LocalSets;
use self::matching::{plain, verdict};
use self::subject::Bindings;
use super::base::Base;
use super::builder::TableBuilder;
use super::options::{Ipvs, OwnNode, PodOptions};
use super::{ForwardMode, Input};
use crate::resolve::Resolver;
use crate::ruleset::{DataType, Datum, Expr, Field, Match, Operator, Rule, Value, Verdict};

mod chain;
mod dispatch;
mod family;
mod fold;
mod guard;
mod hairpin;
mod known;
mod local;
mod matching;
mod peer;
mod place;
mod port;
mod source_check;
mod subject;
mod vital;

/// `RTN_LOCAL`: an address of this host.
const LOCAL: u32 = 2;

/// What is asked about a packet, in the order of asking.
struct Judgement {
    egress: Vec<Rule>,
    ingress: Vec<Rule>,
}

impl Judgement {
    /// Both ends, the source first.
    fn both(&self) -> Vec<Rule> {
        self.egress.iter().chain(&self.ingress).cloned().collect()
    }
}

/// Adds everything that the policies mean for the pods of the node, ahead of the host rules that are there already.
pub(super) fn lower(input: &Input<'_>, resolver: &Resolver<'_>, builder: &mut TableBuilder) {
    let Input { policies, node, pods: options, .. } = *input;
    let local = local::addresses(resolver, node);
    let guard = Guard::new(options, node, resolver.inventory());
    if local.is_empty() && !guard.is_configured() {
        return;
    }
    let bindings = Bindings::new(policies);
    let mut chains = PolicyChains::new(policies, resolver, local.keys().copied().collect(), options);
    let locals = LocalSets::new(&local, builder);
    let mut judged = |direction| {
        let mut rules = dispatch::rules(direction, &bindings, &local, &mut chains, builder);
        rules.extend(guard.rules(direction, &bindings, &locals, &mut chains, builder));
        rules
    };
    let egress = judged(Direction::Egress);
    let judgement = Judgement { ingress: judged(Direction::Ingress), egress };
    let ways = Ways { locals: &locals, guard: &guard, options };
    ways.forward(&judgement, input.forward_mode, builder);
    ways.input(&judgement, builder);
    ways.output(&judgement, builder);
    ways.virtual_addresses(builder);
    source_check::lower(&guard, options, builder);
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
            OwnNode::Open => Vec::new(),
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

    /// A judgement with what comes before it, and `pass` at its end.
    fn judged(&self, rules: Vec<Rule>, pass: &Verdict, builder: &mut TableBuilder) -> Vec<Rule> {
        let end = match pass {
            Verdict::Return => None,
            Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Jump(_) | Verdict::Goto(_) => {
                Some(verdict(pass.clone()))
            }
        };
        let rules: Vec<Rule> = rules.into_iter().chain(end).collect();
        let judge = Verdict::Goto(builder.chain("judge", "", rules.clone(), None));
        let mut all = known::rules(self, pass, &judge, builder);
        all.extend(vital::rules(self, pass, &judge, builder));
        all.extend(rules);
        all
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
