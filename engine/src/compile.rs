//! From policies, facts and host rules to a ruleset.
//!
//! Pure: the same input gives the same ruleset, byte for byte, on any machine.

use std::net::IpAddr;

use policy_lang::policy::Policy;

use self::builder::TableBuilder;
use self::pods::AddressFamily;
use crate::inventory::Inventory;
use crate::resolve::Resolver;
use crate::ruleset::{Comment, Family, Ruleset, TableKey};

pub mod base;
pub mod builder;
pub mod marker;
mod pods;

/// Everything that one compile sees.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Policies of every tier.
    pub policies: &'a [Policy],
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The node that the ruleset is for.
    pub node: &'a str,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward_mode: ForwardMode,
    /// Which sources this was built from; recorded in the table.
    pub sources: &'a [marker::SourceRecord],
}

/// How pod policy and the host's FORWARD rules meet (decisions.md 4).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForwardMode {
    /// Pod traffic that pod policy accepts skips the host's FORWARD rules; all other forwarded traffic passes them.
    #[default]
    PodsFirst,
    /// Everything passes both.
    HostRules,
}

/// Compiles everything to one ruleset. Without anything to say there is no table.
pub fn compile(input: &Input<'_>) -> Ruleset {
    let resolver = Resolver::new(input.inventory);
    let mut builder = TableBuilder::default();
    pods::lower(input.policies, &resolver, input.node, input.forward_mode, &mut builder);
    marker::record(input.sources, &mut builder);
    let comment = Comment::new("written by palisade; changes by others are found and undone");
    let table = builder.finish(Some(comment));
    Ruleset { tables: [(TableKey::ours(Family::Inet), table)].into() }
}

fn address_family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::V4,
        IpAddr::V6(_) => AddressFamily::V6,
    }
}
