//! Named lists, and runs of rules as one look-up.

use std::fmt::Write as _;

use engine::ruleset::{ElementKey, Expr, Name};

use super::lowered::{Lowered, both, rules};
use super::nft;

#[test]
fn a_list_variable_is_a_set_of_its_name_in_each_family() {
    let text = "@def $ADM = (10.0.0.0/8 10.0.0.0/9 2001:db8::/32); @def $WEB = (80 443);
domain (ip ip6) chain INPUT { saddr $ADM proto tcp dport $WEB ACCEPT; saddr $ADM proto udp ACCEPT; }";
    let lowered = Lowered::of(text);
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    let names: Vec<&str> = lowered.table.sets.keys().map(Name::as_str).collect();
    assert_eq!(names, ["pl_v_ADM_4", "pl_v_ADM_6", "pl_v_WEB_port"]);
    assert_eq!(
        lowered.rules(),
        "pl_input:
  ip saddr @pl_v_ADM_4 tcp dport @pl_v_WEB_port accept comment \"2\"
  ip6 saddr @pl_v_ADM_6 tcp dport @pl_v_WEB_port accept comment \"2\"
  ip saddr @pl_v_ADM_4 meta l4proto udp accept comment \"2\"
  ip6 saddr @pl_v_ADM_6 meta l4proto udp accept comment \"2\"
"
    );
    assert_eq!(lowered.table.sets.values().next().unwrap().elements.len(), 1);
}

#[test]
fn a_variable_with_two_meanings_has_two_sets() {
    let text = "chain INPUT { @def $A = (10.0.0.1 10.0.0.2); saddr $A ACCEPT; }
chain FORWARD { @def $A = (10.0.0.3 10.0.0.4); saddr $A ACCEPT; }";
    let lowered = Lowered::of(text);
    nft::load(&lowered.text());
    assert_eq!(lowered.table.sets.len(), 2, "{}", lowered.text());
    assert!(lowered.table.sets.keys().any(|name| name.as_str() == "pl_v_A_4"));
}

/// `n` rules of distinct addresses and ports.
fn run(n: u32, action: &str) -> String {
    (0..n).fold(String::new(), |mut text, at| {
        let (high, low, port) = (at >> 8, at & 255, 1000 + at % 5000);
        writeln!(text, "saddr 10.0.{high}.{low} proto tcp dport {port} {action};").unwrap();
        text
    })
}

#[test]
fn a_run_of_like_rules_is_one_look_up_with_the_lines_on_its_elements() {
    let lowered = Lowered::of(&format!("chain INPUT {{ policy DROP;\n{} }}", run(300, "ACCEPT")));
    nft::load(&lowered.text());
    let (name, set) = lowered.table.sets.iter().next().unwrap();
    assert_eq!(set.elements.len(), 300);
    assert!(set.spec.counters && !set.spec.intervals);
    let comment = set.elements.values().next().unwrap().comment.as_ref().unwrap();
    assert_eq!(comment.as_str(), "t.ferm:2");
    assert_eq!(
        lowered.rules(),
        format!(
            "pl_input:
  meta l4proto tcp ip saddr . tcp dport @{name} accept comment \"2 to 301: 300 rules\"
  meta nfproto ipv4 drop comment \"1 policy DROP\"
"
        )
        .replace("meta l4proto tcp ip saddr", "ip saddr")
    );
}

#[test]
fn ten_thousand_rules_are_one_set() {
    let lowered = Lowered::of(&format!("chain INPUT {{\n{} }}", run(10_000, "ACCEPT")));
    assert_eq!(lowered.table.sets.len(), 1);
    assert_eq!(lowered.table.sets.values().next().unwrap().elements.len(), 10_000);
    assert_eq!(lowered.table.chains.values().next().unwrap().rules.len(), 1);
}

#[test]
fn a_run_ends_where_the_verdict_or_the_form_changes() {
    let text = format!(
        "chain INPUT {{ {} {} saddr 10.9.9.9 ACCEPT; {} }}",
        run(8, "ACCEPT"),
        run(8, "DROP"),
        run(7, "ACCEPT")
    );
    let lowered = Lowered::of(&text);
    nft::load(&lowered.text());
    assert_eq!(lowered.table.sets.len(), 2);
    assert_eq!(lowered.table.chains.values().next().unwrap().rules.len(), 2 + 1 + 7);
}

#[test]
fn rules_that_remember_or_let_go_on_are_never_folded() {
    for rule in ["mod limit limit 1/second ACCEPT", "LOG", "NOP", "jump X"] {
        let lowered = Lowered::of(&format!("chain X ACCEPT; chain INPUT {{ {} }}", run(9, rule)));
        assert!(lowered.table.sets.is_empty(), "{rule}: {}", lowered.text());
    }
}

#[test]
fn both_families_of_a_run_fold_apart() {
    let mut text = String::from("domain (ip ip6) chain INPUT {\n");
    for at in 0..20 {
        writeln!(text, "saddr (10.0.0.{at} 2001:db8::{at}) proto (tcp udp) dport (1 2) ACCEPT;").unwrap();
    }
    text.push('}');
    let lowered = Lowered::of(&text);
    nft::load(&lowered.text());
    assert_eq!(lowered.table.sets.len(), 2, "{}", lowered.text());
    assert_eq!(lowered.table.chains.values().next().unwrap().rules.len(), 2);
}

#[test]
fn a_run_with_two_protocols_has_the_protocol_in_its_key() {
    let mut text = String::from("domain (ip ip6) chain INPUT {\n");
    for at in 0..10 {
        let protocol = if at % 2 == 0 { "tcp" } else { "udp" };
        writeln!(text, "proto {protocol} dport {at} mod state state NEW ACCEPT;").unwrap();
    }
    text.push('}');
    let lowered = Lowered::of(&text);
    nft::load(&lowered.text());
    let name = lowered.table.sets.keys().next().unwrap();
    assert_eq!(
        lowered.rules(),
        format!("pl_input:\n  ct state new meta l4proto . th dport @{name} accept comment \"2 to 11: 10 rules\"\n")
    );
}

#[test]
fn ranges_in_a_run_are_kept_disjoint_and_nothing_is_lost() {
    let mut text = String::from("chain INPUT {\n");
    for at in 0..10 {
        writeln!(text, "saddr 10.{at}.0.0/16 proto tcp dport 80 ACCEPT;").unwrap();
    }
    // Covered by the first, and crossing the second.
    text.push_str("saddr 10.0.7.0/24 proto tcp dport 80 ACCEPT;\nsaddr 10.1.0.0/16 proto tcp dport 70:90 ACCEPT;\n}");
    let lowered = Lowered::of(&text);
    nft::load(&lowered.text());
    let set = lowered.table.sets.values().next().unwrap();
    let keys: Vec<&ElementKey> = set.elements.keys().collect();
    for (at, key) in keys.iter().enumerate() {
        assert!(keys.iter().skip(at + 1).all(|other| !key.overlaps(other)), "{}", lowered.text());
    }
    let chain = lowered.table.chains.values().next().unwrap();
    let n_lookups =
        chain.rules.iter().filter(|rule| rule.exprs.iter().any(|expr| matches!(expr, Expr::Lookup(_)))).count();
    assert_eq!((set.elements.len(), n_lookups, chain.rules.len()), (10, 1, 2), "{}", lowered.text());
}

#[test]
fn what_all_rules_share_is_tested_once() {
    let mut text = String::from("chain INPUT {\n");
    for at in 1..=9 {
        writeln!(text, "interface eth0 saddr 10.0.0.{at} mod state state NEW DROP;").unwrap();
    }
    let rules = rules(&format!("{text}}}"));
    assert!(rules.contains("iifname \"eth0\" ct state new ip saddr @pl_h_filter_"), "{rules}");
}

#[test]
fn the_same_rule_of_two_ports_and_two_addresses_is_one_rule() {
    assert_eq!(
        both("saddr (10.0.0.1 10.0.0.2) proto tcp dport (1 2) ACCEPT;"),
        "ip saddr { 10.0.0.1, 10.0.0.2 } tcp dport { 1, 2 } accept"
    );
}
