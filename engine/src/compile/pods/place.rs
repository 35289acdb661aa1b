//! What a packet meets where it is denied, audited or logged: a counter that outlives every change of rules, and beside
//! it a log entry at a bounded rate (see [`crate::place`]).

use policy_lang::policy::{Direction, Policy, Rule as PolicyRule, Tier};

use super::lift::{self, Lift};
use super::vital;
use crate::compile::builder::TableBuilder;
use crate::compile::options::{Denial, PodOptions};
use crate::place::{Cause, Event, Place};
use crate::ruleset::{Comment, Datum, Expr, Field, Limit, LimitUnit, Log, Match, Name, RejectWith, Rule, Verdict};

/// Log entries of one place: so many a second, and so many more at once. Counters count every packet.
const LOG_RATE: u64 = 10;
const LOG_BURST: u32 = 20;

/// Bytes of each packet that are handed over: the IPv6 header with some extensions, and the transport's.
const LOG_SNAPLEN: u32 = 128;

/// Which of the places of one kind it is, and what people read about it.
pub(super) struct Words {
    /// Tells it from the others; empty where there is one only.
    pub(super) identity: String,
    /// The end of its name.
    pub(super) tail: String,
    /// What stands beside its counter. It never says a line: a counter keeps its comment when lines move.
    pub(super) about: String,
    /// What stands beside the rule: the source line.
    pub(super) line: String,
}

impl Words {
    /// Of a place that there is one of.
    pub(super) fn single(about: &str) -> Self {
        Self { identity: String::new(), tail: String::new(), about: about.to_owned(), line: about.to_owned() }
    }

    /// Of the rule with this index of a policy.
    pub(super) fn of_rule(policy: &Policy, direction: Direction, index: usize, rule: &PolicyRule) -> Self {
        let field = rule.origin.subject.as_deref().map_or_else(|| policy.name.to_string(), ToOwned::to_owned);
        Self {
            identity: format!("{} {} {direction}[{index}]", policy.tier, policy.name),
            tail: policy.name.to_string(),
            about: field,
            line: rule.origin.to_string(),
        }
    }
}

/// The rules that deny whatever comes to them. Where the denial is only observed, they return.
pub(super) fn denial(cause: Cause, words: &Words, options: &PodOptions, builder: &mut TableBuilder) -> Vec<Rule> {
    let lift = lift::of(lift::subject(cause), &options.observe);
    denial_with(cause, (lift, Verdict::Return), words, options, builder)
}

fn denial_with(
    cause: Cause,
    (lift, then): (Lift, Verdict),
    words: &Words,
    options: &PodOptions,
    builder: &mut TableBuilder,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = spared(cause).into_iter().collect();
    match lift {
        Lift::Never => {}
        Lift::Always => {
            rules.extend(observed(cause, words, then, options, builder));
            return rules;
        }
        Lift::When(tests) => {
            let observed = observed(cause, words, then, options, builder);
            let observed = Expr::Verdict(Verdict::Goto(builder.chain("observe", &words.tail, observed, None)));
            let lifted = tests.into_iter().map(|test| test.into_iter().chain([observed.clone()]).collect());
            rules.extend(lifted.map(|exprs| Rule { exprs, comment: None }));
        }
    }
    let name = counter(Place { event: Event::Denied, cause }, words, builder);
    let comment = Some(Comment::new(&words.line));
    let rule = |exprs: Vec<Expr>| Rule { exprs, comment: comment.clone() };
    let counted = || Expr::NamedCounter(name.clone());
    rules.extend(log(&name, options));
    match (options.denial, may_reject(cause)) {
        (Denial::Drop, _) | (Denial::Reject, false) => {
            rules.push(rule(vec![counted(), Expr::Verdict(Verdict::Drop)]));
        }
        (Denial::Reject, true) => {
            const TCP: u8 = 6;
            const ADMINISTRATIVELY_PROHIBITED: u8 = 3;
            let tcp = Match::eq(Field::L4Proto, Datum::protocol(TCP));
            rules.push(rule(vec![tcp, counted(), Expr::Reject(RejectWith::TcpReset)]));
            rules.push(rule(vec![counted(), Expr::Reject(RejectWith::Icmpx(ADMINISTRATIVELY_PROHIBITED))]));
        }
    }
    rules
}

/// The same as a chain of its own: what to do with what matches a rule in the middle of others.
pub(super) fn denial_chain(cause: Cause, words: &Words, options: &PodOptions, builder: &mut TableBuilder) -> Verdict {
    let kind = lift::of(lift::subject(cause), &options.observe).kind();
    let rules = denial(cause, words, options, builder);
    Verdict::Goto(builder.chain(kind, &words.tail, rules, None))
}

/// The same for what is no policy and stands in a base chain, or in one that is gone to from there. Where it is only
/// observed, the packet is done with as `lifted` says; `Continue` is the next rule.
pub(super) fn denial_beside(
    cause: Cause,
    (lift, lifted): (Lift, &Verdict),
    words: &Words,
    options: &PodOptions,
    builder: &mut TableBuilder,
) -> Verdict {
    let goes_on = lift != Lift::Never && *lifted == Verdict::Continue;
    let (enter, then): (fn(Name) -> Verdict, _) =
        if goes_on { (Verdict::Jump, Verdict::Return) } else { (Verdict::Goto, lifted.clone()) };
    let kind = lift.kind();
    let rules = denial_with(cause, (lift, then), words, options, builder);
    enter(builder.chain(kind, &words.tail, rules, None))
}

/// The chain that counts and logs what a chain of the host rules would deny, and accepts it.
pub(in crate::compile) fn host(chain: &str, options: &PodOptions, builder: &mut TableBuilder) -> Name {
    let words = Words {
        identity: format!("host {chain}"),
        tail: chain.to_owned(),
        about: format!("host rules: {chain}"),
        line: format!("host rules: {chain}"),
    };
    let rules = observed(Cause::Host, &words, Verdict::Accept, options, builder);
    builder.chain("observe", chain, rules, None)
}

/// Counts and logs what would be denied.
fn observed(cause: Cause, words: &Words, then: Verdict, options: &PodOptions, builder: &mut TableBuilder) -> Vec<Rule> {
    let name = counter(Place { event: Event::Observed, cause }, words, builder);
    let exprs = vec![Expr::NamedCounter(name.clone()), Expr::Verdict(then)];
    let counted = Rule { exprs, comment: Some(Comment::new(&words.line)) };
    log(&name, options).into_iter().chain([counted]).collect()
}

/// Counts and logs, and goes on with the next rule.
pub(super) fn audit(cause: Cause, words: &Words, options: &PodOptions, builder: &mut TableBuilder) -> Verdict {
    Verdict::Jump(noted(Event::Audited, cause, words, None, options, builder))
}

/// Counts and logs, and does what the rule says.
pub(super) fn logged(
    cause: Cause,
    words: &Words,
    then: Verdict,
    options: &PodOptions,
    builder: &mut TableBuilder,
) -> Verdict {
    Verdict::Goto(noted(Event::Logged, cause, words, Some(then), options, builder))
}

fn noted(
    event: Event,
    cause: Cause,
    words: &Words,
    then: Option<Verdict>,
    options: &PodOptions,
    builder: &mut TableBuilder,
) -> Name {
    let name = counter(Place { event, cause }, words, builder);
    // What no policy may deny is nothing that a policy would have denied, or let pass: it is not noted either.
    let spared = vital::fragmentation_needed(&then.clone().unwrap_or(Verdict::Return));
    let exprs = std::iter::once(Expr::NamedCounter(name.clone())).chain(then.map(Expr::Verdict)).collect();
    let counted = Rule { exprs, comment: Some(Comment::new(&words.line)) };
    let rules = std::iter::once(spared).chain(log(&name, options)).chain([counted]).collect();
    let kind = match event {
        Event::Denied => "deny",
        Event::Audited => "audit",
        Event::Logged => "log",
        Event::Observed => "observe",
    };
    builder.chain(kind, &words.tail, rules, None)
}

fn counter(place: Place, words: &Words, builder: &mut TableBuilder) -> Name {
    let name = place.name(&words.identity, &words.tail);
    builder.counter(name.clone(), Some(Comment::new(&words.about)));
    name
}

fn log(name: &Name, options: &PodOptions) -> Option<Rule> {
    let group = options.log_group?;
    let limit = Limit { rate: LOG_RATE, per: LimitUnit::Second, burst: LOG_BURST, bytes: false, over: false };
    let log =
        Log { prefix: Some(name.as_str().into()), group: Some(group), snaplen: Some(LOG_SNAPLEN), ..Log::default() };
    Some(Rule { exprs: vec![Expr::Limit(limit), Expr::Log(log)], comment: None })
}

/// What no policy may deny. Returning permits: a chain that denies is gone to from one that is jumped to.
fn spared(cause: Cause) -> Option<Rule> {
    match cause {
        Cause::Policy(..) | Cause::Quarantine(_) | Cause::Budget(_) => {
            Some(vital::fragmentation_needed(&Verdict::Return))
        }
        Cause::Revoked | Cause::Invalid | Cause::ForgedSource | Cause::RouterAdvertisement | Cause::Host => None,
    }
}

/// A ClusterNetworkPolicy denies in silence (C18), and so does what is no policy.
fn may_reject(cause: Cause) -> bool {
    match cause {
        Cause::Policy(_, Tier::ConfigMapAdmin | Tier::NetworkPolicy | Tier::ConfigMapBaseline) => true,
        Cause::Policy(_, Tier::ClusterAdmin | Tier::ClusterBaseline)
        | Cause::Revoked
        | Cause::Invalid
        | Cause::Quarantine(_)
        | Cause::ForgedSource
        | Cause::RouterAdvertisement
        | Cause::Budget(_)
        | Cause::Host => false,
    }
}
