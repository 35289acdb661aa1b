//! From the fields of a baseline to the IR.

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::baseline::PRIORITY;
use crate::baseline::destination::{api_server, dns, every_pod};
use crate::baseline::spec::{Default, Entry, Otherwise, Spec};
use crate::name::NamespacedName;
use crate::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use crate::port::{PortMatch, PortRange, Ports, Protocol};
use crate::source::{Origin, Sources, Span};

/// The ports on which DNS is asked.
const DNS_PORT: NonZeroU16 = NonZeroU16::new(53).expect("53 is not zero");

/// The policies that a baseline means; see the module above for their order.
pub(super) fn policies(spec: &Spec, name: &Arc<str>, sources: &Sources) -> Vec<Policy> {
    let at = |span: Span, field: &str| sources.origin(span).with_subject(format!("{name} {field}"));
    let exempt: Box<[_]> = spec.exempt.iter().map(|exempt| exempt.value.clone()).collect();
    let frame = Frame { name, priority: spec.priority, subject: Subject { pods: every_pod(), exempt } };
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
        let origin = sources.origin(spec.span).with_subject(Arc::clone(name));
        policies.push(frame.policy(Tier::ConfigMapAdmin, rules, origin));
    }
    match spec.otherwise.value {
        Otherwise::Deny => {
            let origin = at(spec.otherwise.span, "otherwise");
            let rules = vec![everything(Action::Deny, origin.clone())];
            policies.push(frame.policy(Tier::ConfigMapBaseline, rules, origin));
        }
        Otherwise::Allow => {}
    }
    policies
}

/// What to enforce in place of a baseline that exists and cannot be read, when the rest is enforced all the same and no
/// good one was kept.
///
/// DNS and the API server stay open; everything else is left to the pods' own policies, and pods without any reach
/// nothing. There are no exemptions: they cannot be read.
pub fn stand_in(origin: &Origin) -> Vec<Policy> {
    let ports = [Protocol::Udp, Protocol::Tcp].map(|protocol| port(protocol, DNS_PORT));
    let open = |peer, ports| Rule::new(origin.clone(), Action::Accept, Peers::AnyOf(vec![peer]), ports);
    let rules = vec![open(dns(), PortMatches::AnyOf(ports.into())), open(api_server(), PortMatches::Any)];
    additive(origin, &"egress-baseline-stand-in".into(), PRIORITY, rules)
}

/// Rules as `always`, with `default: pass` and `otherwise: deny`.
pub(super) fn additive(origin: &Origin, name: &Arc<str>, priority: u16, always: Vec<Rule>) -> Vec<Policy> {
    let frame = Frame { name, priority, subject: Subject { pods: every_pod(), exempt: Box::default() } };
    let otherwise = vec![everything(Action::Deny, origin.clone())];
    vec![
        frame.policy(Tier::ConfigMapAdmin, always, origin.clone()),
        frame.policy(Tier::ConfigMapBaseline, otherwise, origin.clone()),
    ]
}

/// What the policies of one document have in common.
struct Frame<'a> {
    name: &'a Arc<str>,
    priority: u16,
    subject: Subject,
}

impl Frame<'_> {
    fn policy(&self, tier: Tier, egress: Vec<Rule>, origin: Origin) -> Policy {
        let Self { name, priority, subject } = self;
        Policy {
            origin,
            name: NamespacedName::new("", Arc::clone(name)),
            tier,
            priority: *priority,
            subject: subject.clone(),
            ingress: None,
            egress: Some(egress),
        }
    }
}

fn rule(entry: &Entry, action: Action, origin: Origin) -> Rule {
    let Entry { span: _, name: _, to, ports, icmp, effect, logging } = entry;
    let ports = match (ports, icmp) {
        (Some(ports), _) => PortMatches::AnyOf(ports.clone()),
        (None, None) => PortMatches::Any,
        // Whoever names kinds of ICMP means nothing else.
        (None, Some(_)) => PortMatches::AnyOf(Vec::new()),
    };
    let mut icmp: Vec<_> = icmp.iter().flatten().copied().collect();
    icmp.sort_unstable();
    icmp.dedup();
    Rule {
        origin,
        action,
        peers: Peers::AnyOf(to.clone()),
        ports,
        icmp: icmp.into(),
        effect: *effect,
        logging: *logging,
    }
}

fn everything(action: Action, origin: Origin) -> Rule {
    Rule::new(origin, action, Peers::Any, PortMatches::Any)
}

fn port(protocol: Protocol, number: NonZeroU16) -> PortMatch {
    PortMatch { protocol, ports: Ports::Range(PortRange::single(number)) }
}
