//! From text to trees, one document at a time.
//!
//! The text is cut at its document markers first and each part is parsed by itself, so that a syntax error costs one
//! document. What precedes the error is kept: it tells which object is lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use crate::diagnostic::Diagnostic;
use crate::manifest::code;
use crate::manifest::locate::Locator;
use crate::manifest::tree::{Content, Entry, Scalar, Spanned, Style, Value, duplicate_keys};
use crate::source::Span;

/// Deepest nesting of one document. Schemas in custom resource definitions reach about 60.
const MAX_DEPTH: usize = 200;

/// Nodes that the aliases of one document may add up to: a few anchors in a chart's output need hundreds.
const MAX_ALIASED_NODES: usize = 100_000;

/// One document of a text.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its content, as far as it could be read.
    pub root: Value,
    /// Whether that is all of it.
    pub extent: Extent,
    /// Syntax errors and duplicate keys.
    pub diagnostics: Vec<Diagnostic>,
}

/// How much of a document could be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What precedes a syntax error.
    CutShort,
}

/// Reads every document of a text that is not empty.
pub fn documents(text: &str, locator: &Locator) -> Vec<Document> {
    split(text).filter_map(|(start, part)| Builder::new(start, part, locator).document()).collect()
}

/// The parts of a text between its document markers, with their offsets.
///
/// A line that begins with `---` or `...` is a marker wherever it stands: no scalar can hold one.
fn split(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut cuts = vec![0];
    // Before the first content only comments and directives may stand, and those belong to what follows.
    let mut content = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if is_marker(line, "---") {
            if content {
                cuts.push(offset);
            }
            content = true;
        } else if is_marker(line, "...") {
            cuts.push(offset + line.len());
            content = false;
        } else if !content {
            let line = line.trim();
            content = !(line.is_empty() || line.starts_with('#') || line.starts_with('%'));
        }
        offset += line.len();
    }
    cuts.push(text.len());
    let ends: Vec<usize> = cuts.iter().skip(1).copied().collect();
    cuts.into_iter().zip(ends).filter_map(|(start, end)| Some((start, text.get(start..end)?)))
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Builds one tree from the parser's events.
struct Builder<'a> {
    text: &'a str,
    start: usize,
    locator: &'a Locator,
    /// After each character of more than one byte: how many characters and how many bytes precede. The parser counts
    /// characters, and most texts have few others.
    wide: Vec<(usize, usize)>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Value>,
    aliased: usize,
    root: Option<Value>,
    diagnostics: Vec<Diagnostic>,
}

/// A mapping or list that is not closed yet.
struct Frame {
    span: Span,
    anchor: usize,
    kind: FrameKind,
}

enum FrameKind {
    Sequence(Vec<Value>),
    Mapping { entries: Vec<Entry>, key: Option<Key> },
}

enum Key {
    Scalar(Spanned<Arc<str>>),
    /// Reported; its value is read and dropped.
    Refused,
}

/// The document cannot be read any further; the diagnostic is written.
struct Stop;

impl<'a> Builder<'a> {
    fn new(start: usize, text: &'a str, locator: &'a Locator) -> Self {
        Self {
            text,
            start,
            locator,
            wide: wide_characters(text),
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            aliased: 0,
            root: None,
            diagnostics: Vec::new(),
        }
    }

    fn document(mut self) -> Option<Document> {
        let extent = match self.read() {
            Ok(()) => Extent::Whole,
            Err(Stop) => {
                self.close_all();
                Extent::CutShort
            }
        };
        let root = match self.root {
            Some(root) => root,
            None if self.diagnostics.is_empty() => return None,
            None => Value { span: self.locator.span(self.start, self.start), content: Content::Null },
        };
        if root.is_null() && self.diagnostics.is_empty() {
            return None;
        }
        Some(Document { root, extent, diagnostics: self.diagnostics })
    }

    fn read(&mut self) -> Result<(), Stop> {
        let text = without_surrogates(self.text);
        let mut parser = Parser::new_from_str(&text);
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => {
                    let at = self.byte(error.marker().index());
                    return Err(self.stop(at, error.info()));
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), Stop> {
        let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                if self.root.is_some() {
                    return Err(self.stop(start, "a second document begins without a line `---`"));
                }
            }
            Event::Alias(anchor) => self.alias(anchor, start, end)?,
            Event::Scalar(text, style, anchor, tag) => {
                let content = self.scalar(&text, style, tag.as_deref(), start, end);
                let end = match style {
                    ScalarStyle::SingleQuoted => self.quoted_end(start, end, '\''),
                    ScalarStyle::DoubleQuoted => self.quoted_end(start, end, '"'),
                    ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => end,
                };
                let value = Value { span: self.trimmed(start, end), content };
                self.add(value, anchor);
            }
            Event::SequenceStart(anchor, _) => self.open(FrameKind::Sequence(Vec::new()), anchor, start, end)?,
            Event::MappingStart(anchor, _) => {
                self.open(FrameKind::Mapping { entries: Vec::new(), key: None }, anchor, start, end)?;
            }
            // The parser counts a comment after the bracket to it.
            Event::SequenceEnd | Event::MappingEnd => self.close((start < end).then_some(start + 1)),
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, start: usize, end: usize) -> Content {
        let written = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let style = match tag {
            None => written,
            Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
                "str" if written == Style::Plain => Style::Quoted,
                "str" => written,
                "int" | "float" | "bool" | "null" => Style::Plain,
                _ => self.unknown_tag(tag, written, start, end),
            },
            // A lone `!` says that it is a string.
            Some(tag) if tag.suffix.is_empty() => Style::Quoted,
            Some(tag) => self.unknown_tag(tag, written, start, end),
        };
        if style == Style::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            return Content::Null;
        }
        Content::Scalar(Scalar { text: text.into(), style })
    }

    fn unknown_tag(&mut self, tag: &Tag, written: Style, start: usize, end: usize) -> Style {
        let span = self.trimmed(start, end);
        self.diagnostics.push(Diagnostic::error(code::WRONG_TYPE, span, format!("the tag `{tag}` is not known here")));
        written
    }

    fn alias(&mut self, anchor: usize, start: usize, end: usize) -> Result<(), Stop> {
        let Some(mut value) = self.anchors.get(&anchor).cloned() else {
            return Err(self.stop(start, "an alias stands inside of what it refers to"));
        };
        self.aliased += value.nodes();
        if self.aliased > MAX_ALIASED_NODES {
            return Err(self.stop(start, "aliases repeat too much of this document"));
        }
        value.span = self.trimmed(start, end);
        self.add(value, 0);
        Ok(())
    }

    fn open(&mut self, kind: FrameKind, anchor: usize, start: usize, end: usize) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.stop(start, "nested too deeply"));
        }
        let span = self.trimmed(start, end);
        self.stack.push(Frame { span, anchor, kind });
        Ok(())
    }

    /// Closes the innermost mapping or list. Only those in brackets have an end of their own.
    fn close(&mut self, end: Option<usize>) {
        let Some(Frame { mut span, anchor, kind }) = self.stack.pop() else { return };
        let content = match kind {
            FrameKind::Sequence(items) => Content::Sequence(items),
            FrameKind::Mapping { entries, .. } => Content::Mapping(self.merged(entries)),
        };
        let last = match &content {
            Content::Null | Content::Scalar(_) => None,
            Content::Sequence(items) => items.last().map(|item| item.span),
            Content::Mapping(entries) => entries.last().map(|entry| entry.value.span),
        };
        match (end, last) {
            (Some(end), _) => span.end = self.locator.span(self.start + end, self.start + end).end,
            (None, Some(last)) => span.end = last.end,
            (None, None) => {}
        }
        span.end = span.end.max(span.start);
        self.add(Value { span, content }, anchor);
    }

    /// Closes what a syntax error left open.
    fn close_all(&mut self) {
        while !self.stack.is_empty() {
            self.close(None);
        }
    }

    fn add(&mut self, mut value: Value, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root.get_or_insert(value);
            return;
        };
        match &mut frame.kind {
            FrameKind::Sequence(items) => items.push(value),
            FrameKind::Mapping { entries, key } => match key.take() {
                Some(Key::Scalar(key)) => {
                    // The parser places a value that is not written at the next token, lines below.
                    if value.is_null() && value.span.start >= value.span.end {
                        value.span = key.span;
                    }
                    entries.push(Entry { key, value });
                }
                Some(Key::Refused) => {}
                None => *key = Some(as_key(value, &mut self.diagnostics)),
            },
        }
    }

    /// Reports duplicate keys, and puts `<<: *other` in place.
    fn merged(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        for (first, later) in duplicate_keys(&entries) {
            let message = format!("the key `{}` stands twice in one mapping", later.key.value);
            self.diagnostics.push(
                Diagnostic::error(code::DUPLICATE_KEY, later.key.span, message).label(first.key.span, "first here"),
            );
        }
        let Some(at) = entries.iter().position(|entry| entry.key.value.as_ref() == "<<") else { return entries };
        let merge = entries.remove(at);
        let mut known: BTreeSet<Arc<str>> = entries.iter().map(|entry| Arc::clone(&entry.key.value)).collect();
        let sources = match merge.value.content {
            Content::Sequence(items) => items,
            Content::Null | Content::Scalar(_) | Content::Mapping(_) => vec![merge.value],
        };
        for source in sources {
            let Content::Mapping(inherited) = source.content else {
                let message = "`<<` takes a mapping or a list of mappings";
                self.diagnostics.push(Diagnostic::error(code::WRONG_TYPE, source.span, message));
                continue;
            };
            for entry in inherited {
                if known.insert(Arc::clone(&entry.key.value)) {
                    entries.push(entry);
                }
            }
        }
        entries
    }

    fn stop(&mut self, at: usize, message: &str) -> Stop {
        let at = at.min(self.text.len());
        let span = self.locator.span(self.start + at, self.start + at);
        let mut diagnostic = Diagnostic::error(code::YAML_SYNTAX, span, format!("this is no YAML: {message}"));
        if self.text.contains("{{") {
            diagnostic =
                diagnostic.help("this looks like a template: render it first, with `helm template` for instance");
        }
        self.diagnostics.push(diagnostic);
        Stop
    }

    /// Where a text in quotes ends: the parser counts a comment behind it as well.
    fn quoted_end(&self, start: usize, end: usize, quote: char) -> usize {
        let text = self.text.get(start..end).unwrap_or_default();
        let mut letters = text.char_indices().peekable();
        if letters.next().is_none_or(|(_, first)| first != quote) {
            return end;
        }
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' && quote == '"' {
                letters.next();
            } else if letter == quote {
                // Two single quotes are one of the text.
                if quote == '"' || letters.next_if(|(_, next)| *next == quote).is_none() {
                    return start + at + 1;
                }
            }
        }
        end
    }

    /// The span of a node without the white space after it.
    fn trimmed(&self, start: usize, end: usize) -> Span {
        let end = self.text.get(start..end).map_or(end, |text| start + text.trim_end().len());
        self.locator.span(self.start + start, self.start + end)
    }

    fn byte(&self, character: usize) -> usize {
        let before = self.wide.partition_point(|(characters, _)| *characters <= character);
        let (characters, bytes) =
            before.checked_sub(1).and_then(|last| self.wide.get(last)).copied().unwrap_or_default();
        (bytes + (character - characters)).min(self.text.len())
    }
}

fn wide_characters(text: &str) -> Vec<(usize, usize)> {
    if text.is_ascii() {
        return Vec::new();
    }
    let wide = text.char_indices().enumerate().filter(|(_, (_, character))| !character.is_ascii());
    wide.map(|(index, (offset, character))| (index + 1, offset + character.len_utf8())).collect()
}

/// JSON may escape a character beyond the basic plane as a pair of surrogates, which YAML does not know. Each is replaced
/// by an escape of the same length: no field that is read can hold such a character.
fn without_surrogates(text: &str) -> Cow<'_, str> {
    let mut replaced = Cow::Borrowed(text);
    if !text.trim_start().starts_with(['{', '[']) {
        return replaced;
    }
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let digits = text.get(at + 2..at + 6).filter(|_| text.get(at + 1..at + 2) == Some("u"));
        let is_surrogate = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .is_some_and(|unit| (0xD800..=0xDFFF).contains(&unit));
        if is_surrogate {
            replaced.to_mut().replace_range(at + 2..at + 6, "FFFD");
        }
        // Whatever is escaped by the backslash begins nothing.
        at += 1 + text.get(at + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    replaced
}

fn as_key(value: Value, diagnostics: &mut Vec<Diagnostic>) -> Key {
    match value.content {
        Content::Scalar(scalar) => Key::Scalar(Spanned::new(scalar.text, value.span)),
        Content::Null | Content::Sequence(_) | Content::Mapping(_) => {
            let message = format!("a key must be a text, this is {}", value.describe());
            let mut diagnostic = Diagnostic::error(code::WRONG_TYPE, value.span, message);
            if matches!(value.content, Content::Mapping(_)) {
                diagnostic.code = code::YAML_SYNTAX;
                diagnostic =
                    diagnostic.help("`{{ … }}` is a template: render it first, with `helm template` for instance");
            }
            diagnostics.push(diagnostic);
            Key::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn check(text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let source = sources.add("a", text);
        let documents = documents(text, &Locator::of_source(source));
        let entries = documents.iter().flat_map(|document| document.root.entries().unwrap_or_default());
        let slice = |span: Span| text.get(span.start as usize..span.end as usize).unwrap().to_owned();
        entries.map(|entry| slice(entry.value.span)).collect()
    }

    #[test]
    fn a_scalar_ends_before_the_comment_behind_it() {
        assert_eq!(
            check("a: \"80\"  # say \"x\"\nb: 'it''s' # '\nc: 80 # n\nd: \"a\\\"b\" # \"\n"),
            ["\"80\"", "'it''s'", "80", "\"a\\\"b\"",]
        );
        assert_eq!(check("{\"a\": \"b\", \"c\": 'd'}\n"), ["\"b\"", "'d'"]);
    }
}
