//! What a kernel must refuse, with which number, and which operation it blames.

use std::num::NonZeroU32;

use super::world::{
    FORWARD, INPUT, add_chain, add_elements, add_rule, add_set, add_table, filter, ipv4, jump, name, op, rule,
};
use super::{Case, Deviation, Needs, expect_refusal};
use crate::kernel::{Guard, Kernel};
use crate::observed::RuleHandle;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    BaseChain, ChainType, DataType, Datum, Element, ElementData, ElementKey, Elements, Expr, Field, Hook, Interval,
    Lookup, MapData, Match, Nat, NatKind, Operator, Priority, Quota, RejectWith, SetRef, SetSpec, Verdict, VerdictMap,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "what is missing cannot be changed", needs: Needs::Nothing, run: missing },
    Case { name: "what exists cannot be created", needs: Needs::Nothing, run: existing },
    Case { name: "what is referred to cannot be deleted", needs: Needs::Nothing, run: referenced },
    Case { name: "nothing jumps to a base chain", needs: Needs::Nothing, run: jump_to_base },
    Case { name: "sixteen chains in a row and no more", needs: Needs::Nothing, run: depth },
    Case { name: "no loops, by rules or by maps", needs: Needs::Nothing, run: loops },
    Case { name: "expressions that the hook does not allow", needs: Needs::Nothing, run: hooks },
    Case { name: "expressions that no hook on the way allows", needs: Needs::Nothing, run: hooks_on_the_way },
    Case { name: "chain types that the hook does not allow", needs: Needs::Nothing, run: chain_types },
    Case { name: "a base chain keeps its hook", needs: Needs::Nothing, run: another_hook },
    Case { name: "intervals do not overlap", needs: Needs::Nothing, run: overlaps },
    Case { name: "concatenated intervals do not overlap", needs: Needs::Nothing, run: concatenated_overlaps },
    Case { name: "a key maps to one thing", needs: Needs::Nothing, run: clash },
    Case { name: "a set of a size takes no more", needs: Needs::Nothing, run: full },
    Case { name: "keys have the set's types, and lookups its kind", needs: Needs::Nothing, run: types },
];

const NOT_FOUND: &[i32] = &[2];
const BUSY: &[i32] = &[16];
const EXISTS: &[i32] = &[17];
/// Kernels before 6.3 say busy where later ones say that it exists.
const CLASHES: &[i32] = &[16, 17];
/// Busy, exists and, in 6.18, not supported have all been said.
const FIXED: &[i32] = &[16, 17, 95];
const INVALID: &[i32] = &[22];
const FULL: &[i32] = &[23];
const TOO_DEEP: &[i32] = &[31];
const NOT_SUPPORTED: &[i32] = &[95];

fn addresses() -> SetSpec {
    SetSpec::hash([DataType::Ipv4Addr])
}

fn one_element() -> Elements {
    Elements::from([(ElementKey::values([ipv4(1)]), Element::PLAIN)])
}

fn mapped(verdict: Verdict) -> Elements {
    Elements::from([(ElementKey::values([ipv4(1)]), Element::verdict(verdict))])
}

fn looks_into(set: &str) -> Expr {
    let set = SetRef::Named(name(set));
    Expr::Lookup(Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set })
}

fn maps_by(map: &str) -> Expr {
    Expr::VerdictMap(VerdictMap { key: vec![Field::IpSaddr], map: SetRef::Named(name(map)) })
}

fn counter(words: &str) -> Op {
    op(OpKind::AddCounter { name: name(words), comment: None })
}

fn quota(words: &str) -> Op {
    op(OpKind::AddQuota { name: name(words), quota: Quota { bytes: 1_000, over: true } })
}

/// A table with something of every kind, and `pl_base` in the input hook.
fn furnish(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let map = addresses().verdicts();
    let ops = [
        add_table(),
        counter("c"),
        quota("q"),
        add_set("s", addresses()),
        add_set("m", map.clone()),
        add_chain("one", None),
        add_chain("two", None),
        add_chain("base", Some(INPUT)),
        add_elements("m", &map, &mapped(Verdict::Jump(name("two")))),
        add_rule("base", jump("one")),
        add_rule("base", rule([looks_into("s"), Expr::NamedCounter(name("c")), Expr::NamedQuota(name("q"))])),
    ];
    Ok(kernel.commit(&ops, Guard::None)?)
}

/// Each operation by itself is refused with one of these numbers.
fn each_refused(kernel: &mut dyn Kernel, ops: impl IntoIterator<Item = Op>, errnos: &[i32]) -> Result<(), Deviation> {
    for op in ops {
        let what = op.to_string();
        expect_refusal(kernel, &[op], 0, errnos).map_err(|deviation| Deviation::new(format!("{what}: {deviation}")))?;
    }
    Ok(())
}

fn missing(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    each_refused(kernel, [op(OpKind::DeleteTable), add_chain("one", None)], NOT_FOUND)?;
    furnish(kernel)?;
    let to_absent = Verdict::Goto(name("absent"));
    let before = RulePosition::Before(RuleHandle(4_000_000));
    let ops = [
        op(OpKind::DeleteChain(name("absent"))),
        op(OpKind::FlushChain(name("absent"))),
        op(OpKind::DeleteSet(name("absent"))),
        op(OpKind::DeleteCounter(name("absent"))),
        op(OpKind::DeleteQuota(name("absent"))),
        op(OpKind::DeleteRule { chain: name("one"), handle: RuleHandle(4_000_000) }),
        op(OpKind::AddRule { chain: name("one"), position: before, rule: rule([Expr::Counter]) }),
        add_elements("absent", &addresses(), &one_element()),
        super::world::delete_elements("s", &addresses(), &one_element()),
        add_elements(
            "m",
            &addresses().verdicts(),
            &Elements::from([(ElementKey::CatchAll, Element::verdict(to_absent))]),
        ),
        add_rule("absent", rule([Expr::Counter])),
        add_rule("one", jump("absent")),
        add_rule("one", rule([looks_into("absent")])),
        add_rule("one", rule([maps_by("absent")])),
        add_rule("one", rule([Expr::NamedCounter(name("absent"))])),
        add_rule("one", rule([Expr::NamedQuota(name("absent"))])),
    ];
    each_refused(kernel, ops, NOT_FOUND)
}

fn existing(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    each_refused(kernel, [counter("c"), quota("q"), add_set("s", addresses())], EXISTS)
}

fn referenced(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    let ops = [
        OpKind::DeleteChain(name("one")),
        OpKind::DeleteChain(name("two")),
        OpKind::DeleteSet(name("s")),
        OpKind::DeleteCounter(name("c")),
        OpKind::DeleteQuota(name("q")),
    ];
    each_refused(kernel, ops.map(op), BUSY)
}

fn jump_to_base(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    let map = addresses().verdicts();
    let catch_all = Elements::from([(ElementKey::CatchAll, Element::verdict(Verdict::Goto(name("base"))))]);
    each_refused(kernel, [add_rule("one", jump("base")), add_elements("m", &map, &catch_all)], NOT_SUPPORTED)
}

fn depth(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    // The base chain and fifteen more.
    let mut ops = vec![add_table(), add_chain("base", Some(INPUT))];
    ops.extend((1..=16).map(|n| add_chain(&format!("c{n}"), None)));
    ops.extend((1..15).map(|n| add_rule(&format!("c{n}"), jump(&format!("c{}", n + 1)))));
    ops.push(add_rule("base", jump("c1")));
    kernel.commit(&ops, Guard::None)?;
    expect_refusal(kernel, &[add_chain("more", None), add_rule("c15", jump("c16"))], 1, TOO_DEEP)
}

fn loops(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    let ops = [add_rule("one", rule([Expr::Counter])), add_rule("one", jump("two")), add_rule("two", jump("one"))];
    expect_refusal(kernel, &ops, 2, TOO_DEEP)?;
    let by_map = [add_rule("one", rule([maps_by("m")])), add_rule("two", jump("one"))];
    expect_refusal(kernel, &by_map, 1, TOO_DEEP)
}

fn nat(kind: NatKind) -> Expr {
    let addresses = match kind {
        NatKind::Source | NatKind::Destination => Some(Interval::single(ipv4(1))),
        NatKind::Masquerade | NatKind::Redirect => None,
    };
    Expr::Nat(Nat { kind, addresses, ports: None, flags: 0 })
}

fn hooks(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let nat_chain = |hook| BaseChain { chain_type: ChainType::Nat, hook, priority: Priority(50) };
    kernel.commit(&[add_table()], Guard::None)?;
    let refused = [
        (FORWARD, nat(NatKind::Masquerade)),
        (filter(Hook::Postrouting), nat(NatKind::Masquerade)),
        (nat_chain(Hook::Prerouting), nat(NatKind::Masquerade)),
        (nat_chain(Hook::Prerouting), nat(NatKind::Source)),
        (nat_chain(Hook::Postrouting), nat(NatKind::Destination)),
        (nat_chain(Hook::Postrouting), nat(NatKind::Redirect)),
        (filter(Hook::Prerouting), nat(NatKind::Destination)),
        (filter(Hook::Postrouting), Expr::Reject(RejectWith::Icmpx(1))),
        (filter(Hook::Output), Match::eq(Field::FibDaddrIifType, Datum::number(DataType::FibAddrtype, 2))),
    ];
    for (base, expr) in refused {
        let ops = [add_chain("base", Some(base)), add_rule("base", rule([expr.clone()]))];
        expect_refusal(kernel, &ops, 1, NOT_SUPPORTED)
            .map_err(|deviation| Deviation::new(format!("{expr:?} in {}: {deviation}", base.hook)))?;
    }
    Ok(())
}

fn hooks_on_the_way(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ops = [
        add_table(),
        add_chain("base", Some(filter(Hook::Postrouting))),
        add_chain("one", None),
        add_rule("one", rule([Expr::Reject(RejectWith::Icmpx(1))])),
    ];
    kernel.commit(&ops, Guard::None)?;
    expect_refusal(kernel, &[add_rule("base", rule([Expr::Counter])), add_rule("base", jump("one"))], 1, NOT_SUPPORTED)
}

fn chain_types(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    kernel.commit(&[add_table()], Guard::None)?;
    let base = |chain_type, hook, priority| {
        add_chain("base", Some(BaseChain { chain_type, hook, priority: Priority(priority) }))
    };
    let ops = [
        base(ChainType::Nat, Hook::Forward, 0),
        base(ChainType::Nat, Hook::Output, -200),
        base(ChainType::Route, Hook::Input, -150),
    ];
    each_refused(kernel, ops, NOT_SUPPORTED)
}

fn another_hook(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    let later = BaseChain { priority: Priority(7), ..INPUT };
    each_refused(kernel, [add_chain("base", Some(FORWARD)), add_chain("base", Some(later))], FIXED)
}

fn range(low: u8, high: u8) -> Option<Interval> {
    Interval::new(ipv4(low), ipv4(high))
}

fn overlaps(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let spec = SetSpec::intervals([DataType::Ipv4Addr]);
    let held = |low, high| {
        let key = range(low, high).map(|part| ElementKey::intervals([part]));
        add_elements("s", &spec, &key.into_iter().map(|key| (key, Element::PLAIN)).collect())
    };
    kernel.commit(&[add_table(), add_set("s", spec.clone()), held(10, 20), held(30, 40)], Guard::None)?;
    kernel.commit(&[held(10, 20), held(21, 29)], Guard::None)?;
    each_refused(kernel, [held(12, 15), held(5, 12), held(35, 50), held(0, 60)], EXISTS)
}

fn concatenated_overlaps(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let spec = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
    let held = |low, high, from, to| {
        let ports = Interval::new(Datum::port(from), Datum::port(to));
        let key = range(low, high).zip(ports).map(|(addresses, ports)| ElementKey::intervals([addresses, ports]));
        add_elements("s", &spec, &key.into_iter().map(|key| (key, Element::PLAIN)).collect())
    };
    kernel.commit(&[add_table(), add_set("s", spec.clone()), held(10, 20, 80, 90), held(30, 40, 1, 9)], Guard::None)?;
    // The same again, beside it in one field, and around what is there.
    kernel.commit(&[held(10, 20, 80, 90), held(10, 20, 91, 99), held(28, 42, 0, 10)], Guard::None)?;
    each_refused(kernel, [held(12, 15, 82, 83), held(15, 25, 85, 95)], EXISTS)
}

fn clash(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    each_refused(kernel, [add_elements("m", &addresses().verdicts(), &mapped(Verdict::Drop))], CLASHES)
}

fn full(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let spec = SetSpec { size: NonZeroU32::new(2), ..addresses() };
    let held = |n| Elements::from([(ElementKey::values([ipv4(n)]), Element::PLAIN)]);
    let ops = [
        add_table(),
        add_set("s", spec.clone()),
        add_elements("s", &spec, &held(1)),
        add_elements("s", &spec, &held(2)),
    ];
    kernel.commit(&ops, Guard::None)?;
    each_refused(kernel, [add_elements("s", &spec, &held(3))], FULL)
}

fn types(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    furnish(kernel)?;
    let v6 = Datum::ipv6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
    let value_map = SetSpec { data: MapData::Value(vec![DataType::InetService]), ..addresses() };
    let value = Element { data: ElementData::Value([Datum::port(80)].into()), ..Element::PLAIN };
    kernel.commit(
        &[
            add_set("v", value_map.clone()),
            add_elements("v", &value_map, &Elements::from([(ElementKey::values([ipv4(1)]), value)])),
        ],
        Guard::None,
    )?;
    let ops = [
        add_elements(
            "s",
            &SetSpec::hash([DataType::Ipv6Addr]),
            &Elements::from([(ElementKey::values([v6]), Element::PLAIN)]),
        ),
        add_rule("one", rule([maps_by("s")])),
        add_rule("one", rule([maps_by("v")])),
    ];
    each_refused(kernel, ops, INVALID)
}
