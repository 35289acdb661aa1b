//! What an API server refuses, or the loader reads otherwise than it looks: `PAL0`.

pub(crate) mod address_conflict;
pub(crate) mod agent_config;
pub(crate) mod bad_cidr;
pub(crate) mod bad_name;
pub(crate) mod bad_pod_address;
pub(crate) mod bad_policy_type;
pub(crate) mod bad_port;
pub(crate) mod bad_protocol;
pub(crate) mod bad_selector;
pub(crate) mod cidr_host_bits;
pub(crate) mod duplicate_key;
pub(crate) mod duplicate_object;
pub(crate) mod empty_peer;
pub(crate) mod end_port_below_port;
pub(crate) mod end_port_with_named_port;
pub(crate) mod end_port_without_port;
pub(crate) mod except_not_in_cidr;
pub(crate) mod host_network;
pub(crate) mod ip_block_mixed;
pub(crate) mod misplaced_field;
pub(crate) mod namespace_assumed;
pub(crate) mod namespace_implicit;
pub(crate) mod not_loaded;
pub(crate) mod over_budget;
pub(crate) mod pod_selector_missing;
pub(crate) mod quoted_port_number;
pub(crate) mod removed_api_version;
pub(crate) mod unknown_field;
pub(crate) mod unknown_kind_skipped;
pub(crate) mod unknown_node;
pub(crate) mod wrong_type;
pub(crate) mod yaml_syntax;

use policy_lang::diagnostic::{Diagnostic, Severity};

/// Whether a finding of the loader is one for those who review manifests: not whether pods run somewhere, and of the
/// kinds that are not read only policies.
pub(crate) fn is_for_reviewers(finding: &Diagnostic) -> bool {
    match finding.code.0 {
        "PAL027" => false,
        "PAL024" => finding.severity != Severity::Note,
        _ => true,
    }
}

/// Whether the catalogue's severity holds for what the loader finds: it knows no wish to enforce.
pub(crate) fn is_ranked_by_catalogue(finding: &Diagnostic) -> bool {
    finding.code.0 < "PAL034"
}
