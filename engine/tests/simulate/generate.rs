//! Random rulesets that the kernel takes, about the packets of the laboratory.

use engine::ruleset::{
    Assign, AssignTarget, BaseChain, Chain, ChainType, CtField, DataType, Datum, Element, ElementKey, Expr, Family,
    Field, Hook, Interval, Limit, LimitUnit, Lookup, Match, Name, Nat, NatKind, Operator, Priority, Quota, Rule,
    Ruleset, Set, SetRef, SetSpec, Table, TableKey, Value, Verdict, VerdictMap,
};

/// Regular chains; each leads to later ones only.
const CHAINS: usize = 5;

const BASES: &[(&str, ChainType, Hook, i32)] = &[
    ("raw_prerouting", ChainType::Filter, Hook::Prerouting, -301),
    ("mangle_prerouting", ChainType::Filter, Hook::Prerouting, -151),
    ("nat_prerouting", ChainType::Nat, Hook::Prerouting, -101),
    ("late_prerouting", ChainType::Filter, Hook::Prerouting, -99),
    ("input", ChainType::Filter, Hook::Input, -10),
    ("nat_input", ChainType::Nat, Hook::Input, 99),
    ("late_input", ChainType::Filter, Hook::Input, 101),
    ("early_forward", ChainType::Filter, Hook::Forward, -10),
    ("forward", ChainType::Filter, Hook::Forward, 10),
    ("raw_output", ChainType::Filter, Hook::Output, -301),
    ("mangle_output", ChainType::Route, Hook::Output, -151),
    ("nat_output", ChainType::Nat, Hook::Output, -101),
    ("output", ChainType::Filter, Hook::Output, 10),
    ("postrouting", ChainType::Filter, Hook::Postrouting, -10),
    ("nat_postrouting", ChainType::Nat, Hook::Postrouting, 99),
    ("late_postrouting", ChainType::Filter, Hook::Postrouting, 150),
];

/// The ruleset of a seed; the same on every machine.
pub(crate) fn ruleset(seed: u64) -> Ruleset {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut table = Table::default();
    for number in 0..CHAINS {
        let rules = (0..3).map(|_| random.rule(number, None)).collect();
        table.chains.insert(regular(number), Chain { base: None, comment: None, rules });
    }
    for (name, chain_type, hook, priority) in BASES {
        let base = BaseChain { chain_type: *chain_type, hook: *hook, priority: Priority(*priority) };
        // Neighbour and listener discovery goes on beside the probes.
        let icmpv6 = Match::eq(Field::L4Proto, Datum::protocol(58));
        let mut rules = vec![Rule { exprs: vec![icmpv6, Expr::Verdict(Verdict::Accept)], comment: None }];
        rules.extend((0..4).map(|_| random.rule(0, Some(base))));
        table.chains.insert(Name::ours(name), Chain { base: Some(base), comment: None, rules });
    }
    table.sets = sets();
    Ruleset { tables: [(TableKey::ours(Family::Inet), table)].into() }
}

fn regular(number: usize) -> Name {
    Name::ours(&format!("chain{number}"))
}

fn sets() -> std::collections::BTreeMap<Name, Set> {
    let plain = |key| (key, Element::PLAIN);
    let networks = [plain(range(v4("10.2.0.3"), v4("10.2.0.255"))), plain(range(v4("10.1.0.1"), v4("10.1.0.1")))];
    let ports = [plain(ElementKey::values([v4("10.2.0.2"), Datum::port(53)]))];
    let verdicts = [
        (range(v4("10.2.0.0"), v4("10.2.0.2")), Element::verdict(Verdict::Jump(regular(4)))),
        (range(v4("10.2.0.3"), v4("10.2.0.3")), Element::verdict(Verdict::Return)),
        (ElementKey::CatchAll, Element::verdict(Verdict::Continue)),
    ];
    let set = |spec, elements| Set { spec, elements };
    [
        (Name::ours("networks"), set(SetSpec::intervals([DataType::Ipv4Addr]), networks.into())),
        (Name::ours("pairs"), set(SetSpec::hash([DataType::Ipv4Addr, DataType::InetService]), ports.into())),
        (Name::ours("verdicts"), set(SetSpec::intervals([DataType::Ipv4Addr]).verdicts(), verdicts.into())),
    ]
    .into()
}

/// A linear congruential generator, so that a seed is a ruleset for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A rule of a regular chain that leads to later ones than `number`, or of a base chain.
    fn rule(&mut self, number: usize, base: Option<BaseChain>) -> Rule {
        let is_v4 = self.below(3) > 0;
        let is_tcp = self.below(2) == 0;
        let mut exprs: Vec<Expr> = (0..self.below(3)).map(|_| self.matching(is_v4, is_tcp)).collect();
        exprs.push(Expr::Counter);
        if self.below(3) == 0 {
            exprs.push(self.matching(is_v4, is_tcp));
        }
        exprs.extend(self.action(number, base, is_v4, is_tcp));
        Rule { exprs, comment: None }
    }

    fn action(&mut self, number: usize, base: Option<BaseChain>, is_v4: bool, is_tcp: bool) -> Vec<Expr> {
        if let Some(BaseChain { chain_type: ChainType::Nat, hook, .. }) = base {
            return if self.below(2) == 0 { self.translation(hook, is_v4, is_tcp) } else { Vec::new() };
        }
        if base.is_some_and(|base| base.priority.0 == -301) && self.below(6) == 0 {
            return vec![Expr::Notrack];
        }
        let target = match base {
            Some(_) => Some(regular(self.below(CHAINS))),
            None if number + 1 < CHAINS => Some(regular(number + 1 + self.below(CHAINS - number - 1))),
            None => None,
        };
        if base.is_some() && is_v4 && self.below(6) == 0 {
            let map = SetRef::Named(Name::ours("verdicts"));
            return vec![Expr::VerdictMap(VerdictMap { key: vec![Field::IpDaddr], map })];
        }
        vec![match (self.below(9), target) {
            (0, _) => self.assignment(),
            (1 | 2, Some(chain)) => Expr::Verdict(Verdict::Jump(chain)),
            (3, Some(chain)) => Expr::Verdict(Verdict::Goto(chain)),
            (4, _) => Expr::Verdict(Verdict::Return),
            (5, _) => Expr::Verdict(Verdict::Accept),
            (6, _) if self.below(4) == 0 => Expr::Verdict(Verdict::Drop),
            (7, _) => self.assignment(),
            _ => return Vec::new(),
        }]
    }

    fn assignment(&mut self) -> Expr {
        let targets = [AssignTarget::Mark, AssignTarget::CtMark];
        Expr::Assign(Assign {
            target: self.one_of(&targets),
            source: self.one_of(&targets),
            mask: self.one_of(&[0, 0xff, u32::MAX, 0xffff_fff0]),
            xor: self.one_of(&[0, 1, 2, 0x100]),
        })
    }

    fn translation(&mut self, hook: Hook, is_v4: bool, is_tcp: bool) -> Vec<Expr> {
        let address = match (is_v4, hook) {
            (true, Hook::Input | Hook::Postrouting) => self.one_of(&["10.2.0.1", "10.2.0.9"]),
            (true, _) => self.one_of(&["10.2.0.3", "10.2.0.2", "10.1.0.1"]),
            (false, Hook::Input | Hook::Postrouting) => "fd00:2::9",
            (false, _) => self.one_of(&["fd00:2::2", "fd00:1::1"]),
        };
        let address = Datum::address(address.parse().unwrap());
        let (kind, addresses) = match (hook, self.below(3)) {
            (Hook::Postrouting, 0) => (NatKind::Masquerade, None),
            (Hook::Prerouting | Hook::Output, 0) => (NatKind::Redirect, None),
            (Hook::Postrouting | Hook::Input, _) => (NatKind::Source, Some(Interval::single(address))),
            _ => (NatKind::Destination, Some(Interval::single(address))),
        };
        let to_port = matches!(kind, NatKind::Destination | NatKind::Redirect) && self.below(2) == 0;
        let ports = to_port.then(|| Interval::new(Datum::port(80), Datum::port(82)).unwrap());
        let protocol = Match::eq(Field::L4Proto, Datum::protocol(if is_tcp { 6 } else { 17 }));
        vec![protocol, Expr::Nat(Nat { kind, addresses, ports, flags: 0 })]
    }

    fn matching(&mut self, is_v4: bool, is_tcp: bool) -> Expr {
        let operator = self.one_of(&[Operator::Eq, Operator::Eq, Operator::Ne]);
        let compare = |field: Field, mask: Option<u32>, value| {
            let mask = mask.map(|mask| Datum::number(field.data_type(), mask));
            Expr::Match(Match { field, mask, operator, value })
        };
        let number = |field: Field, number| Value::One(Datum::number(field.data_type(), number));
        match self.below(20) {
            0 => {
                let field = self.one_of(&[Field::Iifname, Field::Oifname]);
                let name = self.one_of(&["in0", "out0", "lo", "none"]);
                compare(field, None, Value::One(Datum::ifname(name)))
            }
            1 => {
                let field = self.one_of(&[Field::Iifname, Field::Oifname]);
                compare(field, None, Value::Prefix(Datum::ifname("in"), 16))
            }
            2 => compare(Field::NfProto, None, number(Field::NfProto, if is_v4 { 2 } else { 10 })),
            3 => compare(Field::L4Proto, None, number(Field::L4Proto, if is_tcp { 6 } else { 17 })),
            4 | 5 => self.port(operator, is_tcp),
            6..=8 => self.address(operator, is_v4),
            9 if is_tcp => compare(Field::TcpFlags, Some(0x12), number(Field::TcpFlags, self.one_of(&[0, 2]))),
            9 | 10 => {
                let value = self.one_of(&[0, 0, 1, 8]);
                compare(
                    Field::Ct(CtField::State),
                    Some(self.one_of(&[1, 8, 0x4a, 0x40])),
                    number(Field::Ct(CtField::State), value),
                )
            }
            11 => compare(
                Field::Ct(CtField::Status),
                Some(self.one_of(&[16, 32, 48])),
                number(Field::Ct(CtField::Status), 0),
            ),
            12 => {
                let field = self.one_of(&[Field::Mark, Field::Ct(CtField::Mark)]);
                compare(field, self.one_of(&[None, Some(0xff)]), number(field, self.one_of(&[0, 1, 2, 3])))
            }
            13 => compare(
                Field::Ct(CtField::Direction),
                None,
                number(Field::Ct(CtField::Direction), self.one_of(&[0, 1])),
            ),
            14 => compare(Field::FibDaddrType, None, number(Field::FibDaddrType, self.one_of(&[1, 2]))),
            15 => compare(Field::Length, None, number(Field::Length, self.one_of(&[29, 49, 60]))),
            16 => {
                let field = if is_v4 { Field::IpTtl } else { Field::Ip6Hoplimit };
                compare(field, None, number(field, self.one_of(&[63, 64])))
            }
            17 => compare(Field::SkUid, None, number(Field::SkUid, self.one_of(&[0, 1000]))),
            18 => {
                let over = self.below(3) == 0;
                let limit = Limit { rate: 100_000, per: LimitUnit::Second, burst: 1_000, bytes: false, over };
                if self.below(2) == 0 { Expr::Limit(limit) } else { Expr::Quota(Quota { bytes: 1 << 40, over }) }
            }
            _ => self.lookup(operator, is_v4, is_tcp),
        }
    }

    fn port(&mut self, operator: Operator, is_tcp: bool) -> Expr {
        let field = if is_tcp { Field::TcpDport } else { Field::UdpDport };
        let port = self.one_of(&[53, 80, 82]);
        let value = match self.below(3) {
            0 => Value::Range(Interval::new(Datum::port(60), Datum::port(100)).unwrap()),
            _ => Value::One(Datum::port(port)),
        };
        Expr::Match(Match { field, mask: None, operator, value })
    }

    fn address(&mut self, operator: Operator, is_v4: bool) -> Expr {
        let (field, value) = if is_v4 {
            let original = [Field::Ct(CtField::OriginalIpSaddr), Field::Ct(CtField::OriginalIpDaddr)];
            let original = self.one_of(&original);
            let field = self.one_of(&[Field::IpSaddr, Field::IpDaddr, Field::IpDaddr, original]);
            let address = v4(self.one_of(&["10.1.0.2", "10.2.0.1", "10.2.0.2", "10.2.0.3", "10.1.0.1"]));
            let value = match self.below(3) {
                0 => Value::Prefix(v4("10.2.0.0"), 23),
                1 => Value::Range(Interval::new(v4("10.2.0.2"), v4("10.2.0.9")).unwrap()),
                _ => Value::One(address),
            };
            (field, value)
        } else {
            let field = self.one_of(&[Field::Ip6Saddr, Field::Ip6Daddr, Field::Ct(CtField::OriginalIp6Daddr)]);
            let address = v6(self.one_of(&["fd00:1::2", "fd00:2::2", "fd00:1::1", "fd00:2::9"]));
            (field, if self.below(2) == 0 { Value::Prefix(v6("fd00:2::"), 64) } else { Value::One(address) })
        };
        Expr::Match(Match { field, mask: None, operator, value })
    }

    fn lookup(&mut self, operator: Operator, is_v4: bool, is_tcp: bool) -> Expr {
        let named = |name| SetRef::Named(Name::ours(name));
        let lookup = |key: &[Field], set| Expr::Lookup(Lookup { key: key.into(), operator, set });
        match self.below(5) {
            0 if is_v4 => lookup(&[Field::IpDaddr], named("networks")),
            1 if is_v4 && !is_tcp => lookup(&[Field::IpDaddr, Field::UdpDport], named("pairs")),
            2 if is_v4 => lookup(&[Field::IpSaddr], named("networks")),
            3 => Expr::VerdictMap(VerdictMap { key: vec![Field::Mark], map: marks() }),
            _ => {
                let names = ["in0", "lo", "none"].map(|name| ElementKey::values([Datum::ifname(name)]));
                let elements = names.map(|name| (name, Element::PLAIN)).into();
                lookup(&[Field::Iifname], SetRef::Anonymous { spec: SetSpec::hash([DataType::Ifname]), elements })
            }
        }
    }
}

/// Sends on what bears no mark, returns what bears one.
fn marks() -> SetRef {
    let mark = |mark| ElementKey::values([Datum::number(DataType::Mark, mark)]);
    let elements = [
        (mark(0), Element::verdict(Verdict::Continue)),
        (mark(1), Element::verdict(Verdict::Return)),
        (mark(2), Element::verdict(Verdict::Accept)),
    ];
    SetRef::Anonymous { spec: SetSpec::hash([DataType::Mark]).verdicts(), elements: elements.into() }
}

fn range(low: Datum, high: Datum) -> ElementKey {
    ElementKey::intervals([Interval::new(low, high).unwrap()])
}

fn v4(text: &str) -> Datum {
    Datum::ipv4(text.parse().unwrap())
}

fn v6(text: &str) -> Datum {
    Datum::ipv6(text.parse().unwrap())
}
