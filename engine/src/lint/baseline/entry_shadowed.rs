//! PAL505 baseline-entry-shadowed: an entry that is never asked.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::policy::{Direction, Peers, PortMatches, Tier};

use crate::lint::baseline::entries;
use crate::lint::cluster_policy::order;
use crate::lint::edit::removal;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds entries of the baseline that an earlier entry decides or lets past.
    ///
    /// ## Why it bites
    ///
    /// A denial that is never asked denies nothing.
    ///
    /// ## How it is decided
    ///
    /// The documents are asked in the order of priority and name, the entries of each as `deny`, `always`, `allow`.
    /// An earlier entry contains the destinations and ports of the later one, by their words; or an earlier
    /// document lets past what a later one denies.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// priority: 10
    /// always: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: later}
    /// priority: 20
    /// deny: [{to: [10.1.0.0/16]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// priority: 10
    /// always: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ENTRY_SHADOWED = "PAL505" "baseline-entry-shadowed" Warning Safe On,
        "an entry that is never asked", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for shadow in order::shadows(world, Tier::ConfigMapAdmin, Direction::Egress) {
        // What `default: deny` keeps from later documents is said once for each of them, by the loader.
        let is_rest = shadow.earlier.peers == Peers::Any && shadow.earlier.ports == PortMatches::Any;
        let Some(span) = world.place(&shadow.rule.origin).filter(|_| !is_rest) else { continue };
        let earlier = &shadow.earlier.origin;
        let finding = report.at(span, format!("{earlier} decides everything that this entry is about"));
        label(finding, world.place(earlier), "asked first");
        finding.help = Some("take it away, or give its document a lower priority".into());
        if shadow.rule.action == shadow.earlier.action {
            let edit = entries::find(world, &shadow.rule.origin)
                .and_then(|(list, index)| removal::without_item_of(&list, index, world.sources));
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, "take the entry away", edit));
        }
    }
}
