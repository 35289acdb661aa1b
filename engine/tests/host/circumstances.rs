//! Matches on the type of service, on where a packet comes from, and on what its connection has brought.

use super::lowered::{Lowered, body, both, input};

#[track_caller]
fn check(rule: &str, expected: &str) {
    assert_eq!(input(rule), expected, "{rule}");
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    assert_eq!(Lowered::of(text).findings().trim_end(), expected, "{text}");
}

#[test]
fn types_of_service_are_classes_and_markings() {
    check("mod tos tos 0x10 ACCEPT;", "ip dscp 0x04 ip ecn not-ect accept");
    check("mod tos tos 0xb8/0xfc ACCEPT;", "ip dscp ef accept");
    check("mod tos tos 1/3 ACCEPT;", "ip ecn ect1 accept");
    check("mod tos tos Minimize-Delay ACCEPT;", "ip dscp { 0x04, af22, af42, 0x34 } ip ecn not-ect accept");
    check("mod tos tos 0/0 ACCEPT;", "meta nfproto ipv4 accept");
    check("mod tos tos (0x10 0x13) ACCEPT;", "ip dscp 0x04 ip ecn { not-ect, ce } accept");
    check("mod tos tos 0x10/0x0f ACCEPT; DROP;", "meta nfproto ipv4 drop");
    check("mod tos tos !0x10 ACCEPT;", "ip dscp 0x04 ip ecn != not-ect accept\nip dscp != 0x04 accept");
    assert_eq!(both("mod tos tos 0xb8/0xfc ACCEPT;"), "ip dscp ef accept\nip6 dscp ef accept");
    refused(
        "chain INPUT mod tos tos minimise-delay ACCEPT;",
        "error 1:25 `minimise-delay` `minimise-delay` is no type of service (did you mean `Minimize-Delay`?)",
    );
}

#[test]
fn congestion() {
    check("mod ecn ecn-ip-ect 3 ACCEPT;", "ip ecn ce accept");
    check("mod ecn ecn-ip-ect (0 1) ACCEPT;", "ip ecn { not-ect, ect1 } accept");
    check(
        "proto tcp mod ecn ecn-tcp-cwr ecn-tcp-ece ACCEPT;",
        "meta nfproto ipv4 tcp flags & cwr == cwr tcp flags & ecn == ecn accept",
    );
    assert_eq!(both("mod ecn ecn-ip-ect 2 ACCEPT;"), "ip ecn ect0 accept\nip6 ecn ect0 accept");
    refused(
        "chain INPUT mod ecn ecn-tcp-cwr ACCEPT;",
        "error 1:21 `ecn-tcp-cwr` `ecn-tcp-cwr` needs TCP (add `proto tcp` to the rule)",
    );
    refused(
        "chain INPUT mod ecn ecn-ip-ect 4 ACCEPT;",
        "error 1:32 `4` `4` is no value of ECN (write a number from 0 to 3)",
    );
}

#[test]
fn the_way_back() {
    let early = |rule: &str| body(&format!("domain (ip ip6) table raw chain PREROUTING {rule}"));
    assert_eq!(
        early("mod rpfilter ACCEPT;"),
        "ip saddr 0.0.0.0/8 fib saddr . iif oif != 0 accept\n\
         ip saddr != 0.0.0.0/8 fib saddr type != { broadcast, anycast } fib saddr . iif oif != 0 accept\n\
         ip6 saddr :: accept\n\
         ip6 saddr != :: fib saddr . iif oif != 0 accept"
    );
    assert_eq!(
        early("mod rpfilter invert DROP;"),
        "meta nfproto ipv4 fib saddr . iif oif 0 drop\n\
         ip saddr != 0.0.0.0/8 fib saddr type { broadcast, anycast } fib saddr . iif oif != 0 drop\n\
         ip6 saddr != :: fib saddr . iif oif 0 drop"
    );
    assert_eq!(
        early("mod rpfilter loose validmark invert DROP;"),
        "meta nfproto ipv4 fib saddr . mark oif 0 drop\n\
         ip saddr != 0.0.0.0/8 fib saddr type { broadcast, anycast } fib saddr . mark oif != 0 drop\n\
         ip6 saddr != :: fib saddr . mark oif 0 drop"
    );
    refused(
        "chain INPUT mod rpfilter ACCEPT;",
        "error 1:13 `mod rpfilter` `mod rpfilter` cannot match in chain INPUT (put the rule into `table raw chain PREROUTING`, or mangle's)",
    );
    refused(
        "table raw chain PREROUTING mod rpfilter accept-local ACCEPT;",
        "error 1:41 `accept-local` `accept-local` of rpfilter has no form in nftables here (accept packets from the host's own addresses before: mod addrtype src-type LOCAL)",
    );
}

#[test]
fn what_connections_have_brought() {
    let rule = |range: &str, direction: &str, mode: &str| {
        input(&format!("mod connbytes connbytes {range} connbytes-dir {direction} connbytes-mode {mode} ACCEPT;"))
    };
    assert_eq!(rule("1000:2000", "both", "bytes"), "meta nfproto ipv4 ct bytes 1000-2000 accept");
    assert_eq!(rule("5", "original", "packets"), "meta nfproto ipv4 ct original packets 5-18446744073709551615 accept");
    assert_eq!(rule("!:0x10", "reply", "avgpkt"), "meta nfproto ipv4 ct reply avgpkt != 0-16 accept");
    assert_eq!(rule("(1:2 8:9)", "original", "packets"), "meta nfproto ipv4 ct original packets { 1-2, 8-9 } accept");
    refused(
        "chain INPUT mod connbytes connbytes !5:5 connbytes-dir both connbytes-mode bytes ACCEPT;",
        "error 1:38 `5:5` iptables takes `!5:5` for `5:5` (write what is meant, without `!`: one range, or two)",
    );
    refused(
        "chain INPUT mod connbytes connbytes 5:3 connbytes-dir both connbytes-mode bytes ACCEPT;",
        "error 1:37 `5:3` `5:3` is no range of counts (write LEAST:, :MOST or LEAST:MOST)",
    );
    refused(
        "chain INPUT mod connbytes connbytes 5: connbytes-mode bytes ACCEPT;",
        "error 1:27 `connbytes 5:` connbytes needs `connbytes-dir` (add `connbytes-dir both` and `connbytes-mode bytes`)",
    );
}

#[test]
fn groups_of_interfaces_and_processors() {
    check("mod devgroup src-group 5 ACCEPT;", "meta nfproto ipv4 iifgroup 5 accept");
    check("mod devgroup src-group !default ACCEPT;", "meta nfproto ipv4 iifgroup != 0 accept");
    check("mod devgroup src-group 0x10/0xf0 ACCEPT;", "meta nfproto ipv4 iifgroup & 240 == 16 accept");
    check("mod cpu cpu (0 1) ACCEPT;", "meta nfproto ipv4 meta cpu { 0, 1 } accept");
    check("mod cpu cpu !1 ACCEPT;", "meta nfproto ipv4 meta cpu != 1 accept");
    assert_eq!(
        body("domain ip chain FORWARD mod devgroup src-group 1 dst-group (2 3) ACCEPT;"),
        "meta nfproto ipv4 iifgroup 1 oifgroup { 2, 3 } accept"
    );
    refused(
        "chain INPUT mod devgroup dst-group 5 ACCEPT;",
        "error 1:26 `dst-group 5` `dst-group` cannot match in input (packets have no such interface there)",
    );
    refused(
        "chain INPUT mod devgroup src-group lan ACCEPT;",
        "error 1:36 `lan` `lan` is no number of a group (write its number, which /etc/iproute2/group has)",
    );
}

#[test]
fn announced_segment_sizes() {
    check(
        "proto tcp mod tcpmss mss 536 ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp tcp option maxseg size 536 accept",
    );
    check(
        "proto tcp mod tcpmss mss :500 ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp tcp option maxseg size 0-500 accept",
    );
    check(
        "proto tcp mod tcpmss mss (:500 1461:) ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp tcp option maxseg size { 0-500, 1461-65535 } accept",
    );
    check(
        "proto tcp mod tcpmss mss : ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp tcp option maxseg size 0-65535 accept",
    );
    check(
        "proto tcp mod tcpmss mss !536 ACCEPT;",
        "meta nfproto ipv4 meta l4proto tcp tcp option maxseg missing accept\n\
         meta nfproto ipv4 meta l4proto tcp tcp option maxseg size != 536 accept",
    );
    refused(
        "chain INPUT mod tcpmss mss 536 ACCEPT;",
        "error 1:24 `mss 536` `mss` needs TCP (add `proto tcp` to the rule)",
    );
}

#[test]
fn ipsec() {
    check("proto esp mod esp espspi 256:300 ACCEPT;", "meta nfproto ipv4 esp spi 256-300 accept");
    check("proto esp mod esp espspi (7 0x11) ACCEPT;", "meta nfproto ipv4 esp spi { 7, 17 } accept");
    check("proto ah mod ah ahspi !5 ACCEPT;", "meta nfproto ipv4 ah spi != 5 accept");
    check("mod policy dir in pol ipsec ACCEPT;", "meta nfproto ipv4 meta ipsec exists accept");
    assert_eq!(body("domain (ip ip6) chain OUTPUT mod policy dir out pol none DROP;"), "rt ipsec missing drop");
    refused(
        "chain INPUT mod policy dir out pol none ACCEPT;",
        "error 1:24 `dir out` this direction of `mod policy` cannot match in input (write `dir in` for what comes in, `dir out` for what leaves)",
    );
    refused(
        "chain INPUT mod policy dir in pol ipsec proto esp ACCEPT;",
        "error 1:41 `proto esp` `proto` of policy has no form in nftables here (match the tunnel's addresses, or its protocol: proto esp)",
    );
    assert_eq!(
        body("domain ip6 chain INPUT mod ah ahspi 5 ahlen 24 ACCEPT;"),
        "meta nfproto ipv6 ah spi 5 ah hdrlength 4 accept"
    );
    refused(
        "domain ip6 chain INPUT proto udp mod ah ahspi 5 ACCEPT;",
        "error 1:41 `ahspi 5` `ahspi` cannot match beside another protocol (leave `proto` out)",
    );
    refused(
        "chain INPUT mod esp espspi 5 ACCEPT;",
        "error 1:21 `espspi 5` `espspi` needs the protocol esp (add `proto esp` to the rule)",
    );
}

#[test]
fn realms_and_control_groups() {
    check("mod realm realm 5 ACCEPT;", "meta nfproto ipv4 meta rtclassid 5 accept");
    check("mod realm realm 0x10/0xf0 ACCEPT;", "meta nfproto ipv4 meta rtclassid & 240 == 16 accept");
    assert_eq!(
        body("domain ip chain OUTPUT mod cgroup cgroup !5 ACCEPT;"),
        "meta nfproto ipv4 meta cgroup != 5 accept"
    );
    refused(
        "table raw chain PREROUTING mod realm realm 5 ACCEPT;",
        "error 1:38 `realm 5` `realm` cannot match in prerouting (packets have no route there)",
    );
    refused(
        "chain FORWARD mod cgroup cgroup 5 ACCEPT;",
        "error 1:26 `cgroup 5` `cgroup` cannot match in forward (packets have no socket there)",
    );
}
