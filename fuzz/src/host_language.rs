//! Host rules: any text and what it includes.
//!
//! The main file, and after a NUL each a file that it may include, `u.ferm` and `v.ferm`, and what `ipset save` printed.

use engine::compile::host::Names;
use engine::compile::{HostInput, failsafe};
use engine::inventory::Inventory;
use policy_lang::diagnostic::Severity;
use policy_lang::host::rule::Domain;
use policy_lang::host::{MemoryFiles, Surroundings, expand, parse_in};
use policy_lang::source::Sources;

use super::{ruleset, spans};

/// The name of the file of sets.
const SETS: &str = "sets";

/// Longest text that is asked for; bounds of the language have tests of their own.
const BYTES_MAX: usize = 64 << 10;

/// Parses, expands, lowers and renders.
pub fn judge(bytes: &[u8]) {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= BYTES_MAX) else { return };
    let names = ["t.ferm", "u.ferm", "v.ferm", SETS];
    let files =
        names.iter().zip(text.split('\0')).fold(MemoryFiles::default(), |files, (name, text)| files.with(name, text));
    let ipsets = if text.split('\0').count() > 3 { vec![SETS.to_owned()] } else { Vec::new() };
    let surroundings = Surroundings { ipsets: &ipsets, ..Surroundings::of_files(&files) };
    let mut sources = Sources::default();
    let (rules, findings) = parse_in("t.ferm", surroundings, &["$late=(1 2)".to_owned()], &mut sources);
    spans::check(&findings, &sources);
    for domain in [Domain::Ip, Domain::Ip6, Domain::Arp, Domain::Eb] {
        let expanded = expand::expand(&rules, domain);
        let has_errors = findings.iter().any(|finding| finding.severity == Severity::Error);
        assert!(has_errors || expanded.is_empty() || expanded.ends_with("COMMIT\n"), "{expanded}");
    }
    let names = Names::built_in();
    let host = HostInput { rules: &rules, names: &names, sources: &sources, failsafes: &failsafe::NONE };
    ruleset::check(&[], &Inventory::default(), Some(host));
}
