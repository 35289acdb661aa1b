use proptest::prelude::*;

use self::meaning::meaning;
use self::tamper::tricks;
use self::universe::{ruleset, small};
use super::*;
use crate::kernel::fake::Fake;
use crate::kernel::{Guard, Kernel};
use crate::plan::batches;
use crate::ruleset::Family;

pub(crate) mod meaning;
pub(crate) mod universe;

mod cases;
mod tamper;

fn keys() -> Vec<TableKey> {
    vec![TableKey::ours(Family::Inet), TableKey::ours(Family::Arp)]
}

fn observe(fake: &mut Fake) -> Observed {
    fake.observe(&keys()).unwrap()
}

/// Carries out rounds until nothing is left to do, and checks what packets meet on the way: what was in force before
/// the flip, and what is desired after it. Returns how many rounds it took.
fn carry_out(fake: &mut Fake, desired: &Ruleset) -> usize {
    let wanted = meaning(desired);
    for n_rounds in 0..=ROUNDS_MAX {
        let observed = observe(fake);
        let plan = diff(&observed, desired, TableFlags::default());
        assert_eq!(plan.is_empty(), changes(&observed, desired, TableFlags::default()).is_empty());
        let Some(round) = plan.rounds.first() else { return n_rounds };
        let before = meaning(&fake.ruleset());
        for batch in batches(&round.fill) {
            fake.commit(batch, Guard::None).unwrap();
            assert_eq!(meaning(&fake.ruleset()), before, "a fill changed what packets meet");
        }
        fake.commit(&round.flip, Guard::None).unwrap();
        assert_eq!(meaning(&fake.ruleset()), wanted, "a flip left something undone: {}", words(round));
        fake.commit(&round.collect, Guard::None).unwrap();
        assert_eq!(meaning(&fake.ruleset()), wanted, "a collect changed what packets meet");
    }
    panic!("no end of rounds");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_leads_to_what_is_desired(a in ruleset(), b in ruleset()) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        prop_assert_eq!(fake.ruleset(), a);
        let observed = observe(&mut fake);
        let n_forecast = diff(&observed, &b, TableFlags::default()).rounds.len();
        let n_rounds = carry_out(&mut fake, &b);
        prop_assert_eq!(fake.ruleset(), b);
        prop_assert_eq!(n_rounds, n_forecast);
    }

    #[test]
    fn what_is_in_force_at_a_flip_loses_no_set(a in ruleset(), b in ruleset()) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        let plan = diff(&observe(&mut fake), &b, TableFlags::default());
        for op in plan.rounds.iter().flat_map(|round| &round.flip) {
            let brings_set = matches!(&op.kind, OpKind::AddRule { rule, .. } if rules::has_anonymous_set(rule));
            prop_assert!(!brings_set && !matches!(op.kind, OpKind::DeleteSet(_) | OpKind::DeleteChain(_)), "{}", op);
        }
    }

    #[test]
    fn a_fresh_round_leads_to_the_same_meaning(a in ruleset(), b in ruleset()) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        let round = fresh(&observe(&mut fake), &b, TableFlags::default());
        fake.commit(&round.fill, Guard::None).unwrap();
        prop_assert_eq!(meaning(&fake.ruleset()), meaning(&a));
        fake.commit(&round.flip, Guard::None).unwrap();
        prop_assert_eq!(meaning(&fake.ruleset()), meaning(&b));
        fake.commit(&round.collect, Guard::None).unwrap();
        prop_assert_eq!(meaning(&fake.ruleset()), meaning(&b));
        carry_out(&mut fake, &b);
        prop_assert_eq!(fake.ruleset(), b);
    }

    /// Killed anywhere, then asked for something else.
    #[test]
    fn what_an_interrupted_plan_leaves_is_a_start_like_any_other(
        a in ruleset(), b in ruleset(), c in ruleset(), n_steps in 0_usize..12, batch in 1_usize..4,
    ) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        let plan = diff(&observe(&mut fake), &b, TableFlags::default());
        let round = plan.rounds.first().cloned().unwrap_or_default();
        let steps = round.fill.chunks(batch).chain([round.flip.as_slice(), round.collect.as_slice()]);
        for ops in steps.take(n_steps) {
            fake.commit(ops, Guard::None).unwrap();
        }
        let now = meaning(&fake.ruleset());
        prop_assert!(now == meaning(&a) || now == meaning(&b));
        carry_out(&mut fake, &c);
        prop_assert_eq!(fake.ruleset(), c);
    }

    #[test]
    fn what_strangers_did_is_undone(a in ruleset(), b in ruleset(), tricks in tricks()) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        fake.tamper(|state| tricks.iter().for_each(|trick| trick.play(state)));
        for round in 0..ROUNDS_MAX {
            let Some(step) = diff(&observe(&mut fake), &b, TableFlags::default()).rounds.into_iter().next() else { break };
            prop_assert!(round + 1 < ROUNDS_MAX);
            fake.commit(&step.fill, Guard::None).unwrap();
            fake.commit(&step.flip, Guard::None).unwrap();
            prop_assert_eq!(meaning(&fake.ruleset()), meaning(&b));
            fake.commit(&step.collect, Guard::None).unwrap();
        }
        prop_assert_eq!(changes(&observe(&mut fake), &b, TableFlags::default()), []);
        prop_assert_eq!(fake.ruleset(), b);
    }

    #[test]
    fn a_plan_is_the_same_on_every_run(a in small(), b in small()) {
        let mut fake = Fake::current();
        carry_out(&mut fake, &a);
        let observed = observe(&mut fake);
        let plan = diff(&observed, &b, TableFlags::default());
        prop_assert_eq!(&plan, &diff(&observe(&mut fake), &b, TableFlags::default()));
    }
}

fn words(round: &Round) -> String {
    let phases = [("fill", &round.fill), ("flip", &round.flip), ("collect", &round.collect)];
    phases.iter().flat_map(|(phase, ops)| ops.iter().map(move |op| format!("\n  {phase}: {op}"))).collect()
}
