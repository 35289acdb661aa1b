//! YAML as JSON, by the program's own reader.

use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::{Content, Scalar, ScalarKind, Value as Tree};
use policy_lang::manifest::yaml;
use policy_lang::source::Sources;
use serde_json::Value;

/// Every document that says anything.
#[track_caller]
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let locator = Locator::of_source(Sources::default().add("a test", text));
    let documents = yaml::documents(text, &locator).into_iter().map(|document| {
        assert!(document.diagnostics.is_empty(), "{:#?}\n{text}", document.diagnostics);
        json(&document.root)
    });
    documents.filter(|document| !document.is_null()).collect()
}

fn json(tree: &Tree) -> Value {
    match &tree.content {
        Content::Null => Value::Null,
        Content::Scalar(scalar) => of_scalar(scalar),
        Content::Sequence(items) => items.iter().map(json).collect(),
        Content::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.value.to_string(), json(&entry.value))).collect()
        }
    }
}

fn of_scalar(scalar: &Scalar) -> Value {
    match scalar.kind() {
        ScalarKind::Bool(yes) => yes.into(),
        ScalarKind::Number => serde_json::from_str(&scalar.text).unwrap(),
        ScalarKind::String => scalar.text.as_ref().into(),
    }
}
