//! Lines and words, with their places.

use crate::source::{SourceId, Span};

/// A line that says something.
#[derive(Clone, Debug)]
pub(super) struct Line<'t> {
    pub(super) span: Span,
    pub(super) words: Vec<Word<'t>>,
}

/// A word, without its quotation marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// The lines of a text but for empty ones and comments.
pub(super) fn lines(source: SourceId, text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split('\n').filter_map(move |line| {
        let begins = start;
        start += line.len() + 1;
        let words = words(source, line, begins);
        let is_said = words.first().is_some_and(|word| !word.text.starts_with('#'));
        is_said.then(|| Line { span: span(source, begins, begins + line.len()), words })
    })
}

fn words(source: SourceId, line: &str, begins: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return words;
        }
        let at = begins + (line.len() - rest.len());
        // Only comments are quoted, and have no quotation marks inside.
        let quoted = rest.strip_prefix('"').map(|inside| inside.split_once('"').unwrap_or((inside, "")));
        let (text, after) = quoted.unwrap_or_else(|| match rest.find(char::is_whitespace) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        });
        let end = begins + (line.len() - after.len());
        words.push(Word { text, span: span(source, at, end) });
        rest = after;
    }
}

fn span(source: SourceId, start: usize, end: usize) -> Span {
    let offset = |place| u32::try_from(place).unwrap_or(u32::MAX);
    Span { source, start: offset(start), end: offset(end) }
}
