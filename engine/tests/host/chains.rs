//! Families, policies, custom chains and calls.

use std::fmt::Write as _;

use super::lowered::{Lowered, body, rules};
use super::nft;

#[test]
fn one_configuration_for_both_families_is_one_chain() {
    let text = "domain (ip ip6) table filter chain INPUT {
policy DROP;
mod state state (ESTABLISHED RELATED) ACCEPT;
interface lo ACCEPT;
proto tcp dport (22 8022) saddr (10.0.0.0/8 2001:db8::/32) ACCEPT;
}";
    assert_eq!(
        rules(text),
        "pl_input:
  ct state established,related accept comment \"3\"
  iifname \"lo\" accept comment \"4\"
  ip saddr 10.0.0.0/8 tcp dport { 22, 8022 } accept comment \"5\"
  ip6 saddr 2001:db8::/32 tcp dport { 22, 8022 } accept comment \"5\"
  drop comment \"2 policy DROP\"
"
    );
}

#[test]
fn a_configuration_of_one_family_leaves_the_other_alone() {
    let text = "domain ip6 chain INPUT { policy DROP; interface lo ACCEPT; mod state state ESTABLISHED ACCEPT; }";
    assert_eq!(
        body(text),
        "meta nfproto ipv6 iifname \"lo\" accept\nmeta nfproto ipv6 ct state established accept\nmeta nfproto ipv6 drop"
    );
}

#[test]
fn policies_that_differ_are_one_rule_for_the_family_that_drops() {
    let text = "domain ip chain INPUT { policy DROP; ACCEPT; } domain ip6 chain INPUT { policy ACCEPT; DROP; }";
    assert_eq!(body(text), "meta nfproto ipv4 accept\nmeta nfproto ipv6 drop\nmeta nfproto ipv4 drop");
    let apart = "domain ip chain INPUT policy DROP;\ndomain ip6 chain INPUT policy DROP;";
    assert_eq!(rules(apart), "pl_input:\n  drop comment \"1, 2 policy DROP\"\n");
}

#[test]
fn each_family_keeps_its_own_order() {
    let text = "domain ip chain INPUT { proto tcp dport 1 ACCEPT; }
domain (ip ip6) chain INPUT { proto tcp dport 2 ACCEPT; }
domain ip6 chain INPUT { proto tcp dport 3 ACCEPT; }
domain (ip ip6) chain INPUT { proto tcp dport 4 ACCEPT; }";
    assert_eq!(
        body(text),
        "meta nfproto ipv4 tcp dport 1 accept\ntcp dport 2 accept\nmeta nfproto ipv6 tcp dport 3 accept\ntcp dport 4 accept"
    );
}

#[test]
fn custom_chains_are_named_by_their_content_and_called() {
    let text = "domain (ip ip6) {
chain LOGDROP { mod limit limit 1/second LOG; DROP; }
chain SSH { saddr 10.0.0.1 RETURN; jump LOGDROP; }
chain INPUT { proto tcp dport 22 jump SSH; proto tcp dport 23 goto LOGDROP; proto tcp dport 24 jump DROP; }
}";
    let lowered = Lowered::of(text);
    nft::load(&lowered.text());
    let name = |tail: &str| {
        lowered.table.chains.keys().find(|name| name.as_str().ends_with(tail)).expect(tail).as_str().to_owned()
    };
    let (log, ssh) = (name("_LOGDROP"), name("_SSH"));
    assert!(log.starts_with("pl_h_filter_"));
    assert_eq!(
        lowered.rules(),
        [
            (
                log.as_str(),
                format!(
                    "{log}:
  meta nfproto ipv4 limit rate 1/second log comment \"2\"
  meta nfproto ipv6 limit rate 1/second log comment \"2\"
  drop comment \"2\"
"
                )
            ),
            (
                ssh.as_str(),
                format!(
                    "{ssh}:
  ip saddr 10.0.0.1 return comment \"3\"
  jump {log} comment \"3\"
"
                )
            ),
            (
                "pl_input",
                format!(
                    "pl_input:
  tcp dport 22 jump {ssh} comment \"4\"
  tcp dport 23 goto {log} comment \"4\"
  tcp dport 24 drop comment \"4\"
"
                )
            ),
        ]
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>()
        .into_values()
        .collect::<String>()
    );
}

#[test]
fn return_and_goto_in_a_built_in_chain_end_in_its_policy() {
    let text = "domain (ip ip6) {
chain X { proto tcp dport 1 ACCEPT; }
chain INPUT { policy DROP; proto tcp dport 2 RETURN; proto tcp goto X; ACCEPT; }
chain FORWARD { policy ACCEPT; proto tcp dport 2 RETURN; proto tcp goto X; DROP; }
}";
    let lowered = Lowered::of(text);
    nft::load(&lowered.text());
    let rules = lowered.rules();
    assert!(rules.contains("pl_input:\n  tcp dport 2 drop"), "{rules}");
    assert!(rules.contains("pl_forward:\n  tcp dport 2 return"), "{rules}");
    let wrapper = rules.split("_INPUT_X:\n").nth(1).expect("the chain that goes on to the policy");
    assert!(wrapper.starts_with("  jump pl_h_filter_"), "{rules}");
    assert!(wrapper.lines().nth(1).is_some_and(|line| line == "  drop comment \"3 policy DROP\""), "{rules}");
    let forward = rules.split("pl_forward:\n").nth(1).unwrap();
    assert!(!forward.lines().nth(1).unwrap().contains("INPUT"), "{rules}");
}

#[test]
fn a_subchain_is_lowered_like_any_chain() {
    let text =
        "domain (ip ip6) chain INPUT { policy DROP; proto tcp @subchain 'web' { dport 80 ACCEPT; dport 443 ACCEPT; } }";
    let lowered = Lowered::of(text);
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    let rules = lowered.rules();
    assert!(rules.contains("_web:\n  tcp dport 80 accept comment \"1\"\n  tcp dport 443 accept"), "{rules}");
    assert!(rules.contains("pl_input:\n  meta l4proto tcp jump pl_h_filter_"), "{rules}");
}

#[test]
fn a_chain_of_calls_may_be_as_deep_as_the_kernel_goes() {
    let nested = |n_chains: usize| {
        let mut text = String::from("chain INPUT jump C1;");
        for at in 1..n_chains {
            write!(text, " chain C{at} jump C{};", at + 1).unwrap();
        }
        format!("{text} chain C{n_chains} ACCEPT;")
    };
    rules(&nested(15));
    let lowered = Lowered::of(&nested(16));
    assert_eq!(
        lowered.findings(),
        "error 1:18 `C1` the chains under `C1` are 17 levels deep (the kernel follows at most 16)\n"
    );
    let deep = Lowered::of(&nested(5_000));
    assert_eq!(deep.diagnostics.len(), 1);
}
