//! Denials that are only observed: who lifts them, and by which tests (docs/design/observe.md).
//!
//! Where everything is observed, no rule drops. Otherwise a place asks whether the pod on whose behalf it denies is
//! among those that are observed, before it drops. Only what is about to be dropped pays for that.
//!
//! A pause is a set whose elements time out: when they are gone, its test holds for no packet any more, whatever has
//! become of whoever wrote it.

use policy_lang::policy::Direction;

use super::family::{FAMILIES, own_field};
use super::local::LocalAddresses;
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::compile::observe;
use crate::compile::options::{Mode, Observe, Pause, Paused};
use crate::inventory::Inventory;
use crate::place::Cause;
use crate::ruleset::{Datum, Element, ElementKey, Elements, Expr, Lookup, Name, Operator, Set, SetSpec};

/// What becomes of a denial.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Lift {
    /// It is carried out.
    Never,
    /// It is only observed.
    Always,
    /// It is only observed if all tests of one of these hold.
    When(Vec<Vec<Expr>>),
}

impl Lift {
    /// What a chain is called that denies, or does not.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Never | Self::When(_) => "deny",
            Self::Always => "observe",
        }
    }
}

/// The sets of addresses whose denials namespaces lift.
const OBSERVED: &str = "observed";

/// Whether a denial is lifted that is made on behalf of the pod at one end, or on nobody's in particular.
pub(super) fn of(subject: Option<Direction>, observe: &Observe) -> Lift {
    match observe.mode {
        Mode::Observe => return Lift::Always,
        Mode::Enforce => {}
    }
    let mut tests: Vec<Vec<Expr>> = Vec::new();
    let mut push = |set: &dyn Fn(char) -> Name, and: Option<&Expr>| {
        let Some(direction) = subject else { return };
        tests.extend(FAMILIES.map(|family| {
            let own = Lookup::in_set(own_field(direction, family), &set(family.digit()), Operator::Eq);
            std::iter::once(own).chain(and.cloned()).collect()
        }));
    };
    if !observe.namespaces.is_empty() {
        push(&observed, None);
    }
    for pause in &observe.pauses {
        match &pause.whom {
            Paused::Namespace(_) => push(&|digit| paused(pause, digit), Some(&observe::lasts(pause))),
            Paused::Node => {}
        }
    }
    let of_node = observe.pauses.iter().filter(|pause| pause.whom == Paused::Node);
    tests.extend(of_node.map(|pause| vec![observe::lasts(pause)]));
    if tests.is_empty() { Lift::Never } else { Lift::When(tests) }
}

/// At which end the pod is on whose behalf a cause denies. A source that no known pod owns is of no namespace.
pub(super) fn subject(cause: Cause) -> Option<Direction> {
    match cause {
        Cause::Policy(direction, _) | Cause::Budget(direction) => Some(direction),
        Cause::Quarantine(_)
        | Cause::Revoked
        | Cause::Invalid
        | Cause::ForgedSource
        | Cause::RouterAdvertisement
        | Cause::Host => None,
    }
}

/// Makes the sets that the tests of namespaces look into: addresses all of whose pods are of such namespaces, because
/// what two pods with one address must not do is denied by either.
pub(super) fn sets(observe: &Observe, local: &LocalAddresses<'_>, inventory: &Inventory, builder: &mut TableBuilder) {
    match observe.mode {
        Mode::Observe => return,
        Mode::Enforce => {}
    }
    let mut make = |name: &dyn Fn(char) -> Name, holds: &dyn Fn(&str) -> bool| {
        for family in FAMILIES {
            let of_family = local.iter().filter(|(address, _)| address_family(**address) == family);
            let lifted = of_family.filter(|(_, pods)| pods.iter().all(|(pod, _)| holds(&pod.namespace)));
            let elements: Elements =
                lifted.map(|(address, _)| (ElementKey::values([Datum::address(*address)]), Element::PLAIN)).collect();
            let set = Set { spec: SetSpec::hash([family.address_type()]), elements };
            builder.named_set(name(family.digit()), set);
        }
    };
    if !observe.namespaces.is_empty() {
        make(&observed, &|name| observe.namespaces.holds(name, inventory.namespaces.get(name)));
    }
    for pause in &observe.pauses {
        match &pause.whom {
            Paused::Namespace(namespace) => make(&|digit| paused(pause, digit), &|name| *name == **namespace),
            Paused::Node => {}
        }
    }
}

fn observed(digit: char) -> Name {
    Name::ours(&format!("{OBSERVED}{digit}"))
}

fn paused(pause: &Pause, digit: char) -> Name {
    observe::name(&format!("paused{digit}"), pause)
}
