//! What to change so that a verdict becomes the other one at the end that decided.

use std::fmt::Write as _;
use std::net::IpAddr;

use engine::eval::policy::{Cause, Outcome};
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::policy::{Direction, Tier};

use super::{About, Case, Deciding, Party, Place, World};

/// What to change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// In words.
    pub words: String,
    /// A NetworkPolicy that does it at the end that decided, where one can. What decides behind it is another question.
    pub policy: Option<String>,
}

/// What to change about a connection; nothing where no rule of anybody decides.
pub(super) fn change(world: &World<'_>, from: &Party, case: &Case) -> Option<Change> {
    let (direction, cause) = match &case.deciding {
        Deciding::Host { denial, .. } => {
            let words = format!("a host rule that accepts it before this one permits it: {}", denial.line);
            return Some(Change { words, policy: None });
        }
        Deciding::NoNode => return None,
        Deciding::Policy { direction, cause, .. } => ((*direction)?, cause),
    };
    let (own, other) = match direction {
        Direction::Egress => (from, &case.to),
        Direction::Ingress => (&case.to, from),
    };
    let Place::Pod { name, .. } = &own.place else { return None };
    let labels = &world.inventory.pods.get(name)?.labels;
    let denied = case.outcome != Outcome::Allowed;
    match cause {
        Cause::Isolated { .. } => {
            let words =
                format!("a NetworkPolicy that permits it permits it at this end: {name} is isolated ({direction})");
            let address = match direction {
                Direction::Egress => case.destination,
                Direction::Ingress => case.source,
            };
            let peer = peer(world, other, address);
            Some(Change { words, policy: Some(permitting(name, labels, direction, &peer, case.about)) })
        }
        Cause::Rule { tier: Tier::NetworkPolicy, policy, origin } => Some(Change {
            words: format!(
                "{policy} permits it by {origin}: narrowing that rule denies it, unless another NetworkPolicy permits it too"
            ),
            policy: None,
        }),
        Cause::Rule { tier, policy, origin } => {
            let (other, verb) = if denied { ("accepts", "permits") } else { ("denies", "denies") };
            Some(Change {
                words: format!(
                    "only who may change {policy} can change it: a rule of the {tier} that {other} it, before {origin}, \
                     {verb} it"
                ),
                policy: None,
            })
        }
        Cause::NoRule => Some(Change {
            words: format!(
                "a NetworkPolicy that isolates {name} ({direction}) denies it, and whatever no rule permits"
            ),
            policy: Some(isolating(name, labels, direction)),
        }),
        Cause::Quarantine
        | Cause::Hairpin
        | Cause::NoPod
        | Cause::OwnNode
        | Cause::OwnNodeOpen
        | Cause::Vital
        | Cause::RoutingFromPod => None,
    }
}

/// Somebody as a rule names him.
fn peer(world: &World<'_>, party: &Party, address: IpAddr) -> String {
    let pod = match &party.place {
        Place::Pod { name, .. } => world.inventory.pods.get(name).map(|pod| (name, pod)),
        Place::Node(_) | Place::Outside => None,
    };
    // Labels of a namespace without an object are not known, and no selector matches it.
    let known = pod.filter(|(name, _)| world.inventory.namespaces.contains_key(&name.namespace));
    match known {
        Some((name, pod)) => format!(
            "namespaceSelector: {{matchLabels: {{{NAMESPACE_NAME_LABEL}: {}}}}}\n          podSelector: {}",
            quoted(&name.namespace),
            selector(&pod.labels)
        ),
        None => {
            let length = if address.is_ipv4() { 32 } else { 128 };
            format!("ipBlock: {{cidr: \"{address}/{length}\"}}")
        }
    }
}

fn permitting(name: &NamespacedName, labels: &Labels, direction: Direction, peer: &str, about: About) -> String {
    let (field, who) = match direction {
        Direction::Egress => ("egress", "to"),
        Direction::Ingress => ("ingress", "from"),
    };
    let mut text = head(name, labels, direction, "permit");
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(text, "  {field}:\n    - {who}:\n        - {peer}");
    match about {
        About::Port(protocol, port) => {
            let _: std::fmt::Result = writeln!(text, "      ports:\n        - {{protocol: {protocol}, port: {port}}}");
        }
        // Only a rule without ports is about echo requests.
        About::Echo => {}
    }
    text
}

fn isolating(name: &NamespacedName, labels: &Labels, direction: Direction) -> String {
    head(name, labels, direction, "isolate")
}

fn head(name: &NamespacedName, labels: &Labels, direction: Direction, does: &str) -> String {
    let (word, policy_type) = match direction {
        Direction::Egress => ("egress", "Egress"),
        Direction::Ingress => ("ingress", "Ingress"),
    };
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {does}-{word}, namespace: {}}}\nspec:\n  \
         podSelector: {}\n  policyTypes: [{policy_type}]\n",
        quoted(&name.namespace),
        selector(labels)
    )
}

/// Labels as a selector; every pod where there are none.
fn selector(labels: &Labels) -> String {
    if labels.is_empty() {
        return "{}".to_owned();
    }
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
    format!("{{matchLabels: {{{}}}}}", labels.join(", "))
}

/// Text that YAML takes for text, whatever it looks like; names and labels hold no quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
