//! Netlink attributes in bytes that the kernel sent: a walk that never leaves them.

/// Flags in an attribute's type (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE_FLAGS: u16 = 0xc000;

/// The attributes of a message or of a nest, in order, up to the first one that is not whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Walks over all of them: types without flags, and values.
    pub(super) fn iter(self) -> Walk<'a> {
        Walk(self.0)
    }

    /// The value of the first attribute of this type.
    pub(super) fn get(self, wanted: u16) -> Option<&'a [u8]> {
        self.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }

    /// The attributes in the first attribute of this type.
    pub(super) fn nest(self, wanted: u16) -> Option<Self> {
        self.get(wanted).map(Self)
    }

    /// A number in network order.
    pub(super) fn u32(self, wanted: u16) -> Option<u32> {
        self.get(wanted)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A number in network order.
    pub(super) fn u64(self, wanted: u16) -> Option<u64> {
        self.get(wanted)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// A number in network order.
    pub(super) fn u16(self, wanted: u16) -> Option<u16> {
        self.get(wanted)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A single byte.
    pub(super) fn u8(self, wanted: u16) -> Option<u8> {
        match self.get(wanted)? {
            [byte] => Some(*byte),
            _ => None,
        }
    }

    /// A text, without its NUL.
    pub(super) fn text(self, wanted: u16) -> Option<&'a str> {
        text(self.get(wanted)?)
    }
}

/// The walk.
#[derive(Debug)]
pub(super) struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [l0, l1, t0, t1, ..] = *self.0 else { return None };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((u16::from_ne_bytes([t0, t1]) & !TYPE_FLAGS, value))
    }
}

/// The text before the first NUL.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.split(|byte| *byte == 0).next()?).ok()
}

/// Appends an attribute, padded to four bytes. Used for requests, whose values are short.
pub(super) fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value.iter().take(usize::from(length) - 4));
    message.resize(message.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_again() {
        let mut message = Vec::new();
        push(&mut message, 1, b"abc\0");
        push(&mut message, 2, &[7]);
        push(&mut message, 3 | 0x8000, &5_u32.to_be_bytes());
        let attributes = Attributes::new(&message);
        assert_eq!(attributes.text(1), Some("abc"));
        assert_eq!(attributes.u8(2), Some(7));
        assert_eq!(attributes.u32(3), Some(5));
        assert_eq!(attributes.get(4), None);
        assert_eq!(attributes.iter().count(), 3);
    }

    #[test]
    fn an_attribute_that_is_not_whole_ends_the_walk() {
        for bytes in [&[3, 0, 1, 0][..], &[0, 0, 1, 0], &[8, 0, 1, 0, 1], &[4, 0, 1]] {
            assert_eq!(Attributes::new(bytes).iter().count(), 0, "{bytes:?}");
        }
    }
}
