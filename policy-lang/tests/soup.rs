//! Whatever text comes in, the host front end ends, without a panic, and says something about what it leaves out.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "host/corpus.rs"]
mod corpus;
#[path = "host/disk.rs"]
mod disk;

use std::path::PathBuf;

use policy_lang::diagnostic::Severity;
use policy_lang::host::rule::Domain;
use policy_lang::host::{MemoryFiles, expand, parse};
use policy_lang::source::Sources;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::corpus::configurations;
use crate::disk::Disk;

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "domain",
    "ip",
    "ip6",
    "(ip ip6)",
    "table",
    "filter",
    "nat",
    "chain",
    "INPUT",
    "FOO",
    "(A B)",
    "policy",
    "ACCEPT",
    "DROP",
    "proto",
    "tcp",
    "udp",
    "icmp",
    "(tcp udp)",
    "dport",
    "sport",
    "dports",
    "22",
    "(1 2 3)",
    "saddr",
    "daddr",
    "192.0.2.1",
    "2001:db8::1",
    "mod",
    "state",
    "limit",
    "multiport",
    "comment",
    "tcp-flags",
    "syn",
    "icmp-type",
    "LOG",
    "log-prefix",
    "DNAT",
    "to",
    "REJECT",
    "jump",
    "goto",
    "NOP",
    "@if",
    "@else",
    "@eq(a, b)",
    "@not(0)",
    "@cat(a, $x)",
    "@ipfilter(($x 192.0.2.1 ::1))",
    "@defined($x)",
    "@substr(abc, -9, 2)",
    "@include \"t.ferm\"",
    "@include 'u.ferm'",
    "@glob(\"*\")",
    "@def $x =",
    "@def &f($p) =",
    "@def &g() =",
    "&f(",
    "&g()",
    "$x",
    "$p",
    "\"a $x b\"",
    "'$x'",
    "@subchain",
    "@gotosubchain",
    "\"s\"",
    "{",
    "}",
    "(",
    ")",
    ";",
    ";",
    ";",
    "!",
    ",",
    "=",
    "&",
    "$",
    "%",
    "\"",
    "'",
    "`",
    "#",
    "\n",
    "*",
    "é",
    "\\",
    "@",
    "interface",
    "eth0",
    "$DOMAIN",
    "$LINE",
    "()",
    "domain arp",
    "domain eb",
    "`echo a`",
    "@hook pre",
    "@preserve",
    "@resolve(host.example)",
    "@include 'echo|'",
    "recent",
    "set",
    "match-set",
    "u32",
    "cgroup",
    "1:ff",
    "TCPMSS",
    "DNAT to",
    "mark",
    "arp-htype",
    "opcode",
    "xyz",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn words_in_any_order_are_survived(words in proptest::collection::vec(select(WORDS), 0..60)) {
        survives(&words.join(" "));
    }

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}") {
        survives(&text);
    }

    #[test]
    fn good_configurations_with_something_missing_or_doubled_are_survived(
        file in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), select(WORDS)), 1..6),
    ) {
        let corpus = configurations("");
        let mut text: Vec<String> = pieces(&disk::text(file.get::<PathBuf>(&corpus).as_path()));
        for (at, other, word) in changes {
            let (at, other) = (at.index(text.len()), other.index(text.len()));
            match other % 3 {
                0 => text[at].clear(),
                1 => text.swap(at, other),
                _ => text[at].push_str(word),
            }
        }
        survives(&text.concat());
    }
}

#[test]
fn texts_that_ask_for_too_much_are_refused() {
    let deep = "chain A ".to_owned() + &"{ ".repeat(50_000);
    let doubling = (1..60).map(|n| format!("@def $x{n} = ($x{} $x{});", n - 1, n - 1)).collect::<Vec<_>>().concat();
    let calls = (1..60).map(|n| format!("@def &f{n}() = &f{}() &f{}();", n - 1, n - 1)).collect::<Vec<_>>().concat();
    let words: String = (0..60).map(|_| "@def $s = \"$s$s\";").collect();
    let deferred: String = (0..60).map(|_| "@def $d = @ipfilter(($d $d));").collect();
    let chained: String = (0..50_000).map(|_| "@def $d = @cat($d, a);").collect();
    let texts = [
        deep,
        "(".repeat(200_000),
        "chain A ".to_owned() + &"@if 1 ".repeat(100_000) + "ACCEPT;",
        format!("@def $x0 = (a b);{doubling}chain A saddr $x59 ACCEPT;"),
        format!("@def &f0() = saddr a;{calls}chain A &f59() ACCEPT;"),
        format!("@def $s = ab;{words}chain A comment $s ACCEPT;"),
        format!("@def $d = (::1 a);{deferred}chain A saddr $d ACCEPT;"),
        format!("@def $d = @ipfilter(a);{chained}chain A saddr $d ACCEPT;"),
        "@def &f() = &f() &f(); chain A &f() ACCEPT;".to_owned(),
        "@def &f() = { &f(); } chain A &f();".to_owned(),
        "@def &f($x) = { &f(($x $x)); } chain A &f((a b));".to_owned(),
        "@include 'u.ferm'; @include 'u.ferm';".to_owned(),
    ];
    for text in &texts[..11] {
        let start: String = text.chars().take(60).collect();
        assert!(survives(text) > 0 || text.contains("@if 1 @if"), "nothing is refused in {start}");
    }
}

#[test]
fn a_group_that_ends_in_a_wide_letter_and_not_in_a_bracket_is_told_between_letters() {
    for text in ["{&\u{d7b0}", "chain A { proto \u{d7b0}", "@def $x = (\u{d7b0}", "chain A @if @eq(a, \u{d7b0}"] {
        assert!(survives(text) > 0, "nothing is refused in {text}");
    }
}

/// Parses and expands. Returns the number of errors.
fn survives(text: &str) -> usize {
    let files = MemoryFiles::default()
        .with("t.ferm", text)
        .with("u.ferm", "@include 'v.ferm'; chain U { ACCEPT; $p }")
        .with("v.ferm", "@include 'u.ferm'; @def $x = (1 ::1 a);");
    let mut sources = Sources::default();
    let (rules, diagnostics) = parse("t.ferm", &files, &["$late=(1 2)".to_owned()], &mut sources);
    for domain in [Domain::Ip, Domain::Ip6, Domain::Arp, Domain::Eb] {
        let _text = expand::expand(&rules, domain);
    }
    for span in diagnostics.iter().filter_map(|diagnostic| diagnostic.span) {
        assert!(sources.text(span.source).get(span.start as usize..span.end as usize).is_some(), "{span:?}");
    }
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// Words, and the text between them.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut was_word = false;
    for letter in text.chars() {
        let is_word = letter.is_ascii_alphanumeric();
        if is_word != was_word || !is_word {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(letter);
        }
        was_word = is_word;
    }
    pieces
}

/// Every good configuration stays good with its files on disk: what the other tests break is not broken before.
#[test]
fn the_corpus_is_good() {
    for path in configurations("") {
        let mut sources = Sources::default();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (rules, diagnostics) = parse(&name, &Disk::new(path.parent().unwrap()), &[], &mut sources);
        let errors: Vec<_> = diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        assert!(!rules.chains.is_empty() || name == "nothing.ferm", "{name}");
    }
}
