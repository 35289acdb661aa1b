//! Which chains there are, who calls whom, and what a rule needs to know about its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{ChainPolicy, Domain, HostChain, HostRule, HostRules, Table, Word};
use policy_lang::source::Span;

use super::calls::{self, Calls};
use super::clause::Ip;
use super::code::{CHAIN_LOOP, PLACE, Refusal, UNSUPPORTED, refuse};
use super::hashlimit::Tables;
use super::ipset::Sets;
use super::names::Names;
use super::peers::Peers;
use super::recent::Lists;
use super::target::unknown_chain;
use crate::compile::base::Base;
use crate::ruleset::{Hook, Name};

/// Names that are never a custom chain's.
const BUILT_IN: [&str; 7] = ["PREROUTING", "PRE_DNAT", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];

/// How deep the kernel follows jumps, the base chain included (`NFT_JUMP_STACK_SIZE`).
pub(super) const DEPTH_MAX: usize = 16;

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
    /// The rules of this family in the chain.
    pub(super) rules: Vec<&'a HostRule>,
    pub(super) base: Option<Base>,
    /// Every hook that the chain is reached from.
    pub(super) hooks: &'a [Hook],
    /// The policy, in a base chain.
    pub(super) policy: Option<ChainPolicy>,
    pub(super) callees: &'a BTreeMap<Arc<str>, Callee>,
    pub(super) calls: &'a Calls,
    pub(super) names: &'a Names,
    /// What rules share by a name.
    pub(super) limits: &'a Tables,
    pub(super) lists: &'a Lists,
    /// The sets of those whom rules name in the cluster.
    pub(super) peers: &'a Peers,
    /// The sets of `ipset save`.
    pub(super) ipsets: &'a Sets,
    /// Bits of the connection mark that are not the host rules' to write.
    pub(super) reserved_connection_mark: u32,
    /// How deep a base chain may lead.
    pub(super) depth_max: usize,
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
    pub(super) fn callee(&self, word: &Word, rule: &HostRule) -> Result<&Callee, Refusal> {
        if self.calls.loops.contains(&(Arc::from(self.chain), Arc::clone(&word.text))) {
            return Err(circular(self.chain, word));
        }
        let defined = |callee: &&Callee| match self.ip {
            Ip::V4 => callee.v4,
            Ip::V6 => callee.v6,
        };
        let Some(callee) = self.callees.get(&word.text).filter(defined) else {
            let place = format!("table {} of domain {}", self.table, self.domain());
            if base(self.table, &word.text).is_some() {
                return Err(built_in(word, &place));
            }
            let known = self.callees.iter().filter(|(_, callee)| defined(callee)).map(|(name, _)| &**name);
            return Err(unknown_chain(word, &place, known));
        };
        let levels = 1 + calls::own_levels(rule) + callee.height + usize::from(callee.with_policy.is_some());
        if self.base.is_some() && levels > self.depth_max {
            return Err(too_deep(word, levels, self.depth_max));
        }
        Ok(callee)
    }
}

/// The refusal of a call that leads back to its own chain.
pub(super) fn circular(chain: &str, word: &Word) -> Refusal {
    let message = format!("chain {chain} calls `{}`, which calls it again", word.text);
    refuse(CHAIN_LOOP, word.span, message, "let one of the calls go: a packet would run in circles")
}

/// The refusal of a call of a built-in chain.
pub(super) fn built_in(word: &Word, place: &str) -> Refusal {
    let message = format!("`{}` is a built-in chain of {place}", word.text);
    refuse(PLACE, word.span, message, "only custom chains can be called")
}

/// The refusal of a call that leads through more chains than a packet may.
pub(super) fn too_deep(word: &Word, levels: usize, depth_max: usize) -> Refusal {
    let message = format!("the chains under `{}` are {levels} levels deep", word.text);
    let kernels = format!("the kernel follows at most {DEPTH_MAX}");
    let help = match DEPTH_MAX.saturating_sub(depth_max) {
        0 => kernels,
        kept => format!("{kernels}, of which {kept} are kept for what only observes, as in a pause of the node"),
    };
    refuse(CHAIN_LOOP, word.span, message, help)
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

/// Brings the chains of both domains together.
pub(super) fn group<'a>(host: &'a HostRules, findings: &mut Vec<Diagnostic>) -> BTreeMap<Table, Chains<'a>> {
    let mut tables: BTreeMap<Table, Chains<'a>> = BTreeMap::new();
    findings.extend(host.refused_commands());
    for chain in &host.chains {
        // Those of ARP and of bridges have tables of their own.
        let Some(ip) = Ip::of(chain.domain) else { continue };
        let sides = tables.entry(chain.table).or_default().entry(Arc::clone(&chain.name)).or_default();
        match ip {
            Ip::V4 => sides.v4.push(chain),
            Ip::V6 => sides.v6.push(chain),
        }
    }
    tables
}

/// The refusals of chains that no packet reaches, and of policies that cannot be: on custom chains, and DROP in table
/// nat.
pub(super) fn check_policies(table: Table, chains: &Chains<'_>, findings: &mut Vec<Diagnostic>) {
    for (name, sides) in chains {
        if base(table, name).is_none() && BUILT_IN.contains(&&**name) {
            for chain in sides.v4.iter().chain(&sides.v6).take(1) {
                let message = format!("table {table} has no chain {name}");
                findings.push(*refuse(PLACE, chain.span, message, "no packet would ever reach its rules"));
            }
            continue;
        }
        for (policy, span) in [Ip::V4, Ip::V6].into_iter().filter_map(|ip| sides.policy(ip)) {
            if base(table, name).is_none() {
                let message = format!("custom chain {name} cannot have a policy");
                findings.push(*refuse(PLACE, span, message, "end the chain with a rule: `DROP;`"));
            } else if matches!(policy, ChainPolicy::Queue | ChainPolicy::Return) {
                let message = "a built-in chain has no such policy in nftables: it drops instead";
                findings.push(*refuse(UNSUPPORTED, span, message, "write ACCEPT or DROP"));
            } else if table == Table::Nat && policy == ChainPolicy::Drop {
                let message = "table nat cannot have `policy DROP`";
                findings.push(*refuse(PLACE, span, message, "give the policy to a chain of table filter"));
            }
        }
    }
}
