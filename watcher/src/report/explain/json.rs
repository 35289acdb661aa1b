//! The form of docs/reference/explain-json.md.

use engine::eval::policy::{Answer, Cause, Judgement, Outcome, Way};
use policy_lang::policy::Action;
use policy_lang::source::{Origin, Sources};
use serde::Serialize;

use super::kind;
use crate::drops::SourceLine;
use crate::explain::{Case, Deciding, Denied, Explanation, HostDenial, Party, Step};

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplanationJson<'a> {
    version: u32,
    from: PartyJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    cases: Vec<CaseJson<'a>>,
    hints: &'a [String],
}

#[derive(Serialize)]
struct PartyJson<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CaseJson<'a> {
    to: PartyJson<'a>,
    source: String,
    destination: String,
    port: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_on: Option<&'a str>,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    lines: Vec<LineJson>,
    nodes: Vec<NodeJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contradiction: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    words: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
}

#[derive(Serialize)]
struct LineJson {
    line: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    node: &'a str,
    way: &'static str,
    verdict: &'static str,
    cause: &'static str,
    ends: Vec<EndJson>,
    #[serde(rename = "hostRule", skip_serializing_if = "Option::is_none")]
    host_rule: Option<HostJson>,
}

#[derive(Serialize)]
struct HostJson {
    denies: &'static str,
    lines: Vec<LineJson>,
}

#[derive(Serialize)]
struct EndJson {
    subject: String,
    direction: String,
    verdict: &'static str,
    cause: &'static str,
    layers: Vec<LayerJson>,
}

#[derive(Serialize)]
struct LayerJson {
    tier: String,
    answer: &'static str,
    lines: Vec<LineJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audited: Vec<LineJson>,
}

/// The whole explanation.
pub fn json(explanation: &Explanation, sources: &Sources) -> String {
    crate::report::pretty(&ExplanationJson {
        version: VERSION,
        from: party(&explanation.from),
        service: explanation.service.as_deref(),
        cases: explanation.cases.iter().map(|found| case(found, sources)).collect(),
        hints: &explanation.hints,
    })
}

fn party(party: &Party) -> PartyJson<'_> {
    PartyJson { name: &party.name, kind: kind(&party.place), node: party.node().map(|node| &**node) }
}

fn case<'a>(case: &'a Case, sources: &Sources) -> CaseJson<'a> {
    let (node, cause, tier, direction, lines) = match &case.deciding {
        Deciding::Policy { node, direction, cause } => {
            let tier = match cause {
                Cause::Rule { tier, .. } => Some(*tier),
                Cause::Isolated { .. } => Some(policy_lang::policy::Tier::NetworkPolicy),
                Cause::Quarantine
                | Cause::Hairpin
                | Cause::NoRule
                | Cause::NoPod
                | Cause::OwnNode
                | Cause::OwnNodeOpen
                | Cause::Vital
                | Cause::RoutingFromPod => None,
            };
            (Some(&**node), self::cause(cause), tier, *direction, origins(cause.origins(), sources))
        }
        Deciding::Host { node, denial } => (Some(&**node), "host-rule", None, None, vec![line(denial, sources)]),
        Deciding::NoNode => (None, "no-node", None, None, Vec::new()),
    };
    CaseJson {
        to: party(&case.to),
        source: case.source.to_string(),
        destination: case.destination.to_string(),
        port: case.about.to_string(),
        verdict: verdict(case.outcome),
        decided_on: node,
        cause,
        tier: tier.map(|tier| tier.to_string()),
        direction: direction.map(|direction| direction.to_string()),
        lines,
        nodes: case.steps.iter().map(|step| self::node(step, sources)).collect(),
        change: case
            .change
            .as_ref()
            .map(|change| ChangeJson { words: &change.words, policy: change.policy.as_deref() }),
        contradiction: case.contradiction.as_deref(),
    }
}

fn node<'a>(step: &'a Step, sources: &Sources) -> NodeJson<'a> {
    let Step { node, way, decision, host } = step;
    NodeJson {
        node,
        way: match way {
            Way::Forwarded => "forwarded",
            Way::FromNode => "from-node",
            Way::ToNode => "to-node",
        },
        verdict: verdict(decision.outcome),
        cause: cause(&decision.cause),
        ends: decision.judgements.iter().map(|judgement| end(judgement, sources)).collect(),
        host_rule: host.as_ref().map(|denial| HostJson {
            denies: match denial.packet {
                Denied::First => "first",
                Denied::Answer => "answer",
            },
            lines: vec![line(denial, sources)],
        }),
    }
}

fn end(judgement: &Judgement, sources: &Sources) -> EndJson {
    let Judgement { subject, direction, outcome, cause, layers } = judgement;
    let layers = layers.iter().map(|layer| {
        let (answer, lines) = match &layer.answer {
            Answer::Unbound => ("unbound", &[][..]),
            Answer::NoMatch => ("no-match", &[][..]),
            Answer::Rule(Action::Accept, matched) => ("accept", std::slice::from_ref(&matched.origin)),
            Answer::Rule(Action::Deny, matched) => ("deny", std::slice::from_ref(&matched.origin)),
            Answer::Rule(Action::Pass, matched) => ("pass", std::slice::from_ref(&matched.origin)),
            Answer::Isolated { policies } => ("isolated", policies.as_slice()),
            Answer::Quarantined { .. } => ("quarantined", &[][..]),
            Answer::QuarantineCounted { .. } => ("quarantine-counted", &[][..]),
        };
        let audited: Vec<Origin> = layer.audited.iter().map(|matched| matched.origin.clone()).collect();
        LayerJson {
            tier: layer.tier.to_string(),
            answer,
            lines: origins(lines, sources),
            audited: origins(&audited, sources),
        }
    });
    EndJson {
        subject: subject.to_string(),
        direction: direction.to_string(),
        verdict: verdict(*outcome),
        cause: self::cause(cause),
        layers: layers.collect(),
    }
}

fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Observed => "observed",
    }
}

fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Rule { .. } => "rule",
        Cause::Isolated { .. } => "isolated",
        Cause::Quarantine => "quarantine",
        Cause::Hairpin => "hairpin",
        Cause::NoRule => "no-rule",
        Cause::NoPod => "no-pod",
        Cause::OwnNode => "own-node",
        Cause::OwnNodeOpen => "own-node-open",
        Cause::Vital => "vital",
        Cause::RoutingFromPod => "routing-from-pod",
    }
}

fn origins(origins: &[Origin], sources: &Sources) -> Vec<LineJson> {
    let line = |origin: &Origin| {
        let quoted = origin.place.as_ref().and_then(|place| sources.quote(&place.path, place.line));
        LineJson { line: origin.to_string(), text: quoted.map(ToOwned::to_owned) }
    };
    origins.iter().map(line).collect()
}

fn line(denial: &HostDenial, sources: &Sources) -> LineJson {
    let found = SourceLine::new(&denial.line);
    let quoted = found.place().and_then(|(path, line)| sources.quote(path, line));
    LineJson { line: found.to_string(), text: quoted.map(ToOwned::to_owned) }
}
