//! The same text, held once: names of namespaces and nodes, labels.

use std::collections::HashSet;
use std::sync::Arc;

use engine::inventory::Pod;
use policy_lang::name::{Labels, NamespacedName};

/// Below so many texts it is not worth looking for those that nobody uses any more.
const SWEEP_FROM: usize = 1024;

/// With so many sets of labels, what is known is forgotten: those that come again are held twice, which costs memory
/// only.
const LABELS_MAX: usize = 65_536;

/// Texts and sets of labels that are in use, and some that were.
#[derive(Debug)]
pub(super) struct Interned {
    texts: HashSet<Arc<str>>,
    sweep_at: usize,
    labels: HashSet<Labels>,
}

impl Default for Interned {
    fn default() -> Self {
        Self { texts: HashSet::new(), sweep_at: SWEEP_FROM, labels: HashSet::new() }
    }
}

impl Interned {
    /// The text that is held already, or this one from now on.
    pub(super) fn text(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        if self.texts.len() >= self.sweep_at {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.sweep_at = SWEEP_FROM.max(self.texts.len() * 2);
        }
        self.texts.insert(Arc::clone(text));
        Arc::clone(text)
    }

    /// The same of labels, their keys and their values.
    pub(super) fn labels(&mut self, labels: &Labels) -> Labels {
        if let Some(known) = self.labels.get(labels) {
            return known.clone();
        }
        let labels: Labels = labels.iter().map(|(key, value)| (self.text(key), self.text(value))).collect();
        if self.labels.len() >= LABELS_MAX {
            self.labels.clear();
        }
        self.labels.insert(labels.clone());
        labels
    }

    /// The same of everything in a pod that other pods have too. Its own name is nobody else's.
    pub(super) fn pod(&mut self, name: &mut NamespacedName, pod: &mut Pod) {
        name.namespace = self.text(&name.namespace);
        pod.node = pod.node.as_ref().map(|node| self.text(node));
        pod.labels = self.labels(&pod.labels);
        for port in &mut pod.ports {
            port.name = self.text(&port.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_what_nobody_uses_goes() {
        let mut interned = Interned::default();
        let one = interned.text(&Arc::from("a"));
        let other = interned.text(&Arc::from("a"));
        assert!(Arc::ptr_eq(&one, &other));
        for n in 0..10 * SWEEP_FROM {
            drop(interned.text(&Arc::from(n.to_string())));
        }
        assert!(interned.texts.len() <= SWEEP_FROM, "{}", interned.texts.len());
        assert!(Arc::ptr_eq(&one, &interned.text(&Arc::from("a"))));
    }
}
