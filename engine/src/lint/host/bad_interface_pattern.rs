//! PAL619 bad-interface-pattern: a rule for an interface that no node has.

use std::sync::Arc;

use policy_lang::host::rule::HostRules;
use policy_lang::suggest::nearest;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds `interface` and `outerface` with a name, or a beginning with a `+`, that none of `environment.interfaces`
    /// has.
    ///
    /// ## Why it bites
    ///
    /// The rule matches no packet: what it was to accept is dropped, what it was to drop is accepted.
    ///
    /// ## How it is decided
    ///
    /// By the names. In the configuration a `*` or `+` stands for the rest of a name, and an interface of the rules
    /// that may be one of those is none to report. `lo` is always there. Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { interface eht0 proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { interface eth0 proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For interfaces that come and go.
    pub(crate) static BAD_INTERFACE_PATTERN = "PAL619" "bad-interface-pattern" Note Never Off,
        "a rule for an interface that no node has", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let known = &world.environment.interfaces;
    if known.is_empty() {
        return;
    }
    for word in rules.words(&["interface", "outerface"]) {
        if &*word.text == "lo" || known.iter().any(|known| may_be_one(&word.text, known)) {
            continue;
        }
        let finding = report.at(word.span, format!("no node has an interface `{}`", word.text));
        let names: Vec<&str> = known.iter().map(Arc::as_ref).collect();
        let near = nearest(&word.text, &names).map(|near| format!("did you mean `{near}`?"));
        finding.help = near.or_else(|| Some(format!("`environment.interfaces` has {}", names.join(", "))));
    }
}

/// Whether two names or beginnings of names have a name in common.
fn may_be_one(word: &str, known: &str) -> bool {
    let beginning = |name: &'_ str| name.strip_suffix(['+', '*']).map(ToOwned::to_owned);
    match (beginning(word), beginning(known)) {
        (None, None) => word == known,
        (Some(word), None) => known.starts_with(&word),
        (None, Some(known)) => word.starts_with(&known),
        (Some(word), Some(known)) => word.starts_with(&known) || known.starts_with(&word),
    }
}
