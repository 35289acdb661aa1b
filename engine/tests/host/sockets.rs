//! `mod socket`.

use super::lowered::{Lowered, rules};

#[track_caller]
fn prerouting(rule: &str) -> String {
    rules(&format!("domain (ip ip6) table mangle chain PREROUTING {{ {rule} }}"))
}

#[test]
fn a_socket_of_whatever_address_is_asked_for_in_one_rule() {
    assert_eq!(
        prerouting("mod socket transparent nowildcard ACCEPT;"),
        "pl_mangle_prerouting:\n  socket transparent 1 accept comment \"1\"\n"
    );
    assert_eq!(
        prerouting("mod socket nowildcard ACCEPT;"),
        "pl_mangle_prerouting:\n  socket transparent { 0, 1 } accept comment \"1\"\n"
    );
}

#[test]
fn sockets_without_an_address_are_sent_back() {
    for (words, asked) in [("transparent", "1"), ("", "{ 0, 1 }")] {
        let lowered = rules(&format!(
            "domain ip table mangle chain PREROUTING proto tcp mod socket {words} mod mark mark 1 ACCEPT;"
        ));
        let then = format!(
            "  socket wildcard 1 return\n  meta l4proto tcp socket transparent {asked} meta mark 0x00000001 accept"
        );
        assert!(lowered.contains(&then), "{lowered}");
    }
}

#[test]
fn where_no_packet_has_a_socket_none_is_asked_for() {
    let findings = |text: &str| Lowered::of(text).findings();
    assert!(findings("table mangle chain FORWARD mod socket DROP;").contains("is not possible in forward"));
    assert!(findings("table mangle chain PREROUTING mod socket restore-skmark DROP;").contains("`restore-skmark`"));
    let left = findings("table mangle { chain C NOP; chain PREROUTING mod socket transparent RETURN; }");
    assert!(left.contains("leaves its chain"), "{left}");
}
