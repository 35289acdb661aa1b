//! PAL511: what the enforced baseline permits more than at another commit.

use std::collections::BTreeMap;

use engine::connectivity::{Connectivity, Options, Scene};
use engine::inventory::Inventory;
use engine::workloads;
use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::manifest::{self, Object, Reading};
use policy_lang::policy::{Direction, Policy};
use policy_lang::source::{Sources, Span};

use super::Loaded;
use crate::difference::{Change, Compared, Side, compare};
use crate::source::is_of_baseline;

/// The code of the rule.
const WIDENED: Code = Code("PAL511");

/// A pod that no entry is about by name: whatever binds everybody binds it.
const ANYBODY: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: any-pod, namespace: any-namespace}\n";

/// A finding for each line of the new baseline that permits more than the old one. None where one of the two is missing:
/// without a baseline everything was permitted, and a text that is gone has no line.
pub(super) fn findings(before: &Loaded, now: &Loaded, options: &Options) -> Vec<Diagnostic> {
    let (old, new) = (of_baseline(&before.upper), of_baseline(&now.upper));
    if old.is_empty() || new.is_empty() {
        return Vec::new();
    }
    // Where a line that denied is gone, no line is left to show but the first.
    let mut places = new.iter().filter_map(|policy| policy.origin.place.as_ref());
    let first = places.find_map(|place| now.sources.span_of_line(&place.path, place.line));
    let (mut objects, _) = manifest::load_kinds(Reading::Everything, "", ANYBODY, &mut Sources::default());
    // Only what both are asked about; policies of others have no say here.
    objects.extend(now.objects.iter().filter(|object| is_asked_about(object)).cloned());
    let (inventory, _) = Inventory::from_objects(&objects);
    let all: Vec<Policy> = old.iter().chain(&new).cloned().collect();
    let (workloads, _) = workloads::group(&objects, &all);
    let scene = |policies| Scene { policies, inventory: &inventory, workloads: &workloads, options };
    let (mut old, mut new) = (Connectivity::new(scene(&old)), Connectivity::new(scene(&new)));
    let changes = compare(&mut Compared { old: &mut old, new: &mut new });
    let mut told: BTreeMap<Span, (usize, &Change)> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.kind.is_more()) {
        if let Some(span) = place(change, &now.sources).or(first) {
            told.entry(span).or_insert((0, change)).0 += 1;
        }
    }
    let finding = |(span, (count, change)): (Span, (usize, &Change))| {
        let Change { from, to, shown, .. } = change;
        let message = format!("the baseline permits more than it did: {from} may reach {to} for {shown}");
        let finding = Diagnostic::warning(WIDENED, span, message);
        match count - 1 {
            0 => finding,
            others => finding.help(format!("and {others} connections more by this line")),
        }
    };
    told.into_iter().map(finding).collect()
}

fn of_baseline(policies: &[Policy]) -> Vec<Policy> {
    policies.iter().filter(|policy| is_of_baseline(policy.tier)).cloned().collect()
}

fn is_asked_about(object: &Object) -> bool {
    match object {
        Object::Namespace(_)
        | Object::Node(_)
        | Object::Pod(_)
        | Object::Service(_)
        | Object::EndpointSlice(_)
        | Object::Workload(_) => true,
        Object::NetworkPolicy(_)
        | Object::ConfigMap(_)
        | Object::ClusterNetworkPolicy(_)
        | Object::EgressBaseline(_)
        | Object::Route(_) => false,
    }
}

/// The line of the new text that permits a change.
fn place(change: &Change, sources: &Sources) -> Option<Span> {
    let causes = change.causes.iter().filter(|cause| {
        cause.side == Side::New && cause.says.is_none_or(|(direction, _)| direction == Direction::Egress)
    });
    causes
        .filter_map(|cause| cause.origin.place.as_ref())
        .find_map(|place| sources.span_of_line(&place.path, place.line))
}
