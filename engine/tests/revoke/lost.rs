//! Flows that are cut and lose their bit, or end.

use engine::compile::options::REVOKED_BIT;
use engine::kernel::conntrack::{Conntrack as _, Fake, Filter};
use engine::revoke::{Affected, Cut};

use crate::node::{db_admits, enforce_all, flow, ip, with};

/// Three flows to `db`, of which two are cut.
fn cut() -> (Fake, [u32; 3], Cut) {
    let mut fake = Fake::default();
    let flows = ["tcp 10.0.0.3 10.0.0.2:80", "tcp 203.0.113.1 10.0.0.2:80", "tcp 10.0.0.1 10.0.0.2:80"];
    let ids = flows.map(|text| {
        let (original, reply) = flow(40_000, text);
        fake.begin(original, reply)
    });
    let outcome = enforce_all(&mut fake, &with(&db_admits(&["web"])).ruleset());
    assert_eq!(outcome.cut.len(), 2);
    (fake, ids, outcome.cut)
}

#[test]
fn a_bit_that_is_lost_is_set_again_and_what_others_set_stays() {
    let (mut fake, [first, second, permitted], mut cut) = cut();
    assert_eq!((cut.look(&mut fake, REVOKED_BIT).unwrap(), fake.n_calls()), (0, 2), "nothing to set, nothing is set");
    fake.set_mark(first, 0x8000);
    assert_eq!(cut.look(&mut fake, REVOKED_BIT).unwrap(), 1);
    let marks = [first, second, permitted].map(|id| fake.mark_of(id).unwrap());
    assert_eq!(marks, [0x8000 | REVOKED_BIT, REVOKED_BIT, 0]);
}

#[test]
fn one_that_has_ended_is_forgotten() {
    let (mut fake, [first, second, _], mut cut) = cut();
    fake.end(first);
    assert_eq!((cut.look(&mut fake, REVOKED_BIT).unwrap(), cut.len()), (0, 1));
    fake.end(second);
    assert_eq!((cut.look(&mut fake, REVOKED_BIT).unwrap(), cut.is_empty()), (0, true));
}

#[test]
fn a_later_judgement_replaces_what_is_known_of_its_addresses_and_nothing_else() {
    let (_, _, mut known) = cut();
    let range = |text: &str| Affected::of([(ip(text), ip(text))]);
    known.judged(&range("10.0.0.99"), Cut::default());
    assert_eq!(known.len(), 2);
    known.judged(&range("203.0.113.1"), Cut::default());
    assert_eq!(known.len(), 1);
    // Either end counts.
    known.judged(&range("10.0.0.2"), cut().2);
    assert_eq!(known.len(), 2);
}

/// One that was permitted when everybody was judged who can be a pod must not be cut again, whoever that is.
#[test]
fn a_flow_of_nobody_that_is_known_is_judged_with_everybody() {
    let mut fake = Fake::default();
    let (original, reply) = flow(40_000, "tcp 10.0.9.9 203.0.113.1:80");
    fake.begin(original, reply);
    let entries = fake.entries(&Filter::default(), &mut |_| true).unwrap().kept;
    let mut known: Cut = entries.iter().collect();
    let ruleset = with(&db_admits(&["web"])).ruleset();
    known.judged(&Affected::between(&ruleset, &ruleset), Cut::default());
    assert_eq!(known.len(), 1);
    known.judged(&Affected::all(&ruleset), Cut::default());
    assert!(known.is_empty());
}
