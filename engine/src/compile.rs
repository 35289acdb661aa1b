//! From policies, facts and host rules to a ruleset.
//!
//! Pure: the same input gives the same ruleset, byte for byte, on any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::host::rule::HostRules;
use policy_lang::policy::Policy;
use policy_lang::source::Sources;

use self::builder::TableBuilder;
use self::failsafe::Failsafes;
use self::host::Names;
use self::host::link::{self, Link};
use self::memo::{Former, Memo};
use self::options::{Bridged, PodOptions};
use self::pods::{AddressFamily, BoundPods};
use crate::inventory::Inventory;
use crate::resolve::Resolver;
use crate::ruleset::{Comment, Family, Ruleset, Table, TableKey};

pub mod base;
pub mod bridge;
pub mod builder;
pub mod failsafe;
pub(crate) mod followed;
pub mod host;
pub mod marker;
pub(crate) mod memo;
pub(crate) mod observe;
pub mod options;
pub(crate) mod pods;

/// Two live pods claim one address.
const ADDRESS_CONFLICT: Code = Code("PAL028");
/// The node that is compiled for is not among the cluster's.
const UNKNOWN_NODE: Code = Code("PAL029");

/// What stands beside each of our tables.
const TABLE_COMMENT: &str = "written by palisade; edit its sources instead of this table";

/// Everything that one compile sees.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Policies of every tier.
    pub policies: &'a [Policy],
    /// The host's own rules.
    pub host: Option<HostInput<'a>>,
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The node that the ruleset is for.
    pub node: &'a str,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward_mode: ForwardMode,
    /// How pod policy is enforced; [`options::STANDARD`] where nothing is configured.
    pub pods: &'a PodOptions,
    /// Which sources this was built from; recorded in the table.
    pub sources: &'a [marker::SourceRecord],
}

/// Host rules, and what their words stand for.
#[derive(Clone, Copy, Debug)]
pub struct HostInput<'a> {
    /// The rules.
    pub rules: &'a HostRules,
    /// Ports, protocols, users and groups by name.
    pub names: &'a Names,
    /// The texts that the rules were read from.
    pub sources: &'a Sources,
    /// What the rules cannot close; [`failsafe::NONE`] where nothing is configured and no agent enforces them.
    pub failsafes: &'a Failsafes,
}

impl<'a> HostInput<'a> {
    fn options(self, pods: &'a PodOptions) -> host::Options<'a> {
        let Self { rules: _, names, sources, failsafes: _ } = self;
        host::Options { names, sources, reserved_connection_mark: pods.revoked_bit, pods }
    }
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

/// Compiles everything to one ruleset, and says what of the facts stands in the way.
pub fn compile(input: &Input<'_>) -> (Ruleset, Vec<Diagnostic>) {
    let bound = BoundPods::new(input.policies, input.inventory, input.node);
    let (ruleset, diagnostics, _) = compile_with(input, &Resolver::new(input.inventory), &bound, Former::default());
    (ruleset, diagnostics)
}

/// The same without the chains of other pods than those at these addresses, which is less work: a packet between these is
/// judged as ever, and nothing can be said of others.
pub fn compile_ends(input: &Input<'_>, ends: BTreeSet<IpAddr>) -> Ruleset {
    let mut bound = BoundPods::new(input.policies, input.inventory, input.node);
    bound.judge_only(ends);
    compile_with(input, &Resolver::new(input.inventory), &bound, Former::default()).0
}

/// What of host rules cannot be enforced as written, in all tables that they become, on a node that enforces so.
pub fn check_host(host: HostInput<'_>, pods: &PodOptions) -> Vec<Diagnostic> {
    let (nobody, mut scratch) = (Inventory::default(), TableBuilder::default());
    let (_, mut findings) = host::lower(host.rules, &Resolver::new(&nobody), &mut scratch, host.options(pods));
    for link in Link::ALL {
        findings.extend(link::lower(link, host.rules, &mut TableBuilder::default(), host.options(pods)));
    }
    findings
}

/// The same of host rules alone, for whoever asks what becomes of them on a machine without pods.
pub fn compile_host(host: HostInput<'_>) -> (Ruleset, Vec<Diagnostic>) {
    compile_host_beside(host, &Inventory::default())
}

/// The same where rules name somebody of this cluster.
pub fn compile_host_beside(host: HostInput<'_>, inventory: &Inventory) -> (Ruleset, Vec<Diagnostic>) {
    compile(&Input {
        policies: &[],
        host: Some(host),
        inventory,
        node: "",
        forward_mode: ForwardMode::default(),
        pods: &options::STANDARD,
        sources: &[],
    })
}

/// The same, for whoever remembers what was compiled before.
pub(crate) fn compile_with<'a>(
    input: &Input<'a>,
    resolver: &'a Resolver<'a>,
    bound: &BoundPods,
    former: Former,
) -> (Ruleset, Vec<Diagnostic>, Memo) {
    let mut builder = TableBuilder::after(former);
    let mut tables = BTreeMap::new();
    let mut diagnostics = doubts(resolver, bound, input.node);
    observe::pauses(&input.pods.observe, &mut builder);
    if let Some(host) = input.host {
        let (others, found) = host::lower(host.rules, resolver, &mut builder, host.options(input.pods));
        tables.extend(others);
        diagnostics.extend(found);
    }
    diagnostics.extend(pods::lower(input, pods::Layer::Network, resolver, bound, &mut builder));
    if let Some(host) = input.host {
        failsafe::lower(host.failsafes, &mut builder);
    }
    marker::record(input.sources, &mut builder);
    let (table, memo) = builder.finish_with_memo(Some(Comment::new(TABLE_COMMENT)));
    tables.insert(TableKey::ours(Family::Inet), table);
    for link in Link::ALL {
        let (table, found) = link_table(link, input, bound);
        tables.extend(table.map(|table| (TableKey::ours(link.family()), table)));
        diagnostics.extend(found);
    }
    (Ruleset { tables }, diagnostics, memo)
}

/// The table of ARP or of bridged frames, where there is something for it, and what of it cannot be.
fn link_table(link: Link, input: &Input<'_>, bound: &BoundPods) -> (Option<Table>, Vec<Diagnostic>) {
    let host = input.host.filter(|host| link::is_used(link, host.rules));
    let of_pods = link == Link::Bridge && input.pods.bridged == Bridged::ByTable;
    if host.is_none() && !of_pods {
        return (None, Vec::new());
    }
    let mut builder = TableBuilder::default();
    observe::pauses(&input.pods.observe, &mut builder);
    let diagnostics =
        host.map_or_else(Vec::new, |host| link::lower(link, host.rules, &mut builder, host.options(input.pods)));
    if of_pods {
        bridge::fill(input, bound, &mut builder);
    }
    let table = builder.finish(Some(Comment::new(TABLE_COMMENT)));
    // Domains that only say what is so anyway need no table.
    (Some(table).filter(|table| of_pods || !table.chains.is_empty()), diagnostics)
}

/// What of the facts cannot be, or cannot be enforced.
fn doubts(resolver: &Resolver<'_>, bound: &BoundPods, node: &str) -> Vec<Diagnostic> {
    let warning = |code, message: String, help: &str| Diagnostic::placeless_warning(code, message).help(help);
    let mut doubts = Vec::new();
    for (address, owners) in resolver.conflicts() {
        let names: Vec<_> = owners.iter().map(ToString::to_string).collect();
        let help =
            "as a subject it is denied what any of them is denied; as a peer it counts only where all of them match";
        doubts.push(warning(ADDRESS_CONFLICT, format!("{address} belongs to {}", names.join(" and ")), help));
    }
    let nodes = &resolver.inventory().nodes;
    if !nodes.is_empty() && !nodes.contains_key(node) {
        let known: Vec<_> = nodes.keys().map(AsRef::as_ref).take(10).collect();
        let help = format!("known nodes: {}", known.join(", "));
        doubts.push(warning(UNKNOWN_NODE, format!("there is no node {node}; none of its pods is bound"), &help));
    }
    if nodes.is_empty() && bound.pods(resolver.inventory()).next().is_none() {
        let pods = resolver.inventory().pods.values();
        let known: BTreeSet<&str> = pods.filter_map(|pod| pod.node.as_deref()).collect();
        let help = format!("nodes with pods: {}", known.iter().copied().take(10).collect::<Vec<_>>().join(", "));
        if !known.is_empty() {
            doubts.push(warning(UNKNOWN_NODE, format!("no pod is on node {node}; none is bound"), &help));
        }
    }
    doubts
}

fn address_family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::V4,
        IpAddr::V6(_) => AddressFamily::V6,
    }
}
