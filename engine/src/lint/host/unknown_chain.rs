//! PAL602 unknown-chain: a jump to a chain that is not defined.

use policy_lang::diagnostic::{Diagnostic, Fix};
use policy_lang::host::rule::{HostChain, HostRules, Table};
use policy_lang::source::{Sources, Span};

use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds jumps and gotos to chains that nobody defines.
    ///
    /// ## Why it bites
    ///
    /// The rules are not loaded.
    ///
    /// ## How it is decided
    ///
    /// By the table of chains of the same domain and table.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT jump block;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain block DROP;
    /// chain INPUT jump block;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_CHAIN = "PAL602" "unknown-chain" Error Safe On,
        "a jump to a chain that is not defined", Check::Host(check);
}

/// Custom chains that are called as a built-in one in other letters, and that nobody calls.
fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in matching::uncalled(rules) {
        let Some(meant) = misspelt(chain) else { continue };
        let message = format!("no packet enters chain {}: the built-in chain is called {meant}", chain.name);
        let finding = report.at(chain.span, message);
        finding.help = Some(format!("did you mean `{meant}`?"));
        finding.fix = written(&chain.name, meant, chain.span, world.sources);
    }
}

/// The built-in chain whose name it has but for the case of its letters.
pub(crate) fn misspelt(chain: &HostChain) -> Option<&'static str> {
    let of_table: &[&str] = match chain.table {
        Table::Filter | Table::Security => &["INPUT", "FORWARD", "OUTPUT"],
        Table::Nat => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        Table::Mangle => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        Table::Raw => &["PREROUTING", "OUTPUT"],
        Table::Broute => &["BROUTING"],
    };
    of_table.iter().copied().find(|name| name.eq_ignore_ascii_case(&chain.name) && **name != *chain.name)
}

/// Adds the fix to what the compiler says of jumps.
pub(crate) fn mend(finding: &mut Diagnostic, sources: &Sources) {
    let in_quotes = |text: &str, before: &str| {
        let (_, rest) = text.split_once(before)?;
        rest.split_once('`').map(|(word, _)| word.to_owned())
    };
    let near = finding.help.as_deref().and_then(|help| in_quotes(help, "did you mean `"));
    let fix = in_quotes(&finding.message, "chain `").zip(near).zip(finding.span);
    finding.fix = fix.and_then(|((written, near), span)| self::written(&written, &near, span, sources));
}

/// Writes one name for another, where that stands in the text: behind a variable it does not.
fn written(name: &str, instead: &str, span: Span, sources: &Sources) -> Option<Fix> {
    let found = sources.text(span.source).get(span.start as usize..span.end as usize)?;
    (found == name).then(|| Fix::safe(format!("write {instead}"), span, instead))
}
