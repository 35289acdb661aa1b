//! `@nft`: where its texts stand among ferm's words, and what is refused of them.

use super::lowered::{Lowered, both, input, rules};

#[track_caller]
fn refused(rule: &str) -> String {
    let lowered = Lowered::of(&format!("domain (ip ip6) chain INPUT {{ {rule} }}"));
    lowered.findings().replace("error 1:33 ", "").trim().to_owned()
}

#[test]
fn a_text_is_conditions_before_an_action_of_ferms() {
    assert_eq!(
        both("proto tcp @nft 'tcp flags syn / syn,ack' dport 22 ACCEPT;"),
        "tcp flags syn / syn,ack tcp dport 22 accept"
    );
    let lowered = rules(
        "chain FORWARD @nft 'ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.2 . 80-90 }' jump own; chain own DROP;",
    );
    assert!(
        lowered.contains("  ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.2 . 80-90 } jump pl_h_filter_"),
        "{lowered}"
    );
}

#[test]
fn a_text_alone_is_a_rule() {
    assert_eq!(
        input("@nft 'ip ttl < 5 log prefix \"near \" level info drop';"),
        "ip ttl 0-4 log prefix \"near \" level info drop"
    );
    assert_eq!(both("@nft 'counter meta length >= 1000 drop';"), "meta length 1000-4294967295 drop");
    assert_eq!(both("@nft 'ct state { new, untracked } log group 2' NOP;"), "ct state { new, untracked } log group 2");
}

#[test]
fn bytes_without_a_name_are_compared_as_nft_lists_them() {
    // The kernel's instructions do not say whether a field or its bytes were meant, so nft judges the text only.
    assert_eq!(both("@nft '@th,160,8 & 0xf0 == 0x40 accept';"), "@th,160,8 & 0xf0 == 0x40 accept");
    assert_eq!(both("@nft '@nh,320,32 != 0x1-0x9 drop';"), "@nh,320,32 != 0x1-0x9 drop");
}

#[test]
fn several_texts_are_several_rules_in_their_order() {
    assert_eq!(
        both("interface eth0 @nft ('tcp dport 22 accept' 'meta l4proto tcp reject with tcp reset');"),
        "iifname \"eth0\" tcp dport 22 accept\niifname \"eth0\" meta l4proto tcp reject with tcp reset"
    );
}

#[test]
fn a_text_about_one_family_is_of_that_domain_only() {
    assert_eq!(both("@nft 'ip6 hoplimit 255 accept';"), "ip6 hoplimit 255 accept");
    assert_eq!(both("@nft 'limit rate 2/second accept';").lines().count(), 2, "each family has a limit of its own");
}

#[test]
fn verdicts_mean_what_ferms_mean() {
    let lowered = rules("domain ip chain INPUT { policy DROP; @nft 'tcp dport 1 return'; }");
    assert!(lowered.contains("tcp dport 1 drop"), "{lowered}");
    let lowered = Lowered::of("table nat chain PREROUTING @nft 'tcp dport 1 drop';");
    assert!(lowered.findings().contains("DROP is not allowed in table nat"), "{}", lowered.findings());
}

#[test]
fn what_cannot_be_read_is_shown_at_its_word() {
    let cases = [
        ("@nft 'tcp dport 22 dorp';", "`dorp` `dorp` cannot stand here (docs/host/nft.md lists what is read)"),
        ("@nft 'tcp dport 70000 drop';", "`70000` `70000` is no port (write a port, a service or FIRST-LAST)"),
        ("@nft 'ip saddr { 192.0.2.1 192.0.2.2 } drop';", "`192.0.2.2` `192.0.2.2` cannot stand in this list"),
        ("@nft 'tcp dport 22 jump own';", "`jump` `jump` cannot stand here (write the call behind the text"),
        ("@nft 'meta mark set 1';", "`set` `@nft` sets nothing"),
        ("@nft 'tcp dport 22 accept drop';", "`drop` nothing can follow a verdict"),
        ("@nft 'tcp dport 22 accept' DROP;", "`accept` a rule has one verdict, and this text gives one too"),
        ("@nft 'log prefix \"a\" tcp dport 22 drop';", "`tcp` a condition cannot follow `log`"),
        ("@nft 'reject with tcp reset';", "`reject` a reset needs TCP"),
        (
            "@nft 'ct state new|established accept';",
            "`|` it is not clear whether one of these or all of them are meant",
        ),
        ("@nft 'ip saddr . tcp dport { 192.0.2.0/24 . 22, 192.0.2.1 . 22 } accept';", "`{` two elements of this list"),
        ("@nft 'iifname { eth0, ppp* } accept';", "`ppp*` the beginning of a name cannot stand in a list"),
        ("@nft 'tcp flags & syn syn accept';", "`syn` `==` or `!=` is expected after a mask"),
        ("@nft 'limit rate 10/fortnight accept';", "`10/fortnight` `10/fortnight` is no rate"),
        ("@nft 'quota over 9999999999999 mbytes drop';", "is no number of these"),
        ("@nft 'tcp dport';", "`` a value is missing at the end (write a value)"),
        (
            "@nft 'oifname \"eth0\" accept';",
            "`oifname` is unknown of the packets of input (write the rule in chain FORWARD",
        ),
        ("@nft 'log level audit flags all';", "`log` `log level audit` has no prefix and no flags"),
        ("@nft 'log level info group 2';", "`log` options of this `log` exclude each other"),
        ("@nft 'log prefix \"a';", "this string has no end"),
    ];
    for (rule, expected) in cases {
        let found = refused(rule);
        assert!(found.contains(expected), "{rule}: {found}");
    }
}

#[test]
fn a_text_that_might_have_denied_is_a_drop_where_errors_are_tolerated() {
    let lowered = Lowered::of(
        "domain ip chain INPUT { saddr 192.0.2.0/24 @nft 'unknown words'; proto tcp @nft 'unknown words' ACCEPT; }",
    );
    assert_eq!(lowered.rules(), "pl_input:\n  ip saddr 192.0.2.0/24 drop comment \"1 refused, dropped instead\"\n");
}
