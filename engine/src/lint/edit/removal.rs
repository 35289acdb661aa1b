//! Edits that take something away: a field, the last item of a list, a whole document.

use policy_lang::diagnostic::Edit;
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::source::{Sources, Span};

use super::{dash, is_flow, line_end, line_start, replace, slice, without_item};

/// Takes one item out of the list of a field. Of the only one `[]` is left, which is no rule where rules are listed.
pub(crate) fn without_item_of(field: &Entry, index: usize, sources: &Sources) -> Option<Edit> {
    let items = field.value.items()?;
    if items.len() > 1 {
        return without_item(&field.value, index, sources);
    }
    let item = items.get(index)?;
    let gap = slice(Span { start: field.key.span.end, end: item.span.start, ..item.span }, sources)?;
    let span = Span { start: field.key.span.end, end: written_end(&field.value, sources)?, ..item.span };
    // A comment behind the key is about the field, and would go with the item.
    (!gap.contains('#')).then(|| replace(span, ": []"))
}

/// Takes one field out of a mapping; not the only one.
pub(crate) fn without_entry(mapping: &Value, index: usize, sources: &Sources) -> Option<Edit> {
    let entries = mapping.entries()?;
    let entry = entries.get(index).filter(|_| entries.len() > 1)?;
    let at = entry.key.span;
    let start = line_start(at, sources)?;
    let is_alone = slice(Span { start, end: at.start, ..at }, sources)?.chars().all(|letter| letter == ' ');
    if is_alone && !is_flow(mapping, sources) {
        let end = line_end(Span { end: entry.value.span.end, ..at }, sources)?;
        return Some(replace(Span { start, end, ..at }, ""));
    }
    let (start, end) = match (entries.get(index + 1), index.checked_sub(1).and_then(|before| entries.get(before))) {
        (Some(next), _) => (at.start, next.key.span.start),
        (None, Some(before)) => (before.value.span.end, entry.value.span.end),
        (None, None) => return None,
    };
    let span = Span { start, end, ..at };
    (!slice(span, sources)?.contains('#')).then(|| replace(span, ""))
}

/// Takes a document out of its file, with one of the lines that part it from others; or an item out of a `List`.
pub(crate) fn without_document(document: &Value, sources: &Sources) -> Option<Edit> {
    let at = document.span;
    let text = sources.text(at.source);
    if let Some(dash) = dash(document, sources) {
        let (start, end) = (line_start(dash, sources)?, line_end(at, sources)?);
        return Some(replace(Span { start, end, ..at }, ""));
    }
    let begin = line_start(at, sources)? as usize;
    let is_whole = text.get(begin..at.start as usize)?.trim_start_matches("---").trim().is_empty();
    let end = written_end(document, sources)? as usize;
    let rest_of_line = text.get(end..)?.lines().next().unwrap_or_default().trim_start();
    if !is_whole || !(rest_of_line.is_empty() || rest_of_line.starts_with('#')) {
        return None;
    }
    let parts = |line: &str| line.starts_with("---");
    let mut start = begin;
    while let Some(line) = text.get(..start)?.split_inclusive('\n').next_back() {
        if text.get(start..)?.lines().next().is_some_and(parts) {
            break;
        }
        start -= line.len();
    }
    let is_parted = text.get(start..)?.lines().next().is_some_and(parts);
    let mut stop = end;
    for line in text.get(end..)?.split_inclusive('\n') {
        if parts(line) {
            // Of two lines that part, the one before the first document goes with it.
            let goes = !is_parted && line.trim() == "---";
            stop += if goes { line.len() } else { 0 };
            break;
        }
        stop += line.len();
    }
    Some(replace(Span { start: u32::try_from(start).ok()?, end: u32::try_from(stop).ok()?, ..at }, ""))
}

/// The end of what is written of a value: a block may end with the white space before the next one.
pub(crate) fn written_end(value: &Value, sources: &Sources) -> Option<u32> {
    let written = slice(value.span, sources)?.trim_end();
    Some(value.span.start + u32::try_from(written.len()).ok()?)
}

#[cfg(test)]
mod tests {
    use policy_lang::manifest::locate::Locator;
    use policy_lang::manifest::yaml;

    use super::*;

    fn check(text: &str, document: usize, edit: impl Fn(&Value, &Sources) -> Option<Edit>) -> Option<String> {
        let mut sources = Sources::default();
        let source = sources.add("a", text);
        let documents = yaml::documents(text, &Locator::of_source(source));
        let edit = edit(&documents.get(document)?.root, &sources)?;
        let mut changed = text.to_owned();
        changed.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        Some(changed)
    }

    #[test]
    fn a_document_goes_with_its_comments_and_one_line_that_parts() {
        let without = |text: &str, at| check(text, at, without_document);
        let text = "# one\na: 1\n---\n# two\nb: 2 # more\n---\nc: 3\n";
        assert_eq!(without(text, 0).as_deref(), Some("# two\nb: 2 # more\n---\nc: 3\n"));
        assert_eq!(without(text, 1).as_deref(), Some("# one\na: 1\n---\nc: 3\n"));
        assert_eq!(without(text, 2).as_deref(), Some("# one\na: 1\n---\n# two\nb: 2 # more\n"));
        assert_eq!(without("---\na: 1\n---\nb: 2\n", 0).as_deref(), Some("---\nb: 2\n"));
        assert_eq!(without("--- {a: 1}\n---\nb: 2\n", 0).as_deref(), Some("---\nb: 2\n"));
        assert_eq!(without("a: 1", 0).as_deref(), Some(""));
        assert_eq!(without("{\"a\": 1}\n", 0).as_deref(), Some(""));
    }

    #[test]
    fn a_field_goes_in_the_form_of_its_mapping() {
        let without = |text: &str, index| check(text, 0, |root, sources| without_entry(root, index, sources));
        assert_eq!(without("a: 1\nb: # two\n  c: 2\nd: 3\n", 1).as_deref(), Some("a: 1\nd: 3\n"));
        assert_eq!(without("{a: 1, b: 2}\n", 1).as_deref(), Some("{a: 1}\n"));
        assert_eq!(without("{a: 1, b: 2}\n", 0).as_deref(), Some("{b: 2}\n"));
        assert_eq!(without("a: 1\n", 0), None);
        let behind_dash = |root: &Value, sources: &Sources| without_entry(root.items()?.first()?, 0, sources);
        assert_eq!(check("- a: 1\n  b: 2\n", 0, behind_dash).as_deref(), Some("- b: 2\n"));
    }

    #[test]
    fn of_the_only_item_an_empty_list_is_left() {
        let first = |root: &Value, sources: &Sources| without_item_of(root.entries()?.first()?, 0, sources);
        assert_eq!(check("l:\n  - a: 1\n    b: 2\nz: 1\n", 0, first).as_deref(), Some("l: []\nz: 1\n"));
        assert_eq!(check("l:\n- {}\n", 0, first).as_deref(), Some("l: []\n"));
        assert_eq!(check("{l: [{a: 1}], z: 1}\n", 0, first).as_deref(), Some("{l: [], z: 1}\n"));
        assert_eq!(check("l: [a, b]\n", 0, first).as_deref(), Some("l: [b]\n"));
        assert_eq!(check("l: # why\n- a\n", 0, first), None);
    }
}
