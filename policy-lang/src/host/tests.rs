//! Tests of the language as a whole: text in, iptables-save text and findings out.

use super::*;
use crate::host::rule::Domain;

/// The rules of both domains, chain headers left out, or the findings.
fn lines(text: &str) -> String {
    let mut sources = Sources::default();
    let files = MemoryFiles::default().with("t.ferm", text);
    let (rules, diagnostics) = parse("t.ferm", &files, &[], &mut sources);
    let mut result = String::new();
    for diagnostic in &diagnostics {
        let at = diagnostic.span.map_or(0, |span| sources.position(span.source, span.start).line);
        result.push_str(&format!("{}:{at}: {}\n", diagnostic.severity, diagnostic.message));
    }
    for domain in [Domain::Ip, Domain::Ip6] {
        let text = expand::expand(&rules, domain);
        for line in text.lines().filter(|line| line.starts_with("-A")) {
            result.push_str(&format!("{domain} {line}\n"));
        }
    }
    result
}

#[test]
fn the_first_array_is_the_outermost_loop() {
    let text = "chain INPUT saddr (1.1.1.1 2.2.2.2) proto (tcp udp) dport 1 ACCEPT;";
    assert_eq!(
        lines(text),
        "ip -A INPUT --source 1.1.1.1 --protocol tcp --dport 1 --jump ACCEPT
ip -A INPUT --source 1.1.1.1 --protocol udp --dport 1 --jump ACCEPT
ip -A INPUT --source 2.2.2.2 --protocol tcp --dport 1 --jump ACCEPT
ip -A INPUT --source 2.2.2.2 --protocol udp --dport 1 --jump ACCEPT
"
    );
}
