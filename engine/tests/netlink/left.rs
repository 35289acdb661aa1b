//! What an owner left in its tables is not read again.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use engine::apply::{Outcome, apply_after};
use engine::kernel::{Kernel, Netlink};
use engine::observed::TableFlags;
use engine::ruleset::{DataType, Datum, Element, ElementKey, Elements, Ruleset, Set, SetSpec, Table};

use crate::fixture::{name, nft, ours, scratch, table};

fn elements(numbers: &[u8]) -> Elements {
    let key = |number: &u8| ElementKey::values([Datum::address(Ipv4Addr::new(10, 0, 0, *number).into())]);
    numbers.iter().map(|number| (key(number), Element::PLAIN)).collect()
}

fn holding(numbers: &[u8]) -> Ruleset {
    let set = Set { spec: SetSpec::hash([DataType::Ipv4Addr]), elements: elements(numbers) };
    let table = Table { sets: [(name("s"), set)].into(), ..Table::default() };
    Ruleset { tables: [(ours(), table)].into() }
}

fn apply(kernel: &mut Netlink, desired: &Ruleset, left: Option<&Ruleset>) -> Outcome {
    let go_on = &mut |_: engine::apply::Step<'_>| ControlFlow::Continue(());
    apply_after(kernel, desired, TableFlags::default(), left, go_on).unwrap()
}

#[test]
fn elements_are_those_that_were_left_and_all_else_is_read() {
    scratch(|kernel| {
        apply(kernel, &holding(&[1, 2]), None);
        let observed = kernel.observe_left(&[ours()], &holding(&[1, 7])).unwrap();
        assert_eq!(observed.tables[&ours()].sets[&name("s")].elements, elements(&[1, 7]));
        // Of a set that was left otherwise nothing is known.
        let mut other = holding(&[1, 7]);
        other.tables.get_mut(&ours()).unwrap().sets.get_mut(&name("s")).unwrap().spec.counters = true;
        let observed = kernel.observe_left(&[ours()], &other).unwrap();
        assert_eq!(observed.tables[&ours()].sets[&name("s")].elements, elements(&[1, 2]));
        assert_eq!(kernel.observe(&[ours()]).unwrap(), observed);
    });
}

#[test]
fn elements_of_sets_that_go_are_not_read_and_all_others_are() {
    scratch(|kernel| {
        apply(kernel, &holding(&[1, 2]), None);
        let key_alone = |kernel: &mut Netlink, desired: &Ruleset| {
            let observed = kernel.observe_for(&[ours()], desired).unwrap();
            observed.tables[&ours()].sets[&name("s")].elements.clone()
        };
        assert_eq!(key_alone(kernel, &holding(&[1, 3])), elements(&[1, 2]));
        assert_eq!(key_alone(kernel, &Ruleset::default()), Elements::new());
        let outcome = apply(kernel, &Ruleset::default(), None);
        assert_eq!(outcome.failures.len(), 0);
        // Where elements lead somewhere, what packets can come to is known by them.
        nft(
            "add table inet palisade; add map inet palisade pl_s { type ipv4_addr : verdict; elements = { 10.0.0.1 : drop }; }",
        );
        assert_eq!(key_alone(kernel, &Ruleset::default()).len(), 1);
    });
}

#[test]
fn a_change_by_memory_is_the_change_and_a_wrong_memory_is_put_right() {
    scratch(|kernel| {
        apply(kernel, &holding(&[1, 2]), None);
        let outcome = apply(kernel, &holding(&[1, 3]), Some(&holding(&[1, 2])));
        assert_eq!((outcome.n_commits, outcome.failures.len()), (1, 0));
        assert_eq!(table(kernel).sets[&name("s")].elements, elements(&[1, 3]));
        nft("delete element inet palisade pl_s { 10.0.0.3 }");
        let outcome = apply(kernel, &holding(&[1, 4]), Some(&holding(&[1, 3])));
        assert_eq!(outcome.failures.len(), 1);
        assert_eq!(table(kernel).sets[&name("s")].elements, elements(&[1, 4]));
    });
}
