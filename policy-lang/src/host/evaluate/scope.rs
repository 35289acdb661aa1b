//! Variables and functions: frames, looked up from the innermost outwards at the time of use.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::definitions::Function;
use super::{Evaluator, Step, error};
use crate::host::code;
use crate::host::draft::Location;
use crate::host::limits::WORD_BYTES;
use crate::host::rule::{Domain, Table, Word};
use crate::host::value::{Form, Item, Value};
use crate::source::Span;
use crate::suggest::nearest;

/// The definitions of one block. Included files share their includer's.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) variables: BTreeMap<Arc<str>, Arc<Value>>,
    pub(super) functions: BTreeMap<Arc<str>, Rc<Function>>,
}

/// What `$DOMAIN`, `$TABLE` and `$CHAIN` are in one block or one file: what was named last, whether or not its
/// statement is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) domain: Option<Domain>,
    pub(super) table: Option<Table>,
    pub(super) chain: Option<Arc<str>>,
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Script {
    /// `$FILENAME`.
    pub(super) path: Arc<str>,
}

impl Script {
    /// `$DIRNAME`: up to and with the last slash; empty for a bare name.
    pub(super) fn folder(&self) -> &str {
        let name = self.name();
        self.path.strip_suffix(name).unwrap_or("")
    }

    /// `$FILEBNAME`.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or("")
    }
}

impl Evaluator<'_> {
    /// A variable's value. The words of an array learn the name that they came by.
    pub(super) fn variable(&mut self, name: &str, span: Span) -> Step<Value> {
        let Some(value) = self.find_variable(name, span) else {
            let known = self.frames.iter().flat_map(|frame| frame.variables.keys());
            let known: Vec<&str> = known.map(|known| &**known).collect();
            let diagnostic = error(code::UNKNOWN_VARIABLE, span, format!("there is no variable `${name}` here"));
            return Err(match nearest(name, &known) {
                Some(near) => diagnostic.help(format!("did you mean `${near}`?")),
                None => diagnostic.help(format!("define it first: @def ${name} = …;")),
            }
            .into());
        };
        self.charge(value.items.len(), span)?;
        let mut value = Value::clone(&value);
        if value.form == Form::Array {
            let name: Arc<str> = name.into();
            for item in &mut value.items {
                if let Item::Word(word) = item {
                    word.variable = Some(Arc::clone(&name));
                }
            }
        }
        Ok(value)
    }

    /// A variable, defined or automatic.
    pub(super) fn find_variable(&self, name: &str, span: Span) -> Option<Arc<Value>> {
        if name == "LINE" {
            let line = self.sources.position(span.source, span.start).line;
            return Some(Arc::new(Value::word(line.to_string(), span)));
        }
        let defined = self.frames.iter().rev().find_map(|frame| frame.variables.get(name));
        defined.cloned().or_else(|| self.automatic(name).map(|text| Arc::new(Value::word(text, span))))
    }

    /// A function, from the innermost frame outwards.
    pub(super) fn function(&self, name: &str) -> Option<Rc<Function>> {
        self.frames.iter().rev().find_map(|frame| frame.functions.get(name)).cloned()
    }

    /// The text of a double-quoted string. A variable that does not exist is the empty text, as in ferm.
    pub(super) fn interpolate(&mut self, text: &str, span: Span) -> Step<String> {
        let mut parts = text.split('$');
        let mut result = parts.next().unwrap_or("").to_owned();
        for part in parts {
            let (name, rest) = split_name(part);
            if name.is_empty() {
                result.push('$');
            } else if let Some(value) = self.find_variable(name, span) {
                let Some(Word { text, .. }) = value.scalar() else {
                    let message = format!("`${name}` is an array and cannot stand inside a string");
                    return Err(error(code::OPERAND, span, message).into());
                };
                result.push_str(text);
            } else {
                let help = "ferm puts nothing in its place; define it, or write single quotes around the text";
                self.warn(span, format!("there is no variable `${name}`"), help);
            }
            result.push_str(rest);
            bound_word(&result, span)?;
        }
        self.charge(result.len() / 16, span)?;
        Ok(result)
    }

    /// Notes what a statement has just said of its place.
    pub(super) fn note_place(&mut self, location: &Location) {
        if let Some(place) = self.places.last_mut() {
            place.domain = location.domain.or(place.domain);
            place.table = location.table.or(place.table);
            if let Some(chain) = &location.chain {
                place.chain = Some(Arc::clone(chain));
            }
        }
    }

    fn automatic(&self, name: &str) -> Option<Arc<str>> {
        let mut places = self.places.iter().rev();
        match name {
            "DOMAIN" => places.find_map(|place| place.domain).map(|domain| domain.to_string().into()),
            "TABLE" => places.find_map(|place| place.table).map(|table| table.to_string().into()),
            "CHAIN" => places.find_map(|place| place.chain.clone()),
            "FILENAME" => self.scripts.last().map(|script| Arc::clone(&script.path)),
            "FILEBNAME" => self.scripts.last().map(|script| script.name().into()),
            "DIRNAME" => self.scripts.last().map(|script| script.folder().into()),
            _ => None,
        }
    }
}

/// Refuses a word that grew beyond all measure.
pub(super) fn bound_word(text: &str, span: Span) -> Step<()> {
    if text.len() > WORD_BYTES {
        return Err(error(code::LIMIT, span, format!("a word is longer than {WORD_BYTES} bytes")).into());
    }
    Ok(())
}

/// Splits the letters, digits and underscores off the front: a variable's name inside a string.
pub(super) fn split_name(text: &str) -> (&str, &str) {
    let end = text
        .char_indices()
        .find(|(_, letter)| !letter.is_ascii_alphanumeric() && *letter != '_')
        .map_or(text.len(), |(at, _)| at);
    text.split_at(end)
}
