use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::diff::tests::meaning::meaning;
use crate::diff::tests::universe::{ruleset, small};
use crate::kernel::fake::Fake;
use crate::kernel::{Features, Rejection};
use crate::observed::KernelGeneration;
use crate::ruleset::{BaseChain, Chain, ChainType, Expr, Hook, Name, Priority, Rule, Verdict};

/// A fake whose next commits fail as told, before anything is done.
struct Failing {
    fake: Fake,
    answers: VecDeque<Option<KernelError>>,
}

impl Kernel for Failing {
    fn features(&self) -> Features {
        self.fake.features()
    }

    fn generation(&mut self) -> Result<KernelGeneration, KernelError> {
        self.fake.generation()
    }

    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError> {
        self.fake.observe(tables)
    }

    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        match self.answers.pop_front().flatten() {
            Some(error) => Err(error),
            None => self.fake.commit(ops, guard),
        }
    }

    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError> {
        self.fake.check(ops)
    }
}

const PERSIST: TableFlags = TableFlags { owner: false, persist: true };

fn go_on(_: Step<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn put(kernel: &mut impl Kernel, desired: &Ruleset) -> Result<Outcome, ApplyError> {
    apply(kernel, desired, PERSIST, &mut go_on)
}

fn refused() -> KernelError {
    KernelError::Rejected(vec![Rejection { op: 0, what: "".into(), errno: 16, offset: None, message: None }])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_desired_is_in_force_and_a_second_apply_does_nothing(a in ruleset(), b in ruleset()) {
        let mut fake = Fake::current();
        put(&mut fake, &a).unwrap();
        put(&mut fake, &b).unwrap();
        prop_assert_eq!(fake.ruleset(), b.clone());
        prop_assert_eq!(put(&mut fake, &b).unwrap().n_commits, 0);
    }

    #[test]
    fn a_stop_at_any_step_leaves_one_whole_generation(a in ruleset(), b in ruleset(), n_steps in 0_u32..10) {
        let mut fake = Fake::current();
        put(&mut fake, &a).unwrap();
        let mut left = n_steps;
        let stop = &mut |_: Step<'_>| {
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let expected = match apply(&mut fake, &b, PERSIST, stop) {
            Ok(_) | Err(ApplyError::Stopped { in_force: InForce::Desired }) => &b,
            Err(ApplyError::Stopped { in_force: InForce::Previous }) => &a,
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(meaning(&fake.ruleset()), meaning(expected));
        put(&mut fake, &b).unwrap();
        prop_assert_eq!(fake.ruleset(), b);
    }

    #[test]
    fn two_refusals_anywhere_are_got_round(a in ruleset(), b in ruleset(), first in 0_usize..4, second in 0_usize..4) {
        let mut fake = Fake::current();
        put(&mut fake, &a).unwrap();
        let mut answers: VecDeque<_> = (0..=first).map(|n| (n == first).then(refused)).collect();
        answers.extend((0..=second).map(|n| (n == second).then(refused)));
        let mut failing = Failing { fake, answers };
        let outcome = put(&mut failing, &b).unwrap();
        prop_assert!(outcome.failures.len() <= 2);
        prop_assert_eq!(failing.fake.ruleset(), b);
    }

    #[test]
    fn others_who_commit_all_the_time_delay_a_flip_and_do_not_spoil_it(a in small(), b in small()) {
        let mut fake = Fake::current();
        put(&mut fake, &a).unwrap();
        let other = fake.socket();
        let mut n_disturbed = 0;
        let disturb = &mut |step: Step<'_>| {
            if matches!(step, Step::Before(Phase::Flip, _)) && n_disturbed < 3 {
                n_disturbed += 1;
                other.tamper(|_| {});
            }
            ControlFlow::Continue(())
        };
        let outcome = apply(&mut fake, &b, PERSIST, disturb).unwrap();
        prop_assert_eq!(outcome.n_conflicts, n_disturbed);
        prop_assert_eq!(fake.ruleset(), b);
    }
}

fn with_counter() -> Ruleset {
    let table =
        crate::ruleset::Table { counters: [(Name::ours("seen"), None)].into(), ..crate::ruleset::Table::default() };
    Ruleset { tables: [(TableKey::ours(Family::Inet), table)].into() }
}

#[test]
fn an_error_says_where_and_what_is_in_force() {
    let answers = [Some(refused()), Some(refused()), Some(refused())].into();
    let mut failing = Failing { fake: Fake::current(), answers };
    match put(&mut failing, &with_counter()) {
        Err(ApplyError::Kernel {
            phase: Phase::Fill,
            in_force: InForce::Previous,
            source: KernelError::Rejected(_),
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_of_another_owner_is_not_fought_over() {
    let mut agent = Fake::current();
    let mut one_shot = agent.socket();
    apply(&mut agent, &with_counter(), TableFlags { owner: true, persist: true }, &mut go_on).unwrap();
    match put(&mut one_shot, &Ruleset::default()) {
        Err(ApplyError::Kernel { source: KernelError::Denied(Some(what)), .. }) => {
            assert_eq!(&*what, "delete table inet palisade");
        }
        other => panic!("{other:?}"),
    }
    drop(agent);
    put(&mut one_shot, &Ruleset::default()).unwrap();
    assert_eq!(one_shot.ruleset(), Ruleset::default());
}

#[test]
fn an_orphan_is_claimed_and_keeps_what_it_counted() {
    let mut first = Fake::current();
    let mut second = first.socket();
    let agent = TableFlags { owner: true, persist: true };
    let key = TableKey::ours(Family::Inet);
    apply(&mut first, &with_counter(), agent, &mut go_on).unwrap();
    first.count(&key, &Name::ours("seen"), 7, 700);
    drop(first);
    let outcome = apply(&mut second, &with_counter(), agent, &mut go_on).unwrap();
    assert_eq!((outcome.n_rounds, outcome.n_ops), (1, 1));
    let state = second.state();
    let table = &state.tables[&key];
    assert_eq!(table.flags, agent);
    assert_eq!(table.counters.values().map(|counter| counter.packets).collect::<Vec<_>>(), [7]);
    assert_eq!(apply(&mut second, &with_counter(), agent, &mut go_on).unwrap().n_ops, 0);
}

#[test]
fn a_counter_keeps_its_value_whatever_happens_to_the_rules() {
    let key = TableKey::ours(Family::Inet);
    let mut fake = Fake::current();
    let (mut one, mut other) = (with_counter(), with_counter());
    for (ruleset, verdict) in [(&mut one, Verdict::Accept), (&mut other, Verdict::Drop)] {
        let base = BaseChain { chain_type: ChainType::Filter, hook: Hook::Input, priority: Priority(0) };
        let exprs = vec![Expr::NamedCounter(Name::ours("seen")), Expr::Verdict(verdict)];
        let chain = Chain { base: Some(base), comment: None, rules: vec![Rule { exprs, comment: None }] };
        ruleset.tables.get_mut(&key).unwrap().chains.insert(Name::ours("input"), chain);
    }
    put(&mut fake, &one).unwrap();
    fake.count(&key, &Name::ours("seen"), 7, 700);
    put(&mut fake, &other).unwrap();
    assert_eq!(fake.ruleset(), other);
    let counters = fake.state().tables[&key].counters.clone();
    assert_eq!(counters.values().map(|counter| counter.bytes).collect::<Vec<_>>(), [700]);
}
