//! Refusals: every one has its place and a hint, and what is refused fails closed.

use super::lowered::Lowered;
use super::nft;

/// A rule of INPUT in domain ip: its findings.
#[track_caller]
fn check(rule: &str, expected: &str) {
    let lowered = Lowered::of(&format!("chain INPUT {{\n{rule}\n}}"));
    assert_eq!(lowered.findings().trim_end(), expected, "{rule}");
    nft::load(&lowered.text());
}

#[test]
fn operands_are_refused_where_they_stand() {
    check(
        "saddr 10.0.0.0/33 ACCEPT;",
        "error 2:7 `10.0.0.0/33` `10.0.0.0/33` is no address (write an address, ADDRESS/BITS or ADDRESS/MASK)",
    );
    check(
        "saddr 2001:db8::1 ACCEPT;",
        "error 2:7 `2001:db8::1` `2001:db8::1` is an IPv6 address in domain ip (put the rule into `domain (ip ip6)`)",
    );
    check(
        "proto tcp dport 99999 ACCEPT;",
        "error 2:17 `99999` `99999` is no port (write a number up to 65535 or a range LOW:HIGH)",
    );
    check(
        "proto tcp dport htpps ACCEPT;",
        "error 2:17 `htpps` `htpps` is no service of this protocol (did you mean `https`?)",
    );
    check("proto tpc ACCEPT;", "error 2:7 `tpc` `tpc` is no protocol (did you mean `tcp`?)");
    check(
        "interface eth0:1 ACCEPT;",
        "error 2:11 `eth0:1` `eth0:1` is no interface name (an alias is not an interface: match its address with daddr)",
    );
    check("mod state state NEWS ACCEPT;", "error 2:17 `NEWS` `NEWS` is no connection state (did you mean `NEW`?)");
    check(
        "proto icmp icmp-type echo-reqest ACCEPT;",
        "error 2:22 `echo-reqest` `echo-reqest` is no ICMP type (did you mean `echo-request`?)",
    );
    check(
        "mod limit limit 5/fortnight ACCEPT;",
        "error 2:17 `5/fortnight` `5/fortnight` is no rate (write NUMBER/second, /minute, /hour or /day)",
    );
    check(
        "REJECT reject-with icmp6-no-route;",
        "error 2:20 `icmp6-no-route` `icmp6-no-route` is no answer in domain ip (write icmp-port-unreachable, icmp-admin-prohibited or tcp-reset)",
    );
    check("LOG log-level loud;", "error 2:15 `loud` `loud` is no log level (write a level from emerg to debug)");
    check(
        "mod conntrack ctstatus NONE ACCEPT;",
        "error 2:24 `NONE` `NONE` is no connection status (write EXPECTED, SEEN_REPLY, ASSURED or CONFIRMED)",
    );
    check(
        "mod conntrack ctstate (NEW UNTRACKED) ctproto tcp mod limit limit 5/minute ACCEPT;",
        "error 2:15 `ctstate (NEW UNTRACKED)` a packet without a connection is judged by its state alone, which one rule cannot say beside what remembers packets (write two rules: one of INVALID and UNTRACKED alone, and one of the other states with the rest)",
    );
    check("mod conntrack ctproto all ACCEPT;", "error 2:23 `all` `all` is every protocol (leave the match out)");
    check(
        "mod mark mark red ACCEPT;",
        "error 2:15 `red` `red` is no mark (write a number or NUMBER/MASK, decimal or hexadecimal)",
    );
}

#[test]
fn places_are_checked() {
    check(
        "outerface eth0 ACCEPT;",
        "error 2:1 `outerface eth0` `outerface` cannot match in chain INPUT (packets have no such interface in input)",
    );
    check(
        "mod owner uid-owner 0 ACCEPT;",
        "error 2:11 `uid-owner 0` `uid-owner` cannot match in input (only OUTPUT and POSTROUTING know the sending process)",
    );
    check("NOTRACK;", "error 2:1 `NOTRACK` NOTRACK is not allowed in table filter (write the rule in table raw)");
    check(
        "MASQUERADE;",
        "error 2:1 `MASQUERADE` MASQUERADE is not allowed in table filter (write the rule in table nat)",
    );
    check(
        "REJECT reject-with tcp-reset;",
        "error 2:20 `tcp-reset` `tcp-reset` needs TCP (add `proto tcp` to the rule)",
    );
    let custom = Lowered::of("table nat { chain X SNAT to 192.0.2.1; chain PREROUTING jump X; }");
    assert_eq!(
        custom.findings(),
        "error 1:21 `SNAT` SNAT is not possible in prerouting, which reaches chain X (write the rule in chain POSTROUTING or INPUT)\n"
    );
}

#[test]
fn calls_are_checked() {
    let text = "chain LOGDROP DROP; chain INPUT { jump LOGDORP; jump FORWARD; }\ndomain ip6 chain INPUT jump LOGDROP;";
    let lowered = Lowered::of(text);
    assert_eq!(
        lowered.findings(),
        "error 1:40 `LOGDORP` chain `LOGDORP` is not defined in table filter of domain ip (did you mean `LOGDROP`?)
error 1:54 `FORWARD` `FORWARD` is a built-in chain of table filter of domain ip (only custom chains can be called)
error 2:29 `LOGDROP` chain `LOGDROP` is not defined in table filter of domain ip6 (define the chain in this table and domain)
"
    );
    nft::load(&lowered.text());
    let own = Lowered::of("chain PRE_DNAT policy DROP; chain INPUT jump PRE_DNAT;");
    assert!(own.findings().contains("`PRE_DNAT` is a built-in chain"), "{}", own.findings());
}

#[test]
fn a_loop_is_refused_once_and_named() {
    let lowered =
        Lowered::of("chain A jump B;\nchain B jump C;\nchain C jump A;\nchain INPUT jump A;\nchain D jump D;");
    let findings = lowered.findings();
    assert_eq!(findings.lines().count(), 2, "{findings}");
    assert!(findings.contains("error 3:14 `A` chain C calls `A`, which calls it again"), "{findings}");
    assert!(findings.contains("error 5:14 `D` chain D calls `D`"), "{findings}");
    nft::load(&lowered.text());
}

#[test]
fn what_lets_packets_pass_is_left_out_and_what_holds_them_back_becomes_a_drop() {
    let text = "chain INPUT {
proto tcp dport 99999 ACCEPT;
saddr 10.0.0.0/99 proto tcp dport 23 DROP;
saddr 10.0.0.0/99 proto tcp dport 24 REJECT;
saddr 10.0.0.0/99 mod limit limit 1/second RETURN;
saddr 10.0.0.9 jump NOWHERE;
saddr 10.0.0.0/99 LOG;
proto tcp dport 25 ACCEPT;
}";
    let lowered = Lowered::of(text);
    assert_eq!(lowered.diagnostics.len(), 6, "{}", lowered.findings());
    assert_eq!(
        lowered.rules(),
        "pl_input:
  meta nfproto ipv4 tcp dport 23 drop comment \"3 refused, dropped instead\"
  meta nfproto ipv4 tcp dport 24 drop comment \"4 refused, dropped instead\"
  meta nfproto ipv4 drop comment \"5 refused, dropped instead\"
  ip saddr 10.0.0.9 drop comment \"6 refused, dropped instead\"
  meta nfproto ipv4 tcp dport 25 accept comment \"8\"
"
    );
    nft::load(&lowered.text());
}

#[test]
fn impossible_policies_are_refused() {
    let policies = Lowered::of("chain X { policy DROP; }\ntable nat chain PREROUTING policy DROP;");
    let findings = policies.findings();
    assert!(findings.contains("custom chain X cannot have a policy"), "{findings}");
    assert!(findings.contains("table nat cannot have `policy DROP`"), "{findings}");
}

#[test]
fn an_owner_that_must_not_be_is_doubtful() {
    let lowered = Lowered::of("domain (ip ip6) chain OUTPUT mod owner uid-owner !root DROP;");
    assert!(lowered.findings().starts_with("warning 1:40 `uid-owner !root`"), "{}", lowered.findings());
    assert_eq!(lowered.diagnostics.len(), 1);
    assert!(lowered.rules().contains("meta skuid != 0 drop"), "{}", lowered.rules());
}

#[test]
fn an_error_in_both_domains_is_reported_once() {
    let lowered = Lowered::of("domain (ip ip6) chain INPUT proto tcp dport 99999 ACCEPT;");
    assert_eq!(lowered.diagnostics.len(), 1);
}

#[test]
fn arrays_that_cannot_be_folded_are_bounded() {
    let ports: Vec<String> = (1..=300).map(|port| port.to_string()).collect();
    let ports = ports.join(" ");
    let lowered = Lowered::of(&format!("chain INPUT proto tcp sport ({ports}) dport ({ports}) LOG;"));
    assert!(lowered.findings().contains("more than 65536 rules"), "{}", lowered.findings());
    let folded = Lowered::of(&format!("chain INPUT proto tcp sport ({ports}) dport ({ports}) ACCEPT;"));
    assert!(folded.diagnostics.is_empty());
    assert!(folded.rules().lines().count() == 2);
}

#[test]
fn fields_of_the_header_have_their_family_and_their_bounds() {
    check(
        "mod hl hl-eq 1 DROP;",
        "error 2:8 `hl-eq 1` `hl-eq` is a match of domain ip6 only (put the rule into `domain ip6`, or use `mod ttl`)",
    );
    check("mod ttl ttl-eq 256 DROP;", "error 2:16 `256` `256` is no number of hops (write a number from 0 to 255)");
    check("mod dscp dscp 64 DROP;", "error 2:15 `64` `64` is no class of service (write a number from 0 to 63)");
    check("mod dscp dscp-class AF14 DROP;", "error 2:21 `AF14` `AF14` is no class of service (did you mean `AF11`?)");
    check(
        "mod quota quota much DROP;",
        "error 2:11 `quota much` `much` is no number of bytes (write a number of bytes)",
    );
}

#[test]
fn what_cannot_be_written_into_a_header_is_refused() {
    check("DSCP set-dscp 1;", "error 2:1 `DSCP` DSCP is not allowed in table filter (write the rule in table mangle)");
    let mangle = |rule: &str, expected: &str| {
        let lowered = Lowered::of(&format!("table mangle chain FORWARD {{\n{rule}\n}}"));
        assert_eq!(lowered.findings().trim_end(), expected, "{rule}");
        nft::load(&lowered.text());
    };
    mangle("DSCP set-dscp 64;", "error 2:15 `64` `64` is no class of service (write a number from 0 to 63)");
    mangle("DSCP set-dscp-class AF14;", "error 2:21 `AF14` `AF14` is no class of service (did you mean `AF11`?)");
    mangle(
        "DSCP;",
        "error 2:1 `DSCP` DSCP needs exactly one of set-dscp and set-dscp-class (write `DSCP set-dscp-class EF`)",
    );
    mangle(
        "TOS set-tos 256;",
        "error 2:13 `256` `256` is no type of service (write a number from 0 to 255, or NUMBER/MASK)",
    );
    mangle(
        "TOS and-tos 0xfe;",
        "error 2:5 `and-tos 0xfe` `and-tos` changes one of the two bits of congestion notification (nftables writes both or neither: leave the lower two bits of the octet alone, or set both)",
    );
    mangle(
        "TTL ttl-dec 1;",
        "error 2:5 `ttl-dec 1` `ttl-dec` of TTL has no form in nftables here (nftables adds nothing to a field: write the number, `ttl-set 64`)",
    );
    mangle(
        "HL hl-set 1;",
        "error 2:1 `HL` HL is a target of domain ip6 only (put the rule into `domain ip6`, or use TTL)",
    );
}

#[test]
fn a_helper_that_other_rules_decide_about_is_refused() {
    let raw = |rules: &str, expected: &str| {
        let lowered = Lowered::of(&format!("table raw {{ chain PREROUTING {{\n{rules}\n}} chain X NOP; }}"));
        assert_eq!(lowered.findings().trim_end(), expected, "{rules}");
        nft::load(&lowered.text());
    };
    let ftp = "proto tcp dport 21 CT helper ftp;";
    raw(&format!("saddr 192.0.2.1 DROP; NOTRACK saddr 192.0.2.2; {ftp} ACCEPT;"), "");
    raw(
        &format!("saddr 192.0.2.1 ACCEPT; {ftp}"),
        "error 2:1 `saddr 192.0.2.1 ACCEPT;` a packet that this rule takes would still come to `CT helper` (write the rule after `CT helper`)",
    );
    raw(
        &format!("{ftp} jump X;"),
        "error 2:35 `jump X;` where this rule leads decides whether packets come to `CT helper` of the same chain (write the called chain's rules here, without the call)",
    );
    raw(
        &format!("{ftp} NOTRACK;"),
        "error 2:35 `NOTRACK;` a packet that has a helper is tracked (write the rule before `CT helper`)",
    );
    raw(
        &format!("CT zone 1; {ftp}"),
        "error 2:1 `CT zone 1;` of a zone and a helper for one packet iptables takes the first; here they are set apart (set zones or helpers in this chain, not both)",
    );
    raw(
        "CT helper ftp;",
        "error 2:4 `helper ftp` `helper` needs a protocol that helpers read (add `proto tcp` or `proto udp` to the rule)",
    );
    raw("proto tcp CT helper 'f t';", "error 2:21 `'f t'` `f t` is no helper (write a name such as ftp, tftp or sip)");
    raw(
        "proto tcp mod state state NEW CT helper ftp;",
        "error 2:21 `state NEW` `state` is asked in table raw, before connection tracking knows anything (leave the match out: helpers are for new connections only)",
    );
    raw(
        "CT zone mark;",
        "error 2:9 `mark` a zone that is the packet's mark has no form in nftables here (write a rule for each mark, with its zone)",
    );
    raw("CT zone 65536;", "error 2:9 `65536` `65536` is no zone (write a number from 0 to 65535)");
    raw(
        "CT ctevents (new destroy);",
        "error 2:4 `ctevents (new destroy)` `ctevents` of CT has no form in nftables here (leave the option out, and choose where they are read: conntrack -E -e NEW,DESTROY)",
    );
    raw(
        "CT zone 1 notrack;",
        "error 2:1 `CT` CT takes one option (write the one that matters: of several rules the first counts)",
    );
}

#[test]
fn a_segment_size_wants_segments_that_announce_one() {
    let help = "(add `proto tcp tcp-flags (SYN RST) SYN` to the rule)";
    let message = "TCPMSS needs a match of segments that open a connection: no others announce a size";
    check("proto tcp TCPMSS set-mss 1400;", &format!("error 2:11 `TCPMSS` {message} {help}"));
    check("proto tcp !syn TCPMSS set-mss 1400;", &format!("error 2:16 `TCPMSS` {message} {help}"));
    check("proto tcp tcp-flags (SYN ACK) ACK TCPMSS set-mss 1400;", &format!("error 2:35 `TCPMSS` {message} {help}"));
    check(
        "proto tcp syn TCPMSS clamp-mss-to-pmtu;",
        "error 2:15 `TCPMSS` clamp-mss-to-pmtu is not possible in input, which reaches chain INPUT (write the rule in chain FORWARD or OUTPUT or POSTROUTING)",
    );
    check(
        "proto tcp syn TCPMSS set-mss 65496;",
        "error 2:30 `65496` `65496` is no maximum segment size (write a number from 0 to 65495)",
    );
    check(
        "proto tcp syn TCPMSS;",
        "error 2:15 `TCPMSS` TCPMSS needs exactly one of clamp-mss-to-pmtu and set-mss (write `TCPMSS clamp-mss-to-pmtu`)",
    );
}

#[test]
fn limits_for_each_address_are_refused_where_nothing_says_the_same() {
    let rule = |words: &str| format!("mod hashlimit hashlimit-name a hashlimit-upto 5/second {words} ACCEPT;");
    check(
        &rule("hashlimit-htable-size 8"),
        "error 2:56 `hashlimit-htable-size 8` `hashlimit-htable-size` has no form in nftables here (leave it out: sets of nftables grow and forget by themselves)",
    );
    check(
        &rule("hashlimit-mode srcport"),
        "error 2:15 `hashlimit-name a` `hashlimit-mode` with ports needs a protocol that has ports (add `proto tcp`, udp, sctp, dccp or udplite to the rule)",
    );
    check(
        &rule("hashlimit-mode srcipp"),
        "error 2:71 `srcipp` `srcipp` is no mode of hashlimit (did you mean `srcip`?)",
    );
    check(
        "mod hashlimit hashlimit-name a hashlimit-above 512kb/s DROP;",
        "error 2:48 `512kb/s` `512kb/s` counts bytes: iptables in pieces of 16 and one more for each packet, nftables each byte (limit packets instead: NUMBER/second)",
    );
    check(
        "mod hashlimit hashlimit-name a hashlimit-upto 2/day ACCEPT;",
        "error 2:15 `hashlimit-name a` a burst of 5 comes back in more than a day at this rate, which iptables miscounts (write a lower hashlimit-burst, or a higher rate)",
    );
    check(
        "mod hashlimit hashlimit-upto 5/second ACCEPT;",
        "error 2:15 `hashlimit-upto 5/second` hashlimit needs a name (add `hashlimit-name NAME`: rules of one name share their limits)",
    );
    check(
        "mod hashlimit hashlimit-name a ACCEPT;",
        "error 2:15 `hashlimit-name a` hashlimit needs exactly one of hashlimit-upto and hashlimit-above (write `hashlimit-upto 10/second` or `hashlimit-above 10/second`)",
    );
    check(
        "mod hashlimit hashlimit-name a hashlimit-upto 5/second ACCEPT;\nmod hashlimit hashlimit-name a hashlimit-upto 6/second ACCEPT;",
        "error 3:15 `hashlimit-name a` `hashlimit-name a` has other options at t.ferm:2 (iptables takes those of whichever rule it loads first: write the same, or use another name)",
    );
}

#[test]
fn lists_of_addresses_are_refused_where_a_set_does_not_know() {
    let list = "mod recent name a rcheck seconds 60 ACCEPT;\n";
    let check = |rule: &str, expected: &str| check(&format!("{list}{rule}"), expected);
    check(
        "mod recent name b set DROP;",
        "error 3:12 `name b` no rule of this domain asks who is in the list `b`, so how long is not said (add a rule with `rcheck seconds N` or `update seconds N`, or leave this one out)",
    );
    check(
        "mod recent name a rcheck DROP;",
        "error 3:12 `name a` iptables remembers an address until 100 others came, if no `seconds` are given (add `seconds N`: how long it is to be remembered)",
    );
    check(
        "mod recent name a !update seconds 60 DROP;",
        "error 3:20 `update` `update` with `!` has no form in nftables here (write `!rcheck`, or a rule for the others before)",
    );
    check(
        "mod recent name a DROP;",
        "error 3:12 `name a` recent needs exactly one of set, rcheck, update and remove (write `set`, `rcheck seconds N` or `update seconds N`)",
    );
    check(
        "mod recent name a update seconds 60 hitcount 33 DROP;",
        "error 3:46 `33` `33` is no number of packets that can be counted (write a number from 0 to 32)",
    );
    check(
        "mod recent name a !rcheck seconds 60 hitcount 4 DROP;",
        "error 3:20 `rcheck` `!rcheck` with `hitcount` has no form in nftables here (write a rule for those who came so often before, with `rcheck`)",
    );
    check(
        "mod recent name a update seconds 60 rttl DROP;",
        "error 3:37 `rttl` `rttl` of recent has no form in nftables here (leave it out: whoever can forge the source can forge the time to live)",
    );
    check(
        "mod recent name b update seconds 60 hitcount 4 RETURN;",
        "error 3:12 `name b` a rule that counts packets and then leaves its chain has no form in nftables here (write two rules: this one with NOP, and one with the same matches, but for recent, and the target)",
    );
}
