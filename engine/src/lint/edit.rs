//! Fixes as edits of the text: whatever is not replaced keeps its form and its comments.
//!
//! Every function looks at the text first and gives nothing where it is not written as expected.

use policy_lang::diagnostic::Edit;
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::source::{Sources, Span};

pub(crate) mod removal;
pub(crate) mod writing;

/// Takes one item out of a list; not the only one, because an empty list often means everything.
pub(crate) fn without_item(list: &Value, index: usize, sources: &Sources) -> Option<Edit> {
    let items = list.items()?;
    let item = items.get(index).filter(|_| items.len() > 1)?;
    if is_flow(list, sources) {
        let (start, end) = match (items.get(index + 1), index.checked_sub(1).and_then(|before| items.get(before))) {
            (Some(next), _) => (item.span.start, next.span.start),
            (None, Some(before)) => (before.span.end, item.span.end),
            (None, None) => return None,
        };
        return Some(replace(Span { start, end, ..item.span }, ""));
    }
    let dash = dash(item, sources)?;
    let start = line_start(dash, sources)?;
    let end = line_end(item.span, sources)?;
    Some(replace(Span { start, end, ..item.span }, ""))
}

/// Makes an item of a list part of the item before it, by taking its dash away.
pub(crate) fn joined_to_previous(item: &Value, sources: &Sources) -> Option<Edit> {
    let dash = dash(item, sources)?;
    Some(replace(dash, " "))
}

/// Writes another item at the end of a list.
pub(crate) fn with_item(list: &Value, text: &str, sources: &Sources) -> Option<Edit> {
    let last = list.items()?.last()?;
    let at = Span { start: last.span.end, ..last.span };
    // The dash first: a list of one item may have the span of that item, and with it its bracket.
    let Some(dash) = dash(last, sources) else {
        return is_flow(list, sources).then(|| replace(at, &format!(", {text}")));
    };
    let indent = " ".repeat((dash.start - line_start(dash, sources)?) as usize);
    Some(replace(at, &format!("\n{indent}- {text}")))
}

/// Writes `key: value` before an entry of a mapping, in the form of that mapping.
pub(crate) fn before_entry(entry: &Entry, key: &str, value: &str, sources: &Sources) -> Option<Edit> {
    let at = Span { end: entry.key.span.start, ..entry.key.span };
    let start = line_start(at, sources)?;
    let before = slice(Span { start, ..at }, sources)?;
    if before.chars().all(|letter| letter == ' ') {
        return Some(replace(at, &format!("{key}: {value}\n{before}")));
    }
    // After a dash the indentation is that of the text behind it.
    if before.chars().all(|letter| matches!(letter, ' ' | '-')) {
        return Some(replace(at, &format!("{key}: {value}\n{}", " ".repeat(before.len()))));
    }
    let is_in_braces = before.trim_end().ends_with(['{', ',']);
    is_in_braces.then(|| replace(at, &format!("{key}: {value}, ")))
}

/// Replaces a span.
pub(crate) fn replace(span: Span, text: &str) -> Edit {
    Edit { span, text: text.to_owned() }
}

/// Whether a list or mapping is written in brackets.
pub(crate) fn is_flow(value: &Value, sources: &Sources) -> bool {
    slice(value.span, sources).is_some_and(|text| text.starts_with(['[', '{']))
}

/// The dash of an item of a list that is written line by line.
fn dash(item: &Value, sources: &Sources) -> Option<Span> {
    let start = line_start(item.span, sources)?;
    let before = slice(Span { start, end: item.span.start, ..item.span }, sources)?;
    let inner = before.trim_start_matches(' ').strip_prefix('-')?;
    let is_alone = !inner.is_empty() && inner.chars().all(|letter| letter == ' ');
    let at = start + u32::try_from(before.len() - inner.len()).ok()? - 1;
    is_alone.then_some(Span { start: at, end: at + 1, ..item.span })
}

fn line_start(span: Span, sources: &Sources) -> Option<u32> {
    let before = slice(Span { start: 0, end: span.start, ..span }, sources)?;
    u32::try_from(before.rfind('\n').map_or(0, |newline| newline + 1)).ok()
}

/// The end of the last line of a span, its line break included; nothing if more than a comment follows in that line.
fn line_end(span: Span, sources: &Sources) -> Option<u32> {
    let text = sources.text(span.source);
    let written = slice(span, sources)?;
    // A block may end with the white space before the next one.
    let end = span.start as usize + written.trim_end().len();
    let rest = text.get(end..)?;
    let line = rest.split_inclusive('\n').next().unwrap_or_default();
    let is_bare = line.trim().is_empty() || line.trim_start().starts_with('#');
    is_bare.then(|| u32::try_from(end + line.len()).ok()).flatten()
}

fn slice(span: Span, sources: &Sources) -> Option<&str> {
    sources.text(span.source).get(span.start as usize..span.end as usize)
}

#[cfg(test)]
mod tests {
    use policy_lang::manifest::locate::Locator;
    use policy_lang::manifest::yaml;

    use super::*;

    fn check(text: &str, edit: impl Fn(&Value, &Sources) -> Option<Edit>) -> Option<String> {
        let mut sources = Sources::default();
        let source = sources.add("a", text);
        let documents = yaml::documents(text, &Locator::of_source(source));
        let edit = edit(documents.first()?.root.field("l")?, &sources)?;
        let mut changed = text.to_owned();
        changed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        Some(changed)
    }

    #[test]
    fn items_go_with_their_lines_and_comments_stay() {
        let text = "l: # list\n  - a: 1 # one\n    b: 2\n  # two\n  - c: 3\nz: 1\n";
        let without = |index| check(text, |list, sources| without_item(list, index, sources));
        assert_eq!(without(0).as_deref(), Some("l: # list\n  # two\n  - c: 3\nz: 1\n"));
        assert_eq!(without(1).as_deref(), Some("l: # list\n  - a: 1 # one\n    b: 2\n  # two\nz: 1\n"));
        assert_eq!(
            check("l: [a, b, c]\n", |list, sources| without_item(list, 1, sources)).as_deref(),
            Some("l: [a, c]\n")
        );
        assert_eq!(check("l: [a, b]\n", |list, sources| without_item(list, 1, sources)).as_deref(), Some("l: [a]\n"));
        assert_eq!(check("l: [a]\n", |list, sources| without_item(list, 0, sources)), None);
    }

    #[test]
    fn items_are_added_and_joined_in_the_form_of_their_list() {
        let more = |list: &Value, sources: &Sources| with_item(list, "x", sources);
        assert_eq!(check("l:\n- a\nz: 1\n", more).as_deref(), Some("l:\n- a\n- x\nz: 1\n"));
        assert_eq!(check("l: [a]\n", more).as_deref(), Some("l: [a, x]\n"));
        assert_eq!(check("l:\n  - {a: 1}\nz: 1\n", more).as_deref(), Some("l:\n  - {a: 1}\n  - x\nz: 1\n"));
        let joined = |list: &Value, sources: &Sources| joined_to_previous(list.items()?.get(1)?, sources);
        assert_eq!(check("l:\n  - a: 1\n  - b: 2\n", joined).as_deref(), Some("l:\n  - a: 1\n    b: 2\n"));
        assert_eq!(check("l: [{a: 1}, {b: 2}]\n", joined), None);
    }

    #[test]
    fn an_entry_is_put_before_another_in_the_form_of_their_mapping() {
        let before = |list: &Value, sources: &Sources| before_entry(list.entries()?.first()?, "k", "v", sources);
        assert_eq!(check("l:\n  a: 1\n", before).as_deref(), Some("l:\n  k: v\n  a: 1\n"));
        assert_eq!(check("l: {a: 1}\n", before).as_deref(), Some("l: {k: v, a: 1}\n"));
    }
}
