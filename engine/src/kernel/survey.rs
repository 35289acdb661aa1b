//! What there is in nf_tables of anybody, by name: tables, chains, flowtables, and what base chains do at the first look.
//!
//! Invariant: no element of a set is ever asked for, and no rule but those of base chains. Everything has a bound, because
//! what others have may have any size.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::KernelError;
use super::attribute::{Attributes, push};
use super::message::{DUMP, OBJECT_NAME, OBJECT_TABLE, kind, request};
use super::socket::Socket;
use crate::apply::our_tables;
use crate::ruleset::{Family, Hook};

/// Most chains that are read; kube-router is known to have left tens of thousands.
const CHAINS_MAX: usize = 20_000;

/// Most tables and flowtables that are read.
const TABLES_MAX: usize = 1_000;

/// Most base chains whose rules are read, and most rules of each.
const BASE_CHAINS_MAX: usize = 64;
/// See [`BASE_CHAINS_MAX`].
const RULES_MAX: usize = 1_000;

/// Bytes that the kernel keeps for us; a dump comes in pieces.
const BUFFER: usize = 1 << 20;

/// `NFTA_TABLE_NAME`, `NFTA_TABLE_OWNER`.
const TABLE_NAME: u16 = 1;
const TABLE_OWNER: u16 = 7;

/// `NFTA_CHAIN_NAME`, `_HOOK`, `_POLICY`; `NFTA_HOOK_HOOKNUM`, `_PRIORITY`, `_DEV`.
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;

/// `NF_DROP`.
const DROP: u32 = 0;

/// `NFTA_RULE_EXPRESSIONS`, `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`, `NFTA_TARGET_NAME`.
const RULE_EXPRESSIONS: u16 = 4;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const TARGET_NAME: u16 = 1;

/// `NFTA_IMMEDIATE_DATA`, `NFTA_DATA_VERDICT`, `NFTA_VERDICT_CODE`.
const IMMEDIATE_DATA: u16 = 2;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;

/// What there is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Survey {
    /// The tables.
    pub tables: Vec<SeenTable>,
    /// The chains.
    pub chains: Vec<SeenChain>,
    /// The flowtables.
    pub flowtables: Vec<SeenFlowtable>,
    /// Whether there is more than was read.
    pub is_cut: bool,
}

/// A family, those included that palisade has no tables of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SeenFamily {
    /// One that palisade has tables of.
    Ours(Family),
    /// What comes in to, or leaves, one interface.
    Netdev,
}

/// A table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenTable {
    /// Its family.
    pub family: SeenFamily,
    /// Its name.
    pub name: Box<str>,
    /// The netlink port that owns it.
    pub owner: Option<u32>,
}

/// A chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenChain {
    /// Its table's family.
    pub family: SeenFamily,
    /// Its table.
    pub table: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Where packets come to it by themselves.
    pub base: Option<SeenBase>,
}

/// What a base chain is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenBase {
    /// Its hook; nothing for those of one interface.
    pub hook: Option<Hook>,
    /// Its priority.
    pub priority: i32,
    /// Whether its policy is drop.
    pub drops: bool,
    /// What its own rules do; nothing is known of chains that it jumps to. Not read of tables of palisade.
    pub effects: Effects,
}

/// What rules do with packets, as far as it matters to whoever comes later.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Effects {
    /// Some drop or reject.
    pub drops: bool,
    /// Some keep packets from connection tracking.
    pub untracks: bool,
    /// Some take packets away from the hooks that follow: the words of nft.
    pub steals: BTreeSet<&'static str>,
}

/// A flowtable: what it has learned of goes past every hook but ingress.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenFlowtable {
    /// Its table's family.
    pub family: SeenFamily,
    /// Its table.
    pub table: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// Looks at nf_tables of the calling thread's network namespace. What is committed meanwhile is seen or not.
///
/// # Errors
/// [`KernelError::Denied`] without `CAP_NET_ADMIN`, [`KernelError::Io`].
pub fn survey() -> Result<Survey, KernelError> {
    let mut survey = Survey::default();
    let Survey { tables, chains, flowtables, is_cut } = &mut survey;
    *is_cut |= dump(kind::GET_TABLE, 0, &[], TABLES_MAX, |family, attributes| {
        let Some(name) = attributes.text(TABLE_NAME) else { return };
        tables.push(SeenTable { family, name: name.into(), owner: attributes.u32(TABLE_OWNER) });
    })?;
    *is_cut |=
        dump(kind::GET_CHAIN, 0, &[], CHAINS_MAX, |family, attributes| chains.extend(chain(family, attributes)))?;
    let listed = dump(kind::GET_FLOWTABLE, 0, &[], TABLES_MAX, |family, attributes| {
        if let (Some(table), Some(name)) = (attributes.text(OBJECT_TABLE), attributes.text(OBJECT_NAME)) {
            flowtables.push(SeenFlowtable { family, table: table.into(), name: name.into() });
        }
    });
    match listed {
        Ok(cut) => *is_cut |= cut,
        // A kernel without flowtables has none.
        Err(KernelError::Io(error)) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL)) => {}
        Err(error) => return Err(error),
    }
    let ours = our_tables();
    let is_foreign =
        |chain: &&mut SeenChain| chain.base.is_some() && !ours.iter().any(|table| table.name.as_str() == &*chain.table);
    for (n, chain) in chains.iter_mut().filter(is_foreign).enumerate() {
        if n == BASE_CHAINS_MAX {
            *is_cut = true;
            break;
        }
        *is_cut |= read_effects(chain)?;
    }
    Ok(survey)
}

fn chain(family: SeenFamily, attributes: Attributes<'_>) -> Option<SeenChain> {
    let base = attributes.nest(CHAIN_HOOK).map(|hook| SeenBase {
        hook: hook.u32(HOOK_NUMBER).and_then(|number| hook_of(family, number)),
        priority: hook.u32(HOOK_PRIORITY).map_or(0, u32::cast_signed),
        drops: attributes.u32(CHAIN_POLICY) == Some(DROP),
        effects: Effects::default(),
    });
    let (table, name) = (attributes.text(OBJECT_TABLE)?, attributes.text(CHAIN_NAME)?);
    Some(SeenChain { family, table: table.into(), name: name.into(), base })
}

/// `NF_INET_*`.
fn hook_of(family: SeenFamily, number: u32) -> Option<Hook> {
    match family {
        SeenFamily::Ours(Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge) => match number {
            0 => Some(Hook::Prerouting),
            1 => Some(Hook::Input),
            2 => Some(Hook::Forward),
            3 => Some(Hook::Output),
            4 => Some(Hook::Postrouting),
            _ => None,
        },
        SeenFamily::Ours(Family::Arp) | SeenFamily::Netdev => None,
    }
}

/// Reads what a base chain's own rules do; says whether it has more of them than were read.
fn read_effects(chain: &mut SeenChain) -> Result<bool, KernelError> {
    let mut asked_for = Vec::new();
    let of_text = |text: &str| [text.as_bytes(), &[0]].concat();
    push(&mut asked_for, OBJECT_TABLE, &of_text(&chain.table));
    push(&mut asked_for, OBJECT_NAME, &of_text(&chain.name));
    let number = number_of(chain.family);
    let Some(base) = &mut chain.base else { return Ok(false) };
    let (table, name) = (&*chain.table, &*chain.name);
    let read = dump(kind::GET_RULE, number, &asked_for, RULES_MAX, |_, attributes| {
        // Old kernels pass over the filter.
        if attributes.text(OBJECT_TABLE) == Some(table) && attributes.text(OBJECT_NAME) == Some(name) {
            note_effects(attributes, &mut base.effects);
        }
    });
    match read {
        // Gone meanwhile.
        Err(KernelError::Io(error)) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        read => read,
    }
}

fn note_effects(rule: Attributes<'_>, effects: &mut Effects) {
    let expressions = rule.nest(RULE_EXPRESSIONS).into_iter().flat_map(Attributes::iter);
    for expression in expressions.map(|(_, expression)| Attributes::new(expression)) {
        let data = expression.nest(EXPR_DATA);
        let name = match expression.text(EXPR_NAME) {
            // What iptables does by a module of its own.
            Some("target") => data.and_then(|data| data.text(TARGET_NAME)),
            name => name,
        };
        match name {
            Some("immediate") => {
                let verdict = data.and_then(|data| data.nest(IMMEDIATE_DATA)).and_then(|data| data.nest(DATA_VERDICT));
                effects.drops |= verdict.and_then(|verdict| verdict.u32(VERDICT_CODE)) == Some(DROP);
            }
            Some("reject" | "REJECT") => effects.drops = true,
            Some("notrack" | "NOTRACK" | "CT") => effects.untracks = true,
            Some("queue" | "NFQUEUE") => drop(effects.steals.insert("queue")),
            Some("flow_offload") => drop(effects.steals.insert("flow add")),
            Some("tproxy" | "TPROXY") => drop(effects.steals.insert("tproxy")),
            Some("synproxy" | "SYNPROXY") => drop(effects.steals.insert("synproxy")),
            Some("fwd") => drop(effects.steals.insert("fwd")),
            Some(_) | None => {}
        }
    }
}

/// Asks once, by a socket of its own, for at most so many objects; says whether there are more.
fn dump(
    kind: u16,
    family: u8,
    asked_for: &[u8],
    most: usize,
    mut each: impl FnMut(SeenFamily, Attributes<'_>),
) -> Result<bool, KernelError> {
    let mut socket = Socket::with_buffer(BUFFER)?;
    let seq = socket.number(1);
    let mut n = 0;
    let mut is_cut = false;
    socket.ask_some(seq, &request(kind, DUMP, family, seq, asked_for), |_, number, attributes| {
        if n == most {
            is_cut = true;
            return ControlFlow::Break(());
        }
        n += 1;
        if let Some(family) = family_of(number) {
            each(family, attributes);
        }
        ControlFlow::Continue(())
    })?;
    Ok(is_cut)
}

/// `NFPROTO_NETDEV`.
const NETDEV: u8 = 5;

fn family_of(number: u8) -> Option<SeenFamily> {
    if number == NETDEV {
        return Some(SeenFamily::Netdev);
    }
    super::message::family(number).map(SeenFamily::Ours)
}

fn number_of(family: SeenFamily) -> u8 {
    match family {
        SeenFamily::Ours(family) => super::message::family_number(family),
        SeenFamily::Netdev => NETDEV,
    }
}

impl std::fmt::Display for SeenFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ours(family) => family.fmt(f),
            Self::Netdev => f.write_str("netdev"),
        }
    }
}
