//! Exceptions that the configuration makes, for manifests that nobody may edit.

use std::collections::BTreeSet;

use engine::lint::catalogue;
use glob::Pattern;
use policy_lang::diagnostic::{Code, Diagnostic, ObjectRef};
use policy_lang::manifest::tree::{Entry, Value};

use super::{CONFIG, Refused, rules, text, unknown, wrong};

/// Rules that are not looked for at some place.
#[derive(Clone, Debug)]
pub struct Exception {
    place: Place,
    codes: BTreeSet<Code>,
    /// The last day, as `2027-01-31`.
    until: Option<String>,
}

/// Where.
#[derive(Clone, Debug)]
pub enum Place {
    /// In files whose path from the configuration's folder is like this.
    Path(Pattern),
    /// In objects that are like this.
    Object {
        /// Their kind.
        kind: Pattern,
        /// Their namespace.
        namespace: Pattern,
        /// Their name.
        name: Pattern,
    },
}

impl Exception {
    /// Whether it still holds on a day.
    pub fn is_live(&self, today: &str) -> bool {
        self.until.as_deref().is_none_or(|until| today <= until)
    }

    /// Whether it is about a finding of a rule at a place.
    pub fn covers(&self, code: Code, path: Option<&str>, object: Option<&ObjectRef>) -> bool {
        let here = match &self.place {
            Place::Path(pattern) => path.is_some_and(|path| pattern.matches(path)),
            Place::Object { kind, namespace, name } => object.is_some_and(|object| {
                kind.matches(&object.kind) && namespace.matches(&object.namespace) && name.matches(&object.name)
            }),
        };
        here && self.codes.contains(&code)
    }
}

/// `perPath: {"vendor/**": {ignore: [PAL2]}}`.
pub(super) fn of_paths(value: &Value, found: &mut Vec<Diagnostic>) -> Result<Vec<Exception>, Refused> {
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping of paths"))?;
    let mut exceptions = Vec::new();
    for entry in entries {
        let pattern = pattern(&entry.key.value, entry)?;
        let fields = entry.value.entries().ok_or_else(|| wrong(&entry.value, "a mapping with `ignore`"))?;
        if let Some(other) = fields.iter().find(|field| field.key.value.as_ref() != "ignore") {
            return Err(unknown(other, &["ignore"]));
        }
        let ignore = entry.value.field("ignore").ok_or_else(|| wrong(&entry.value, "a mapping with `ignore`"))?;
        exceptions.push(Exception { place: Place::Path(pattern), codes: codes(ignore, found)?, until: None });
    }
    Ok(exceptions)
}

/// `perObject: [{kind, namespace, name, ignore, reason, until}]`.
pub(super) fn of_objects(value: &Value, found: &mut Vec<Diagnostic>) -> Result<Vec<Exception>, Refused> {
    const KEYS: [&str; 6] = ["kind", "namespace", "name", "ignore", "reason", "until"];
    let items = value.items().ok_or_else(|| wrong(value, "a list of objects"))?;
    let mut exceptions = Vec::new();
    for item in items {
        let fields = item.entries().ok_or_else(|| wrong(item, "an object"))?;
        if let Some(other) = fields.iter().find(|field| !KEYS.contains(&field.key.value.as_ref())) {
            return Err(unknown(other, &KEYS));
        }
        let part = |name| match fields.iter().find(|field| field.key.value.as_ref() == name) {
            Some(field) => pattern(text(&field.value)?, field),
            None => Ok(every()),
        };
        let place = Place::Object { kind: part("kind")?, namespace: part("namespace")?, name: part("name")? };
        let ignore = item.field("ignore").ok_or_else(|| wrong(item, "an object with `ignore`"))?;
        if item.field("reason").and_then(Value::text).is_none_or(|reason| reason.trim().is_empty()) {
            return Err(wrong(item, "an object with its `reason`"));
        }
        let until = item.field("until").map(day).transpose()?;
        exceptions.push(Exception { place, codes: codes(ignore, found)?, until });
    }
    Ok(exceptions)
}

/// What is not written is any: the pattern without letters would match nothing.
fn every() -> Pattern {
    Pattern::new("*").unwrap_or_default()
}

fn codes(value: &Value, found: &mut Vec<Diagnostic>) -> Result<BTreeSet<Code>, Refused> {
    let words = rules(value, found)?;
    Ok(words.iter().flat_map(|word| catalogue::meant(word)).map(|rule| rule.code).collect())
}

fn pattern(text: &str, entry: &Entry) -> Result<Pattern, Refused> {
    Pattern::new(text).map_err(|error| {
        let message = format!("`{text}` is no pattern: {}", error.msg);
        Box::new(Diagnostic::error(CONFIG, entry.key.span, message))
    })
}

/// A day as `2027-01-31`, which is in order as a text.
fn day(value: &Value) -> Result<String, Refused> {
    let scalar = value.scalar().ok_or_else(|| wrong(value, "a day such as 2027-01-31"))?;
    let form: String = scalar.text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    if form == "0000-00-00" { Ok(scalar.text.to_string()) } else { Err(wrong(value, "a day such as 2027-01-31")) }
}
