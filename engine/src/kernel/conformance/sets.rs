//! What is put into the kernel is what is observed: sets and maps of every kind.

use std::collections::BTreeMap;
use std::time::Duration;

use super::round_trips::round_trip;
use super::samples::{range, value};
use super::world::{
    INPUT, add_elements, add_set, add_table, creation, delete_elements, inet, ipv4, name, only, op, rule, rules_in,
    sets,
};
use super::{Case, Deviation, Needs, expect, expect_ruleset};
use crate::kernel::{Guard, Kernel};
use crate::plan::OpKind;
use crate::ruleset::{
    Chain, Comment, DataType, Datum, Element, ElementData, ElementKey, Elements, Expr, Family, Field, Interval, Lookup,
    MapData, Name, Operator, Rule, Set, SetRef, SetSpec, Table, TableKey, Verdict,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "hash sets of every type", needs: Needs::Nothing, run: hash_sets },
    Case { name: "interval sets of every type of numbers", needs: Needs::Nothing, run: interval_sets },
    Case { name: "intervals that touch, and that reach either end", needs: Needs::Nothing, run: edges },
    Case { name: "concatenations, with and without intervals", needs: Needs::Nothing, run: concatenations },
    Case { name: "maps to verdicts, values and counters", needs: Needs::Nothing, run: maps },
    Case { name: "whether a key is in a map, asked as of a set", needs: Needs::MapAsSet, run: map_as_set },
    Case { name: "timeouts, sizes, element counters and comments", needs: Needs::Nothing, run: attributes },
    Case { name: "what counts for itself is told by its line", needs: Needs::Nothing, run: counted },
    Case { name: "elements come and go", needs: Needs::Nothing, run: deltas },
    Case { name: "an interval makes room for another in one batch", needs: Needs::Nothing, run: exchange },
    Case { name: "no element of a set is left when it is deleted", needs: Needs::Nothing, run: deletion },
];

fn plain(keys: impl IntoIterator<Item = ElementKey>) -> Elements {
    keys.into_iter().map(|key| (key, Element::PLAIN)).collect()
}

fn singles(data_type: DataType) -> Elements {
    plain((0..4).map(|n| ElementKey::values([value(data_type, n)])))
}

fn hash_sets(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let all = DataType::ALL.iter().map(|&data_type| {
        let set = Set { spec: SetSpec::hash([data_type]), elements: singles(data_type) };
        (name(&format!("{data_type:?}")), set)
    });
    round_trip(kernel, &only(Family::Inet, sets(all)))
}

fn interval_sets(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let all = DataType::ALL.iter().filter_map(|data_type| {
        let elements = plain([ElementKey::intervals([range(*data_type)?])]);
        Some((name(&format!("{data_type:?}")), Set { spec: SetSpec::intervals([*data_type]), elements }))
    });
    round_trip(kernel, &only(Family::Inet, sets(all)))
}

fn addresses(low: u32, high: u32) -> Option<Interval> {
    Interval::new(Datum::ipv4(low.into()), Datum::ipv4(high.into()))
}

fn ports(low: u16, high: u16) -> Option<Interval> {
    Interval::new(Datum::port(low), Datum::port(high))
}

fn intervals(parts: impl IntoIterator<Item = Option<Interval>>) -> Elements {
    plain(parts.into_iter().flatten().map(|part| ElementKey::intervals([part])))
}

fn edges(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let set = |elements: Elements| {
        let data_type = elements.keys().find_map(|key| match key {
            ElementKey::Parts(parts) => parts.first().map(Interval::data_type),
            ElementKey::CatchAll => None,
        });
        Set { spec: SetSpec::intervals(data_type.into_iter().collect::<Vec<_>>()), elements }
    };
    let mut with_catch_all = set(intervals([addresses(5, 9)]));
    with_catch_all.elements.insert(ElementKey::CatchAll, Element::PLAIN);
    let all = [
        ("touching", set(intervals([addresses(10, 19), addresses(20, 20), addresses(21, 30), addresses(32, 32)]))),
        ("lowest", set(intervals([addresses(0, 0), addresses(2, 5)]))),
        ("highest", set(intervals([addresses(u32::MAX - 9, u32::MAX)]))),
        ("last", set(intervals([addresses(7, 9), addresses(u32::MAX, u32::MAX)]))),
        ("everything", set(intervals([addresses(0, u32::MAX)]))),
        ("ports", set(intervals([ports(0, 1), ports(80, 80), ports(1_024, 65_535)]))),
        ("other", with_catch_all),
    ];
    round_trip(kernel, &only(Family::Inet, sets(all.map(|(words, set)| (name(words), set)))))
}

fn concatenations(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let by_type: [&[DataType]; 6] = [
        &[DataType::Ipv4Addr, DataType::InetService],
        &[DataType::Ipv4Addr, DataType::InetProto, DataType::InetService],
        &[DataType::Ipv6Addr, DataType::InetProto, DataType::InetService],
        &[DataType::Ifname, DataType::Ipv4Addr],
        &[DataType::Ipv4Addr, DataType::Ipv4Addr],
        &[DataType::Mark, DataType::InetProto],
    ];
    let mut all: Vec<(Name, Set)> = Vec::new();
    for types in by_type {
        let elements = plain((0..3).map(|n| ElementKey::values(types.iter().map(|data_type| value(*data_type, n)))));
        all.push((name(&format!("hash_{types:?}")), Set { spec: SetSpec::hash(types), elements }));
        let parts = |n| {
            let part = move |data_type: &DataType| {
                range(*data_type).filter(|_| n == 0).unwrap_or_else(|| Interval::single(value(*data_type, n)))
            };
            ElementKey::intervals(types.iter().map(part))
        };
        if types.contains(&DataType::Ifname) || types.contains(&DataType::Mark) {
            continue;
        }
        let mut elements = plain([parts(0)]);
        elements.extend(plain([ElementKey::intervals(
            types.iter().map(|data_type| Interval::single(Datum::max(*data_type))),
        )]));
        all.push((name(&format!("intervals_{types:?}")), Set { spec: SetSpec::intervals(types), elements }));
    }
    let networks = [(0x0a00_0000, 0x0aff_ffff, 0, 65_535), (0xc0a8_0000, 0xc0a8_ffff, 80, 443)];
    let boxes = networks
        .iter()
        .filter_map(|(low, high, from, to)| Some(ElementKey::intervals([addresses(*low, *high)?, ports(*from, *to)?])));
    let spec = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
    all.push((name("boxes"), Set { spec, elements: plain(boxes) }));
    round_trip(kernel, &only(Family::Inet, sets(all)))
}

fn maps(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let hash = SetSpec::hash([DataType::Ipv4Addr]);
    let data = |n: u8, data: ElementData| (ElementKey::values([ipv4(n)]), Element { data, ..Element::PLAIN });
    let verdict = |n, verdict| data(n, ElementData::Verdict(verdict));
    let verdicts = Elements::from([
        verdict(1, Verdict::Jump(name("one"))),
        verdict(2, Verdict::Goto(name("two"))),
        verdict(3, Verdict::Accept),
        verdict(4, Verdict::Drop),
        verdict(5, Verdict::Return),
        (ElementKey::CatchAll, Element::verdict(Verdict::Goto(name("one")))),
    ]);
    let interval_verdicts: Elements =
        [(addresses(0, 9), Verdict::Drop), (addresses(10, 99), Verdict::Jump(name("two")))]
            .into_iter()
            .filter_map(|(part, verdict)| Some((ElementKey::intervals([part?]), Element::verdict(verdict))))
            .collect();
    let values = Elements::from([data(1, ElementData::Value([ipv4(9), Datum::port(80)].into()))]);
    let counted = Elements::from([data(1, ElementData::Counter(name("seen")))]);
    let with = |data: MapData| SetSpec { data, ..hash.clone() };
    let chain = || Chain { base: None, comment: None, rules: Vec::new() };
    let all = [
        ("verdicts", Set { spec: with(MapData::Verdict), elements: verdicts }),
        ("intervals", Set { spec: SetSpec::intervals([DataType::Ipv4Addr]).verdicts(), elements: interval_verdicts }),
        (
            "values",
            Set { spec: with(MapData::Value(vec![DataType::Ipv4Addr, DataType::InetService])), elements: values },
        ),
        ("counters", Set { spec: with(MapData::Counter), elements: counted }),
    ];
    let table = Table {
        counters: BTreeMap::from([(name("seen"), None)]),
        chains: BTreeMap::from([(name("one"), chain()), (name("two"), chain())]),
        ..sets(all.map(|(words, set)| (name(words), set)))
    };
    round_trip(kernel, &only(Family::Inet, table))
}

fn map_as_set(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let map = Set {
        spec: SetSpec::hash([DataType::Ipv4Addr]).verdicts(),
        elements: Elements::from([(ElementKey::values([ipv4(1)]), Element::verdict(Verdict::Drop))]),
    };
    let question = Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set: SetRef::Named(name("m")) };
    let table = rules_in(INPUT, vec![rule([Expr::Lookup(question), Expr::Counter])]);
    round_trip(kernel, &only(Family::Inet, Table { sets: BTreeMap::from([(name("m"), map)]), ..table }))
}

fn attributes(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let hash = || SetSpec::hash([DataType::Ipv4Addr]);
    let hour = Duration::from_secs(3_600);
    let elements = || plain((1..4).map(|n| ElementKey::values([ipv4(n)])));
    let mut timed = elements();
    timed.insert(ElementKey::values([ipv4(9)]), Element { timeout: Some(2 * hour), ..Element::PLAIN });
    let told: Elements = (1..4)
        .map(|n| {
            let comment = Some(Comment::new(&format!("pod shop/db-{n}")));
            (ElementKey::values([ipv4(n)]), Element { comment, ..Element::PLAIN })
        })
        .collect();
    let intervals =
        |elements| Set { spec: SetSpec { counters: true, ..SetSpec::intervals([DataType::Ipv4Addr]) }, elements };
    let all = [
        ("timeout", Set { spec: SetSpec { timeout: Some(hour), ..hash() }, elements: timed }),
        ("size", Set { spec: SetSpec { size: 16.try_into().ok(), ..hash() }, elements: elements() }),
        ("counters", Set { spec: SetSpec { counters: true, ..hash() }, elements: elements() }),
        ("comments", Set { spec: SetSpec { comment: Some(Comment::new("a set")), ..hash() }, elements: told.clone() }),
        ("counted_intervals", intervals(self::intervals([addresses(0, 9), addresses(20, 29)]))),
        ("dynamic", Set { spec: SetSpec { dynamic: true, timeout: Some(hour), ..hash() }, elements: Elements::new() }),
        (
            "counted_verdicts",
            Set {
                spec: SetSpec { counters: true, ..hash().verdicts() },
                elements: told.into_iter().map(|(key, _)| (key, Element::verdict(Verdict::Drop))).collect(),
            },
        ),
    ];
    round_trip(kernel, &only(Family::Inet, sets(all.map(|(words, set)| (name(words), set)))))
}

fn counted(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let line = |text: &str| Some(Comment::new(text));
    let element = |text| Element { comment: line(text), ..Element::PLAIN };
    let of = |n, text| (ElementKey::values([ipv4(n)]), element(text));
    let counting = Set {
        spec: SetSpec { counters: true, ..SetSpec::hash([DataType::Ipv4Addr]) },
        elements: [of(1, "f:1"), of(2, "f:2"), of(3, "f:2")].into(),
    };
    let silent = Set { spec: SetSpec::hash([DataType::Ipv4Addr]), elements: [of(1, "f:9")].into() };
    let asks = |set| Lookup::in_set(Field::IpSaddr, &name(set), Operator::Eq);
    let rule = |exprs: Vec<Expr>, text| Rule { exprs, comment: line(text) };
    let rules = vec![
        // What it counts is told by the lines of the elements.
        rule(vec![asks("counting"), Expr::Counter], "f:1 to f:2"),
        rule(vec![asks("silent"), Expr::Counter], "f:3"),
        rule(vec![Expr::Counter], "f:3"),
        rule(vec![Expr::Verdict(Verdict::Accept)], "f:4"),
    ];
    let mut table = sets([(name("counting"), counting), (name("silent"), silent)]);
    table.chains = [(name("input"), Chain { base: Some(INPUT), comment: None, rules })].into();
    kernel.commit(&creation(&only(Family::Inet, table)), Guard::None)?;
    let found = kernel.counted(&inet())?;
    let lines: Vec<&str> = found.keys().map(Comment::as_str).collect();
    expect(lines == ["f:1", "f:2", "f:3"], format!("{lines:?} count"))?;
    let other = TableKey { name: name("other"), ..inet() };
    expect(kernel.counted(&other)?.is_empty(), "a table that is not there counts")
}

fn deltas(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let boxes = SetSpec::intervals([DataType::Ipv4Addr, DataType::InetService]);
    let a_box = |n: u32| Some(ElementKey::intervals([addresses(n * 10, n * 10 + 5)?, ports(80, 443)?]));
    let kinds: [(SetSpec, Vec<ElementKey>); 3] = [
        (SetSpec::hash([DataType::Ipv4Addr]), (0..4).map(|n| ElementKey::values([ipv4(n)])).collect()),
        (
            SetSpec::intervals([DataType::Ipv4Addr]),
            (0..4).filter_map(|n| Some(ElementKey::intervals([addresses(n * 10, n * 10 + 5)?]))).collect(),
        ),
        (boxes, (0..4).filter_map(a_box).collect()),
    ];
    kernel.commit(&[add_table()], Guard::None)?;
    for (n, (spec, keys)) in kinds.into_iter().enumerate() {
        let set = format!("set{n}");
        let part = |skip, take| plain(keys.iter().skip(skip).take(take).cloned());
        let expect = |kernel: &mut dyn Kernel, elements| {
            let mut table = sets([(name(&set), Set { spec: spec.clone(), elements })]);
            table.comment = None;
            expect_ruleset(kernel, &only(Family::Inet, table))
        };
        kernel.commit(&[add_set(&set, spec.clone()), add_elements(&set, &spec, &part(0, 2))], Guard::None)?;
        expect(kernel, part(0, 2))?;
        // What is there already stays as it is.
        kernel.commit(&[add_elements(&set, &spec, &part(1, 3))], Guard::None)?;
        expect(kernel, part(0, 4))?;
        kernel.commit(&[delete_elements(&set, &spec, &part(1, 2))], Guard::None)?;
        let mut left = part(0, 1);
        left.extend(part(3, 1));
        expect(kernel, left.clone())?;
        let ops = [delete_elements(&set, &spec, &left), add_elements(&set, &spec, &part(1, 2))];
        kernel.commit(&ops, Guard::None)?;
        expect(kernel, part(1, 2))?;
        kernel.commit(&[op(OpKind::DeleteSet(name(&set)))], Guard::None)?;
    }
    Ok(())
}

fn exchange(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let spec = SetSpec::intervals([DataType::Ipv4Addr]);
    let (wide, narrow) = (intervals([addresses(0, 255)]), intervals([addresses(0, 127)]));
    let before = only(Family::Inet, sets([(name("s"), Set { spec: spec.clone(), elements: wide.clone() })]));
    kernel.commit(&creation(&before), Guard::None)?;
    kernel.commit(&[delete_elements("s", &spec, &wide), add_elements("s", &spec, &narrow)], Guard::None)?;
    expect_ruleset(kernel, &only(Family::Inet, sets([(name("s"), Set { spec, elements: narrow })])))
}

fn deletion(kernel: &mut dyn Kernel) -> Result<(), Deviation> {
    let spec = SetSpec::hash([DataType::Ipv4Addr]);
    let full = Set { spec: spec.clone(), elements: singles(DataType::Ipv4Addr) };
    kernel.commit(&creation(&only(Family::Inet, sets([(name("s"), full)]))), Guard::None)?;
    kernel.commit(&[op(OpKind::DeleteSet(name("s"))), add_set("s", spec.clone())], Guard::None)?;
    expect_ruleset(kernel, &only(Family::Inet, sets([(name("s"), Set { spec, elements: Elements::new() })])))
}
