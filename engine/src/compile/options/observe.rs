//! Which denials are only observed: counted and logged, and nothing is dropped (docs/design/observe.md).
//!
//! Invariant: it is the node's operator who says so, by names and labels of namespaces or by a pause. Nothing that the
//! author of a NetworkPolicy writes is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use policy_lang::name::Labels;
use policy_lang::selector::Selector;

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
