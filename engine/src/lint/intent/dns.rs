//! Whether pods can look names up.

use std::collections::BTreeMap;

use ipnet::IpNet;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Direction, PortMatches, Tier};
use policy_lang::port::{PortMatch, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};

use crate::lint::containment::pods_within;
use crate::lint::environment::Pods;
use crate::lint::world::World;
use crate::lint::written::Written;

/// Blocks that addresses of a cluster come from.
const PRIVATE: [&str; 6] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"];

/// Those that the same policies isolate for egress.
pub(crate) struct Subjects<'w, 'a> {
    pub(crate) policies: Vec<&'w Written<'a>>,
    /// Their classes; none where the input has no workloads to judge by.
    pub(crate) classes: Vec<u32>,
}

/// Every group of workloads, and every policy of a namespace without workloads.
pub(crate) fn subjects<'w, 'a>(world: &'w World<'a>) -> Vec<Subjects<'w, 'a>> {
    let mut groups: BTreeMap<Vec<&policy_lang::name::NamespacedName>, Subjects<'w, 'a>> = BTreeMap::new();
    for index in 0..u32::try_from(world.classes.len()).unwrap_or(u32::MAX) {
        let policies: Vec<_> = world.isolating(index, Direction::Egress).collect();
        if policies.is_empty() {
            continue;
        }
        let names = policies.iter().map(|policy| policy.name()).collect();
        groups.entry(names).or_insert_with(|| Subjects { policies, classes: Vec::new() }).classes.push(index);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    let mut lonely: BTreeMap<&PodSelector, Subjects<'w, 'a>> = BTreeMap::new();
    for policy in &world.policies {
        if policy.spec.isolates(Direction::Egress) && !world.has_workloads(&policy.name().namespace) {
            let subjects = lonely.entry(&policy.subject);
            subjects.or_insert_with(|| Subjects { policies: Vec::new(), classes: Vec::new() }).policies.push(policy);
        }
    }
    // Whoever is selected by one is selected by those of a wider selector as well.
    let wider: Vec<_> = lonely.values().map(|subjects| subjects.policies.clone()).collect();
    for subjects in lonely.values_mut().take(COMPARED) {
        let Some(own) = subjects.policies.first().map(|policy| &policy.subject) else { continue };
        let others = wider.iter().take(COMPARED).filter_map(|others| Some((others, &others.first()?.subject)));
        let others = others.filter(|(_, other)| *other != own && pods_within(own, other));
        let others: Vec<_> = others.flat_map(|(others, _)| others.clone()).collect();
        subjects.policies.extend(others);
    }
    groups.extend(lonely.into_values());
    groups
}

/// Most selectors that are compared with one another.
const COMPARED: usize = 1000;

/// Whether any policy, or a layer above, opens DNS to them.
pub(crate) fn is_open(world: &World<'_>, policies: &[&Written<'_>], classes: &[u32], protocol: Protocol) -> bool {
    let dns = world.environment.dns_or_usual();
    let servers = world.select(&PodSelector {
        namespaces: Namespaces::Named(std::sync::Arc::clone(&dns.pods.namespace)),
        pods: labelled(&dns.pods),
    });
    let question = Question { world, servers: &servers, pods: &dns.pods, ports: &dns.ports, protocol };
    let rules = policies.iter().flat_map(|policy| policy.rules(Direction::Egress));
    rules.into_iter().any(|rule| question.opens(rule)) || is_open_above(world, classes, protocol, &dns.ports)
}

struct Question<'q, 'a> {
    world: &'q World<'a>,
    servers: &'q [u32],
    pods: &'q Pods,
    ports: &'q [u16],
    protocol: Protocol,
}

impl Question<'_, '_> {
    fn opens(&self, rule: &RuleSpec) -> bool {
        let is_named = rule.ports.iter().any(|port| is_asked(&port.value, self.protocol, self.ports));
        if !is_named && !rule.ports.is_empty() {
            return false;
        }
        rule.peers.is_empty() || rule.peers.iter().any(|peer| self.may_be_dns(&peer.value, is_named))
    }

    /// Whether a peer can be a DNS server. With the port written, everything is meant as one that is not known not to be.
    fn may_be_dns(&self, peer: &Peer, is_named: bool) -> bool {
        match peer {
            Peer::Pods(selector) if !self.servers.is_empty() => {
                let selected = self.world.select(selector);
                self.servers.iter().any(|server| selected.contains(server))
            }
            Peer::Pods(selector) => is_named || self.may_select(selector),
            Peer::Addresses { cidr, .. } => is_named || is_private_in_part(*cidr),
            Peer::Nodes(_) | Peer::Service { .. } => true,
        }
    }

    /// Whether a selector may select servers that are not in the input.
    fn may_select(&self, selector: &PodSelector) -> bool {
        let namespace = &self.pods.namespace;
        let in_namespace = match &selector.namespaces {
            Namespaces::Named(name) => name == namespace,
            Namespaces::Matching(labels) => {
                let own = policy_lang::name::Labels::of_namespace(namespace);
                let name = |requirement: &&Requirement| own.contains_key(&requirement.key);
                Selector::new(labels.requirements().iter().filter(name).cloned()).matches(&own)
            }
        };
        in_namespace && selector.pods.matches(&self.pods.labels)
    }
}

/// Whether a port of a policy is that of DNS.
pub(crate) fn is_port(world: &World<'_>, port: &PortMatch, protocol: Protocol) -> bool {
    is_asked(port, protocol, &world.environment.dns_or_usual().ports)
}

fn is_asked(port: &PortMatch, protocol: Protocol, ports: &[u16]) -> bool {
    port.protocol == protocol
        && match &port.ports {
            Ports::All => true,
            Ports::Range(range) => ports.iter().any(|port| range.contains(*port)) || range.contains(53),
            // Containers of DNS servers call it so.
            Ports::Named(name) => name.contains("dns"),
        }
}

/// Whether the baseline or a `ClusterNetworkPolicy` of the admins accepts it for all of them.
fn is_open_above(world: &World<'_>, classes: &[u32], protocol: Protocol, ports: &[u16]) -> bool {
    let admin = world.tier(Tier::ConfigMapAdmin).chain(world.tier(Tier::ClusterAdmin));
    admin.into_iter().any(|policy| {
        let selected = world.select(&policy.subject.pods);
        let exempt: Vec<_> = policy.subject.exempt.iter().map(|exempt| world.select(exempt)).collect();
        let has = |classes: &[u32], class: &u32| classes.binary_search(class).is_ok();
        let binds = |class: &u32| has(&selected, class) && !exempt.iter().any(|exempt| has(exempt, class));
        let rules = policy.rules(Direction::Egress).unwrap_or_default();
        let accepts = |ports_of: &PortMatches| match ports_of {
            PortMatches::Any => true,
            PortMatches::AnyOf(found) => found.iter().any(|port| is_asked(port, protocol, ports)),
        };
        classes.iter().all(binds) && rules.iter().any(|rule| rule.action == Action::Accept && accepts(&rule.ports))
    })
}

fn is_private_in_part(cidr: IpNet) -> bool {
    let blocks = PRIVATE.iter().filter_map(|block| block.parse::<IpNet>().ok());
    blocks.into_iter().any(|block| block.contains(&cidr) || cidr.contains(&block))
}

fn labelled(pods: &Pods) -> Selector {
    Selector::new(pods.labels.iter().map(|(key, value)| Requirement {
        key: std::sync::Arc::clone(key),
        operator: Operator::In([std::sync::Arc::clone(value)].into()),
    }))
}
