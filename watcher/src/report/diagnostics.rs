//! Diagnostics as text: the line of the source, what is wrong with it, and what to write instead.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::manifest::rendered;
use policy_lang::source::{Sources, Span};

use super::Color;
use crate::visible;

/// Most findings that are shown in full. Whoever has more has one cause for all of them.
const SHOWN: usize = 100;

/// Lines of a source that are shown of one span: a whole document is too much to read.
const LINES: usize = 12;

/// How many findings are shown, and what those are called that only inform.
#[derive(Clone, Copy)]
struct Manner {
    shown: usize,
    note: &'static str,
}

/// Findings beside a result.
const BESIDE: Manner = Manner { shown: SHOWN, note: "note" };

/// Findings that are the result.
const RESULT: Manner = Manner { shown: usize::MAX, note: "info" };

/// Every finding in the order of the sources, each once, and a line that counts them. Empty without findings.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: Color) -> String {
    text(diagnostics, sources, color, BESIDE)
}

/// The same where the findings are what was asked for: all of them, in the words of `palisade lint`.
pub fn review(diagnostics: &[Diagnostic], sources: &Sources, color: Color) -> String {
    text(diagnostics, sources, color, RESULT)
}

fn text(diagnostics: &[Diagnostic], sources: &Sources, color: Color, manner: Manner) -> String {
    let renderer = match color {
        Color::Styled => Renderer::styled(),
        Color::Plain => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    let ordered = ordered(diagnostics, sources);
    for diagnostic in ordered.iter().take(manner.shown) {
        match diagnostic.severity {
            Severity::Note => text.push_str(&note(diagnostic, sources, manner)),
            Severity::Warning | Severity::Error => text.push_str(&snippet(diagnostic, sources, &renderer)),
        }
        text.push('\n');
    }
    if let Some(hidden) = ordered.len().checked_sub(manner.shown).filter(|hidden| *hidden > 0) {
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{hidden} more findings are not shown");
    }
    if let Some(summary) = summary(&ordered, manner) {
        text.push_str(&summary);
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning, 3 notes`; nothing without findings.
fn summary(diagnostics: &[&Diagnostic], manner: Manner) -> Option<String> {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (count(severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| {
            let word = if severity == Severity::Note { manner.note.to_owned() } else { severity.to_string() };
            format!("{count} {word}{}", if count == 1 { "" } else { "s" })
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// By place, each once: a file that is read under two flags is judged twice.
fn ordered<'d>(diagnostics: &'d [Diagnostic], sources: &Sources) -> Vec<&'d Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut ordered: Vec<&Diagnostic> = diagnostics
        .iter()
        .filter(|diagnostic| seen.insert((span(diagnostic, sources), diagnostic.code, &diagnostic.message)))
        .collect();
    ordered.sort_by_key(|diagnostic| (diagnostic.severity == Severity::Note, span(diagnostic, sources)));
    ordered
}

/// What to show of the source: the line itself, where no more is known.
fn span(diagnostic: &Diagnostic, sources: &Sources) -> Option<Span> {
    let line = || diagnostic.place.as_ref().and_then(|place| sources.span_of_line(&place.path, place.line));
    diagnostic.span.or_else(line)
}

/// A note in one line: there may be one for every pod.
fn note(diagnostic: &Diagnostic, sources: &Sources, manner: Manner) -> String {
    let place = span(diagnostic, sources).map(|span| format!("{}: ", place(span, sources))).unwrap_or_default();
    let help = diagnostic.help.as_deref().map(|help| format!(": {help}")).unwrap_or_default();
    let note = format!("{}[{}]: {place}{}{help}", manner.note, diagnostic.code, diagnostic.message);
    visible::line(&note).into_owned()
}

/// `path:line:column`.
fn place(span: Span, sources: &Sources) -> String {
    let position = sources.position(span.source, span.start);
    format!("{}:{}:{}", sources.path(span.source), position.line, position.column)
}

fn snippet(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = match &diagnostic.object {
        Some(object) if object.namespace.is_empty() => {
            format!("{} ({} {})", diagnostic.message, object.kind, object.name)
        }
        Some(object) => format!("{} ({} {}/{})", diagnostic.message, object.kind, object.namespace, object.name),
        None => diagnostic.message.clone(),
    };
    let primary = span(diagnostic, sources).map(|span| excerpt(span, sources, AnnotationKind::Primary, None));
    let labels = diagnostic
        .labels
        .iter()
        .map(|label| excerpt(label.span, sources, AnnotationKind::Context, Some(label.text.as_str())));
    let help = diagnostic.help.as_deref().map(|help| Element::from(Level::HELP.message(help)));
    let origin = span(diagnostic, sources).and_then(|span| rendered::origin(span, sources));
    let origin = origin.map(|origin| visible::line(&format!("rendered from {origin}")).into_owned());
    let group: Group<'_> = level
        .primary_title(visible::line(&title).into_owned())
        .id(diagnostic.code.0)
        .elements(primary.into_iter().chain(labels).map(Element::from))
        .elements(help)
        .elements(origin.map(|origin| Element::from(Level::NOTE.message(origin))));
    let mut text = renderer.render(&[group]);
    text.push('\n');
    text
}

/// The lines around a span. Only these are handed to the renderer: a source may have megabytes.
fn excerpt<'a>(
    span: Span,
    sources: &'a Sources,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let text = sources.text(span.source);
    let Range { start, end } = range(span, text);
    let first = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let rest = text.get(first..).unwrap_or("");
    let length: usize = rest
        .split_inclusive('\n')
        .scan(first, |at, line| {
            let begins = *at;
            *at += line.len();
            (begins == first || begins < end).then_some(line.len())
        })
        .take(LINES)
        .sum();
    let shown = rest.get(..length).unwrap_or(rest).trim_end_matches(['\n', '\r']);
    let mark = (start - first).min(shown.len())..(end - first).min(shown.len());
    let line = usize::try_from(sources.position(span.source, span.start).line).unwrap_or(1);
    Snippet::source(shown)
        .path(sources.path(span.source).as_ref())
        .line_start(line)
        .annotation(kind.span(mark).label(label))
}

/// A span as a range that lies in the text and on its character boundaries.
fn range(span: Span, text: &str) -> Range<usize> {
    let clamp = |offset: u32| {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    let start = clamp(span.start);
    start..clamp(span.end).max(start)
}

#[cfg(test)]
mod tests {
    use policy_lang::diagnostic::Code;

    use super::*;

    fn check(text: &str, start: u32, end: u32) -> String {
        let mut sources = Sources::default();
        let source = sources.add("dir/a.yaml", text);
        let diagnostic = Diagnostic::error(Code("PAL999"), Span { source, start, end }, "bad word").help("say it well");
        render(&[diagnostic.clone(), diagnostic], &sources, Color::Plain)
    }

    #[test]
    fn a_finding_shows_its_line_once_with_place_and_help() {
        let text = check("one\ntwo words\nthree\n", 8, 13);
        assert!(text.starts_with("error[PAL999]: bad word\n"), "{text}");
        assert!(text.contains("dir/a.yaml:2:5"), "{text}");
        assert!(text.contains("two words"), "{text}");
        assert!(text.contains("help: say it well"), "{text}");
        assert!(!text.contains("three"), "{text}");
        assert!(text.ends_with("1 error\n"), "{text}");
    }

    #[test]
    fn spans_outside_of_the_text_and_inside_of_characters_do_no_harm() {
        for (start, end) in [(0, 0), (1, 2), (99, 200), (3, 99), (2, 1)] {
            assert!(check("\u{e4}\u{f6}\n\u{fc}", start, end).contains("bad word"));
            assert!(check("", start, end).contains("bad word"));
        }
    }
}
