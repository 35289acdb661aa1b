//! Commits: all or nothing, in order, counted, of any size.

use std::collections::BTreeSet;

use super::world::{
    INPUT, add_chain, add_elements, add_rule, add_set, add_table, creation, inet, ipv4, jump, name, only, op, rule,
    rules_in, sets,
};
use super::{Case, Deviation, Needs, expect, expect_ruleset};
use crate::kernel::{Guard, Kernel, KernelError};
use crate::observed::{Observed, RuleContent, RuleHandle, TableFlags};
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    Chain, DataType, Datum, Element, ElementKey, Elements, Expr, Family, Field, Match, Quota, Rule, Ruleset, Set,
    SetSpec, Table, TableKey, Verdict,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a table of every family comes and goes", needs: Needs::Nothing, run: families },
    Case { name: "only the tables that are asked for are observed", needs: Needs::Nothing, run: asked_for },
    Case {
        name: "a commit counts the generation up by one, an empty one not",
        needs: Needs::Nothing,
        run: generations,
    },
    Case { name: "a refused operation undoes the whole batch", needs: Needs::Nothing, run: atomicity },
    Case { name: "every refused operation is reported", needs: Needs::Nothing, run: reports },
    Case { name: "a guard holds a batch back when others committed", needs: Needs::Nothing, run: guard },
    Case { name: "a check changes nothing and reports what a commit would", needs: Needs::Nothing, run: check },
    Case { name: "a batch of 5,000 rules and 50,000 elements", needs: Needs::Nothing, run: large },
    Case { name: "rules stand where they were put", needs: Needs::Nothing, run: positions },
    Case { name: "handles are never used twice", needs: Needs::Nothing, run: handles },
    Case { name: "a flushed chain is empty and still there", needs: Needs::Nothing, run: flush },
    Case { name: "what is referred to goes with what refers to it", needs: Needs::Nothing, run: together },
    Case { name: "everything can be deleted again", needs: Needs::Nothing, run: deletions },
    Case { name: "a chain that exists is left as it is", needs: Needs::Nothing, run: chain_twice },
    Case { name: "a table that persists can be claimed", needs: Needs::Persist, run: claim },
    Case { name: "flags of a table cannot be lowered", needs: Needs::Persist, run: lowered_flags },
];

const NO_FLAGS: TableFlags = TableFlags { owner: false, persist: false };

/// `ip saddr 192.0.2.n accept`.
fn numbered(n: u8) -> Rule {
    rule([Match::eq(Field::IpSaddr, ipv4(n)), Expr::Verdict(Verdict::Accept)])
}

fn delete_rule(handle: RuleHandle) -> Op {
    op(OpKind::DeleteRule { chain: name("base"), handle })
}

fn handles_of(observed: &Observed) -> Vec<RuleHandle> {
    let chains = observed.tables.values().flat_map(|table| table.chains.values());
    chains.flat_map(|chain| chain.rules.iter().map(|rule| rule.handle)).collect()
}

/// The rules of `pl_base`, by the numbers that [`numbered`] gave them.
fn expect_order(kernel: &mut dyn Kernel, numbers: &[u8]) -> Result<Vec<RuleHandle>, Deviation> {
    let observed = kernel.observe(&[inet()])?;
    let rules: Vec<_> = (observed.tables.values())
        .filter_map(|table| table.chains.get(&name("base")))
        .flat_map(|chain| chain.rules.iter().map(|rule| rule.content.clone()))
        .collect();
    let wanted: Vec<_> = numbers.iter().map(|n| RuleContent::Known(numbered(*n))).collect();
    expect(rules == wanted, format!("rules {rules:?} instead of {numbers:?}"))?;
    Ok(handles_of(&observed))
}

fn families(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let keys = [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge].map(TableKey::ours);
    let all = Ruleset { tables: keys.clone().map(|key| (key, Table::default())).into() };
    kernel.commit(&creation(&all), Guard::None)?;
    expect_ruleset(kernel, &all)?;
    kernel.commit(&keys.clone().map(|table| Op { table, kind: OpKind::DeleteTable }), Guard::None)?;
    expect(kernel.observe(&keys)?.tables.is_empty(), "a deleted table is still there")
}

fn asked_for(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let (ip, arp) = (TableKey::ours(Family::Ip), TableKey::ours(Family::Arp));
    let both = Ruleset { tables: [(ip, Table::default()), (arp.clone(), Table::default())].into() };
    kernel.commit(&creation(&both), Guard::None)?;
    let found: Vec<TableKey> = kernel.observe(&[inet(), arp.clone()])?.tables.into_keys().collect();
    expect(found == [arp], format!("found {found:?}"))
}

fn generations(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let before = kernel.generation()?;
    kernel.commit(&[], Guard::None)?;
    expect(kernel.generation()? == before, "a commit of nothing was a commit")?;
    kernel.commit(&[add_table(), add_chain("one", None)], Guard::None)?;
    expect(kernel.generation()? == before.following(), "not counted up by one")?;
    expect(kernel.observe(&[inet()])?.generation == before.following(), "observed another generation")
}

fn atomicity(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let before = only(Family::Inet, rules_in(INPUT, vec![numbered(1)]));
    kernel.commit(&creation(&before), Guard::None)?;
    let handles = handles_of(&kernel.observe(&[inet()])?);
    let mut ops = vec![add_chain("new", None), add_rule("base", numbered(2))];
    ops.extend(handles.into_iter().map(delete_rule));
    ops.push(op(OpKind::DeleteChain(name("absent"))));
    ops.push(add_rule("new", numbered(3)));
    super::expect_refusal(kernel, &ops, 3, &[2])?;
    expect_ruleset(kernel, &before)
}

fn reports(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ops = [
        add_table(),
        add_rule("absent", numbered(1)),
        add_chain("one", None),
        jump_from("one", "absent"),
        op(OpKind::DeleteSet(name("absent"))),
    ];
    match kernel.commit(&ops, Guard::None) {
        Err(KernelError::Rejected(rejections)) => {
            let found: Vec<(usize, i32)> = rejections.iter().map(|rejection| (rejection.op, rejection.errno)).collect();
            expect(found == [(1, 2), (3, 2), (4, 2)], format!("refused {found:?}"))?;
            let said = rejections.iter().all(|rejection| rejection.what.contains("inet palisade pl_"));
            expect(said, "a refusal does not say what was refused")
        }
        other => Err(Deviation::new(format!("{other:?} instead of three refusals"))),
    }
}

fn jump_from(chain: &str, target: &str) -> Op {
    add_rule(chain, jump(target))
}

fn guard(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let seen = kernel.generation()?;
    kernel.commit(&[add_table()], Guard::Generation(seen))?;
    match kernel.commit(&[add_chain("one", None)], Guard::Generation(seen)) {
        Err(KernelError::Conflict { seen: told }) => expect(told == seen, "told another generation")?,
        other => return Err(Deviation::new(format!("{other:?} instead of a conflict"))),
    }
    expect_ruleset(kernel, &only(Family::Inet, Table::default()))?;
    let seen = kernel.generation()?;
    kernel.commit(&[add_chain("one", None)], Guard::Generation(seen))?;
    Ok(())
}

fn check(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let before = kernel.generation()?;
    kernel.check(&creation(&only(Family::Inet, rules_in(INPUT, vec![numbered(1)]))))?;
    expect(kernel.generation()? == before, "a check was a commit")?;
    expect(kernel.observe(&[inet()])?.tables.is_empty(), "a check left a table")?;
    match kernel.check(&[add_table(), op(OpKind::DeleteSet(name("absent")))]) {
        Err(KernelError::Rejected(rejections)) => {
            let found: Vec<(usize, i32)> = rejections.iter().map(|rejection| (rejection.op, rejection.errno)).collect();
            expect(found == [(1, 2)], format!("refused {found:?}"))?;
        }
        other => return Err(Deviation::new(format!("{other:?} instead of a refusal"))),
    }
    expect(kernel.generation()? == before, "a check was a commit")
}

fn large(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let element = |n: u32| (ElementKey::values([Datum::ipv4((0x0a00_0000 + n).into())]), Element::PLAIN);
    let elements: Elements = (0..50_000).map(element).collect();
    let set = Set { spec: SetSpec::hash([DataType::Ipv4Addr]), elements };
    let address = |n: u32| Match::eq(Field::IpSaddr, Datum::ipv4((0x0b00_0000 + n).into()));
    let rules = (0..5_000).map(|n| rule([address(n), Expr::Verdict(Verdict::Accept)])).collect();
    let table = Table { sets: [(name("many"), set)].into(), ..rules_in(INPUT, rules) };
    let ruleset = only(Family::Inet, table);
    kernel.commit(&creation(&ruleset), Guard::None)?;
    expect_ruleset(kernel, &ruleset)
}

fn positions(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ruleset = only(Family::Inet, rules_in(INPUT, vec![numbered(1), numbered(2)]));
    kernel.commit(&creation(&ruleset), Guard::None)?;
    let handles = expect_order(kernel, &[1, 2])?;
    let before = |handle: Option<&RuleHandle>, n| {
        let position = handle.map_or(RulePosition::Last, |handle| RulePosition::Before(*handle));
        op(OpKind::AddRule { chain: name("base"), position, rule: numbered(n) })
    };
    let (first, second) = (handles.first(), handles.get(1));
    // Two rules before the same one stand in the order of their operations.
    kernel.commit(&[before(first, 3), before(second, 4), before(second, 5), before(None, 6)], Guard::None)?;
    expect_order(kernel, &[3, 1, 4, 5, 2, 6])?;
    let replaced: Vec<Op> = handles.iter().copied().map(delete_rule).chain([before(None, 7)]).collect();
    kernel.commit(&replaced, Guard::None)?;
    expect_order(kernel, &[3, 4, 5, 6, 7]).map(drop)
}

fn handles(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    kernel.commit(&creation(&only(Family::Inet, rules_in(INPUT, Vec::new()))), Guard::None)?;
    let mut seen = BTreeSet::new();
    for n in 0..8 {
        kernel.commit(&[add_rule("base", numbered(n))], Guard::None)?;
        let handles = handles_of(&kernel.observe(&[inet()])?);
        expect(handles.len() == 1 && handles.iter().all(|handle| seen.insert(*handle)), "a handle was used twice")?;
        kernel.commit(&handles.into_iter().map(delete_rule).collect::<Vec<_>>(), Guard::None)?;
    }
    Ok(())
}

fn flush(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ruleset = only(Family::Inet, rules_in(INPUT, (0..20).map(numbered).collect()));
    kernel.commit(&creation(&ruleset), Guard::None)?;
    kernel.commit(&[op(OpKind::FlushChain(name("base"))), add_rule("base", numbered(7))], Guard::None)?;
    expect_order(kernel, &[7])?;
    kernel.commit(&[op(OpKind::FlushChain(name("base"))), op(OpKind::FlushChain(name("base")))], Guard::None)?;
    expect_ruleset(kernel, &only(Family::Inet, rules_in(INPUT, Vec::new())))
}

/// A base chain that looks into a map, which leads to a chain, which counts by name.
fn referring() -> Ruleset {
    let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
    let to_one = Element::verdict(Verdict::Jump(name("one")));
    let set = Set { spec, elements: [(ElementKey::values([ipv4(1)]), to_one)].into() };
    let map = crate::ruleset::SetRef::Named(name("map"));
    let look = rule([Expr::VerdictMap(crate::ruleset::VerdictMap { key: vec![Field::IpSaddr], map })]);
    let counted = rule([Expr::NamedCounter(name("seen")), Expr::NamedQuota(name("quota"))]);
    let mut table = Table { ..rules_in(INPUT, vec![look, jump("one")]) };
    table.chains.insert(name("one"), Chain { base: None, comment: None, rules: vec![counted] });
    table.sets.insert(name("map"), set);
    table.counters.insert(name("seen"), None);
    table.quotas.insert(name("quota"), Quota { bytes: 1 << 30, over: true });
    only(Family::Inet, table)
}

fn together(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    kernel.commit(&creation(&referring()), Guard::None)?;
    let ops = [
        OpKind::FlushChain(name("base")),
        OpKind::FlushChain(name("one")),
        OpKind::DeleteSet(name("map")),
        OpKind::DeleteChain(name("one")),
        OpKind::DeleteCounter(name("seen")),
        OpKind::DeleteQuota(name("quota")),
    ];
    kernel.commit(&ops.map(op), Guard::None)?;
    expect_ruleset(kernel, &only(Family::Inet, rules_in(INPUT, Vec::new())))
}

fn deletions(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let mut table = sets([(name("s"), Set { spec: SetSpec::hash([DataType::Mark]), elements: Elements::new() })]);
    table.counters.insert(name("c"), None);
    table.quotas.insert(name("q"), Quota { bytes: 9, over: false });
    table.chains.insert(name("one"), Chain::default());
    table.chains.insert(name("base"), Chain { base: Some(INPUT), ..Chain::default() });
    kernel.commit(&creation(&only(Family::Inet, table)), Guard::None)?;
    let ops = [
        OpKind::DeleteSet(name("s")),
        OpKind::DeleteCounter(name("c")),
        OpKind::DeleteQuota(name("q")),
        OpKind::DeleteChain(name("one")),
        OpKind::DeleteChain(name("base")),
    ];
    kernel.commit(&ops.map(op), Guard::None)?;
    expect_ruleset(kernel, &only(Family::Inet, Table::default()))
}

fn chain_twice(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let ruleset = referring();
    kernel.commit(&creation(&ruleset), Guard::None)?;
    let again = [add_chain("base", Some(INPUT)), add_chain("one", None), add_table()];
    kernel.commit(&again, Guard::None)?;
    let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
    let accept = Elements::from([(ElementKey::values([ipv4(9)]), Element::verdict(Verdict::Accept))]);
    kernel.commit(&[add_set("other", spec.clone()), add_elements("other", &spec, &accept)], Guard::None)?;
    kernel.commit(&[op(OpKind::DeleteSet(name("other")))], Guard::None)?;
    expect_ruleset(kernel, &ruleset)
}

fn table_with(flags: TableFlags) -> Op {
    op(OpKind::AddTable { flags, comment: None })
}

fn expect_flags(kernel: &mut dyn Kernel, flags: TableFlags) -> Result<(), Deviation> {
    let found = kernel.observe(&[inet()])?.tables.get(&inet()).map(|table| table.flags);
    expect(found == Some(flags), format!("flags {found:?} instead of {flags:?}"))
}

fn claim(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let persist = TableFlags { owner: false, persist: true };
    let owned = TableFlags { owner: true, persist: true };
    kernel.commit(&[table_with(persist)], Guard::None)?;
    expect_flags(kernel, persist)?;
    kernel.commit(&[table_with(owned)], Guard::None)?;
    expect_flags(kernel, owned)?;
    kernel.commit(&[add_chain("one", None)], Guard::None)?;
    kernel.commit(&[table_with(owned), op(OpKind::DeleteChain(name("one")))], Guard::None)?;
    expect_flags(kernel, owned)
}

fn lowered_flags(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let owned = TableFlags { owner: true, persist: true };
    kernel.commit(&[table_with(owned)], Guard::None)?;
    super::expect_refusal(kernel, &[table_with(TableFlags { owner: false, persist: true })], 0, &[95])?;
    kernel.commit(&[op(OpKind::DeleteTable), table_with(NO_FLAGS)], Guard::None)?;
    super::expect_refusal(kernel, &[table_with(owned)], 0, &[95])
}
