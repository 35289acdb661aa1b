//! Host rules to nftables: one inet table, both families in one chain each.
//!
//! **Families.** A rule that was read for both domains and says the same in both is one rule; otherwise there is one
//! for each family, held by its addresses or by `meta nfproto`. A configuration of one family never touches packets
//! of the other.
//!
//! **Order.** Addresses, interfaces and protocol are tested first, as iptables does whatever the text says; the rest
//! in the order of the text, so that a limit sees the packets that iptables' limit would see.
//!
//! **Arrays** become sets where that says the same: the product of one source rule's arrays is a product of sets. With
//! a limit or a LOG in a rule ferm makes several rules, each with its own state; so does this. Long runs of rules
//! that differ in their constants only become one look-up (see [`fold`]).
//!
//! **Policies.** Base chains accept in the kernel's eyes. `policy DROP` is the last rule of the chain, for the family
//! that has it. What depends on the policy follows: RETURN in a built-in chain is a drop there, and `goto` goes to a
//! chain that drops after it.
//!
//! **What cannot be read** is an error with its place, and the rest goes on. Where errors are tolerated, the chain
//! fails closed: a rule that only lets packets pass, logs, counts or translates is left out; of any other, which might
//! have held packets back, a drop remains of everything that its readable matches select. That drops more than was
//! meant rather than less.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{ChainPolicy, HostRule, HostRules, Table as HostTable};
use policy_lang::source::Sources;

use self::calls::Calls;
use self::chains::{Callee, Chains, Scope, Sides};
use self::clause::{Families, Ip, Lowered, Object};
use self::copy::{Copies, Copying};
use self::hashlimit::Tables;
use self::ipset::Sets;
pub use self::names::Names;
pub use self::nft::page as nft_page;
use self::peers::Peers;
pub use self::peers::unknown as unknown_peers;
use self::recent::Lists;
pub use self::refusal::{REFUSED_MODULES, REFUSED_TARGETS, Refused, page as refusals_page};
use super::builder::TableBuilder;
use super::options::PodOptions;
use super::{TABLE_COMMENT, observe};
use crate::resolve::Resolver;
use crate::ruleset::{Comment, Expr, Name, Rule, SetCt, Table, TableKey, Verdict};

mod calls;
mod chains;
mod class;
mod clause;
mod code;
mod connbytes;
mod connlimit;
mod conntrack;
mod copy;
mod device;
mod emit;
mod extension;
mod fold;
mod four_bytes;
mod hashlimit;
mod header;
mod icmp;
mod ipsec;
mod ipset;
mod key;
pub(crate) mod link;
mod logging;
mod marking;
mod matching;
mod metadata;
mod names;
mod nft;
mod operand;
mod part;
mod peers;
mod proxy;
mod queue;
mod rate;
mod recent;
mod refusal;
mod reject;
mod rewriting;
mod rpfilter;
mod rule;
mod segment;
mod socket;
mod statistic;
mod target;
mod time;
mod tracking;
mod translation;
mod transport;
mod untracked;

/// What the lowering needs besides the rules.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What the words of ports, protocols, users and groups stand for.
    pub names: &'a Names,
    /// The texts that the rules were read from, for the lines of policies.
    pub sources: &'a Sources,
    /// Bits of the connection mark that are not the host rules' to write; 0 for none.
    pub reserved_connection_mark: u32,
    /// Whether denials are carried out, and where they are logged otherwise.
    pub pods: &'a PodOptions,
}

/// Lowers every chain into the table under construction: built-in chains to the end of their base chains, custom
/// chains to regular ones.
///
/// FORWARD rules go to the end of [`super::base::Base::Forward`]: what is to run before them is pushed before.
///
/// What rules say of the cluster is looked up by `resolver` and follows it afterwards.
///
/// Returns what cannot stand in that table: a table of its own for each family that needs it.
pub fn lower(
    host: &HostRules,
    resolver: &Resolver<'_>,
    builder: &mut TableBuilder,
    options: Options<'_>,
) -> (BTreeMap<TableKey, Table>, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let mut copies = Copies::default();
    let limits = Tables::of(host);
    limits.declare(builder);
    let mut lists = Lists::of(host);
    lists.declare(builder);
    let peers = Peers::declare(host, resolver, builder);
    let ipsets = Sets::declare(host, builder);
    let named = Named { limits: &limits, lists: &lists, peers: &peers, ipsets: &ipsets };
    for (table, chains) in chains::group(host, &mut findings) {
        chains::check_policies(table, &chains, &mut findings);
        lower_table(table, &chains, (named, options), builder, &mut copies, &mut findings);
    }
    // Both passes of `domain (ip ip6)` find the same.
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert((finding.span, finding.message.clone())));
    (copies.finish(&Comment::new(TABLE_COMMENT)), findings)
}

fn lower_table(
    table: HostTable,
    chains: &Chains<'_>,
    (named, options): (Named<'_>, Options<'_>),
    builder: &mut TableBuilder,
    copies: &mut Copies,
    findings: &mut Vec<Diagnostic>,
) {
    let calls = Calls::of(table, chains);
    let mut callees: BTreeMap<Arc<str>, Callee> = BTreeMap::new();
    let kind = format!("h_{table}");
    for name in &calls.order {
        let Some(sides) = chains.get(name) else { continue };
        let place = Place { table, chain: name, kind: &kind, calls: &calls, callees: &callees, named, options };
        let rules = lower_chain(sides, &place, builder, copies, findings);
        // Chains of single steps are called, too, and call nobody. What only observes is gone to, and has its own levels.
        let calls_any =
            rules.iter().flat_map(|rule| &rule.exprs).any(|expr| matches!(expr, Expr::Verdict(Verdict::Jump(_))));
        let height = Calls::height(sides, &callees).max(1 + usize::from(calls_any));
        let comment = (!Name::ours(name).as_str().ends_with(&**name)).then(|| Comment::new(name));
        let callee = Callee {
            name: builder.chain(&kind, name, rules, comment),
            with_policy: None,
            height,
            v4: !sides.v4.is_empty(),
            v6: !sides.v6.is_empty(),
        };
        callees.insert(Arc::clone(name), callee);
    }
    for (name, sides) in chains {
        let Some(base) = chains::base(table, name) else { continue };
        let mut policy = if table == HostTable::Nat { Vec::new() } else { policy_rules(sides, options.sources) };
        let statements = policy.iter_mut().map(|rule| rule.exprs.as_mut_slice());
        observe::lift(&format!("{table} {name}"), statements, options.pods, builder);
        let callees = with_policy(&callees, sides, name, &kind, &policy, builder);
        let place = Place { table, chain: name, kind: &kind, calls: &calls, callees: &callees, named, options };
        for rule in lower_chain(sides, &place, builder, copies, findings).into_iter().chain(policy) {
            builder.push(tracking::base(base, &rule), rule);
        }
    }
}

/// The chains as a base chain calls them: what it goes to is followed by its policy.
fn with_policy(
    callees: &BTreeMap<Arc<str>, Callee>,
    sides: &Sides<'_>,
    chain: &str,
    kind: &str,
    policy: &[Rule],
    builder: &mut TableBuilder,
) -> BTreeMap<Arc<str>, Callee> {
    let mut callees = callees.clone();
    if policy.is_empty() {
        return callees;
    }
    for name in calls::gone_to(sides) {
        if let Some(callee) = callees.get_mut(name) {
            let jump = Expr::Verdict(Verdict::Jump(callee.name.clone()));
            let rules = std::iter::once(Rule { exprs: vec![jump], comment: None }).chain(policy.iter().cloned());
            callee.with_policy = Some(builder.chain(kind, &format!("{chain}_{name}"), rules.collect(), None));
        }
    }
    callees
}

/// What rules share by names of iptables' own.
#[derive(Clone, Copy)]
struct Named<'a> {
    limits: &'a Tables,
    lists: &'a Lists,
    peers: &'a Peers,
    ipsets: &'a Sets,
}

/// A chain and what its rules may refer to.
#[derive(Clone, Copy)]
struct Place<'a> {
    table: HostTable,
    chain: &'a str,
    kind: &'a str,
    calls: &'a Calls,
    callees: &'a BTreeMap<Arc<str>, Callee>,
    named: Named<'a>,
    options: Options<'a>,
}

impl<'a> Place<'a> {
    fn scope(&self, ip: Ip, sides: &'a Sides<'a>) -> Scope<'a> {
        let base = chains::base(self.table, self.chain);
        Scope {
            ip,
            table: self.table,
            chain: self.chain,
            rules: sides.rules(ip).collect(),
            base,
            hooks: self.calls.hooks.get(self.chain).map_or(&[], Vec::as_slice),
            policy: base.and(sides.policy(ip)).map(|(policy, _)| policy),
            callees: self.callees,
            calls: self.calls,
            names: self.options.names,
            limits: self.named.limits,
            lists: self.named.lists,
            peers: self.named.peers,
            ipsets: self.named.ipsets,
            reserved_connection_mark: self.options.reserved_connection_mark,
            depth_max: chains::DEPTH_MAX - observe::depth(self.options.pods),
        }
    }
}

fn lower_chain<'a>(
    sides: &'a Sides<'a>,
    place: &Place<'a>,
    builder: &mut TableBuilder,
    copies: &mut Copies,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    let (v4, v6) = (place.scope(Ip::V4, sides), place.scope(Ip::V6, sides));
    let mut copying = [&v4, &v6].map(Copying::of);
    let pairs = pairs(sides);
    let mut lowered: Vec<Lowered> = Vec::with_capacity(pairs.len());
    for (first, second) in pairs {
        let mut lower = |rule: Option<&HostRule>, scope, copying: &mut Copying| {
            let rule = rule?;
            copying.take(rule, rule::lower(rule, scope, findings)?, findings)
        };
        let [copying_v4, copying_v6] = &mut copying;
        let first = lower(first, &v4, copying_v4);
        let second = lower(second, &v6, copying_v6);
        match (first, second) {
            (Some(first), Some(second)) => match rule::merge(first, &second) {
                Ok(both) => push(&mut lowered, both),
                Err(first) => [first, second].into_iter().for_each(|rule| push(&mut lowered, rule)),
            },
            (first, second) => first.into_iter().chain(second).for_each(|rule| push(&mut lowered, rule)),
        }
    }
    for (ip, copying) in [Ip::V4, Ip::V6].into_iter().zip(&copying) {
        copies.add(ip, copying);
    }
    for rule in &mut lowered {
        let used = match rule.uses.take() {
            Some(Object::Chain { tail, mut rules }) => {
                let own = rules.iter_mut().map(|rule| rule.exprs.as_mut_slice());
                observe::lift(&format!("{} {}", place.table, place.chain), own, place.options.pods, builder);
                Expr::Verdict(Verdict::Jump(builder.chain(place.kind, tail, rules, None)))
            }
            Some(Object::Helper(helper)) => Expr::SetCt(SetCt::Helper(builder.helper(helper))),
            // What copies stands elsewhere.
            Some(Object::Copy(_)) | None => continue,
        };
        rule.statement = rule.statement.iter().cloned().chain([used]).collect();
    }
    if observe::lifts(place.options.pods) {
        let statements = lowered.iter_mut().map(|rule| Rc::make_mut(&mut rule.statement));
        observe::lift(&format!("{} {}", place.table, place.chain), statements, place.options.pods, builder);
    }
    fold::rules(&lowered, place.kind, place.chain, builder)
}

/// Adds a rule, which shares what it does with the one before if that is the same.
fn push(lowered: &mut Vec<Lowered>, mut rule: Lowered) {
    if let Some(before) = lowered.last().filter(|before| before.statement == rule.statement) {
        rule.statement = Rc::clone(&before.statement);
    }
    lowered.push(rule);
}

/// The rules of both families in one order: those of one source rule together, each family's own order kept.
///
/// Where the two orders disagree, packets do not care: a rule of one family never sees those of the other.
fn pairs<'a>(sides: &'a Sides<'_>) -> Vec<(Option<&'a HostRule>, Option<&'a HostRule>)> {
    let second: Vec<&HostRule> = sides.rules(Ip::V6).collect();
    let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, rule) in second.iter().enumerate().rev() {
        places.entry(rule.provenance).or_default().push(at);
    }
    let mut pairs = Vec::new();
    let mut next = 0;
    for rule in sides.rules(Ip::V4) {
        let twin = places.get_mut(&rule.provenance).and_then(Vec::pop).filter(|at| *at >= next);
        if let Some(at) = twin {
            pairs.extend(second.get(next..at).unwrap_or(&[]).iter().map(|rule| (None, Some(*rule))));
            next = at + 1;
        }
        pairs.push((Some(rule), twin.and_then(|at| second.get(at)).copied()));
    }
    pairs.extend(second.get(next..).unwrap_or(&[]).iter().map(|rule| (None, Some(*rule))));
    pairs
}

/// The last rules of a base chain: a drop for each family that has `policy DROP`, one for both.
fn policy_rules(sides: &Sides<'_>, sources: &Sources) -> Vec<Rule> {
    let dropped = |ip| match sides.policy(ip) {
        Some((ChainPolicy::Drop | ChainPolicy::Queue | ChainPolicy::Return, span)) => Some(sources.origin(span)),
        Some((ChainPolicy::Accept, _)) | None => None,
    };
    let rule = |families, comment: String| Rule {
        exprs: emit::family_guard(families).into_iter().chain([Expr::Counter, Expr::Verdict(Verdict::Drop)]).collect(),
        comment: Some(Comment::new(&comment)),
    };
    match (dropped(Ip::V4), dropped(Ip::V6)) {
        (None, None) => Vec::new(),
        (Some(v4), None) => vec![rule(Families::Only(Ip::V4), format!("{v4} policy DROP"))],
        (None, Some(v6)) => vec![rule(Families::Only(Ip::V6), format!("{v6} policy DROP"))],
        (Some(v4), Some(v6)) if v4 == v6 => vec![rule(Families::Both, format!("{v4} policy DROP"))],
        (Some(v4), Some(v6)) => vec![rule(Families::Both, format!("{v4}, {v6} policy DROP"))],
    }
}
