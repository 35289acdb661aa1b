//! Rules of `domain arp` and `domain eb`: a table of their own each, as nothing of them is about IP's two families.
//!
//! **Chains** keep the priorities of arptables and ebtables, which nft names `filter`, `dstnat`, `out` and `srcnat` there.
//! A policy of DROP is the last rule of its chain, as everywhere here.
//!
//! **What is tested** beside the words is what arptables and ebtables test beside them: the form of an ARP message before
//! what lies behind its addresses' lengths, and a frame's own type before what the header of that type says, so that
//! frames with a tag of a virtual LAN are told apart from those without.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, ChainPolicy, Domain, HostChain, HostRule, HostRules, Match, Table};
use policy_lang::source::Span;

use super::calls::{Loops, Order};
use super::clause::{Families, Lowered, Reading};
use super::code::{DOUBTFUL, PLACE, Refusal, UNSUPPORTED, refuse};
use super::matching;
use super::names::Names;
use super::operand::words;
use super::rule::{self, Conditions};
use super::{Options, chains, emit};
use crate::compile::builder::TableBuilder;
use crate::compile::observe;
use crate::ruleset::{BaseChain, ChainType, Comment, Expr, Family, Hook, Name, Priority, Rule, Verdict};

mod action;
mod arp;
mod bridge;
mod ether;
pub(super) mod hardware;
mod ports;

/// The domains that are not of IP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    /// `domain arp`.
    Arp,
    /// `domain eb`.
    Bridge,
}

/// A chain with its name in the kernel, where and when it is entered.
type BuiltIn = (Table, &'static str, &'static str, Hook, i32);

const ARP: &[BuiltIn] =
    &[(Table::Filter, "INPUT", "input", Hook::Input, 0), (Table::Filter, "OUTPUT", "output", Hook::Output, 0)];

const BRIDGE: &[BuiltIn] = &[
    (Table::Filter, "INPUT", "filter_input", Hook::Input, -200),
    (Table::Filter, "FORWARD", "filter_forward", Hook::Forward, -200),
    (Table::Filter, "OUTPUT", "filter_output", Hook::Output, -200),
    (Table::Nat, "PREROUTING", "nat_prerouting", Hook::Prerouting, -300),
    (Table::Nat, "OUTPUT", "nat_output", Hook::Output, 100),
    (Table::Nat, "POSTROUTING", "nat_postrouting", Hook::Postrouting, 300),
];

/// Names that are never a custom chain's.
const NEVER_CUSTOM: [&str; 6] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];

/// What all chains of one name have together.
#[derive(Debug, Default)]
struct Group<'a> {
    chains: Vec<&'a HostChain>,
}

/// What a rule needs to know about where it stands.
#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    link: Link,
    table: Table,
    chain: &'a str,
    /// The hook, in a built-in chain.
    hook: Option<Hook>,
    /// The policy, in a built-in chain.
    policy: Option<ChainPolicy>,
    callees: &'a BTreeMap<Arc<str>, Callee>,
    loops: &'a Loops,
    names: &'a Names,
    /// How deep a built-in chain may lead.
    depth_max: usize,
}

/// A custom chain that is built.
#[derive(Debug)]
struct Callee {
    name: Name,
    /// Levels from it on down, itself included.
    height: usize,
}

impl Link {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Arp, Self::Bridge];

    /// The family of the domain's table.
    pub(crate) fn family(self) -> Family {
        match self {
            Self::Arp => Family::Arp,
            Self::Bridge => Family::Bridge,
        }
    }

    fn domain(self) -> Domain {
        match self {
            Self::Arp => Domain::Arp,
            Self::Bridge => Domain::Eb,
        }
    }

    fn built_in(self, table: Table, chain: &str) -> Option<&'static BuiltIn> {
        let all = match self {
            Self::Arp => ARP,
            Self::Bridge => BRIDGE,
        };
        all.iter().find(|(of, name, ..)| *of == table && *name == chain)
    }
}

impl<'a> Group<'a> {
    fn rules(&self) -> impl Iterator<Item = &'a HostRule> {
        self.chains.iter().flat_map(|chain| &chain.rules)
    }

    fn policy(&self) -> Option<(ChainPolicy, Span)> {
        self.chains.iter().rev().find_map(|chain| chain.policy)
    }
}

/// Whether the configuration has anything of the domain.
pub(crate) fn is_used(link: Link, host: &HostRules) -> bool {
    host.chains.iter().any(|chain| chain.domain == link.domain())
}

/// Lowers every chain of the domain into the table under construction.
pub(crate) fn lower(link: Link, host: &HostRules, builder: &mut TableBuilder, options: Options<'_>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut tables: BTreeMap<Table, BTreeMap<Arc<str>, Group<'_>>> = BTreeMap::new();
    for chain in host.chains.iter().filter(|chain| chain.domain == link.domain()) {
        match misplaced(link, chain) {
            Some(refusal) => findings.push(*refusal),
            None => {
                let groups = tables.entry(chain.table).or_default();
                groups.entry(Arc::clone(&chain.name)).or_default().chains.push(chain);
            }
        }
    }
    for (table, groups) in &tables {
        lower_table((link, *table), groups, builder, options, &mut findings);
    }
    findings
}

/// The refusal of a chain that no packet reaches.
fn misplaced(link: Link, chain: &HostChain) -> Option<Refusal> {
    let HostChain { table, name, span, .. } = chain;
    if link.built_in(*table, name).is_some() {
        return None;
    }
    let is_table = link.built_in(*table, "OUTPUT").is_some();
    if is_table && !NEVER_CUSTOM.contains(&&**name) {
        return None;
    }
    let help = match (link, &**name, table) {
        (Link::Arp, "FORWARD", _) => {
            "ARP is not forwarded: write INPUT or OUTPUT, or for what a bridge passes on, `domain eb` and `proto ARP`"
        }
        (Link::Arp, _, _) => "domain arp has the chains INPUT and OUTPUT of table filter",
        (Link::Bridge, _, Table::Broute) => {
            "nftables cannot have a frame routed instead of bridged: take the port out of the bridge"
        }
        (Link::Bridge, _, _) => {
            "domain eb has INPUT, FORWARD and OUTPUT of table filter; PREROUTING, OUTPUT and POSTROUTING of table nat"
        }
    };
    let message = if is_table {
        format!("table {table} of domain {} has no chain {name}", link.domain())
    } else {
        format!("domain {} has no table {table} here", link.domain())
    };
    Some(refuse(PLACE, *span, message, help))
}

fn lower_table(
    (link, table): (Link, Table),
    groups: &BTreeMap<Arc<str>, Group<'_>>,
    builder: &mut TableBuilder,
    options: Options<'_>,
    findings: &mut Vec<Diagnostic>,
) {
    let calls = groups.iter().map(|(name, group)| {
        let callees = called(group).filter_map(|callee| groups.get_key_value(callee)).map(|(callee, _)| callee);
        (name, callees.collect())
    });
    let custom = groups.keys().filter(|name| link.built_in(table, name).is_none());
    let Order { order, loops } = Order::of(custom, &calls.collect());
    let nobody = BTreeMap::new();
    let depth_max = chains::DEPTH_MAX - observe::depth(options.pods);
    let (callees, loops, names) = (&nobody, &loops, options.names);
    let nowhere = Scope { link, table, chain: "", hook: None, policy: None, callees, loops, names, depth_max };
    let mut callees = BTreeMap::new();
    for name in &order {
        let Some(group) = groups.get(name) else { continue };
        let scope = Scope { chain: name, callees: &callees, ..nowhere };
        let rules = lower_chain(group, scope, builder, options, findings);
        let levels = called(group).filter_map(|callee| callees.get(callee)).map(|callee: &Callee| callee.height);
        let height = 1 + levels.max().unwrap_or(0);
        let comment = (!Name::ours(name).as_str().ends_with(&**name)).then(|| Comment::new(name));
        let made = builder.chain(&format!("h_{table}"), name, rules, comment);
        callees.insert(Arc::clone(name), Callee { name: made, height });
    }
    for (name, group) in groups {
        let Some((.., own, hook, priority)) = link.built_in(table, name) else { continue };
        let policy = group.policy().map(|(policy, _)| policy);
        let scope = Scope { chain: name, hook: Some(*hook), policy, callees: &callees, ..nowhere };
        let rules = lower_chain(group, scope, builder, options, findings);
        let base = BaseChain { chain_type: ChainType::Filter, hook: *hook, priority: Priority(*priority) };
        builder.hooked(Name::ours(own), base, rules);
    }
}

/// The chains that a chain's rules call.
fn called<'a>(group: &Group<'a>) -> impl Iterator<Item = &'a Arc<str>> {
    group.rules().filter_map(|rule| match &rule.action {
        Action::Jump(word) | Action::Goto(word) => Some(&word.text),
        Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => None,
    })
}

/// The last rule of a chain.
fn end(group: &Group<'_>, scope: Scope<'_>, options: Options<'_>, findings: &mut Vec<Diagnostic>) -> Option<Rule> {
    let (policy, span) = policy(group, scope, findings)?;
    let (verdict, said) = match (policy, scope.hook) {
        // The kernel accepts what reaches the end of a built-in chain.
        (ChainPolicy::Return, _) | (ChainPolicy::Accept, Some(_)) => return None,
        (ChainPolicy::Accept, None) => (Verdict::Accept, "ACCEPT"),
        (ChainPolicy::Drop | ChainPolicy::Queue, _) => (Verdict::Drop, "DROP"),
    };
    let comment = Comment::new(&format!("{} policy {said}", options.sources.origin(span)));
    Some(Rule { exprs: vec![Expr::Counter, Expr::Verdict(verdict)], comment: Some(comment) })
}

/// The policy of a chain: custom ones of ebtables have one too, and one that says nothing accepts.
fn policy(group: &Group<'_>, scope: Scope<'_>, findings: &mut Vec<Diagnostic>) -> Option<(ChainPolicy, Span)> {
    let Scope { link, chain, hook, .. } = scope;
    match (group.policy(), hook, link) {
        (Some((ChainPolicy::Queue | ChainPolicy::Return, span)), Some(_), _) => {
            let message = "a built-in chain has no such policy in nftables: it drops instead";
            findings.push(*refuse(UNSUPPORTED, span, message, "write ACCEPT or DROP"));
            Some((ChainPolicy::Drop, span))
        }
        (Some((_, span)), None, Link::Arp) => {
            let message = format!("custom chain {chain} cannot have a policy");
            findings.push(*refuse(PLACE, span, message, "end the chain with a rule: `DROP;`"));
            None
        }
        (Some((ChainPolicy::Queue, span)), None, Link::Bridge) => {
            let message = "nftables has no such policy: the chain drops instead";
            findings.push(*refuse(UNSUPPORTED, span, message, "write ACCEPT, DROP or RETURN"));
            Some((ChainPolicy::Drop, span))
        }
        (None, None, Link::Bridge) => {
            let span = group.chains.first()?.span;
            let message = format!("what reaches the end of chain {chain} is accepted, as ebtables has it");
            let help = "write `policy RETURN;` if the calling chain is to go on, or `policy ACCEPT;` if this is meant";
            findings.push(Diagnostic::warning(DOUBTFUL, span, message).help(help));
            Some((ChainPolicy::Accept, span))
        }
        (policy, ..) => policy,
    }
}

fn place(scope: Scope<'_>) -> String {
    format!("{} {} {}", scope.link.domain(), scope.table, scope.chain)
}

fn lower_chain(
    group: &Group<'_>,
    scope: Scope<'_>,
    builder: &mut TableBuilder,
    options: Options<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    let mut lowered: Vec<Lowered> = group.rules().filter_map(|rule| lower_rule(rule, scope, findings)).collect();
    let mut end = end(group, scope, options, findings);
    let statements = lowered.iter_mut().map(|rule| Rc::make_mut(&mut rule.statement));
    let statements = statements.chain(end.iter_mut().map(|rule| rule.exprs.as_mut_slice()));
    observe::lift(&place(scope), statements, options.pods, builder);
    let mut rules = Vec::new();
    for rule in &lowered {
        emit::rules(rule, builder, &mut rules);
    }
    rules.extend(end);
    rules
}

fn lower_rule(rule: &HostRule, scope: Scope<'_>, findings: &mut Vec<Diagnostic>) -> Option<Lowered> {
    if rule::is_empty(rule) {
        return None;
    }
    let own;
    let rule = match scope.link {
        Link::Arp => rule,
        Link::Bridge => {
            own = bridge::ordered(rule);
            &own
        }
    };
    let read = |found: &Match| -> Result<Reading, Refusal> {
        if let Some(word) = words(&found.operands).iter().find(|word| word.peer.is_some()) {
            let message = format!("`{}` stands for addresses of domain ip and ip6", word.text);
            return Err(refuse(PLACE, word.span, message, "write the addresses"));
        }
        match scope.link {
            Link::Arp => arp::read(found, scope),
            Link::Bridge => bridge::read(found, rule, scope),
        }
    };
    let phase = |found: &Match| match scope.link {
        Link::Arp => arp::phase(found),
        Link::Bridge => matching::phase(found),
    };
    let mut conditions = Conditions::of(rule, phase, read, findings);
    match scope.link {
        Link::Arp => arp::complete(rule, &mut conditions.clauses),
        Link::Bridge => bridge::complete(rule, &mut conditions.clauses),
    }
    conditions.acted(action::read(rule, scope, findings), findings);
    rule::conclude(rule, Families::Both, conditions, findings)
}
