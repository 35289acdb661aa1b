//! Which chains there are, who calls whom, and what a rule needs to know about its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, ChainPolicy, Domain, HostChain, HostRule, HostRules, Table, Word};
use policy_lang::source::Span;

use super::clause::Ip;
use super::code::{CHAIN_LOOP, PLACE, Refusal, UNSUPPORTED, refuse};
use super::names::Names;
use super::target::unknown_chain;
use crate::compile::base::Base;
use crate::ruleset::{Hook, Name};

/// How deep the kernel follows jumps, the base chain included (`NFT_JUMP_STACK_SIZE`).
pub(super) const DEPTH_MAX: usize = 16;

/// Words after `jump` that are verdicts, not chains.
const VERDICTS: [&str; 4] = ["ACCEPT", "DROP", "RETURN", "REJECT"];

/// The chains of one table, by name.
pub(super) type Chains<'a> = BTreeMap<Arc<str>, Sides<'a>>;

/// One chain in both domains.
#[derive(Debug, Default)]
pub(super) struct Sides<'a> {
    pub(super) v4: Vec<&'a HostChain>,
    pub(super) v6: Vec<&'a HostChain>,
}

/// A custom chain that is built.
#[derive(Clone, Debug)]
pub(super) struct Callee {
    pub(super) name: Name,
    /// The chain that calls it and then does what the base chain's policy says: what `goto` means in a base chain
    /// whose policy is not the kernel's.
    pub(super) with_policy: Option<Name>,
    /// Levels from it on down, itself included.
    pub(super) height: usize,
    pub(super) v4: bool,
    pub(super) v6: bool,
}

/// What a rule needs to know about where it stands.
#[derive(Clone, Debug)]
pub(super) struct Scope<'a> {
    pub(super) ip: Ip,
    pub(super) table: Table,
    pub(super) chain: &'a str,
    pub(super) base: Option<Base>,
    /// Every hook that the chain is reached from.
    pub(super) hooks: &'a [Hook],
    /// The policy, in a base chain.
    pub(super) policy: Option<ChainPolicy>,
    pub(super) callees: &'a BTreeMap<Arc<str>, Callee>,
    pub(super) calls: &'a Calls,
    pub(super) names: &'a Names,
    /// Bits of the connection mark that are not the host rules' to write.
    pub(super) reserved_connection_mark: u32,
}

/// Who calls whom among the custom chains of a table.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Callees first.
    pub(super) order: Vec<Arc<str>>,
    /// Caller and callee of each call that closes a loop.
    loops: BTreeSet<(Arc<str>, Arc<str>)>,
    /// The hooks that each chain is reached from.
    pub(super) hooks: BTreeMap<Arc<str>, Vec<Hook>>,
}

impl Sides<'_> {
    /// The rules of one family.
    pub(super) fn rules(&self, ip: Ip) -> impl Iterator<Item = &HostRule> {
        self.chains(ip).iter().flat_map(|chain| &chain.rules)
    }

    /// The policy of one family, and where it is given.
    pub(super) fn policy(&self, ip: Ip) -> Option<(ChainPolicy, Span)> {
        self.chains(ip).iter().rev().find_map(|chain| chain.policy)
    }

    fn chains(&self, ip: Ip) -> &[&HostChain] {
        match ip {
            Ip::V4 => &self.v4,
            Ip::V6 => &self.v6,
        }
    }
}

impl Scope<'_> {
    /// ferm's word for the family.
    pub(super) fn domain(&self) -> Domain {
        match self.ip {
            Ip::V4 => Domain::Ip,
            Ip::V6 => Domain::Ip6,
        }
    }

    /// The hook, in a base chain.
    pub(super) fn base_hook(&self) -> Option<Hook> {
        self.base.map(|base| base.definition().1.hook)
    }

    /// The custom chain that a rule calls.
    pub(super) fn callee(&self, word: &Word) -> Result<&Callee, Refusal> {
        if self.calls.loops.contains(&(Arc::from(self.chain), Arc::clone(&word.text))) {
            let message = format!("chain {} calls `{}`, which calls it again", self.chain, word.text);
            return Err(refuse(
                CHAIN_LOOP,
                word.span,
                message,
                "let one of the calls go: a packet would run in circles",
            ));
        }
        let defined = |callee: &&Callee| match self.ip {
            Ip::V4 => callee.v4,
            Ip::V6 => callee.v6,
        };
        let Some(callee) = self.callees.get(&word.text).filter(defined) else {
            let place = format!("table {} of domain {}", self.table, self.domain());
            if self.table.builtin_chains().contains(&&*word.text) {
                let message = format!("`{}` is a built-in chain of {place}", word.text);
                return Err(refuse(PLACE, word.span, message, "only custom chains can be called"));
            }
            let known = self.callees.iter().filter(|(_, callee)| defined(callee)).map(|(name, _)| &**name);
            return Err(unknown_chain(word, &place, known));
        };
        let levels = 1 + callee.height + usize::from(callee.with_policy.is_some());
        if self.base.is_some() && levels > DEPTH_MAX {
            let message = format!("the chains under `{}` are {levels} levels deep", word.text);
            return Err(refuse(CHAIN_LOOP, word.span, message, format!("the kernel follows at most {DEPTH_MAX}")));
        }
        Ok(callee)
    }
}

/// The base chain that a built-in chain becomes; `PRE_DNAT` is palisade's own.
pub(super) fn base(table: Table, chain: &str) -> Option<Base> {
    Some(match (table, chain) {
        (Table::Filter, "PRE_DNAT") => Base::PreDnat,
        (Table::Filter, "INPUT") => Base::Input,
        (Table::Filter, "FORWARD") => Base::Forward,
        (Table::Filter, "OUTPUT") => Base::Output,
        (Table::Nat, "PREROUTING") => Base::NatPrerouting,
        (Table::Nat, "INPUT") => Base::NatInput,
        (Table::Nat, "OUTPUT") => Base::NatOutput,
        (Table::Nat, "POSTROUTING") => Base::NatPostrouting,
        (Table::Mangle, "PREROUTING") => Base::ManglePrerouting,
        (Table::Mangle, "INPUT") => Base::MangleInput,
        (Table::Mangle, "FORWARD") => Base::MangleForward,
        (Table::Mangle, "OUTPUT") => Base::MangleOutput,
        (Table::Mangle, "POSTROUTING") => Base::ManglePostrouting,
        (Table::Raw, "PREROUTING") => Base::RawPrerouting,
        (Table::Raw, "OUTPUT") => Base::RawOutput,
        (Table::Security, "INPUT") => Base::SecurityInput,
        (Table::Security, "FORWARD") => Base::SecurityForward,
        (Table::Security, "OUTPUT") => Base::SecurityOutput,
        _ => return None,
    })
}

/// Brings the chains of both domains together. Domains that are not lowered are refused.
pub(super) fn group<'a>(host: &'a HostRules, findings: &mut Vec<Diagnostic>) -> BTreeMap<Table, Chains<'a>> {
    let mut tables: BTreeMap<Table, Chains<'a>> = BTreeMap::new();
    for chain in &host.chains {
        let mut side = |ip| {
            let sides = tables.entry(chain.table).or_default().entry(Arc::clone(&chain.name)).or_default();
            match ip {
                Ip::V4 => sides.v4.push(chain),
                Ip::V6 => sides.v6.push(chain),
            }
        };
        match chain.domain {
            Domain::Ip => side(Ip::V4),
            Domain::Ip6 => side(Ip::V6),
            Domain::Arp | Domain::Eb => {
                let message = format!("domain {} is not lowered to nftables yet", chain.domain);
                let help = "write the rules for domain ip or ip6, or keep them in a table of their own";
                findings.push(*refuse(UNSUPPORTED, chain.span, message, help));
            }
        }
    }
    tables
}

/// The refusals of policies that cannot be: on custom chains, and DROP in table nat.
pub(super) fn check_policies(table: Table, chains: &Chains<'_>, findings: &mut Vec<Diagnostic>) {
    for (name, sides) in chains {
        for (policy, span) in [Ip::V4, Ip::V6].into_iter().filter_map(|ip| sides.policy(ip)) {
            if base(table, name).is_none() {
                let message = format!("custom chain {name} cannot have a policy");
                findings.push(*refuse(PLACE, span, message, "end the chain with a rule: `DROP;`"));
            } else if table == Table::Nat && policy == ChainPolicy::Drop {
                let message = "table nat cannot have `policy DROP`";
                findings.push(*refuse(PLACE, span, message, "give the policy to a chain of table filter"));
            }
        }
    }
}

impl Calls {
    /// Walks the calls of a table's chains.
    pub(super) fn of(table: Table, chains: &Chains<'_>) -> Self {
        let callees: BTreeMap<&Arc<str>, Vec<&Arc<str>>> = chains
            .iter()
            .map(|(name, sides)| (name, called(sides).filter(|name| chains.contains_key(*name)).collect()))
            .collect();
        let mut calls = Self::default();
        let mut state: BTreeMap<&Arc<str>, Visit> = BTreeMap::new();
        for name in chains.keys().filter(|name| base(table, name).is_none()) {
            calls.walk(name, &callees, &mut state);
        }
        for (name, hook) in chains.keys().filter_map(|name| Some((name, base(table, name)?.definition().1.hook))) {
            calls.reach(name, hook, &callees);
        }
        calls
    }

    /// Depth first, with a stack of its own: configurations may nest deeper than the machine's.
    fn walk<'a>(
        &mut self,
        root: &'a Arc<str>,
        callees: &BTreeMap<&'a Arc<str>, Vec<&'a Arc<str>>>,
        state: &mut BTreeMap<&'a Arc<str>, Visit>,
    ) {
        let mut stack = vec![(root, 0)];
        while let Some((name, next)) = stack.pop() {
            if next == 0 {
                if state.contains_key(name) {
                    continue;
                }
                state.insert(name, Visit::Open);
            }
            match callees.get(name).and_then(|callees| callees.get(next)) {
                Some(callee) => {
                    stack.push((name, next + 1));
                    match state.get(callee) {
                        None => stack.push((callee, 0)),
                        Some(Visit::Open) => {
                            self.loops.insert((Arc::clone(name), Arc::clone(callee)));
                        }
                        Some(Visit::Done) => {}
                    }
                }
                None => {
                    state.insert(name, Visit::Done);
                    self.order.push(Arc::clone(name));
                }
            }
        }
    }

    fn reach(&mut self, root: &Arc<str>, hook: Hook, callees: &BTreeMap<&Arc<str>, Vec<&Arc<str>>>) {
        let mut stack = vec![root];
        while let Some(name) = stack.pop() {
            let hooks = self.hooks.entry(Arc::clone(name)).or_default();
            if hooks.contains(&hook) {
                continue;
            }
            hooks.push(hook);
            stack.extend(callees.get(name).into_iter().flatten());
        }
    }

    /// Levels of the chains that these rules call, from the called one on down.
    pub(super) fn height(sides: &Sides<'_>, callees: &BTreeMap<Arc<str>, Callee>) -> usize {
        1 + called(sides).filter_map(|name| callees.get(name)).map(|callee| callee.height).max().unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Visit {
    Open,
    Done,
}

/// The chains that a chain's rules call, in either domain.
fn called<'a>(sides: &'a Sides<'_>) -> impl Iterator<Item = &'a Arc<str>> {
    [Ip::V4, Ip::V6].into_iter().flat_map(|ip| sides.rules(ip)).filter_map(|rule| match &rule.action {
        Action::Jump(word) | Action::Goto(word) => (!VERDICTS.contains(&&*word.text)).then_some(&word.text),
        Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => None,
    })
}

/// The chains that a chain's rules go to without coming back, in either domain.
pub(super) fn gone_to<'a>(sides: &'a Sides<'_>) -> BTreeSet<&'a Arc<str>> {
    let rules = [Ip::V4, Ip::V6].into_iter().flat_map(|ip| sides.rules(ip));
    rules
        .filter_map(|rule| match &rule.action {
            Action::Goto(word) => Some(&word.text),
            Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Jump(_) | Action::Target { .. } => {
                None
            }
        })
        .collect()
}
