//! Targets that take connections over, and the one that blanks TCP's options.

use super::lowered::{Lowered, body, rules};

#[track_caller]
fn findings(text: &str) -> String {
    Lowered::of(text).findings()
}

/// The only regular chain of a text, without its name.
#[track_caller]
fn own_chain(text: &str, tail: &str) -> String {
    let rules = rules(text);
    let lines = rules.lines().skip_while(|line| !line.ends_with(&format!("_{tail}:"))).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_packet_for_which_nobody_listens_is_dropped() {
    let tproxy = |options: &str| {
        own_chain(&format!("domain ip table mangle chain PREROUTING proto tcp dport 80 TPROXY {options};"), "tproxy")
    };
    assert_eq!(
        tproxy("on-port 3128 tproxy-mark 0x1/0x3"),
        "meta l4proto tcp tproxy to :3128 meta mark set meta mark & 0xfffffffd | 0x00000001 accept\ndrop"
    );
    assert_eq!(
        tproxy("on-ip 10.0.0.1 on-port 3128 tproxy-mark 7"),
        "meta l4proto tcp tproxy ip to 10.0.0.1:3128 meta mark set 0x00000007 accept\ndrop"
    );
    assert_eq!(tproxy("on-ip 10.0.0.1 on-port 0"), "meta l4proto tcp tproxy ip to 10.0.0.1 accept\ndrop");
    assert_eq!(tproxy("on-ip 0.0.0.0 on-port 1 tproxy-mark 0/0"), "meta l4proto tcp tproxy to :1 accept\ndrop");
    assert_eq!(
        own_chain(
            "domain ip6 table mangle chain PREROUTING proto (tcp udp) TPROXY on-ip fd00::1 on-port 53;",
            "tproxy"
        ),
        "meta l4proto tcp tproxy ip6 to [fd00::1]:53 accept\nmeta l4proto udp tproxy ip6 to [fd00::1]:53 accept\ndrop"
    );
}

#[test]
fn both_families_share_a_proxy_without_an_address() {
    let lowered = rules("domain (ip ip6) table mangle chain PREROUTING proto tcp dport 80 TPROXY on-port 3128;");
    assert_eq!(lowered.matches("jump").count(), 1, "{lowered}");
    assert_eq!(lowered.matches("tproxy to").count(), 1, "{lowered}");
}

#[test]
fn only_a_plain_syn_or_ack_is_answered() {
    assert_eq!(
        own_chain("chain INPUT proto tcp dport 80 SYNPROXY sack-perm timestamp wscale 7 mss 1460;", "synproxy"),
        "tcp flags syn / fin,syn,rst,ack synproxy mss 1460 wscale 7 timestamp sack-perm\n\
         tcp flags ack / fin,syn,rst,ack synproxy mss 1460 wscale 7 timestamp sack-perm\n\
         tcp flags ! syn,ack synproxy mss 1460 wscale 7 timestamp sack-perm"
    );
    let lowered = rules("chain FORWARD proto tcp SYNPROXY;");
    assert_eq!(lowered.matches(" synproxy").count(), 3, "{lowered}");
}

#[test]
fn options_are_blanked_one_by_one() {
    assert_eq!(
        body("domain (ip ip6) table mangle chain FORWARD proto tcp TCPOPTSTRIP strip-options (timestamp 77 md5 8);"),
        "meta l4proto tcp reset tcp option timestamp reset tcp option 77 reset tcp option md5sig"
    );
    assert_eq!(
        body("domain (ip ip6) table mangle chain FORWARD proto tcp TCPOPTSTRIP strip-options 'wscale,mss';"),
        "meta l4proto tcp reset tcp option window reset tcp option maxseg"
    );
}

#[test]
fn what_iptables_refuses_is_refused() {
    for (text, message) in [
        ("table mangle chain PREROUTING proto tcp TPROXY;", "needs the port"),
        ("table mangle chain PREROUTING proto tcp TPROXY on-port 0;", "has no form"),
        ("table mangle chain PREROUTING proto tcp TPROXY on-port 70000;", "is no port"),
        ("table mangle chain PREROUTING proto tcp TPROXY on-port 1 on-ip fd00::1;", "no address of domain ip"),
        ("table mangle chain PREROUTING proto tcp TPROXY on-port 1 on-ip x;", "is no address"),
        ("table mangle chain PREROUTING TPROXY on-port 1;", "for TCP and UDP only"),
        ("table mangle chain PREROUTING proto sctp TPROXY on-port 1;", "for TCP and UDP only"),
        ("table mangle chain FORWARD proto tcp TPROXY on-port 1;", "not possible in forward"),
        ("chain INPUT proto tcp TPROXY on-port 1;", "not allowed in table filter"),
        ("table mangle chain PREROUTING proto tcp SYNPROXY;", "not possible in prerouting"),
        ("table raw chain PREROUTING proto tcp SYNPROXY;", "not allowed in table raw"),
        ("domain (ip ip6) chain INPUT proto tcp SYNPROXY mss 1460 wscale 7;", "domain ip6 has no form"),
        ("chain INPUT SYNPROXY;", "for TCP only"),
        ("chain INPUT proto tcp SYNPROXY ecn;", "has no form"),
        ("chain INPUT proto tcp SYNPROXY wscale 15;", "is no window scale"),
        ("table mangle chain INPUT proto tcp TCPOPTSTRIP;", "needs the options"),
        ("table mangle chain INPUT proto tcp TCPOPTSTRIP strip-options 1;", "no option of TCP's"),
        ("table mangle chain INPUT proto tcp TCPOPTSTRIP strip-options timestmap;", "did you mean `timestamp`?"),
        ("table mangle chain INPUT proto udp TCPOPTSTRIP strip-options 8;", "for TCP only"),
        ("chain INPUT proto tcp TCPOPTSTRIP strip-options 8;", "not allowed in table filter"),
    ] {
        assert!(findings(text).contains(message), "{text}: {}", findings(text));
    }
}

#[test]
fn packets_wait_for_programs() {
    // Not every kernel has nft_queue, so that nothing is loaded here.
    let queue = |action: &str| {
        let lowered = Lowered::of(&format!("chain INPUT proto udp dport 53 {action};"));
        assert_eq!(lowered.findings(), "", "{action}");
        lowered.rules()
    };
    for (action, expected) in [
        ("QUEUE", "queue to 0"),
        ("NFQUEUE", "queue to 0"),
        ("NFQUEUE queue-num 0x10", "queue to 16"),
        ("NFQUEUE queue-num 7 queue-bypass", "queue flags bypass to 7"),
        ("NFQUEUE queue-balance 0:3", "queue to 0-3"),
        ("NFQUEUE queue-balance :3 queue-cpu-fanout", "queue flags fanout to 0-3"),
        ("NFQUEUE queue-balance 4: queue-bypass queue-cpu-fanout", "queue flags bypass,fanout to 4-65535"),
        ("@nft 'queue'", "queue to 0"),
        ("@nft 'queue flags bypass to 1-2'", "queue flags bypass to 1-2"),
        ("@nft 'queue num 1-2 bypass,fanout'", "queue flags bypass,fanout to 1-2"),
    ] {
        let lowered = queue(action);
        assert!(lowered.contains(expected), "{action}: {lowered}");
    }
    for (action, expected) in [
        ("NFQUEUE queue-num 65536", "is no queue"),
        ("NFQUEUE queue-balance 3", "is no range of queues"),
        ("NFQUEUE queue-balance 3:3", "is no range of queues"),
        ("NFQUEUE queue-balance :", "is no range of queues"),
        ("NFQUEUE queue-num 1 queue-balance 0:3", "not both"),
        ("NFQUEUE queue-cpu-fanout", "among several queues"),
        ("NFQUEUE queue-num 1 queue-cpu-fanout", "among several queues"),
        ("@nft 'queue flags fanout'", "among several queues"),
        ("@nft 'queue to 3-1'", "is no range of queues"),
        ("@nft 'queue flags none'", "is no flag"),
        ("@nft 'queue by 3'", "cannot follow"),
        ("@nft 'queue to 3' ACCEPT", "one verdict"),
    ] {
        let found = findings(&format!("chain INPUT proto udp dport 53 {action};"));
        assert!(found.contains(expected), "{action}: {found}");
    }
}

#[test]
fn a_packet_that_waits_no_longer_comes_to_a_helper() {
    for before in ["NFQUEUE", "QUEUE", "@nft 'udp dport 1 queue'", "@nft 'udp dport 1 accept'"] {
        let text = format!("table raw chain PREROUTING {{ {before}; proto tcp dport 21 CT helper ftp; }}");
        assert!(findings(&text).contains("would still come to `CT helper`"), "{before}");
    }
}
