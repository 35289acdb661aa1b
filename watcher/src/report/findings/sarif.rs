//! SARIF 2.1.0, as code scanning services read it.
//!
//! `results` is there even if empty, lines begin at 1, paths are relative, and alerts are told apart by rule, object and
//! message rather than by lines, so that they survive edits elsewhere.

use engine::lint::catalogue;
use engine::lint::rule::{Rule, Standing};
use policy_lang::diagnostic::Severity;
use policy_lang::source::{Position, Span};
use serde_json::{Value, json};

use super::{Findings, Located};
use crate::report::pretty;

pub(super) fn render(findings: &Findings<'_>) -> String {
    let rules: Vec<Value> = catalogue::RULES.iter().map(|rule| described(rule)).collect();
    let results: Vec<Value> = findings.located.iter().map(|located| result(located, findings)).collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "palisade",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the working directory"}}},
            "results": results,
        }],
    }))
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.code.0,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": level(rule.severity), "enabled": rule.standing == Standing::On},
        "properties": {"tags": [rule.group().to_string()], "precision": "high"},
    })
}

fn result(located: &Located<'_>, findings: &Findings<'_>) -> Value {
    let Located { finding, rule: _, path, start, end, fingerprint, rendered } = located;
    let text = match &finding.help {
        Some(help) => format!("{} ({help})", located.said()),
        None => located.said().into_owned(),
    };
    let mut result = json!({
        "ruleId": finding.code.0,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": physical(path, *start, *end)}],
        "partialFingerprints": {"palisade/v1": fingerprint},
    });
    let Some(fields) = result.as_object_mut() else { return result };
    if let Some(rendered) = rendered {
        fields.insert("properties".to_owned(), json!({"renderedFrom": rendered}));
    }
    if let Some(index) = catalogue::RULES.iter().position(|rule| rule.code == finding.code) {
        fields.insert("ruleIndex".to_owned(), json!(index));
    }
    if !finding.labels.is_empty() {
        let related = finding.labels.iter().enumerate().map(|(index, label)| {
            json!({
                "id": index,
                "message": {"text": label.text},
                "physicalLocation": at(label.span, findings),
            })
        });
        fields.insert("relatedLocations".to_owned(), related.collect());
    }
    if let Some(object) = &finding.object {
        let name = format!("{}/{}/{}", object.kind, object.namespace, object.name);
        let logical = json!([{"fullyQualifiedName": name, "kind": "object"}]);
        if let Some(location) =
            fields.get_mut("locations").and_then(|all| all.get_mut(0)).and_then(Value::as_object_mut)
        {
            location.insert("logicalLocations".to_owned(), logical);
        }
    }
    if let Some(fix) = &finding.fix {
        let replacements = fix.edits.iter().map(
            |edit| json!({"deletedRegion": region_of(edit.span, findings), "insertedContent": {"text": edit.text}}),
        );
        let change = json!({"artifactLocation": artifact(path), "replacements": replacements.collect::<Vec<_>>()});
        fields.insert("fixes".to_owned(), json!([{"description": {"text": fix.title}, "artifactChanges": [change]}]));
    }
    result
}

fn at(span: Span, findings: &Findings<'_>) -> Value {
    let path = findings.sources.path(span.source);
    let position = |offset| findings.sources.position(span.source, offset);
    physical(path, position(span.start), position(span.end))
}

fn physical(path: &str, start: Position, end: Position) -> Value {
    json!({"artifactLocation": artifact(path), "region": region(start, end)})
}

fn region_of(span: Span, findings: &Findings<'_>) -> Value {
    let position = |offset| findings.sources.position(span.source, offset);
    region(position(span.start), position(span.end))
}

fn region(start: Position, end: Position) -> Value {
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// A relative path as a URI.
fn artifact(path: &str) -> Value {
    let uri: String = path
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    if path.starts_with('/') {
        json!({"uri": format!("file://{uri}")})
    } else {
        json!({"uri": uri, "uriBaseId": "SRCROOT"})
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
