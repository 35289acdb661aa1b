//! Sets and their elements as libnftnl's objects.

use super::element::{self, Layout, WireData, WireElement};
use super::example;
use super::express::{SetHandle, object_number, verdict_number};
use super::ffi::attribute as attr;
use super::ffi::{self, Expr, Object as _, TooLong};
use super::lower::{Refusal, milliseconds};
use super::type_id;
use super::userdata::{self, Userdata};
use super::wire::ObjectKind;
use crate::ruleset::{DataType, Element, ElementKey, Field, MapData, Name, SetSpec};

/// `NFT_SET_*`.
pub(super) mod flag {
    pub(in crate::kernel) const ANONYMOUS: u32 = 1;
    pub(in crate::kernel) const CONSTANT: u32 = 2;
    pub(in crate::kernel) const INTERVAL: u32 = 4;
    pub(in crate::kernel) const MAP: u32 = 8;
    pub(in crate::kernel) const TIMEOUT: u32 = 0x10;
    pub(in crate::kernel) const DYNAMIC: u32 = 0x20;
    pub(in crate::kernel) const OBJECT: u32 = 0x40;
    pub(in crate::kernel) const CONCAT: u32 = 0x80;
    /// Set by the kernel or nft where elements have expressions.
    pub(in crate::kernel) const EXPRESSION: u32 = 0x100;
}

/// `NFT_DATA_VERDICT`: the type of what a verdict map maps to.
pub(super) const DATA_TYPE_VERDICT: u32 = 0xffff_ff00;

/// Elements that one of libnftnl's sets is given at a time: about what fits into one message, so that the objects of
/// a large set never are in memory all at once.
const ELEMENTS_AT_ONCE: usize = 2_048;

/// A set in its table.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetPlace<'a> {
    pub(super) table: &'a Name,
    pub(super) set: &'a SetHandle,
}

impl From<TooLong> for Refusal {
    fn from(TooLong: TooLong) -> Self {
        Self("a value is longer than the kernel takes")
    }
}

/// The set without its elements. `n_elements` is given for an anonymous one, which never has more.
///
/// # Errors
/// [`Refusal`] if libnftnl or the kernel cannot describe it.
pub(super) fn set(
    place: SetPlace<'_>,
    spec: &SetSpec,
    layout: &Layout,
    n_elements: Option<usize>,
) -> Result<ffi::Set, Refusal> {
    let SetSpec { key, data, intervals, dynamic, timeout, size, counters, comment: _ } = spec;
    let mut object = bare(place)?;
    let too_many = Refusal("a concatenation has at most five fields");
    let mut flags = 0;
    for (is_set, bit) in [
        (n_elements.is_some(), flag::ANONYMOUS | flag::CONSTANT),
        (*intervals, flag::INTERVAL),
        (*intervals && key.len() > 1, flag::CONCAT),
        (*dynamic, flag::DYNAMIC),
        (timeout.is_some(), flag::TIMEOUT),
    ] {
        flags |= if is_set { bit } else { 0 };
    }
    object.set_u32(&attr::SET_KEY_TYPE, type_id::of(key).ok_or(too_many)?);
    object.set_u32(&attr::SET_KEY_LEN, length(layout)?);
    match data {
        MapData::Nothing => {}
        MapData::Verdict => {
            flags |= flag::MAP;
            object.set_u32(&attr::SET_DATA_TYPE, DATA_TYPE_VERDICT);
            object.set_u32(&attr::SET_DATA_LEN, 0);
        }
        MapData::Value(types) => {
            flags |= flag::MAP;
            object.set_u32(&attr::SET_DATA_TYPE, type_id::of(types).ok_or(too_many)?);
            object.set_u32(&attr::SET_DATA_LEN, length(&Layout::of_data(types))?);
        }
        MapData::Counter => {
            flags |= flag::OBJECT;
            object.set_u32(&attr::SET_OBJECT_TYPE, object_number(ObjectKind::Counter));
        }
    }
    object.set_u32(&attr::SET_FLAGS, flags);
    if flags & flag::CONCAT != 0 {
        let widths: Vec<u8> = key.iter().filter_map(|data_type| u8::try_from(data_type.width()).ok()).collect();
        object.set_bytes(&attr::SET_CONCAT, &widths)?;
    }
    let anonymous_size = n_elements.filter(|n| *n > 0).and_then(|n| u32::try_from(n).ok());
    if let Some(size) = size.map(std::num::NonZeroU32::get).or(anonymous_size) {
        object.set_u32(&attr::SET_SIZE, size);
    }
    // Of zero: only elements that have one of their own expire.
    if let Some(timeout) = timeout.filter(|timeout| !timeout.is_zero()) {
        object.set_u64(&attr::SET_TIMEOUT, milliseconds(timeout)?);
    }
    if *counters {
        object.add_expr(Expr::new(c"counter"));
    }
    object.set_bytes(&attr::SET_USERDATA, set_userdata(spec)?.as_bytes())?;
    Ok(object)
}

fn set_userdata(spec: &SetSpec) -> Result<Userdata, TooLong> {
    let mut userdata = Userdata::default();
    userdata.push_u32(userdata::SET_KEY_BYTEORDER, type_id::byteorder(&spec.key));
    let data: &[DataType] = match &spec.data {
        MapData::Value(types) => {
            userdata.push_u32(userdata::SET_DATA_BYTEORDER, type_id::byteorder(types));
            types
        }
        MapData::Verdict => {
            userdata.push_u32(userdata::SET_DATA_BYTEORDER, type_id::byteorder(&[]));
            &[]
        }
        MapData::Nothing | MapData::Counter => &[],
    };
    userdata.push_comment(userdata::SET_COMMENT, spec.comment.as_ref());
    for (kind, types) in [(userdata::SET_KEY_WIDTHS, spec.key.as_slice()), (userdata::SET_DATA_WIDTHS, data)] {
        if type_id::is_ambiguous(types) {
            let widths: Vec<u8> = types.iter().filter_map(|data_type| u8::try_from(data_type.width()).ok()).collect();
            userdata.push_bytes(kind, &widths)?;
        }
    }
    // What follows only makes a listing better, so it is left out where there is no room for it.
    if example::is_needed(&spec.key) || example::is_needed(data) {
        let mut noted = userdata.clone();
        for (kind, types) in [(userdata::SET_KEY_TYPEOF, spec.key.as_slice()), (userdata::SET_DATA_TYPEOF, data)] {
            if let Some(note) = example::note(types).filter(|_| !types.is_empty()) {
                noted.push_bytes(kind, note.as_bytes())?;
            }
        }
        if noted.as_bytes().len() <= attr::USERDATA_MAX {
            return Ok(noted);
        }
    }
    Ok(userdata)
}

/// The set with nothing but its name, for deleting it.
///
/// # Errors
/// Names are never too long.
pub(super) fn bare(SetPlace { table, set }: SetPlace<'_>) -> Result<ffi::Set, TooLong> {
    let mut object = ffi::Set::new();
    object.set_text(&attr::SET_TABLE, table.as_str())?;
    object.set_text(&attr::SET_NAME, set.name.as_str())?;
    if let Some(id) = set.id {
        object.set_u32(&attr::SET_ID, id);
    }
    Ok(object)
}

/// What is done with elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ElementUse {
    /// They are added.
    Add,
    /// They are deleted, for which their keys are enough.
    Delete,
}

/// The layout of a set's keys.
pub(super) fn layout(spec: &SetSpec, key: Option<&[Field]>) -> Layout {
    let field = match key {
        Some([field]) => Some(*field),
        Some(_) | None => None,
    };
    Layout::of_key(spec, field)
}

/// Hands out sets of some elements each, until all of them have been.
///
/// # Errors
/// [`Refusal`] if an element does not fit the set, or what `push` returns.
pub(super) fn elements<'a>(
    place: SetPlace<'_>,
    spec: &SetSpec,
    layout: &Layout,
    elements: impl Iterator<Item = (&'a ElementKey, &'a Element)>,
    usage: ElementUse,
    mut push: impl FnMut(&ffi::Set),
) -> Result<(), Refusal> {
    let mut object = bare(place)?;
    let mut n_elements = 0;
    for (key, element) in elements {
        if n_elements >= ELEMENTS_AT_ONCE {
            push(&object);
            object = bare(place)?;
            n_elements = 0;
        }
        let (wire, end) = element::encode(spec, layout, key, element)?;
        object.push(element_object(&wire, usage)?);
        n_elements += 1;
        if let Some(end) = end {
            object.push(element_object(&end, usage)?);
            n_elements += 1;
        }
    }
    if n_elements > 0 {
        push(&object);
    }
    Ok(())
}

fn element_object(wire: &WireElement, usage: ElementUse) -> Result<ffi::Element, TooLong> {
    let WireElement { flags, key, key_end, data, timeout_ms, userdata } = wire;
    let mut object = ffi::Element::new();
    if *flags != 0 {
        object.set_u32(&attr::ELEMENT_FLAGS, *flags);
    }
    if let Some(key) = key {
        object.set_bytes(&attr::ELEMENT_KEY, key.as_slice())?;
    }
    if let Some(end) = key_end {
        object.set_bytes(&attr::ELEMENT_KEY_END, end.as_slice())?;
    }
    if usage == ElementUse::Delete {
        return Ok(object);
    }
    match data {
        WireData::Nothing => {}
        WireData::Verdict(verdict) => {
            let (code, chain) = verdict_number(verdict);
            object.set_u32(&attr::ELEMENT_VERDICT, code);
            if let Some(chain) = chain {
                object.set_text(&attr::ELEMENT_CHAIN, chain.as_str())?;
            }
        }
        WireData::Value(bytes) => object.set_bytes(&attr::ELEMENT_DATA, bytes.as_slice())?,
        WireData::Object(name) => object.set_text(&attr::ELEMENT_OBJECT, name.as_str())?,
    }
    if let Some(timeout) = timeout_ms {
        object.set_u64(&attr::ELEMENT_TIMEOUT, *timeout);
    }
    if !userdata.as_bytes().is_empty() {
        object.set_bytes(&attr::ELEMENT_USERDATA, userdata.as_bytes())?;
    }
    Ok(object)
}

fn length(layout: &Layout) -> Result<u32, Refusal> {
    u32::try_from(layout.length())
        .ok()
        .filter(|_| layout.length() <= ffi::DATA_MAX)
        .ok_or(Refusal("a key or a value has more than 64 bytes"))
}
