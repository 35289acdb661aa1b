//! The namespaces that are only observed.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::compile::options::ObservedNamespaces;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::tree::Value;
use policy_lang::selector::{Operator, Requirement, Selector};
use serde_json::json;

use super::{CONFIG, Setting, list, text, wrong};

pub(super) fn read(value: &Value) -> Setting<ObservedNamespaces> {
    let mut found = ObservedNamespaces::default();
    let entries = value.entries().ok_or_else(|| wrong(value, "a mapping with `namespaces` or `namespaceLabels`"))?;
    for entry in entries {
        match (&*entry.key.value, &entry.value) {
            ("namespaces" | "namespaceLabels", value) if value.is_null() => {}
            ("namespaces", value) => found.names = names(value)?,
            ("namespaceLabels", value) => found.selector = Some(labels(value)?),
            (unknown, _) => {
                let message = format!("there is no field `{unknown}` in `observe`");
                let finding = Diagnostic::error(CONFIG, entry.key.span, message);
                return Err(finding.help("the fields are namespaces and namespaceLabels").into());
            }
        }
    }
    Ok(found)
}

/// In the form of the file.
pub(super) fn written(observed: &ObservedNamespaces) -> serde_json::Value {
    let ObservedNamespaces { names, selector } = observed;
    let label = |Requirement { key, operator }: &Requirement| match operator {
        Operator::In(values) => values.first().map(|value| (key.to_string(), json!(**value))),
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
    };
    let labels =
        |selector: &Selector| selector.requirements().iter().filter_map(label).collect::<serde_json::Map<_, _>>();
    json!({
        "namespaces": names.iter().map(|name| &**name).collect::<Vec<_>>(),
        "namespaceLabels": selector.as_ref().map(labels),
    })
}

fn names(value: &Value) -> Setting<BTreeSet<Arc<str>>> {
    let name = |value: &Value| text(value).map(Arc::from);
    Ok(list(value, "a list of namespaces", name)?.into_iter().collect())
}

/// All of them, at least one: a selector of nothing would be every namespace, for which there is `mode: observe`.
fn labels(value: &Value) -> Setting<Selector> {
    let entries = value.entries().filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| wrong(value, "a mapping of one label or more"))?;
    let required = entries.iter().map(|entry| {
        let operator = Operator::In([Arc::from(text(&entry.value)?)].into());
        Ok(Requirement { key: Arc::clone(&entry.key.value), operator })
    });
    Ok(Selector::new(required.collect::<Setting<Vec<_>>>()?))
}
