//! The tiers, worked through for many peers at once (decisions.md 12).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fixedbitset::FixedBitSet;
use policy_lang::policy::{Action, Direction, Tier};

use super::allowed::{Allowed, AllowedId, Table};
use super::classes::Classes;
use super::prepare::{self, Limit, Part, PartPorts, Prepared, Whose};
use super::ranges::{self, Family, Range};

/// The rules of one subject and direction, tier by tier.
#[derive(Debug)]
pub(super) struct Tiers {
    tiers: Vec<(Tier, std::ops::Range<usize>)>,
    pub(super) rules: Vec<RowRule>,
}

/// One rule, its ports worked out for the subject.
#[derive(Debug)]
pub(super) struct RowRule {
    action: Action,
    pods: Rc<FixedBitSet>,
    pub(super) ranges: [Vec<Range>; 2],
    pub(super) whose: Whose,
    effect: Effect,
}

/// What a rule is about, by who is at the other end; each for both families.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Effect {
    /// An address of nobody's.
    outside: [AllowedId; 2],
    /// Pods with these tables of named ports.
    by_ports: Vec<(usize, [AllowedId; 2])>,
    /// All other pods.
    pods: [AllowedId; 2],
}

/// What has become of the connections with some peers so far.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct State {
    accepted: AllowedId,
    /// Not decided by an earlier tier, nor by this one.
    pub(super) undecided: AllowedId,
    /// Not decided by this tier, nor passed on by it.
    pub(super) open: AllowedId,
}

impl State {
    pub(super) const START: Self =
        Self { accepted: Table::NOTHING, undecided: Table::EVERYTHING, open: Table::EVERYTHING };

    pub(super) fn next_tier(self) -> Self {
        Self { open: self.undecided, ..self }
    }

    /// A tier that leaves nothing undecided is over.
    pub(super) fn closed(self) -> Self {
        Self { undecided: Table::NOTHING, ..self }
    }

    pub(super) fn after(self, action: Action, about: AllowedId, table: &mut Table) -> Self {
        let matched = table.intersection(about, self.open);
        if matched == Table::NOTHING {
            return self;
        }
        let open = table.difference(self.open, matched);
        match action {
            Action::Pass => Self { open, ..self },
            Action::Accept => Self {
                accepted: table.union(self.accepted, matched),
                undecided: table.difference(self.undecided, matched),
                open,
            },
            Action::Deny => Self { undecided: table.difference(self.undecided, matched), open, ..self },
        }
    }

    /// What no tier decides is permitted.
    fn result(self, table: &mut Table) -> AllowedId {
        table.union(self.accepted, self.undecided)
    }
}

impl Tiers {
    /// The rules of the policies that bind a subject whose named ports are in a table.
    pub(super) fn new(
        direction: Direction,
        policies: &[usize],
        own_ports: usize,
        classes: &Classes<'_>,
        prepared: &Prepared<'_>,
        table: &mut Table,
    ) -> Self {
        let mut tiers = Self { tiers: Vec::new(), rules: Vec::new() };
        for tier in Tier::ALL {
            let of_tier = policies.iter().map(|number| &prepared.policies[*number]);
            let of_tier: Vec<_> = of_tier.filter(|policy| policy.policy.tier == tier).collect();
            if of_tier.is_empty() {
                continue;
            }
            let parts = of_tier.iter().flat_map(|policy| &policy.parts[prepare::index(direction)]);
            let mut rules: Vec<RowRule> = Vec::new();
            let mut known: BTreeMap<(Effect, Whose), usize> = BTreeMap::new();
            for part in parts {
                let effect = effect(direction, &part.ports, own_ports, classes, table);
                let same = match tier {
                    // They have no order: what is about the same connections is one rule.
                    Tier::NetworkPolicy => known.get(&(effect.clone(), part.whose)).copied(),
                    Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                        rules.len().checked_sub(1).filter(|last| rules[*last].is_like(part, &effect))
                    }
                };
                match same {
                    Some(same) => rules[same].add(part),
                    None => {
                        known.insert((effect.clone(), part.whose), rules.len());
                        rules.push(RowRule::new(part, effect));
                    }
                }
            }
            for rule in &mut rules {
                rule.ranges = std::mem::take(&mut rule.ranges).map(ranges::merged);
            }
            let first = tiers.rules.len();
            tiers.rules.extend(rules);
            tiers.tiers.push((tier, first..tiers.rules.len()));
        }
        tiers
    }

    /// What is permitted with each of some classes, all of which the rules of `by_address` mean by their addresses.
    pub(super) fn with_pods(
        &self,
        classes: &Classes<'_>,
        start: FixedBitSet,
        by_address: &FixedBitSet,
        family: Family,
        table: &mut Table,
    ) -> BTreeMap<AllowedId, FixedBitSet> {
        let mut states = BTreeMap::from([(State::START, start)]);
        for (tier, rules) in &self.tiers {
            states = regrouped(states, State::next_tier);
            for number in rules.clone() {
                let rule = &self.rules[number];
                let all = by_address.contains(number);
                let mut rest = if all { classes.all() } else { (*rule.pods).clone() };
                for (ports, about) in &rule.effect.by_ports {
                    let with = &classes.by_ports[*ports];
                    apply(&mut states, &(&rest & with), rule.action, about[family.index()], table);
                    rest.difference_with(with);
                }
                apply(&mut states, &rest, rule.action, rule.effect.pods[family.index()], table);
            }
            if *tier == Tier::NetworkPolicy {
                states = regrouped(states, State::closed);
            }
        }
        let mut results: BTreeMap<AllowedId, FixedBitSet> = BTreeMap::new();
        for (state, classes) in states {
            join(&mut results, state.result(table), classes);
        }
        results
    }

    /// What is permitted with an address of nobody's, which the rules of `by_address` mean.
    pub(super) fn with_outside(&self, by_address: &FixedBitSet, family: Family, table: &mut Table) -> AllowedId {
        let mut state = State::START;
        for (tier, rules) in &self.tiers {
            state = state.next_tier();
            for number in by_address.ones().skip_while(|number| *number < rules.start) {
                if number >= rules.end {
                    break;
                }
                let rule = &self.rules[number];
                state = state.after(rule.action, rule.effect.outside[family.index()], table);
            }
            if *tier == Tier::NetworkPolicy {
                state = state.closed();
            }
        }
        state.result(table)
    }

    /// Whether the two families are told apart.
    pub(super) fn differ_by_family(&self) -> bool {
        let differs = |ids: &[AllowedId; 2]| ids[0] != ids[1];
        self.rules.iter().any(|rule| {
            let Effect { outside, by_ports, pods } = &rule.effect;
            differs(outside) || differs(pods) || by_ports.iter().any(|(_, about)| differs(about))
        })
    }
}

impl RowRule {
    fn new(part: &Part<'_>, effect: Effect) -> Self {
        let Part { rule, pods, ranges, whose, ports: _ } = part;
        Self { action: rule.action, pods: Rc::clone(pods), ranges: ranges.clone(), whose: *whose, effect }
    }

    fn is_like(&self, part: &Part<'_>, effect: &Effect) -> bool {
        self.action == part.rule.action && self.whose == part.whose && self.effect == *effect
    }

    fn add(&mut self, part: &Part<'_>) {
        Rc::make_mut(&mut self.pods).union_with(&part.pods);
        for (own, other) in self.ranges.iter_mut().zip(&part.ranges) {
            own.extend(other);
        }
    }
}

/// Moves the classes that a rule is about on.
fn apply(
    states: &mut BTreeMap<State, FixedBitSet>,
    meant: &FixedBitSet,
    action: Action,
    about: AllowedId,
    table: &mut Table,
) {
    if about == Table::NOTHING || meant.is_clear() {
        return;
    }
    let mut moved = Vec::new();
    for (state, classes) in states.iter_mut() {
        let next = state.after(action, about, table);
        if next == *state || classes.is_disjoint(meant) {
            continue;
        }
        moved.push((next, &*classes & meant));
        classes.difference_with(meant);
    }
    for (state, classes) in moved {
        join(states, state, classes);
    }
    states.retain(|_, classes| !classes.is_clear());
}

fn join<K: Ord>(sets: &mut BTreeMap<K, FixedBitSet>, key: K, classes: FixedBitSet) {
    match sets.entry(key) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(classes);
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().union_with(&classes),
    }
}

fn regrouped(states: BTreeMap<State, FixedBitSet>, change: impl Fn(State) -> State) -> BTreeMap<State, FixedBitSet> {
    let mut changed = BTreeMap::new();
    for (state, classes) in states {
        join(&mut changed, change(state), classes);
    }
    changed
}

/// A name means a number of the destination's own: of the subject for ingress, of the peer for egress (sem-54).
fn effect(
    direction: Direction,
    ports: &PartPorts<'_>,
    own_ports: usize,
    classes: &Classes<'_>,
    table: &mut Table,
) -> Effect {
    let named_limit = matches!(ports.limit, Limit::Named(..));
    match direction {
        Direction::Ingress => {
            let about = resolved(ports, own_ports, classes, table);
            Effect { outside: about, by_ports: Vec::new(), pods: about }
        }
        Direction::Egress if ports.named.is_empty() && !named_limit => {
            let about = resolved(ports, 0, classes, table);
            Effect { outside: about, by_ports: Vec::new(), pods: about }
        }
        Direction::Egress => {
            let without = resolved(ports, 0, classes, table);
            let mut by_ports = Vec::new();
            let named_limit = match ports.limit {
                Limit::Named(name, protocol) => Some((name, protocol)),
                Limit::None | Limit::To(_) => None,
            };
            let names = ports.named.iter().copied().chain(named_limit);
            let declaring: BTreeSet<usize> =
                names.filter_map(|name| classes.declaring.get(&name)).flatten().copied().collect();
            for number in declaring {
                let about = resolved(ports, number, classes, table);
                if about != without {
                    by_ports.push((number, about));
                }
            }
            Effect { outside: without, by_ports, pods: without }
        }
    }
}

/// The connections that a part is about where the destination has these named ports.
pub(super) fn resolved(
    ports: &PartPorts<'_>,
    destination: usize,
    classes: &Classes<'_>,
    table: &mut Table,
) -> [AllowedId; 2] {
    let declared = |wanted: &[(&str, policy_lang::port::Protocol)]| {
        let mut found = Allowed::default();
        for port in classes.ports[destination] {
            if wanted.iter().any(|(name, protocol)| *port.name == **name && port.protocol == *protocol) {
                found.insert(port.protocol, port.port, port.port);
            }
        }
        found
    };
    let named = table.number(declared(&ports.named));
    let limit = match ports.limit {
        Limit::None => Table::EVERYTHING,
        Limit::To(limit) => limit,
        Limit::Named(name, protocol) => table.number(declared(&[(name, protocol)])),
    };
    ports.numeric.map(|numeric| {
        let all = table.union(numeric, named);
        table.intersection(all, limit)
    })
}
