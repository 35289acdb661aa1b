//! `@nodes()`, `@pods()`, `@namespace()` and `@service()` in the place of an address: sets that follow the cluster.
//!
//! A set that is empty stays a set: unlike an empty array it leaves the rule where it is, and who comes later is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{HostRules, Match, Operands, Word};
use policy_lang::peer::{Namespaces, Peer, PodSelector};

use super::clause::{Ip, Reading, Test, rules_by_family};
use super::code::{DOUBTFUL, Refusal};
use super::emit::list_expr;
use super::matching::{self, Context, operator};
use super::operand::words;
use crate::compile::builder::TableBuilder;
use crate::compile::followed;
use crate::compile::pods::AddressFamily;
use crate::inventory::Inventory;
use crate::resolve::Resolver;
use crate::ruleset::{Expr, Field, Lookup, Name, Operator};

/// The sets of those whom the rules name.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(BTreeMap<(Arc<Peer>, Ip), Name>);

impl Peers {
    /// Adds the sets that the rules look into.
    pub(super) fn declare(host: &HostRules, resolver: &Resolver<'_>, builder: &mut TableBuilder) -> Self {
        let mut sets = BTreeMap::new();
        for (ip, rule) in rules_by_family(host) {
            let words = rule.matches.iter().flat_map(|found| words(&found.operands));
            for peer in words.filter_map(|word| word.peer.as_ref()) {
                let key = (Arc::clone(peer), ip);
                if !sets.contains_key(&key)
                    && let Some(set) = followed::addresses(peer, family(ip), resolver, builder)
                {
                    sets.insert(key, set);
                }
            }
        }
        Self(sets)
    }

    /// The set that a word stands for.
    fn set(&self, word: &Word, ip: Ip) -> Option<&Name> {
        self.0.get(&(Arc::clone(word.peer.as_ref()?), ip))
    }
}

/// `saddr` and `daddr`: addresses, networks, and those of the cluster.
pub(super) fn addresses(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    let ip = context.scope.ip;
    if words(&found.operands).iter().all(|word| word.peer.is_none()) {
        return matching::addresses(found, ip, field);
    }
    let (followed, plain): (Vec<_>, Vec<_>) =
        words(&found.operands).iter().cloned().partition(|word| word.peer.is_some());
    let operator = operator(found);
    let sets = followed.iter().filter_map(|word| context.scope.peers.set(word, ip));
    let mut tests: Vec<Vec<Expr>> = sets.map(|set| vec![Lookup::in_set(field, set, operator)]).collect();
    if !plain.is_empty() {
        let found = Match { operands: Operands::OneOf(plain), ..found.clone() };
        match matching::addresses(&found, ip, field)? {
            Reading::Test(Test::Values(values)) => tests.push(vec![list_expr(field, operator, &values.intervals)]),
            Reading::Test(Test::Alternatives(others)) => tests.extend(others),
            // Every address there is decides alone.
            decided @ (Reading::Always | Reading::Never) => return Ok(decided),
        }
    }
    Ok(Reading::Test(Test::Alternatives(match operator {
        Operator::Eq => tests,
        Operator::Ne => vec![tests.concat()],
    })))
}

/// Whom rules name although the facts do not know them, each once: their sets are empty.
pub fn unknown(host: &HostRules, inventory: &Inventory) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let words = host.rules().flat_map(|rule| &rule.matches).flat_map(|found| words(&found.operands));
    let named = words.filter_map(|word| Some((word, word.peer.as_ref()?)));
    let missing = named.filter(|(word, _)| seen.insert(word.span)).filter_map(|(word, peer)| {
        let missing = match &**peer {
            Peer::Nodes(_) if inventory.nodes.is_empty() => "no node is known".to_owned(),
            Peer::Pods(PodSelector { namespaces: Namespaces::Named(name), .. })
                if !inventory.namespaces.contains_key(name) =>
            {
                format!("namespace {name} is not known")
            }
            Peer::Pods(_) if inventory.pods.is_empty() => "no pod is known".to_owned(),
            Peer::Service { name, .. } if !inventory.services.contains_key(name) => {
                format!("service {name} is not known")
            }
            Peer::Nodes(_) | Peer::Pods(_) | Peer::Service { .. } | Peer::Addresses { .. } => return None,
        };
        let help = "give the manifests that say who there is, or let an agent keep it current";
        let message = format!("`{}` stands for nobody: {missing}", word.text);
        Some(Diagnostic::warning(DOUBTFUL, word.span, message).help(help))
    });
    missing.collect()
}

fn family(ip: Ip) -> AddressFamily {
    match ip {
        Ip::V4 => AddressFamily::V4,
        Ip::V6 => AddressFamily::V6,
    }
}
