//! One item of `ingress` or `egress`.

use std::sync::Arc;

use crate::cluster_policy::spec::{limit, over_limit};
use crate::cluster_policy::{Context, peer, protocols};
use crate::manifest::code;
use crate::manifest::reader::{Reader, Schema, field};
use crate::manifest::tree::{Entry, Value};
use crate::network_policy::Strictness;
use crate::peer::Peer;
use crate::policy::{Action, Direction};
use crate::port::PortMatch;
use crate::source::Span;
use crate::suggest::nearest;

/// Longest name of a rule, in characters (C14).
const NAME_MAX: usize = 100;

/// A rule, as far as it can be read.
pub(super) struct RuleSpec {
    pub(super) span: Span,
    pub(super) name: Option<Arc<str>>,
    /// Nothing where it cannot be read.
    pub(super) action: Option<Action>,
    /// Those that can be read.
    pub(super) peers: Vec<Peer>,
    /// Whether those are all.
    pub(super) every_peer: bool,
    /// Nothing for any port of any protocol.
    pub(super) ports: Option<Vec<PortMatch>>,
    /// Whether everything but the peers could be read.
    pub(super) sound: bool,
}

const INGRESS: Schema = Schema {
    what: "an ingress rule",
    fields: &["name", "action", "from", "protocols"],
    elsewhere: &[("to", "in an egress rule"), ("ports", "here as `protocols`"), ("tcp", IN_PROTOCOLS)],
};

const EGRESS: Schema = Schema {
    what: "an egress rule",
    fields: &["name", "action", "to", "protocols"],
    elsewhere: &[
        ("from", "in an ingress rule"),
        ("ports", "here as `protocols`"),
        ("tcp", IN_PROTOCOLS),
        ("networks", "in an item of `to`"),
    ],
};

const IN_PROTOCOLS: &str = "in an item of `protocols`";

/// Reads a rule. Every rule has its place in the order, so one that cannot be read is there too.
pub(super) fn read(value: &Value, direction: Direction, context: &mut Context<'_, '_>) -> RuleSpec {
    let before = context.reader.errors();
    let (schema, peers) = match direction {
        Direction::Ingress => (&INGRESS, "from"),
        Direction::Egress => (&EGRESS, "to"),
    };
    let fields = context.reader.mapping(value, schema).unwrap_or_default();
    let name = field(fields, "name").and_then(|name| context.reader.text(name, "the name of a rule"));
    let action = read_action(value, fields, context.reader);
    let ports = field(fields, "protocols").map(|list| protocols::read(list, context));
    let sound = context.reader.errors() == before && ports != Some(None) && !value.has_duplicate_key();
    let ports = ports.flatten();
    let (peers, every_peer) = read_peers(value, fields, peers, direction, context);
    if let Some(name) = name.as_ref().filter(|name| name.value.chars().count() > NAME_MAX) {
        over_limit(format!("a rule's name has at most {NAME_MAX} characters"), name.span, context);
    }
    if ports.iter().flatten().any(PortMatch::is_named) && peers.iter().any(peer::is_address) {
        named_ports_of_addresses(value.span, action, context);
    }
    RuleSpec {
        span: value.span,
        name: name.map(|name| name.value),
        action,
        every_peer: every_peer && !value.has_duplicate_key(),
        peers,
        ports,
        sound,
    }
}

fn read_action(rule: &Value, fields: &[Entry], reader: &mut Reader<'_>) -> Option<Action> {
    let Some(value) = field(fields, "action") else {
        if rule.entries().is_some() {
            reader.error(code::CLUSTER_POLICY, rule.span, "this rule has no `action`: Accept, Deny or Pass");
        }
        return None;
    };
    let text = reader.text(value, "an action")?;
    match text.value.as_ref() {
        "Accept" => Some(Action::Accept),
        "Deny" => Some(Action::Deny),
        "Pass" => Some(Action::Pass),
        other => {
            let help = match other {
                "Allow" => Some("write `Accept`: v1alpha1 called it Allow".to_owned()),
                other => nearest(other, &["Accept", "Deny", "Pass"]).map(|near| format!("write `{near}`")),
            };
            let message = format!("`{other}` is none of Accept, Deny, Pass");
            reader.error(code::CLUSTER_POLICY, text.span, message).help = help;
            // With its error it is left out, rather than taken for one that denies.
            (other == "Allow").then_some(Action::Accept)
        }
    }
}

/// The peers that can be read, and whether those are all.
fn read_peers(
    rule: &Value,
    fields: &[Entry],
    name: &str,
    direction: Direction,
    context: &mut Context<'_, '_>,
) -> (Vec<Peer>, bool) {
    let Some(value) = field(fields, name) else {
        if rule.entries().is_some() {
            let message = format!("this rule has no `{name}`");
            context.reader.error(code::EMPTY_PEER, rule.span, message).help = Some(EVERYTHING.into());
        }
        return (Vec::new(), false);
    };
    let Some(items) = context.reader.list(value, "a list of peers") else { return (Vec::new(), false) };
    if items.is_empty() {
        let message = format!("`{name}` is empty: it must say what the rule is about");
        context.reader.error(code::EMPTY_PEER, value.span, message).help = Some(EVERYTHING.into());
        return (Vec::new(), false);
    }
    let mut peers = Vec::new();
    let mut every = true;
    for item in items {
        match peer::read(item, direction, context) {
            Some(found) => peers.extend(found),
            None => every = false,
        }
    }
    limit("peers", items.len(), value.span, context);
    (peers, every)
}

const EVERYTHING: &str =
    "every pod is `- namespaces: {}`; for egress, every address is `- networks: [0.0.0.0/0, \"::/0\"]`";

/// C12: the standard server takes it, so it may be there.
fn named_ports_of_addresses(span: Span, action: Option<Action>, context: &mut Context<'_, '_>) {
    let effect = match action {
        Some(Action::Accept) => "it accepts nothing there",
        Some(Action::Deny | Action::Pass) | None => "it denies every port there",
    };
    let message = format!("a named port beside `networks` or `nodes`: no pod tells its number, so {effect}");
    let finding = match context.strictness {
        Strictness::Lenient => context.reader.warning(code::CLUSTER_POLICY_NAMED_PORT, span, message),
        Strictness::Strict => context.reader.error(code::CLUSTER_POLICY_NAMED_PORT, span, message),
    };
    finding.help = Some("write the number, or put those peers in a rule of their own".into());
}
