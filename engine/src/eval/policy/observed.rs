//! Denials that are only observed: they are said, and nothing is dropped.

use policy_lang::policy::Direction;

use super::{Named, Outcome, Question, Subject};
use crate::compile::options::{Mode, Paused};

impl Question<'_> {
    /// What becomes of a denial on behalf of a subject. Of several pods with one address all have to be observed by the
    /// same word.
    pub(super) fn observed(&self, outcome: Outcome, direction: Direction, subject: Subject<'_>) -> Outcome {
        match (outcome, subject) {
            (Outcome::Allowed | Outcome::Observed, _) => outcome,
            (Outcome::Denied, _) if self.is_node_observed() => Outcome::Observed,
            (Outcome::Denied, Subject::Unknown(_)) => outcome,
            (Outcome::Denied, Subject::Pod(_)) => {
                let pods = self.known(self.own_end(direction));
                if self.are_observed(&pods) { Outcome::Observed } else { Outcome::Denied }
            }
        }
    }

    /// Whether everything on the node is, for ever or for a while.
    pub(super) fn is_node_observed(&self) -> bool {
        let observe = &self.oracle.options.observe;
        observe.mode == Mode::Observe || observe.pauses.iter().any(|pause| pause.whom == Paused::Node)
    }

    fn are_observed(&self, pods: &[Named<'_>]) -> bool {
        let observe = &self.oracle.options.observe;
        let is_named = |(name, _): &Named<'_>| observe.namespaces.names.contains(&name.namespace);
        let is_labelled = |(name, _): &Named<'_>| {
            let labels = self.oracle.inventory.namespaces.get(&name.namespace);
            let selector = observe.namespaces.selector.as_ref();
            labels.zip(selector).is_some_and(|(labels, selector)| selector.matches(labels))
        };
        if pods.iter().all(|pod| is_named(pod) || is_labelled(pod)) {
            return true;
        }
        observe.pauses.iter().any(|pause| match &pause.whom {
            Paused::Node => false,
            Paused::Namespace(namespace) => pods.iter().all(|(name, _)| name.namespace == *namespace),
        })
    }
}
