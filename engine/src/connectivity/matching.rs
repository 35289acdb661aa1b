//! From selectors of pods to sets of classes; each selector is looked up once.

use std::collections::BTreeMap;
use std::rc::Rc;

use fixedbitset::FixedBitSet;
use policy_lang::name::Labels;
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::policy::Subject;
use policy_lang::selector::Selector;

use super::Scene;
use super::classes::Classes;
use super::labels::Index;

/// The labels of classes and of their namespaces.
pub(super) struct Matching<'a> {
    pods: Index<'a>,
    namespaces: Index<'a>,
    /// The classes in each namespace that has labels, in the order of the index.
    in_namespaces: Vec<FixedBitSet>,
    by_name: BTreeMap<&'a str, FixedBitSet>,
    n_classes: usize,
    of_pods: BTreeMap<&'a Selector, Rc<FixedBitSet>>,
    of_namespaces: BTreeMap<&'a Selector, Rc<FixedBitSet>>,
    known: BTreeMap<&'a PodSelector, Rc<FixedBitSet>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(scene: &Scene<'a>, classes: &Classes<'a>) -> Self {
        let mut by_name: BTreeMap<&str, FixedBitSet> = BTreeMap::new();
        let empty = || FixedBitSet::with_capacity(classes.len());
        for (number, class) in classes.list.iter().enumerate() {
            by_name.entry(class.namespace).or_insert_with(empty).insert(number);
        }
        let namespaces = &scene.inventory.namespaces;
        let in_namespaces = namespaces.keys().map(|name| by_name.get(&**name).cloned().unwrap_or_else(empty)).collect();
        Self {
            pods: Index::new(classes.list.iter().map(|class| class.labels)),
            namespaces: Index::new(namespaces.values()),
            in_namespaces,
            by_name,
            n_classes: classes.len(),
            of_pods: BTreeMap::new(),
            of_namespaces: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// The classes that a selector selects.
    pub(super) fn select(&mut self, selector: &'a PodSelector) -> Rc<FixedBitSet> {
        if let Some(known) = self.known.get(selector) {
            return Rc::clone(known);
        }
        let mut found = match &selector.namespaces {
            Namespaces::Named(name) => self.in_namespace(name),
            Namespaces::Matching(namespaces) => (*self.in_matching(namespaces)).clone(),
        };
        if !found.is_clear() {
            let pods = &self.pods;
            let of_pods = self.of_pods.entry(&selector.pods).or_insert_with(|| Rc::new(pods.select(&selector.pods)));
            found.intersect_with(of_pods);
        }
        let found = Rc::new(found);
        self.known.insert(selector, Rc::clone(&found));
        found
    }

    /// The classes that a policy is about.
    pub(super) fn subjects(&mut self, subject: &'a Subject) -> FixedBitSet {
        let mut found = (*self.select(&subject.pods)).clone();
        for exempt in &subject.exempt {
            found.difference_with(&self.select(exempt));
        }
        found
    }

    /// The classes in a namespace with all of these labels.
    pub(super) fn with_labels(&self, namespace: &str, labels: &Labels) -> FixedBitSet {
        let mut found = self.in_namespace(namespace);
        found.intersect_with(&self.pods.with_all(labels));
        found
    }

    fn in_namespace(&self, name: &str) -> FixedBitSet {
        self.by_name.get(name).cloned().unwrap_or_else(|| FixedBitSet::with_capacity(self.n_classes))
    }

    fn in_matching(&mut self, selector: &'a Selector) -> Rc<FixedBitSet> {
        if let Some(known) = self.of_namespaces.get(selector) {
            return Rc::clone(known);
        }
        let mut found = FixedBitSet::with_capacity(self.n_classes);
        for namespace in self.namespaces.select(selector).ones() {
            found.union_with(&self.in_namespaces[namespace]);
        }
        let found = Rc::new(found);
        self.of_namespaces.insert(selector, Rc::clone(&found));
        found
    }
}
