//! The 48 corners of ferm's language, each a test of its own: what is in tests/data/ferm/edge expands, or is refused,
//! as the file beside it says. `ferm.rs` asks ferm about the same configurations.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::disallowed_methods, reason = "the corpus is on disk")]

#[path = "host/disk.rs"]
mod disk;
#[path = "host/ours.rs"]
mod ours;

use std::path::Path;

use crate::ours::ours;

/// Checks the configurations of one number.
#[track_caller]
fn edge(number: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ferm/edge");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(number) && name.ends_with(".ferm")
    });
    paths.sort();
    assert!(!paths.is_empty(), "there is no configuration {number}");
    for path in paths {
        let text = disk::text(&path);
        let options = text.lines().next().and_then(|line| line.strip_prefix("# options: "));
        let options: Vec<String> =
            options.map_or_else(Vec::new, |options| options.split("  ").map(str::to_owned).collect());
        let found = ours(&path, &options).unwrap_or_else(|errors| format!("refused\n{errors}"));
        assert_eq!(found, disk::text(&path.with_extension("expected")), "{}", path.display());
    }
}

#[test]
fn edge_01_first_array_is_outermost() {
    edge("01");
}

#[test]
fn edge_02_arrays_in_arrays() {
    edge("02");
}

#[test]
fn edge_03_empty_array() {
    edge("03");
}

#[test]
fn edge_04_comma_in_array() {
    edge("04");
}

#[test]
fn edge_05_negated_array_of_one() {
    edge("05");
}

#[test]
fn edge_06_negated_list_of_ports() {
    edge("06");
}

#[test]
fn edge_07_long_list_of_ports() {
    edge("07");
}

#[test]
fn edge_08_negation_before_address() {
    edge("08");
}

#[test]
fn edge_09_negation_on_either_side() {
    edge("09");
}

#[test]
fn edge_10_negation_after_flag() {
    edge("10");
}

#[test]
fn edge_11_negated_variable() {
    edge("11");
}

#[test]
fn edge_12_port_of_negated_protocol() {
    edge("12");
}

#[test]
fn edge_13_action_before_match() {
    edge("13");
}

#[test]
fn edge_14_two_actions() {
    edge("14");
}

#[test]
fn edge_15_array_of_target_option() {
    edge("15");
}

#[test]
fn edge_16_two_destinations() {
    edge("16");
}

#[test]
fn edge_17_masquerade_takes_one_range() {
    edge("17");
}

#[test]
fn edge_18_jump_to_verdict() {
    edge("18");
}

#[test]
fn edge_19_impossible_policy() {
    edge("19");
}

#[test]
fn edge_20_lower_case_built_in() {
    edge("20");
}

#[test]
fn edge_21_empty_chains() {
    edge("21");
}

#[test]
fn edge_22_chain_in_chain() {
    edge("22");
}

#[test]
fn edge_23_domain_in_domain() {
    edge("23");
}

#[test]
fn edge_24_two_chains() {
    edge("24");
}

#[test]
fn edge_25_subchain_without_match() {
    edge("25");
}

#[test]
fn edge_26_protocols_in_subchain() {
    edge("26");
}

#[test]
fn edge_27_else_if() {
    edge("27");
}

#[test]
fn edge_28_prefix_of_false_condition() {
    edge("28");
}

#[test]
fn edge_29_else_after_two_domains() {
    edge("29");
}

#[test]
fn edge_30_arrays_are_never_equal() {
    edge("30");
}

#[test]
fn edge_31_function_before_definition() {
    edge("31");
}

#[test]
fn edge_32_dynamic_scope() {
    edge("32");
}

#[test]
fn edge_33_quoted_argument() {
    edge("33");
}

#[test]
fn edge_34_unknown_variable_in_string() {
    edge("34");
}

#[test]
fn edge_35_own_automatic_variable() {
    edge("35");
}

#[test]
fn edge_36_line_of_definition() {
    edge("36");
}

#[test]
fn edge_37_definition_of_command_line() {
    edge("37");
}

#[test]
fn edge_38_skipped_characters() {
    edge("38");
}

#[test]
fn edge_39_comment_in_word() {
    edge("39");
}

#[test]
fn edge_40_string_over_two_lines() {
    edge("40");
}

#[test]
fn edge_41_addresses_of_two_families() {
    edge("41");
}

#[test]
fn edge_42_negated_address_of_other_family() {
    edge("42");
}

#[test]
fn edge_43_unknown_module() {
    edge("43");
}

#[test]
fn edge_44_protocol_by_number() {
    edge("44");
}

#[test]
fn edge_45_repeated_option() {
    edge("45");
}

#[test]
fn edge_46_semicolon_after_block() {
    edge("46");
}

#[test]
fn edge_47_two_words_in_quotes() {
    edge("47");
}

#[test]
fn edge_48_hooks() {
    edge("48");
}
