//! Names of kernel objects, and comments.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name of a table, chain, set or object, in bytes (`NFT_NAME_MAXLEN` 256 with its NUL).
pub const NAME_MAX: usize = 255;

/// Longest comment, in bytes. The kernel stores 253, but nft and libnftnl stop at 128 with the NUL.
pub const COMMENT_MAX: usize = 127;

/// The name of a table, chain, set, counter or quota: 1 to 255 bytes, no NUL.
///
/// Names that palisade makes have more rules: prefix `pl_`, then only `[A-Za-z0-9_]`, so that no name is an nft
/// keyword and every name can be pasted into nft. What others put into our table may be called anything.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Arc<str>);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Nothing.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`NAME_MAX`] bytes.
    #[error("a name has at most {NAME_MAX} bytes")]
    TooLong,
    /// A NUL byte.
    #[error("a name must not contain NUL")]
    Nul,
}

/// The comment of a rule, set, element, chain or object: at most 127 bytes, no `"` and no control characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Comment(Arc<str>);

impl Name {
    /// The name of our tables.
    pub fn table() -> Self {
        Self("palisade".into())
    }

    /// `pl_` and `words`, every byte that is not `[A-Za-z0-9_]` replaced by `_`, cut at the end to 255 bytes.
    pub fn ours(words: &str) -> Self {
        let mut name = String::with_capacity(3 + words.len());
        name.push_str("pl_");
        name.extend(words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(NAME_MAX - 3));
        Self(name.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        Ok(Self(text.into()))
    }
}

impl Comment {
    /// Makes a comment of any text: `"` becomes `'`, control characters become spaces, and what is too long loses
    /// its beginning, because the end of a path and the object in it say more than its first directories.
    pub fn new(text: &str) -> Self {
        // Most are a path and a line.
        if text.len() <= COMMENT_MAX && is_plain(text) {
            return Self(text.into());
        }
        let clean: String = text
            .chars()
            .map(|c| match c {
                '"' => '\'',
                c if c.is_control() => ' ',
                c => c,
            })
            .collect();
        if clean.len() <= COMMENT_MAX {
            return Self(clean.into());
        }
        let cut = clean.len() - (COMMENT_MAX - "...".len());
        let start = (cut..clean.len()).find(|at| clean.is_char_boundary(*at)).unwrap_or(clean.len());
        Self(format!("...{}", clean.get(start..).unwrap_or("")).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether nothing of a text has to be replaced to stand between quotes: printable ASCII without `"`.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"')
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_comment_keeps_its_end_and_its_characters_whole() {
        let comment = Comment::new(&format!("{}ö end", "é".repeat(100)));
        assert!(comment.as_str().len() <= COMMENT_MAX);
        assert!(comment.as_str().starts_with("...é"));
        assert!(comment.as_str().ends_with("éö end"));
    }

    #[test]
    fn our_names_can_be_pasted_into_nft() {
        assert_eq!(Name::ours("pod_shop/db-0").as_str(), "pl_pod_shop_db_0");
        assert_eq!(Name::ours(&"x".repeat(999)).as_str().len(), NAME_MAX);
    }
}
