//! JSON, described by docs/reference/lint.schema.json.

use engine::lint::catalogue;
use engine::lint::rule::{Rule, Standing};
use policy_lang::diagnostic::{Edit, Fix, Safety, Severity};
use policy_lang::source::Sources;
use serde::Serialize;

use super::{Findings, Located, word};
use crate::report::pretty;

/// The version of the form: fields may come, none goes.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u8,
    findings: Vec<Finding<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    message: &'a str,
    path: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    object: Option<Object<'a>>,
    help: Option<&'a str>,
    fix: Option<Mending<'a>>,
    related: Vec<Related<'a>>,
    fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered_from: Option<&'a str>,
}

#[derive(Serialize)]
struct Object<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Mending<'a> {
    safety: &'static str,
    title: &'a str,
    edits: Vec<Change<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: &'a str,
}

#[derive(Serialize)]
struct Related<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    message: &'a str,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    infos: usize,
}

#[derive(Serialize)]
struct Described {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    group: String,
    summary: &'static str,
    fix: String,
    default: bool,
}

pub(super) fn render(findings: &Findings<'_>) -> String {
    pretty(&Document {
        version: VERSION,
        findings: findings.located.iter().map(|located| finding(located, findings.sources)).collect(),
        summary: Summary {
            errors: findings.count(Severity::Error),
            warnings: findings.count(Severity::Warning),
            infos: findings.count(Severity::Note),
        },
    })
}

/// An object a line.
pub(super) fn lines(findings: &Findings<'_>) -> String {
    let line = |located| {
        // Our own types hold nothing that JSON could not say.
        serde_json::to_string(&finding(located, findings.sources)).map(|line| line + "\n").unwrap_or_default()
    };
    findings.located.iter().map(line).collect()
}

/// The catalogue.
pub fn rules(rules: &[&Rule]) -> String {
    let described = rules.iter().map(|rule| Described {
        code: rule.code.0,
        name: rule.name,
        severity: word(rule.severity),
        group: rule.group().to_string(),
        summary: rule.summary,
        fix: rule.fix.to_string(),
        default: rule.standing == Standing::On,
    });
    pretty(&described.collect::<Vec<_>>())
}

fn finding<'a>(located: &'a Located<'_>, sources: &'a Sources) -> Finding<'a> {
    let Located { finding, rule: _, path, start, end, fingerprint, rendered } = located;
    let object = finding.object.as_ref();
    let related = finding.labels.iter().map(|label| {
        let at = sources.position(label.span.source, label.span.start);
        Related { path: sources.path(label.span.source), line: at.line, column: at.column, message: &label.text }
    });
    Finding {
        code: finding.code.0,
        name: catalogue::of(finding.code).map_or("", |rule| rule.name),
        severity: word(finding.severity),
        message: &finding.message,
        path,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        object: object.map(|object| Object { kind: &object.kind, namespace: &object.namespace, name: &object.name }),
        help: finding.help.as_deref(),
        fix: finding.fix.as_ref().map(|fix| mending(fix, sources)),
        related: related.collect(),
        fingerprint,
        rendered_from: rendered.as_deref(),
    }
}

fn mending<'a>(fix: &'a Fix, sources: &Sources) -> Mending<'a> {
    let change = |edit: &'a Edit| {
        let start = sources.position(edit.span.source, edit.span.start);
        let end = sources.position(edit.span.source, edit.span.end);
        Change {
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            text: edit.text.as_str(),
        }
    };
    let safety = match fix.safety {
        Safety::Safe => "safe",
        Safety::Unsafe => "unsafe",
    };
    Mending { safety, title: &fix.title, edits: fix.edits.iter().map(change).collect() }
}
