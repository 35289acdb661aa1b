//! JSON as the tree that the loader reads, without the places that nobody asks for.
//!
//! Most of what an agent reads when it begins are pods, and to read each as a file would be is most of the work: YAML, and
//! a place for every word. What cannot be told in this way, such as a key that stands twice, is left to the loader.

use std::fmt;

use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::source::Span;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::nodes::Nodes;

/// The tree of a text, with this span on every node; nothing if it has to be read as a file would be.
pub(super) fn tree(text: &str, span: Span) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let tree = Nodes(span).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(tree)
}

impl<'de> DeserializeSeed<'de> for Nodes {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nodes {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without fractions and keys that stand twice")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(self.null())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(self.word(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(self.word(&value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(self.word(&value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(self.text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(self.list(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all: Vec<Entry> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            // Nobody sends objects of so many keys that this would be slow; those are read as files are.
            if all.len() > 256 || all.iter().any(|known| *known.key.value == *key) {
                return Err(A::Error::custom("a key stands twice"));
            }
            let value = entries.next_value_seed(self)?;
            all.push(self.entry(&key, value));
        }
        Ok(self.mapping(all))
    }
}

#[cfg(test)]
mod tests {
    use policy_lang::manifest::{load, load_tree};
    use policy_lang::source::Sources;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What both ways read, places aside.
    fn both(text: &str) -> Option<[String; 2]> {
        let mut sources = Sources::default();
        let (objects, diagnostics) = load_tree("o", &mut sources, |span| tree(text, span))?;
        let read = load("o", text, &mut Sources::default());
        let said = |objects: &dyn fmt::Debug, findings: Vec<policy_lang::diagnostic::Diagnostic>| {
            let findings = findings.into_iter().map(|found| format!("{} {}", found.code, found.message));
            let without_places = without_spans(&format!("{objects:?}"));
            format!("{without_places} {:?}", findings.collect::<Vec<_>>())
        };
        Some([said(&objects, diagnostics), said(&read.0, read.1)])
    }

    /// Without the numbers of spans.
    fn without_spans(text: &str) -> String {
        let mut parts = text.split("Span {");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |whole, part| whole + part.split_once('}').map_or(part, |(_, rest)| rest))
    }

    proptest! {
        #[test]
        fn a_pod_means_the_same_as_from_a_file(
            name in "[a-zA-Z0-9 .\"\\\\\n-]{0,12}",
            value in "\\PC{0,8}",
            phase in "(Running|Failed|null|~|1|true)",
            ip in "(10[.]0[.]0[.]1|fd00::1|x|)",
            port in -5_i64..70_000,
            network in any::<Option<bool>>(),
            odd in 0_u8..6,
        ) {
            let mut pod = json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "namespace": "x", "labels": {"a": value, "b": "1"}},
                "spec": {"nodeName": "n", "hostNetwork": network,
                    "containers": [{"ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}]}]},
                "status": {"phase": phase, "podIPs": [{"ip": ip}]},
            });
            match odd {
                0 => pod["spec"]["containers"] = json!("none"),
                1 => pod["metadata"]["labels"]["c"] = json!(true),
                2 => pod["status"] = json!(null),
                3 => pod["metadata"]["labels"]["d"] = json!(-7),
                _ => {}
            }
            let [tree, file] = both(&pod.to_string()).unwrap();
            prop_assert_eq!(tree, file);
        }
    }

    #[test]
    fn what_cannot_be_told_is_left_to_the_loader() {
        for text in [r#"{"a":1,"a":2}"#, "{\"a\":1.5}", "{", "a: b", "{} {}"] {
            assert!(both(text).is_none(), "{text}");
        }
    }
}
