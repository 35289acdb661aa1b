//! Tests of the language as a whole: text in, iptables-save text, rules and findings out.

use std::fmt::Write as _;

use super::*;
use crate::diagnostic::Severity;
use crate::host::rule::{Action, Domain, HostRule, Operands};

/// What a configuration says: findings, then the rules of both domains without the chains' headers.
fn check(text: &str, expected: &[&str]) {
    check_with(text, &[], expected);
}

fn check_with(text: &str, definitions: &[&str], expected: &[&str]) {
    let (rules, diagnostics, sources) = read(text, definitions);
    let mut lines = Vec::new();
    for diagnostic in &diagnostics {
        let position = diagnostic.span.map(|span| sources.position(span.source, span.start));
        let at = position.map_or_else(String::new, |position| format!("{}:{}", position.line, position.column));
        lines.push(format!("{} {at} {}", diagnostic.severity, diagnostic.message));
    }
    for domain in [Domain::Ip, Domain::Ip6] {
        let text = expand::expand(&rules, domain);
        lines.extend(text.lines().filter_map(|line| line.strip_prefix("-A ")).map(|line| format!("{domain} {line}")));
    }
    assert_eq!(lines, expected);
}

fn read(text: &str, definitions: &[&str]) -> (HostRules, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let files = MemoryFiles::default().with("t.ferm", text).with("d/a.inc", "ACCEPT;").with("d/b.inc", "&missing();");
    let definitions: Vec<String> = definitions.iter().map(|definition| (*definition).to_owned()).collect();
    let (rules, diagnostics) = parse("t.ferm", &files, &definitions, &mut sources);
    (rules, diagnostics, sources)
}

/// The rules of a configuration without errors.
fn rules(text: &str) -> Vec<(Domain, HostRule)> {
    let (rules, diagnostics, _) = read(text, &[]);
    assert!(diagnostics.iter().all(|finding| finding.severity != Severity::Error), "{diagnostics:?}");
    let rules = rules.chains.into_iter().flat_map(|chain| {
        let domain = chain.domain;
        chain.rules.into_iter().map(move |rule| (domain, rule))
    });
    rules.collect()
}

/// Each match as `keyword/module !operands`, a word that came out of a list variable as `word<VARIABLE>`.
fn matches(rule: &HostRule) -> String {
    let mut text = String::new();
    for part in &rule.matches {
        let not = if part.negated { "!" } else { "" };
        write!(text, "{}/{} {not}", part.keyword, part.module.unwrap_or("-")).unwrap();
        let (kind, words) = match &part.operands {
            Operands::Flag => ("flag", vec![]),
            Operands::OneOf(words) => ("one", words.iter().collect()),
            Operands::Joined(words) => ("joined", words.iter().collect()),
            Operands::Repeated(words) => ("repeated", words.iter().collect()),
            Operands::Pair(mask, comparison) => ("pair", mask.iter().chain(comparison).collect()),
        };
        text.push_str(kind);
        for word in words {
            let variable = word.variable.as_ref().map_or(String::new(), |name| format!("<{name}>"));
            write!(text, " {}{variable}", word.text).unwrap();
        }
        text.push_str("; ");
    }
    text.trim_end().to_owned()
}

#[test]
fn the_first_array_is_the_outermost_loop() {
    check(
        "chain INPUT saddr (1.1.1.1 2.2.2.2) proto (tcp udp) dport 1 ACCEPT;",
        &[
            "ip INPUT --source 1.1.1.1 --protocol tcp --dport 1 --jump ACCEPT",
            "ip INPUT --source 1.1.1.1 --protocol udp --dport 1 --jump ACCEPT",
            "ip INPUT --source 2.2.2.2 --protocol tcp --dport 1 --jump ACCEPT",
            "ip INPUT --source 2.2.2.2 --protocol udp --dport 1 --jump ACCEPT",
        ],
    );
}

#[test]
fn the_rules_keep_arrays_lists_and_the_variables_they_came_by() {
    let text =
        "@def $ADMINS = (1.1.1.1 ::1); @def $ALL = ($ADMINS 2.2.2.2); @def $PORT = 22; @def &f($who) = saddr $who;
        chain INPUT proto tcp { &f($ADMINS) daddr $ALL dport $PORT ACCEPT; dports (1 2) mod state state (NEW) DROP;
        tcp-flags (SYN ACK) SYN saddr ($ADMINS 3.3.3.3) RETURN; mod limit NOP; }";
    let found: Vec<String> = rules(text).iter().map(|(_, rule)| matches(rule)).collect();
    assert_eq!(
        found,
        [
            "proto/- one tcp; saddr/- one 1.1.1.1<ADMINS> ::1<ADMINS>; \
             daddr/- one 1.1.1.1<ALL> ::1<ALL> 2.2.2.2<ALL>; dport/- one 22;",
            "proto/- one tcp; dports/multiport joined 1 2; state/state joined NEW;",
            "proto/- one tcp; tcp-flags/tcp pair SYN ACK SYN; saddr/- one 1.1.1.1<ADMINS> ::1<ADMINS> 3.3.3.3;",
            "proto/- one tcp; mod/limit flag;",
        ]
    );
}

#[test]
fn rules_of_one_pass_over_the_same_words_share_their_number() {
    let text = "@def &open($port) = { chain INPUT proto tcp dport $port ACCEPT; }
        domain (ip ip6) {
            &open(22);
            @if @eq($DOMAIN, ip6) chain INPUT proto icmp ACCEPT;
            &open(80);
            chain (INPUT FORWARD) proto udp @subchain { DROP; }
        }
        domain (ip ip6) chain INPUT RETURN;
        chain OUTPUT RETURN;";
    let mut by_number = std::collections::BTreeMap::<u32, Vec<String>>::new();
    for (domain, rule) in rules(text) {
        let line = rule.origin.place.unwrap().line;
        by_number.entry(rule.provenance).or_default().push(format!("{domain}:{line}"));
    }
    let mut groups: Vec<String> = by_number.values().map(|group| group.join(" ")).collect();
    groups.sort();
    // Two calls of one function, two passes over `chain (…)` and their subchains: each with its own number.
    let expected = [
        "ip6:4",
        "ip:1 ip6:1",
        "ip:1 ip6:1",
        "ip:6 ip6:6",
        "ip:6 ip6:6",
        "ip:6 ip6:6",
        "ip:6 ip6:6",
        "ip:8 ip6:8",
        "ip:9",
    ];
    assert_eq!(groups, expected);
}

#[test]
fn a_negated_list_of_addresses_keeps_its_meaning() {
    let text = "domain (ip ip6) chain INPUT saddr !@ipfilter((1.1.1.1 2.2.2.2 ::1)) DROP;";
    let found: Vec<String> = rules(text).iter().map(|(_, rule)| matches(rule)).collect();
    assert_eq!(found, ["saddr/- !one 1.1.1.1 2.2.2.2;", "saddr/- !one ::1;"]);
    check(text, &["ip INPUT ! --source 1.1.1.1,2.2.2.2 --jump DROP", "ip6 INPUT ! --source ::1 --jump DROP"]);
}

#[test]
fn a_negated_address_of_the_other_family_makes_no_rule_there() {
    check("domain (ip ip6) chain INPUT saddr !10.0.0.1 DROP;", &["ip INPUT ! --source 10.0.0.1 --jump DROP"]);
}

#[test]
fn a_long_log_prefix_is_cut_with_a_warning() {
    check(
        "chain INPUT LOG log-prefix \"0123456789012345678901234567é\";",
        &[
            "warning 1:28 this log prefix is longer than 29 bytes",
            "ip INPUT --jump LOG --log-prefix 0123456789012345678901234567",
        ],
    );
}

#[test]
fn skipped_characters_are_reported_where_they_are() {
    check(
        "chain INPUT {\n    interface eth* dport [80] ACCEPT;\n}",
        &[
            "warning 2:18 `*` has no meaning outside a string and is skipped",
            "warning 2:26 `[` has no meaning outside a string and is skipped",
            "warning 2:29 `]` has no meaning outside a string and is skipped",
            "error 2:20 `dport` needs a protocol before it",
        ],
    );
}

#[test]
fn definitions_from_outside_win() {
    let text = "@def $p = 9; chain INPUT proto tcp { dport $p ACCEPT; { @def $p = 8; sport $p ACCEPT; } }";
    let both = [
        "ip INPUT --protocol tcp --dport 1 --jump ACCEPT",
        "ip INPUT --protocol tcp --dport 2 --jump ACCEPT",
        "ip INPUT --protocol tcp --sport 1 --jump ACCEPT",
        "ip INPUT --protocol tcp --sport 2 --jump ACCEPT",
    ];
    check_with(text, &["$p=(1 2)"], &both);
    check_with(
        "chain INPUT ACCEPT;",
        &["p=1"],
        &["error 1:1 a definition has the form $name=value", "ip INPUT --jump ACCEPT"],
    );
}

#[test]
fn an_error_names_the_calls_that_led_to_it() {
    let text = "@def &inner($x) = { saddr $nope ACCEPT; }\n@def &outer() = { &inner(1); }\nchain INPUT {\n&outer();\n}";
    let (_, diagnostics, sources) = read(text, &[]);
    let [finding] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    let lines: Vec<String> = finding
        .labels
        .iter()
        .map(|label| format!("{} {}", sources.position(label.span.source, label.span.start).line, label.text))
        .collect();
    assert_eq!(lines, ["2 called as `&inner` here", "4 called as `&outer` here"]);
}

#[test]
fn an_error_in_an_included_file_is_there_and_names_the_include() {
    let (rules, diagnostics, sources) = read("chain INPUT {\n@include 'd/';\nDROP; }", &[]);
    let [finding] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(sources.origin(finding.span.unwrap()).to_string(), "./d/b.inc:1");
    assert_eq!(sources.origin(finding.labels[0].span).to_string(), "t.ferm:2");
    assert_eq!(rules.chains[0].rules.len(), 2);
}

#[test]
fn an_else_that_is_never_read_is_reported() {
    check(
        "domain (ip ip6) chain INPUT @if @eq($DOMAIN, ip) { ACCEPT; } @else { DROP; }",
        &["warning 1:62 this `@else` is never read: it is outside of what is repeated", "ip INPUT --jump ACCEPT"],
    );
}

#[test]
fn doubtful_words_are_reported_and_followed() {
    check(
        "chain INPUT { comment \"$nope\" ACCEPT; saddr () DROP; chain FOO RETURN; realgoto FOO; }",
        &[
            "warning 1:23 there is no variable `$nope`",
            "warning 1:39 an empty array: this rule never exists",
            "warning 1:54 `chain` is given twice for one rule",
            "warning 1:72 `realgoto` is an old spelling",
            "ip FOO --jump RETURN",
            "ip INPUT --match comment --comment \"\" --jump ACCEPT",
            "ip INPUT --goto FOO",
        ],
    );
}

#[test]
fn a_rule_knows_its_place_and_its_action() {
    let text = "table nat chain PREROUTING {\n  proto tcp\n    DNAT to 192.0.2.1:80;\n}";
    let (rules, _, sources) = read(text, &[]);
    let rule = &rules.chains[0].rules[0];
    assert_eq!(rule.origin.to_string(), "t.ferm:3");
    let text = sources.text(rule.span.source);
    assert_eq!(
        &text.as_bytes()[rule.span.start as usize..rule.span.end as usize],
        b"proto tcp\n    DNAT to 192.0.2.1:80;"
    );
    let Action::Target { name: "DNAT", options, .. } = &rule.action else { panic!("{:?}", rule.action) };
    assert_eq!(options[0].keyword, "to-destination");
}

/// Prints the command as often as it was run.
#[derive(Default)]
struct Echo {
    runs: std::cell::Cell<usize>,
}

impl Commands for Echo {
    fn run(&self, command: &str) -> Result<String, CommandError> {
        self.runs.set(self.runs.get() + 1);
        match command {
            "long" => Ok("x ".repeat(1 << 20)),
            "slow" => Err(CommandError::TooSlow { seconds: 10 }),
            _ => Ok(command.to_owned()),
        }
    }
}

/// What is found in a text whose commands are run by `commands`.
fn run(text: &str, commands: &dyn Commands) -> (HostRules, Vec<String>) {
    let files = MemoryFiles::default().with("t.ferm", text);
    let surroundings = Surroundings { files: &files, commands: Some(commands), resolver: None, ipsets: &[] };
    let (rules, found) = parse_in("t.ferm", surroundings, &[], &mut Sources::default());
    (rules, found.into_iter().map(|finding| finding.message).collect())
}

#[test]
fn a_command_is_run_once_however_often_it_is_reached() {
    let echo = Echo::default();
    let text = "@def &f() = { saddr `192.0.2.1` ACCEPT; }
        domain (ip ip6) chain (INPUT OUTPUT) { &f(); &f(); daddr `192.0.2.1` ACCEPT; }";
    let (rules, found) = run(text, &echo);
    assert_eq!((echo.runs.get(), found), (1, vec![]));
    assert_eq!(rules.chains.iter().map(|chain| chain.rules.len()).sum::<usize>(), 12);
    assert_eq!(rules.commands.len(), 2, "{:?}", rules.commands);
}

#[test]
fn commands_are_bounded_in_number_time_and_output() {
    let many = (0..300).fold(String::new(), |mut text, n| {
        writeln!(text, "chain INPUT saddr `{n}` ACCEPT;").unwrap();
        text
    });
    let echo = Echo::default();
    let (rules, found) = run(&many, &echo);
    assert_eq!((echo.runs.get(), rules.commands.len()), (limits::COMMANDS, 300));
    assert_eq!(found, ["more than 256 commands are run"]);
    let (_, found) = run("chain INPUT saddr `long` ACCEPT;", &echo);
    assert_eq!(found, ["the command printed more than 1048576 bytes"]);
    let (_, found) = run("chain INPUT saddr `slow` ACCEPT;", &echo);
    assert_eq!(found, ["the command failed: it was stopped after 10 seconds"]);
}

#[test]
fn a_missing_main_file_is_an_error() {
    let (rules, diagnostics) = parse("none.ferm", &MemoryFiles::default(), &[], &mut Sources::default());
    assert_eq!(rules.chains.len(), 0);
    assert_eq!(diagnostics[0].message, "`none.ferm` cannot be read: no such file or folder");
}

#[test]
fn whom_the_cluster_knows_stays_one_word() {
    let text = "@def $ALL = (@nodes() 1.1.1.1); @def $NS = shop;
        chain INPUT { saddr @pods($NS, app = web, !old) ACCEPT; saddr !@service(shop/web) ACCEPT; daddr $ALL ACCEPT; }";
    let found: Vec<String> = rules(text).iter().map(|(_, rule)| matches(rule)).collect();
    let expected = [
        "saddr/- one @pods(shop,app=web,!old);",
        "saddr/- !one @service(shop/web);",
        "daddr/- one @nodes()<ALL> 1.1.1.1<ALL>;",
    ];
    assert_eq!(found, expected);
    let peers: Vec<String> = rules(text)
        .iter()
        .flat_map(|(_, rule)| &rule.matches)
        .flat_map(|found| found.operands.alternatives())
        .filter_map(|word| word.peer.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(peers, ["pods app=web,!old in namespace shop", "endpoints of service shop/web", "nodes *"]);
}

#[test]
fn whom_the_cluster_knows_is_refused_where_no_address_is() {
    let refused = |text: &str| {
        let (_, found, _) = read(&format!("chain INPUT {{ {text} }}"), &[]);
        found.into_iter().map(|found| found.message).collect::<Vec<_>>().join("; ")
    };
    for (text, message) in [
        ("interface @nodes() ACCEPT;", "`@nodes()` cannot stand here"),
        ("proto tcp dport @pods(x) ACCEPT;", "`@pods(x)` cannot stand here"),
        ("mod iprange src-range @nodes() ACCEPT;", "`@nodes()` cannot stand here"),
        ("LOG log-prefix @nodes();", "`@nodes()` cannot stand here"),
        ("saddr @pods(shop, '') ACCEPT;", "an argument is empty"),
        ("saddr @nodes(\"\") ACCEPT;", "an argument is empty"),
        ("saddr @pods(shop, a=b=c) ACCEPT;", "the label value `b=c`"),
        ("saddr @namespace() ACCEPT;", "`@namespace` cannot take 0 arguments"),
        ("saddr @service(web) ACCEPT;", "`web` is not the namespace and the name"),
        ("saddr @service(shop/web, ports) ACCEPT;", "a Service has no `ports`"),
        ("saddr @node() ACCEPT;", "there is no built-in `@node`"),
    ] {
        assert!(refused(text).contains(message), "{text}: {}", refused(text));
    }
}
