//! PAL605 unreachable-after-terminal: rules after one that matches everything.

use policy_lang::diagnostic::Safety;
use policy_lang::host::rule::HostRules;

use crate::lint::host::{matching, removing};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules of a chain behind one that has no matches and ends the walk.
    ///
    /// ## Why it bites
    ///
    /// They are never asked. Often the wide one was for a test.
    ///
    /// ## How it is decided
    ///
    /// A rule without matches, or with a comment only, whose action is a verdict, `REJECT`, `RETURN` or `goto`.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { ACCEPT; proto tcp dport 22 DROP; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 22 DROP; ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNREACHABLE = "PAL605" "unreachable-after-terminal" Error Unsafe On,
        "rules after one that matches everything", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in &rules.chains {
        let last = chain.rules.iter().position(|rule| matching::is_unconditional(rule) && matching::ends(&rule.action));
        let after = |at: usize| chain.rules.iter().skip(at + 1).find(|rule| !matching::asks_for_hardware(rule));
        let Some((terminal, dead)) = last.and_then(|at| Some((chain.rules.get(at)?, after(at)?))) else { continue };
        // Rules that one source rule became are one rule to its author.
        if dead.span == terminal.span {
            continue;
        }
        let finding = report.at(dead.span, format!("nothing of chain {} is asked from here on", chain.name));
        label(finding, Some(terminal.span), "matches everything");
        if rules.rules().filter(|rule| rule.span == dead.span).count() == 1 {
            finding.fix = removing::fix(dead, Safety::Unsafe, world.sources);
        }
    }
}
