//! Equal texts, labels and selectors held once. Of the policies and pods of a large cluster, most say what others say.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::name::Labels;
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::policy::{Peers, Policy, Rule};
use crate::selector::{Operator, Requirement, Selector};

/// One of each that is in use, and some that were. Names of pods and policies are not in it: each is there once anyway.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    texts: Known<Arc<str>>,
    labels: Known<Labels>,
    selectors: Known<Selector>,
}

/// Below so many it is not worth looking for those that nobody uses any more.
const SWEEP_FROM: usize = 1024;

/// Values of one type.
#[derive(Clone, Debug)]
struct Known<T> {
    values: HashSet<T>,
    /// With so many, those that nobody else holds are let go.
    sweep_at: usize,
}

/// What is shared by a pointer.
trait Pointer: Clone + Eq + Hash {
    /// How many hold it.
    fn n_holders(&self) -> usize;
}

impl Pool {
    /// The text, shared.
    pub fn text(&mut self, text: Arc<str>) -> Arc<str> {
        self.texts.share(text)
    }

    /// The labels, shared, as are their keys and values.
    pub fn labels(&mut self, labels: &Labels) -> Labels {
        if let Some(known) = self.labels.values.get(labels) {
            return known.clone();
        }
        let pairs = labels.iter().map(|(key, value)| (self.text(Arc::clone(key)), self.text(Arc::clone(value))));
        let labels = pairs.collect();
        self.labels.share(labels)
    }

    /// The selector, shared, as are its keys and values.
    pub fn selector(&mut self, selector: &Selector) -> Selector {
        if let Some(known) = self.selectors.values.get(selector) {
            return known.clone();
        }
        let requirements = selector.requirements().iter().map(|requirement| self.requirement(requirement));
        let selector = Selector::new(requirements);
        self.selectors.share(selector)
    }

    /// The policy with everything in it shared that other policies may say too.
    pub fn policy(&mut self, mut policy: Policy) -> Policy {
        let namespace = &mut policy.name.namespace;
        *namespace = self.text(Arc::clone(namespace));
        self.pods(&mut policy.subject.pods);
        policy.subject.exempt.iter_mut().for_each(|exempt| self.pods(exempt));
        let rules = policy.ingress.iter_mut().chain(&mut policy.egress).flatten();
        rules.for_each(|rule| self.rule(rule));
        policy
    }

    fn rule(&mut self, rule: &mut Rule) {
        let Peers::AnyOf(peers) = &mut rule.peers else { return };
        for peer in peers {
            match peer {
                Peer::Pods(pods) => self.pods(pods),
                Peer::Nodes(nodes) => *nodes = self.selector(nodes),
                Peer::Service { name, .. } => name.namespace = self.text(Arc::clone(&name.namespace)),
                Peer::Addresses { .. } => {}
            }
        }
    }

    fn pods(&mut self, selector: &mut PodSelector) {
        selector.pods = self.selector(&selector.pods);
        match &mut selector.namespaces {
            Namespaces::Named(name) => *name = self.text(Arc::clone(name)),
            Namespaces::Matching(namespaces) => *namespaces = self.selector(namespaces),
        }
    }

    fn requirement(&mut self, requirement: &Requirement) -> Requirement {
        let mut texts = |values: &[Arc<str>]| values.iter().map(|value| self.text(Arc::clone(value))).collect();
        let operator = match &requirement.operator {
            Operator::In(values) => Operator::In(texts(values)),
            Operator::NotIn(values) => Operator::NotIn(texts(values)),
            Operator::Exists => Operator::Exists,
            Operator::DoesNotExist => Operator::DoesNotExist,
        };
        Requirement { key: self.text(Arc::clone(&requirement.key)), operator }
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), sweep_at: SWEEP_FROM }
    }
}

impl<T: Pointer> Known<T> {
    /// The value that is held already, or this one from now on.
    fn share(&mut self, value: T) -> T {
        if let Some(known) = self.values.get(&value) {
            return known.clone();
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|known| known.n_holders() > 1);
            self.sweep_at = SWEEP_FROM.max(self.values.len() * 2);
        }
        self.values.insert(value.clone());
        value
    }
}

impl Pointer for Arc<str> {
    fn n_holders(&self) -> usize {
        Self::strong_count(self)
    }
}

impl Pointer for Labels {
    fn n_holders(&self) -> usize {
        Self::n_holders(self)
    }
}

impl Pointer for Selector {
    fn n_holders(&self) -> usize {
        Self::n_holders(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::NamespacedName;
    use crate::policy::{Action, PortMatches, Subject, Tier};
    use crate::source::Origin;

    fn selector(value: &str) -> Selector {
        let values = [Arc::from(value), Arc::from("other")];
        Selector::new([Requirement { key: "app".into(), operator: Operator::In(values.into()) }])
    }

    fn pods(namespace: &str, value: &str) -> PodSelector {
        PodSelector { namespaces: Namespaces::Named(namespace.into()), pods: selector(value) }
    }

    fn policy(name: &str) -> Policy {
        let peers = vec![Peer::Pods(pods("x", "db")), Peer::Nodes(selector("db"))];
        let rule = Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(peers), PortMatches::Any);
        Policy {
            origin: Origin::default(),
            name: NamespacedName::new("x", name),
            tier: Tier::NetworkPolicy,
            priority: 0,
            subject: Subject { pods: pods("x", "db"), exempt: [pods("x", "web")].into() },
            ingress: Some(vec![rule]),
            egress: None,
        }
    }

    #[test]
    fn what_is_shared_is_equal_and_there_once() {
        let mut pool = Pool::default();
        let [first, second] = ["a", "b"].map(|name| pool.policy(policy(name)));
        assert_eq!([&first, &second], [&policy("a"), &policy("b")]);
        assert!(Arc::ptr_eq(&first.name.namespace, &second.name.namespace));
        let keys = |policy: &Policy| {
            let selectors = [&policy.subject.pods.pods, &policy.subject.exempt[0].pods];
            selectors.map(|selector| std::ptr::from_ref(&selector.requirements()[0]))
        };
        assert_eq!(keys(&first), keys(&second));
        let Some(Peers::AnyOf(peers)) = first.ingress.as_ref().map(|rules| &rules[0].peers) else { panic!() };
        let [Peer::Pods(pods), Peer::Nodes(nodes)] = peers.as_slice() else { panic!() };
        for selector in [&pods.pods, nodes] {
            assert_eq!(std::ptr::from_ref(&selector.requirements()[0]), keys(&second)[0]);
        }
    }

    #[test]
    fn what_nobody_holds_any_more_goes() {
        let mut pool = Pool::default();
        let held = pool.text("held".into());
        let held_labels = pool.labels(&[("held".into(), "a".into())].into());
        let held_selector = pool.selector(&selector("held"));
        for n in 0..10 * SWEEP_FROM {
            drop(pool.text(n.to_string().into()));
            drop(pool.labels(&[("n".into(), n.to_string().into())].into()));
            drop(pool.selector(&selector(&n.to_string())));
        }
        let Pool { texts, labels, selectors } = &pool;
        // Labels and selectors that wait for the next sweep hold texts.
        assert!(texts.values.len() <= 8 * SWEEP_FROM, "{}", texts.values.len());
        assert!(labels.values.len() <= SWEEP_FROM && selectors.values.len() <= SWEEP_FROM);
        assert!(Arc::ptr_eq(&held, &pool.text("held".into())));
        assert!(held_labels.n_holders() > 1 && held_selector.n_holders() > 1);
    }

    #[test]
    fn labels_are_shared_with_their_texts() {
        let mut pool = Pool::default();
        let mut labels = |value: &str| pool.labels(&[("app".into(), value.into())].into());
        let [one, same, other] = ["a", "a", "b"].map(&mut labels);
        let key = |labels: &Labels| labels.iter().next().map(|(key, _)| Arc::as_ptr(key));
        let place = |labels: &Labels| labels.iter().next().map(|(key, _)| std::ptr::from_ref(key));
        assert_eq!((place(&one), key(&one)), (place(&same), key(&other)));
        assert_eq!(one, [("app".into(), "a".into())].into());
    }
}
