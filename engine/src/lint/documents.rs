//! The documents behind objects whose text is not kept: read again where a rule needs more of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::Value;
use policy_lang::manifest::yaml;
use policy_lang::name::NamespacedName;
use policy_lang::source::{SourceId, Sources};

/// What the files of host rules end in: they hold no objects.
const HOST_EXTENSION: &str = "ferm";

/// The objects of each text that a rule asked for, read once.
#[derive(Debug, Default)]
pub(crate) struct Documents(RefCell<BTreeMap<SourceId, Rc<[Value]>>>);

impl Documents {
    /// Every object in the texts that hold one of these words; items of a `List` by themselves.
    pub(crate) fn with_words(&self, words: &[&str], sources: &Sources) -> Vec<Rc<[Value]>> {
        self.of_texts(&|text| words.iter().any(|word| text.contains(word)), sources)
    }

    /// Every object in the texts that are wanted.
    pub(crate) fn of_texts(&self, is_wanted: &dyn Fn(&str) -> bool, sources: &Sources) -> Vec<Rc<[Value]>> {
        let is_host = |source: &SourceId| {
            Path::new(sources.path(*source).as_ref()).extension().is_some_and(|extension| extension == HOST_EXTENSION)
        };
        let texts = sources.ids().filter(|source| !is_host(source) && is_wanted(sources.text(*source)));
        texts
            .map(|source| Rc::clone(self.0.borrow_mut().entry(source).or_insert_with(|| objects(source, sources))))
            .collect()
    }
}

/// The field at the end of a path of fields.
pub(crate) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, field| value.field(field))
}

/// Its `kind`; empty where none is written.
pub(crate) fn kind(document: &Value) -> &str {
    document.field("kind").and_then(Value::text).map_or("", AsRef::as_ref)
}

/// Namespace and name of an object that has a namespace; `default` where none is written.
pub(crate) fn name(document: &Value) -> Option<NamespacedName> {
    let text = |field| at(document, &["metadata", field]).and_then(Value::text);
    let namespace = text("namespace").map_or_else(|| Arc::from("default"), Arc::clone);
    Some(NamespacedName::new(namespace, Arc::clone(text("name")?)))
}

fn objects(source: SourceId, sources: &Sources) -> Rc<[Value]> {
    let mut objects = Vec::new();
    for document in yaml::documents(sources.text(source), &Locator::of_source(source)) {
        let is_list = kind(&document.root).ends_with("List");
        match document.root.field("items").and_then(Value::items).filter(|_| is_list) {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(document.root),
        }
    }
    objects.into()
}
