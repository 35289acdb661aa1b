//! Files that are used only if they are whole: the first line is a head with the version, and the SHA-256 of all that
//! follows it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A body under its head.
pub fn seal(head: &str, body: &str) -> String {
    format!("{head}{}\n{body}", hash(body))
}

/// The body, unless it is of another version, cut short or changed.
pub fn open<'a>(head: &str, whole: &'a str) -> Option<&'a str> {
    let (first, body) = whole.split_once('\n')?;
    (first.strip_prefix(head)? == hash(body)).then_some(body)
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
