//! PAL312 zone-violation: a connection that the organisation's zones forbid.

use std::collections::BTreeMap;

use policy_lang::diagnostic::ObjectRef;
use policy_lang::policy::Direction;

use crate::connectivity::{Allowed, Connectivity, Other, Says};
use crate::lint::environment::ZoneRule;
use crate::lint::posture::solved::Solved;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds connections that policies permit and `zoneRules` of the configuration do not.
    ///
    /// ## Why it bites
    ///
    /// A policy is written for one application. That nothing of development reaches production is everybody's business,
    /// and no single policy says it.
    ///
    /// ## How it is decided
    ///
    /// A zone is the namespaces with its labels. For each rule, every connection from a workload of `from` to one of
    /// `to`, over all layers, must be on a port of `allow`; `none` is no port at all. Ports are those of the pods. What
    /// hangs on an unknown address counts as closed. One finding for each workload that is reached.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// the same as tests/data/lint/PAL312/fires-open.yaml: production without a policy, and zoneRules [{from: dev, to: prod, allow: none}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// the same as tests/data/lint/PAL312/quiet-closed.yaml: production with a policy that admits production only
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never; write the exception into `allow`.
    pub(crate) static ZONE_VIOLATION = "PAL312" "zone-violation" Error Never Off,
        "a connection that the organisation's zones forbid", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    if world.environment.zone_rules.is_empty() {
        return;
    }
    let solved = Solved::new(world);
    let mut map = solved.connectivity();
    for rule in &world.environment.zone_rules {
        let mut reached: BTreeMap<usize, Vec<(usize, Allowed)>> = BTreeMap::new();
        for from in in_zone(world, &solved, &rule.from) {
            for link in map.links(from) {
                let beyond = beyond(map.allowed(link.ends.certain), rule);
                if !beyond.is_nothing() {
                    reached.entry(link.to).or_default().push((from, beyond));
                }
            }
        }
        let targets = in_zone(world, &solved, &rule.to);
        for (to, sources) in reached.into_iter().filter(|(to, _)| targets.contains(to)) {
            say(world, &mut map, (rule, to, &sources), &solved, report);
        }
    }
}

fn say(
    world: &World<'_>,
    map: &mut Connectivity<'_>,
    (rule, to, sources): (&ZoneRule, usize, &[(usize, Allowed)]),
    solved: &Solved,
    report: &mut Report<'_>,
) {
    let (Some((from, beyond)), Some(target)) = (sources.first(), solved.workloads.entries.get(to)) else { return };
    let (Some(span), Some(source)) = (world.place(&target.origin), solved.workloads.entries.get(*from)) else { return };
    let what = match beyond.first_port() {
        _ if beyond.is_everything() => "everything".to_owned(),
        Some((protocol, port)) => format!("{protocol} {port}"),
        None => "other protocols than TCP, UDP and SCTP".to_owned(),
    };
    let ZoneRule { from: zone, to: other, .. } = rule;
    let message =
        format!("zone {zone} may not reach zone {other} so: {what} from {} to {} is open", source.name, target.name);
    let reasons = map.reasons(to, Direction::Ingress, Other::Workload(*from));
    let opening = reasons.iter().find(|reason| reason.says == Says::Accept);
    let opening = opening.and_then(|reason| world.place(&reason.origin));
    let name = &target.name;
    let object = ObjectRef {
        kind: std::sync::Arc::clone(&target.kind),
        namespace: std::sync::Arc::clone(&name.namespace),
        name: std::sync::Arc::clone(&name.name),
    };
    let finding = report.about(object, span, message);
    label(finding, opening, "lets it in");
    finding.help = Some(match sources.len() - 1 {
        0 => "no other workload of that zone reaches it".to_owned(),
        others => format!("{others} other workloads of that zone reach it as well"),
    });
}

/// The workloads of a zone, by their numbers.
fn in_zone(world: &World<'_>, solved: &Solved, zone: &str) -> Vec<usize> {
    let Some(zone) = world.environment.zones.iter().find(|known| &*known.name == zone) else { return Vec::new() };
    let is_inside = |namespace: &std::sync::Arc<str>| {
        world
            .namespaces
            .get(namespace)
            .is_some_and(|known| zone.namespaces.iter().all(|(key, value)| known.labels.get(key) == Some(value)))
    };
    let entries = solved.workloads.entries.iter().enumerate();
    entries.filter(|(_, workload)| is_inside(&workload.name.namespace)).map(|(index, _)| index).collect()
}

/// What is permitted beyond what a rule allows. Echo requests go with any port.
fn beyond(allowed: &Allowed, rule: &ZoneRule) -> Allowed {
    let mut ports = Allowed { echo: !rule.allow.is_empty(), ..Allowed::default() };
    for (protocol, port) in &rule.allow {
        ports.insert(*protocol, *port, *port);
    }
    allowed.difference(&ports)
}
