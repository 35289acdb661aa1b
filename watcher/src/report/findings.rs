//! Findings of `palisade lint` in the forms that people and programs read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::lint::catalogue;
use engine::lint::rule::Rule;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::manifest::rendered;
use policy_lang::source::{Position, Sources, Span};

mod checkstyle;
mod concise;
mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod sarif;
mod text;
pub(super) mod xml;

pub use self::json::rules;
pub use self::text::statistics;

/// The forms.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub enum Format {
    /// For people: the lines of the source with what is wrong in them.
    Text,
    /// One line for each finding: `path:line:column: CODE message`.
    Concise,
    /// One JSON document, described by docs/reference/lint.schema.json.
    Json,
    /// A JSON object a line, for each finding.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub, which become annotations.
    Github,
    /// The code quality report of GitLab.
    Gitlab,
    /// `JUnit`, one test case for each rule that was looked for and each finding.
    Junit,
    /// A table for the comment of a pull request.
    Markdown,
    /// Checkstyle, which many editors and servers read.
    Checkstyle,
}

/// A finding with its place in words.
#[derive(Clone, Debug)]
pub struct Located<'a> {
    finding: &'a Diagnostic,
    rule: Option<&'static Rule>,
    path: String,
    start: Position,
    /// One past the last character.
    end: Position,
    fingerprint: String,
    /// The file that the text was rendered from, where it says so.
    rendered: Option<String>,
}

/// What is reported.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    located: Vec<Located<'a>>,
    all: &'a [Diagnostic],
    sources: &'a Sources,
}

impl<'a> Findings<'a> {
    /// Looks up where everything is.
    pub fn new(all: &'a [Diagnostic], sources: &'a Sources) -> Self {
        let fingerprints = engine::lint::known::fingerprints(all, sources);
        let located = all.iter().zip(fingerprints).map(|(finding, fingerprint)| {
            let span = span(finding, sources);
            let place = |offset: fn(Span) -> u32| {
                span.map_or(Position { line: 1, column: 1 }, |span| sources.position(span.source, offset(span)))
            };
            Located {
                finding,
                rule: catalogue::of(finding.code),
                path: span.map_or_else(String::new, |span| sources.path(span.source).to_string()),
                start: place(|span| span.start),
                end: place(|span| span.end),
                fingerprint,
                rendered: span.and_then(|span| rendered::origin(span, sources)),
            }
        });
        Self { located: located.collect(), all, sources }
    }

    /// In one of the forms.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => text::render(self),
            Format::Concise => concise::render(self),
            Format::Json => json::render(self),
            Format::Jsonl => json::lines(self),
            Format::Sarif => sarif::render(self),
            Format::Github => github::render(self),
            Format::Gitlab => gitlab::render(self),
            Format::Junit => junit::render(self),
            Format::Markdown => markdown::render(self),
            Format::Checkstyle => checkstyle::render(self),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.all.iter().filter(|finding| finding.severity == severity).count()
    }

    /// By file, in their order.
    fn by_path(&self) -> BTreeMap<&str, Vec<&Located<'a>>> {
        let mut files: BTreeMap<&str, Vec<&Located<'_>>> = BTreeMap::new();
        for located in &self.located {
            files.entry(&located.path).or_default().push(located);
        }
        files
    }
}

impl Located<'_> {
    fn name(&self) -> &'static str {
        self.rule.map_or("", |rule| rule.name)
    }

    /// The message, with the file that the text was rendered from.
    fn said(&self) -> Cow<'_, str> {
        match &self.rendered {
            Some(rendered) => format!("{} (rendered from {rendered})", self.finding.message).into(),
            None => self.finding.message.as_str().into(),
        }
    }
}

/// The word for a severity, as it is configured.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "info",
    }
}

fn span(finding: &Diagnostic, sources: &Sources) -> Option<Span> {
    let line = || finding.place.as_ref().and_then(|place| sources.span_of_line(&place.path, place.line));
    finding.span.or_else(line)
}
