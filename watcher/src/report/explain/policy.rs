//! What a policy does, for people and as JSON.

use std::fmt::Write as _;

use policy_lang::policy::Direction;
use policy_lang::source::Sources;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::explain::{Effect, RuleEffect};
use crate::map::Peer;
use crate::report::diff::says_word;
use crate::report::map::{peer_value, permitted_json};
use crate::report::pretty;

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    version: u32,
    policies: Vec<PolicyJson>,
}

#[derive(Serialize)]
struct PolicyJson {
    name: String,
    tier: String,
    line: String,
    workloads: usize,
    subjects: Vec<Box<RawValue>>,
    isolates: Vec<String>,
    rules: Vec<RuleJson>,
    idle: Vec<String>,
}

#[derive(Serialize)]
struct RuleJson {
    direction: String,
    says: &'static str,
    line: String,
    connections: Option<Box<RawValue>>,
    subjects: Vec<Box<RawValue>>,
    others: Vec<Box<RawValue>>,
}

/// As text.
pub fn text(effects: &[Effect], sources: &Sources) -> String {
    let mut text = String::new();
    for effect in effects {
        let Effect { name, tier, origin, subjects, n_workloads, isolates, rules, idle } = effect;
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{name} ({tier})");
        super::quote(&mut text, origin, sources, "  ");
        let _: std::fmt::Result = match subjects.as_slice() {
            [] => writeln!(text, "  selects none of {n_workloads} workloads"),
            subjects => writeln!(text, "  selects {} of {n_workloads} workloads: {}", subjects.len(), peers(subjects)),
        };
        for direction in isolates.iter().filter(|_| !subjects.is_empty()) {
            let _: std::fmt::Result =
                writeln!(text, "  isolates them ({direction}): what no NetworkPolicy permits is denied");
        }
        for rule in rules {
            self::rule(&mut text, rule, subjects, sources);
        }
        for origin in idle {
            let _: std::fmt::Result = writeln!(text, "  a rule that decides nothing about anybody:");
            super::quote(&mut text, origin, sources, "    ");
        }
        text.push('\n');
    }
    text
}

fn rule(text: &mut String, rule: &RuleEffect, all: &[Peer], sources: &Sources) {
    let RuleEffect { direction, origin, says, set: _, shown, subjects, others } = rule;
    let way = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let of = if subjects == all { String::new() } else { format!(" of {}", peers(subjects)) };
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(text, "  {direction}{of}: {says} {shown} {way} {}", peers(others));
    super::quote(text, origin, sources, "    ");
}

fn peers(peers: &[Peer]) -> String {
    peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The form of docs/reference/explain-json.md.
pub fn json(effects: &[Effect]) -> String {
    pretty(&Document { version: VERSION, policies: effects.iter().map(policy).collect() })
}

fn policy(effect: &Effect) -> PolicyJson {
    let Effect { name, tier, origin, subjects, n_workloads, isolates, rules, idle } = effect;
    PolicyJson {
        name: name.to_string(),
        tier: tier.to_string(),
        line: origin.to_string(),
        workloads: *n_workloads,
        subjects: raw(subjects),
        isolates: isolates.iter().map(ToString::to_string).collect(),
        rules: rules.iter().map(rule_json).collect(),
        idle: idle.iter().map(ToString::to_string).collect(),
    }
}

fn rule_json(rule: &RuleEffect) -> RuleJson {
    let RuleEffect { direction, origin, says, set, shown, subjects, others } = rule;
    let connections = format!("{{{}}}", permitted_json(shown, set.other));
    RuleJson {
        direction: direction.to_string(),
        says: says_word(*says),
        line: origin.to_string(),
        connections: RawValue::from_string(connections).ok(),
        subjects: raw(subjects),
        others: raw(others),
    }
}

fn raw(peers: &[Peer]) -> Vec<Box<RawValue>> {
    peers.iter().filter_map(peer_value).collect()
}
