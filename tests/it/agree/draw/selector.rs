//! Labels, and selectors of every operator over few of them, so that much is matched and much is missed.

use std::sync::Arc;

use policy_lang::name::Labels;
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::selector::{Operator, Requirement, Selector};

use super::Draw;

const KEYS: [&str; 2] = ["app", "tier"];

impl Draw<'_> {
    pub(super) fn labels(&mut self) -> Labels {
        let mut labels = Labels::new();
        for key in KEYS {
            if self.below(3) > 0 {
                labels.insert(key.into(), self.value());
            }
        }
        labels
    }

    fn value(&mut self) -> Arc<str> {
        self.pick(&["a", "b", ""]).into()
    }

    pub(super) fn selector(&mut self) -> Selector {
        let requirements: Vec<_> = (0..self.below(3)).map(|_| self.requirement()).collect();
        Selector::new(requirements)
    }

    fn requirement(&mut self) -> Requirement {
        let key = self.pick(&KEYS).into();
        let operator = match self.below(4) {
            0 => Operator::In((0..=self.below(2)).map(|_| self.value()).collect()),
            1 => Operator::NotIn((0..=self.below(2)).map(|_| self.value()).collect()),
            2 => Operator::Exists,
            _ => Operator::DoesNotExist,
        };
        Requirement { key, operator }
    }

    /// Pods of this namespace, or of those that a selector matches.
    pub(super) fn pods(&mut self, namespace: &Arc<str>) -> PodSelector {
        let namespaces = match self.below(2) {
            0 => Namespaces::Named(Arc::clone(namespace)),
            _ => Namespaces::Matching(self.selector()),
        };
        PodSelector { namespaces, pods: self.selector() }
    }
}
