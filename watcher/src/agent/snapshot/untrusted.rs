//! A text that claims to be the body of a snapshot.
//!
//! For whoever wants to show that none does harm: a fuzz target, and the test that replays what it found. Its hash holds
//! off what a disk does to it and not who can write it, who is root; so the hash is taken for right here.

use super::writing::write;
use super::{HEAD, read};
use crate::agent::world::{Facts, Told};
use crate::sealed;
use crate::source::is_of_baseline;

/// Reads it, and returns whether it is one.
///
/// # Errors
/// What is read of it and is not read again from what is written of that.
pub fn body(text: &str) -> Result<bool, String> {
    let Some((facts, host)) = read(&sealed::seal(HEAD, text)) else { return Ok(false) };
    let mut out = std::io::Cursor::new(Vec::new());
    let told = Told { policies: &facts.policies, inventory: &facts.inventory, baseline: &facts.baseline };
    write(told, &host, &mut out).map_err(|error| error.to_string())?;
    let written = String::from_utf8(out.into_inner()).map_err(|error| error.to_string())?;
    let Some((again, _)) = read(&written) else { return Err(format!("cannot be read again: {written}")) };
    if (&again.inventory, &again.baseline) != (&facts.inventory, &facts.baseline) {
        return Err(format!("other facts are read again: {written}"));
    }
    // A policy of the baseline that stood among the others is kept with the baseline alone.
    let tenants = |facts: &Facts| {
        facts.policies.iter().filter(|policy| !is_of_baseline(policy.tier)).cloned().collect::<Vec<_>>()
    };
    if tenants(&again) != tenants(&facts) {
        return Err(format!("other policies are read again: {written}"));
    }
    Ok(true)
}
