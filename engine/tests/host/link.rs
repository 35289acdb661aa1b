//! Rules of `domain arp` and `domain eb`: what they become, that nft takes it, and what is refused.

use std::fmt::Write as _;

use engine::compile::host::Names;
use engine::compile::{HostInput, compile_host, failsafe};
use engine::render;
use engine::ruleset::{Family, Ruleset, TableKey};
use policy_lang::host::{MemoryFiles, Surroundings, parse_in};
use policy_lang::source::Sources;

use super::nft;

/// The rules of one family's table, and every finding.
#[track_caller]
fn lowered(family: Family, text: &str) -> (String, String) {
    let mut sources = Sources::default();
    let files = MemoryFiles::default().with("t.ferm", text);
    let (rules, mut found) = parse_in("t.ferm", Surroundings::of_files(&files), &[], &mut sources);
    assert_eq!(found, []);
    let (names, failsafes) = (Names::built_in(), &failsafe::NONE);
    let (ruleset, lowering) = compile_host(HostInput { rules: &rules, names: &names, sources: &sources, failsafes });
    found.extend(lowering);
    nft::load(&render::ruleset(&ruleset));
    let mut findings = String::new();
    for finding in &found {
        let span = finding.span.unwrap();
        let at = sources.position(span.source, span.start);
        let help = finding.help.as_deref().unwrap();
        writeln!(findings, "{} {}:{} {} ({help})", finding.severity, at.line, at.column, finding.message).unwrap();
    }
    (shown(&ruleset, family), findings)
}

/// Without what every rule has.
fn shown(ruleset: &Ruleset, family: Family) -> String {
    let Some(table) = ruleset.tables.get(&TableKey::ours(family)) else { return "no table".to_owned() };
    let mut out = String::new();
    for (name, chain) in &table.chains {
        let hook = chain.base.map(|base| format!(" {} {} {}", base.chain_type, base.hook, base.priority));
        writeln!(out, "{name}{}:", hook.unwrap_or_default()).unwrap();
        for rule in &chain.rules {
            let text = render::rule(rule).replace("counter packets 0 bytes 0", "").replace("t.ferm:", "");
            let text = text.replace("arp htype 1 arp hlen 6 arp plen 4", "…").replace("  ", " ");
            writeln!(out, "  {}", text.trim()).unwrap();
        }
    }
    out
}

/// The conditions and the verdict of the only rule of a chain.
#[track_caller]
fn one(family: Family, chain: &str, rule: &str) -> String {
    let domain = if family == Family::Arp { "arp" } else { "eb" };
    let (text, findings) = lowered(family, &format!("domain {domain} chain {chain} {{ {rule} }}"));
    assert_eq!(findings, "", "{rule}");
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.split(" comment ").next().unwrap().trim()).collect();
    lines.join("\n")
}

/// What is said of a rule that is refused.
#[track_caller]
fn refused(domain: &str, text: &str, message: &str, help: &str) {
    let family = if domain == "arp" { Family::Arp } else { Family::Bridge };
    let (_, findings) = lowered(family, &format!("domain {domain} {text}"));
    assert!(findings.contains(message) && findings.contains(help), "{text}: {findings}");
}

#[test]
fn arp_has_a_table_with_what_arptables_tests_in_every_rule() {
    let text = "domain arp table filter {
chain INPUT { policy DROP; saddr (10.0.0.1 10.0.0.2) interface eth+ ACCEPT; jump known; }
chain OUTPUT destination-mac !ff:ff:ff:ff:ff:ff h-type 6 DROP;
chain known { opcode Reply source-mac 02:00:5e:00:53:01/ff:ff:ff:00:00:00 RETURN; proto-type ipv4 DROP; }
}";
    let (rules, findings) = lowered(Family::Arp, text);
    assert_eq!(findings, "");
    let called = rules.split("_known:").next().unwrap().to_owned() + "_known";
    assert_eq!(
        rules,
        format!(
            "{called}:
  … arp operation reply arp saddr ether & ff:ff:ff:00:00:00 == 02:00:5e:00:00:00 return comment \"4\"
  arp htype 1 arp ptype ip arp hlen 6 arp plen 4 drop comment \"4\"
pl_input filter input 0:
  iifname \"eth*\" … arp saddr ip {{ 10.0.0.1, 10.0.0.2 }} accept comment \"2\"
  … jump {called} comment \"2\"
  drop comment \"2 policy DROP\"
pl_output filter output 0:
  arp htype 6 arp hlen 6 arp plen 4 arp daddr ether != ff:ff:ff:ff:ff:ff drop comment \"3\"
"
        )
    );
}

#[test]
fn a_bridge_has_ebtables_chains_and_says_the_type_of_frames_first() {
    let text = "domain eb {
table filter chain FORWARD { policy DROP; proto ARP saddr 02:00:5e:00:53:01 arp-ip-src 10.0.0.1 interface p0 ACCEPT; }
table filter chain INPUT proto (IPv4 ARP) DROP;
table nat { chain PREROUTING daddr Broadcast DROP; chain OUTPUT RETURN; chain POSTROUTING { proto LENGTH ACCEPT; policy DROP; } }
}";
    let (rules, findings) = lowered(Family::Bridge, text);
    assert_eq!(findings, "");
    assert_eq!(
        rules,
        "pl_filter_forward filter forward -200:
  ether saddr 02:00:5e:00:53:01 iifname \"p0\" ether type arp arp ptype ip arp hlen 6 arp plen 4 arp saddr ip 10.0.0.1 accept comment \"2\"
  drop comment \"2 policy DROP\"
pl_filter_input filter input -200:
  ether type { ip, arp } drop comment \"3\"
pl_nat_output filter output 100:
  return comment \"4\"
pl_nat_postrouting filter postrouting 300:
  ether type 0x0000-0x05ff accept comment \"4\"
  drop comment \"4 policy DROP\"
pl_nat_prerouting filter prerouting -300:
  ether daddr ff:ff:ff:ff:ff:ff drop comment \"4\"
"
    );
}

#[test]
fn words_of_bridged_packets_become_fields_of_their_headers() {
    for (rule, expected) in [
        (
            "proto IPv4 ip-src 10.0.0.0/8 ip-proto tcp ip-dport 22:80 DROP;",
            "ether type ip ip frag-off & 8191 == 0 ip saddr 10.0.0.0/8 tcp dport 22-80 drop",
        ),
        (
            "proto IPv6 ip6-proto (tcp udp) ip6-dport 53 DROP;",
            "ether type ip6 meta l4proto { tcp, udp } th dport 53 drop",
        ),
        ("proto IPv4 ip-tos 0x10 DROP;", "ether type ip ip dscp 0x04 ip ecn not-ect drop"),
        ("proto 802_1Q vlan-id (5 6) DROP;", "ether type 8021q vlan id { 5, 6 } drop"),
        ("proto 802_1Q vlan-prio 3 vlan-encap 0806 DROP;", "ether type 8021q vlan pcp 3 vlan type arp drop"),
        ("limit 3/minute limit-burst 7 ACCEPT;", "limit rate 3/minute burst 7 packets accept"),
        ("mark (5 /6) DROP;", "meta mark 0x00000005 drop\nmeta mark & 0x00000006 != 0x00000000 drop"),
        ("log log-prefix \"x\" DROP;", "log prefix \"x\" level notice flags ether drop"),
        ("log-level debug NOP;", "log level debug flags ether"),
        ("MARK set-mark 5;", "meta mark set 0x00000005 accept"),
        ("MARK set-mark 5 mark-target CONTINUE;", "meta mark set 0x00000005"),
        (
            "among-src (02:00:5e:00:53:01 02:00:5e:00:53:02) DROP;",
            "ether saddr { 02:00:5e:00:53:01, 02:00:5e:00:53:02 } drop",
        ),
        ("pkttype-type !otherhost jump DROP;", "meta pkttype != other drop"),
    ] {
        assert_eq!(one(Family::Bridge, "FORWARD", rule), expected, "{rule}");
    }
}

#[test]
fn a_chain_of_ebtables_accepts_at_its_end_unless_it_says_something_else() {
    let text =
        |policy: &str| format!("domain eb {{ chain FORWARD jump own; chain own {{ {policy} proto ARP DROP; }} }}");
    let end = |policy: &str| {
        let (rules, findings) = lowered(Family::Bridge, &text(policy));
        let own = rules.split_once("_own:\n").unwrap().1.split("\npl_").next().unwrap();
        (own.lines().last().unwrap().trim().to_owned(), findings)
    };
    assert_eq!(end("policy RETURN;"), ("ether type arp drop comment \"1\"".to_owned(), String::new()));
    assert_eq!(end("policy DROP;"), ("drop comment \"1 policy DROP\"".to_owned(), String::new()));
    let (rule, findings) = end("");
    assert_eq!(rule, "accept comment \"1 policy ACCEPT\"");
    assert!(findings.contains("what reaches the end of chain own is accepted"), "{findings}");
}

#[test]
fn what_cannot_be_is_refused_with_an_alternative() {
    refused("arp", "chain FORWARD DROP;", "domain arp has no chain FORWARD", "`domain eb`");
    refused("arp", "table nat chain INPUT DROP;", "domain arp has no table nat", "INPUT and OUTPUT of table filter");
    refused("arp", "chain INPUT goto x; domain arp chain x DROP;", "domain arp has no `goto`", "`jump`");
    refused("arp", "chain INPUT h-length 8 DROP;", "`h-length` can be 6 only", "leave it out");
    refused("arp", "chain INPUT saddr 2001:db8::1 DROP;", "ARP is about those of IPv4", "icmpv6");
    refused("arp", "chain INPUT opcode ARP_NAK DROP;", "`ARP_NAK` is no operation here", "write the number");
    refused("arp", "chain INPUT outerface eth0 DROP;", "`outerface` cannot match in chain INPUT", "no such interface");
    refused("arp", "chain INPUT mangle-ip-s 10.0.0.1 ACCEPT;", "`mangle-ip-s` has no form", "arp_ignore");
    refused("arp", "{ chain INPUT jump a; chain a jump b; chain b jump a; }", "which calls it again", "circles");
    refused("arp", "{ chain INPUT jump b; chain a policy DROP; }", "chain `b` is not defined", "did you mean `a`");
    refused("eb", "table broute chain BROUTING DROP;", "domain eb has no table broute", "out of the bridge");
    refused("eb", "chain FORWARD logical-in br0 DROP;", "`logical-in` has no form", "interface, outerface");
    refused("eb", "chain FORWARD proto IPv4 ip-dport 22 DROP;", "needs a protocol that has ports", "ip-proto tcp");
    refused("eb", "chain FORWARD proto IPv4 ip-tos 10 DROP;", "that every ebtables reads alike", "0x00 to 0xff");
    refused("eb", "chain FORWARD proto 802_1Q vlan-id 5 vlan-prio 3 DROP;", "leaves `vlan-prio` out", "two rules");
    refused("eb", "chain FORWARD proto 802_1Q vlan-prio (3 5) DROP;", "`vlan-prio` takes one priority", "for each");
    refused("eb", "chain FORWARD proto ARP !arp-gratuitous DROP;", "`arp-gratuitous` has no form", "arp-ip-src");
    refused("eb", "chain FORWARD among-src '02:00:5e:00:53:01=10.0.0.1' DROP;", "pairs of addresses", "ip-src");
    refused("eb", "chain FORWARD stp-type 1 DROP;", "`stp-type` has no form", "BGA");
    refused("eb", "table nat chain PREROUTING dnat to-destination 02:00:5e:00:53:01;", "target `dnat`", "tc");
    refused("eb", "chain FORWARD saddr 02:00:5e:00:53 DROP;", "is no hardware address", "six bytes");
    refused("eb", "chain FORWARD policy RETURN;", "no such policy in nftables", "ACCEPT or DROP");
}

#[test]
fn what_is_refused_fails_closed_and_domains_without_rules_have_no_table() {
    let text = "domain eb chain FORWARD { saddr 02:00:5e:00:53:01 stp-type 1 DROP; stp-type 1 ACCEPT; ACCEPT; }";
    let (rules, _) = lowered(Family::Bridge, text);
    assert_eq!(
        rules,
        "pl_filter_forward filter forward -200:
  ether saddr 02:00:5e:00:53:01 drop comment \"1 refused, dropped instead\"
  accept comment \"1\"
"
    );
    assert_eq!(lowered(Family::Arp, "domain arp chain INPUT policy ACCEPT;").0, "no table");
    assert_eq!(lowered(Family::Arp, "domain ip chain INPUT DROP;").0, "no table");
}
