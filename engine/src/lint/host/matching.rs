//! What the words of a host rule match, as far as that can be said without the kernel.

use std::sync::Arc;

use policy_lang::host::rule::{Action, ChainPolicy, HostChain, HostRule, HostRules, Match, Table};
pub(crate) use policy_lang::host::rule::{network, ports};
use policy_lang::source::Span;

/// How a covered rule relates to the one that covers it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relation {
    /// Word by word.
    Same,
    /// Narrower, with the same verdict.
    SameVerdict,
    /// Narrower or equal, with another one.
    OtherVerdict,
}

/// Most rules of one chain that are compared with one another.
const COMPARED: usize = 600;

/// Deepest chain of calls that is followed.
const DEPTH: usize = 16;

/// Keywords that only look at the packet: the same packet gives the same answer.
const PLAIN: [&str; 14] = [
    "saddr",
    "daddr",
    "protocol",
    "proto",
    "dport",
    "sport",
    "dports",
    "sports",
    "interface",
    "outerface",
    "state",
    "ctstate",
    "icmp-type",
    "icmpv6-type",
];

/// The rules of a chain that an earlier one covers, with that one: the first.
pub(crate) fn covered(chain: &HostChain) -> Vec<(&HostRule, &HostRule, Relation)> {
    let rules = chain.rules.get(..chain.rules.len().min(COMPARED)).unwrap_or_default();
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let earlier = rules.get(..index).unwrap_or_default();
        let covers = |other: &&HostRule| {
            other.span != rule.span && ends(&other.action) && !is_unconditional(other) && matches_whenever(other, rule)
        };
        let Some(other) = earlier.iter().find(covers).filter(|_| is_verdict(&rule.action)) else { continue };
        let relation = if !same_action(&other.action, &rule.action) {
            Relation::OtherVerdict
        } else if other.matches.len() == rule.matches.len() && matches_whenever(rule, other) {
            Relation::Same
        } else {
            Relation::SameVerdict
        };
        found.push((rule, other, relation));
    }
    found
}

/// A rule of which an earlier one decides a part the other way.
pub(crate) struct Part<'r> {
    pub(crate) rule: &'r HostRule,
    pub(crate) earlier: &'r HostRule,
    /// The words of the rule that are decided, and those that are left.
    pub(crate) covered: Vec<&'r str>,
    pub(crate) left: Vec<String>,
}

/// The rules of a chain with a list of which an earlier rule with the opposite verdict has some: each with the first.
pub(crate) fn partly_covered(chain: &HostChain) -> Vec<Part<'_>> {
    let rules = chain.rules.get(..chain.rules.len().min(COMPARED)).unwrap_or_default();
    let opposite =
        |a: &Action, b: &Action| (*a == Action::Accept && refuses(b)) || (refuses(a) && *b == Action::Accept);
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let earlier = rules.get(..index).unwrap_or_default().iter();
        let mut earlier = earlier.filter(|other| opposite(&other.action, &rule.action) && !is_unconditional(other));
        found.extend(earlier.find_map(|other| part(rule, other)));
    }
    found
}

/// What of a rule an earlier one has, if that is some of one list and nothing else keeps them apart.
fn part<'r>(rule: &'r HostRule, earlier: &'r HostRule) -> Option<Part<'r>> {
    if asks_for_hardware(rule) {
        return None;
    }
    let mut open = earlier.matches.iter().filter(|wanted| !holds_whenever(wanted, rule));
    let (wanted, None) = (open.next()?, open.next()) else { return None };
    let is_it = |found: &&Match| {
        canonical(found.keyword) == canonical(wanted.keyword) && !found.negated && PLAIN.contains(&found.keyword)
    };
    let own = rule.matches.iter().find(is_it).filter(|_| !wanted.negated)?;
    let wide = words(wanted);
    let (mut covered, mut left) = (Vec::new(), Vec::new());
    for word in words(own) {
        match wide.iter().find_map(|wide| remainder(own.keyword, word, wide)) {
            Some(rest) => {
                covered.push(word);
                left.extend(rest);
            }
            None => left.push(word.to_owned()),
        }
    }
    (!covered.is_empty() && !left.is_empty()).then_some(Part { rule, earlier, covered, left })
}

/// What is left of a word that another one covers, or reaches into; nothing where neither is so, or where the other
/// one is an exception inside it.
fn remainder(keyword: &str, word: &str, wide: &str) -> Option<Vec<String>> {
    if is_within(keyword, word, wide) {
        return Some(Vec::new());
    }
    if !matches!(canonical(keyword), "dport" | "sport") {
        return None;
    }
    let ((first, last), (wide_first, wide_last)) = (ports(word)?, ports(wide)?);
    if wide_first < first && first <= wide_last {
        return Some(vec![format!("{}:{last}", wide_last + 1)]);
    }
    (wide_first <= last && last < wide_last && first < wide_first).then(|| vec![format!("{first}:{}", wide_first - 1)])
}

/// Built-in chains of IP's filter table that drop what no rule decides, with the place that says so.
pub(crate) fn closed<'r>(rules: &'r HostRules, names: &'r [&str]) -> impl Iterator<Item = (&'r HostChain, Span)> {
    let filtering = rules.chains.iter().filter(|chain| chain.table == Table::Filter && chain.domain.is_of_ip());
    filtering.filter(|chain| names.contains(&chain.name.as_ref())).filter_map(|chain| match chain.policy {
        Some((ChainPolicy::Drop, span)) => Some((chain, span)),
        Some((ChainPolicy::Accept | ChainPolicy::Queue | ChainPolicy::Return, _)) | None => None,
    })
}

/// Whether a rule of a chain, or of one that it calls, accepts what a question is about.
pub(crate) fn accepts(rules: &HostRules, chain: &HostChain, is_it: &dyn Fn(&HostRule) -> bool) -> bool {
    walk(rules, chain, is_it, DEPTH)
}

fn walk(rules: &HostRules, chain: &HostChain, is_it: &dyn Fn(&HostRule) -> bool, depth: usize) -> bool {
    chain.rules.iter().any(|rule| match &rule.action {
        Action::Accept => is_unconditional(rule) || is_it(rule),
        Action::Jump(name) | Action::Goto(name) => {
            let mut called = rules
                .chains
                .iter()
                .filter(|other| other.name == name.text && (other.domain, other.table) == (chain.domain, chain.table));
            // A condition on the way to another chain may be the one that is asked for.
            depth > 0
                && called.any(|called| {
                    walk(rules, called, is_it, depth - 1) || (is_it(rule) && walk(rules, called, &|_| true, depth - 1))
                })
        }
        Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => false,
    })
}

/// Whether a rule matches packets of established connections.
pub(crate) fn is_of_established(rule: &HostRule) -> bool {
    rule.matches.iter().any(|found| match found.keyword {
        "state" | "ctstate" => {
            !found.negated && words(found).iter().any(|word| word.eq_ignore_ascii_case("ESTABLISHED"))
        }
        "syn" => found.negated,
        _ => false,
    })
}

/// Whether a rule matches what comes in by the loopback interface.
pub(crate) fn is_of_loopback(rule: &HostRule) -> bool {
    rule.matches.iter().any(|found| {
        found.keyword == "interface" && !found.negated && words(found).iter().any(|word| matches!(*word, "lo" | "lo+"))
    })
}

/// Whether a rule matches neighbour solicitations.
pub(crate) fn is_of_neighbours(rule: &HostRule) -> bool {
    const TYPES: [&str; 5] =
        ["neighbour-solicitation", "neighbor-solicitation", "nd-neighbor-solicit", "nd-neighbour-solicit", "135"];
    let is_icmp = |found: &Match| {
        matches!(found.keyword, "protocol" | "proto")
            && !found.negated
            && words(found).iter().any(|word| matches!(*word, "ipv6-icmp" | "icmpv6" | "icmp6" | "58" | "icmp"))
    };
    let mut types = rule.matches.iter().filter(|found| found.keyword.starts_with("icmp"));
    rule.matches.iter().any(is_icmp)
        && types.all(|found| !found.negated && words(found).iter().any(|word| TYPES.contains(word)))
}

/// Whether a rule matches every packet.
pub(crate) fn is_unconditional(rule: &HostRule) -> bool {
    rule.matches
        .iter()
        .all(|found| found.module == Some("comment") || found.keyword == "comment" || is_load_of_comment(found))
}

/// Whether an action ends the walk through its chain.
pub(crate) fn ends(action: &Action) -> bool {
    match action {
        Action::Accept | Action::Drop | Action::Return | Action::Goto(_) => true,
        Action::Target { name, .. } => ["REJECT", "NFQUEUE", "QUEUE"].contains(name),
        Action::Nop | Action::Jump(_) => false,
    }
}

/// Whether an action holds packets back.
pub(crate) fn refuses(action: &Action) -> bool {
    match action {
        Action::Drop => true,
        Action::Target { name, .. } => *name == "REJECT",
        Action::Accept | Action::Return | Action::Goto(_) | Action::Nop | Action::Jump(_) => false,
    }
}

/// The chain that an action calls.
pub(crate) fn callee(action: &Action) -> Option<&Arc<str>> {
    match action {
        Action::Jump(name) | Action::Goto(name) => Some(&name.text),
        Action::Accept | Action::Drop | Action::Return | Action::Nop | Action::Target { .. } => None,
    }
}

/// Chains with rules that packets enter neither by themselves nor by a jump.
pub(crate) fn uncalled(rules: &HostRules) -> impl Iterator<Item = &HostChain> {
    rules.chains.iter().filter(|chain| {
        let same_place = rules.chains.iter().filter(|other| (other.domain, other.table) == (chain.domain, chain.table));
        let mut called = same_place.flat_map(|other| &other.rules).filter_map(|rule| callee(&rule.action));
        !is_built_in(chain) && !chain.rules.is_empty() && !called.any(|name| *name == chain.name)
    })
}

/// Whether packets enter a chain by themselves.
pub(crate) fn is_built_in(chain: &HostChain) -> bool {
    const NAMES: [&str; 7] = ["PREROUTING", "PRE_DNAT", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", "BROUTING"];
    NAMES.contains(&chain.name.as_ref())
}

fn is_load_of_comment(found: &Match) -> bool {
    found.keyword == "mod" && words(found).iter().all(|word| *word == "comment")
}

/// Whether an action decides about the packet: of those that count or log, a second one makes sense.
fn is_verdict(action: &Action) -> bool {
    match action {
        Action::Accept | Action::Drop | Action::Return => true,
        Action::Target { name, .. } => ["REJECT", "NFQUEUE", "QUEUE"].contains(name),
        Action::Goto(_) | Action::Jump(_) | Action::Nop => false,
    }
}

fn same_action(a: &Action, b: &Action) -> bool {
    match (a, b) {
        (Action::Goto(a), Action::Goto(b)) | (Action::Jump(a), Action::Jump(b)) => a.text == b.text,
        (Action::Target { name: a, .. }, Action::Target { name: b, .. }) => a == b,
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// Whether a rule of ARP is about some kind of hardware: of all others Ethernet's alone is meant.
pub(crate) fn asks_for_hardware(rule: &HostRule) -> bool {
    rule.matches.iter().any(|found| found.keyword == "h-type")
}

/// Whether one rule matches every packet that another one matches.
fn matches_whenever(wide: &HostRule, narrow: &HostRule) -> bool {
    !asks_for_hardware(narrow) && wide.matches.iter().all(|wanted| holds_whenever(wanted, narrow))
}

/// Whether a match holds for every packet that a rule matches.
fn holds_whenever(wanted: &Match, narrow: &HostRule) -> bool {
    let is_plain = PLAIN.contains(&wanted.keyword);
    let is_load = wanted.keyword == "mod" && words(wanted).iter().all(|word| matches!(*word, "state" | "conntrack"));
    is_load || (is_plain && narrow.matches.iter().any(|found| implies(found, wanted)))
}

/// One keyword for each thing that is looked at.
fn canonical(keyword: &str) -> &str {
    match keyword {
        "dports" => "dport",
        "sports" => "sport",
        "proto" => "protocol",
        other => other,
    }
}

fn implies(found: &Match, wanted: &Match) -> bool {
    if canonical(found.keyword) != canonical(wanted.keyword) || found.negated != wanted.negated {
        return false;
    }
    if wanted.negated {
        return words(found) == words(wanted);
    }
    let wide = words(wanted);
    let narrow = words(found);
    !narrow.is_empty() && narrow.iter().all(|word| wide.iter().any(|wide| is_within(wanted.keyword, word, wide)))
}

fn is_within(keyword: &str, word: &str, wide: &str) -> bool {
    match keyword {
        "saddr" | "daddr" => match (network(word), network(wide)) {
            (Some(word), Some(wide)) => wide.contains(&word),
            (Some(_) | None, _) => word == wide,
        },
        "dport" | "sport" | "dports" | "sports" => match (ports(word), ports(wide)) {
            (Some((first, last)), Some((wide_first, wide_last))) => wide_first <= first && last <= wide_last,
            (Some(_) | None, _) => word == wide,
        },
        "interface" | "outerface" => match wide.strip_suffix('+') {
            Some(beginning) => word.starts_with(beginning),
            None => word == wide,
        },
        _ => word == wide,
    }
}

fn words(found: &Match) -> Vec<&str> {
    found.operands.alternatives().iter().map(|word| word.text.as_ref()).collect()
}
