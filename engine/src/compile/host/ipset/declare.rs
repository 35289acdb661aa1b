//! From a set of ipset's to one of nftables'.

use std::num::NonZeroU32;
use std::time::Duration;

use policy_lang::host::ipset::{Dimension, IpSet, IpSets, Kind, Part};
use policy_lang::source::Span;

use super::super::clause::Ip;
use super::super::matching::source;
use super::is_for;
use super::members::{self, Member};
use crate::compile::builder::TableBuilder;
use crate::hash;
use crate::ruleset::{DataType, Element, ElementKey, Elements, Interval, Name, Set, SetSpec};

/// Why a set cannot be had, and where that is written.
pub(super) type Why = (Span, String);

/// What became of a set.
#[derive(Clone, Debug)]
pub(super) enum Declared {
    /// No packet of this family is in it.
    Nothing,
    /// Every packet of this family is in it.
    Everything,
    /// It is a set.
    Set(Key),
}

/// A set, and what is looked up in it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) name: Name,
    pub(super) dimensions: &'static [Dimension],
    pub(super) has_timeout: bool,
}

/// Adds a set to the table. `written` are those that packets change.
pub(super) fn set(
    (name, set): (&str, &IpSet),
    ip: Ip,
    sets: &IpSets,
    written: &[&str],
    builder: &mut TableBuilder,
) -> Result<Declared, Why> {
    if let Some((span, reason)) = set.refused {
        return Err((span, reason.to_owned()));
    }
    let is_written = written.contains(&name);
    match set.kind {
        Kind::Fields { dimensions, takes_packets } => {
            own_family(set, dimensions, ip)?;
            if is_written {
                check_changed(set, takes_packets)?;
                return changed(name, set, dimensions, ip, builder);
            }
            Ok(fixed(name, dimensions, members::of(set, dimensions)?, ip, builder))
        }
        Kind::List if is_written => Err((set.span, "packets cannot change a list of sets".to_owned())),
        Kind::List => list(name, set, ip, sets, written, builder),
    }
}

/// iptables takes no rule that asks for addresses of the other family.
fn own_family(set: &IpSet, dimensions: &[Dimension], ip: Ip) -> Result<(), Why> {
    if is_for(set, dimensions, ip) {
        return Ok(());
    }
    let other = if set.is_v6 { "ip6" } else { "ip" };
    Err((set.span, format!("its addresses are for `domain {other}`")))
}

/// Refuses what packets would do to a set otherwise than in ipset.
fn check_changed(set: &IpSet, takes_packets: bool) -> Result<(), Why> {
    if !takes_packets {
        return Err((set.span, "packets cannot change a set of this type".to_owned()));
    }
    if let Some(member) = set.members.first() {
        let reason = "rules change it with SET, so it has to begin empty: keep fixed members in a set of their own";
        return Err((member.span, reason.to_owned()));
    }
    if set.timeout == Some(0) {
        return Err((set.span, "rules change it with SET, so its `timeout` has to be at least 1".to_owned()));
    }
    Ok(())
}

/// A set that packets change.
fn changed(
    name: &str,
    set: &IpSet,
    dimensions: &'static [Dimension],
    ip: Ip,
    builder: &mut TableBuilder,
) -> Result<Declared, Why> {
    let timeout = set.timeout.map(|seconds| Duration::from_secs(seconds.into()));
    let Some(size) = NonZeroU32::new(set.size) else {
        return Err((set.span, "`maxelem` has to be at least 1".to_owned()));
    };
    let spec = SetSpec { dynamic: true, timeout, size: Some(size), ..SetSpec::hash(types(dimensions, ip)) };
    // What a set is cannot change while it lives.
    let identity = hash::text(&format!("{name} {dimensions:?} {:?} {size} {}", set.timeout, ip.digit()));
    let own = Name::ours(&format!("ipset_{identity}_{name}_{}", ip.digit()));
    // The name has a hash of all that, so whoever has it already has the same.
    builder.named_set(own.clone(), Set { spec, elements: Elements::new() });
    Ok(Declared::Set(Key { name: own, dimensions, has_timeout: timeout.is_some() }))
}

/// A set that only its file changes.
fn fixed(
    name: &str,
    dimensions: &'static [Dimension],
    members: Vec<Member>,
    ip: Ip,
    builder: &mut TableBuilder,
) -> Declared {
    let types = types(dimensions, ip);
    if let [only] = types.as_slice()
        && members.iter().any(|member| **member == [Interval::all(*only)])
    {
        return Declared::Everything;
    }
    let spec = SetSpec::intervals(types);
    let elements = members.into_iter().map(|member| (ElementKey::intervals(member), Element::PLAIN)).collect();
    let shape: String = dimensions.iter().map(|dimension| suffix(*dimension, ip)).collect();
    let name = builder.list("ipset", &format!("{name}{shape}"), spec, elements);
    Declared::Set(Key { name, dimensions, has_timeout: false })
}

/// Several sets as one.
fn list(
    name: &str,
    list: &IpSet,
    ip: Ip,
    sets: &IpSets,
    written: &[&str],
    builder: &mut TableBuilder,
) -> Result<Declared, Why> {
    let mut all: Option<(&'static [Dimension], Vec<Member>)> = None;
    for member in &list.members {
        let [Part::Set(other)] = member.parts.as_slice() else { continue };
        let why = |reason: &str| (member.span, format!("its member `{other}` {reason}"));
        let set = sets.get(other).ok_or_else(|| why("is not in the files"))?;
        if let Some((_, reason)) = set.refused {
            return Err(why(&format!("has no form here: {reason}")));
        }
        let Kind::Fields { dimensions, .. } = set.kind else { return Err(why("is a list itself")) };
        if written.contains(&&**other) {
            return Err(why("is changed by packets"));
        }
        if member.is_exception {
            return Err(why("is an exception"));
        }
        if !is_for(set, dimensions, ip) {
            continue;
        }
        let (known, members) = all.get_or_insert((dimensions, Vec::new()));
        if *known != dimensions {
            return Err(why("has other parts than those before it"));
        }
        members.extend(members::of(set, dimensions)?);
    }
    let Some((dimensions, members)) = all else { return Ok(Declared::Nothing) };
    let members = members::disjoint(members, dimensions).ok_or_else(|| (list.span, members::OVERLAP.to_owned()))?;
    Ok(fixed(name, dimensions, members, ip, builder))
}

fn types(dimensions: &[Dimension], ip: Ip) -> Vec<DataType> {
    dimensions
        .iter()
        .flat_map(|dimension| match dimension {
            Dimension::Address => vec![source(ip).data_type()],
            Dimension::Port => vec![DataType::InetProto, DataType::InetService],
            Dimension::Mark => vec![DataType::Mark],
            Dimension::Interface => vec![DataType::Ifname],
        })
        .collect()
}

/// What the name of a set says of a part.
fn suffix(dimension: Dimension, ip: Ip) -> &'static str {
    match (dimension, ip) {
        (Dimension::Address, Ip::V4) => "_4",
        (Dimension::Address, Ip::V6) => "_6",
        (Dimension::Port, _) => "_port",
        (Dimension::Mark, _) => "_mark",
        (Dimension::Interface, _) => "_if",
    }
}
