//! Comments that suppress findings: `# palisade: ignore[PAL116] -- reason`.
//!
//! In a line of its own a comment covers the node that begins in the next line; behind something, the node that begins
//! in its line. A node goes on as long as its lines are indented further than its first one, or are the items of its
//! list. `ignore-file[…]` covers the whole text. Rendered manifests have no comments: there the annotation
//! `palisade.dev/ignore` of an object covers the object.

use std::collections::BTreeSet;

use policy_lang::diagnostic::{Code, Diagnostic, Fix, ObjectRef, Severity};
use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::yaml;
use policy_lang::source::{SourceId, Sources, Span};

use super::catalogue;
use super::rule::Report;
use super::selection::Selection;
use crate::lint::process::{
    forbidden_suppression::FORBIDDEN_SUPPRESSION, suppression_without_reason::SUPPRESSION_WITHOUT_REASON,
    unknown_rule_code::UNKNOWN_RULE_CODE, unused_suppression::UNUSED_SUPPRESSION,
};

/// What every comment begins with.
const MARK: &str = "palisade:";

/// The annotation for texts whose comments die on the way.
const ANNOTATION: &str = "palisade.dev/ignore";

/// Why, beside [`ANNOTATION`].
const REASON: &str = "palisade.dev/ignore-reason";

/// Something that suppresses.
#[derive(Clone, Debug)]
struct Suppression {
    /// The codes as written.
    words: Vec<(String, Span)>,
    covers: Covers,
    /// All of it: for being taken away.
    span: Span,
    has_reason: bool,
}

#[derive(Clone, Debug)]
enum Covers {
    Lines { source: SourceId, first: u32, last: u32 },
    File(SourceId),
    Object { source: SourceId, object: ObjectRef, span: Span },
}

/// Takes suppressed findings out, and adds what is wrong with what suppresses them.
///
/// Locked rules are never suppressed. Findings that `selection` does not want are neither added nor counted as used.
pub fn apply(
    findings: &mut Vec<Diagnostic>,
    texts: &[SourceId],
    locked: &BTreeSet<Code>,
    selection: &Selection,
    sources: &Sources,
) {
    let mut suppressions = Vec::new();
    let mut found = Vec::new();
    for source in texts {
        suppressions.extend(comments(*source, sources));
        suppressions.extend(annotations(*source, sources, &mut found));
    }
    for suppression in &suppressions {
        suppression.apply(findings, &mut found, locked, selection, sources);
    }
    selection.apply(&mut found);
    findings.append(&mut found);
}

impl Suppression {
    fn apply(
        &self,
        findings: &mut Vec<Diagnostic>,
        found: &mut Vec<Diagnostic>,
        locked: &BTreeSet<Code>,
        selection: &Selection,
        sources: &Sources,
    ) {
        if self.words.is_empty() {
            let finding = say(&UNKNOWN_RULE_CODE, self.span, "this comment names no rule", found);
            finding.help = Some("write which: `# palisade: ignore[PAL101] -- reason`".into());
        }
        if !self.has_reason {
            let finding = say(&SUPPRESSION_WITHOUT_REASON, self.span, "this suppression has no reason", found);
            finding.help = Some("write it behind ` -- `".into());
        }
        for (word, span) in &self.words {
            let rules = catalogue::meant(word);
            if rules.is_empty() {
                let near = catalogue::suggestion(word);
                let finding = say(&UNKNOWN_RULE_CODE, *span, format!("no rule is called `{word}`"), found);
                finding.help = near.map(|near| format!("did you mean `{near}`?"));
                finding.fix = near.map(|near| Fix::safe(format!("write {near}"), *span, near));
                continue;
            }
            let (free, kept): (Vec<Code>, Vec<Code>) =
                rules.iter().map(|rule| rule.code).partition(|code| !locked.contains(code));
            for code in kept.iter().filter(|_| rules.len() == 1) {
                let message = format!("{code} is locked: nothing in a manifest suppresses it");
                say(&FORBIDDEN_SUPPRESSION, *span, message, found);
            }
            let before = findings.len();
            findings.retain(|finding| !(free.contains(&finding.code) && self.covers(finding, sources)));
            let looked_for = free.iter().any(|code| selection.has(*code));
            if findings.len() == before && looked_for {
                let message = format!("nothing here has to be suppressed for {word}");
                let finding = say(&UNUSED_SUPPRESSION, *span, message, found);
                let is_comment = matches!(self.covers, Covers::Lines { .. } | Covers::File(_));
                if is_comment && self.words.len() == 1 {
                    finding.fix = Some(Fix::safe("take the comment away", whole(self.span, sources), ""));
                }
            }
        }
    }

    fn covers(&self, finding: &Diagnostic, sources: &Sources) -> bool {
        let line = || finding.place.as_ref().and_then(|place| sources.span_of_line(&place.path, place.line));
        let Some(span) = finding.span.or_else(line) else { return false };
        match &self.covers {
            Covers::File(source) => span.source == *source,
            Covers::Lines { source, first, last } => {
                span.source == *source && (*first..=*last).contains(&sources.line(span.source, span.start))
            }
            Covers::Object { source, object, span: whole } => {
                let inside = span.source == *source && whole.start <= span.start && span.start <= whole.end;
                inside && finding.object.as_ref().is_none_or(|found| found == object || inside)
            }
        }
    }
}

fn say<'f>(
    rule: &'static super::rule::Rule,
    span: Span,
    message: impl Into<String>,
    found: &'f mut Vec<Diagnostic>,
) -> &'f mut Diagnostic {
    Report::new(rule, None, found).at(span, message);
    found.last_mut().expect("it has just been reported")
}

/// The comments of a text.
fn comments(source: SourceId, sources: &Sources) -> Vec<Suppression> {
    let text = sources.text(source);
    if !text.contains(MARK) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let lines: Vec<(usize, &str)> = text
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let begins = *at;
            *at += line.len();
            Some((begins, line.trim_end_matches(['\n', '\r'])))
        })
        .collect();
    for (index, (begins, line)) in lines.iter().enumerate() {
        let Some(at) = comment_at(line) else { continue };
        let Some(body) =
            line.get(at..).and_then(|comment| comment.trim_start_matches('#').trim_start().strip_prefix(MARK))
        else {
            continue;
        };
        let span = |from: usize, to: usize| Span { source, start: clamp(begins + from), end: clamp(begins + to) };
        let body_at = line.len() - body.len();
        let Some((is_file, list_at, list)) = parse(body) else { continue };
        let words = words(list).map(|(offset, word)| {
            let from = body_at + list_at + offset;
            (word.to_owned(), span(from, from + word.len()))
        });
        let own_line = line.get(..at).is_some_and(|before| before.trim().is_empty());
        let covered = if own_line { next_line(&lines, index + 1) } else { Some(index) };
        let covers = match (is_file, covered) {
            (true, _) => Covers::File(source),
            (false, Some(first)) => {
                Covers::Lines { source, first: clamp(first + 1), last: clamp(node_end(&lines, first) + 1) }
            }
            (false, None) => continue,
        };
        let reason = body.split_once(" -- ").map(|(_, reason)| reason.trim());
        found.push(Suppression {
            words: words.collect(),
            covers,
            span: span(at, line.len()),
            has_reason: reason.is_some_and(|reason| !reason.is_empty()),
        });
    }
    found
}

/// Where a comment that suppresses begins: after white space, or with the line.
fn comment_at(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = line.get(from..)?.find('#') {
        let at = from + found;
        let before = line.get(..at)?.chars().next_back();
        if before.is_none_or(char::is_whitespace) && line.get(at..)?.contains(MARK) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Whether it is for the file, and its list with its place. Nothing where it is no suppression.
fn parse(body: &str) -> Option<(bool, usize, &str)> {
    let trimmed = body.trim_start();
    let skipped = body.len() - trimmed.len();
    let (is_file, word) = match trimmed.strip_prefix("ignore-file") {
        Some(_) => (true, "ignore-file"),
        None => (false, trimmed.strip_prefix("ignore").map(|_| "ignore")?),
    };
    let rest = trimmed.get(word.len()..)?;
    let Some(inner) = rest.strip_prefix('[') else { return Some((is_file, skipped + word.len(), "")) };
    let list = inner.split(']').next().unwrap_or_default();
    Some((is_file, skipped + word.len() + 1, list))
}

/// The words of a list, each with its offset.
fn words(list: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    list.split(',').filter_map(move |part| {
        let begins = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        let word = part.trim();
        (!word.is_empty()).then_some((begins, word))
    })
}

/// The first line from an index on that is neither empty nor a comment.
fn next_line(lines: &[(usize, &str)], from: usize) -> Option<usize> {
    let rest = lines.get(from..)?;
    rest.iter().position(|(_, line)| !is_bare(line)).map(|found| from + found)
}

fn is_bare(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The last line of the node that begins in a line.
fn node_end(lines: &[(usize, &str)], first: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some((_, begins)) = lines.get(first) else { return first };
    let own = indent(begins);
    let is_item = |line: &str| line.trim_start().starts_with("- ") || line.trim() == "-";
    // At the top of a document a comment is about all of it.
    let is_top = own == 0 && begins.starts_with("apiVersion:");
    let mut last = first;
    for (index, (_, line)) in lines.iter().enumerate().skip(first + 1) {
        if line.starts_with("---") {
            break;
        }
        if is_bare(line) {
            continue;
        }
        let deeper = indent(line) > own || (indent(line) == own && is_item(line) && !is_item(begins));
        if !deeper && !is_top {
            break;
        }
        last = index;
    }
    last
}

/// The annotations of a text; one on the template of pods is a mistake.
fn annotations(source: SourceId, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Suppression> {
    let text = sources.text(source);
    if !text.contains(ANNOTATION) {
        return Vec::new();
    }
    let mut suppressions = Vec::new();
    for document in yaml::documents(text, &Locator::of_source(source)) {
        let is_list = document.root.field("kind").and_then(Value::text).is_some_and(|kind| kind.ends_with("List"));
        let items = document.root.field("items").and_then(Value::items).filter(|_| is_list);
        for object in items.unwrap_or(std::slice::from_ref(&document.root)) {
            let template = |object: &Value| {
                let spec = object.field("spec")?;
                let job = spec.field("jobTemplate").and_then(|job| job.field("spec"));
                annotation(job.unwrap_or(spec).field("template")?, ANNOTATION).map(|value| value.span)
            };
            if let Some(span) = template(object) {
                let message = "on the template of pods this suppresses nothing";
                let finding = say(&UNKNOWN_RULE_CODE, span, message, found);
                finding.help = Some("put it in `metadata.annotations` of the object itself".into());
            }
            suppressions.extend(of_object(object, source));
        }
    }
    suppressions
}

fn of_object(object: &Value, source: SourceId) -> Option<Suppression> {
    let value = annotation(object, ANNOTATION)?;
    let list = value.text()?;
    let text = |name| {
        let metadata = object.field("metadata")?;
        metadata.field(name).and_then(Value::text).map(std::sync::Arc::clone)
    };
    let reference = ObjectRef {
        kind: object.field("kind").and_then(Value::text).map_or_else(|| "".into(), std::sync::Arc::clone),
        namespace: text("namespace").unwrap_or_else(|| "".into()),
        name: text("name").unwrap_or_else(|| "".into()),
    };
    let reason = annotation(object, REASON).and_then(Value::text);
    Some(Suppression {
        words: words(list).map(|(_, word)| (word.to_owned(), value.span)).collect(),
        covers: Covers::Object { source, object: reference, span: object.span },
        span: value.span,
        has_reason: reason.is_some_and(|reason| !reason.trim().is_empty()),
    })
}

fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.field("metadata")?.field("annotations")?.field(name)
}

/// A comment with the white space before it; its line too, where nothing else is in it.
fn whole(span: Span, sources: &Sources) -> Span {
    let text = sources.text(span.source);
    let before = text.get(..span.start as usize).unwrap_or_default();
    let bare = before.trim_end_matches([' ', '\t']);
    let end = span.end as usize;
    if bare.is_empty() || bare.ends_with('\n') {
        let line_break = text.get(end..).and_then(|rest| rest.find('\n')).map_or(0, |at| at + 1);
        return Span { start: clamp(bare.len()), end: clamp(end + line_break), ..span };
    }
    Span { start: clamp(bare.len()), ..span }
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// The severity below which a run does not fail.
pub fn fails(findings: &[Diagnostic], threshold: Option<Severity>) -> bool {
    threshold.is_some_and(|threshold| findings.iter().any(|finding| finding.severity >= threshold))
}
