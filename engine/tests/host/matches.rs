//! One match after the other.

use super::lowered::{Lowered, body, both, input};

#[track_caller]
fn check(rule: &str, expected: &str) {
    assert_eq!(input(rule), expected, "{rule}");
}

#[test]
fn addresses_interfaces_and_protocol_come_first_then_the_text() {
    check(
        "mod state state NEW proto tcp dport ssh interface !lo saddr 10.0.0.0/8 NOP;",
        "ip saddr 10.0.0.0/8 iifname != \"lo\" meta l4proto tcp ct state new tcp dport 22",
    );
    check(
        "mod limit limit 5/minute proto udp dport 53 ACCEPT;",
        "meta nfproto ipv4 meta l4proto udp limit rate 5/minute udp dport 53 accept",
    );
    check(
        "proto udp dport 53 mod limit limit 5/minute limit-burst 9 ACCEPT;",
        "meta nfproto ipv4 udp dport 53 limit rate 5/minute burst 9 packets accept",
    );
}

#[test]
fn addresses() {
    check("saddr 10.1.2.3 ACCEPT;", "ip saddr 10.1.2.3 accept");
    check("daddr !10.0.0.0/255.255.0.0 ACCEPT;", "ip daddr != 10.0.0.0/16 accept");
    check("saddr 0.0.0.0/0 ACCEPT;", "meta nfproto ipv4 accept");
    check("saddr !0.0.0.0/0 ACCEPT; daddr 10.0.0.1 DROP;", "ip daddr 10.0.0.1 drop");
    check("saddr 10.0.0.1/255.0.0.255 ACCEPT;", "ip saddr & 255.0.0.255 == 10.0.0.1 accept");
    check("saddr (10.0.0.1 10.0.0.9 10.0.0.1) ACCEPT;", "ip saddr { 10.0.0.1, 10.0.0.9 } accept");
    check("saddr (10.0.0.0/9 10.128.0.0/9 10.5.0.0/16) ACCEPT;", "ip saddr 10.0.0.0/8 accept");
    check("mod iprange src-range 10.0.0.3-10.0.0.9 ACCEPT;", "ip saddr 10.0.0.3-10.0.0.9 accept");
    check("mod iprange dst-range !10.0.0.0-10.0.0.255 ACCEPT;", "ip daddr != 10.0.0.0/24 accept");
}

#[test]
fn addresses_of_both_families_make_two_rules_and_an_empty_side_none() {
    assert_eq!(both("saddr (10.0.0.1 2001:db8::1) ACCEPT;"), "ip saddr 10.0.0.1 accept\nip6 saddr 2001:db8::1 accept");
    assert_eq!(both("saddr 10.0.0.1 ACCEPT;"), "ip saddr 10.0.0.1 accept");
    assert_eq!(both("saddr @ipfilter((2001:db8::1)) ACCEPT;"), "ip6 saddr 2001:db8::1 accept");
    assert_eq!(both("saddr !@ipfilter((10.0.0.1 10.0.0.3)) DROP;"), "ip saddr != { 10.0.0.1, 10.0.0.3 } drop");
}

#[test]
fn interfaces() {
    check("interface (lo eth0) ACCEPT;", "meta nfproto ipv4 iifname { \"lo\", \"eth0\" } accept");
    check("interface ppp+ ACCEPT;", "meta nfproto ipv4 iifname \"ppp*\" accept");
    check("interface !ppp+ ACCEPT;", "meta nfproto ipv4 iifname != \"ppp*\" accept");
    check(
        "interface (ppp+ eth0 eth1) ACCEPT;",
        "meta nfproto ipv4 iifname \"ppp*\" accept\nmeta nfproto ipv4 iifname { \"eth0\", \"eth1\" } accept",
    );
    check("interface + ACCEPT;", "meta nfproto ipv4 accept");
}

#[test]
fn protocols_and_ports() {
    check("proto tcp ACCEPT;", "meta nfproto ipv4 meta l4proto tcp accept");
    check("proto !(tcp) ACCEPT;", "meta nfproto ipv4 meta l4proto != tcp accept");
    check("proto all ACCEPT;", "meta nfproto ipv4 accept");
    check("proto 47 ACCEPT;", "meta nfproto ipv4 meta l4proto 47 accept");
    check("proto (tcp udp) dport domain ACCEPT;", "meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 accept");
    check("proto tcp sport 1024: dport !(22) ACCEPT;", "meta nfproto ipv4 tcp sport 1024-65535 tcp dport != 22 accept");
    check(
        "proto tcp dport (http https 8000:8010) ACCEPT;",
        "meta nfproto ipv4 tcp dport { 80, 443, 8000-8010 } accept",
    );
    check("proto udp dports (53 123) ACCEPT;", "meta nfproto ipv4 udp dport { 53, 123 } accept");
    check("proto sctp sport !1 ACCEPT;", "meta nfproto ipv4 sctp sport != 1 accept");
    check("proto udp mod multiport source-ports !(1 2) ACCEPT;", "meta nfproto ipv4 udp sport != { 1, 2 } accept");
    check("proto udplite dport 7 ACCEPT;", "meta nfproto ipv4 meta l4proto udplite th dport 7 accept");
    check(
        "proto tcp mod multiport ports (80 443) ACCEPT;",
        "meta nfproto ipv4 tcp sport { 80, 443 } accept\nmeta nfproto ipv4 tcp sport != { 80, 443 } tcp dport { 80, 443 } accept",
    );
    check(
        "proto tcp mod multiport ports !(80 443) ACCEPT;",
        "meta nfproto ipv4 tcp sport != { 80, 443 } tcp dport != { 80, 443 } accept",
    );
}

#[test]
fn tcp_flags() {
    check("proto tcp syn ACCEPT;", "meta nfproto ipv4 tcp flags syn / fin,syn,rst,ack accept");
    check(
        "proto tcp !syn mod state state NEW DROP;",
        "meta nfproto ipv4 tcp flags != syn / fin,syn,rst,ack ct state new drop",
    );
    check("proto tcp tcp-flags (SYN FIN) (SYN FIN) DROP;", "meta nfproto ipv4 tcp flags fin,syn / fin,syn drop");
    check("proto tcp tcp-flags ALL NONE DROP;", "meta nfproto ipv4 tcp flags ! fin,syn,rst,psh,ack,urg drop");
}

#[test]
fn icmp() {
    check("proto icmp ACCEPT;", "meta nfproto ipv4 meta l4proto icmp accept");
    check("proto icmp icmp-type any ACCEPT;", "meta nfproto ipv4 meta l4proto icmp accept");
    check(
        "proto icmp icmp-type (echo-request 11) ACCEPT;",
        "meta nfproto ipv4 icmp type { echo-request, time-exceeded } accept",
    );
    check(
        "proto icmp icmp-type fragmentation-needed ACCEPT;",
        "meta nfproto ipv4 icmp type destination-unreachable icmp code frag-needed accept",
    );
    check("proto icmp icmp-type !echo-request DROP;", "meta nfproto ipv4 icmp type != echo-request drop");
    check(
        "proto icmp icmp-type !3/4 DROP;",
        "meta nfproto ipv4 icmp type . icmp code != { destination-unreachable . frag-needed } drop",
    );
    assert_eq!(
        both("proto icmp icmp-type echo-request ACCEPT;"),
        "meta nfproto ipv4 icmp type echo-request accept\nmeta nfproto ipv6 icmpv6 type echo-request accept"
    );
    assert_eq!(
        body("domain ip6 chain INPUT proto icmpv6 icmpv6-type (neighbour-solicitation no-route) ACCEPT;"),
        "meta nfproto ipv6 icmpv6 type nd-neighbor-solicit accept\nmeta nfproto ipv6 icmpv6 type destination-unreachable icmpv6 code no-route accept"
    );
}

#[test]
fn connection_tracking() {
    assert_eq!(both("mod state state (ESTABLISHED RELATED) ACCEPT;"), "ct state established,related accept");
    assert_eq!(both("mod conntrack ctstate !(NEW INVALID) ACCEPT;"), "ct state ! invalid,new accept");
    assert_eq!(both("mod conntrack ctstate UNTRACKED ACCEPT;"), "ct state untracked accept");
    assert_eq!(both("mod conntrack ctstate DNAT ACCEPT;"), "ct status dnat accept");
    assert_eq!(
        both("mod conntrack ctstate (RELATED DNAT) ACCEPT;"),
        "ct state related accept\nct state ! related ct status dnat accept"
    );
    assert_eq!(both("mod conntrack ctstatus ASSURED ACCEPT;"), "ct status assured accept");
    assert_eq!(both("mod conntrack ctdir REPLY ACCEPT;"), "ct direction reply accept");
    check("mod conntrack ctorigdst 10.0.0.0/24 ACCEPT;", "meta nfproto ipv4 ct original ip daddr 10.0.0.0/24 accept");
    check(
        "proto tcp mod conntrack ctorigdstport 80 ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp ct original proto-dst 80 accept",
    );
}

/// A packet without a connection has no NAT status: it matches the negation, which nft's comparison does not say.
#[test]
fn a_negated_status_holds_for_packets_without_a_connection() {
    assert_eq!(
        both("mod conntrack ctstate !(RELATED DNAT) DROP;"),
        "ct state invalid,untracked drop\nct state ! invalid,related,untracked ct status ! dnat drop"
    );
    assert_eq!(
        both("mod conntrack ctstate !(INVALID UNTRACKED SNAT) DROP;"),
        "ct state ! invalid,untracked ct status ! snat drop"
    );
}

/// iptables looks at no other option of such a packet; a second module is another matter.
#[test]
fn the_state_of_packets_without_a_connection_decides_alone() {
    assert_eq!(
        both("mod conntrack ctstate UNTRACKED ctproto tcp DROP;"),
        "ct state untracked drop",
        "what has a connection is not untracked"
    );
    assert_eq!(
        both("mod conntrack ctdir REPLY ctstate (NEW INVALID) DROP;"),
        "ct state invalid drop\nct state new ct direction reply drop"
    );
    assert_eq!(
        both("mod conntrack ctstate !NEW ctstatus ASSURED DROP;"),
        "ct state invalid,untracked drop\nct state ! invalid,new,untracked ct status assured drop"
    );
    assert_eq!(both("mod conntrack ctstate NEW ctproto tcp DROP;"), "ct state new ct protocol tcp drop");
    assert_eq!(
        both("mod state state UNTRACKED mod conntrack ctproto tcp DROP;"),
        "ct state untracked ct protocol tcp drop"
    );
}

/// nft 1.0.6 would compare both ports at once.
#[test]
fn two_ports_that_must_differ_are_compared_apart() {
    check("proto tcp sport !1 dport !2 ACCEPT;", "meta nfproto ipv4 tcp sport != 1 tcp dport != 2-2 accept");
}

#[test]
fn unicast_of_ipv6_is_a_kind_of_address_and_not_of_route() {
    assert_eq!(
        both("mod addrtype dst-type UNICAST ACCEPT;"),
        "meta nfproto ipv4 fib daddr type unicast accept\nip6 daddr != { ::, ::ffff:0.0.0.0/96, ff00::/8 } accept"
    );
    assert_eq!(
        body("domain ip6 chain INPUT mod addrtype src-type !UNICAST DROP;"),
        "ip6 saddr { ::, ::ffff:0.0.0.0/96, ff00::/8 } drop"
    );
}

#[test]
fn metadata() {
    assert_eq!(both("mod mark mark 0x10 ACCEPT;"), "meta mark 0x00000010 accept");
    assert_eq!(both("mod mark mark !0x10/0xf0 ACCEPT;"), "meta mark & 0x000000f0 != 0x00000010 accept");
    assert_eq!(both("mod connmark mark (1 2) ACCEPT;"), "ct mark { 0x00000001, 0x00000002 } accept");
    assert_eq!(both("mod pkttype pkt-type broadcast DROP;"), "meta pkttype broadcast drop");
    assert_eq!(both("mod addrtype dst-type LOCAL ACCEPT;"), "fib daddr type local accept");
    assert_eq!(both("mod addrtype dst-type LOCAL limit-iface-in ACCEPT;"), "fib daddr . iif type local accept");
    assert_eq!(both("mod addrtype src-type !(LOCAL) DROP;"), "fib saddr type != local drop");
    assert_eq!(both("mod length length 100:200 DROP;"), "meta length 100-200 drop");
    assert_eq!(both("mod mac mac-source 02:00:5E:00:53:01 ACCEPT;"), "ether saddr 02:00:5e:00:53:01 accept");
    check("fragment DROP;", "ip frag-off & 8191 != 0 drop");
    check("!fragment DROP;", "ip frag-off & 8191 == 0 drop");
    assert_eq!(
        body("domain (ip ip6) chain OUTPUT { mod owner uid-owner (root 100-200) ACCEPT; mod owner gid-owner 0 DROP; }"),
        "meta skuid { 0, 100-200 } accept\nmeta skgid 0 drop"
    );
}

#[test]
fn a_limit_without_options_has_the_defaults() {
    check("mod limit ACCEPT;", "meta nfproto ipv4 limit rate 3/hour accept");
    check("mod limit limit 10 ACCEPT;", "meta nfproto ipv4 limit rate 10/second accept");
    check("mod limit limit 10/h ACCEPT;", "meta nfproto ipv4 limit rate 10/hour accept");
}

#[test]
fn classes_of_service_and_hops() {
    assert_eq!(both("mod dscp dscp 0x2e ACCEPT;"), "ip dscp 46 accept\nip6 dscp 46 accept".replace("46", "ef"));
    check("mod dscp dscp-class (AF11 cs1) DROP;", "ip dscp { cs1, af11 } drop");
    check("mod ttl ttl-eq (1 64) DROP;", "ip ttl { 1, 64 } drop");
    check("mod ttl ttl-lt 2 DROP;", "ip ttl 0-1 drop");
    check("mod ttl ttl-gt 254 DROP;", "ip ttl 255 drop");
    check("mod ttl ttl-lt 0 DROP; mod ttl ttl-gt 255 DROP; ACCEPT;", "meta nfproto ipv4 accept");
    assert_eq!(body("domain ip6 chain INPUT mod hl hl-eq !255 DROP;"), "ip6 hoplimit != 255 drop");
}

#[test]
fn a_quota_counts_the_packet_that_reaches_it() {
    check("proto udp mod quota quota 1000 ACCEPT;", "meta nfproto ipv4 meta l4proto udp quota 1001 bytes accept");
}

#[test]
fn a_limit_for_each_address_is_a_dynamic_set() {
    let lowered = Lowered::of(
        "domain (ip ip6) chain INPUT proto tcp dport (22 23) mod hashlimit hashlimit-upto 3/minute \
         hashlimit-mode (srcip dstport) hashlimit-name ssh ACCEPT;",
    );
    let text = lowered.text();
    assert_eq!(lowered.table.sets.len(), 2, "{text}");
    for line in [
        "type ipv4_addr . inet_service",
        "type ipv6_addr . inet_service",
        "flags dynamic,timeout",
        "timeout 1m",
        "size 65535",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    for (family, address) in [("4", "ip saddr"), ("6", "ip6 saddr")] {
        for port in [22, 23] {
            let update = format!("_ssh_{family} {{ {address} . th dport limit rate 3/minute }} counter");
            let n = text
                .lines()
                .filter(|line| line.contains(&update) && line.contains(&format!("tcp dport {port}")))
                .count();
            assert_eq!(n, 1, "{update} in {text}");
        }
    }
}

#[test]
fn limits_of_other_words_are_other_sets() {
    let set = |words: &str| {
        let lowered = Lowered::of(&format!("chain INPUT mod hashlimit hashlimit-name a {words} DROP;"));
        lowered.table.sets.into_iter().next().expect("the limit has a set")
    };
    let (name, of) =
        set("hashlimit-above 5/second hashlimit-burst 9 hashlimit-htable-max 7 hashlimit-htable-expire 1500");
    assert_eq!(of.spec.size.map(std::num::NonZeroU32::get), Some(7));
    assert_eq!(of.spec.timeout, Some(std::time::Duration::from_millis(1_500)));
    assert_ne!(set("hashlimit-above 5/second").0, name);
    assert_eq!(set("hashlimit-above 5/second").0, set("hashlimit-upto 5/second").0);
    assert_ne!(set("hashlimit-above 5/second").0, set("hashlimit-above 5/second hashlimit-mode srcip").0);
}

#[test]
fn lists_of_addresses_are_sets_that_forget() {
    let lowered = Lowered::of(
        "chain INPUT { mod recent name bad update seconds 60 DROP; proto tcp dport 135 mod recent name bad set rdest \
         DROP; mod recent name bad !rcheck seconds 60 ACCEPT; }",
    );
    let text = lowered.text();
    assert_eq!(lowered.findings(), "");
    let (name, set) = lowered.table.sets.first_key_value().expect("the list is a set");
    assert_eq!((lowered.table.sets.len(), set.spec.timeout), (1, Some(std::time::Duration::from_secs(60))));
    let name = name.as_str();
    for expected in [
        format!("ip saddr @{name} update @{name} {{ ip saddr }} counter"),
        format!("tcp dport 135 update @{name} {{ ip daddr }} counter"),
        format!("ip saddr != @{name} counter"),
    ] {
        assert!(text.contains(&expected), "{expected} in {text}");
    }
}

#[test]
fn what_is_remembered_is_of_the_rules_own_family() {
    // The address alone would say so, and too late: packets of the other family would have used the limit up.
    assert_eq!(
        input("mod limit limit 5/hour limit-burst 3 mod iprange dst-range !192.0.2.1-192.0.2.9 ACCEPT;"),
        "meta nfproto ipv4 limit rate 5/hour burst 3 packets ip daddr != 192.0.2.1-192.0.2.9 accept"
    );
    assert_eq!(
        input("daddr 192.0.2.1 mod limit limit 5/hour limit-burst 3 ACCEPT;"),
        "ip daddr 192.0.2.1 limit rate 5/hour burst 3 packets accept"
    );
}
