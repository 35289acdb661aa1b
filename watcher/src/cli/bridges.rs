//! Whether bridges of this machine hide pods from what is enforced.

use engine::compile::bridge::{self, Unseen};
use engine::ruleset::{Family, TableKey};

use super::Outcome;
use super::input::Desired;
use crate::bridges::{self, Roots};
use crate::report;

/// The bridges between whose pods nothing is enforced; none where a table judges on the bridges themselves.
pub(super) fn unseen(desired: &Desired) -> Vec<Unseen> {
    let Desired { ruleset, inventory, node, .. } = desired;
    if ruleset.tables.contains_key(&TableKey::ours(Family::Bridge)) {
        return Vec::new();
    }
    match bridges::read(&Roots::default()) {
        Ok(facts) => bridge::unseen(&facts, inventory, node),
        Err(error) => {
            report::message(&format!("warning: it is not known whether bridges hide pods: {error}"));
            Vec::new()
        }
    }
}

/// Warns of them. What is in force then is not everything that was asked for.
pub(super) fn warn(desired: &Desired) -> Outcome {
    let unseen = unseen(desired);
    for bridge in &unseen {
        report::message(&format!("warning: {bridge}"));
    }
    if unseen.is_empty() { Outcome::Clean } else { Outcome::Findings }
}
