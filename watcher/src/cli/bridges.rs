//! Whether bridges of this machine hide pods from what is enforced.

use engine::compile::bridge::Unseen;

use super::Outcome;
use super::input::Desired;
use crate::bridges;
use crate::report;

/// The bridges between whose pods nothing is enforced; none where a table judges on the bridges themselves.
pub(super) fn unseen(desired: &Desired) -> Vec<Unseen> {
    let Desired { ruleset, loaded, node, .. } = desired;
    bridges::unseen(ruleset, &loaded.inventory, node).unwrap_or_else(|error| {
        report::message(&format!("warning: it is not known whether bridges hide pods: {error}"));
        Vec::new()
    })
}

/// Warns of them. What is in force then is not everything that was asked for.
pub(super) fn warn(desired: &Desired) -> Outcome {
    let unseen = unseen(desired);
    for bridge in &unseen {
        report::message(&format!("warning: {bridge}"));
    }
    if unseen.is_empty() { Outcome::Clean } else { Outcome::Findings }
}
