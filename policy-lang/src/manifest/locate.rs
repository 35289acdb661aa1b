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
    /// The text may end in a line break that the source does not have.
    Lines { lines: Vec<(u32, u32)>, end_of_source: u32 },
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
        let source = value.span.source;
        let mapping = match lines {
            Some(lines) => Mapping::Lines { lines, end_of_source: clamp(sources.text(source).len()) },
            None => Mapping::Whole(value.span),
        };
        Self { source, mapping }
    }

    /// The span of the bytes `start..end` of the text.
    pub fn span(&self, start: usize, end: usize) -> Span {
        match &self.mapping {
            Mapping::Same => Span { source: self.source, start: clamp(start), end: clamp(end.max(start)) },
            Mapping::Lines { lines, end_of_source } => {
                let at = |offset: u32| {
                    let line = lines.partition_point(|(inner, _)| *inner <= offset).saturating_sub(1);
                    let at = lines.get(line).map_or(offset, |(inner, outer)| outer + offset.saturating_sub(*inner));
                    at.min(*end_of_source)
                };
                let (start, end) = (at(clamp(start)), at(clamp(end)));
                Span { source: self.source, start, end: end.max(start) }
            }
            Mapping::Whole(span) => *span,
        }
    }
}

/// The lines of a literal block whose span begins at the first character of its first line that is not empty.
fn literal_lines(content: &str, span: Span, sources: &Sources) -> Option<Vec<(u32, u32)>> {
    let source = sources.text(span.source).as_ref();
    let begin_of_line = |offset: usize| Some(source.get(..offset)?.rfind('\n').map_or(0, |newline| newline + 1));
    let empty = content.len() - content.trim_start_matches('\n').len();
    let mut outer = begin_of_line(span.start as usize)?;
    let first = source.get(outer..)?.lines().next()?;
    let indentation = first.len().checked_sub(content.get(empty..)?.lines().next()?.len())?;
    for _ in 0..empty {
        outer = begin_of_line(outer.checked_sub(1)?)?;
    }
    let mut inner = 0;
    let mut lines = Vec::new();
    for line in content.split_inclusive('\n') {
        let written = source.get(outer..)?.split_inclusive('\n').next()?;
        let text = line.trim_end_matches('\n');
        let start = if text.is_empty() { 0 } else { indentation };
        if !written.get(start..)?.starts_with(text) {
            return None;
        }
        lines.push((clamp(inner), clamp(outer + start)));
        inner += line.len();
        outer += written.len();
    }
    Some(lines)
}

fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
