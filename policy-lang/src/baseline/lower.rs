//! From the fields of a baseline to the IR.

use ipnet::IpNet;

use crate::baseline::entry::{dns, every_pod};
use crate::baseline::spec::{Default, Entry, Otherwise, Spec};
use crate::manifest::{EndpointSlice, Object};
use crate::name::NamespacedName;
use crate::peer::Peer;
use crate::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use crate::port::{PortMatch, PortRange, Ports, Protocol};
use crate::source::{Origin, Sources, Span};
use std::num::NonZeroU16;

/// The ports on which DNS is asked.
const DNS_PORT: NonZeroU16 = NonZeroU16::new(53).expect("53 is not zero");

/// The policies that a baseline means; see the module above for their order.
pub(super) fn policies(spec: &Spec, name: &NamespacedName, sources: &Sources) -> Vec<Policy> {
    let at = |span: Span, field: &str| sources.origin(span).with_subject(format!("{name} {field}"));
    let exempt: Box<[_]> = spec.exempt.iter().map(|exempt| exempt.value.clone()).collect();
    let subject = Subject { pods: every_pod(), exempt };
    let mut rules = Vec::new();
    let verbs = [
        ("deny", Action::Deny, &spec.deny),
        ("always", Action::Accept, &spec.always),
        ("allow", Action::Pass, &spec.allow),
    ];
    for (verb, action, entries) in verbs {
        for (index, entry) in entries.iter().enumerate() {
            let field = match &entry.name {
                Some(name) => format!("{verb}[{index}] {name}"),
                None => format!("{verb}[{index}]"),
            };
            rules.push(rule(entry, action, at(entry.span, &field)));
        }
    }
    match spec.default.value {
        Default::Deny => rules.push(everything(Action::Deny, at(spec.default.span, "default"))),
        Default::Pass => {}
    }
    let mut policies = Vec::new();
    if !rules.is_empty() {
        policies.push(policy(
            Tier::ConfigMapAdmin,
            name,
            subject.clone(),
            rules,
            sources.origin(spec.span).with_subject(name.to_string()),
        ));
    }
    match spec.otherwise.value {
        Otherwise::Deny => {
            let origin = at(spec.otherwise.span, "otherwise");
            let rules = vec![everything(Action::Deny, origin.clone())];
            policies.push(policy(Tier::ConfigMapBaseline, name, subject, rules, origin));
        }
        Otherwise::Allow => {}
    }
    policies
}

/// What to enforce in place of a baseline that exists and cannot be read, when the rest is enforced all the same.
///
/// DNS, and the API server where `objects` tell its endpoints, stay open; everything else is left to the pods' own
/// policies, and pods without any reach nothing. There are no exemptions: they cannot be read.
pub fn stand_in(origin: &Origin, objects: &[Object]) -> Vec<Policy> {
    let name = NamespacedName::new("", "egress-baseline-stand-in");
    let subject = Subject { pods: every_pod(), exempt: Box::default() };
    let ports = [Protocol::Udp, Protocol::Tcp].map(|protocol| port(protocol, DNS_PORT));
    let dns = Peers::AnyOf(vec![Peer::Pods(dns())]);
    let mut rules = vec![Rule::new(origin.clone(), Action::Accept, dns, PortMatches::AnyOf(ports.into()))];
    rules.extend(objects.iter().filter_map(|object| match object {
        Object::EndpointSlice(slice) => api_server(slice, origin),
        Object::Namespace(_)
        | Object::Node(_)
        | Object::Pod(_)
        | Object::NetworkPolicy(_)
        | Object::ClusterNetworkPolicy(_)
        | Object::ConfigMap(_)
        | Object::Service(_)
        | Object::EgressBaseline(_) => None,
    }));
    let otherwise = vec![everything(Action::Deny, origin.clone())];
    vec![
        policy(Tier::ConfigMapAdmin, &name, subject.clone(), rules, origin.clone()),
        policy(Tier::ConfigMapBaseline, &name, subject, otherwise, origin.clone()),
    ]
}

/// The rule for the endpoints of the Service `default/kubernetes`.
fn api_server(slice: &EndpointSlice, origin: &Origin) -> Option<Rule> {
    let is_api_server = slice.metadata.name.namespace.as_ref() == "default"
        && slice.service.as_deref().is_some_and(|service| service == "kubernetes");
    let addresses = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
    let peers: Vec<_> =
        addresses.map(|address| Peer::Addresses { cidr: IpNet::from(*address), except: Box::default() }).collect();
    let ports = slice.ports.iter().filter_map(|endpoint| Some(port(endpoint.protocol, endpoint.port?))).collect();
    is_api_server.then(|| Rule::new(origin.clone(), Action::Accept, Peers::AnyOf(peers), PortMatches::AnyOf(ports)))
}

fn rule(entry: &Entry, action: Action, origin: Origin) -> Rule {
    let ports = entry.ports.as_ref().map_or(PortMatches::Any, |ports| PortMatches::AnyOf(ports.clone()));
    Rule::new(origin, action, Peers::AnyOf(entry.to.clone()), ports)
}

fn everything(action: Action, origin: Origin) -> Rule {
    Rule::new(origin, action, Peers::Any, PortMatches::Any)
}

fn port(protocol: Protocol, number: NonZeroU16) -> PortMatch {
    PortMatch { protocol, ports: Ports::Range(PortRange::single(number)) }
}

fn policy(tier: Tier, name: &NamespacedName, subject: Subject, egress: Vec<Rule>, origin: Origin) -> Policy {
    Policy { origin, name: name.clone(), tier, priority: 0, subject, ingress: None, egress: Some(egress) }
}
