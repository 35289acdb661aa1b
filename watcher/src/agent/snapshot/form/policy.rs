//! Policies in the snapshot.

use std::sync::Arc;

use ipnet::IpNet;
use policy_lang::peer::{self, Namespaces, ServicePart};
use policy_lang::policy::{self, Action, Effect, Logging, PortMatches, Tier};
use policy_lang::port::{IcmpMatch, IcmpVersion, PortMatch, PortRange, Ports};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::{Origin, Place};
use serde::{Deserialize, Serialize};

use super::{Name, named, pair};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    origin: Where,
    name: Name,
    /// Its place in [`Tier::ALL`].
    tier: usize,
    priority: u16,
    pods: Pods,
    exempt: Vec<Pods>,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    origin: Where,
    action: KeptAction,
    /// Nothing for everybody.
    peers: Option<Vec<Peer>>,
    /// Nothing for every port of every protocol.
    ports: Option<Vec<Port>>,
    /// Whether it is version 6, the type, the code.
    icmp: Vec<(bool, Option<u8>, Option<u8>)>,
    audited: bool,
    logged: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum KeptAction {
    Accept,
    Deny,
    Pass,
}

/// Path and line, and the subject.
type Where = (Option<(String, u32)>, Option<String>);

/// Namespaces by name or by labels, and the labels of pods.
#[derive(Deserialize, Serialize)]
struct Pods(Result<String, Requirements>, Requirements);

/// Keys, operators and values.
type Requirements = Vec<(String, KeptOperator, Vec<String>)>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum KeptOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Peer {
    Pods(Pods),
    Addresses(IpNet, Vec<IpNet>),
    Nodes(Requirements),
    Endpoints(Name),
    Service(Name),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Port {
    All(u8),
    Range(u8, u16, u16),
    Named(u8, String),
}

impl From<&policy::Policy> for Policy {
    fn from(policy: &policy::Policy) -> Self {
        let policy::Policy { origin, name, tier, priority, subject, ingress, egress } = policy;
        let policy::Subject { pods, exempt } = subject;
        let rules = |rules: &Option<Vec<policy::Rule>>| rules.as_ref().map(|rules| rules.iter().map(rule).collect());
        Self {
            origin: place(origin),
            name: pair(name),
            tier: Tier::ALL.iter().position(|one| one == tier).unwrap_or_default(),
            priority: *priority,
            pods: self::pods(pods),
            exempt: exempt.iter().map(self::pods).collect(),
            ingress: rules(ingress),
            egress: rules(egress),
        }
    }
}

fn rule(rule: &policy::Rule) -> Rule {
    let policy::Rule { origin, action, peers, ports, icmp, effect, logging } = rule;
    Rule {
        origin: place(origin),
        action: match action {
            Action::Accept => KeptAction::Accept,
            Action::Deny => KeptAction::Deny,
            Action::Pass => KeptAction::Pass,
        },
        peers: match peers {
            policy::Peers::Any => None,
            policy::Peers::AnyOf(peers) => Some(peers.iter().map(peer).collect()),
        },
        ports: match ports {
            PortMatches::Any => None,
            PortMatches::AnyOf(ports) => Some(ports.iter().map(port).collect()),
        },
        icmp: icmp
            .iter()
            .map(|IcmpMatch { version, icmp_type, code }| (*version == IcmpVersion::V6, *icmp_type, *code))
            .collect(),
        audited: *effect == Effect::Audited,
        logged: *logging == Logging::Logged,
    }
}

fn peer(peer: &peer::Peer) -> Peer {
    match peer {
        peer::Peer::Pods(selector) => Peer::Pods(pods(selector)),
        peer::Peer::Addresses { cidr, except } => Peer::Addresses(*cidr, except.to_vec()),
        peer::Peer::Nodes(selector) => Peer::Nodes(requirements(selector)),
        peer::Peer::Service { name, part: ServicePart::Endpoints } => Peer::Endpoints(pair(name)),
        peer::Peer::Service { name, part: ServicePart::Addresses } => Peer::Service(pair(name)),
    }
}

fn port(port: &PortMatch) -> Port {
    let number = port.protocol.number();
    match &port.ports {
        Ports::All => Port::All(number),
        Ports::Range(range) => Port::Range(number, range.first(), range.last()),
        Ports::Named(name) => Port::Named(number, name.to_string()),
    }
}

fn pods(selector: &peer::PodSelector) -> Pods {
    let namespaces = match &selector.namespaces {
        Namespaces::Named(name) => Ok(name.to_string()),
        Namespaces::Matching(selector) => Err(requirements(selector)),
    };
    Pods(namespaces, requirements(&selector.pods))
}

fn requirements(selector: &Selector) -> Requirements {
    let texts = |values: &[Arc<str>]| values.iter().map(ToString::to_string).collect();
    let kept = |Requirement { key, operator }: &Requirement| {
        let (operator, values) = match operator {
            Operator::In(values) => (KeptOperator::In, texts(values)),
            Operator::NotIn(values) => (KeptOperator::NotIn, texts(values)),
            Operator::Exists => (KeptOperator::Exists, Vec::new()),
            Operator::DoesNotExist => (KeptOperator::DoesNotExist, Vec::new()),
        };
        (key.to_string(), operator, values)
    };
    selector.requirements().iter().map(kept).collect()
}

fn place(origin: &Origin) -> Where {
    let place = origin.place.as_ref().map(|place| (place.path.to_string(), place.line));
    (place, origin.subject.as_ref().map(ToString::to_string))
}

impl Policy {
    pub(super) fn policy(self) -> Option<policy::Policy> {
        let Self { origin, name, tier, priority, pods, exempt, ingress, egress } = self;
        let rules = |rules: Option<Vec<Rule>>| match rules {
            Some(rules) => rules.into_iter().map(Rule::rule).collect::<Option<Vec<_>>>().map(Some),
            None => Some(None),
        };
        let exempt = exempt.into_iter().map(Pods::selector).collect();
        Some(policy::Policy {
            origin: self::origin(origin),
            name: named(name),
            tier: *Tier::ALL.get(tier)?,
            priority,
            subject: policy::Subject { pods: pods.selector(), exempt },
            ingress: rules(ingress)?,
            egress: rules(egress)?,
        })
    }
}

impl Rule {
    fn rule(self) -> Option<policy::Rule> {
        let Self { origin, action, peers, ports, icmp, audited, logged } = self;
        let action = match action {
            KeptAction::Accept => Action::Accept,
            KeptAction::Deny => Action::Deny,
            KeptAction::Pass => Action::Pass,
        };
        let peers = match peers {
            None => policy::Peers::Any,
            Some(peers) => policy::Peers::AnyOf(peers.into_iter().map(Peer::peer).collect()),
        };
        let ports = match ports {
            None => PortMatches::Any,
            Some(ports) => PortMatches::AnyOf(ports.into_iter().map(Port::port).collect::<Option<_>>()?),
        };
        let icmp = icmp.into_iter().map(|(is_v6, icmp_type, code)| {
            let version = if is_v6 { IcmpVersion::V6 } else { IcmpVersion::V4 };
            IcmpMatch { version, icmp_type, code }
        });
        let effect = if audited { Effect::Audited } else { Effect::Enforced };
        let logging = if logged { Logging::Logged } else { Logging::Silent };
        let icmp = icmp.collect();
        Some(policy::Rule { origin: self::origin(origin), action, peers, ports, icmp, effect, logging })
    }
}

impl Peer {
    fn peer(self) -> peer::Peer {
        match self {
            Self::Pods(pods) => peer::Peer::Pods(pods.selector()),
            Self::Addresses(cidr, except) => peer::Peer::Addresses { cidr, except: except.into() },
            Self::Nodes(requirements) => peer::Peer::Nodes(selector(requirements)),
            Self::Endpoints(name) => peer::Peer::Service { name: named(name), part: ServicePart::Endpoints },
            Self::Service(name) => peer::Peer::Service { name: named(name), part: ServicePart::Addresses },
        }
    }
}

impl Port {
    fn port(self) -> Option<PortMatch> {
        let (number, ports) = match self {
            Self::All(number) => (number, Ports::All),
            Self::Range(number, first, last) => {
                (number, Ports::Range(PortRange::new(super::port(first)?, super::port(last)?)?))
            }
            Self::Named(number, name) => (number, Ports::Named(name.into())),
        };
        Some(PortMatch { protocol: super::protocol(number)?, ports })
    }
}

impl Pods {
    fn selector(self) -> peer::PodSelector {
        let Self(namespaces, pods) = self;
        let namespaces = match namespaces {
            Ok(name) => Namespaces::Named(name.into()),
            Err(requirements) => Namespaces::Matching(selector(requirements)),
        };
        peer::PodSelector { namespaces, pods: selector(pods) }
    }
}

fn selector(requirements: Requirements) -> Selector {
    let values = |values: Vec<String>| values.into_iter().map(Arc::from).collect();
    Selector::new(requirements.into_iter().map(|(key, operator, listed)| {
        let operator = match operator {
            KeptOperator::In => Operator::In(values(listed)),
            KeptOperator::NotIn => Operator::NotIn(values(listed)),
            KeptOperator::Exists => Operator::Exists,
            KeptOperator::DoesNotExist => Operator::DoesNotExist,
        };
        Requirement { key: key.into(), operator }
    }))
}

fn origin((place, subject): Where) -> Origin {
    let place = place.map(|(path, line)| Place { path: path.into(), line });
    Origin { place, subject: subject.map(Arc::from) }
}
