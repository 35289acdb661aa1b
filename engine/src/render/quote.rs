//! Strings and names. nft has no escapes: a string ends at the next `"`.

use std::fmt::{self, Write as _};

use crate::ruleset::{Datum, Name, is_plain};

/// Longest log prefix, in bytes (`NF_LOG_PREFIXLEN` 128 with its NUL).
pub(crate) const LOG_PREFIX_MAX: usize = 127;

/// A comment between quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

/// A log prefix between quotes. nft replaces `$name` in it by a variable, so `$` cannot be written.
pub(super) struct LogPrefix<'a>(pub(super) &'a str);

/// A name where nft wants a word.
pub(super) struct Identifier<'a>(pub(super) &'a Name);

/// A name where nft wants it quoted.
pub(super) struct Quoted<'a>(pub(super) &'a Name);

/// An interface name.
pub(super) struct Interface<'a>(pub(super) &'a Datum);

/// All interface names that begin with the first bytes of this one.
pub(super) struct InterfacePrefix<'a>(pub(super) &'a Datum, pub(super) usize);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, self.0.chars())
    }
}

/// A comment between quotes, as [`Text`] writes it; sets have thousands of them.
pub(super) fn write_text(out: &mut String, text: &str) -> fmt::Result {
    if is_plain(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return Ok(());
    }
    write!(out, "{}", Text(text))
}

impl fmt::Display for LogPrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut length = 0;
        let fitting = self.0.chars().take_while(|c| {
            length += c.len_utf8();
            length <= LOG_PREFIX_MAX
        });
        write_quoted(f, fitting.map(|c| if c == '$' { '_' } else { c }))
    }
}

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')) {
            return f.write_str(name);
        }
        Quoted(self.0).fmt(f)
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        if name.contains(cannot_stand_in_quotes) {
            return write_unwritable(f, name.as_bytes());
        }
        write!(f, "\"{name}\"")
    }
}

impl fmt::Display for Interface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = without_padding(self.0.bytes());
        match std::str::from_utf8(name) {
            Ok(text) if text.contains(cannot_stand_in_quotes) || text.ends_with("\\*") || text.is_empty() => {
                write_unwritable(f, name)
            }
            // Without the backslash a `*` at the end stands for any characters.
            Ok(text) => match text.strip_suffix('*') {
                Some(beginning) => write!(f, "\"{beginning}\\*\""),
                None => write!(f, "\"{text}\""),
            },
            Err(_) => write_unwritable(f, name),
        }
    }
}

impl fmt::Display for InterfacePrefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning = self.0.bytes().get(..self.1).unwrap_or(self.0.bytes());
        match std::str::from_utf8(beginning) {
            Ok(text) if text.contains(cannot_stand_in_quotes) || text.ends_with('\\') || text.is_empty() => {
                write_unwritable(f, beginning)
            }
            Ok(text) => write!(f, "\"{text}*\""),
            Err(_) => write_unwritable(f, beginning),
        }
    }
}

/// A name that nft has no notation for, as text that it refuses: too long for an interface, and with spaces.
pub(super) fn write_unwritable(f: &mut fmt::Formatter<'_>, name: &[u8]) -> fmt::Result {
    f.write_str("\"name without nft notation: 0x")?;
    for byte in name {
        write!(f, "{byte:02x}")?;
    }
    f.write_char('"')
}

fn write_quoted(f: &mut fmt::Formatter<'_>, characters: impl Iterator<Item = char>) -> fmt::Result {
    f.write_char('"')?;
    for character in characters {
        f.write_char(match character {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })?;
    }
    f.write_char('"')
}

fn cannot_stand_in_quotes(character: char) -> bool {
    character == '"' || character.is_control()
}

fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}
