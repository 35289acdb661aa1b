//! Where text came from: sources, spans in them, and the origin that every rule keeps down to the kernel.

use std::fmt;
use std::sync::Arc;

/// One input text: a file, standard input, or a value of a ConfigMap.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceId(u32);

/// A range of bytes in one source, `start..end`, counted from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// The source that the offsets count in.
    pub source: SourceId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte; never less than `start`.
    pub end: u32,
}

/// Line and column, both counted from 1; the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Every text that one run has read, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    path: Arc<str>,
    text: Arc<str>,
    /// Byte offset of the start of each line; the first is 0.
    line_starts: Vec<u32>,
}

impl Sources {
    /// Registers a text under the path that people know it by.
    ///
    /// Offsets are 32 bits wide: callers bound the size of one text far below 4 GiB.
    pub fn add(&mut self, path: &str, text: &str) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let line_starts = std::iter::once(0)
            .chain(text.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next))
            .collect();
        self.sources.push(Source { path: path.into(), text: text.into(), line_starts });
        id
    }

    /// Every source, in the order of reading.
    pub fn ids(&self) -> impl Iterator<Item = SourceId> + use<> {
        (0..u32::try_from(self.sources.len()).unwrap_or(u32::MAX)).map(SourceId)
    }

    /// The path of a source, as given to [`Sources::add`].
    pub fn path(&self, id: SourceId) -> &Arc<str> {
        &self.source(id).path
    }

    /// The whole text of a source.
    pub fn text(&self, id: SourceId) -> &Arc<str> {
        &self.source(id).text
    }

    /// Line of a byte offset, from 1. It takes no longer where one line holds a whole list of objects.
    pub fn line(&self, id: SourceId, offset: u32) -> u32 {
        let lines = self.source(id).line_starts.partition_point(|start| *start <= offset);
        u32::try_from(lines.max(1)).unwrap_or(u32::MAX)
    }

    /// Line and column of a byte offset. An offset past the end means the end.
    pub fn position(&self, id: SourceId, offset: u32) -> Position {
        let source = self.source(id);
        let line = self.line(id, offset);
        let start = source.line_starts.get(line as usize - 1).copied().unwrap_or(0);
        let column = source
            .text
            .get(start as usize..)
            .unwrap_or("")
            .char_indices()
            .take_while(|(at, character)| *at + (start as usize) < offset as usize && *character != '\n')
            .count();
        Position { line, column: u32::try_from(column + 1).unwrap_or(u32::MAX) }
    }

    /// The origin of something written at `span`.
    pub fn origin(&self, span: Span) -> Origin {
        Origin {
            place: Some(Place { path: Arc::clone(self.path(span.source)), line: self.line(span.source, span.start) }),
            subject: None,
        }
    }

    /// The line of a place, without the white space around it; nothing if no text has this path or so many lines.
    pub fn quote(&self, path: &str, line: u32) -> Option<&str> {
        let Span { source, start, end } = self.span_of_line(path, line)?;
        self.text(source).get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// The same as a span.
    pub fn span_of_line(&self, path: &str, line: u32) -> Option<Span> {
        let (id, source) = (0..).map(SourceId).zip(&self.sources).find(|(_, source)| *source.path == *path)?;
        let start = *source.line_starts.get(usize::try_from(line.checked_sub(1)?).ok()?)?;
        let whole = source.text.get(usize::try_from(start).ok()?..)?.lines().next().unwrap_or_default();
        let indent = u32::try_from(whole.len() - whole.trim_start().len()).ok()?;
        let length = u32::try_from(whole.trim().len()).ok()?;
        Some(Span { source: id, start: start + indent, end: start + indent + length })
    }

    fn source(&self, id: SourceId) -> &Source {
        self.sources.get(id.0 as usize).expect("a SourceId comes from the Sources that it is used with")
    }
}

/// A line of a file.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The path as the user gave it.
    pub path: Arc<str>,
    /// Line, from 1.
    pub line: u32,
}

/// Where a policy or a rule came from, in the words that a person looks for.
///
/// It becomes the comment of the nft rule, the line in `explain` and the cause in a drop log, so it is the same text
/// everywhere: `examples/shop.yaml:14 shop/db ingress[0]`. Objects from an API server have no place.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// File and line, where there is a file.
    pub place: Option<Place>,
    /// `namespace/name` of the object and the field in it, where there is an object.
    pub subject: Option<Arc<str>>,
}

impl Origin {
    /// The same place, said of an object or one of its fields.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<Arc<str>>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.subject) {
            (Some(place), Some(subject)) => write!(f, "{place} {subject}"),
            (Some(place), None) => write!(f, "{place}"),
            (None, Some(subject)) => f.write_str(subject),
            (None, None) => f.write_str("palisade"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let id = sources.add("a", "ab\nçd\n");
        let at = |offset| {
            let Position { line, column } = sources.position(id, offset);
            (line, column)
        };
        assert_eq!([at(0), at(2), at(3), at(5), at(99)], [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1)]);
    }

    #[test]
    fn a_line_is_quoted_by_its_path_and_number() {
        let mut sources = Sources::default();
        sources.add("a", "one\n  two\n");
        assert_eq!([sources.quote("a", 1), sources.quote("a", 2)], [Some("one"), Some("two")]);
        assert_eq!([sources.quote("a", 0), sources.quote("a", 9), sources.quote("b", 1)], [None; 3]);
        let Span { start, end, .. } = sources.span_of_line("a", 2).unwrap();
        assert_eq!((start, end), (6, 9));
    }
}
