//! Suppressions and configuration: `PAL8`.

pub(crate) mod assertion_failed;
pub(crate) mod assertion_matches_nothing;
pub(crate) mod config_invalid;
pub(crate) mod forbidden_suppression;
pub(crate) mod stale_known_finding;
pub(crate) mod suppression_without_reason;
pub(crate) mod unknown_rule_code;
pub(crate) mod unused_suppression;
