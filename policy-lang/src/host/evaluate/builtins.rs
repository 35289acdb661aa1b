//! The built-in functions of values: `@eq`, `@cat` and their kind.

use std::sync::Arc;

use super::cluster;
use super::scope::bound_word;
use super::values::{deferred_refused, plain};
use super::{Evaluator, Step, error};
use crate::host::code;
use crate::host::limits::ARRAY;
use crate::host::rule::Word;
use crate::host::stream::Stream;
use crate::host::surroundings::Record;
use crate::host::tree::{Brackets, Group, Node};
use crate::host::value::{Computation, Deferred, Form, Item, Value};
use crate::source::Span;
use crate::suggest::nearest;

/// The built-ins by name, with the number of arguments.
const BUILTINS: &[(&str, Arguments)] = &[
    ("eq", Arguments::Exactly(2)),
    ("ne", Arguments::Exactly(2)),
    ("not", Arguments::Exactly(1)),
    ("defined", Arguments::Name),
    ("cat", Arguments::Any),
    ("join", Arguments::Any),
    ("substr", Arguments::Exactly(3)),
    ("length", Arguments::Exactly(1)),
    ("basename", Arguments::Exactly(1)),
    ("dirname", Arguments::Exactly(1)),
    ("glob", Arguments::Any),
    ("ipfilter", Arguments::Exactly(1)),
    ("resolve", Arguments::OneOrTwo),
];

#[derive(Clone, Copy, Debug)]
enum Arguments {
    /// So many values.
    Exactly(usize),
    /// One value or two.
    OneOrTwo,
    /// Any number of values.
    Any,
    /// `$name` or `&name`.
    Name,
    /// A selector or a name in the cluster, as this form says.
    Cluster(&'static str),
}

fn arguments_of(name: &str) -> Option<Arguments> {
    let known = BUILTINS.iter().find(|(known, _)| *known == name).map(|(_, arguments)| *arguments);
    known.or_else(|| cluster::form(name).map(Arguments::Cluster))
}

impl Evaluator<'_> {
    /// The value of `@name(…)`.
    pub(super) fn builtin(&mut self, stream: &mut Stream, name: &str, span: Span) -> Step<Value> {
        let Some(arguments) = arguments_of(name) else { return Err(unknown_builtin(name, span)) };
        let calls = stream.calls();
        let Some(Node::Group(Group { brackets: Brackets::Parens, nodes, span: group, closing })) = stream.next() else {
            return Err(error(code::SYNTAX, span, format!("`@{name}` needs its arguments in parentheses")).into());
        };
        let mut inner = Stream::new(nodes, closing, calls);
        let whole = super::joined(span, group);
        let values = match arguments {
            Arguments::Cluster(form) => return self.cluster_addresses(&mut inner, name, form, whole),
            Arguments::Name => return self.defined(&mut inner, whole),
            Arguments::Any => self.arguments(&mut inner)?,
            Arguments::OneOrTwo => {
                let values = self.arguments(&mut inner)?;
                if !(1..=2).contains(&values.len()) {
                    let message = format!("`@{name}` takes one argument or two, here are {}", values.len());
                    return Err(error(code::OPERAND, whole, message).into());
                }
                values
            }
            Arguments::Exactly(count) => {
                let values = self.arguments(&mut inner)?;
                if values.len() != count {
                    let message = format!("`@{name}` takes {count} arguments, here are {}", values.len());
                    return Err(error(code::OPERAND, whole, message).into());
                }
                values
            }
        };
        values.iter().try_for_each(plain)?;
        self.compute(name, whole, &values)
    }

    /// Values separated by commas.
    pub(super) fn arguments(&mut self, stream: &mut Stream) -> Step<Vec<Value>> {
        let mut values = Vec::new();
        while stream.peek().is_some() {
            values.push(self.value(stream)?);
            let position = stream.position();
            if stream.take_mark(",").is_none() && stream.peek().is_some() {
                let diagnostic = error(code::SYNTAX, position, "`,` is missing between two arguments");
                return Err(diagnostic.help("several words in one argument need parentheses around them").into());
            }
        }
        Ok(values)
    }

    fn compute(&mut self, name: &str, span: Span, values: &[Value]) -> Step<Value> {
        let texts = |values: &[Value]| -> Step<Vec<Arc<str>>> {
            Ok(words(values)?.into_iter().map(|word| word.text).collect())
        };
        match (name, values) {
            ("eq", [left, right]) => Ok(Value::truth(equal(left, right)?, span)),
            ("ne", [left, right]) => Ok(Value::truth(!equal(left, right)?, span)),
            ("not", [value]) => {
                refuse_deferred(value)?;
                // For `@not` every array is true, the empty one too; for `@if` the empty one is false.
                Ok(Value::truth(value.scalar().is_some() && !value.is_true(), span))
            }
            ("length", [value]) => Ok(Value::word(text(value)?.len().to_string(), span)),
            ("basename", [value]) => Ok(Value::word(text(value)?.rsplit('/').next().unwrap_or(""), span)),
            ("dirname", [value]) => {
                let path = text(value)?;
                Ok(Value::word(path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/")), span))
            }
            ("substr", [value, from, length]) => {
                let (value, from, length) = (text(value)?, number(from)?, number(length)?);
                let Some(part) = substring(&value, from, length) else {
                    let message = format!("`@substr` begins outside of `{value}`");
                    return Err(error(code::OPERAND, span, message).into());
                };
                Ok(Value::word(part, span))
            }
            ("cat", parts) => self.cat(parts, span),
            ("join", [separator, parts @ ..]) => {
                let separator = text(separator)?;
                self.bounded(&texts(parts)?, &separator, span)
            }
            ("join", []) => Err(error(code::OPERAND, span, "`@join` needs a separator").into()),
            ("glob", patterns) => self.glob(&texts(patterns)?, span),
            ("ipfilter", [list]) => defer(Computation::IpFilter, list.items.clone(), span),
            ("resolve", [names]) => defer(Computation::Resolve(None), names.items.clone(), span),
            ("resolve", [names, record]) => {
                let word = text(record)?;
                let Ok(record) = word.parse::<Record>() else {
                    let diagnostic = error(code::OPERAND, span, format!("`{word}` is no type of record here"));
                    return Err(diagnostic.help("the types are A, AAAA, NS and MX").into());
                };
                defer(Computation::Resolve(Some(record)), names.items.clone(), span)
            }
            _ => Err(unknown_builtin(name, span)),
        }
    }

    /// `@cat`: all words in a row. Of something deferred it is deferred itself.
    fn cat(&mut self, parts: &[Value], span: Span) -> Step<Value> {
        if parts.iter().any(Value::is_deferred) {
            let items: Vec<Item> = parts.iter().flat_map(|part| part.items.iter().cloned()).collect();
            return defer(Computation::Cat, items, span);
        }
        let texts: Vec<Arc<str>> = words(parts)?.into_iter().map(|word| word.text).collect();
        self.bounded(&texts, "", span)
    }

    fn bounded(&mut self, texts: &[Arc<str>], separator: &str, span: Span) -> Step<Value> {
        let joined = texts.join(separator);
        bound_word(&joined, span)?;
        self.charge(joined.len() / 16, span)?;
        Ok(Value::word(joined, span))
    }

    /// Paths that match, in the order of their bytes, as `@include` takes them.
    fn glob(&mut self, patterns: &[Arc<str>], span: Span) -> Step<Value> {
        let mut paths = Vec::new();
        for pattern in patterns {
            let resolved = self.resolved(pattern);
            let mut found = self.surroundings.files.glob(&resolved).map_err(|reason| {
                Box::new(error(code::INCLUDE, span, format!("`{pattern}` cannot be looked up: {reason}")))
            })?;
            found.sort_unstable();
            self.globbed.extend(found.iter().cloned());
            paths.extend(found);
        }
        if paths.len() > ARRAY {
            return Err(error(code::LIMIT, span, format!("more than {ARRAY} files match")).into());
        }
        self.charge(paths.len(), span)?;
        let items = paths.into_iter().map(|path| Item::Word(Word::new(path, span)));
        Ok(Value { items: items.collect(), negated: None, form: Form::Array, span })
    }

    fn defined(&mut self, stream: &mut Stream, span: Span) -> Step<Value> {
        let mark = stream.next();
        if matches!(mark, Some(Node::Value(..))) && stream.peek().is_none() {
            return Ok(Value::truth(true, span));
        }
        let is_function = mark.as_ref().is_some_and(|node| node.is_mark("&"));
        if !is_function && !mark.as_ref().is_some_and(|node| node.is_mark("$")) {
            return Err(error(code::SYNTAX, span, "`@defined` takes `$name` or `&name`").into());
        }
        let (name, name_span) = Self::name(stream, if is_function { "a function" } else { "a variable" })?;
        if stream.peek().is_some() {
            return Err(error(code::SYNTAX, stream.position(), "`@defined` takes one name").into());
        }
        let found =
            if is_function { self.function(&name).is_some() } else { self.find_variable(&name, name_span).is_some() };
        // ferm's false is the empty text here, and "1" its true.
        Ok(Value::word(if found { "1" } else { "" }, span))
    }
}

fn defer(kind: Computation, items: Vec<Item>, span: Span) -> Step<Value> {
    let Some(deferred) = Deferred::new(kind, items, span) else {
        return Err(error(code::LIMIT, span, "a value that waits for the domain is too long or nests too deep").into());
    };
    Ok(Value { items: vec![Item::Deferred(Arc::new(deferred))], negated: None, form: Form::Array, span })
}

fn refuse_deferred(value: &Value) -> Step<()> {
    if value.is_deferred() { Err(deferred_refused(value.span)) } else { Ok(()) }
}

/// Arrays are never equal, not even to themselves.
fn equal(left: &Value, right: &Value) -> Step<bool> {
    refuse_deferred(left)?;
    refuse_deferred(right)?;
    Ok(matches!((left.scalar(), right.scalar()), (Some(left), Some(right)) if left.text == right.text))
}

/// All words of several values.
fn words(values: &[Value]) -> Step<Vec<Word>> {
    let mut words = Vec::new();
    for value in values {
        for item in &value.items {
            match item {
                Item::Word(word) => words.push(word.clone()),
                Item::Deferred(_) => return Err(deferred_refused(value.span)),
            }
        }
    }
    Ok(words)
}

fn text(value: &Value) -> Step<Arc<str>> {
    refuse_deferred(value)?;
    match value.scalar() {
        Some(word) => Ok(Arc::clone(&word.text)),
        None => Err(error(code::OPERAND, value.span, "an array cannot stand here: one word is expected").into()),
    }
}

fn number(value: &Value) -> Step<i64> {
    let text = text(value)?;
    text.parse().map_err(|_| error(code::OPERAND, value.span, format!("`{text}` is not a whole number")).into())
}

/// A part of a text in bytes; a negative start or length counts from the end, as in Perl.
fn substring(text: &str, from: i64, length: i64) -> Option<String> {
    let size = i64::try_from(text.len()).ok()?;
    let start = if from < 0 { size.checked_add(from)? } else { from };
    let end = if length < 0 { size.checked_add(length)? } else { start.checked_add(length)? };
    if start > size || (start < 0 && end < 0) {
        return None;
    }
    let (start, end) = (start.clamp(0, size), end.clamp(0, size));
    let range = usize::try_from(start).ok()?..usize::try_from(end.max(start)).ok()?;
    Some(String::from_utf8_lossy(text.as_bytes().get(range)?).into_owned())
}

fn unknown_builtin(name: &str, span: Span) -> Box<crate::diagnostic::Diagnostic> {
    let diagnostic = error(code::UNKNOWN_WORD, span, format!("there is no built-in `@{name}`"));
    let known: Vec<&str> = BUILTINS.iter().map(|(known, _)| *known).chain(cluster::names()).collect();
    match nearest(name, &known) {
        Some(near) => diagnostic.help(format!("did you mean `@{near}`?")).into(),
        None => diagnostic.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_count_as_perl_counts() {
        let part = |from, length| substring("abcdef", from, length);
        assert_eq!(part(1, 3).unwrap(), "bcd");
        assert_eq!(part(-2, 1).unwrap(), "e");
        assert_eq!(part(1, -1).unwrap(), "bcde");
        assert_eq!(part(-9, 8).unwrap(), "abcde");
        assert_eq!(part(7, 1), None);
        assert_eq!(part(i64::MAX, i64::MAX), None);
        assert_eq!(substring("é", 0, 1).unwrap(), "\u{fffd}");
    }
}
