//! Batches of every size are one transaction.

use engine::kernel::{Guard, Kernel};
use engine::plan::OpKind;
use engine::ruleset::{
    DataType, Datum, Element, ElementKey, Expr, Field, Interval, Lookup, Match, Operator, SetRef, SetSpec, Verdict,
};

use crate::fixture::{
    add_base_chain, add_chain, add_elements, add_rule, add_set, add_table, delete_elements, name, op, scratch, table,
};
use engine::ruleset::Hook;

fn address(number: u32) -> Datum {
    Datum::number(DataType::Ipv4Addr, 0x0a00_0000 + number)
}

#[test]
fn ten_thousand_chains_with_a_rule_each_are_one_commit() {
    scratch(|kernel| {
        let before = kernel.generation().unwrap();
        let mut ops = vec![add_table()];
        ops.extend((0..10_000).map(|index| add_chain(&index.to_string())));
        ops.extend((0..10_000).map(|index| {
            let port = Match::eq(Field::TcpDport, Datum::port(index));
            add_rule(&index.to_string(), &format!("np.yaml:{index}"), vec![port, Expr::Verdict(Verdict::Accept)])
        }));
        kernel.commit(&ops, Guard::Generation(before)).unwrap();
        assert_eq!(kernel.generation().unwrap().0, before.0 + 1);
        let table = table(kernel);
        assert_eq!(table.chains.len(), 10_000);
        assert!(table.chains.values().all(|chain| chain.rules.len() == 1));
    });
}

#[test]
fn ten_thousand_bad_operations_are_all_named() {
    scratch(|kernel| {
        let ops: Vec<_> = (0..10_000).map(|index| op(OpKind::DeleteSet(name(&index.to_string())))).collect();
        let Err(engine::kernel::KernelError::Rejected(rejections)) = kernel.commit(&ops, Guard::None) else { panic!() };
        assert_eq!(rejections.len(), 10_000);
    });
}

#[test]
fn a_hundred_thousand_elements_are_one_commit_and_are_read_back() {
    scratch(|kernel| {
        let spec = SetSpec::hash([DataType::Ipv4Addr, DataType::InetProto, DataType::InetService]);
        let keys: Vec<_> = (0..100_000)
            .map(|index| ElementKey::values([address(index), Datum::protocol(6), Datum::port(443)]))
            .collect();
        let set = add_elements("s", &spec, keys.clone());
        kernel.commit(&[add_table(), add_set("s", spec), set], Guard::None).unwrap();
        let elements = table(kernel).sets[&name("s")].elements.clone();
        assert_eq!(elements.len(), keys.len());
        assert!(keys.iter().all(|key| elements.get(key) == Some(&Element::PLAIN)));
    });
}

#[test]
fn neighbouring_ranges_stay_apart_and_are_deleted_one_by_one() {
    scratch(|kernel| {
        let spec = SetSpec::intervals([DataType::Ipv4Addr]);
        // Every range begins where the one before ends, and the last has no end.
        let mut keys: Vec<_> = (0..20_000)
            .map(|index| {
                let range = Interval::new(address(index * 8), address(index * 8 + 7)).unwrap();
                ElementKey::intervals([range])
            })
            .collect();
        let last = Interval::new(address(160_000), Datum::max(DataType::Ipv4Addr)).unwrap();
        keys.push(ElementKey::intervals([last]));
        let set = add_elements("s", &spec, keys.clone());
        kernel.commit(&[add_table(), add_set("s", spec.clone()), set], Guard::None).unwrap();
        assert!(table(kernel).sets[&name("s")].elements.keys().eq(&keys));
        let (even, odd): (Vec<_>, Vec<_>) = keys.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
        let even = even.into_iter().map(|(_, key)| key);
        kernel.commit(&[delete_elements("s", &spec, even.clone())], Guard::None).unwrap();
        assert!(table(kernel).sets[&name("s")].elements.keys().eq(odd.iter().map(|(_, key)| key)));
        // Again in the opposite order.
        kernel.commit(&[add_elements("s", &spec, even.rev())], Guard::None).unwrap();
        assert_eq!(table(kernel).sets[&name("s")].elements.len(), 20_001);
    });
}

#[test]
fn ranges_of_numbers_in_the_machines_order_are_asked_in_the_networks() {
    scratch(|kernel| {
        let spec = SetSpec::intervals([DataType::Mark]);
        let range = Interval::new(Datum::number(DataType::Mark, 0x100), Datum::number(DataType::Mark, 0x1ff)).unwrap();
        let elements = add_elements("marks", &spec, [ElementKey::intervals([range])]);
        kernel.commit(&[add_table(), add_set("marks", spec), elements], Guard::None).unwrap();
        // The set is of an earlier commit, so its form has to be asked for.
        let set = SetRef::Named(name("marks"));
        let lookup = Expr::Lookup(Lookup { key: vec![Field::Mark], operator: Operator::Eq, set });
        let rule = add_rule("in", "a:1", vec![lookup.clone(), Expr::Counter]);
        kernel.commit(&[add_base_chain("in", Hook::Input), rule], Guard::None).unwrap();
        let listed = crate::fixture::nft("list chain inet palisade pl_in");
        assert!(listed.contains("meta mark @pl_marks counter packets 0 bytes 0"), "{listed}");
        let rules = &table(kernel).chains[&name("in")].rules;
        let engine::observed::RuleContent::Known(rule) = &rules[0].content else { panic!("{rules:?}") };
        assert_eq!(rule.exprs, [lookup, Expr::Counter]);
    });
}
