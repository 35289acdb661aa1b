//! Reads fields of a document and says what is wrong with them.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Edit, Fix, Severity};
use crate::manifest::code;
use crate::manifest::tree::{Content, Entry, Scalar, ScalarKind, Spanned, Value};
use crate::source::{Sources, Span};
use crate::suggest::nearest;

/// Collects the findings about one object.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    pub(crate) sources: &'s Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    dialect: Dialect,
    /// How many findings have been looked at for errors, and how many errors are among them.
    counted: (usize, usize),
}

/// Whose codes the findings get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// One code for each mistake.
    Manifest,
    /// One code for every mistake in an entry of the baseline.
    Baseline,
}

/// The fields that a mapping may have.
#[derive(Debug)]
pub(crate) struct Schema {
    /// What the mapping is, for messages: `a port`.
    pub(crate) what: &'static str,
    /// Its fields.
    pub(crate) fields: &'static [&'static str],
    /// Fields that people write here and that belong elsewhere: `(field, where)`.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
}

impl<'s> Reader<'s> {
    pub(crate) fn new(sources: &'s Sources, dialect: Dialect) -> Self {
        Self { sources, diagnostics: Vec::new(), dialect, counted: (0, 0) }
    }

    /// Reports an error.
    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let code = self.code(code);
        self.push(Diagnostic::error(code, span, message))
    }

    /// Reports a warning.
    pub(crate) fn warning(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let code = self.code(code);
        self.push(Diagnostic::warning(code, span, message))
    }

    /// How many errors there were so far. Each finding is looked at once, however often this is asked.
    pub(crate) fn errors(&mut self) -> usize {
        let (looked_at, errors) = &mut self.counted;
        let new = self.diagnostics.get(*looked_at..).unwrap_or_default();
        *errors += new.iter().filter(|finding| finding.severity == Severity::Error).count();
        *looked_at = self.diagnostics.len();
        *errors
    }

    /// The entries of a mapping, after a look at the names of its fields.
    pub(crate) fn mapping<'v>(&mut self, value: &'v Value, schema: &Schema) -> Option<&'v [Entry]> {
        let Some(entries) = value.entries() else {
            self.wrong_type(value, schema.what);
            return None;
        };
        for entry in entries {
            let name = entry.key.value.as_ref();
            if schema.fields.contains(&name) {
                continue;
            }
            let near = nearest(name, schema.fields);
            let elsewhere = schema.elsewhere.iter().find(|(field, _)| *field == name);
            match (elsewhere, near) {
                (Some((_, place)), _) => {
                    let message = format!("`{name}` is no field of {}", schema.what);
                    self.error(code::MISPLACED_FIELD, entry.key.span, message).help =
                        Some(format!("it belongs {place}"));
                }
                (None, Some(near)) => {
                    let message = format!("unknown field `{name}` in {}", schema.what);
                    // Renamed, a second one of that name would hide the first.
                    let is_free = entries.iter().all(|other| other.key.value.as_ref() != near);
                    let fix = is_free.then(|| self.replacement(entry.key.span, name, near)).flatten();
                    let finding = self.error(code::UNKNOWN_FIELD, entry.key.span, message);
                    finding.help = Some(format!("did you mean `{near}`?"));
                    finding.fix = fix;
                }
                (None, None) => {
                    let message = format!("unknown field `{name}` in {}", schema.what);
                    let help = format!("its fields are {}", schema.fields.join(", "));
                    self.error(code::UNKNOWN_FIELD, entry.key.span, message).help = Some(help);
                }
            }
        }
        Some(entries)
    }

    /// The items of a list; `null` is an empty one.
    pub(crate) fn list<'v>(&mut self, value: &'v Value, what: &str) -> Option<&'v [Value]> {
        match &value.content {
            Content::Null => Some(&[]),
            Content::Sequence(items) => Some(items),
            Content::Scalar(_) | Content::Mapping(_) => {
                self.wrong_type(value, what).help = Some("put a dash before each item".into());
                None
            }
        }
    }

    /// A string.
    pub(crate) fn text(&mut self, value: &Value, what: &str) -> Option<Spanned<Arc<str>>> {
        match value.scalar() {
            Some(scalar) if scalar.is_string() => Some(Spanned::new(Arc::clone(&scalar.text), value.span)),
            Some(scalar) => {
                let text = Arc::clone(&scalar.text);
                let message = format!("{what} must be a text, this is {}", value.describe());
                let fix = self.quoted(value.span, &text);
                let finding = self.error(code::WRONG_TYPE, value.span, message);
                finding.help = Some(format!("put it in quotes: \"{text}\""));
                finding.fix = fix;
                None
            }
            None => {
                self.wrong_type(value, what);
                None
            }
        }
    }

    /// `true` or `false`, or one of the words that Kubernetes' reader takes for them.
    pub(crate) fn boolean(&mut self, value: &Value, what: &str) -> Option<bool> {
        match value.scalar().map(Scalar::kind) {
            Some(ScalarKind::Bool(yes)) => Some(yes),
            Some(ScalarKind::String | ScalarKind::Number) | None => {
                self.wrong_type(value, what);
                None
            }
        }
    }

    /// Says that something else stands here than `what`.
    pub(crate) fn wrong_type(&mut self, value: &Value, what: &str) -> &mut Diagnostic {
        self.error(code::WRONG_TYPE, value.span, format!("expected {what}, this is {}", value.describe()))
    }

    /// The fix that writes `instead` where `written` stands, in the same quotes; nothing where the text at that place
    /// says something else, as in a document that itself is a quoted text.
    pub(crate) fn replacement(&self, span: Span, written: &str, instead: &str) -> Option<Fix> {
        let quotes = self.quotes(span, written)?;
        // Bare, `::/0` begins as the value of a key does.
        let quotes = if quotes.is_empty() && instead.contains(':') { "\"" } else { quotes };
        Some(Fix::safe(format!("write {instead}"), span, format!("{quotes}{instead}{quotes}")))
    }

    /// The fix that writes each of two scalars where the other one stands.
    pub(crate) fn exchanged(&self, one: &Value, other: &Value) -> Option<Fix> {
        let text = |value: &Value| {
            self.sources.text(value.span.source).get(value.span.start as usize..value.span.end as usize)
        };
        let mut fix = Fix::risky("exchange the two", one.span, text(other)?);
        fix.edits.push(Edit { span: other.span, text: text(one)?.to_owned() });
        Some(fix)
    }

    /// The fix that takes a number out of its quotes.
    pub(crate) fn unquoted(&self, span: Span, written: &str) -> Option<Fix> {
        self.quotes(span, written).map(|_| Fix::safe(format!("write {written}"), span, written))
    }

    /// The fix that puts a bare word in quotes.
    pub(crate) fn quoted(&self, span: Span, written: &str) -> Option<Fix> {
        let is_bare = self.quotes(span, written)?.is_empty();
        is_bare.then(|| Fix::safe(format!("write \"{written}\""), span, format!("\"{written}\"")))
    }

    /// The quotes that a word stands in at this place, if it does.
    fn quotes(&self, span: Span, written: &str) -> Option<&'static str> {
        let found = self.sources.text(span.source).get(span.start as usize..span.end as usize)?;
        let is_in = |quotes: &&str| {
            let inner = found.strip_prefix(*quotes).and_then(|rest| rest.strip_suffix(*quotes));
            inner == Some(written)
        };
        ["", "\"", "'"].into_iter().find(is_in)
    }

    fn code(&self, code: Code) -> Code {
        match self.dialect {
            Dialect::Manifest => code,
            Dialect::Baseline => code::BASELINE_ENTRY,
        }
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("it has just been pushed")
    }
}

/// The value of a field that is written and not `null`.
pub(crate) fn field<'v>(entries: &'v [Entry], name: &str) -> Option<&'v Value> {
    entries
        .iter()
        .find(|entry| entry.key.value.as_ref() == name)
        .map(|entry| &entry.value)
        .filter(|value| !value.is_null())
}

/// An integer in decimal, hexadecimal, octal or binary notation.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    // A second sign is no number: the standard library would take it.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let radix = |prefix: &str, radix| digits.strip_prefix(prefix).map(|digits| (digits, radix));
    let octal = || digits.strip_prefix('0').filter(|rest| !rest.is_empty()).map(|rest| (rest, 8));
    let (digits, radix) =
        radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)).or_else(octal).unwrap_or((digits, 10));
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}
