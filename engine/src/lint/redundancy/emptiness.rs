//! Whether a peer is anything in the input, and how sure that is.

use policy_lang::peer::{Namespaces, Peer};

use crate::lint::world::World;

/// What is known of a peer.
pub(crate) enum Emptiness {
    /// It is something, or may be something that no manifest shows.
    Filled,
    /// It is nothing, with what was looked at.
    Empty(String),
    /// The input does not have the namespaces that would tell.
    Unknown(String),
}

/// Looks a peer up in the input. An empty selector is never empty: it means whatever is there.
pub(crate) fn of(world: &World<'_>, peer: &Peer) -> Emptiness {
    let Peer::Pods(selector) = peer else { return Emptiness::Filled };
    if !world.select(selector).is_empty() {
        return Emptiness::Filled;
    }
    match &selector.namespaces {
        Namespaces::Named(_) if selector.pods.is_everything() => Emptiness::Filled,
        Namespaces::Named(name) if world.has_workloads(name) => Emptiness::Empty(world.looked_at(name)),
        Namespaces::Named(name) => Emptiness::Unknown(world.looked_at(name)),
        Namespaces::Matching(namespaces) if namespaces.is_everything() && selector.pods.is_everything() => {
            Emptiness::Filled
        }
        Namespaces::Matching(_) => {
            let selected = world.namespaces.keys().filter(|name| world.selects_namespace(&selector.namespaces, name));
            let names: Vec<_> = selected.collect();
            let with_workloads = names.iter().filter(|name| world.has_workloads(name)).count();
            let help =
                format!("{} namespaces match, {with_workloads} of them have workloads in the input", names.len());
            let is_known = with_workloads > 0 && with_workloads == names.len() && !selector.pods.is_everything();
            if is_known { Emptiness::Empty(help) } else { Emptiness::Unknown(help) }
        }
    }
}
