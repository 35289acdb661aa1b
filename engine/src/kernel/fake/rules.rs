//! Rules: what they name exists, and the types fit.

use super::elements;
use super::errno::Errno;
use crate::observed::ObservedTable;
use crate::ruleset::{
    DataType, Datum, DynamicSet, Elements, Expr, Family, Field, MapData, Match, Name, PerElement, Rule, SetCt, SetRef,
    SetSpec, Value, Verdict,
};

pub(super) fn admit(family: Family, table: &ObservedTable, rule: &Rule) -> Result<(), Errno> {
    rule.exprs.iter().try_for_each(|expr| admit_expr(family, table, expr))
}

pub(super) fn admit_verdict(table: &ObservedTable, verdict: &Verdict) -> Result<(), Errno> {
    match verdict {
        Verdict::Jump(target) | Verdict::Goto(target) => match table.chains.get(target) {
            None => Err(Errno::NotFound),
            Some(chain) if chain.base.is_some() => Err(Errno::NotSupported),
            Some(_) => Ok(()),
        },
        Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Continue => Ok(()),
    }
}

fn admit_expr(family: Family, table: &ObservedTable, expr: &Expr) -> Result<(), Errno> {
    match expr {
        Expr::Match(matched) => admit_match(matched),
        Expr::Bytes(bytes) => fits(bytes.is_sound()),
        Expr::Lookup(lookup) => admit_lookup(table, &lookup.key, &lookup.set, |_| true),
        Expr::VerdictMap(map) => admit_lookup(table, &map.key, &map.map, |data| *data == MapData::Verdict),
        Expr::NamedCounter(name) => exists(table.counters.contains_key(name)),
        Expr::NamedQuota(name) => exists(table.quotas.contains_key(name)),
        Expr::SetCt(SetCt::Helper(name)) => exists(table.helpers.contains_key(name)),
        Expr::Verdict(verdict) => admit_verdict(table, verdict),
        Expr::DynamicSet(dynamic) => admit_dynamic(table, dynamic),
        Expr::Nat(_) => match family {
            Family::Inet | Family::Ip | Family::Ip6 => Ok(()),
            Family::Arp | Family::Bridge => Err(Errno::NotSupported),
        },
        Expr::Queue(queue) => match family {
            Family::Arp => Err(Errno::NotSupported),
            Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge => fits(queue.n_queues().is_some()),
        },
        Expr::Duplicate(address) => match family {
            Family::Ip => fits(address.is_ipv4()),
            Family::Ip6 => fits(address.is_ipv6()),
            Family::Inet | Family::Arp | Family::Bridge => Err(Errno::NotFound),
        },
        Expr::Counter
        | Expr::Exists(_)
        | Expr::Quota(_)
        | Expr::Limit(_)
        | Expr::Log(_)
        | Expr::Reject(_)
        | Expr::Notrack
        | Expr::Sample(_)
        | Expr::Clock(_)
        | Expr::Assign(_)
        | Expr::SegmentSize(_)
        | Expr::StripOption(_)
        | Expr::Tproxy(_)
        | Expr::Synproxy(_)
        | Expr::SetHeader(_)
        | Expr::SetMeta(_)
        | Expr::SetCt(SetCt::Zone { .. }) => Ok(()),
    }
}

fn exists(there: bool) -> Result<(), Errno> {
    if there { Ok(()) } else { Err(Errno::NotFound) }
}

fn fits(fit: bool) -> Result<(), Errno> {
    if fit { Ok(()) } else { Err(Errno::Invalid) }
}

fn admit_match(matched: &Match) -> Result<(), Errno> {
    let Match { field, mask, operator: _, value } = matched;
    let data_type = field.data_type();
    let value_type = match value {
        Value::One(value) | Value::Prefix(value, _) => value.data_type(),
        Value::Range(range) => range.data_type(),
    };
    fits(value_type == data_type && mask.as_ref().map(Datum::data_type).is_none_or(|mask| mask == data_type))
}

fn admit_lookup(
    table: &ObservedTable,
    key: &[Field],
    set: &SetRef,
    holds: impl Fn(&MapData) -> bool,
) -> Result<(), Errno> {
    let spec = match set {
        SetRef::Named(name) => named(table, name)?,
        SetRef::Anonymous { spec, elements } => {
            elements::admit_spec(spec)?;
            elements::admit_all(table, spec, &Elements::new(), elements.iter())?;
            spec
        }
    };
    fits(holds(&spec.data) && same_types(key, &spec.key))
}

fn admit_dynamic(table: &ObservedTable, dynamic: &DynamicSet) -> Result<(), Errno> {
    let spec = named(table, &dynamic.set)?;
    if !spec.dynamic || dynamic.timeout.is_some() && spec.timeout.is_none() {
        return Err(Errno::NotSupported);
    }
    // Elements that know their connections go with the last of those, and take no time besides.
    if matches!(dynamic.per_element, Some(PerElement::Connections(_))) && spec.timeout.is_some() {
        return Err(Errno::NotSupported);
    }
    fits(same_types(&dynamic.key, &spec.key))
}

fn named<'a>(table: &'a ObservedTable, set: &Name) -> Result<&'a SetSpec, Errno> {
    table.sets.get(set).map(|set| &set.spec).ok_or(Errno::NotFound)
}

fn same_types(key: &[Field], types: &[DataType]) -> bool {
    key.iter().map(|field| field.data_type()).eq(types.iter().copied())
}
