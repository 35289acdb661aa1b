//! How large the ruleset in force is.

use engine::ruleset::Ruleset;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{number, register};

/// Its chains, rules, sets and elements.
#[derive(Debug)]
pub struct Size {
    chains: Gauge,
    rules: Gauge,
    sets: Gauge,
    elements: Gauge,
}

impl Size {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            chains: register(registry, "palisade_ruleset_chains", Gauge::default()),
            rules: register(registry, "palisade_ruleset_rules", Gauge::default()),
            sets: register(registry, "palisade_ruleset_sets", Gauge::default()),
            elements: register(registry, "palisade_set_elements", Gauge::default()),
        }
    }

    /// It is this large.
    pub fn measure(&self, ruleset: &Ruleset) {
        let tables = || ruleset.tables.values();
        let rules = tables().flat_map(|table| table.chains.values()).map(|chain| chain.rules.len());
        let elements = tables().flat_map(|table| table.sets.values()).map(|set| set.elements.len());
        self.chains.set(number(tables().map(|table| table.chains.len()).sum()));
        self.rules.set(number(rules.sum()));
        self.sets.set(number(tables().map(|table| table.sets.len()).sum()));
        self.elements.set(number(elements.sum()));
    }
}
