//! Elements of sets as the kernel has them: keys and data as bytes, ranges as pairs or as two keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ffi::DATA_MAX;
use super::field::{self, Source};
use super::lower::{Refusal, milliseconds};
use super::userdata::{self, Userdata};
use crate::ruleset::{
    DataType, Datum, Element, ElementData, ElementKey, Elements, Field, Interval, MapData, Name, SetSpec, Verdict,
};

/// `NFT_SET_ELEM_INTERVAL_END`: the first value that is no longer in the range before.
pub(super) const INTERVAL_END: u32 = 1;

/// `NFT_SET_ELEM_CATCHALL`: matches when nothing else does; has no key.
pub(super) const CATCH_ALL: u32 = 2;

/// `NFTNL_SET_ELEM_F_INTERVAL_OPEN`: nft's note that a range has no end because it reaches the highest value.
const INTERVAL_OPEN: u32 = 1;

/// An element as the kernel has it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct WireElement {
    pub(super) flags: u32,
    pub(super) key: Option<Bytes>,
    /// The highest values, in concatenations with ranges.
    pub(super) key_end: Option<Bytes>,
    pub(super) data: WireData,
    pub(super) timeout_ms: Option<u64>,
    pub(super) userdata: Userdata,
}

/// What an element maps to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum WireData {
    #[default]
    Nothing,
    Verdict(Verdict),
    Value(Bytes),
    Object(Name),
}

/// At most 64 bytes, without an allocation.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Bytes {
    length: u8,
    bytes: [u8; DATA_MAX],
}

/// How the parts of a key or of data lie in their bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    types: Vec<DataType>,
    /// Ranges of numbers in the machine's order are kept in the network's.
    is_network_order: bool,
    /// Length and shift of a key of bits, which an anonymous set keeps as its header has them.
    bits: Option<(u32, u32)>,
}

impl Layout {
    /// Of the key of a set; `field` is the only field of the rule that an anonymous set lives in.
    pub(super) fn of_key(spec: &SetSpec, field: Option<Field>) -> Self {
        let bits = match (spec.key.as_slice(), field.map(field::source)) {
            ([_], Some(Source::Bits(_, _, length, _, shift))) => Some((length, shift)),
            _ => None,
        };
        Self { types: spec.key.clone(), is_network_order: spec.intervals, bits }
    }

    /// Of the data of a map.
    pub(super) fn of_data(types: &[DataType]) -> Self {
        Self { types: types.to_vec(), is_network_order: false, bits: None }
    }

    /// The length of all parts in bytes: each of several is padded to four.
    pub(super) fn length(&self) -> usize {
        match (self.types.as_slice(), self.bits) {
            (_, Some((length, _))) => usize::try_from(length).unwrap_or(0),
            ([data_type], None) => data_type.width(),
            (types, None) => types.iter().map(|data_type| padded(data_type.width())).sum(),
        }
    }

    fn encode(&self, data: impl Iterator<Item = Datum>) -> Result<Bytes, Refusal> {
        let mut bytes = Bytes::EMPTY;
        let mut n_parts = 0;
        for (index, datum) in data.enumerate() {
            if self.types.get(index) != Some(&datum.data_type()) {
                return Err(Refusal("an element is not of the set's types"));
            }
            n_parts += 1;
            if let Some((length, shift)) = self.bits {
                let shifted = datum.to_u128() << shift;
                let all = shifted.to_be_bytes();
                let skip = all.len().saturating_sub(usize::try_from(length).unwrap_or(0));
                bytes.extend(all.get(skip..).unwrap_or(&[]))?;
            } else if self.is_network_order || !datum.data_type().is_host_order() {
                bytes.extend(datum.bytes())?;
            } else {
                bytes.extend(&datum.kernel_bytes())?;
            }
            if self.types.len() > 1 {
                bytes.pad()?;
            }
        }
        if n_parts != self.types.len() {
            return Err(Refusal("an element has fewer parts than the set's key"));
        }
        Ok(bytes)
    }

    fn decode(&self, bytes: &[u8]) -> Option<Vec<Datum>> {
        if bytes.len() != self.length() {
            return None;
        }
        if let (Some((_, shift)), [data_type]) = (self.bits, self.types.as_slice()) {
            let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
            return Some(vec![Datum::from_u128(*data_type, number >> shift)]);
        }
        let mut rest = bytes;
        self.types
            .iter()
            .map(|data_type| {
                let width = data_type.width();
                let value = rest.get(..width)?;
                rest = rest.get(padded(width)..).unwrap_or(&[]);
                Some(if self.is_network_order {
                    Datum::from_bytes(*data_type, value)
                } else {
                    Datum::from_kernel_bytes(*data_type, value)
                })
            })
            .collect()
    }
}

/// An element, and the end of its range if that is an element of its own.
///
/// # Errors
/// [`Refusal`] if it does not fit the set.
pub(super) fn encode(
    spec: &SetSpec,
    layout: &Layout,
    key: &ElementKey,
    element: &Element,
) -> Result<(WireElement, Option<WireElement>), Refusal> {
    let Element { data, timeout, comment } = element;
    let mut wire = WireElement {
        data: encode_data(&spec.data, data)?,
        timeout_ms: timeout.map(milliseconds).transpose()?,
        userdata: Userdata::of_comment(comment.as_ref()),
        ..WireElement::default()
    };
    let mut end = None;
    match key {
        ElementKey::CatchAll => wire.flags = CATCH_ALL,
        ElementKey::Parts(parts) => {
            wire.key = Some(layout.encode(parts.iter().map(Interval::low))?);
            if !spec.intervals {
                if !parts.iter().all(Interval::is_single) {
                    return Err(Refusal("a range in a set without intervals"));
                }
            } else if spec.key.len() > 1 {
                wire.key_end = Some(layout.encode(parts.iter().map(Interval::high))?);
            } else if let Some(after) = layout.encode(parts.iter().map(Interval::high))?.successor() {
                end = Some(WireElement { flags: INTERVAL_END, key: Some(after), ..WireElement::default() });
            } else {
                wire.userdata.push_u32(userdata::ELEMENT_FLAGS, INTERVAL_OPEN);
            }
        }
    }
    if timeout.is_some() && *timeout == spec.timeout {
        // An empty value always fits.
        let _ = wire.userdata.push_bytes(userdata::ELEMENT_OWN_TIMEOUT, &[]);
    }
    Ok((wire, end))
}

fn encode_data(holds: &MapData, data: &ElementData) -> Result<WireData, Refusal> {
    match (holds, data) {
        (MapData::Nothing, ElementData::Nothing) => Ok(WireData::Nothing),
        (MapData::Verdict, ElementData::Verdict(verdict)) => Ok(WireData::Verdict(verdict.clone())),
        (MapData::Value(types), ElementData::Value(data)) => {
            Layout::of_data(types).encode(data.iter().copied()).map(WireData::Value)
        }
        (MapData::Counter, ElementData::Counter(name)) => Ok(WireData::Object(name.clone())),
        (
            MapData::Nothing | MapData::Verdict | MapData::Value(_) | MapData::Counter,
            ElementData::Nothing | ElementData::Verdict(_) | ElementData::Value(_) | ElementData::Counter(_),
        ) => Err(Refusal("an element does not map to what the set says")),
    }
}

/// The elements that the kernel's are, whatever order they come in; nothing if one makes no sense.
pub(super) fn decode(spec: &SetSpec, layout: &Layout, wire: &[WireElement]) -> Option<Elements> {
    let mut elements = BTreeMap::new();
    if spec.intervals && spec.key.len() == 1 {
        let mut sorted: Vec<&WireElement> = wire.iter().filter(|element| element.key.is_some()).collect();
        // Where one range ends and the next begins, the end comes first.
        sorted.sort_by_key(|element| (element.key.as_ref().map(Bytes::as_slice), element.flags & INTERVAL_END == 0));
        for (index, element) in sorted.iter().enumerate().filter(|(_, element)| element.flags & INTERVAL_END == 0) {
            let low = *layout.decode(element.key?.as_slice())?.first()?;
            let high = match sorted.get(index + 1).and_then(|next| next.key) {
                Some(next) => *layout.decode(next.predecessor()?.as_slice())?.first()?,
                None => Datum::max(low.data_type()),
            };
            let key = ElementKey::intervals([Interval::new(low, high)?]);
            elements.insert(key, decode_element(spec, element)?);
        }
    } else {
        for element in wire.iter().filter(|element| element.key.is_some()) {
            let low = layout.decode(element.key?.as_slice())?;
            let high = match element.key_end {
                Some(high) => layout.decode(high.as_slice())?,
                None => low.clone(),
            };
            let parts: Option<Arc<[_]>> =
                low.into_iter().zip(high).map(|(low, high)| Interval::new(low, high)).collect();
            elements.insert(ElementKey::Parts(parts?), decode_element(spec, element)?);
        }
    }
    for element in wire.iter().filter(|element| element.key.is_none()) {
        if element.flags & CATCH_ALL == 0 {
            return None;
        }
        elements.insert(ElementKey::CatchAll, decode_element(spec, element)?);
    }
    Some(elements.into_iter().collect())
}

fn decode_element(spec: &SetSpec, wire: &WireElement) -> Option<Element> {
    let data = match (&spec.data, &wire.data) {
        (MapData::Nothing, WireData::Nothing) => ElementData::Nothing,
        (MapData::Verdict, WireData::Verdict(verdict)) => ElementData::Verdict(verdict.clone()),
        (MapData::Value(types), WireData::Value(bytes)) => {
            ElementData::Value(Layout::of_data(types).decode(bytes.as_slice())?.into())
        }
        (MapData::Counter, WireData::Object(name)) => ElementData::Counter(name.clone()),
        (
            MapData::Nothing | MapData::Verdict | MapData::Value(_) | MapData::Counter,
            WireData::Nothing | WireData::Verdict(_) | WireData::Value(_) | WireData::Object(_),
        ) => return None,
    };
    let userdata = wire.userdata.as_bytes();
    let timeout = wire.timeout_ms.map(Duration::from_millis).filter(|timeout| Some(*timeout) != spec.timeout);
    let own = userdata::find(userdata, userdata::ELEMENT_OWN_TIMEOUT).and(spec.timeout);
    Some(Element { data, timeout: timeout.or(own), comment: userdata::comment(userdata, userdata::COMMENT) })
}

impl Bytes {
    const EMPTY: Self = Self { length: 0, bytes: [0; DATA_MAX] };

    /// A copy; nothing beyond 64 bytes.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut copy = Self::EMPTY;
        copy.extend(bytes).ok()?;
        Some(copy)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.length)).unwrap_or(&mut [])
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let start = usize::from(self.length);
        let room = self.bytes.get_mut(start..start + bytes.len()).ok_or(Refusal("a key has more than 64 bytes"))?;
        room.copy_from_slice(bytes);
        self.length = u8::try_from(start + bytes.len()).map_err(|_| Refusal("a key has more than 64 bytes"))?;
        Ok(())
    }

    /// Fills up to a multiple of four.
    fn pad(&mut self) -> Result<(), Refusal> {
        let missing = padded(usize::from(self.length)) - usize::from(self.length);
        self.extend([0; 3].get(..missing).unwrap_or(&[]))
    }

    /// The number that follows, unless this is the highest of its length.
    fn successor(mut self) -> Option<Self> {
        for byte in self.as_mut_slice().iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Some(self);
            }
        }
        None
    }

    /// The number before, unless this is zero.
    fn predecessor(mut self) -> Option<Self> {
        for byte in self.as_mut_slice().iter_mut().rev() {
            let before = *byte;
            *byte = byte.wrapping_sub(1);
            if before != 0 {
                return Some(self);
            }
        }
        None
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The next multiple of four bytes, in which a part of a concatenation lies.
fn padded(width: usize) -> usize {
    width.next_multiple_of(4)
}
