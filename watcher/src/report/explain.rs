//! An explanation, for people and as JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use engine::eval::policy::{Answer, Cause, Judgement, Layer, Outcome, Way};
use policy_lang::policy::Action;
use policy_lang::source::{Origin, Sources};

use crate::drops::SourceLine;
use crate::explain::{Case, Change, Deciding, Denied, Explanation, HostDenial, Place, Step};

mod json;
pub mod policy;

pub use self::json::json;

/// The explanation as text: the verdict and its line for each case, then every layer on every node.
pub fn text(explanation: &Explanation, sources: &Sources) -> String {
    let mut text = String::new();
    for group in groups(explanation) {
        let Some(case) = group.first() else { continue };
        headline(&mut text, explanation, &group);
        deciding(&mut text, case, sources);
        for step in &case.steps {
            self::step(&mut text, step, sources);
        }
        if let Some(change) = &case.change {
            self::change(&mut text, change);
        }
        if let Some(contradiction) = &case.contradiction {
            // Writing to a String cannot fail.
            let _: std::fmt::Result =
                writeln!(text, "\n  BUG of palisade: {contradiction}. Do not trust this verdict, and report it.");
        }
        text.push('\n');
    }
    for hint in &explanation.hints {
        let _: std::fmt::Result = writeln!(text, "hint: {hint}");
    }
    text
}

/// Cases that differ by nothing but their addresses and ports are told together.
fn groups(explanation: &Explanation) -> Vec<Vec<&Case>> {
    let mut groups: Vec<Vec<&Case>> = Vec::new();
    for case in &explanation.cases {
        let same = |first: &Case| {
            let is_same_way = first.steps == case.steps && first.deciding == case.deciding;
            is_same_way
                && first.to.name == case.to.name
                && first.about == case.about
                && first.contradiction == case.contradiction
                && first.change == case.change
        };
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| same(first))) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

fn headline(text: &mut String, explanation: &Explanation, group: &[&Case]) {
    let Some(case) = group.first() else { return };
    let verdict = match case.outcome {
        Outcome::Allowed => "ALLOWED",
        Outcome::Denied => "DENIED",
        Outcome::Observed => "ALLOWED (would be denied, but is only observed)",
    };
    let service = explanation.service.as_ref().map(|name| format!(" through Service {name}")).unwrap_or_default();
    let mut abouts: Vec<_> = group.iter().map(|case| case.about.to_string()).collect();
    abouts.dedup();
    let (from, to, abouts) = (&explanation.from.name, &case.to.name, abouts.join(" "));
    let _: std::fmt::Result = writeln!(text, "{verdict}  {from} -> {to} {abouts}{service}");
    let mut ways: Vec<_> = group.iter().map(|case| format!("{} -> {}", case.source, case.destination)).collect();
    let mut seen = BTreeSet::new();
    ways.retain(|way| seen.insert(way.clone()));
    let _: std::fmt::Result = writeln!(text, "  {}", ways.join(", "));
}

/// What to change, indented as it can be copied.
fn change(text: &mut String, change: &Change) {
    let Change { words, policy } = change;
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(text, "\n  to change it: {words}");
    for line in policy.iter().flat_map(|policy| policy.lines()) {
        let _: std::fmt::Result = writeln!(text, "    {line}");
    }
}

/// What decided, with the text of its line.
fn deciding(text: &mut String, case: &Case, sources: &Sources) {
    match &case.deciding {
        Deciding::Policy { node, direction, cause } => {
            let direction = direction.map(|direction| format!(" {direction}")).unwrap_or_default();
            let _: std::fmt::Result = writeln!(text, "  decided on {node}{direction}: {}", words(cause));
            for origin in cause.origins() {
                quote(text, origin, sources, "    ");
            }
        }
        Deciding::Host { node, denial } => {
            let _: std::fmt::Result = writeln!(text, "  decided on {node}: {}", host_words(denial));
            quote_line(text, &denial.line, sources, "    ");
        }
        Deciding::NoNode => text.push_str("  it passes no node that policy is enforced on\n"),
    }
}

fn step(text: &mut String, step: &Step, sources: &Sources) {
    let Step { node, way, decision, host } = step;
    let way = match way {
        Way::Forwarded => "forwarded",
        Way::FromNode => "sent by the node itself",
        Way::ToNode => "to the node itself",
    };
    let _: std::fmt::Result = writeln!(text, "\n  {node}, {way}:");
    if decision.judgements.is_empty() {
        let _: std::fmt::Result = writeln!(text, "    {}", words(&decision.cause));
    }
    for judgement in &decision.judgements {
        self::judgement(text, judgement, sources);
    }
    if let Some(denial) = host {
        let _: std::fmt::Result = writeln!(text, "    {}", host_words(denial));
        quote_line(text, &denial.line, sources, "      ");
    }
}

fn judgement(text: &mut String, judgement: &Judgement, sources: &Sources) {
    let Judgement { subject, direction, outcome, cause, layers } = judgement;
    let said = match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Observed => "denied, but only observed",
    };
    let _: std::fmt::Result = writeln!(text, "    {direction} of {subject}: {said}");
    for layer in layers {
        let Layer { tier, audited, answer } = layer;
        for matched in audited {
            let _: std::fmt::Result = writeln!(text, "      {:<30} audited only: {}", tier.to_string(), matched.origin);
        }
        let _: std::fmt::Result = writeln!(text, "      {:<30} {}", tier.to_string(), answer_words(answer));
        let origins = match answer {
            Answer::Rule(_, matched) => std::slice::from_ref(&matched.origin),
            Answer::Isolated { policies } => policies,
            Answer::Unbound | Answer::NoMatch | Answer::Quarantined { .. } | Answer::QuarantineCounted { .. } => &[],
        };
        for origin in origins {
            quote(text, origin, sources, "        ");
        }
    }
    match cause {
        Cause::Hairpin | Cause::NoRule => {
            let _: std::fmt::Result = writeln!(text, "      {:<30} {}", "in the end", words(cause));
        }
        Cause::Rule { .. }
        | Cause::Isolated { .. }
        | Cause::Quarantine
        | Cause::NoPod
        | Cause::OwnNode
        | Cause::OwnNodeOpen
        | Cause::Vital
        | Cause::RoutingFromPod => {}
    }
}

/// What a tier said.
fn answer_words(answer: &Answer) -> String {
    let names = |pods: &[policy_lang::name::NamespacedName]| {
        pods.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match answer {
        Answer::Unbound => "no policy is about it".to_owned(),
        Answer::NoMatch => "no rule matches".to_owned(),
        Answer::Rule(action, _) => match action {
            Action::Accept => "accepts",
            Action::Deny => "denies",
            Action::Pass => "passes it on",
        }
        .to_owned(),
        Answer::Isolated { .. } => "isolates it, and no rule permits it".to_owned(),
        Answer::Quarantined { awaiting } => format!("quarantine: {} have no address yet", names(awaiting)),
        Answer::QuarantineCounted { awaiting } => {
            format!("quarantine, counted only: {} have no address yet", names(awaiting))
        }
    }
}

/// Why, in words.
fn words(cause: &Cause) -> String {
    match cause {
        Cause::Rule { tier, policy, .. } => format!("{tier}, a rule of {policy}"),
        Cause::Isolated { policies } if policies.len() == 1 => {
            "a NetworkPolicy isolates the pod, and no rule of it permits this".to_owned()
        }
        Cause::Isolated { policies } => {
            format!("{} NetworkPolicies isolate the pod, and no rule of theirs permits this", policies.len())
        }
        Cause::Quarantine => "a local address of no known pod".to_owned(),
        Cause::Hairpin => "a pod that reaches itself through a Service is not asked further".to_owned(),
        Cause::NoRule => "nothing denies it".to_owned(),
        Cause::NoPod => "no pod of this node is at either end".to_owned(),
        Cause::OwnNode => "what the node itself sends is always accepted by pod policy".to_owned(),
        Cause::OwnNodeOpen => "pods' way to their own node is open (allowEgressToOwnNode)".to_owned(),
        Cause::Vital => "without it the network does not work".to_owned(),
        Cause::RoutingFromPod => "a router advertisement or redirect from a pod".to_owned(),
    }
}

fn host_words(denial: &HostDenial) -> String {
    let packet = match denial.packet {
        Denied::First => "it",
        Denied::Answer => "the answer",
    };
    format!("a host rule denies {packet}")
}

/// The place, the object and, below it, the text of the line.
fn quote(text: &mut String, origin: &Origin, sources: &Sources, indent: &str) {
    let _: std::fmt::Result = writeln!(text, "{indent}{origin}");
    let line = origin.place.as_ref().and_then(|place| sources.quote(&place.path, place.line));
    if let Some(line) = line {
        let _: std::fmt::Result = writeln!(text, "{indent}| {line}");
    }
}

/// The same for the comment of a rule.
fn quote_line(text: &mut String, comment: &str, sources: &Sources, indent: &str) {
    let line = SourceLine::new(comment);
    let _: std::fmt::Result = writeln!(text, "{indent}{line}");
    if let Some(line) = line.place().and_then(|(path, number)| sources.quote(path, number)) {
        let _: std::fmt::Result = writeln!(text, "{indent}| {line}");
    }
}

/// Where a party is, in a word.
fn kind(place: &Place) -> &'static str {
    match place {
        Place::Pod { .. } => "pod",
        Place::Node(_) => "node",
        Place::Outside => "outside",
    }
}
