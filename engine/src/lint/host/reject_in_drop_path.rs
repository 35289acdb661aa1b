//! PAL620 reject-in-drop-path: answers to strangers, or silence towards neighbours.

use policy_lang::host::rule::{Action, HostRule, HostRules};

use crate::lint::addresses::is_private;
use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// In INPUT and FORWARD with policy DROP, finds REJECT for whoever asks, and DROP for private sources only.
    ///
    /// ## Why it bites
    ///
    /// An answer tells a scanner what the policy hides. Silence lets a client of one's own wait for its time-out
    /// instead of failing at once.
    ///
    /// ## How it is decided
    ///
    /// REJECT counts where the rule names neither a source nor an interface; `proto tcp dport auth` (113), which mail
    /// servers wait for, is none. DROP counts where every source is private and nothing else than protocol and ports
    /// is matched: with an interface it is a guard against forged sources.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; proto tcp dport 22 ACCEPT; REJECT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; proto tcp dport 22 ACCEPT; saddr 10.0.0.0/8 REJECT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On machines that only neighbours reach.
    pub(crate) static REJECT_IN_DROP_PATH = "PAL620" "reject-in-drop-path" Note Never Off,
        "answers to strangers, or silence towards neighbours", Check::Host(check);
}

/// Asked by mail servers, which wait for an answer.
const IDENT: [&str; 2] = ["113", "auth"];

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for (chain, _) in matching::closed(rules, &["INPUT", "FORWARD"]) {
        for rule in &chain.rules {
            let answers = matches!(&rule.action, Action::Target { name: "REJECT", .. });
            if answers && is_for_everybody(rule) {
                let finding = report.at(rule.span, "this answers whoever asks, and the policy does not");
                finding.help = Some("write DROP, or name the sources that may have an answer".into());
            } else if rule.action == Action::Drop && is_for_neighbours(rule) {
                let finding = report.at(rule.span, "these sources are neighbours: they wait for their time-out");
                finding.help = Some("write REJECT".into());
            }
        }
    }
}

fn is_for_everybody(rule: &HostRule) -> bool {
    let is_known = |keyword| matches!(keyword, "proto" | "protocol" | "dport" | "dports" | "mod" | "comment");
    let is_ident = rule.matches.iter().any(|found| {
        let mut words = found.operands.alternatives().iter();
        matches!(found.keyword, "dport" | "dports") && words.all(|word| IDENT.contains(&&*word.text))
    });
    rule.matches.iter().all(|found| is_known(found.keyword)) && !is_ident
}

fn is_for_neighbours(rule: &HostRule) -> bool {
    let is_private = |word: &str| matching::network(word).is_some_and(is_private);
    let mut is_named = false;
    let only = rule.matches.iter().all(|found| match found.keyword {
        "saddr" => {
            let words = found.operands.alternatives();
            is_named = !found.negated && !words.is_empty() && words.iter().all(|word| is_private(&word.text));
            is_named
        }
        "proto" | "protocol" | "dport" | "dports" | "mod" | "comment" => true,
        _ => false,
    });
    only && is_named
}
