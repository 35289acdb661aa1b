//! From a local pod's address to the chain of its policies.
//!
//! The maps are constant and named after their content: a change makes new ones and flips the rules that refer to them.

use std::collections::BTreeMap;

use policy_lang::policy::Direction;

use super::bound::BoundPods;
use super::chain::PolicyChains;
use super::family::{AddressFamily, own_field};
use super::local::LocalAddresses;
use super::matching::{by_map, verdict};
use super::subject::{Effective, PolicySet};
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{Comment, Datum, Element, ElementKey, Elements, Name, Rule, SetSpec, Verdict};

/// The rule of each family that has an entry: looks the pod's own address up and enters its policy-set chain.
pub(super) fn rules(
    direction: Direction,
    bound: &BoundPods,
    local: &LocalAddresses<'_>,
    enter: fn(Name) -> Verdict,
    chains: &mut PolicyChains<'_>,
    builder: &mut TableBuilder,
) -> BTreeMap<AddressFamily, Rule> {
    let resolver = chains.resolver();
    let mut maps: BTreeMap<AddressFamily, Elements> = BTreeMap::new();
    for (address, pods) in local.iter().filter(|(address, _)| bound.is_judged(**address)) {
        let shares_address = !resolver.rivals(*address).is_empty() && direction == Direction::Ingress;
        let entered: Vec<Name> = pods
            .iter()
            .filter_map(|(name, pod)| {
                let set = bound.set(direction, name)?;
                let own = || Effective { own_ports: Some(pod.ports.clone()), ..Effective::clone(set) };
                Some(if shares_address { PolicySet::new(own()) } else { set.clone() })
            })
            .filter(|set| !set.is_empty())
            .map(|set| chains.chain(&set, builder))
            .collect();
        let target = match entered.as_slice() {
            [] => continue,
            [chain] => chain.clone(),
            // Two live pods with one address: what either of them must not do is denied (decisions.md 18).
            all => {
                let jumps = all.iter().map(|chain| verdict(Verdict::Jump(chain.clone()))).collect();
                builder.chain("conflict", "", jumps, None)
            }
        };
        let comment = Comment::new(&pods.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(", "));
        let element = Element { comment: Some(comment), ..Element::verdict(enter(target)) };
        let key = ElementKey::values([Datum::address(*address)]);
        maps.entry(address_family(*address)).or_default().insert(key, element);
    }
    let rule = |(family, elements): (AddressFamily, Elements)| {
        let field = own_field(direction, family);
        let spec = SetSpec::hash([field.data_type()]).verdicts().sized_for(&elements);
        let map = builder.constant_set(&format!("{direction}{}", family.digit()), "", spec, elements);
        (family, by_map(vec![field], map))
    };
    maps.into_iter().map(rule).collect()
}
