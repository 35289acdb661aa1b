//! `palisade rule`: what a rule of `palisade lint` is about.

use std::fmt::Write as _;

use anyhow::anyhow;
use clap::ValueEnum;
use engine::lint::catalogue;
use engine::lint::reserved::{self, Reserved};
use engine::lint::rule::{Rule, Standing};
use policy_lang::diagnostic::Severity;

use super::{Failure, Outcome};
use crate::report::findings;

/// Say what a rule of `palisade lint` finds, why it matters, how it is decided, and when to ignore it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Rules: codes, beginnings of codes (PAL1), or names.
    #[arg(value_name = "RULE", required_unless_present = "all")]
    rules: Vec<String>,

    /// Every rule.
    #[arg(long, conflicts_with = "rules")]
    all: bool,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

const EXAMPLES: &str = "\
Examples:
  palisade rule PAL101
  palisade rule --all --format json

Exit codes:
  0  printed
  2  no rule is called so";

/// The forms of a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Form {
    /// One rule as its page, several as a list.
    Text,
    /// JSON: code, name, severity, group, summary, fix and default.
    Json,
    /// The pages, in Markdown.
    Md,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    if let [word] = args.rules.as_slice()
        && let Some(reserved) = reserved::of(word)
    {
        super::print(&reserved_page(reserved))?;
        return Ok(Outcome::Clean);
    }
    let mut rules: Vec<&Rule> = Vec::new();
    for word in &args.rules {
        let meant = catalogue::meant(word);
        if meant.is_empty() {
            let near = catalogue::suggestion(word).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Err(Failure::Input(anyhow!("no rule is called `{word}`{near}")));
        }
        rules.extend(meant);
    }
    if args.all {
        rules = catalogue::RULES.to_vec();
    }
    rules.sort_by_key(|rule| rule.code);
    rules.dedup_by_key(|rule| rule.code);
    super::print(&match (args.format, rules.as_slice()) {
        (Form::Json, rules) => findings::rules(rules),
        (Form::Md, rules) => rules.iter().map(|rule| page(rule)).collect(),
        (Form::Text, [rule]) => page(rule),
        (Form::Text, rules) => list(rules),
    })?;
    Ok(Outcome::Clean)
}

/// docs/reference/lints.md.
pub(super) fn pages() -> String {
    let mut text = String::from(INTRODUCTION);
    for (group, rules) in catalogue::by_group() {
        if rules.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "\n### {}: {}\n", digit(&rules), group.title());
        text.push_str("| code | name | severity | fix | on | finds |\n|---|---|---|---|---|---|\n");
        for rule in rules {
            let anchor = rule.code.0.to_lowercase();
            let _: std::fmt::Result = writeln!(
                text,
                "| [{}](#{anchor}) | `{}` | {} | {} | {} | {} |",
                rule.code,
                rule.name,
                severity(rule.severity),
                rule.fix,
                standing(rule.standing),
                rule.summary
            );
        }
    }
    text.push_str("\n### Reserved\n\nCodes without a rule.\n\n");
    for Reserved { code, name, why } in &reserved::RESERVED {
        let _: std::fmt::Result = writeln!(text, "- {code} `{name}`. {why}");
    }
    text.push_str("\n# The rules, one by one\n\n");
    for rule in catalogue::RULES {
        text.push_str(&page(rule));
    }
    text
}

const INTRODUCTION: &str = "\
# What `palisade lint` finds

Generated from the rules' own sources: `make docs` writes this page again, and a test holds it to be current.

A code never changes its meaning; its first digit is its group. A name can stand wherever a code can. `palisade rule CODE`
prints the page of a rule. *Safe* fixes say the same as before, or the only thing that can be meant, and are written by
`--fix`; *unsafe* ones change what traffic may pass and want `--unsafe-fixes` as well. Rules that are not on by
themselves are selected by `--select`, `--extend-select` or, for posture, `--profile strict`.

Where a rule needs other documents to judge and the input does not have them, its finding is of severity info and says what
was looked at.
";

fn digit(rules: &[&Rule]) -> String {
    rules.first().and_then(|rule| rule.code.0.get(..4)).unwrap_or_default().to_owned()
}

fn page(rule: &Rule) -> String {
    let mut text = format!("## {}\n\n**{}**: {}.\n\n", rule.code, rule.name, rule.summary);
    let _: std::fmt::Result = writeln!(
        text,
        "Severity {}, fix {}, {}.\n",
        severity(rule.severity),
        rule.fix,
        if rule.standing == Standing::On { "on by itself" } else { "on if selected" }
    );
    for line in rule.page.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let line = if line.starts_with("## ") { format!("#{line}") } else { line.to_owned() };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}

fn reserved_page(Reserved { code, name, why }: &Reserved) -> String {
    format!("## {code}\n\n**{name}** is reserved: it has no rule.\n\n{why}\n")
}

fn list(rules: &[&Rule]) -> String {
    let mut text = String::new();
    for rule in rules {
        let mark = standing(rule.standing);
        let _: std::fmt::Result =
            writeln!(text, "{}  {:<8} {:<4} {}: {}", rule.code, severity(rule.severity), mark, rule.name, rule.summary);
    }
    text
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "info",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::On => "on",
        Standing::Off => "off",
    }
}
