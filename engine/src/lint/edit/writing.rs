//! Edits that write what stands elsewhere in a document already.

use policy_lang::diagnostic::Edit;
use policy_lang::manifest::tree::{Content, Entry, Value};
use policy_lang::source::{Sources, Span};

use super::{before_entry, dash, is_flow, line_end, line_start, replace, slice, with_item};

/// A value in one line, its scalars as they are written; nothing where one of them takes several lines.
pub(crate) fn in_one_line(value: &Value, sources: &Sources) -> Option<String> {
    let scalar = |span: Span| {
        let text = slice(span, sources)?.trim_end();
        let is_quoted = text.starts_with(['"', '\'']);
        // Bare, these end a value within brackets; the others begin something else than a value.
        let is_plain = !text.contains([',', '[', ']', '{', '}']) && !text.starts_with(['|', '>', '&', '*', '!']);
        (!text.contains('\n') && (is_quoted || is_plain)).then(|| text.to_owned())
    };
    match &value.content {
        Content::Null => Some("null".to_owned()),
        Content::Scalar(_) => scalar(value.span),
        Content::Sequence(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| in_one_line(item, sources)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Content::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|entry| Some(format!("{}: {}", scalar(entry.key.span)?, in_one_line(&entry.value, sources)?)));
            let entries: Option<Vec<_>> = entries.collect();
            Some(format!("{{{}}}", entries?.join(", ")))
        }
    }
}

/// Writes a list of one item as the last field of a mapping, in the form of that mapping.
pub(crate) fn with_list(mapping: &Value, key: &str, item: &str, sources: &Sources) -> Option<Edit> {
    let entries = mapping.entries()?;
    let (first, last) = (entries.first()?, entries.last()?);
    if is_flow(mapping, sources) {
        return before_entry(first, key, &format!("[{item}]"), sources);
    }
    let at = Span { start: last.key.span.start, end: last.value.span.end, ..last.key.span };
    let start = line_start(at, sources)?;
    // The indentation is that of the first field, which may stand behind a dash.
    let indent = " ".repeat((last.key.span.start - start) as usize);
    let end = line_end(at, sources)?;
    let newline = if slice(Span { start: at.start, end, ..at }, sources)?.ends_with('\n') { "" } else { "\n" };
    Some(replace(Span { start: end, end, ..at }, &format!("{newline}{indent}{key}:\n{indent}- {item}\n")))
}

/// Makes two items of one: what is written under `key` gets an item of its own.
pub(crate) fn split_off(item: &Value, key: &str, sources: &Sources) -> Option<Edit> {
    let entries = item.entries()?;
    let at = entries.iter().position(|entry| entry.key.value.as_ref() == key)?;
    // What follows the first part begins the second; a part in the middle has no end of its own.
    let second = match at {
        0 => entries.get(1)?,
        last if last + 1 == entries.len() => entries.get(last)?,
        _ => return None,
    };
    if is_flow(item, sources) {
        let before = entries.iter().take_while(|entry| entry.key.span != second.key.span).last()?;
        let gap = Span { start: before.value.span.end, end: second.key.span.start, ..item.span };
        return Some(replace(gap, "}, {"));
    }
    let dash = dash(item, sources)?;
    let start = line_start(second.key.span, sources)?;
    let column = dash.start - line_start(dash, sources)?;
    let gap = Span { start: start + column, end: second.key.span.start, ..item.span };
    let width = slice(gap, sources).filter(|gap| !gap.is_empty() && gap.trim().is_empty())?.len();
    Some(replace(gap, &format!("-{}", " ".repeat(width - 1))))
}

/// Leaves a network out of an `ipBlock`.
pub(crate) fn with_exception(block: &Value, network: &str, sources: &Sources) -> Option<Edit> {
    let network = format!("\"{network}\"");
    let written = block.entries()?.iter().find(|entry| entry.key.value.as_ref() == "except");
    match written.map(|entry: &Entry| &entry.value) {
        Some(list) => list.items().filter(|items| !items.is_empty()).and_then(|_| with_item(list, &network, sources)),
        None => before_entry(block.entries()?.first()?, "except", &format!("[{network}]"), sources),
    }
}
