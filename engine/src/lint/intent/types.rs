//! Writing down which directions a policy covers.

use policy_lang::diagnostic::{Fix, Safety};

use crate::lint::edit;
use crate::lint::world::World;
use crate::lint::written::Written;

/// The fix that writes `policyTypes` into a policy that leaves it out, before its rules if it has some.
pub(crate) fn stated(world: &World<'_>, written: &Written<'_>, types: &str) -> Option<Fix> {
    let edit = match written.field("policyTypes") {
        Some(empty) if empty.value.is_null() => return None,
        Some(empty) => edit::replace(empty.value.span, types),
        None => {
            let rules = written.fields().iter().find(|entry| matches!(entry.key.value.as_ref(), "ingress" | "egress"));
            let before = rules.or_else(|| written.fields().first())?;
            edit::before_entry(before, "policyTypes", types, world.sources)?
        }
    };
    Some(Fix::one(Safety::Safe, format!("write `policyTypes: {types}`"), edit))
}
