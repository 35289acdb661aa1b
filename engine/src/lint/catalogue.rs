//! Every rule, by its code. There is no other list.

use policy_lang::diagnostic::Code;
use policy_lang::suggest::nearest;

use super::rule::{Group, Rule};
use super::{baseline, cluster_policy, host, intent, layers, manifests, posture, process, reading, redundancy};

/// The catalogue, by code.
pub static RULES: &[&Rule] = &[
    &reading::yaml_syntax::YAML_SYNTAX,
    &reading::unknown_field::UNKNOWN_FIELD,
    &reading::misplaced_field::MISPLACED_FIELD,
    &reading::duplicate_key::DUPLICATE_KEY,
    &reading::wrong_type::WRONG_TYPE,
    &reading::quoted_port_number::QUOTED_PORT_NUMBER,
    &reading::bad_port::BAD_PORT,
    &reading::end_port_without_port::END_PORT_WITHOUT_PORT,
    &reading::end_port_with_named_port::END_PORT_WITH_NAMED_PORT,
    &reading::end_port_below_port::END_PORT_BELOW_PORT,
    &reading::bad_protocol::BAD_PROTOCOL,
    &reading::empty_peer::EMPTY_PEER,
    &reading::ip_block_mixed::IP_BLOCK_MIXED,
    &reading::bad_cidr::BAD_CIDR,
    &reading::except_not_in_cidr::EXCEPT_NOT_IN_CIDR,
    &reading::cidr_host_bits::CIDR_HOST_BITS,
    &reading::bad_policy_type::BAD_POLICY_TYPE,
    &reading::bad_selector::BAD_SELECTOR,
    &reading::bad_name::BAD_NAME,
    &reading::removed_api_version::REMOVED_API_VERSION,
    &reading::duplicate_object::DUPLICATE_OBJECT,
    &reading::namespace_implicit::NAMESPACE_IMPLICIT,
    &reading::pod_selector_missing::POD_SELECTOR_MISSING,
    &reading::unknown_kind_skipped::UNKNOWN_KIND_SKIPPED,
    &reading::not_loaded::NOT_LOADED,
    &reading::namespace_assumed::NAMESPACE_ASSUMED,
    &reading::address_conflict::ADDRESS_CONFLICT,
    &reading::unknown_node::UNKNOWN_NODE,
    &reading::agent_config::AGENT_CONFIG,
    &reading::over_budget::OVER_BUDGET,
    &reading::bad_pod_address::BAD_POD_ADDRESS,
    &reading::host_network::HOST_NETWORK,
    &intent::or_instead_of_and::OR_INSTEAD_OF_AND,
    &intent::empty_list_means_all::EMPTY_LIST_MEANS_ALL,
    &intent::policy_types_egress_only::POLICY_TYPES_EGRESS_ONLY,
    &intent::rules_without_type::RULES_WITHOUT_TYPE,
    &intent::inert_looking_deny::INERT_LOOKING_DENY,
    &intent::policy_types_implicit::POLICY_TYPES_IMPLICIT,
    &intent::namespace_label_name::NAMESPACE_LABEL_NAME,
    &intent::namespace_label_unknown::NAMESPACE_LABEL_UNKNOWN,
    &intent::metadata_name_mismatch::METADATA_NAME_MISMATCH,
    &intent::service_port_not_target::SERVICE_PORT_NOT_TARGET,
    &intent::named_port_unknown::NAMED_PORT_UNKNOWN,
    &intent::named_port_protocol::NAMED_PORT_PROTOCOL,
    &intent::named_port_varies::NAMED_PORT_VARIES,
    &intent::named_port_to_ip_block::NAMED_PORT_TO_IP_BLOCK,
    &intent::port_not_exposed::PORT_NOT_EXPOSED,
    &intent::dns_egress_missing::DNS_EGRESS_MISSING,
    &intent::dns_tcp_missing::DNS_TCP_MISSING,
    &intent::ip_block_covers_pods::IP_BLOCK_COVERS_PODS,
    &intent::ip_block_covers_services::IP_BLOCK_COVERS_SERVICES,
    &intent::ip_block_is_metadata::IP_BLOCK_IS_METADATA,
    &intent::ipv6_counterpart_missing::IPV6_COUNTERPART_MISSING,
    &intent::except_leaves_nothing::EXCEPT_LEAVES_NOTHING,
    &intent::fragile_label::FRAGILE_LABEL,
    &intent::negative_namespace_selector::NEGATIVE_NAMESPACE_SELECTOR,
    &intent::contradictory_selector::CONTRADICTORY_SELECTOR,
    &intent::host_network_selected::HOST_NETWORK_SELECTED,
    &intent::host_network_peer::HOST_NETWORK_PEER,
    &intent::cross_namespace_selector::CROSS_NAMESPACE_SELECTOR,
    &intent::selector_near_miss::SELECTOR_NEAR_MISS,
    &intent::sctp_in_use::SCTP_IN_USE,
    &redundancy::policy_selects_nothing::POLICY_SELECTS_NOTHING,
    &redundancy::peer_matches_nothing::PEER_MATCHES_NOTHING,
    &redundancy::rule_matches_nothing::RULE_MATCHES_NOTHING,
    &redundancy::redundant_peer::REDUNDANT_PEER,
    &redundancy::redundant_port::REDUNDANT_PORT,
    &redundancy::redundant_rule::REDUNDANT_RULE,
    &redundancy::redundant_rule_across::REDUNDANT_RULE_ACROSS,
    &redundancy::redundant_policy::REDUNDANT_POLICY,
    &redundancy::duplicate_policy::DUPLICATE_POLICY,
    &redundancy::overridden_by_allow_all::OVERRIDDEN_BY_ALLOW_ALL,
    &redundancy::vacuous_set::VACUOUS_SET,
    &posture::no_default_deny_ingress::NO_DEFAULT_DENY_INGRESS,
    &posture::no_default_deny_egress::NO_DEFAULT_DENY_EGRESS,
    &posture::workload_not_isolated::WORKLOAD_NOT_ISOLATED,
    &posture::allow_all_ingress::ALLOW_ALL_INGRESS,
    &posture::allow_all_egress::ALLOW_ALL_EGRESS,
    &posture::open_to_all_namespaces::OPEN_TO_ALL_NAMESPACES,
    &posture::open_to_internet::OPEN_TO_INTERNET,
    &posture::all_ports::ALL_PORTS,
    &posture::wide_port_range::WIDE_PORT_RANGE,
    &posture::sensitive_port_exposed::SENSITIVE_PORT_EXPOSED,
    &posture::permissiveness_budget::PERMISSIVENESS_BUDGET,
    &posture::zone_violation::ZONE_VIOLATION,
    &manifests::service_unreachable::SERVICE_UNREACHABLE,
    &manifests::route_backend_blocked::ROUTE_BACKEND_BLOCKED,
    &manifests::dependency_blocked::DEPENDENCY_BLOCKED,
    &manifests::webhook_blocked::WEBHOOK_BLOCKED,
    &manifests::scrape_blocked::SCRAPE_BLOCKED,
    &manifests::api_server_egress_blocked::API_SERVER_EGRESS_BLOCKED,
    &manifests::probe_blocked::PROBE_BLOCKED,
    &manifests::one_sided_allow::ONE_SIDED_ALLOW,
    &manifests::service_selects_nothing::SERVICE_SELECTS_NOTHING,
    &manifests::lb_source_ranges::LB_SOURCE_RANGES,
    &baseline::schema::SCHEMA,
    &baseline::entry_invalid::ENTRY_INVALID,
    &baseline::blocks_tenant_allow::BLOCKS_TENANT_ALLOW,
    &baseline::denies_essential::DENIES_ESSENTIAL,
    &baseline::entry_shadowed::ENTRY_SHADOWED,
    &baseline::overlap_conflict::OVERLAP_CONFLICT,
    &baseline::selects_nothing::SELECTS_NOTHING,
    &baseline::empty::EMPTY,
    &baseline::family_gap::FAMILY_GAP,
    &baseline::exemption_wide::EXEMPTION_WIDE,
    &baseline::widened::WIDENED,
    &baseline::allow_opens_nothing::ALLOW_OPENS_NOTHING,
    &host::syntax::SYNTAX,
    &host::unknown_word::UNKNOWN_WORD,
    &host::unknown_chain::UNKNOWN_CHAIN,
    &host::unknown_variable::UNKNOWN_VARIABLE,
    &host::unused_variable::UNUSED_VARIABLE,
    &host::unreachable::UNREACHABLE,
    &host::shadowed::SHADOWED,
    &host::redundant::REDUNDANT,
    &host::partially_shadowed::PARTIALLY_SHADOWED,
    &host::unused_chain::UNUSED_CHAIN,
    &host::chain_loop::CHAIN_LOOP,
    &host::input_default_accept::INPUT_DEFAULT_ACCEPT,
    &host::established_missing::ESTABLISHED_MISSING,
    &host::established_late::ESTABLISHED_LATE,
    &host::loopback_missing::LOOPBACK_MISSING,
    &host::icmpv6_missing::ICMPV6_MISSING,
    &host::pmtu_blackhole::PMTU_BLACKHOLE,
    &host::ssh_lockout::SSH_LOCKOUT,
    &host::family_mismatch::FAMILY_MISMATCH,
    &host::bad_interface_pattern::BAD_INTERFACE_PATTERN,
    &host::reject_in_drop_path::REJECT_IN_DROP_PATH,
    &host::unsupported::UNSUPPORTED,
    &host::duplicate::DUPLICATE,
    &host::operand::OPERAND,
    &host::place::PLACE,
    &host::doubtful::DOUBTFUL,
    &host::limit::LIMIT,
    &host::incomplete_rule::INCOMPLETE_RULE,
    &host::include::INCLUDE,
    &host::skipped_characters::SKIPPED_CHARACTERS,
    &layers::cuts_kubelet::CUTS_KUBELET,
    &layers::cuts_api_server::CUTS_API_SERVER,
    &layers::cuts_etcd::CUTS_ETCD,
    &layers::cuts_cni::CUTS_CNI,
    &layers::cuts_pod_forwarding::CUTS_POD_FORWARDING,
    &layers::cuts_node_port::CUTS_NODE_PORT,
    &layers::cuts_dns_node_local::CUTS_DNS_NODE_LOCAL,
    &layers::host_denies_pod_allow::HOST_DENIES_POD_ALLOW,
    &layers::host_rule_targets_pod::HOST_RULE_TARGETS_POD,
    &layers::hook_order_surprise::HOOK_ORDER_SURPRISE,
    &layers::ruleset_too_large::RULESET_TOO_LARGE,
    &process::assertion_failed::ASSERTION_FAILED,
    &process::assertion_matches_nothing::ASSERTION_MATCHES_NOTHING,
    &process::unused_suppression::UNUSED_SUPPRESSION,
    &process::suppression_without_reason::SUPPRESSION_WITHOUT_REASON,
    &process::unknown_rule_code::UNKNOWN_RULE_CODE,
    &process::forbidden_suppression::FORBIDDEN_SUPPRESSION,
    &process::stale_known_finding::STALE_KNOWN_FINDING,
    &process::config_invalid::CONFIG_INVALID,
    &cluster_policy::invalid::INVALID,
    &cluster_policy::limits::LIMITS,
    &cluster_policy::named_port::NAMED_PORT,
    &cluster_policy::domain_names::DOMAIN_NAMES,
    &cluster_policy::same_priority::SAME_PRIORITY,
    &cluster_policy::shadowed::SHADOWED,
    &cluster_policy::accept_bypasses_tenants::ACCEPT_BYPASSES_TENANTS,
    &cluster_policy::family_gap::FAMILY_GAP,
];

/// The rule of a code.
pub fn of(code: Code) -> Option<&'static Rule> {
    named(code.0)
}

/// The rule of a code or a name.
pub fn named(word: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code.0.eq_ignore_ascii_case(word) || rule.name == word).copied()
}

/// The rules that a word stands for: a code, the beginning of codes (`PAL1`), a name, or `ALL`. None if it is no such
/// word.
pub fn meant(word: &str) -> Vec<&'static Rule> {
    let upper = word.to_ascii_uppercase();
    let is_prefix = upper.len() > "PAL".len() && upper.starts_with("PAL") && upper.len() < "PAL000".len();
    RULES
        .iter()
        .filter(|rule| {
            upper == "ALL"
                || (is_prefix && rule.code.0.starts_with(&upper))
                || rule.code.0 == upper
                || rule.name == word
                || (word.len() > 3 && rule.group().to_string() == word)
        })
        .copied()
        .collect()
}

/// `did you mean`, for a word that stands for no rule.
pub fn suggestion(word: &str) -> Option<&'static str> {
    let upper = word.to_ascii_uppercase();
    let codes: Vec<&str> = RULES.iter().map(|rule| rule.code.0).collect();
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    if upper.starts_with("PAL") { nearest(&upper, &codes) } else { nearest(word, &names) }
}

/// The catalogue by group.
pub fn by_group() -> impl Iterator<Item = (Group, Vec<&'static Rule>)> {
    Group::ALL.into_iter().map(|group| {
        let rules = RULES.iter().filter(|rule| rule.group() == group).copied().collect();
        (group, rules)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_pages_are_whole() {
        assert!(RULES.is_sorted_by(|a, b| a.code < b.code), "codes are in order, each once");
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in RULES {
            let headings: Vec<_> = rule.page.lines().filter_map(|line| line.trim().strip_prefix("## ")).collect();
            let wanted = ["What it does", "Why it bites", "How it is decided", "Bad", "Good", "When to ignore it"];
            assert_eq!(headings, wanted, "{}", rule.code);
            assert!(rule.code.0.len() == 6 && rule.code.0.starts_with("PAL"), "{}", rule.code);
        }
    }

    #[test]
    fn words_stand_for_rules() {
        let codes = |word| meant(word).iter().map(|rule| rule.code.0).collect::<Vec<_>>();
        assert_eq!(codes("PAL101"), ["PAL101"]);
        assert_eq!(codes("selector-or-instead-of-and"), ["PAL101"]);
        assert!(codes("PAL1").iter().all(|code| code.starts_with("PAL1")) && codes("PAL1").len() > 20);
        assert_eq!(codes("ALL").len(), RULES.len());
        assert_eq!((codes("PAL"), codes(""), codes("PAL1011")), (vec![], vec![], vec![]));
        assert_eq!(suggestion("selector-or-instead-off-and"), Some("selector-or-instead-of-and"));
    }
}
