//! `@nft`: what its texts become, judged by nft, which reads the same texts.

use std::ops::ControlFlow;

use engine::apply::apply;
use engine::compile::builder::TableBuilder;
use engine::compile::host::{Names, Options, lower};
use engine::compile::options::STANDARD;
use engine::inventory::Inventory;
use engine::observed::{RuleContent, TableFlags};
use engine::resolve::Resolver;
use engine::ruleset::{Expr, Field, Match, Ruleset};
use policy_lang::host::{MemoryFiles, parse};
use policy_lang::source::Sources;

use super::fixture::{nft, ours, scratch, table};

/// Texts with conditions of every kind, by the chain that they may stand in.
const TEXTS: &[(&str, &str)] = &[
    ("INPUT", "tcp dport 22 accept"),
    ("INPUT", "tcp dport != 22 drop"),
    ("INPUT", "udp dport { 53, 1024-2047, 5353 } accept"),
    ("INPUT", "tcp dport != { 22, 80 } drop"),
    ("INPUT", "meta l4proto { tcp, udp } th dport domain accept"),
    ("INPUT", "ip saddr 192.0.2.0/24 accept"),
    ("INPUT", "ip saddr != 192.0.2.7 drop"),
    ("INPUT", "ip saddr 192.0.2.3-192.0.2.9 drop"),
    ("INPUT", "ip6 saddr { 2001:db8::/32, fe80::1 } accept"),
    ("INPUT", "ip saddr . tcp dport { 192.0.2.1 . 22, 192.0.2.0/28 . 80-90 } accept"),
    ("INPUT", "ip saddr . meta mark != { 192.0.2.1 . 1, 192.0.2.2 . 0x2 } drop"),
    ("INPUT", "iifname \"eth0\" accept"),
    ("INPUT", "iifname eth* accept"),
    ("INPUT", "meta iifname { eth0, lo } accept"),
    ("INPUT", "iifname . ip saddr { eth0 . 192.0.2.1, lo . 127.0.0.1 } accept"),
    ("INPUT", "ct state established,related accept"),
    ("INPUT", "ct state new accept"),
    ("INPUT", "ct state { new, untracked } accept"),
    ("INPUT", "ct state != established drop"),
    ("INPUT", "ct state == new drop"),
    ("INPUT", "ct status dnat accept"),
    ("INPUT", "ct status ! dnat drop"),
    ("INPUT", "ct mark & 0xff == 0x10 accept"),
    ("INPUT", "ct mark and 0xff == 0x10 accept"),
    ("INPUT", "ct original ip daddr 192.0.2.0/24 accept"),
    ("INPUT", "ct direction reply accept"),
    ("INPUT", "tcp flags syn accept"),
    ("INPUT", "tcp flags syn,ack accept"),
    ("INPUT", "tcp flags syn / fin,syn,rst,ack accept"),
    ("INPUT", "tcp flags & (fin | syn | rst | ack) == syn accept"),
    ("INPUT", "tcp flags & (fin | syn) == fin | syn drop"),
    ("INPUT", "tcp flags & syn != syn drop"),
    ("INPUT", "tcp flags != syn drop"),
    ("INPUT", "tcp option maxseg size 1-500 drop"),
    ("INPUT", "meta mark 7 accept"),
    ("INPUT", "meta mark & 0xff00 != 0 accept"),
    ("INPUT", "meta length 1000-1500 drop"),
    ("INPUT", "meta pkttype { broadcast, multicast } drop"),
    ("INPUT", "icmp type echo-request limit rate 10/second accept"),
    ("INPUT", "icmp type { echo-request, echo-reply } icmp code 0 accept"),
    ("INPUT", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"),
    ("INPUT", "ip6 hoplimit 255 accept"),
    ("INPUT", "ip dscp ef accept"),
    ("INPUT", "ip dscp { cs1, 0x02 } accept"),
    ("INPUT", "ip ecn ce drop"),
    ("INPUT", "ip frag-off & 0x1fff != 0 drop"),
    ("INPUT", "ether saddr 02:00:5e:00:53:01 accept"),
    ("INPUT", "fib saddr type local drop"),
    ("INPUT", "fib daddr . iif type != { local, broadcast, multicast } drop"),
    ("INPUT", "limit rate over 100/minute burst 20 packets drop"),
    ("INPUT", "limit rate 10 mbytes/second burst 9000 bytes accept"),
    ("INPUT", "quota over 25 mbytes drop"),
    ("INPUT", "quota until 100 bytes accept"),
    ("INPUT", "meta nfproto ipv6 meta l4proto ipv6-icmp accept"),
    ("INPUT", "numgen inc mod 3 0 drop"),
    ("INPUT", "udp sport . udp dport { 67 . 68, 547 . 546 } accept"),
    ("INPUT", "log prefix \"in: \" level info flags skuid drop"),
    ("INPUT", "log group 2 snaplen 64 queue-threshold 8 accept"),
    ("INPUT", "reject"),
    ("INPUT", "tcp dport 113 reject with tcp reset"),
    ("INPUT", "ip saddr 192.0.2.1 reject with icmp host-prohibited"),
    ("INPUT", "reject with icmpx admin-prohibited"),
    ("INPUT", "esp spi 256-512 accept"),
    ("INPUT", "meta l4proto esp return"),
    ("INPUT", "tcp option sack-perm exists accept"),
    ("INPUT", "tcp option 77 missing drop"),
    ("INPUT", "exthdr rt exists drop"),
    ("INPUT", "exthdr frag missing accept"),
    ("INPUT", "rt type 0 drop"),
    ("INPUT", "hbh hdrlength 1-255 drop"),
    ("INPUT", "sctp chunk init exists drop"),
    ("INPUT", "dccp type { request, response } accept"),
    ("INPUT", "ct expiration 10s-60s accept"),
    ("INPUT", "ct reply ip saddr 192.0.2.1 accept"),
    ("INPUT", "socket transparent 1 accept"),
    ("OUTPUT", "meta skuid root tcp dport 25 accept"),
    ("OUTPUT", "meta skuid != 0-999 tcp dport 25 reject with tcp reset"),
    ("OUTPUT", "oifname \"eth1\" meta skgid 5 accept"),
    ("FORWARD", "iifname \"eth0\" oifname \"eth1\" accept"),
    ("FORWARD", "rt ipsec missing ip saddr 10.0.0.0/8 drop"),
];

/// The expressions of a rule that says this and nothing else.
#[track_caller]
fn ours_of(chain: &str, text: &str) -> Ruleset {
    let file = format!("domain (ip ip6) chain {chain} @nft '{text}';");
    // An answer of one family has a place in one only.
    let file = if text.contains("with icmp ") { file.replace("(ip ip6)", "ip") } else { file };
    let mut sources = Sources::default();
    let (rules, found) = parse("t", &MemoryFiles::default().with("t", &file), &[], &mut sources);
    assert_eq!(found, [], "{text}");
    let (names, inventory) = (Names::built_in(), Inventory::default());
    let mut builder = TableBuilder::default();
    let options = Options { names: &names, sources: &sources, reserved_connection_mark: 0, pods: &STANDARD };
    let (_, found) = lower(&rules, &Resolver::new(&inventory), &mut builder, options);
    assert_eq!(found, [], "{text}");
    Ruleset { tables: [(ours(), builder.finish(None))].into() }
}

/// The counter that every rule has, and the test of the family of those that remember packets for each.
fn is_added(expr: &Expr, text: &str) -> bool {
    let is_guard = matches!(expr, Expr::Match(Match { field: Field::NfProto, .. })) && !text.contains("nfproto");
    is_guard || *expr == Expr::Counter
}

#[test]
fn nft_reads_every_text_as_it_is_read_here() {
    let (mut judged, mut differing) = (0, Vec::new());
    for (chain, text) in TEXTS {
        let desired = ours_of(chain, text);
        let (mut here, mut of_nft) = (Vec::new(), Vec::new());
        scratch(|kernel| {
            apply(kernel, &desired, TableFlags::default(), &mut |_| ControlFlow::Continue(())).unwrap();
            nft("add chain inet palisade judge");
            nft(&format!("add rule inet palisade judge {text}"));
            for (name, chain) in &table(kernel).chains {
                let texts = if name.as_str() == "judge" { &mut of_nft } else { &mut here };
                for rule in &chain.rules {
                    let RuleContent::Known(rule) = &rule.content else { panic!("{text}: {rule:?}") };
                    texts.push(rule.exprs.iter().filter(|expr| !is_added(expr, text)).cloned().collect::<Vec<_>>());
                }
            }
        });
        if of_nft.is_empty() {
            continue;
        }
        if here.is_empty() || here.iter().any(|exprs| *exprs != of_nft[0]) {
            differing.push(format!("{text}: {here:#?}\n{of_nft:#?}"));
        }
        judged += 1;
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(judged == TEXTS.len() || judged == 0, "{judged}");
}
