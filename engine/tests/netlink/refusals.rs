//! What the kernel refuses is named by operation and source line.

use engine::kernel::{Guard, Kernel, KernelError, Netlink, Rejection, try_in_scratch};
use engine::observed::{KernelGeneration, TableFlags};
use engine::plan::OpKind;
use engine::ruleset::{
    DataType, Datum, ElementKey, Expr, Field, Hook, Interval, Match, Nat, NatKind, SetSpec, Verdict,
};

use crate::fixture::{
    add_base_chain, add_chain, add_elements, add_rule, add_set, add_table, name, nft, op, ours, scratch,
};

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const EMLINK: i32 = 31;
const EOPNOTSUPP: i32 = 95;

#[track_caller]
fn rejections(result: Result<(), KernelError>) -> Vec<Rejection> {
    match result {
        Err(KernelError::Rejected(rejections)) => rejections,
        other => panic!("{other:?}"),
    }
}

fn jump(chain: &str) -> Vec<Expr> {
    vec![Expr::Verdict(Verdict::Jump(name(chain)))]
}

#[test]
fn every_bad_operation_is_named_with_its_line_and_nothing_is_done() {
    scratch(|kernel| {
        let before = kernel.generation().unwrap();
        let ops = [
            add_table(),
            add_chain("a"),
            add_rule("a", "shop/db egress[0] np.yaml:7", jump("missing")),
            add_rule("a", "np.yaml:9", vec![Expr::Counter]),
            add_rule("a", "np.yaml:11", jump("gone")),
        ];
        let rejections = rejections(kernel.commit(&ops, Guard::None));
        let found: Vec<_> = rejections.iter().map(|rejection| (rejection.op, rejection.errno)).collect();
        assert_eq!(found, [(2, ENOENT), (4, ENOENT)]);
        assert_eq!(
            &*rejections[0].what,
            r#"add rule inet palisade pl_a: jump pl_missing comment "shop/db egress[0] np.yaml:7""#
        );
        assert!(rejections[0].offset.is_some());
        assert_eq!(kernel.generation().unwrap(), before);
        assert!(kernel.observe(&[ours()]).unwrap().tables.is_empty());
    });
}

#[test]
fn each_kind_of_refusal_keeps_its_number() {
    scratch(|kernel| {
        let spec = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
        let part = |low, high| Interval::new(Datum::port(low), Datum::port(high)).unwrap();
        let boxed = |low, high| {
            ElementKey::intervals([Interval::single(Datum::number(DataType::Ipv4Addr, 1)), part(low, high)])
        };
        let ops =
            [add_table(), add_chain("a"), add_chain("b"), add_rule("a", "a:1", jump("b")), add_set("s", spec.clone())];
        kernel.commit(&ops, Guard::None).unwrap();
        for (op, errno) in [
            (add_set("s", spec.clone()), EEXIST),
            (op(OpKind::DeleteChain(name("b"))), EBUSY),
            (op(OpKind::DeleteSet(name("t"))), ENOENT),
            (add_elements("s", &spec, [boxed(1, 10), boxed(5, 20)]), EEXIST),
            (add_rule("b", "b:1", jump("a")), EMLINK),
        ] {
            // A loop is found only with a base chain to begin at.
            let ops = [add_base_chain("base", Hook::Input), add_rule("base", "c:1", jump("a")), op];
            let rejections = rejections(kernel.commit(&ops, Guard::None));
            assert_eq!(rejections.iter().map(|one| one.errno).collect::<Vec<_>>(), [errno], "{}", rejections[0].what);
        }
    });
}

#[test]
fn what_no_instruction_says_is_refused_before_anything_is_sent() {
    scratch(|kernel| {
        let wrong = Match::eq(Field::IpSaddr, Datum::port(80));
        let rejections =
            rejections(kernel.commit(&[add_table(), add_rule("a", "np.yaml:3", vec![wrong])], Guard::None));
        assert_eq!((rejections[0].op, rejections[0].errno), (1, EINVAL));
        assert_eq!(
            rejections[0].to_string(),
            concat!(
                r#"add rule inet palisade pl_a: ip saddr 80 comment "np.yaml:3": Invalid argument (os error 22) "#,
                "(a value is not of the field's type)"
            )
        );
    });
}

#[test]
fn a_stale_generation_is_a_conflict() {
    scratch(|kernel| {
        let seen = kernel.generation().unwrap();
        nft("add table inet other");
        match kernel.commit(&[add_table()], Guard::Generation(seen)) {
            Err(KernelError::Conflict { seen: told }) => assert_eq!(told, seen),
            other => panic!("{other:?}"),
        }
        let now = kernel.generation().unwrap();
        assert_eq!(now, KernelGeneration(seen.0 + 1));
        kernel.commit(&[add_table()], Guard::Generation(now)).unwrap();
    });
}

#[test]
fn an_owned_table_is_closed_to_everyone_else() {
    scratch(|kernel| {
        if !kernel.features().owner {
            eprintln!("skipped: this kernel's tables have no owner");
            return;
        }
        let flags = TableFlags { owner: true, persist: kernel.features().persist };
        kernel.commit(&[op(OpKind::AddTable { flags, comment: None })], Guard::None).unwrap();
        let mut other = Netlink::open().unwrap();
        match other.commit(&[add_chain("a")], Guard::None) {
            Err(error @ KernelError::Denied(Some(_))) => {
                assert!(error.to_string().contains("add chain inet palisade pl_a"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(other.observe(&[ours()]).unwrap().tables[&ours()].flags, flags);
        kernel.commit(&[add_chain("a")], Guard::None).unwrap();
    });
}

#[test]
fn a_check_changes_nothing_and_a_scratch_namespace_finds_what_it_misses() {
    scratch(|kernel| {
        let before = kernel.generation().unwrap();
        let good = [add_table(), add_base_chain("in", Hook::Input)];
        kernel.check(&good).unwrap();
        assert_eq!(rejections(kernel.check(&[add_table(), add_rule("none", "a:1", vec![])]))[0].errno, ENOENT);
        assert_eq!(kernel.generation().unwrap(), before);
        let masquerade = Nat { kind: NatKind::Masquerade, addresses: None, ports: None, flags: 0 };
        let bad = [good.to_vec(), vec![add_rule("in", "a:2", vec![Expr::Nat(masquerade)])]].concat();
        assert_eq!(rejections(try_in_scratch(&[&bad]))[0].errno, EOPNOTSUPP);
        try_in_scratch(&[&good]).unwrap();
        assert_eq!(kernel.generation().unwrap(), before);
    });
}
