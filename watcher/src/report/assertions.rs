//! What became of assertions, in the forms that people and programs read.

use policy_lang::source::{Position, Sources};

use crate::assertions::{Because, Expect, Failure, Kind, Verdict, Witness};
use crate::report::findings::xml;

mod json;
mod junit;
mod tap;
mod text;

/// The forms.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub enum Format {
    /// For people: a line for each assertion, and why it fails.
    Text,
    /// One JSON document, described by docs/reference/test-result.schema.json.
    Json,
    /// `JUnit`, a test case for each assertion.
    Junit,
    /// TAP, version 14.
    Tap,
}

/// One assertion and what became of it.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The file.
    pub path: &'a str,
    /// Where in it.
    pub at: Position,
    /// What the assertion is called.
    pub name: &'a str,
    /// What it says.
    pub expect: Expect,
    /// Whether it holds.
    pub verdict: &'a Verdict,
    /// The texts of the manifests.
    pub sources: &'a Sources,
}

/// In one of the forms.
pub fn render(cases: &[Case<'_>], format: Format) -> String {
    match format {
        Format::Text => text::render(cases),
        Format::Json => json::render(cases),
        Format::Junit => junit::render(cases),
        Format::Tap => tap::render(cases),
    }
}

fn n_failed(cases: &[Case<'_>]) -> usize {
    cases.iter().filter(|case| !case.verdict.is_passed()).count()
}

/// Why an assertion does not hold, in lines; none for one that does.
fn why(case: &Case<'_>) -> Vec<String> {
    match case.verdict {
        Verdict::Passed { .. } => Vec::new(),
        Verdict::Nobody { word, .. } => {
            vec![format!(
                "`{word}` means nobody in the manifests: such an assertion could not fail (`mayBeEmpty: true` permits it)"
            )]
        }
        Verdict::Unclear { message, .. } => vec![format!("it cannot be judged: {message}")],
        Verdict::Failed(failure) => failed(failure, case.sources),
    }
}

fn failed(failure: &Failure, sources: &Sources) -> Vec<String> {
    let Failure { kind, witness, others } = failure;
    let Witness { from, to, protocol, port, because, host } = witness;
    let is = match kind {
        Kind::Denied => "is denied".to_owned(),
        Kind::Permitted => "is permitted".to_owned(),
        Kind::NotOnly => "is permitted, too".to_owned(),
        Kind::DependsOnPodAddress => {
            "depends on an address that nobody knows: --pod-cidr says where pods are, --ipblock-pods never that an \
             ipBlock is not about pods"
                .to_owned()
        }
        Kind::OtherLayer(layer) => format!("is not decided by the layer `{}`", layer.word()),
        Kind::NothingPermitted => "is denied, and so is every other connection that is meant".to_owned(),
    };
    let mut lines = vec![format!("{from} -> {to} {port}/{protocol} {is}")];
    for because in because {
        lines.extend(self::because(because, sources));
    }
    lines.extend(host.as_ref().map(|host| format!("  {host}")));
    let n_others: usize = others.iter().sum();
    if n_others > 0 {
        let words = ["between workloads", "with nodes", "with addresses"];
        let counted = others.iter().zip(words).filter(|(count, _)| **count > 0);
        let counted: Vec<String> = counted.map(|(count, word)| format!("{count} {word}")).collect();
        lines.push(format!("and {n_others} more: {}", counted.join(", ")));
    }
    lines
}

fn because(because: &Because, sources: &Sources) -> Vec<String> {
    let Because { subject, direction, reasons } = because;
    if reasons.is_empty() {
        return vec![format!("  {direction} of {subject}: no policy is about it")];
    }
    let mut lines = vec![format!("  {direction} of {subject}:")];
    for reason in reasons {
        lines.push(format!("    {:<30} {}", reason.tier.to_string(), reason.says));
        lines.push(format!("      {}", reason.origin));
        let place = reason.origin.place.as_ref();
        let quoted = place.and_then(|place| sources.quote(&place.path, place.line));
        lines.extend(quoted.map(|line| format!("      | {line}")));
    }
    lines
}
