//! Changes of sets that are there: what committing them costs the thread that sends them.
//!
//! Reading back and planning are not in it: an agent knows what it wrote. A commit is the encoding of the batch, the one
//! `sendmsg` in which the kernel does all of its work, and reading the answer.

use std::time::Duration;

use engine::apply::our_tables;
use engine::diff::{diff, fresh};
use engine::kernel::{Guard, Kernel, Netlink};
use engine::observed::{Observed, TableFlags};
use engine::plan::{Op, OpKind, Round};
use engine::ruleset::{Element, Elements, Family, Ruleset, TableKey};
use watcher::lab::Namespace;

use super::table::{Goal, Row, Series, Table};
use super::{cost, load, shape};

const ROUNDS: usize = 5;

/// Changes of one address, of which each is a round.
const SINGLE_CHANGES: u32 = 100;
const SELECTOR: u32 = 100_000;
/// For one address.
const COMMIT_MAX: Duration = Duration::from_micros(100);

const INTERVALS: u32 = 10_000;
/// How many of them go at once.
const REMOVED: [u32; 5] = [1, 4, 5, 100, 5_000];
/// A plan has up to four rounds.
const PLANNED_ROUNDS_MAX: usize = 4;
/// Where a removal is a new set, both sides are the same; this much they may differ by chance.
const NO_MORE: f64 = 1.1;

/// Both tables.
pub(crate) fn publish() {
    single().publish();
    removals().publish();
}

/// One address into a selector's set and out of it.
fn single() -> Table {
    let namespace = Namespace::new("single").unwrap();
    namespace.run(|| load::netlink(&shape::addresses(SELECTOR))).unwrap();
    let mut kernel = namespace.run(Netlink::open).unwrap().unwrap();
    let (set, spec) = shape::address_set();
    let goal = Series { name: "the goal".into(), figures: vec![milliseconds(COMMIT_MAX); SINGLE_CHANGES as usize] };
    let [mut into, mut out] = [(); 2].map(|()| Series::new("palisade"));
    // Addresses that are not among the set's.
    let elements = |n| vec![(shape::address_key(n), Element::PLAIN)];
    let add = |n| OpKind::AddElements { set: set.clone(), spec: spec.clone(), elements: elements(n) };
    let delete = |n| OpKind::DeleteElements { set: set.clone(), spec: spec.clone(), elements: elements(n) };
    for n in SELECTOR..SELECTOR + SINGLE_CHANGES {
        into.figures.push(milliseconds(commit(&mut kernel, &[of_table(add(n))])));
        out.figures.push(milliseconds(commit(&mut kernel, &[of_table(delete(n))])));
    }
    assert_eq!(n_elements(&mut kernel), SELECTOR as usize);
    kernel.commit(&[of_table(add(SELECTOR))], Guard::None).unwrap();
    assert_eq!(n_elements(&mut kernel), SELECTOR as usize + 1, "a change that is committed is there");
    let row = |case: &str, subject| Row {
        case: format!("one address {case} a selector of {SELECTOR}"),
        subject,
        peer: goal.clone(),
        inverted: false,
        goal: Goal::AtMost(1.0),
    };
    let rows = vec![row("into", into), row("out of", out)];
    Table { name: "update", title: "One address", unit: "ms of CPU", ratio: "of the goal", rows }
}

/// Elements of a set of intervals go: as planned, and as a new set in the place of the old one. Sets of blocks keep their
/// names, as those of variables do; those with ports are named after their content wherever the compiler makes them.
fn removals() -> Table {
    let sets =
        [("blocks", false, shape::networks(INTERVALS)), ("blocks with port ranges", true, shape::ranges(INTERVALS))];
    let mut rows = Vec::new();
    for (name, is_named_after_content, all) in sets {
        for n_removed in REMOVED {
            let mut rest = without(&all, n_removed);
            if is_named_after_content {
                shape::rename(&mut rest, &format!("bench_without_{n_removed}"));
            }
            let [mut planned, mut rebuilt] = ["as planned", "as a new set"].map(Series::new);
            for _ in 0..ROUNDS {
                let plan = |observed: &_| diff(observed, &rest, TableFlags::default()).rounds.into_iter().next();
                planned.figures.push(changed(&all, PLANNED_ROUNDS_MAX, plan));
                let plan = |observed: &_| Some(fresh(observed, &rest, TableFlags::default()));
                rebuilt.figures.push(changed(&all, 1, plan));
            }
            rows.push(Row {
                case: format!("{n_removed} of {INTERVALS} {name} go"),
                subject: planned,
                peer: rebuilt,
                inverted: false,
                goal: Goal::AtMost(NO_MORE),
            });
        }
    }
    let ratio = "as planned / as a new set";
    Table { name: "removal", title: "Removal from a set of intervals", unit: "ms of CPU", ratio, rows }
}

/// What committing the rounds of a plan costs, in milliseconds. Each starts from what the kernel has by then.
fn changed(from: &Ruleset, n_rounds: usize, plan: impl Fn(&Observed) -> Option<Round>) -> f64 {
    let namespace = Namespace::new("removal").unwrap();
    namespace.run(|| load::netlink(from)).unwrap();
    let mut kernel = namespace.run(Netlink::open).unwrap().unwrap();
    let mut spent = Duration::ZERO;
    for _ in 0..n_rounds {
        let Some(Round { fill, flip, collect }) = plan(&kernel.observe(&our_tables()).unwrap()) else { break };
        spent += [fill, flip, collect].iter().map(|ops| commit(&mut kernel, ops)).sum();
    }
    milliseconds(spent)
}

fn commit(kernel: &mut Netlink, ops: &[Op]) -> Duration {
    let (result, spent) = cost::of_thread(|| kernel.commit(ops, Guard::None));
    result.unwrap();
    spent
}

/// Of the one set.
fn n_elements(kernel: &mut Netlink) -> usize {
    let observed = kernel.observe(&our_tables()).unwrap().to_ruleset();
    observed.tables.values().flat_map(|table| table.sets.values()).map(|set| set.elements.len()).sum()
}

fn of_table(kind: OpKind) -> Op {
    Op { table: TableKey::ours(Family::Inet), kind }
}

/// The same set with so many elements less, from all over it.
fn without(ruleset: &Ruleset, n_removed: u32) -> Ruleset {
    let mut rest = ruleset.clone();
    let table = rest.tables.get_mut(&TableKey::ours(Family::Inet)).unwrap();
    let set = table.sets.values_mut().next().unwrap();
    let step = set.elements.len() / n_removed as usize;
    let stays = |n: usize| !n.is_multiple_of(step) || n / step >= n_removed as usize;
    let elements: Elements = set
        .elements
        .iter()
        .enumerate()
        .filter(|(n, _)| stays(*n))
        .map(|(_, (key, element))| (key.clone(), element.clone()))
        .collect();
    assert_eq!(set.elements.len() - elements.len(), n_removed as usize);
    set.elements = elements;
    rest
}

fn milliseconds(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1000.0
}
