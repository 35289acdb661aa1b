//! What a list of policies permits, in as few look-ups as can be.
//!
//! NetworkPolicies only permit, so their rules have no order and can be said together: pods with exact ports as one hash
//! set, everybody else with numbered ports by a map of ports, or as disjoint boxes of blocks and ports where the map
//! would take too many chains. Packets then pay the same for ten policies and for ten thousand. Sets that follow the
//! facts are named after what was written, not after what is in them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use policy_lang::peer::PodSelector;
use policy_lang::policy::{Direction, Rule as PolicyRule};
use policy_lang::port::Protocol;

use super::budget::{Excess, Shares};
use super::chain::short;
use super::family::{AddressFamily, FAMILIES};
use super::fold::{self, Permission};
use super::matching::verdict;
use super::peer::{PeerSets, block_test, lookup, peer_field};
use super::port::PortTest;
use super::port_map::{Numbered, Peer, PortMap};
use super::sorted::{Sorted, exact_ports};
use super::subject::Effective;
use crate::compile::builder::TableBuilder;
use crate::compile::memo::Size;
use crate::interval::Intervals;
use crate::limits::{POD_PORTS_MAX, RULES_UNFOLDED_MAX};
use crate::ruleset::{Comment, DataType, Expr, Field, Lookup, Operator, Rule, SetRef, Verdict};
use crate::view::{Content, PodPort, View};

/// How the permissions of a list of policies are laid out.
pub(super) enum Layout<'s> {
    /// Each rule by itself, in the order of writing.
    OneByOne,
    /// In as few look-ups as can be.
    Folded { families: Vec<FamilyLayout<'s>>, map: Option<PortMap<'s>> },
}

/// What becomes of the permissions of one family, the port map aside.
pub(super) struct FamilyLayout<'s> {
    family: AddressFamily,
    /// Pods with exact ports as one set, if they are many.
    exact: Option<View>,
    /// The pods that are looked up by address.
    pods: Vec<(&'s PortTest, &'s BTreeSet<&'s PodSelector>)>,
    /// The blocks that are looked up by address.
    blocks: Vec<(&'s PortTest, &'s Intervals)>,
    /// Blocks and ports that are looked up together.
    boxes: Vec<Permission>,
}

impl PeerSets<'_> {
    /// How to lay these permissions out. What exceeds a bound is found here, before anything is built. What was decided
    /// by the number of pods is added to `sizes`.
    pub(super) fn layout<'s>(
        &self,
        sorted: &'s Sorted<'s>,
        direction: Direction,
        shares: Shares,
        sizes: &mut Vec<Size>,
    ) -> Result<Layout<'s>, Excess> {
        if sorted.is_short() {
            return Ok(Layout::OneByOne);
        }
        let mut families: Vec<_> = FAMILIES.map(|family| self.family(sorted, family, direction, sizes)).into();
        for family in &mut families {
            family.fold(|_, blocks| fold::exact(blocks));
        }
        let map = mapped(&mut families, shares);
        let n_any = sorted.any_ports().len();
        for family in &mut families {
            if family.n_numbered_blocks() > 1 && !family.fold(fold::disjoint) {
                return Err(Excess::Cuts);
            }
            if n_any + family.pods.len() + family.blocks.len() > shares.rules {
                return Err(Excess::Rules { max: shares.rules });
            }
        }
        Ok(Layout::Folded { families, map })
    }

    /// The rules that return what is permitted and then go on to `rest`.
    pub(super) fn permissions(
        &mut self,
        (sorted, layout): (&Sorted<'_>, &Layout<'_>),
        rules: &[&PolicyRule],
        effective: &Effective,
        (tail, rest): (&str, Vec<Rule>),
        builder: &mut TableBuilder,
    ) -> Vec<Rule> {
        let (families, map) = match layout {
            Layout::OneByOne => return self.one_by_one(rules, effective, builder).into_iter().chain(rest).collect(),
            Layout::Folded { families, map } => (families, map),
        };
        let direction = effective.direction;
        let mut exprs = Vec::new();
        for rule in &sorted.others {
            exprs.extend(self.matches(rule, effective, builder));
        }
        for test in sorted.any_ports() {
            exprs.extend(self.port_alternatives(&test, direction, builder));
        }
        for family in families {
            exprs.extend(self.carry_out(family, direction, tail, builder));
        }
        let comment = comment(rules);
        let mut out: Vec<Rule> = exprs.into_iter().map(|exprs| permit(exprs, &comment)).collect();
        match map {
            Some(map) => {
                let rest = builder.chain(&format!("{}_rest", short(direction)), tail, rest, None);
                out.extend(self.ports_first(map, direction, (tail, &comment), &rest, builder));
                out.push(verdict(Verdict::Goto(rest)));
            }
            None => out.extend(rest),
        }
        out
    }

    /// Each rule by itself, in the order of writing.
    fn one_by_one(&mut self, rules: &[&PolicyRule], effective: &Effective, builder: &mut TableBuilder) -> Vec<Rule> {
        let mut out = Vec::new();
        for rule in rules {
            let comment = Comment::new(&rule.origin.to_string());
            let alternatives = self.matches(rule, effective, builder);
            out.extend(alternatives.into_iter().map(|exprs| permit(exprs, &comment)));
        }
        out
    }

    /// Pods with exact ports as one look-up where there are many lists of ports, if that set is not too large; every
    /// other list by itself.
    fn family<'s>(
        &self,
        sorted: &'s Sorted<'_>,
        family: AddressFamily,
        direction: Direction,
        sizes: &mut Vec<Size>,
    ) -> FamilyLayout<'s> {
        let mut pods: Vec<_> = sorted.pods.iter().collect();
        let mut exact = (pods.len() > RULES_UNFOLDED_MAX).then(|| sorted.exact(family, direction));
        if let Some(view) = &exact {
            let fits = view.size(self.resolver(), POD_PORTS_MAX) <= POD_PORTS_MAX;
            sizes.push(Size { view: view.clone(), fits });
            exact = exact.filter(|_| fits);
        }
        if exact.is_some() {
            pods.retain(|(test, _)| exact_ports(test, direction).is_none());
        }
        let of_family = sorted.blocks.iter().filter(|((of, _), _)| *of == family);
        let blocks = of_family.map(|((_, test), intervals)| (test, intervals)).collect();
        FamilyLayout { family, exact, pods, blocks, boxes: Vec::new() }
    }

    fn carry_out(
        &mut self,
        plan: &FamilyLayout<'_>,
        direction: Direction,
        tail: &str,
        builder: &mut TableBuilder,
    ) -> Vec<Vec<Expr>> {
        let family = plan.family;
        let field = peer_field(direction, family);
        let mut out = Vec::new();
        if let Some(exact) = &plan.exact {
            out.push(vec![self.pod_ports(exact.clone(), family, direction, tail, builder)]);
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
    pub(super) fn union(
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

impl<'s> FamilyLayout<'s> {
    fn numbered_pods(&self) -> impl Iterator<Item = (Protocol, &'s [(u16, u16)], &'s BTreeSet<&'s PodSelector>)> {
        self.pods.iter().filter_map(|(test, pods)| test.numbers().map(|(protocol, ranges)| (protocol, ranges, *pods)))
    }

    fn numbered_blocks(&self) -> impl Iterator<Item = (Protocol, &'s [(u16, u16)], &'s Intervals)> {
        let blocks = self.blocks.iter();
        blocks.filter_map(|(test, blocks)| test.numbers().map(|(protocol, ranges)| (protocol, ranges, *blocks)))
    }

    fn n_numbered_blocks(&self) -> usize {
        self.numbered_blocks().count()
    }

    /// Looks the blocks with numbered ports up together, if they are several and can be folded so; returns whether they
    /// are.
    fn fold(&mut self, fold: impl Fn(DataType, &[fold::Blocks<'s>]) -> Option<Vec<Permission>>) -> bool {
        let numbered: Vec<_> = self.numbered_blocks().collect();
        let folded = if numbered.len() > 1 { fold(self.family.address_type(), &numbered) } else { None };
        let is_folded = folded.is_some();
        if let Some(boxes) = folded {
            self.boxes = boxes;
            self.blocks.retain(|(test, _)| test.numbers().is_none());
        }
        is_folded
    }
}

/// Takes what has numbered ports out of the families and makes a map of it, if that takes few enough chains. What is alone
/// stays.
fn mapped<'s>(families: &mut [FamilyLayout<'s>], shares: Shares) -> Option<PortMap<'s>> {
    let n_lists = |family: &FamilyLayout<'_>| family.numbered_pods().count() + family.n_numbered_blocks();
    if families.iter().all(|family| n_lists(family) < 2) {
        return None;
    }
    let mut numbered = Vec::new();
    for layout in families.iter() {
        let family = layout.family;
        for (protocol, ranges, selectors) in layout.numbered_pods() {
            let peers = selectors.iter().map(|pods| Peer::Pods(family, pods));
            numbered.extend(peers.map(|peer| Numbered { protocol, ranges, peer }));
        }
        let blocks = layout.numbered_blocks();
        numbered.extend(blocks.map(|(protocol, ranges, blocks)| Numbered {
            protocol,
            ranges,
            peer: Peer::Blocks(family, blocks),
        }));
    }
    let any_pods = numbered.iter().any(|numbered| matches!(numbered.peer, Peer::Pods(..)));
    let map = if any_pods {
        PortMap::new(&numbered, shares.chains_of_pods, usize::MAX)?
    } else {
        PortMap::new(&numbered, shares.chains, shares.sets)?
    };
    for family in families {
        family.pods.retain(|(test, _)| test.numbers().is_none());
        family.blocks.retain(|(test, _)| test.numbers().is_none());
    }
    Some(map)
}

/// A rule that returns what it matches.
pub(super) fn permit(mut exprs: Vec<Expr>, comment: &Comment) -> Rule {
    exprs.push(Expr::Verdict(Verdict::Return));
    Rule { exprs, comment: Some(comment.clone()) }
}

/// Where the first and the last came from, and how many they are.
fn comment(rules: &[&PolicyRule]) -> Comment {
    let text = |rule: Option<&&PolicyRule>| rule.map(|rule| rule.origin.to_string()).unwrap_or_default();
    match rules {
        [only] => Comment::new(&only.origin.to_string()),
        rules => Comment::new(&format!("{} to {}: {} rules", text(rules.first()), text(rules.last()), rules.len())),
    }
}
