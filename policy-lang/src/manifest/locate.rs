//! From offsets in the text that is parsed to spans in the source that people edit.

use crate::manifest::tree::{Style, Value};
use crate::source::{SourceId, Sources, Span};

/// Where the bytes of a parsed text lie in a source.
#[derive(Clone, Debug)]
pub struct Locator {
    source: SourceId,
    mapping: Mapping,
}

#[derive(Clone, Debug)]
enum Mapping {
    /// The text is the source.
    Same,
    /// Each line of the text is the rest of a line of the source: `(offset in the text, offset in the source)`, sorted.
    Lines(Vec<(u32, u32)>),
    /// The text was quoted, escaped or folded: all of it is this span.
    Whole(Span),
}

impl Locator {
    /// For a text that is a whole source.
    pub fn of_source(source: SourceId) -> Self {
        Self { source, mapping: Mapping::Same }
    }

    /// For the text of a scalar, such as a document in a ConfigMap.
    ///
    /// A literal block (`|`) is its source's lines without the indentation, so that every line is known. In any other
    /// notation all of the text is the scalar's own span.
    pub fn of_scalar(value: &Value, sources: &Sources) -> Self {
        let lines = value
            .scalar()
            .filter(|scalar| scalar.style == Style::Literal)
            .and_then(|scalar| literal_lines(&scalar.text, value.span, sources));
        Self { source: value.span.source, mapping: lines.map_or(Mapping::Whole(value.span), Mapping::Lines) }
    }

    /// The span of the bytes `start..end` of the text.
    pub fn span(&self, start: usize, end: usize) -> Span {
        match &self.mapping {
            Mapping::Same => Span { source: self.source, start: clamp(start), end: clamp(end.max(start)) },
            Mapping::Lines(lines) => {
                let at = |offset: u32| {
                    let line = lines.partition_point(|(inner, _)| *inner <= offset).saturating_sub(1);
                    lines.get(line).map_or(offset, |(inner, outer)| outer + (offset - inner.min(&offset)))
                };
                let (start, end) = (at(clamp(start)), at(clamp(end)));
                Span { source: self.source, start, end: end.max(start) }
            }
            Mapping::Whole(span) => *span,
        }
    }
}

fn literal_lines(text: &str, span: Span, sources: &Sources) -> Option<Vec<(u32, u32)>> {
    let written = sources.text(span.source).get(span.start as usize..)?;
    let indentation = indentation(text, written)?;
    let mut outer = span.start as usize + written.find('\n')? + 1;
    let mut inner = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let rest = sources.text(span.source).get(outer..)?;
        let written = rest.split_inclusive('\n').next()?;
        let content = line.trim_end_matches('\n');
        let start = if content.is_empty() { 0 } else { indentation };
        if !written.get(start..)?.starts_with(content) {
            return None;
        }
        lines.push((clamp(inner), clamp(outer + start)));
        inner += line.len();
        outer += written.len();
    }
    Some(lines)
}

/// How many spaces the source has before each line of the text, by its first line that is not empty.
fn indentation(text: &str, written: &str) -> Option<usize> {
    let (content, line) = text.split('\n').zip(written.split('\n').skip(1)).find(|(content, _)| !content.is_empty())?;
    line.trim_end_matches('\r').len().checked_sub(content.len())
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
