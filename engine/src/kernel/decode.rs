//! Objects from the bytes that the kernel sent, in the ruleset's terms. What palisade never writes is named as
//! unknown, never an error: others may put anything into a table.

use std::num::NonZeroU32;
use std::time::Duration;

use super::attribute::Attributes;
use super::batch::{TABLE_OWNER, TABLE_PERSIST, chain_type_name, hook_number};
use super::element::{Bytes, Layout, WireData, WireElement};
use super::hint;
use super::inspect::{self, Data, FindSet, LIST_ELEMENT};
use super::lift::lift;
use super::lower::{Surroundings, helper_network};
use super::set_object::{self, DATA_TYPE_VERDICT, flag};
use super::type_id;
use super::userdata::{self, Userdata};
use crate::observed::{
    Counted, ObservedChain, ObservedCounter, ObservedRule, RuleContent, RuleHandle, TableFlags, UnknownObject,
};
use crate::ruleset::{
    BaseChain, ChainType, Comment, DataType, Family, Field, Helper, HelperNetwork, HelperTransport, Hook, MapData,
    Name, Priority, Quota, Rule, SetSpec,
};

/// `NFT_TABLE_F_DORMANT`.
const TABLE_DORMANT: u32 = 1;

/// `NFT_CHAIN_HW_OFFLOAD` and `NFT_CHAIN_BINDING`.
const CHAIN_ODD_FLAGS: u32 = 2 | 4;

/// `NFT_OBJECT_*`.
const OBJECT_COUNTER: u32 = 1;
const OBJECT_QUOTA: u32 = 2;
const OBJECT_HELPER: u32 = 3;

/// A table as the kernel describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct DecodedTable {
    pub(super) flags: TableFlags,
    pub(super) comment: Option<Comment>,
    /// Switched off by somebody, with all that is in it.
    pub(super) is_dormant: bool,
}

/// Reads a table; `None` without a name.
pub(super) fn table(attributes: Attributes<'_>) -> Option<(Name, DecodedTable)> {
    let name = attributes.text(1)?.parse().ok()?;
    let flags = attributes.u32(2).unwrap_or(0);
    let comment = attributes.get(6).and_then(|userdata| userdata::comment(userdata, userdata::COMMENT));
    let has = |flag| flags & flag != 0;
    let table = DecodedTable {
        flags: TableFlags { owner: has(TABLE_OWNER), persist: has(TABLE_PERSIST) },
        comment,
        is_dormant: has(TABLE_DORMANT),
    };
    Some((name, table))
}

/// Reads a chain, without its rules.
pub(super) fn chain(
    family: Family,
    attributes: Attributes<'_>,
) -> Option<Result<(Name, ObservedChain), UnknownObject>> {
    let name = name(attributes.get(3)?);
    let unknown = |name: Name, reason: &str| Some(Err(UnknownObject { kind: "chain", name, reason: reason.into() }));
    if attributes.u32(10).unwrap_or(0) & CHAIN_ODD_FLAGS != 0 {
        return unknown(name, "it is offloaded or part of a rule");
    }
    let base = match attributes.nest(4) {
        Some(hook) => {
            let Some(base) = base_chain(family, hook, attributes.text(7)) else {
                return unknown(name, "its hook is none of palisade's");
            };
            Some(base)
        }
        None => None,
    };
    let comment = attributes.get(12).and_then(|userdata| userdata::comment(userdata, userdata::COMMENT));
    let policy_drop = base.is_some() && attributes.u32(5) == Some(0);
    Some(Ok((name, ObservedChain { base, policy_drop, comment, rules: Vec::new() })))
}

fn base_chain(family: Family, hook: Attributes<'_>, type_name: Option<&str>) -> Option<BaseChain> {
    // Attributes 3 and 4 name devices, as ingress and egress chains have them.
    if hook.get(3).is_some() || hook.get(4).is_some() {
        return None;
    }
    let number = hook.u32(1)?;
    let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];
    let types = [ChainType::Filter, ChainType::Nat, ChainType::Route];
    Some(BaseChain {
        chain_type: types.into_iter().find(|chain_type| Some(chain_type_name(*chain_type)) == type_name)?,
        hook: hooks.into_iter().find(|hook| hook_number(family, *hook) == Some(number))?,
        priority: Priority(i32::from_ne_bytes(hook.u32(2)?.to_ne_bytes())),
    })
}

/// Reads a rule and the chain that it is in.
pub(super) fn rule(
    attributes: Attributes<'_>,
    surroundings: Surroundings<'_>,
    find_set: FindSet<'_>,
) -> Option<(Name, ObservedRule)> {
    let handle = RuleHandle(attributes.u64(3)?);
    let userdata = attributes.get(7).unwrap_or(&[]);
    let hints = userdata::find(userdata, userdata::RULE_HINTS).map(hint::decode).unwrap_or_default();
    // Expressions of iptables carry more than their list.
    let exprs = match attributes.get(5) {
        Some(_) => Err("compat".into()),
        None => inspect::inspect(attributes.nest(4).unwrap_or(Attributes::new(&[])), find_set)
            .and_then(|instructions| lift(&instructions, &hints, surroundings)),
    };
    let content = match exprs {
        Ok(exprs) => RuleContent::Known(Rule { exprs, comment: userdata::comment(userdata, userdata::COMMENT) }),
        Err(unreadable) => RuleContent::Unknown(unreadable),
    };
    Some((name(attributes.get(2)?), ObservedRule { handle, content }))
}

/// The handle and the comment of a rule; nothing without one.
pub(super) fn rule_comment(attributes: Attributes<'_>) -> Option<(RuleHandle, Comment)> {
    Some((RuleHandle(attributes.u64(3)?), userdata::comment(attributes.get(7)?, userdata::COMMENT)?))
}

/// The comment of a rule and the named counters that it counts by; nothing without a comment.
pub(super) fn counting_rule(attributes: Attributes<'_>) -> Option<(Comment, Vec<Name>)> {
    const COUNTER: u32 = 1;
    let comment = userdata::comment(attributes.get(7)?, userdata::COMMENT)?;
    let exprs = attributes.nest(4)?.iter().map(|(_, expr)| Attributes::new(expr));
    let references = exprs.filter(|expr| expr.text(1) == Some("objref")).filter_map(|expr| expr.nest(2));
    let counters = references.filter(|object| object.u32(1) == Some(COUNTER)).filter_map(|object| object.get(2));
    Some((comment, counters.map(name).collect()))
}

/// The comment of a rule and what it has counted for itself; nothing without either, or if it asks a set of these.
pub(super) fn counted_rule(
    attributes: Attributes<'_>,
    is_counted_there: &dyn Fn(&Name) -> bool,
) -> Option<(Comment, Counted)> {
    let comment = userdata::comment(attributes.get(7)?, userdata::COMMENT)?;
    let exprs = || attributes.nest(4).into_iter().flat_map(Attributes::iter).map(|(_, expr)| Attributes::new(expr));
    let lookups = exprs().filter(|expr| expr.text(1) == Some("lookup")).filter_map(|expr| expr.nest(2));
    if lookups.filter_map(|lookup| lookup.get(1)).any(|set| is_counted_there(&name(set))) {
        return None;
    }
    Some((comment, exprs().find_map(counter)?))
}

/// The elements of a message with comments that count: their keys, comments and what they have counted.
pub(super) fn counted_elements(attributes: Attributes<'_>) -> Vec<(Vec<u8>, (Comment, Counted))> {
    let elements = attributes.nest(3).into_iter().flat_map(Attributes::iter).map(|(_, bytes)| Attributes::new(bytes));
    let counted = elements.filter_map(|element| {
        let comment = userdata::comment(element.get(6)?, userdata::COMMENT)?;
        let counted = match element.nest(7) {
            Some(one) => counter(one)?,
            None => element.nest(11)?.iter().find_map(|(_, expr)| counter(Attributes::new(expr)))?,
        };
        Some((element.get(1)?.to_vec(), (comment, counted)))
    });
    counted.collect()
}

/// The state of a counter among expressions.
fn counter(expr: Attributes<'_>) -> Option<Counted> {
    let data = expr.nest(2).filter(|_| expr.text(1) == Some("counter"))?;
    Some(Counted { packets: data.u64(2).unwrap_or(0), bytes: data.u64(1).unwrap_or(0) })
}

/// A named object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum DecodedObject {
    Counter(ObservedCounter),
    Quota(Quota),
    Helper(Helper),
    Unknown(UnknownObject),
}

/// Reads a named object.
pub(super) fn object(attributes: Attributes<'_>) -> Option<(Name, DecodedObject)> {
    let name = name(attributes.get(2)?);
    let data = attributes.nest(4).unwrap_or(Attributes::new(&[]));
    let comment = attributes.get(8).and_then(|userdata| userdata::comment(userdata, userdata::COMMENT));
    let unknown = |reason: &str| {
        DecodedObject::Unknown(UnknownObject { kind: "object", name: name.clone(), reason: reason.into() })
    };
    let object = match attributes.u32(3) {
        Some(OBJECT_COUNTER) => DecodedObject::Counter(ObservedCounter {
            packets: data.u64(2).unwrap_or(0),
            bytes: data.u64(1).unwrap_or(0),
            comment,
        }),
        Some(OBJECT_QUOTA) => {
            DecodedObject::Quota(Quota { bytes: data.u64(1).unwrap_or(0), over: data.u32(2).unwrap_or(0) & 1 != 0 })
        }
        Some(OBJECT_HELPER) => match helper(data) {
            Some(helper) => DecodedObject::Helper(helper),
            None => unknown("a helper that palisade never makes"),
        },
        Some(_) | None => unknown("neither a counter, a quota nor a helper"),
    };
    Some((name, object))
}

fn helper(data: Attributes<'_>) -> Option<Helper> {
    let (network, transport) = (data.u16(2)?, data.u8(3)?);
    Some(Helper {
        kind: data.text(1)?.into(),
        network: [HelperNetwork::Ip, HelperNetwork::Ip6].into_iter().find(|known| helper_network(*known) == network)?,
        transport: [HelperTransport::Tcp, HelperTransport::Udp]
            .into_iter()
            .find(|known| known.number() == transport)?,
    })
}

/// Names a flowtable, which palisade never makes.
pub(super) fn flowtable(attributes: Attributes<'_>) -> Option<UnknownObject> {
    Some(UnknownObject {
        kind: "flowtable",
        name: name(attributes.get(2)?),
        reason: "palisade makes no flowtables".into(),
    })
}

/// A set without its elements.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct DecodedSet {
    pub(super) spec: SetSpec,
    pub(super) layout: Layout,
    pub(super) is_anonymous: bool,
}

/// Reads a set.
pub(super) fn set(attributes: Attributes<'_>) -> Option<(Name, Result<DecodedSet, UnknownObject>)> {
    let name = name(attributes.get(2)?);
    let decoded =
        set_spec(attributes).map_err(|reason| UnknownObject { kind: "set", name: name.clone(), reason: reason.into() });
    Some((name, decoded))
}

fn set_spec(attributes: Attributes<'_>) -> Result<DecodedSet, &'static str> {
    let flags = attributes.u32(3).unwrap_or(0);
    let userdata = attributes.get(13).unwrap_or(&[]);
    let has = |flag| flags & flag != 0;
    let known = flag::ANONYMOUS
        | flag::CONSTANT
        | flag::INTERVAL
        | flag::MAP
        | flag::TIMEOUT
        | flag::DYNAMIC
        | flag::OBJECT
        | flag::CONCAT
        | flag::EXPRESSION;
    if flags & !known != 0 || has(flag::CONSTANT) != has(flag::ANONYMOUS) {
        return Err("it has flags that palisade never sets");
    }
    // Policy and garbage collection interval.
    if attributes.get(8).is_some() || attributes.get(12).is_some() {
        return Err("it is tuned");
    }
    let description = attributes.nest(9).unwrap_or(Attributes::new(&[]));
    let key_length =
        attributes.u32(5).and_then(|length| usize::try_from(length).ok()).ok_or("its key has no length")?;
    let described = concat_widths(description);
    let widths = userdata::find(userdata, userdata::SET_KEY_WIDTHS).or(described.as_deref());
    let key =
        attributes.u32(4).and_then(|number| type_id::types(number, key_length, widths)).ok_or("its key's type")?;
    let size = description.u32(1).and_then(NonZeroU32::new);
    let spec = SetSpec {
        data: map_data(attributes, flags, userdata)?,
        intervals: has(flag::INTERVAL),
        dynamic: has(flag::DYNAMIC),
        timeout: has(flag::TIMEOUT).then(|| Duration::from_millis(attributes.u64(11).unwrap_or(0))),
        // An anonymous set has exactly the elements that it was made with.
        size: if has(flag::ANONYMOUS) { None } else { size },
        counters: has_counters(attributes)?,
        comment: userdata::comment(userdata, userdata::SET_COMMENT),
        key,
    };
    if has(flag::CONCAT) != (spec.intervals && spec.key.len() > 1) {
        return Err("it is a concatenation of a form that palisade never makes");
    }
    let layout = set_object::layout(&spec, bit_field(&spec, has(flag::ANONYMOUS), key_length));
    if layout.length() != key_length {
        return Err("its key's length is not its type's");
    }
    Ok(DecodedSet { spec, layout, is_anonymous: has(flag::ANONYMOUS) })
}

/// The field of an anonymous set of bits, by which they are shifted.
fn bit_field(spec: &SetSpec, is_anonymous: bool, key_length: usize) -> Option<&'static [Field]> {
    match (spec.key.as_slice(), is_anonymous, key_length) {
        ([DataType::Dscp], true, 1) => Some(&[Field::IpDscp]),
        ([DataType::Dscp], true, 2) => Some(&[Field::Ip6Dscp]),
        ([DataType::DccpPkttype], true, 1) => Some(&[Field::DccpType]),
        ([DataType::Ecn], true, 1) => Some(&[Field::IpEcn]),
        ([DataType::Ecn], true, 2) => Some(&[Field::Ip6Ecn]),
        _ => None,
    }
}

fn map_data(attributes: Attributes<'_>, flags: u32, userdata: &[u8]) -> Result<MapData, &'static str> {
    if flags & flag::OBJECT != 0 {
        return match attributes.u32(15) {
            Some(OBJECT_COUNTER) => Ok(MapData::Counter),
            Some(_) | None => Err("it maps to objects other than counters"),
        };
    }
    if flags & flag::MAP == 0 {
        return Ok(MapData::Nothing);
    }
    let number = attributes.u32(6).ok_or("it maps to nothing known")?;
    if number == DATA_TYPE_VERDICT {
        return Ok(MapData::Verdict);
    }
    let length = attributes.u32(7).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    type_id::types(number, length, userdata::find(userdata, userdata::SET_DATA_WIDTHS))
        .filter(|types| Layout::of_data(types).length() == length)
        .map(MapData::Value)
        .ok_or("the type that it maps to")
}

fn concat_widths(description: Attributes<'_>) -> Option<Vec<u8>> {
    let fields = description.nest(2)?;
    fields.iter().map(|(_, field)| Attributes::new(field).u32(1).and_then(|width| u8::try_from(width).ok())).collect()
}

/// Whether every element counts; other expressions are not palisade's.
fn has_counters(attributes: Attributes<'_>) -> Result<bool, &'static str> {
    let one = attributes.nest(17).into_iter();
    let several = attributes.nest(18).into_iter().flat_map(Attributes::iter);
    let several = several.filter(|(kind, _)| *kind == LIST_ELEMENT).map(|(_, expr)| Attributes::new(expr));
    let names: Vec<_> = one.chain(several).map(|expr| expr.text(1)).collect();
    match names.as_slice() {
        [] => Ok(false),
        [Some("counter")] => Ok(true),
        _ => Err("its elements have expressions other than a counter"),
    }
}

/// Reads the elements of a message; `None` if one makes no sense.
pub(super) fn elements(attributes: Attributes<'_>, spec: &SetSpec, out: &mut Vec<WireElement>) -> Option<()> {
    for (_, element) in attributes.nest(3)?.iter().filter(|(kind, _)| *kind == LIST_ELEMENT) {
        out.push(element_of(Attributes::new(element), spec)?);
    }
    Some(())
}

fn element_of(attributes: Attributes<'_>, spec: &SetSpec) -> Option<WireElement> {
    let key = |attribute| match attributes.nest(attribute) {
        Some(nest) => match inspect::data(nest)? {
            Data::Value(bytes) => Bytes::new(bytes).map(Some),
            Data::Verdict(_) => None,
        },
        None => Some(None),
    };
    let has_exprs = attributes.get(7).is_some() || attributes.get(11).is_some();
    if has_exprs && !spec.counters {
        return None;
    }
    let data = match (attributes.nest(2), attributes.get(9)) {
        (None, None) => WireData::Nothing,
        (Some(nest), None) => match inspect::data(nest)? {
            Data::Value(bytes) => WireData::Value(Bytes::new(bytes)?),
            Data::Verdict(verdict) => WireData::Verdict(verdict),
        },
        (None, Some(object)) => WireData::Object(super::attribute::text(object)?.parse().ok()?),
        (Some(_), Some(_)) => return None,
    };
    Some(WireElement {
        flags: attributes.u32(3).unwrap_or(0),
        key: key(1)?,
        key_end: key(10)?,
        data,
        timeout_ms: attributes.u64(4).filter(|timeout| *timeout != 0),
        userdata: Userdata::from_bytes(attributes.get(6).unwrap_or(&[])),
    })
}

/// A name of the kernel's. One that is no text, which only others give, is shown with what of it is.
pub(super) fn name(bytes: &[u8]) -> Name {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let cut = (0..=crate::ruleset::NAME_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..cut.min(text.len())).unwrap_or(&text).parse().unwrap_or_else(|_| Name::ours("nameless"))
}
