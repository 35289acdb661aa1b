//! Whether an assertion holds: every pair of its ends, asked of the model of connections.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::connectivity::ranges::{self, Family, Range};
use engine::connectivity::{Allowed, AllowedId, Connectivity, Ends as Link, Outside};
use policy_lang::policy::Direction;

use super::because::{self, Other};
use super::ends::{Ends, Known, Trouble};
use super::file::{Expect, Layer, Test};
use super::host::Host;
use super::term::{PortTerm, Term};
use super::verdict::{Failure, Kind, Verdict, Witness, address};
use crate::map::{self, Peer};

mod nodes;

/// Most pieces of addresses of which one assertion asks for the layer that decides.
const PIECES_MAX: usize = 100_000;

/// Why an assertion says nothing where no pair is left.
const NOBODY_DECIDES: &str = "no connection is left that somebody decides about: none has a pod at one of its ends, and \
                              host rules are asked only about what reaches or leaves a node, if `host` or --host names them";

/// Judges one assertion.
pub(super) fn judge(
    test: &Test,
    known: Known<'_>,
    model: &mut Connectivity<'_>,
    host: Option<&mut Host<'_>>,
) -> Verdict {
    let meant = |terms, ports| ends(test, (terms, ports), known, model);
    let all = || {
        let (from, to) = (meant(&test.from, &[])?, meant(&test.to, &test.ports)?);
        Ok([from, to, meant(&test.except_from, &[])?, meant(&test.except_to, &[])?])
    };
    let [mut from, mut to, except_from, except_to] = match all() {
        Ok(all) => all,
        Err(verdict) => return verdict,
    };
    let mut others = from.others(model);
    others.remove(&except_from);
    from.remove(&except_from);
    to.remove(&except_to);
    let mut judging = Judging { test, model, host, kind: None, found: Found::default() };
    judging.all(&from, &to, test.expect);
    if test.only {
        judging.kind = Some(Kind::NotOnly);
        judging.all(&others, &to, Expect::Deny);
    }
    let Judging { found, .. } = judging;
    let Found { pairs, n_permitted, first, none, others, unclear, .. } = found;
    let failed = match test.expect {
        Expect::Some if n_permitted > 0 => return Verdict::Passed { pairs },
        // Where something could not be asked, it may have been permitted.
        Expect::Some => none.filter(|_| unclear.is_none()),
        Expect::Allow | Expect::Deny => first,
    };
    if let Some((kind, witness)) = failed {
        return Verdict::Failed(Box::new(Failure { kind, witness, others }));
    }
    let nobody = (pairs == 0 && !test.may_be_empty).then(|| NOBODY_DECIDES.to_owned());
    match unclear.or(nobody) {
        Some(message) => Verdict::Unclear { message, span: test.span },
        None => Verdict::Passed { pairs },
    }
}

/// Whoever is meant by some words of an assertion, or what it comes to if that is nobody or cannot be told.
fn ends(
    test: &Test,
    (terms, ports): (&[Term], &[PortTerm]),
    known: Known<'_>,
    model: &Connectivity<'_>,
) -> Result<Ends, Verdict> {
    let (ends, trouble) = Ends::of(terms, ports, known, model);
    match trouble {
        Some((term, Trouble::Nobody)) if !test.may_be_empty => {
            Err(Verdict::Nobody { word: term.text.to_string(), span: term.span })
        }
        Some((term, Trouble::Unclear(message))) => Err(Verdict::Unclear { message, span: term.span }),
        Some((_, Trouble::Nobody)) | None => Ok(ends),
    }
}

/// What came up so far.
#[derive(Default)]
struct Found {
    pairs: usize,
    n_permitted: usize,
    n_pieces: usize,
    first: Option<(Kind, Witness)>,
    /// The first pair of all, for assertions that something is permitted.
    none: Option<(Kind, Witness)>,
    others: [usize; 3],
    unclear: Option<String>,
}

struct Judging<'j, 'a, 'h> {
    test: &'j Test,
    model: &'j mut Connectivity<'a>,
    host: Option<&'j mut Host<'h>>,
    /// What a failure is called, where that does not follow from what is expected.
    kind: Option<Kind>,
    found: Found,
}

/// Two ends and what is asked of them.
struct Pair<'p> {
    /// The workload whose policies are read first.
    workload: usize,
    direction: Direction,
    other: Other,
    asked: &'p Allowed,
}

/// What is permitted between two ends.
struct Answer {
    /// To all pods, whatever addresses they have, and where they have some.
    all: [Allowed; 2],
    /// To some.
    some: [Allowed; 2],
}

impl Judging<'_, '_, '_> {
    fn all(&mut self, from: &Ends, to: &Ends, expect: Expect) {
        for workload in from.workloads.keys() {
            self.between(*workload, &to.workloads, expect);
            self.outside(*workload, Direction::Egress, to, expect);
        }
        for (workload, asked) in &to.workloads {
            let asked = |ends: &Ends| Ends {
                workloads: BTreeMap::new(),
                nodes: ends.nodes.keys().map(|node| (*node, asked.clone())).collect(),
                addresses: ends.addresses.iter().map(|(ranges, _)| (ranges.clone(), asked.clone())).collect(),
            };
            self.outside(*workload, Direction::Ingress, &asked(from), expect);
        }
        if !to.nodes.is_empty() || !from.nodes.is_empty() {
            self.host_alone(from, to, expect);
        }
    }

    fn between(&mut self, from: usize, others: &BTreeMap<usize, Allowed>, expect: Expect) {
        if others.is_empty() {
            return;
        }
        let links: BTreeMap<usize, Link> =
            self.model.links(from).into_iter().map(|link| (link.to, link.ends)).collect();
        let numbers: Vec<usize> = others.keys().copied().collect();
        let common = self.model.common_links(from, &numbers);
        for ((to, asked), common) in others.iter().zip(common) {
            // One pod and itself are no pair.
            let Some(common) = common else { continue };
            // Most pairs of a closed cluster: nothing is to be worked out.
            if expect == Expect::Deny && self.test.by.is_none() && !links.contains_key(to) {
                self.found.pairs += 1;
                continue;
            }
            let sets = |ends: Link| [ends.certain, ends.possible].map(|id| self.model.allowed(id).clone());
            let answer =
                Answer { all: sets(common), some: links.get(to).map_or_else(Default::default, |ends| sets(*ends)) };
            let (direction, other) = (Direction::Egress, Other::Workload(*to));
            self.pair(&Pair { workload: from, direction, other, asked }, &answer, expect);
        }
    }

    /// Between a workload and whoever is no pod.
    fn outside(&mut self, workload: usize, direction: Direction, ends: &Ends, expect: Expect) {
        if ends.nodes.is_empty() && ends.addresses.is_empty() {
            return;
        }
        let some = self.model.outside(workload, direction);
        let all = self.model.common_outside(workload, direction);
        let set = |outside: &Outside, node: usize| {
            let found = outside.nodes.iter().find(|(number, _)| *number == node);
            found.map(|(_, id)| self.model.allowed(*id).clone()).unwrap_or_default()
        };
        let nodes: Vec<_> =
            ends.nodes.iter().map(|(node, asked)| (*node, asked, set(&all, *node), set(&some, *node))).collect();
        for (node, asked, all, some) in nodes {
            let answer = Answer { all: [all.clone(), all], some: [some.clone(), some] };
            self.pair(&Pair { workload, direction, other: Other::Node(node), asked }, &answer, expect);
        }
        let families = self.model.families(workload);
        for (ranges, asked) in &ends.addresses {
            for (family, has) in Family::ALL.into_iter().zip(families) {
                let whole = of_family(ranges, family);
                if has && !whole.is_empty() {
                    let (all, some) = (pieces(&all, family), pieces(&some, family));
                    self.addresses(workload, direction, (family, whole, asked), [all, some], expect);
                }
            }
        }
    }

    /// Addresses of one family: piece by piece of what is permitted alike.
    fn addresses(
        &mut self,
        workload: usize,
        direction: Direction,
        (family, whole, asked): (Family, &[Range], &Allowed),
        [all, some]: [Vec<(AllowedId, &[Range])>; 2],
        expect: Expect,
    ) {
        let wanted = match expect {
            Expect::Allow => all,
            Expect::Deny | Expect::Some => some,
        };
        let mut left = whole.to_vec();
        let mut found: Vec<(Vec<Range>, Allowed)> = Vec::new();
        for (id, ranges) in wanted {
            let both = ranges::common(whole, ranges);
            left = ranges::without(&left, &both);
            found.push((both, self.model.allowed(id).clone()));
        }
        found.push((left, Allowed::default()));
        found.retain(|(ranges, _)| !ranges.is_empty());
        found.sort();
        for (ranges, set) in found {
            let Some(first) = ranges.first() else { continue };
            let other = Other::Address(family.address(first.first));
            let answer = Answer { all: [set.clone(), set.clone()], some: [set.clone(), set] };
            let pair = Pair { workload, direction, other, asked };
            let failed = self.pair(&pair, &answer, expect);
            if let Some(layer) = self.test.by.filter(|_| !failed && self.kind.is_none()) {
                self.layers_of_addresses(&pair, layer, (family, &ranges), expect);
            }
        }
    }

    fn unclear(&mut self, message: String) {
        self.found.unclear.get_or_insert(message);
    }

    /// Whether the layer that is named decides at each of some addresses: where they are cut, rules may differ.
    fn layers_of_addresses(
        &mut self,
        pair: &Pair<'_>,
        layer: Layer,
        (family, ranges): (Family, &[Range]),
        expect: Expect,
    ) {
        // The first address of the first piece has been asked.
        let pieces = self.model.pieces(pair.workload, pair.direction, family, ranges);
        self.found.n_pieces += pieces.len();
        if self.found.n_pieces > PIECES_MAX {
            return self.unclear(format!("rules cut these addresses into more than {PIECES_MAX} pieces: name fewer"));
        }
        for piece in pieces.into_iter().skip(1) {
            let other = Other::Address(family.address(piece.first));
            let pair = Pair { other, ..*pair };
            if let Some(port) = because::other_layer(self.model, ends_of(&pair), layer, expect, pair.asked) {
                self.fail(&pair, Kind::OtherLayer(layer), &port);
                return;
            }
        }
    }

    /// Whether a pair failed.
    fn pair(&mut self, pair: &Pair<'_>, answer: &Answer, expect: Expect) -> bool {
        self.found.pairs += 1;
        let Answer { all: [all, all_possible], some: [some, some_possible] } = answer;
        let asked = pair.asked;
        if let (Other::Node(node), Direction::Egress, true) = (pair.other, pair.direction, self.host.is_some()) {
            return self.host_after_policy(pair, node, answer, expect);
        }
        let (kind, missing) = match expect {
            Expect::Allow => {
                let missing = asked.difference(all);
                let is_possible = asked.difference(all_possible).is_nothing();
                (if is_possible { Kind::DependsOnPodAddress } else { Kind::Denied }, missing)
            }
            Expect::Deny => {
                let certain = asked.intersection(some);
                let possible = asked.intersection(some_possible);
                let kind = if certain.is_nothing() { Kind::DependsOnPodAddress } else { Kind::Permitted };
                (kind, if certain.is_nothing() { possible } else { certain })
            }
            Expect::Some => {
                self.found.n_permitted += usize::from(!asked.intersection(some).is_nothing());
                if self.found.none.is_none() {
                    let witness = self.witness(pair, asked);
                    self.found.none = witness.map(|witness| (Kind::NothingPermitted, witness));
                }
                return false;
            }
        };
        if !missing.is_nothing() {
            let kind = match (self.kind, kind) {
                (Some(other), Kind::Permitted) => other,
                (_, kind) => kind,
            };
            self.fail(pair, kind, &missing);
            return true;
        }
        if let Some(layer) = self.test.by.filter(|_| self.kind.is_none())
            && let Some(port) = because::other_layer(self.model, ends_of(pair), layer, expect, asked)
        {
            self.fail(pair, Kind::OtherLayer(layer), &port);
            return true;
        }
        false
    }

    fn fail(&mut self, pair: &Pair<'_>, kind: Kind, ports: &Allowed) {
        let witness = if self.found.first.is_none() { self.witness(pair, ports) } else { None };
        self.note(kind, pair.other, witness);
    }

    /// Keeps the first failure, and counts the others.
    fn note(&mut self, kind: Kind, other: Other, witness: Option<Witness>) {
        if kind == Kind::NothingPermitted {
            self.found.none = self.found.none.take().or(witness.map(|witness| (kind, witness)));
            return;
        }
        if self.found.first.is_none() {
            self.found.first = witness.map(|witness| (kind, witness));
            return;
        }
        let [workloads, nodes, addresses] = &mut self.found.others;
        *match other {
            Other::Workload(_) => workloads,
            Other::Node(_) => nodes,
            Other::Address(_) => addresses,
        } += 1;
    }

    /// The smallest port of a pair, and what decides about it.
    fn witness(&mut self, pair: &Pair<'_>, ports: &Allowed) -> Option<Witness> {
        let (protocol, port) = ports.first_port()?;
        let because = because::because(self.model, ends_of(pair), protocol, port);
        let own = self.peer(Other::Workload(pair.workload));
        let other = self.peer(pair.other);
        let (from, to) = match pair.direction {
            Direction::Egress => (own, other),
            Direction::Ingress => (other, own),
        };
        Some(Witness { from, to, protocol, port, because, host: None })
    }

    fn peer(&self, end: Other) -> Peer {
        let scene = self.model.scene();
        match end {
            Other::Workload(number) => {
                let workload = scene.workloads.entries.get(number).expect("ends are numbered by their model");
                map::peer(workload)
            }
            Other::Node(number) => {
                let name = scene.inventory.nodes.keys().nth(number).expect("ends are numbered by their model");
                Peer::Node { name: Arc::clone(name) }
            }
            Other::Address(found) => address(found),
        }
    }
}

/// Both ends as they are asked: the workload first.
fn ends_of(pair: &Pair<'_>) -> (usize, Direction, Other) {
    (pair.workload, pair.direction, pair.other)
}

fn of_family(ranges: &[Vec<Range>; 2], family: Family) -> &[Range] {
    let [v4, v6] = ranges;
    match family {
        Family::V4 => v4,
        Family::V6 => v6,
    }
}

fn pieces(outside: &Outside, family: Family) -> Vec<(AllowedId, &[Range])> {
    outside.addresses.iter().map(|(id, ranges)| (*id, of_family(ranges, family))).collect()
}
