//! The enforced egress baseline: `PAL5`.

pub(crate) mod allow_opens_nothing;
pub(crate) mod blocks_tenant_allow;
pub(crate) mod denies_essential;
pub(crate) mod empty;
pub(crate) mod entries;
pub(crate) mod entry_invalid;
pub(crate) mod entry_shadowed;
pub(crate) mod exemption_wide;
pub(crate) mod families;
pub(crate) mod family_gap;
pub(crate) mod overlap_conflict;
pub(crate) mod schema;
pub(crate) mod selects_nothing;
pub(crate) mod walk;
pub(crate) mod widened;
