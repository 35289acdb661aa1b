//! Which denials are only observed: counted and logged, and nothing is dropped (docs/design/observe.md).
//!
//! Invariant: it is the node's operator who says so, by names and labels of namespaces or by a pause. Nothing that the
//! author of a NetworkPolicy writes is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use policy_lang::name::Labels;
use policy_lang::selector::Selector;

use crate::observed::Observed;
use crate::ruleset::{Comment, Set};

/// What the comment of a pause's set begins with.
const KIND: &str = "pause";
/// What it says of a pause of the node, and of a namespace's ahead of the name.
const NODE: &str = "node";
const NAMESPACE: &str = "namespace";

/// What is only observed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observe {
    /// Whether everything is.
    pub mode: Mode,
    /// The namespaces whose pods' denials are.
    pub namespaces: ObservedNamespaces,
    /// What is until a time is over.
    pub pauses: Vec<Pause>,
}

/// Whether denials are carried out at all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// They are.
    #[default]
    Enforce,
    /// None is: neither pod policy's nor the host rules'.
    Observe,
}

/// Namespaces by their names or their labels; none if there is neither.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObservedNamespaces {
    /// These.
    pub names: BTreeSet<Arc<str>>,
    /// And those with such labels.
    pub selector: Option<Selector>,
}

/// Denials that are lifted until a time is over. The kernel itself counts it: elements that time out lift the denials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pause {
    /// Whose.
    pub whom: Paused,
    /// How long, from when the kernel hears of it on; whole seconds, at least one.
    pub lasts: Duration,
    /// Tells the elements of one pause from those of the next, so that no two share what is left of their time.
    pub number: u64,
}

/// Whose denials are lifted by a pause.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Paused {
    /// Everybody's on this node, the host rules' too.
    Node,
    /// Those of this node's pods of a namespace.
    Namespace(Arc<str>),
}

impl Pause {
    /// How the set whose elements count its time says in the kernel what it is, for whoever compares with a ruleset that
    /// somebody else has paused.
    pub(in crate::compile) fn comment(&self) -> Comment {
        let Self { whom, lasts: _, number } = self;
        Comment::new(&match whom {
            Paused::Node => format!("{KIND} {number} {NODE}"),
            Paused::Namespace(name) => format!("{KIND} {number} {NAMESPACE} {name}"),
        })
    }

    /// Those that last by what the kernel has, each once, in the order of [`Paused`]. Where the time is over the kernel has
    /// no elements any more.
    pub fn lasting(observed: &Observed) -> Vec<Self> {
        let sets = observed.tables.values().flat_map(|table| table.sets.values());
        let mut lasting: Vec<Self> = sets.filter_map(Self::of_set).collect();
        // What an earlier measurement left may still wait to be removed.
        lasting.sort_by(|a, b| (&a.whom, b.number).cmp(&(&b.whom, a.number)));
        lasting.dedup_by(|later, kept| later.whom == kept.whom);
        lasting
    }

    fn of_set(set: &Set) -> Option<Self> {
        let mut words = set.spec.comment.as_ref()?.as_str().split(' ');
        let (kind, number) = (words.next()?, words.next()?);
        let whom = match (words.next()?, words.next()) {
            (NODE, None) => Paused::Node,
            (NAMESPACE, Some(name)) => Paused::Namespace(name.into()),
            _ => return None,
        };
        let lasts = set.elements.values().find_map(|element| element.timeout)?;
        (kind == KIND).then_some(Self { whom, lasts, number: number.parse().ok()? })
    }
}

impl Observe {
    /// Nothing is only observed.
    pub const NOTHING: Self = Self {
        mode: Mode::Enforce,
        namespaces: ObservedNamespaces { names: BTreeSet::new(), selector: None },
        pauses: Vec::new(),
    };
}

impl ObservedNamespaces {
    /// Whether there can be any.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.selector.is_none()
    }

    /// Whether a namespace is one of them. One whose labels nobody knows is so by its name only.
    pub fn holds(&self, name: &str, labels: Option<&Labels>) -> bool {
        let by_labels = |selector: &Selector| labels.is_some_and(|labels| selector.matches(labels));
        self.names.contains(name) || self.selector.as_ref().is_some_and(by_labels)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::{PodOptions, STANDARD};
    use super::*;
    use crate::apply::{apply, our_tables};
    use crate::compile::{ForwardMode, Input, compile};
    use crate::inventory::Inventory;
    use crate::kernel::Kernel as _;
    use crate::kernel::fake::Fake;
    use crate::observed::TableFlags;
    use crate::ruleset::Ruleset;

    fn paused(pauses: &[Pause]) -> Ruleset {
        let options =
            PodOptions { observe: Observe { pauses: pauses.to_vec(), ..Observe::NOTHING }, ..STANDARD.clone() };
        let inventory = Inventory::default();
        let input = Input {
            policies: &[],
            host: None,
            inventory: &inventory,
            node: "n",
            forward_mode: ForwardMode::default(),
            pods: &options,
            sources: &[],
        };
        compile(&input).0
    }

    #[test]
    fn the_kernel_tells_which_pauses_last() {
        let pause = |whom, seconds| Pause { whom, lasts: Duration::from_secs(seconds), number: u64::MAX };
        let pauses = [pause(Paused::Node, 60), pause(Paused::Namespace("a-b".into()), 600)];
        let mut kernel = Fake::current();
        let flags = TableFlags { owner: false, persist: true };
        apply(&mut kernel, &paused(&pauses), flags, &mut |_| ControlFlow::Continue(())).unwrap();
        let observed = kernel.observe(&our_tables()).unwrap();
        assert_eq!(Pause::lasting(&observed), pauses);
        // Whoever compiles with them makes what is there, and adds no time.
        assert!(observed.to_ruleset() == paused(&Pause::lasting(&observed)));
        let [node, namespace] = &pauses;
        let of_node = Some(node.comment());
        let change = |change: &dyn Fn(&mut Set)| {
            let mut later = observed.clone();
            let sets = later.tables.values_mut().flat_map(|table| table.sets.values_mut());
            sets.filter(|set| set.spec.comment == of_node).for_each(change);
            Pause::lasting(&later)
        };
        assert_eq!(change(&|set| set.elements.clear()), std::slice::from_ref(namespace));
        // An earlier measurement may still be about.
        let earlier = Pause { number: 7, ..namespace.clone() }.comment();
        assert_eq!(change(&|set| set.spec.comment = Some(earlier.clone())), std::slice::from_ref(namespace));
    }
}
