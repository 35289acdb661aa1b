//! Pod policy: which packets of which local pods pass.
//!
//! ```text
//! pl_forward:  ip saddr|daddr @local pods -> goto pods
//! pods:        established -> pass; ICMP -> goto icmp: neighbour discovery and its like pass, the rest as below
//!              ip saddr vmap @egress  -> jump the source's policy-set chain
//!              ip daddr vmap @ingress -> jump the destination's policy-set chain
//!              pass
//! ```
//! A policy-set chain returns what it permits and drops what it denies, so that both ends of a connection between two
//! local pods are judged. There is one for each distinct list of policies, not one for each pod. The dispatch maps are
//! constant and named after their content: a change makes new ones and flips the rules that refer to them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use policy_lang::name::NamespacedName;
use policy_lang::policy::{Direction, Policy};

use self::chain::PolicyChains;
use self::subject::{Bindings, Effective};
use super::base::Base;
use super::builder::TableBuilder;
use super::{ForwardMode, address_family};
use crate::inventory::Pod;
use crate::resolve::Resolver;
use crate::ruleset::{
    Comment, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Lookup, Name, Operator, Rule, SetRef,
    SetSpec, Verdict, VerdictMap,
};

mod chain;
mod fold;
mod peer;
mod port;
mod subject;
mod vital;

/// The two families, by the width of what dispatches.
const FAMILIES: [AddressFamily; 2] = [AddressFamily::V4, AddressFamily::V6];

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Adds everything that the policies mean for the pods of `node`.
pub(super) fn lower<'a>(
    policies: &'a [Policy],
    resolver: &'a Resolver<'a>,
    node: &'a str,
    mode: ForwardMode,
    builder: &mut TableBuilder,
) {
    let local = local_addresses(resolver, node);
    if local.is_empty() {
        return;
    }
    let bindings = Bindings::new(policies);
    let mut chains = PolicyChains::new(policies, resolver, node);
    let egress = dispatch(Direction::Egress, &bindings, &local, &mut chains, builder);
    let ingress = dispatch(Direction::Ingress, &bindings, &local, &mut chains, builder);
    let locals = local_sets(&local, builder);
    forward(&locals, &egress, &ingress, mode, builder);
    input(&locals, &egress, builder);
}

/// The addresses of the node's pods, each with the pods that it belongs to.
type LocalAddresses<'a> = BTreeMap<IpAddr, Vec<(&'a NamespacedName, &'a Pod)>>;

fn local_addresses<'a>(resolver: &Resolver<'a>, node: &str) -> LocalAddresses<'a> {
    let mut local = LocalAddresses::new();
    for (name, pod) in &resolver.inventory().pods {
        if pod.node.as_deref() != Some(node) {
            continue;
        }
        for address in pod.addresses.iter().filter(|address| resolver.owners(**address).contains(&name)) {
            local.entry(*address).or_default().push((name, pod));
        }
    }
    local
}

/// One rule for each family that has an entry: looks the pod's own address up and jumps to its policy-set chain.
fn dispatch(
    direction: Direction,
    bindings: &Bindings<'_>,
    local: &LocalAddresses<'_>,
    chains: &mut PolicyChains<'_>,
    builder: &mut TableBuilder,
) -> Vec<Rule> {
    let resolver = chains.resolver();
    let mut maps: BTreeMap<AddressFamily, Elements> = BTreeMap::new();
    for (address, pods) in local {
        let bound: Vec<Name> = pods
            .iter()
            .map(|(name, pod)| {
                let shares_address = resolver.owners(*address).len() > 1 && direction == Direction::Ingress;
                let own_ports = shares_address.then(|| pod.ports.clone());
                Effective { own_ports, ..bindings.effective(direction, resolver, name, pod) }
            })
            .filter(|effective| !effective.is_empty())
            .map(|effective| chains.chain(effective, builder))
            .collect();
        let target = match bound.as_slice() {
            [] => continue,
            [chain] => chain.clone(),
            // Two live pods with one address: what either of them must not do is denied (decisions.md 18).
            all => {
                let jumps = all.iter().map(|chain| verdict(Verdict::Jump(chain.clone()))).collect();
                builder.chain("conflict", "", jumps, None)
            }
        };
        let comment = Comment::new(&pods.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(", "));
        let element = Element { comment: Some(comment), ..Element::verdict(Verdict::Jump(target)) };
        maps.entry(address_family(*address))
            .or_default()
            .insert(ElementKey::values([Datum::address(*address)]), element);
    }
    maps.into_iter()
        .map(|(family, elements)| {
            let field = own_field(direction, family);
            let mut spec = SetSpec::hash([field.data_type()]).verdicts();
            spec.size = u32::try_from(elements.len()).ok().and_then(std::num::NonZeroU32::new);
            let map = builder.constant_set(&format!("{direction}{}", family.digit()), "", spec, elements);
            Rule {
                exprs: vec![Expr::VerdictMap(VerdictMap { key: vec![field], map: SetRef::Named(map) })],
                comment: None,
            }
        })
        .collect()
}

/// The sets of all local pod addresses, for the families that have some.
fn local_sets(local: &LocalAddresses<'_>, builder: &mut TableBuilder) -> Vec<(AddressFamily, Name)> {
    FAMILIES
        .into_iter()
        .filter_map(|family| {
            let elements: Elements = local
                .keys()
                .filter(|address| address_family(**address) == family)
                .map(|address| (ElementKey::values([Datum::address(*address)]), Element::PLAIN))
                .collect();
            (!elements.is_empty()).then(|| {
                let name = Name::ours(&format!("local{}", family.digit()));
                let set = crate::ruleset::Set { spec: SetSpec::hash([family.address_type()]), elements };
                builder.named_set(name.clone(), set);
                (family, name)
            })
        })
        .collect()
}

/// Pod traffic that is routed through this node.
fn forward(
    locals: &[(AddressFamily, Name)],
    egress: &[Rule],
    ingress: &[Rule],
    mode: ForwardMode,
    builder: &mut TableBuilder,
) {
    let pass = match mode {
        ForwardMode::PodsFirst => Verdict::Accept,
        ForwardMode::HostRules => Verdict::Return,
    };
    let judgement = egress.iter().chain(ingress).cloned().chain([verdict(pass.clone())]).collect();
    let rules = vital::before(judgement, &pass, locals, builder);
    let chain = builder.chain("pods", "", rules, None);
    let enter = match mode {
        ForwardMode::PodsFirst => Verdict::Goto(chain),
        ForwardMode::HostRules => Verdict::Jump(chain),
    };
    for (family, set) in locals {
        for direction in [Direction::Egress, Direction::Ingress] {
            builder.push(Base::Forward, in_set(own_field(direction, *family), set, enter.clone()));
        }
    }
}

/// Traffic of local pods to this node itself: only their egress is judged (sem-85).
fn input(locals: &[(AddressFamily, Name)], egress: &[Rule], builder: &mut TableBuilder) {
    let rules = vital::before(egress.to_vec(), &Verdict::Return, locals, builder);
    let chain = builder.chain("pods_to_node", "", rules, None);
    for (family, set) in locals {
        let field = own_field(Direction::Egress, *family);
        builder.push(Base::PodInput, in_set(field, set, Verdict::Goto(chain.clone())));
    }
}

fn in_set(field: Field, set: &Name, then: Verdict) -> Rule {
    let lookup = Lookup { key: vec![field], operator: Operator::Eq, set: SetRef::Named(set.clone()) };
    Rule { exprs: vec![Expr::Lookup(lookup), Expr::Verdict(then)], comment: None }
}

fn verdict(verdict: Verdict) -> Rule {
    Rule { exprs: vec![Expr::Verdict(verdict)], comment: None }
}

/// The address of the pod that is judged: the source for egress.
fn own_field(direction: Direction, family: AddressFamily) -> Field {
    match (direction, family) {
        (Direction::Egress, AddressFamily::V4) => Field::IpSaddr,
        (Direction::Egress, AddressFamily::V6) => Field::Ip6Saddr,
        (Direction::Ingress, AddressFamily::V4) => Field::IpDaddr,
        (Direction::Ingress, AddressFamily::V6) => Field::Ip6Daddr,
    }
}

impl AddressFamily {
    fn digit(self) -> char {
        match self {
            Self::V4 => '4',
            Self::V6 => '6',
        }
    }

    fn address_type(self) -> DataType {
        match self {
            Self::V4 => DataType::Ipv4Addr,
            Self::V6 => DataType::Ipv6Addr,
        }
    }
}
