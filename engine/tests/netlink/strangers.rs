//! What others put into our tables is named, and never an error.

use engine::observed::{RuleContent, UnknownObject};

use crate::fixture::{nft, scratch, table};

#[test]
fn what_palisade_never_makes_is_named() {
    scratch(|kernel| {
        nft("add table inet other");
        for command in [
            "add table inet palisade",
            "add chain inet palisade mine { type filter hook ingress device lo priority 0 ; }",
            "add chain inet palisade dropping { type filter hook input priority 0 ; policy drop ; }",
            "add limit inet palisade slow rate 1/second",
            "add set inet palisade tuned { type ipv4_addr ; policy memory ; }",
            "add set inet palisade of_classes { type classid ; }",
            "add rule inet palisade dropping meta iiftype 1",
            "add rule inet palisade dropping ct helper set \"ftp\"",
            "add rule inet palisade dropping meta mark set numgen random mod 3",
            "add rule inet palisade dropping tcp sport 1 tcp dport 2 accept",
            "add rule inet palisade dropping meta iiftype { 1, 2 }",
            "add rule inet palisade dropping ip saddr { 10.0.0.1, 10.0.0.5-10.0.0.9 } tcp dport 80 accept",
        ] {
            let output = std::process::Command::new("nft").arg(command).output().unwrap();
            let is_known = output.status.success();
            // Helpers have to exist before rules can name them.
            assert!(is_known || command.contains("helper"), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let table = table(kernel);
        let found: Vec<_> =
            table.unknown.iter().map(|UnknownObject { kind, name, .. }| (*kind, name.as_str())).collect();
        assert_eq!(found, [("chain", "mine"), ("object", "slow"), ("set", "of_classes"), ("set", "tuned")]);
        let chain = table.chains.values().next().unwrap();
        assert!(chain.policy_drop);
        let contents: Vec<bool> =
            chain.rules.iter().map(|rule| matches!(rule.content, RuleContent::Known(_))).collect();
        assert_eq!(contents, [false, false, false, false, true]);
    });
}

#[test]
fn a_table_that_sleeps_is_not_in_force() {
    scratch(|kernel| {
        nft("add table inet palisade { flags dormant ; }");
        let table = table(kernel);
        assert!(table.unknown.iter().any(|unknown| unknown.kind == "table"), "{table:?}");
    });
}
