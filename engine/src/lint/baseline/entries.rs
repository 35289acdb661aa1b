//! The text of an entry of the baseline, for fixes.

use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::manifest::yaml;
use policy_lang::source::Origin;

use crate::lint::documents::{at, kind};
use crate::lint::world::World;

/// The kind of the documents.
const KIND: &str = "EgressBaseline";

/// The list that an entry stands in, as a field, and its place there; nothing where its line is not where the rule came
/// from, as for a document that is a quoted text.
pub(crate) fn find(world: &World<'_>, origin: &Origin) -> Option<(Entry, usize)> {
    let place = origin.place.as_ref()?;
    // `standard deny[0] name`
    let (document, entry) = origin.subject.as_deref()?.split_once(' ')?;
    let (list, index) = entry.split_once(' ').map_or(entry, |(entry, _)| entry).strip_suffix(']')?.split_once('[')?;
    let index: usize = index.parse().ok()?;
    let is_it = |root: &Value| {
        let name = at(root, &["metadata", "name"]).and_then(Value::text);
        kind(root) == KIND && name.is_some_and(|name| &**name == document)
    };
    let field = |root: &Value| {
        let field = root.entries()?.iter().find(|entry| entry.key.value.as_ref() == list)?;
        let item = field.value.items()?.get(index)?;
        let position = world.sources.position(item.span.source, item.span.start);
        let is_there = *world.sources.path(item.span.source) == place.path && position.line == place.line;
        is_there.then(|| (field.clone(), index))
    };
    let texts = world.documents.with_words(&[KIND], world.sources);
    texts.iter().flat_map(|text| text.iter()).find_map(|document| {
        if is_it(document) {
            return field(document);
        }
        let mut keys = document.field("data").and_then(Value::entries).unwrap_or_default().iter();
        keys.find_map(|key| {
            let text = key.value.text().filter(|text| text.contains(KIND))?;
            let held = yaml::documents(text, &Locator::of_scalar(&key.value, world.sources));
            held.iter().find(|held| is_it(&held.root)).and_then(|held| field(&held.root))
        })
    })
}
