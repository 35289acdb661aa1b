//! `LabelSelector` (sem-33 to sem-39), which NetworkPolicies and the baseline share.

use std::sync::Arc;

use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::syntax;
use crate::manifest::tree::{Spanned, Value};
use crate::network_policy::Strictness;
use crate::selector::{Operator, Requirement, Selector};
use crate::suggest::nearest;

const SELECTOR: Schema = Schema {
    what: "a label selector",
    fields: &["matchLabels", "matchExpressions"],
    elsewhere: &[
        ("key", "in an item of `matchExpressions`"),
        ("operator", "in an item of `matchExpressions`"),
        ("values", "in an item of `matchExpressions`"),
        ("podSelector", "beside this selector"),
        ("namespaceSelector", "beside this selector"),
        ("ipBlock", "in an item of its own"),
    ],
};

const EXPRESSION: Schema =
    Schema { what: "a selector's expression", fields: &["key", "operator", "values"], elsewhere: &[] };

const OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];

/// Reads a selector. Nothing if a part of it cannot be read: with less requirements it would select more.
pub(crate) fn read(value: &Value, strictness: Strictness, reader: &mut Reader<'_>) -> Option<Selector> {
    let entries = reader.mapping(value, &SELECTOR)?;
    let mut requirements = Vec::new();
    let mut whole = entries.iter().all(|entry| SELECTOR.fields.contains(&entry.key.value.as_ref()));
    if let Some(labels) = field(entries, "matchLabels") {
        match labels.entries() {
            Some(labels) => {
                for label in labels {
                    let requirement = read_label(&label.key, &label.value, strictness, reader);
                    whole &= requirement.is_some();
                    requirements.extend(requirement);
                }
            }
            None => {
                reader.wrong_type(labels, "labels, a mapping");
                whole = false;
            }
        }
    }
    if let Some(expressions) = field(entries, "matchExpressions") {
        let items = reader.list(expressions, "a list of expressions");
        whole &= items.is_some();
        for item in items.unwrap_or_default() {
            let requirement = read_expression(item, strictness, reader);
            whole &= requirement.is_some();
            requirements.extend(requirement);
        }
    }
    whole.then(|| Selector::new(requirements))
}

fn read_label(
    key: &Spanned<Arc<str>>,
    value: &Value,
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Option<Requirement> {
    let sound = check_key(key, reader);
    // A label without a value has the empty one, as the server reads it (sem-35).
    let text = if value.is_null() { "".into() } else { read_value(value, strictness, reader)? };
    sound.then(|| Requirement { key: Arc::clone(&key.value), operator: Operator::In([text].into()) })
}

fn read_expression(value: &Value, strictness: Strictness, reader: &mut Reader<'_>) -> Option<Requirement> {
    let entries = reader.mapping(value, &EXPRESSION)?;
    let known = entries.iter().all(|entry| EXPRESSION.fields.contains(&entry.key.value.as_ref()));
    let key = match field(entries, "key") {
        Some(key) => reader.text(key, "a label's key").filter(|key| check_key(key, reader)),
        None => {
            reader.error(code::BAD_SELECTOR, value.span, "this expression has no `key`");
            None
        }
    };
    let operator = match field(entries, "operator") {
        Some(operator) => reader.text(operator, "an operator"),
        None => {
            reader.error(code::BAD_SELECTOR, value.span, "this expression has no `operator`");
            None
        }
    };
    let written = field(entries, "values");
    let items = written.map_or(Some(&[][..]), |values| reader.list(values, "a list of values"))?;
    let values: Vec<_> = items.iter().map(|value| read_value(value, strictness, reader)).collect();
    let values: Option<Box<[Arc<str>]>> = values.into_iter().collect();
    let (key, operator, values) = (key?, operator?, values?);
    let at = written.map_or(operator.span, |written| written.span);
    let operator = match (operator.value.as_ref(), values.is_empty()) {
        ("In", false) => Operator::In(values),
        ("NotIn", false) => Operator::NotIn(values),
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        (name @ ("In" | "NotIn"), true) => {
            reader.error(code::BAD_SELECTOR, at, format!("`{name}` needs `values`"));
            return None;
        }
        (name @ ("Exists" | "DoesNotExist"), false) => {
            reader.error(code::BAD_SELECTOR, at, format!("`{name}` takes no `values`"));
            return None;
        }
        (name, _) => {
            let help = match nearest(name, OPERATORS) {
                Some(near) => format!("did you mean `{near}`? Case matters"),
                None => format!("the operators are {}", OPERATORS.join(", ")),
            };
            reader.error(code::BAD_SELECTOR, operator.span, format!("`{name}` is not a selector operator")).help =
                Some(help);
            return None;
        }
    };
    known.then_some(Requirement { key: key.value, operator })
}

fn check_key(key: &Spanned<Arc<str>>, reader: &mut Reader<'_>) -> bool {
    let fault = syntax::label_key_fault(&key.value);
    if let Some(fault) = fault {
        reader.error(code::BAD_SELECTOR, key.span, format!("the label key `{}` {fault}", key.value));
    }
    fault.is_none()
}

/// A value that no label can have is compared as it is (sem-39): old objects may hold one.
fn read_value(value: &Value, strictness: Strictness, reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let text = reader.text(value, "a label's value")?;
    if let Some(fault) = syntax::label_value_fault(&text.value) {
        let message = format!("the label value `{}` {fault}", text.value);
        match strictness {
            Strictness::Lenient => {
                reader.warning(code::BAD_SELECTOR, text.span, message).help =
                    Some("no label can have this value".into());
            }
            Strictness::Strict => {
                reader.error(code::BAD_SELECTOR, text.span, message);
                return None;
            }
        }
    }
    Some(text.value)
}
