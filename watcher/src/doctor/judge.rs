//! The judgements, each a function from facts to findings.

use super::{Facts, Reading};

pub(super) mod ahead;
pub(super) mod bridges;
pub(super) mod foreign;
pub(super) mod forwarding;
pub(super) mod machine;
pub(super) mod makers;
#[cfg(test)]
mod tests;
pub(super) mod tracking;

/// Most of a kind that are listed by name in one finding.
const LISTED: usize = 5;

/// Where kernel parameters of the network stand.
const PARAMETERS: &str = "/proc/sys/net";

/// What stands in a kernel parameter.
fn parameter(facts: &Facts, path: &str) -> Reading {
    reading(format!("{PARAMETERS}/{path}"), facts.parameter(path).unwrap_or("absent"))
}

fn reading(place: impl Into<String>, value: impl Into<String>) -> Reading {
    Reading { place: place.into(), value: value.into() }
}

/// The command that sets a kernel parameter; a dot in an interface's name is a slash to sysctl.
fn set(path: &str, value: &str) -> String {
    let key: Vec<String> = path.split('/').map(|part| part.replace('.', "/")).collect();
    format!("sysctl -w net.{}={value}", key.join("."))
}

/// `a, b, c and 4 more`.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let first = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
