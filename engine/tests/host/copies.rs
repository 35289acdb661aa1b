//! TEE: copies to a neighbour, in tables of one family.

use super::lowered::{Lowered, rules};

#[track_caller]
fn refused(rules: &str) -> String {
    Lowered::of(&format!("domain ip table mangle {{ {rules} }}")).findings()
}

#[test]
fn a_copy_is_made_just_before_the_chain_in_which_it_is_written() {
    assert_eq!(
        rules(
            "domain ip table mangle chain FORWARD { proto tcp dport 80 TEE gateway 10.0.0.9; proto tcp dport 443 DROP; }
             domain ip6 table mangle chain FORWARD TEE gateway fd00::9;"
        ),
        "pl_mangle_forward:\n  meta nfproto ipv4 tcp dport 443 drop comment \"1\"\n\
         ip pl_copy_mangle_forward:\n  tcp dport 80 dup to 10.0.0.9 comment \"1\"\n\
         ip6 pl_copy_mangle_forward:\n  dup to fd00::9 comment \"2\"\n"
    );
}

#[test]
fn rules_that_end_the_chain_before_end_it_there_too() {
    let lowered = rules(
        "@def $HOSTS = (10.0.0.1 10.0.0.2);
         domain ip table mangle chain PREROUTING {
             policy DROP;
             saddr $HOSTS RETURN;
             proto tcp dport (22 23) ACCEPT;
             mod limit limit 1/second LOG;
             proto udp mod limit limit 5/second TEE gateway 10.0.0.9;
             proto udp DROP;
         }",
    );
    let there = lowered.split("ip pl_copy_mangle_prerouting:\n").nth(1).unwrap();
    assert_eq!(
        there,
        "  ip saddr @pl_v_HOSTS_4 accept\n  tcp dport { 22, 23 } accept\n  \
         meta l4proto udp limit rate 5/second dup to 10.0.0.9 comment \"7\"\n"
    );
}

#[test]
fn what_comes_before_a_copy_must_not_change_what_it_is() {
    let before = |rule: &str| refused(&format!("chain C NOP; chain PREROUTING {{ {rule} TEE gateway 10.0.0.9; }}"));
    assert!(before("proto tcp MARK set-mark 1;").contains("would come after `TEE`"));
    assert!(before("proto tcp TTL ttl-set 1;").contains("would come after `TEE`"));
    assert!(before("proto tcp jump C;").contains("where this rule leads"));
    assert!(before("proto tcp goto C;").contains("where this rule leads"));
    assert!(before("mod limit limit 1/second DROP;").contains("ends the chain is known to its own table only"));
    assert!(before("mod recent update seconds 60 ACCEPT;").contains("ends the chain is known to its own table only"));
    let asked =
        refused("chain PREROUTING { mod recent update seconds 60 TEE gateway 10.0.0.9; proto tcp MARK set-mark 1; }");
    assert!(asked.contains("which does not have the set"), "{asked}");
}

#[test]
fn a_copy_goes_to_a_neighbour_of_the_family() {
    assert!(refused("chain INPUT TEE gateway fd00::1;").contains("is no address of domain ip"));
    assert!(refused("chain INPUT TEE gateway 0.0.0.0;").contains("is no address of a neighbour"));
    assert!(refused("chain INPUT TEE gateway there;").contains("is no address of a neighbour"));
    assert!(refused("chain INPUT TEE;").contains("needs the neighbour"));
    assert!(refused("chain C TEE gateway 10.0.0.9;").contains("in a built-in chain only"));
    let nat = Lowered::of("domain ip table nat chain PREROUTING TEE gateway 10.0.0.9;").findings();
    assert!(nat.contains("TEE is not allowed in table nat"), "{nat}");
}
