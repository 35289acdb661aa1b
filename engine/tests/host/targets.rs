//! One target after the other.

use super::lowered::{Lowered, body, both, input, rules};

#[track_caller]
fn check(rule: &str, expected: &str) {
    assert_eq!(input(rule), expected, "{rule}");
}

#[track_caller]
fn nat(chain: &str, rule: &str, expected: &str) {
    assert_eq!(body(&format!("domain ip table nat chain {chain} {{ {rule} }}")), expected, "{rule}");
}

#[test]
fn reject_answers_in_the_words_of_its_family() {
    check("REJECT;", "meta nfproto ipv4 reject with icmp port-unreachable");
    check("proto tcp REJECT reject-with tcp-reset;", "meta nfproto ipv4 meta l4proto tcp reject with tcp reset");
    check("REJECT reject-with icmp-host-prohibited;", "meta nfproto ipv4 reject with icmp host-prohibited");
    assert_eq!(both("REJECT;"), "reject");
    assert_eq!(both("jump REJECT;"), "reject");
    assert_eq!(both("REJECT reject-with icmp-admin-prohibited;"), "reject with icmpx admin-prohibited");
    assert_eq!(both("REJECT reject-with icmp-host-unreachable;"), "reject with icmpx host-unreachable");
    assert_eq!(both("REJECT reject-with icmp-net-unreachable;"), "reject with icmpx no-route");
    assert_eq!(
        both("REJECT reject-with icmp-host-prohibited;"),
        "meta nfproto ipv4 reject with icmp host-prohibited\nmeta nfproto ipv6 reject with icmpv6 admin-prohibited"
    );
    assert_eq!(
        body("domain ip6 chain INPUT REJECT reject-with icmp6-policy-fail;"),
        "meta nfproto ipv6 reject with icmpv6 policy-fail"
    );
}

#[test]
fn logs_keep_their_options() {
    assert_eq!(both("LOG;"), "log");
    assert_eq!(
        both("LOG log-level 6 log-prefix 'in: ' log-tcp-sequence log-ip-options log-uid;"),
        "log prefix \"in: \" level info flags tcp sequence flags ip options flags skuid"
    );
    assert_eq!(both("LOG log-level warning;"), "log");
    assert_eq!(
        both("NFLOG nflog-group 5 nflog-prefix x nflog-threshold 10;"),
        "log prefix \"x\" group 5 queue-threshold 10"
    );
    assert_eq!(both("NFLOG;"), "log group 0");
}

#[test]
fn a_long_prefix_is_cut_as_iptables_cuts_it() {
    let lowered = Lowered::of("chain INPUT LOG log-prefix 'a prefix of more than twenty-nine bytes';");
    assert!(lowered.rules().contains("log prefix \"a prefix of more than twenty-\""), "{}", lowered.rules());
    let long = "é".repeat(40);
    let lowered = Lowered::of(&format!("chain INPUT NFLOG nflog-prefix '{long}';"));
    assert!(lowered.rules().contains(&format!("prefix \"{}\"", "é".repeat(31))), "{}", lowered.rules());
    assert!(lowered.findings().starts_with("warning 1:32 "), "{}", lowered.findings());
}

#[test]
fn a_log_with_an_array_or_a_limit_stays_as_many_rules_as_ferm_makes() {
    assert_eq!(both("proto tcp dport (22 23) LOG;"), "tcp dport 22 log\ntcp dport 23 log");
    assert_eq!(
        both("mod limit limit 1/second LOG;"),
        "meta nfproto ipv4 limit rate 1/second log\nmeta nfproto ipv6 limit rate 1/second log"
    );
    check(
        "saddr (10.0.0.1 10.0.0.2) mod limit limit 1/second proto tcp dport (1 2) ACCEPT;",
        "ip saddr 10.0.0.1 meta l4proto tcp limit rate 1/second tcp dport 1 accept\n\
         ip saddr 10.0.0.1 meta l4proto tcp limit rate 1/second tcp dport 2 accept\n\
         ip saddr 10.0.0.2 meta l4proto tcp limit rate 1/second tcp dport 1 accept\n\
         ip saddr 10.0.0.2 meta l4proto tcp limit rate 1/second tcp dport 2 accept",
    );
}

#[test]
fn ports_that_ferm_puts_into_one_rule_share_a_limit() {
    check(
        "proto tcp dports (22 80:90) mod limit limit 1/second ACCEPT;",
        "meta nfproto ipv4 tcp dport { 22, 80-90 } limit rate 1/second accept",
    );
    check("proto tcp sports (1 2) LOG;", "meta nfproto ipv4 tcp sport { 1, 2 } log");
    // One multiport match has room for 15.
    let ports: Vec<String> = (1..=16).map(|port| port.to_string()).collect();
    check(
        &format!("proto tcp dports ({}) mod limit limit 1/second ACCEPT;", ports.join(" ")),
        &format!(
            "meta nfproto ipv4 tcp dport {{ {} }} limit rate 1/second accept\n\
             meta nfproto ipv4 tcp dport 16 limit rate 1/second accept",
            ports[..15].join(", ")
        ),
    );
}

#[test]
fn destination_and_source_translation() {
    nat("PREROUTING", "proto tcp dport 80 DNAT to 10.0.0.5;", "meta nfproto ipv4 tcp dport 80 dnat ip to 10.0.0.5");
    nat(
        "PREROUTING",
        "proto tcp DNAT to 10.0.0.5:8080;",
        "meta nfproto ipv4 meta l4proto tcp dnat ip to 10.0.0.5:8080",
    );
    nat(
        "PREROUTING",
        "proto (tcp udp) dport 53 DNAT to :5353;",
        "meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat to :5353",
    );
    nat(
        "OUTPUT",
        "proto udp DNAT to 10.0.0.5-10.0.0.9:1-9 random persistent;",
        "meta nfproto ipv4 meta l4proto udp dnat ip to 10.0.0.5-10.0.0.9:1-9 random,persistent",
    );
    nat("POSTROUTING", "saddr 10.0.0.0/8 SNAT to 192.0.2.1;", "ip saddr 10.0.0.0/8 snat ip to 192.0.2.1");
    nat("POSTROUTING", "outerface eth0 MASQUERADE;", "meta nfproto ipv4 oifname \"eth0\" masquerade");
    nat(
        "POSTROUTING",
        "proto tcp MASQUERADE to-ports 1024-2048 random-fully;",
        "meta nfproto ipv4 meta l4proto tcp masquerade to :1024-2048 fully-random",
    );
    nat("PREROUTING", "proto tcp dport 80 REDIRECT to-ports 3128;", "meta nfproto ipv4 tcp dport 80 redirect to :3128");
    assert_eq!(
        body("domain ip6 table nat chain PREROUTING proto tcp dport 80 DNAT to '[2001:db8::5]:8080';"),
        "meta nfproto ipv6 tcp dport 80 dnat ip6 to [2001:db8::5]:8080"
    );
    assert_eq!(
        body("domain (ip ip6) table nat chain POSTROUTING outerface eth0 MASQUERADE;"),
        "oifname \"eth0\" masquerade"
    );
}

#[test]
fn marks() {
    let mangle = |rule: &str| body(&format!("domain (ip ip6) table mangle chain PREROUTING {rule}"));
    assert_eq!(mangle("MARK set-mark 1;"), "meta mark set 0x00000001");
    assert_eq!(mangle("MARK set-mark 0x10/0xf0;"), "meta mark set meta mark & 0xffffff1f | 0x00000010");
    assert_eq!(mangle("MARK set-xmark 0x10/0xff;"), "meta mark set meta mark & 0xffffff10 | 0x00000010");
    assert_eq!(mangle("MARK and-mark 0xff;"), "meta mark set meta mark & 0x000000ff");
    assert_eq!(mangle("MARK or-mark 0x1;"), "meta mark set meta mark | 0x00000001");
    assert_eq!(mangle("MARK xor-mark 0x1;"), "meta mark set meta mark ^ 0x00000001");
    assert_eq!(mangle("CONNMARK restore-mark;"), "meta mark set ct mark");
    assert_eq!(mangle("CONNMARK restore-mark ctmask 0xff;"), "meta mark set ct mark & 0x000000ff");
    assert_eq!(mangle("CONNMARK set-mark 0x1/0xf;"), "ct mark set ct mark & 0xfffffff1 | 0x00000001");
}

#[test]
fn part_of_a_mark_is_copied_bit_by_bit() {
    let steps = |rule: &str| {
        let rules = rules(&format!("table mangle chain PREROUTING {rule}"));
        let (chain, caller) = rules.split_once("pl_mangle_prerouting:").unwrap();
        assert!(caller.contains("meta nfproto ipv4 jump pl_h_mangle_"), "{rules}");
        chain.lines().skip(1).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        steps("CONNMARK save-mark nfmask 0x3 ctmask 0x6;"),
        [
            "ct state invalid,untracked return",
            "ct mark & 0x00000004 != 0x00000000 ct mark set ct mark & 0xfffffffb",
            "meta mark & 0x00000001 == 0x00000001 ct mark set ct mark ^ 0x00000001",
            "meta mark & 0x00000002 == 0x00000002 ct mark & 0x00000002 == 0x00000000 ct mark set ct mark | 0x00000002",
            "meta mark & 0x00000002 == 0x00000000 ct mark & 0x00000002 == 0x00000002 ct mark set ct mark & 0xfffffffd",
        ]
    );
    assert_eq!(steps("CONNMARK restore-mark mask 0xffff;").len(), 1 + 2 * 16);
    let none = Lowered::of("table mangle chain PREROUTING CONNMARK save-mark mask 1 nfmask 1;");
    assert!(none.findings().contains("`mask` stands for"), "{}", none.findings());
}

#[test]
fn chains_of_steps_count_for_the_depth() {
    let nested = |depth: usize| {
        let chains: Vec<String> = (0..depth).map(|n| format!("chain C{n} jump C{};\n", n + 1)).collect();
        let chains = chains.concat();
        let last = format!("chain C{depth} CONNMARK save-mark mask 0xff;");
        Lowered::of(&format!("domain ip table mangle {{ {chains}{last} chain INPUT jump C0; }}"))
    };
    let deep = nested(13);
    assert!(deep.diagnostics.is_empty(), "{}", deep.findings());
    super::nft::load(&deep.text());
    assert!(nested(14).findings().contains("levels deep"), "{}", nested(14).findings());
}

#[test]
fn a_connection_mark_that_touches_the_reserved_bit_is_found() {
    let text = "table mangle chain PREROUTING { CONNMARK save-mark; CONNMARK set-mark 1/0xff; CONNMARK or-mark 0x80000000; CONNMARK save-mark mask 0x7fff; }";
    let lowered = Lowered::of(text);
    assert_eq!(lowered.findings().lines().count(), 2, "{}", lowered.findings());
    assert!(lowered.findings().contains("0x80000000"));
}

#[test]
fn tables_become_base_chains_of_their_own() {
    let text = "domain (ip ip6) {
table raw chain PREROUTING proto udp dport 53 NOTRACK;
table mangle chain OUTPUT MARK set-mark 1;
table security chain INPUT ACCEPT;
chain PRE_DNAT proto tcp dport 6443 DROP;
}";
    assert_eq!(
        rules(text),
        "pl_mangle_output:
  meta mark set 0x00000001 comment \"3\"
pl_pre_dnat:
  tcp dport 6443 drop comment \"5\"
pl_raw_prerouting:
  udp dport 53 notrack comment \"2\"
pl_security_input:
  accept comment \"4\"
"
    );
}

#[test]
fn a_rule_keeps_its_own_comment_after_its_origin() {
    let text = "chain INPUT proto tcp dport 22 mod comment comment 'from the office' ACCEPT;";
    assert!(rules(text).contains("comment \"1 from the office\""), "{}", rules(text));
}

#[test]
fn fields_of_the_header_are_written() {
    let mangle = |rule: &str| body(&format!("domain (ip ip6) table mangle chain FORWARD {{ {rule} }}"));
    assert_eq!(
        mangle("proto tcp dport 22 DSCP set-dscp-class cs4;"),
        "meta nfproto ipv4 tcp dport 22 ip dscp set cs4\nmeta nfproto ipv6 tcp dport 22 ip6 dscp set cs4"
    );
    assert_eq!(mangle("saddr 192.0.2.1 TOS set-tos 0xb9;"), "ip saddr 192.0.2.1 ip ecn set ect1 ip dscp set ef");
    assert_eq!(mangle("TOS and-tos 0x03;"), "meta nfproto ipv4 ip dscp set cs0\nmeta nfproto ipv6 ip6 dscp set cs0");
    assert_eq!(mangle("saddr 192.0.2.1 TOS or-tos 0;"), "ip saddr 192.0.2.1");
    let hops = |domain: &str, rule: &str| body(&format!("domain {domain} table mangle chain FORWARD {{ {rule} }}"));
    assert_eq!(hops("ip", "TTL ttl-set 64;"), "meta nfproto ipv4 ip ttl set 64");
    assert_eq!(hops("ip6", "HL hl-set 64;"), "meta nfproto ipv6 ip6 hoplimit set 64");
}

#[test]
fn some_bits_of_a_class_are_written_in_a_chain_of_steps() {
    let rules = rules("domain ip table mangle chain FORWARD { proto tcp dport 22 TOS set-tos Minimize-Delay; }");
    let (chain, caller) = rules.split_once("pl_mangle_forward:").unwrap();
    let jump = caller.trim().split(' ').skip_while(|word| *word != "jump").nth(1).unwrap();
    assert!(caller.contains("tcp dport 22 ip ecn set not-ect jump pl_h_mangle_"), "{rules}");
    assert!(chain.contains(&format!("{jump}:\n")), "{rules}");
    let steps: Vec<&str> = chain.lines().skip(1).map(str::trim).collect();
    assert_eq!(steps.len(), 4, "{rules}");
    assert_eq!(steps[1], "ip dscp 0x10-0x1f ip dscp set af22 return", "{rules}");
    let rules = self::rules("domain ip6 table mangle chain FORWARD TOS xor-tos 4;");
    assert_eq!(rules.matches(" return\n").count(), 64, "{rules}");
    assert!(rules.contains("  ip6 dscp 0x03 ip6 dscp set 0x02 return\n"), "{rules}");
}

#[test]
fn zones_are_set_before_connection_tracking_and_helpers_behind_it() {
    let rules = rules(
        "domain (ip ip6) table raw chain PREROUTING {
proto udp dport 53 NOTRACK;
proto tcp dport 21 CT helper ftp;
proto udp dport (69 6969) CT helper tftp;
}
domain (ip ip6) table raw chain OUTPUT { interface lo CT zone 5; CT zone-orig 6; CT zone-reply 65535; }"
            .replace("interface lo", "outerface lo")
            .as_str(),
    );
    let expected = "pl_ct_prerouting:
  meta nfproto ipv4 tcp dport 21 ct helper set \"pl_helper_tcp_ip_ftp\" comment \"3\"
  meta nfproto ipv6 tcp dport 21 ct helper set \"pl_helper_tcp_ip6_ftp\" comment \"3\"
  meta nfproto ipv4 udp dport { 69, 6969 } ct helper set \"pl_helper_udp_ip_tftp\" comment \"4\"
  meta nfproto ipv6 udp dport { 69, 6969 } ct helper set \"pl_helper_udp_ip6_tftp\" comment \"4\"
pl_raw_output:
  oifname \"lo\" ct zone set 5 comment \"6\"
  ct original zone set 6 comment \"6\"
  ct reply zone set 65535 comment \"6\"
pl_raw_prerouting:
  udp dport 53 notrack comment \"2\"
";
    assert_eq!(rules, expected);
}

#[test]
fn networks_are_mapped_to_networks() {
    nat(
        "PREROUTING",
        "daddr 203.0.113.0/24 NETMAP to 10.1.2.0/24;",
        "ip daddr 203.0.113.0/24 dnat ip prefix to 10.1.2.0/24",
    );
    nat(
        "POSTROUTING",
        "saddr 10.1.2.0/24 NETMAP to 203.0.113.9/24;",
        "ip saddr 10.1.2.0/24 snat ip prefix to 203.0.113.0/24",
    );
    nat("OUTPUT", "NETMAP to 10.1.2.3;", "meta nfproto ipv4 dnat ip to 10.1.2.3");
    assert_eq!(
        body("domain ip6 table nat chain INPUT NETMAP to 2001:db8:1::/48;"),
        "meta nfproto ipv6 snat ip6 prefix to 2001:db8:1::/48"
    );
    let both = Lowered::of("table nat { chain X NETMAP to 10.0.0.0/8; chain (PREROUTING POSTROUTING) jump X; }");
    assert!(both.findings().contains("NETMAP changes the source or the destination"), "{}", both.findings());
    let holes = Lowered::of("table nat chain PREROUTING NETMAP to 10.0.0.0/255.0.255.0;");
    assert!(holes.findings().contains("is no network to translate to"), "{}", holes.findings());
}

#[test]
fn classes_and_traces_go_along_with_a_packet() {
    let mangle = |rule: &str| body(&format!("domain (ip ip6) table mangle chain POSTROUTING {{ {rule} }}"));
    assert_eq!(mangle("outerface eth0 CLASSIFY set-class 1:a0;"), "oifname \"eth0\" meta priority set 1:a0");
    assert_eq!(mangle("CLASSIFY set-class 0:0;"), "meta priority set none");
    assert_eq!(body("domain (ip ip6) table raw chain OUTPUT TRACE;"), "meta nftrace set 1");
    let refused = |text: &str, message: &str| {
        let lowered = Lowered::of(text);
        assert!(lowered.findings().contains(message), "{}", lowered.findings());
    };
    refused("table mangle chain POSTROUTING CLASSIFY set-class 1;", "`1` is no class (write MAJOR:MINOR");
    refused("table mangle chain PREROUTING CLASSIFY set-class 1:1;", "CLASSIFY is not possible in prerouting");
    refused("chain INPUT TRACE;", "TRACE is not allowed in table filter (write the rule in table raw)");
}

#[test]
fn segment_sizes_are_lowered_where_segments_announce_them() {
    let mangle = |chain: &str, rule: &str| body(&format!("domain (ip ip6) table mangle chain {chain} {{ {rule} }}"));
    assert_eq!(
        mangle("FORWARD", "proto tcp tcp-flags (SYN RST) SYN TCPMSS clamp-mss-to-pmtu;"),
        "tcp flags syn / syn,rst tcp option maxseg size set rt mtu"
    );
    assert_eq!(
        mangle("INPUT", "proto tcp dport (80 443) syn TCPMSS set-mss 1400;"),
        "tcp dport { 80, 443 } tcp flags syn / fin,syn,rst,ack tcp option maxseg size set 1400"
    );
}
