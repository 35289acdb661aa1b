//! The names of metrics in a query. Whether the query is one at all is promtool's to judge.

use std::collections::BTreeSet;

/// Words that stand where a metric could.
const WORDS: [&str; 12] =
    ["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf"];

/// Words after which a list of labels follows in brackets.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Every metric that a query asks for.
pub(super) fn metrics(query: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = query;
    let mut chars = query.chars();
    while let Some(first) = chars.next() {
        let behind_it = chars.as_str();
        if first == '"' || first == '\'' {
            rest = after(behind_it, first);
        } else if first == '{' {
            rest = after_matchers(rest);
        } else if first == '[' {
            rest = after(rest, ']');
        } else if first.is_ascii_alphanumeric() || first == '_' || first == ':' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            let behind = behind.trim_start();
            rest = if LISTS.contains(&word) { after(behind, ')') } else { behind };
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            let is_aggregation = ["by", "without"].contains(&behind.split([' ', '(']).next().unwrap_or_default());
            if !is_number && !is_aggregation && !behind.starts_with('(') && !WORDS.contains(&word) {
                names.insert(word.to_owned());
            }
        } else {
            rest = behind_it;
        }
        chars = rest.chars();
    }
    names
}

/// What stands behind the next of these.
fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, behind)| behind)
}

/// What stands behind a list in braces, whose values may hold braces too.
fn after_matchers(text: &str) -> &str {
    let mut is_quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '}' if !is_quoted => return chars.as_str(),
            _ => {}
        }
    }
    ""
}

#[test]
fn names_are_found_and_labels_functions_and_words_are_not() {
    for (query, expected) in [
        ("up{job=~\".*x{1,2}.*\"} == 0", &["up"][..]),
        ("sum without (a, b) (rate(x_total[5m])) > 10 * y offset 1h", &["x_total", "y"]),
        ("histogram_quantile(0.99, sum by (le, p) (rate(z_bucket{n=~\"$n\"}[$__rate_interval])))", &["z_bucket"]),
        ("a and on(n) b or vector(0)", &["a", "b"]),
        ("time() - (g > 0)", &["g"]),
    ] {
        assert_eq!(metrics(query), expected.iter().map(|name| (*name).to_owned()).collect(), "{query}");
    }
}
