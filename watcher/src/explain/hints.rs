//! What people usually stumble over, where it can be why they ask.

use std::collections::BTreeSet;
use std::net::IpAddr;

use engine::compile::HostInput;
use engine::compile::failsafe::FailsafePorts;
use engine::eval::policy::{Cause, Outcome};
use policy_lang::manifest::{Object, PodNetwork};
use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Direction, Peers, Policy, PortMatches, Rule};
use policy_lang::port::{Ports, Protocol};

use super::{About, Case, Deciding, Party, Place, World};

/// The hints about a question, each once.
pub(super) fn hints(world: &World<'_>, from: &Party, cases: &[Case]) -> Vec<String> {
    let mut hints = Vec::new();
    for case in cases {
        by_cause(case, &mut hints);
        failsafe(world, from, case, &mut hints);
        hints.extend(case.unknown.iter().map(|line| {
            format!(
                "cannot know whether the host rule {line} matches: it looks at what a question does not say; this is \
                 what becomes of a packet that it does not match"
            )
        }));
        if case.outcome != Outcome::Allowed {
            rules_that_miss(world, from, case, &mut hints);
        }
        for party in [from, &case.to] {
            unplaced(party, &mut hints);
            host_network(world, party, &mut hints);
        }
    }
    one_family(cases, &mut hints);
    let mut seen = BTreeSet::new();
    hints.retain(|hint| seen.insert(hint.clone()));
    hints
}

fn by_cause(case: &Case, hints: &mut Vec<String>) {
    let causes = case.steps.iter().map(|step| &step.decision.cause);
    for cause in causes {
        match cause {
            Cause::OwnNode if matches!(case.to.place, Place::Pod { .. }) => hints
                .push("whatever runs on a node reaches the node's own pods: probes depend on it (sem-83)".to_owned()),
            Cause::Hairpin => hints.push(
                "a pod that reaches itself through a Service is not bound by NetworkPolicies, only by the admin tiers \
                 (sem-87)"
                    .to_owned(),
            ),
            Cause::OwnNodeOpen => {
                hints.push("allowEgressToOwnNode is set: pods reach their own node whatever policy says".to_owned());
            }
            Cause::Quarantine => hints.push(
                "the address is no known pod's, and isolated pods of the node have no address yet: until then nothing \
                 passes (decisions.md 17)"
                    .to_owned(),
            ),
            Cause::OwnNode
            | Cause::Rule { .. }
            | Cause::Isolated { .. }
            | Cause::NoRule
            | Cause::NoPod
            | Cause::Vital
            | Cause::RoutingFromPod => {}
        }
    }
    if let Deciding::Host { .. } = case.deciding {
        hints.push("a host rule decides: no policy can open it".to_owned());
    }
}

/// What host rules cannot close.
fn failsafe(world: &World<'_>, from: &Party, case: &Case, hints: &mut Vec<String>) {
    let (Some(HostInput { failsafes, .. }), About::Port(protocol, port)) = (world.host, case.about) else { return };
    let is_open = |all: &[FailsafePorts]| all.iter().any(|open| open.protocol == protocol && open.ports.contains(port));
    if matches!(case.to.place, Place::Node(_)) && is_open(&failsafes.input) {
        hints.push(format!("{port}/{protocol} is a failsafe port (failsafeInput): no host rule closes it"));
    }
    if matches!(from.place, Place::Node(_)) && is_open(&failsafes.output) {
        hints.push(format!("{port}/{protocol} is a failsafe port (failsafeOutput): no host rule cuts it off"));
    }
}

/// Rules of the denying direction that look as if they were meant, and cannot match.
fn rules_that_miss(world: &World<'_>, from: &Party, case: &Case, hints: &mut Vec<String>) {
    let Deciding::Policy { direction: Some(direction), .. } = &case.deciding else { return };
    let subject = match direction {
        Direction::Egress => from,
        Direction::Ingress => &case.to,
    };
    let Place::Pod { name, .. } = &subject.place else { return };
    let binding = world.policies.iter().filter(|policy| binds(world, policy, name));
    for (policy, rule) in
        binding.flat_map(|policy| policy.rules(*direction).unwrap_or_default().iter().map(move |rule| (policy, rule)))
    {
        if *direction == Direction::Egress {
            service_address(world, policy, rule, hints);
        }
        ports_that_miss(world, case, (policy, rule), hints);
    }
}

/// Addresses of Services in a rule: packets bear them no more where policy looks (sem-88).
fn service_address(world: &World<'_>, policy: &Policy, rule: &Rule, hints: &mut Vec<String>) {
    let Peers::AnyOf(peers) = &rule.peers else { return };
    for peer in peers {
        let Peer::Addresses { cidr, .. } = peer else { continue };
        if let Some((address, service)) = services(world).find(|(address, _)| cidr.addr() == *address)
            && cidr.prefix_len() == cidr.max_prefix_len()
        {
            hints.push(format!(
                "{} names {address}, the address of Service {service}: policy sees the backends' addresses instead \
                 (sem-88) [{}]",
                policy.name, rule.origin,
            ));
        }
    }
}

fn ports_that_miss(world: &World<'_>, case: &Case, (policy, rule): (&Policy, &Rule), hints: &mut Vec<String>) {
    let (PortMatches::AnyOf(ports), About::Port(protocol, number)) = (&rule.ports, case.about) else {
        if case.about == About::Echo && matches!(rule.ports, PortMatches::AnyOf(_)) && rule.icmp.is_empty() {
            hints.push(format!("{} lists ports, so it permits no ICMP (sem-66) [{}]", policy.name, rule.origin));
        }
        return;
    };
    let declared = match &case.to.place {
        Place::Pod { name, .. } => world.inventory.pods.get(name).map_or(&[][..], |pod| &pod.ports),
        Place::Node(_) | Place::Outside => &[],
    };
    for port in ports {
        match &port.ports {
            Ports::Named(name) => {
                if !declared.iter().any(|found| found.name == *name && found.protocol == port.protocol) {
                    hints.push(format!(
                        "{} has no container port that is called {name} with {} (sem-55, sem-58) [{}]",
                        case.to.name, port.protocol, rule.origin,
                    ));
                }
            }
            Ports::Range(range) if port.protocol == protocol && !range.contains(number) => {
                if let Some(service) = service_port(world, case.destination, range.first(), protocol, number) {
                    hints.push(format!(
                        "{} lists port {}, which is the port of Service {service}: its backend's is {number} (sem-52) \
                         [{}]",
                        policy.name,
                        range.first(),
                        rule.origin,
                    ));
                }
            }
            Ports::Range(_) | Ports::All => {}
        }
    }
}

/// A Service with this port of its own whose backend has the other.
fn service_port(
    world: &World<'_>,
    address: IpAddr,
    own: u16,
    protocol: Protocol,
    backend: u16,
) -> Option<NamespacedName> {
    world.objects.iter().find_map(|object| {
        let Object::Service(service) = object else { return None };
        let has_port = service.ports.iter().any(|port| port.port.get() == own && port.protocol == protocol);
        let is_backend = world.objects.iter().any(|object| {
            let Object::EndpointSlice(slice) = object else { return false };
            slice.service.as_ref() == Some(&service.metadata.name.name)
                && slice.metadata.name.namespace == service.metadata.name.namespace
                && slice.ports.iter().any(|port| port.port.is_some_and(|port| port.get() == backend))
                && slice.endpoints.iter().any(|endpoint| endpoint.addresses.contains(&address))
        });
        (has_port && is_backend).then(|| service.metadata.name.clone())
    })
}

fn services<'a>(world: &World<'a>) -> impl Iterator<Item = (IpAddr, &'a NamespacedName)> {
    world.objects.iter().flat_map(|object| {
        let Object::Service(service) = object else { return Vec::new() };
        let addresses = service.cluster_ips.iter().chain(&service.external_ips);
        addresses.map(|address| (*address, &service.metadata.name)).collect()
    })
}

fn unplaced(party: &Party, hints: &mut Vec<String>) {
    if matches!(party.place, Place::Pod { node: None, .. }) {
        hints.push(format!("{} is on no node yet: no node binds it", party.name));
    }
}

/// Pods on the host's network are their node to every policy (sem-72).
fn host_network(world: &World<'_>, party: &Party, hints: &mut Vec<String>) {
    let Place::Node(node) = &party.place else { return };
    let is_one = world.objects.iter().any(|object| {
        let Object::Pod(pod) = object else { return false };
        pod.network != PodNetwork::Own && party.name.starts_with(&*format!("{} ", pod.metadata.name))
    });
    if is_one {
        hints.push(format!(
            "{}: no selector selects it, and no policy binds it; to every policy it is node {node} (sem-72)",
            party.name,
        ));
    }
}

/// Families that fare differently.
fn one_family(cases: &[Case], hints: &mut Vec<String>) {
    for case in cases.iter().filter(|case| case.destination.is_ipv4()) {
        let other = cases
            .iter()
            .find(|other| !other.destination.is_ipv4() && other.to.name == case.to.name && other.about == case.about);
        if let Some(other) = other
            && other.outcome != case.outcome
        {
            hints.push(
                "IPv4 and IPv6 fare differently: an ipBlock of one family says nothing about the other (sem-42)"
                    .to_owned(),
            );
        }
    }
}

/// Whether a policy selects a pod.
fn binds(world: &World<'_>, policy: &Policy, name: &NamespacedName) -> bool {
    let Some(pod) = world.inventory.pods.get(name) else { return false };
    let selects = |selector: &PodSelector| {
        let in_namespace = match &selector.namespaces {
            Namespaces::Named(namespace) => *namespace == name.namespace,
            Namespaces::Matching(labels) => {
                world.inventory.namespaces.get(&name.namespace).is_some_and(|found| labels.matches(found))
            }
        };
        in_namespace && selector.pods.matches(&pod.labels)
    };
    selects(&policy.subject.pods) && !policy.subject.exempt.iter().any(selects)
}
