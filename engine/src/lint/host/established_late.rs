//! PAL613 established-late: the rule that most packets meet stands behind many others.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::host::rule::{Action, HostChain, HostRule, HostRules, Table};
use policy_lang::source::{Sources, Span};

use crate::lint::edit;
use crate::lint::host::matching;
use crate::lint::host::removing::begins_statement;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds INPUT, FORWARD and OUTPUT in which packets of established connections pass five rules or more before the
    /// one that accepts them.
    ///
    /// ## Why it bites
    ///
    /// Nearly every packet belongs to an established connection, and each pays for the rules before.
    ///
    /// ## How it is decided
    ///
    /// By counting: rules for the loopback interface and for states are left out. The fix moves the rule to the top; it
    /// is given where all rules before it accept as well, so that the order decides nothing.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT {
    ///     policy DROP;
    ///     proto tcp dport 22 ACCEPT;
    ///     proto tcp dport 25 ACCEPT;
    ///     proto tcp dport 80 ACCEPT;
    ///     proto tcp dport 443 ACCEPT;
    ///     proto udp dport 53 ACCEPT;
    ///     mod state state (ESTABLISHED RELATED) ACCEPT;
    /// }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT {
    ///     policy DROP;
    ///     mod state state (ESTABLISHED RELATED) ACCEPT;
    ///     proto tcp dport 22 ACCEPT;
    ///     proto tcp dport 25 ACCEPT;
    ///     proto tcp dport 80 ACCEPT;
    ///     proto tcp dport 443 ACCEPT;
    ///     proto udp dport 53 ACCEPT;
    /// }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the rules before it are to bind established connections too.
    pub(crate) static ESTABLISHED_LATE = "PAL613" "established-late" Note Safe Off,
        "the rule that most packets meet stands behind many others", Check::Host(check);
}

/// So many rules before it are many.
const MANY: usize = 5;

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in rules.chains.iter().filter(|chain| chain.table == Table::Filter && chain.domain.is_of_ip()) {
        if !matches!(chain.name.as_ref(), "INPUT" | "FORWARD" | "OUTPUT") {
            continue;
        }
        let is_it = |rule: &HostRule| rule.action == Action::Accept && matching::is_of_established(rule);
        let Some(at) = chain.rules.iter().position(is_it) else { continue };
        let (Some(rule), Some(earlier)) = (chain.rules.get(at), chain.rules.get(..at)) else { continue };
        let count = earlier.iter().filter(|rule| costs(rule)).count();
        if count >= MANY {
            let message = format!("packets of established connections pass {count} rules before this one");
            report.at(rule.span, message).fix = moved(chain, rule, earlier, world.sources);
        }
    }
}

/// Whether a rule before it may stand after it just as well.
fn costs(rule: &HostRule) -> bool {
    let is_of_state = rule.matches.iter().any(|found| matches!(found.keyword, "state" | "ctstate"));
    !is_of_state && !matching::is_of_loopback(rule)
}

/// Moves a rule to the top of its chain, where it stands as a statement of its own among others.
fn moved(chain: &HostChain, rule: &HostRule, earlier: &[HostRule], sources: &Sources) -> Option<Fix> {
    let first = earlier.first()?;
    let same_text = first.span.source == rule.span.source && first.span.start < rule.span.start;
    if !same_text || earlier.iter().any(|rule| rule.action != Action::Accept) || chain.span.source != rule.span.source {
        return None;
    }
    let text = sources.text(rule.span.source);
    let between = text.get(first.span.start as usize..rule.span.start as usize)?;
    let before = text.get(..first.span.start as usize)?;
    let words = ["chain", "table", "domain", "@", "{", "}", "#"];
    let stands_alone = begins_statement(before) && between.trim_end().ends_with(';');
    if !stands_alone || words.iter().any(|word| between.contains(word)) {
        return None;
    }
    let own = text.get(rule.span.start as usize..rule.span.end as usize)?;
    let own = own.strip_suffix(';').unwrap_or(own);
    let rest = text.get(rule.span.start as usize + own.len()..)?;
    let semicolon = rest.find(';').filter(|at| rest.get(..*at).is_some_and(|gap| gap.trim().is_empty()))?;
    let end = u32::try_from(rule.span.start as usize + own.len() + semicolon + 1).ok()?;
    let gap = before.rsplit('\n').next().filter(|line| line.trim().is_empty());
    let gap = gap.map_or_else(|| " ".to_owned(), |indent| format!("\n{indent}"));
    let start = u32::try_from(first.span.start as usize + between.trim_end().len()).ok()?;
    Some(Fix {
        safety: Safety::Safe,
        title: "move it to the top of its chain".to_owned(),
        edits: vec![
            edit::replace(Span { end: first.span.start, ..first.span }, &format!("{own};{gap}")),
            edit::replace(Span { start, end, ..rule.span }, ""),
        ],
    })
}
