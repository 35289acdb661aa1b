//! Lowers a text and shows the result.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::compile::builder::TableBuilder;
use engine::compile::host::{Names, Options, lower};
use engine::compile::options::STANDARD;
use engine::inventory::Inventory;
use engine::render;
use engine::resolve::Resolver;
use engine::ruleset::{Family, Ruleset, Table, TableKey};
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::{MemoryFiles, Surroundings, parse_in};
use policy_lang::source::Sources;

use super::nft;

/// Bit 31: the connection mark that the tests reserve.
pub(crate) const RESERVED: u32 = 0x8000_0000;

/// A lowered configuration.
pub(crate) struct Lowered {
    pub(crate) table: Table,
    /// What stands in tables of one family.
    others: BTreeMap<TableKey, Table>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Lowered {
    /// Reads the text, which must parse, and lowers it.
    #[track_caller]
    pub(crate) fn of(text: &str) -> Self {
        Self::beside(text, &Inventory::default())
    }

    /// The same with these sets of `ipset save`.
    #[track_caller]
    pub(crate) fn with_sets(text: &str, sets: &str) -> Self {
        Self::read(text, Some(sets), &Inventory::default())
    }

    /// The same on a node of this cluster.
    #[track_caller]
    pub(crate) fn beside(text: &str, inventory: &Inventory) -> Self {
        Self::read(text, None, inventory)
    }

    #[track_caller]
    fn read(text: &str, sets: Option<&str>, inventory: &Inventory) -> Self {
        let mut sources = Sources::default();
        let files = MemoryFiles::default().with("t.ferm", text).with("sets", sets.unwrap_or_default());
        let ipsets: Vec<String> = sets.map(|_| "sets".to_owned()).into_iter().collect();
        let surroundings = Surroundings { ipsets: &ipsets, ..Surroundings::of_files(&files) };
        let (rules, diagnostics) = parse_in("t.ferm", surroundings, &[], &mut sources);
        let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let names = Names::built_in();
        let mut builder = TableBuilder::default();
        let options = Options { names: &names, sources: &sources, reserved_connection_mark: RESERVED, pods: &STANDARD };
        let (others, diagnostics) = lower(&rules, &Resolver::new(inventory), &mut builder, options);
        Self { table: builder.finish(None), others, diagnostics, sources }
    }

    /// The whole as nft text.
    pub(crate) fn text(&self) -> String {
        let mut tables = self.others.clone();
        tables.insert(TableKey::ours(Family::Inet), self.table.clone());
        render::ruleset(&Ruleset { tables })
    }

    /// `SEVERITY LINE:COLUMN CODE MESSAGE (HELP)`, one a line.
    pub(crate) fn findings(&self) -> String {
        self.diagnostics.iter().fold(String::new(), |mut out, found| {
            let span = found.span.expect("every finding about a configuration has its place");
            let at = self.sources.position(span.source, span.start);
            let word = self.sources.text(span.source).get(span.start as usize..span.end as usize).unwrap_or("?");
            let help = found.help.as_deref().expect("every refusal says what to do");
            let (line, column) = (at.line, at.column);
            writeln!(out, "{} {line}:{column} `{word}` {} ({help})", found.severity, found.message).unwrap();
            out
        })
    }

    /// Chains and rules, without what every rule has: `counter` and the file's name.
    pub(crate) fn rules(&self) -> String {
        let mut out = String::new();
        let others = self.others.iter().flat_map(|(key, table)| {
            table.chains.iter().map(move |(name, chain)| (format!("{} {name}", key.family), chain))
        });
        let own = self.table.chains.iter().map(|(name, chain)| (name.to_string(), chain));
        for (name, chain) in own.chain(others) {
            writeln!(out, "{name}:").unwrap();
            for rule in &chain.rules {
                let text = render::rule(rule).replace("counter packets 0 bytes 0 ", "").replace("t.ferm:", "");
                writeln!(out, "  {}", text.replace("counter packets 0 bytes 0", "").trim()).unwrap();
            }
        }
        out
    }
}

/// The rules of a text without findings, as nft takes them.
#[track_caller]
pub(crate) fn rules(text: &str) -> String {
    let lowered = Lowered::of(text);
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    lowered.rules()
}

/// The one rule that a rule in INPUT becomes in `domain ip`.
#[track_caller]
pub(crate) fn input(rule: &str) -> String {
    body(&format!("domain ip chain INPUT {{ {rule} }}"))
}

/// The one rule that a rule in INPUT becomes in both domains, or those that it becomes.
#[track_caller]
pub(crate) fn both(rule: &str) -> String {
    body(&format!("domain (ip ip6) chain INPUT {{ {rule} }}"))
}

/// The rules of the only chain, without comments.
#[track_caller]
pub(crate) fn body(text: &str) -> String {
    let rules = rules(text);
    let lines: Vec<&str> =
        rules.lines().skip(1).map(|line| line.split(" comment ").next().unwrap_or("").trim()).collect();
    lines.join("\n")
}
