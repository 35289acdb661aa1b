//! The documents behind objects whose text is not kept: read again where a rule needs more of them.

use std::collections::BTreeSet;

use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::yaml;
use policy_lang::source::{Sources, Span};

/// Every object in the texts that hold these spans and this word; items of a `List` by themselves.
pub(crate) fn that_hold(spans: impl Iterator<Item = Span>, word: &str, sources: &Sources) -> Vec<Value> {
    let texts: BTreeSet<_> = spans.map(|span| span.source).collect();
    let mut objects = Vec::new();
    for source in texts {
        let text = sources.text(source);
        if text.contains(word) {
            for document in yaml::documents(text, &Locator::of_source(source)) {
                let is_list =
                    document.root.field("kind").and_then(Value::text).is_some_and(|kind| kind.ends_with("List"));
                match document.root.field("items").and_then(Value::items).filter(|_| is_list) {
                    Some(items) => objects.extend(items.iter().cloned()),
                    None => objects.push(document.root),
                }
            }
        }
    }
    objects
}
