//! Rulesets of one set that a chain looks into.

use std::net::Ipv4Addr;

use engine::compile::base::Base;
use engine::ruleset::{
    Chain, DataType, Datum, Element, ElementKey, Expr, Family, Field, Interval, Lookup, Name, Operator, Rule, Ruleset,
    Set, SetRef, SetSpec, Table, TableKey, Verdict,
};

/// The set's name.
const NAME: &str = "bench";

/// Single addresses.
pub(crate) fn addresses(n_elements: u32) -> Ruleset {
    one_set(vec![Field::IpSaddr], address_set().1, (0..n_elements).map(address_key))
}

/// The name and the kind of that set.
pub(crate) fn address_set() -> (Name, SetSpec) {
    (Name::ours(NAME), SetSpec::hash([DataType::Ipv4Addr]))
}

/// The nth element of that set.
pub(crate) fn address_key(n: u32) -> ElementKey {
    ElementKey::values([address(n)])
}

/// Networks of eight addresses.
pub(crate) fn networks(n_elements: u32) -> Ruleset {
    // With a gap between two, so that they stay two.
    let network = |n: u32| Interval::new(address(n * 16), address(n * 16 + 7)).unwrap();
    let keys = (0..n_elements).map(|n| ElementKey::intervals([network(n)]));
    one_set(vec![Field::IpSaddr], SetSpec::intervals([DataType::Ipv4Addr]), keys)
}

/// Networks of eight addresses, each with eighty ports or fewer.
pub(crate) fn ranges(n_elements: u32) -> Ruleset {
    let key = vec![Field::IpSaddr, Field::TcpDport];
    let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
    let port_type = types[1];
    let port = |port: u32| Datum::number(port_type, port);
    let keys = (0..n_elements).map(|n| {
        let addresses = Interval::new(address(n * 8), address(n * 8 + 7)).unwrap();
        let ports = Interval::new(port(80 + n % 7), port(150 + n % 9)).unwrap();
        ElementKey::intervals([addresses, ports])
    });
    one_set(key, SetSpec::intervals(types), keys)
}

/// Gives the one set another name, also where it is looked up.
pub(crate) fn rename(ruleset: &mut Ruleset, name: &str) {
    for table in ruleset.tables.values_mut() {
        table.sets = std::mem::take(&mut table.sets).into_values().map(|set| (Name::ours(name), set)).collect();
        for expr in table.chains.values_mut().flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.exprs) {
            if let Expr::Lookup(look) = expr {
                look.set = SetRef::Named(Name::ours(name));
            }
        }
    }
}

fn one_set(key: Vec<Field>, spec: SetSpec, keys: impl Iterator<Item = ElementKey>) -> Ruleset {
    let name = Name::ours(NAME);
    let elements = keys.map(|key| (key, Element::PLAIN)).collect();
    let look = Lookup { key, operator: Operator::Eq, set: SetRef::Named(name.clone()) };
    let rule = Rule { exprs: vec![Expr::Lookup(look), Expr::Verdict(Verdict::Accept)], comment: None };
    let (_, base) = Base::Forward.definition();
    let chain = Chain { base: Some(base), comment: None, rules: vec![rule] };
    let mut table = Table::default();
    table.sets.insert(name, Set { spec, elements });
    table.chains.insert(Base::Forward.name(), chain);
    Ruleset { tables: [(TableKey::ours(Family::Inet), table)].into() }
}

fn address(n: u32) -> Datum {
    Datum::address(Ipv4Addr::from_bits(0x0a00_0000 + n).into())
}
