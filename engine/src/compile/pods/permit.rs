//! What a list of policies permits, in as few look-ups as can be.
//!
//! NetworkPolicies only permit, so their rules have no order and can be said together: pods with exact ports as one hash
//! set, pods with the same ports as one set of addresses, blocks with ports as disjoint boxes. Packets then pay the same
//! for ten policies and for ten thousand. Sets that follow the facts are named after what was written, not after what
//! is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use policy_lang::peer::{Peer, PodSelector};
use policy_lang::policy::{Direction, Peers, Rule as PolicyRule};

use super::budget::Excess;
use super::family::{AddressFamily, FAMILIES};
use super::fold::{self, Permission};
use super::peer::{PeerSets, block, block_test, lookup, peer_field};
use super::port::{self, PortTest};
use super::subject::Effective;
use crate::compile::builder::TableBuilder;
use crate::compile::memo::Size;
use crate::interval::Intervals;
use crate::limits::{EXPANDED_PORTS_MAX, POD_PORTS_MAX, RULES_MAX, RULES_UNFOLDED_MAX};
use crate::ruleset::{Comment, Expr, Field, Lookup, Operator, Rule, SetRef, Verdict};
use crate::view::{Content, PodPort, View};

/// Permissions by what they are about, each once.
#[derive(Default)]
struct Sorted<'a> {
    any: BTreeSet<PortTest>,
    pods: BTreeMap<PortTest, BTreeSet<&'a PodSelector>>,
    blocks: BTreeMap<(AddressFamily, PortTest), Intervals>,
    /// Peers that NetworkPolicies do not have.
    others: Vec<&'a PolicyRule>,
    n_pods: usize,
}

/// What becomes of the permissions of one family.
struct Plan<'s> {
    family: AddressFamily,
    /// Whether pods with exact ports are one set, if they are many.
    size: Option<Size>,
    /// The pods that are looked up by address.
    pods: Vec<(&'s PortTest, &'s BTreeSet<&'s PodSelector>)>,
    /// The blocks that are looked up by address.
    blocks: Vec<(&'s PortTest, &'s Intervals)>,
    /// The others.
    boxes: Vec<Permission>,
}

impl PeerSets<'_> {
    /// The rules that return what any of these rules permits, and what was decided by the number of pods.
    pub(super) fn permissions(
        &mut self,
        rules: &[&PolicyRule],
        effective: &Effective,
        tail: &str,
        builder: &mut TableBuilder,
    ) -> Result<(Vec<Rule>, Vec<Size>), Excess> {
        let sorted = Sorted::new(rules, effective);
        if sorted.any.contains(&PortTest::Any) {
            return Ok((vec![permit(Vec::new(), None)], Vec::new()));
        }
        if sorted.is_short() {
            return Ok((self.one_by_one(rules, effective, builder), Vec::new()));
        }
        // What exceeds a bound is found before anything is built.
        let mut plans = Vec::new();
        for family in FAMILIES {
            plans.push(self.plan(&sorted, family, effective.direction)?);
        }
        let mut exprs = Vec::new();
        for rule in &sorted.others {
            exprs.extend(self.matches(rule, effective, builder));
        }
        for test in sorted.any_ports() {
            exprs.extend(self.port_alternatives(&test, effective.direction, builder));
        }
        let mut sizes = Vec::new();
        for plan in plans {
            exprs.extend(self.carry_out(&plan, effective.direction, tail, builder));
            sizes.extend(plan.size);
        }
        let comment = comment(rules);
        Ok((exprs.into_iter().map(|exprs| permit(exprs, Some(comment.clone()))).collect(), sizes))
    }

    /// Each rule by itself, in the order of writing.
    fn one_by_one(&mut self, rules: &[&PolicyRule], effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        let mut out = Vec::new();
        for rule in rules {
            let comment = Comment::new(&rule.origin.to_string());
            let alternatives = self.matches(rule, effective, builder);
            out.extend(alternatives.into_iter().map(|exprs| permit(exprs, Some(comment.clone()))));
        }
        out
    }

    /// Pods: exact ports as one look-up where there are many lists of ports, otherwise one look-up for each list.
    /// Blocks: those with numbered ports as one look-up where they are many.
    fn plan<'s>(
        &self,
        sorted: &'s Sorted<'_>,
        family: AddressFamily,
        direction: Direction,
    ) -> Result<Plan<'s>, Excess> {
        let mut pods: Vec<_> = sorted.pods.iter().collect();
        let exact = (pods.len() > RULES_UNFOLDED_MAX).then(|| sorted.exact(family, direction));
        let size = exact.map(|view| Size { fits: view.size(self.resolver()) <= POD_PORTS_MAX, view });
        if size.as_ref().is_some_and(|size| size.fits) {
            pods.retain(|(test, _)| exact_ports(test, direction).is_none());
        }
        let of_family = || sorted.blocks.iter().filter(|((of, _), _)| *of == family);
        let n_numbered = of_family().filter(|((_, test), _)| matches!(test, PortTest::Numbers(..))).count();
        let mut boxes = Vec::new();
        let mut blocks = Vec::new();
        for ((_, test), intervals) in of_family() {
            match test {
                PortTest::Numbers(protocol, ranges) if n_numbered > 1 => {
                    let protocol = protocol.number();
                    for ports in ranges.iter().filter_map(|range| port::interval(*range)) {
                        boxes.extend(intervals.iter().map(|addresses| Permission { protocol, addresses, ports }));
                    }
                }
                PortTest::Any | PortTest::Whole(_) | PortTest::Numbers(..) | PortTest::Named(..) => {
                    blocks.push((test, intervals));
                }
            }
        }
        let boxes = fold::disjoint(&boxes).ok_or(Excess::Cuts)?;
        if pods.len() + blocks.len() > RULES_MAX {
            return Err(Excess::Rules);
        }
        Ok(Plan { family, size, pods, blocks, boxes })
    }

    fn carry_out(
        &mut self,
        plan: &Plan<'_>,
        direction: Direction,
        tail: &str,
        builder: &mut TableBuilder,
    ) -> Vec<Vec<Expr>> {
        let family = plan.family;
        let field = peer_field(direction, family);
        let mut out = Vec::new();
        if let Some(size) = plan.size.as_ref().filter(|size| size.fits) {
            out.push(vec![self.pod_ports(size.view.clone(), family, direction, tail, builder)]);
        }
        for (test, selectors) in &plan.pods {
            let set = self.union(selectors, family, tail, builder);
            let port = self.port_exprs(family, test, direction, builder);
            out.push(std::iter::once(lookup(field, &set)).chain(port).collect());
        }
        for (test, intervals) in &plan.blocks {
            let port = self.port_exprs(family, test, direction, builder);
            out.extend(block_test(field, intervals, builder).map(|block| [vec![block], port].concat()));
        }
        if !plan.boxes.is_empty() {
            out.push(vec![fold::look_up(field, &plan.boxes, tail, builder)]);
        }
        out
    }

    fn pod_ports(
        &self,
        view: View,
        family: AddressFamily,
        direction: Direction,
        tail: &str,
        builder: &mut TableBuilder,
    ) -> Expr {
        let mut words = String::from("pods and ports");
        let mut n_parts = 0;
        if let Content::PodPorts(parts) = &view.content {
            n_parts = parts.len();
            for (selector, ports) in parts {
                // Writing to a String cannot fail.
                let _ = write!(words, "\n{selector}:");
                for port in ports {
                    let _ = match port {
                        PodPort::Number(protocol, number) => write!(words, " {number}/{protocol}"),
                        PodPort::Named(name, protocol) => write!(words, " {name}/{protocol}"),
                    };
                }
            }
        }
        let short = format!("{n_parts} selectors of pods, each with its ports");
        let set = self.view(("podports", tail), family, &words, &short, view.content, builder);
        let key = vec![peer_field(direction, family), Field::L4Proto, Field::ThDport];
        Expr::Lookup(Lookup { key, operator: Operator::Eq, set: SetRef::Named(set) })
    }

    /// One set for all of these selectors.
    fn union(
        &mut self,
        selectors: &BTreeSet<&PodSelector>,
        family: AddressFamily,
        tail: &str,
        builder: &mut TableBuilder,
    ) -> crate::ruleset::Name {
        if selectors.len() == 1
            && let Some(only) = selectors.first()
        {
            return self.selector_set(only, family, builder);
        }
        let mut words = String::from("any of");
        for selector in selectors {
            let _ = write!(words, "\n{selector}");
        }
        let short = format!("{} selectors of pods", selectors.len());
        let content = Content::Pods(selectors.iter().map(|selector| (*selector).clone()).collect());
        self.view(("sels", tail), family, &words, &short, content, builder)
    }
}

impl<'a> Sorted<'a> {
    fn new(rules: &[&'a PolicyRule], effective: &Effective) -> Self {
        let mut sorted = Self::default();
        for rule in rules {
            let tests = port::tests(&rule.ports, effective.own_ports.as_deref());
            match &rule.peers {
                Peers::Any => sorted.any.extend(tests),
                Peers::AnyOf(peers) => sorted.push(rule, peers, &tests),
            }
        }
        sorted
    }

    fn push(&mut self, rule: &'a PolicyRule, peers: &'a [Peer], tests: &[PortTest]) {
        for peer in peers {
            match peer {
                Peer::Pods(selector) => {
                    for test in tests {
                        self.n_pods += 1;
                        self.pods.entry(test.clone()).or_default().insert(selector);
                    }
                }
                Peer::Addresses { cidr, except } => {
                    let family = crate::compile::address_family(cidr.addr());
                    let block = block(*cidr, except);
                    for test in tests {
                        let empty = || Intervals::empty(family.address_type());
                        self.blocks.entry((family, test.clone())).or_insert_with(empty).extend(&block);
                    }
                }
                Peer::Nodes(_) | Peer::Service { .. } => self.others.push(rule),
            }
        }
    }

    /// What each selector's pods are permitted, as far as they are exact ports.
    fn exact(&self, family: AddressFamily, direction: Direction) -> View {
        let mut exact: BTreeMap<PodSelector, BTreeSet<PodPort>> = BTreeMap::new();
        for (test, selectors) in &self.pods {
            let Some(ports) = exact_ports(test, direction) else { continue };
            for selector in selectors {
                exact.entry((*selector).clone()).or_default().extend(ports.iter().cloned());
            }
        }
        let parts = exact.into_iter().map(|(selector, ports)| (selector, ports.into_iter().collect()));
        View { address_type: family.address_type(), content: Content::PodPorts(parts.collect()) }
    }

    /// Whether each packet is asked for few of them.
    fn is_short(&self) -> bool {
        let blocks = |family| self.blocks.keys().filter(|(of, _)| *of == family).count();
        FAMILIES.iter().all(|family| self.any.len() + self.n_pods + blocks(*family) <= RULES_UNFOLDED_MAX)
    }

    /// Ports of anybody: the numbers of each protocol together.
    fn any_ports(&self) -> Vec<PortTest> {
        let mut numbers = BTreeMap::new();
        let mut tests = Vec::new();
        for test in &self.any {
            match test {
                PortTest::Numbers(protocol, _) if self.any.contains(&PortTest::Whole(*protocol)) => {}
                PortTest::Numbers(protocol, ranges) => {
                    numbers.entry(*protocol).or_insert_with(Vec::new).extend_from_slice(ranges);
                }
                PortTest::Any | PortTest::Whole(_) | PortTest::Named(..) => tests.push(test.clone()),
            }
        }
        tests.extend(numbers.into_iter().map(|(protocol, ranges)| PortTest::Numbers(protocol, port::merged(ranges))));
        tests
    }
}

/// The ports of a test if they can be looked up one by one together with the pod's address. At an ingress the ports are
/// the subject's, so a named one says nothing about the peer.
fn exact_ports(test: &PortTest, direction: Direction) -> Option<Vec<PodPort>> {
    match (test, direction) {
        (PortTest::Numbers(protocol, ranges), _) => {
            let n_ports: u32 = ranges.iter().map(|(first, last)| u32::from(last - first) + 1).sum();
            let singles = ranges.iter().all(|(first, last)| first == last);
            let few = n_ports <= EXPANDED_PORTS_MAX || singles;
            let numbers = || ranges.iter().flat_map(|(first, last)| *first..=*last);
            few.then(|| numbers().map(|number| PodPort::Number(*protocol, number)).collect())
        }
        (PortTest::Named(name, protocol), Direction::Egress) => {
            Some(vec![PodPort::Named(std::sync::Arc::clone(name), *protocol)])
        }
        (PortTest::Named(..), Direction::Ingress) | (PortTest::Any | PortTest::Whole(_), _) => None,
    }
}

fn permit(mut exprs: Vec<Expr>, comment: Option<Comment>) -> Rule {
    exprs.push(Expr::Verdict(Verdict::Return));
    Rule { exprs, comment }
}

/// Where the first and the last came from, and how many they are.
fn comment(rules: &[&PolicyRule]) -> Comment {
    let text = |rule: Option<&&PolicyRule>| rule.map(|rule| rule.origin.to_string()).unwrap_or_default();
    match rules {
        [only] => Comment::new(&only.origin.to_string()),
        rules => Comment::new(&format!("{} to {}: {} rules", text(rules.first()), text(rules.last()), rules.len())),
    }
}
