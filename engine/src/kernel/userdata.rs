//! User data: what nft keeps beside kernel objects for its own listing, as a list of type, length and value.

use super::ffi::TooLong;
use crate::ruleset::Comment;

/// Comment of a table, chain, rule, element or object (`NFTNL_UDATA_*_COMMENT`), with its NUL.
pub(super) const COMMENT: u8 = 0;

/// Comment of a set (`NFTNL_UDATA_SET_COMMENT`).
pub(super) const SET_COMMENT: u8 = 7;

/// Byte order of a set's key (`NFTNL_UDATA_SET_KEYBYTEORDER`), 4 bytes.
pub(super) const SET_KEY_BYTEORDER: u8 = 0;

/// Byte order of a map's data (`NFTNL_UDATA_SET_DATABYTEORDER`), 4 bytes.
pub(super) const SET_DATA_BYTEORDER: u8 = 1;

/// Flags of an element (`NFTNL_UDATA_SET_ELEM_FLAGS`), 4 bytes; 1 says that it has no end.
pub(super) const ELEMENT_FLAGS: u8 = 1;

/// A field that has the type of a set's key (`NFTNL_UDATA_SET_KEY_TYPEOF`).
pub(super) const SET_KEY_TYPEOF: u8 = 3;

/// A field that has the type of a map's data (`NFTNL_UDATA_SET_DATA_TYPEOF`).
pub(super) const SET_DATA_TYPEOF: u8 = 4;

/// Ours, far from nft's numbers, which ignores it: how a rule was written, see [`super::hint`].
pub(super) const RULE_HINTS: u8 = 0x70;

/// Ours: the widths of the fields of a concatenated key, where their types do not say.
pub(super) const SET_KEY_WIDTHS: u8 = 0x70;

/// Ours: the widths of the fields of concatenated data.
pub(super) const SET_DATA_WIDTHS: u8 = 0x71;

/// Ours: the element's timeout was written although it is the set's own.
pub(super) const ELEMENT_OWN_TIMEOUT: u8 = 0x70;

/// User data under construction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Userdata(Vec<u8>);

impl Userdata {
    /// Of a comment alone; nothing without one.
    pub(super) fn of_comment(comment: Option<&Comment>) -> Self {
        let mut userdata = Self::default();
        userdata.push_comment(COMMENT, comment);
        userdata
    }

    /// As the kernel sent it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Adds a comment, if there is one. It is at most 127 bytes, so it always fits.
    pub(super) fn push_comment(&mut self, kind: u8, comment: Option<&Comment>) {
        if let Some(comment) = comment {
            let text = comment.as_str().as_bytes();
            let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
            self.0.reserve_exact(text.len() + 3);
            self.0.extend([kind, length]);
            self.0.extend_from_slice(text.get(..usize::from(length) - 1).unwrap_or(text));
            self.0.push(0);
        }
    }

    /// Adds a number.
    pub(super) fn push_u32(&mut self, kind: u8, number: u32) {
        self.0.extend([kind, 4]);
        self.0.extend(number.to_ne_bytes());
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`TooLong`] beyond 255.
    pub(super) fn push_bytes(&mut self, kind: u8, bytes: &[u8]) -> Result<(), TooLong> {
        self.0.extend([kind, u8::try_from(bytes.len()).map_err(|_| TooLong)?]);
        self.0.extend(bytes);
        Ok(())
    }

    /// All of it; empty means that there is none.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The value of this type, if it is there and whole.
pub(super) fn find(userdata: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = userdata;
    while let [kind, length, values @ ..] = rest {
        let (value, after) = values.split_at_checked(usize::from(*length))?;
        if *kind == wanted {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// The comment of this type. What is no text, or was not made by palisade's rules for comments, is cleaned as such.
pub(super) fn comment(userdata: &[u8], kind: u8) -> Option<Comment> {
    let value = find(userdata, kind)?;
    let text = value.split(|byte| *byte == 0).next().unwrap_or(value);
    Some(Comment::new(&String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_as_nft_writes_them() {
        let userdata = Userdata::of_comment(Some(&Comment::new("hello")));
        assert_eq!(userdata.as_bytes(), b"\x00\x06hello\0");
        assert_eq!(comment(userdata.as_bytes(), COMMENT), Some(Comment::new("hello")));
    }

    #[test]
    fn what_ends_early_is_not_there() {
        assert_eq!(find(&[0, 4, 1], 0), None);
        assert_eq!(find(&[0], 0), None);
        assert_eq!(find(&[1, 1, 9, 0, 0], 0), Some(&[][..]));
    }
}
