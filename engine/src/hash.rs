//! Content hashes for names.
//!
//! The hash of an object is the hash of its nft text, so it is the same on every machine, and whatever the text
//! shows is hashed. SHA-256 because tenants choose much of the content: they must not be able to make two chains
//! meet under one name.

use sha2::{Digest, Sha256};

use crate::render;
use crate::ruleset::{Chain, Expr, Rule, Set};

/// Characters of a hash in a name: 60 bits, twelve times five.
const CHARACTERS: usize = 12;

/// Crockford's base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The hash of a text.
pub(crate) fn text(text: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(text.as_bytes());
    encode(&hasher.finalize())
}

/// The hash of a chain: hook, comment and rules.
pub(crate) fn chain(chain: &Chain) -> String {
    text(&render::chain_body(chain))
}

/// The hash of what a rule says, without its comment.
pub(crate) fn exprs(exprs: &[Expr]) -> String {
    let rule = Rule { exprs: exprs.to_vec(), comment: None };
    chain(&Chain { base: None, comment: None, rules: vec![rule] })
}

/// The hash of a set: what it holds and its elements.
pub(crate) fn set(set: &Set) -> String {
    let mut hasher = Sha256::new();
    render::set_body_in_parts(set, |part| hasher.update(part.as_bytes()));
    encode(&hasher.finalize())
}

fn encode(digest: &[u8]) -> String {
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    (0..CHARACTERS)
        .map(|index| {
            let five = bits >> (59 - 5 * index) & 31;
            char::from(ALPHABET.get(usize::try_from(five).unwrap_or(0)).copied().unwrap_or(b'0'))
        })
        .collect()
}
