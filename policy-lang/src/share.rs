//! Equal texts, labels and selectors held once. Of the policies and pods of a large cluster, most say what others say.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::name::Labels;
use crate::peer::{Namespaces, Peer, PodSelector};
use crate::policy::{Peers, Policy, Rule};
use crate::selector::{Operator, Requirement, Selector};

/// One of each. Names of pods and policies are not in it: each is there once anyway.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    texts: HashSet<Arc<str>>,
    labels: HashSet<Labels>,
    selectors: HashSet<Selector>,
}

impl Pool {
    /// The text, shared.
    pub fn text(&mut self, text: Arc<str>) -> Arc<str> {
        shared(&mut self.texts, text)
    }

    /// The labels, shared, as are their keys and values.
    pub fn labels(&mut self, labels: &Labels) -> Labels {
        if let Some(known) = self.labels.get(labels) {
            return known.clone();
        }
        let pairs = labels.iter().map(|(key, value)| (self.text(Arc::clone(key)), self.text(Arc::clone(value))));
        let labels = pairs.collect();
        shared(&mut self.labels, labels)
    }

    /// The selector, shared, as are its keys and values.
    pub fn selector(&mut self, selector: &Selector) -> Selector {
        if let Some(known) = self.selectors.get(selector) {
            return known.clone();
        }
        let requirements = selector.requirements().iter().map(|requirement| self.requirement(requirement));
        let selector = Selector::new(requirements);
        shared(&mut self.selectors, selector)
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

fn shared<T: Clone + Eq + Hash>(known: &mut HashSet<T>, value: T) -> T {
    if let Some(known) = known.get(&value) {
        return known.clone();
    }
    known.insert(value.clone());
    value
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
