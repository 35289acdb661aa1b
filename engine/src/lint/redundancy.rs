//! Dead or redundant: `PAL2`.

pub(crate) mod cover;
pub(crate) mod duplicate_policy;
pub(crate) mod emptiness;
pub(crate) mod overridden_by_allow_all;
pub(crate) mod peer_matches_nothing;
pub(crate) mod policy_selects_nothing;
pub(crate) mod redundant_peer;
pub(crate) mod redundant_policy;
pub(crate) mod redundant_port;
pub(crate) mod redundant_rule;
pub(crate) mod redundant_rule_across;
pub(crate) mod rule_matches_nothing;
pub(crate) mod vacuous_set;
