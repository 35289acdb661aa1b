//! Namespaces and what holds in all of them.

use policy_lang::name::NamespacedName;
use policy_lang::policy::Direction;

use crate::lint::rule::Report;
use crate::lint::world::World;
use crate::lint::written::reference;

/// Reports the namespaces with workloads in which no policy closes a direction for every pod.
pub(crate) fn without_catch_all(world: &World<'_>, direction: Direction, report: &mut Report<'_>) {
    for classes in world.classes.chunk_by(|a, b| a.namespace == b.namespace) {
        let Some(first) = classes.first() else { continue };
        let namespace = first.namespace;
        let is_catch_all = world.policies.iter().any(|policy| {
            policy.name().namespace == *namespace
                && policy.spec.pod_selector.is_everything()
                && policy.spec.isolates(direction)
        });
        let own = world.namespaces.get(namespace).and_then(|known| known.written);
        let Some(span) = own.or_else(|| first.members.first()?.span) else { continue };
        if !is_catch_all && !world.broken.contains(namespace) {
            let workloads: usize = classes.iter().map(|class| class.members.len()).sum();
            let name = NamespacedName::new("", namespace.as_ref());
            let message =
                format!("namespace {namespace} has {workloads} workloads and no catch-all deny for {direction}");
            let finding = report.about(reference("Namespace", &name), span, message);
            finding.help = Some("add a policy with `podSelector: {}` and no rules for this direction".into());
        }
    }
}
