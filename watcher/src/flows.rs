//! Live connections when the ruleset has changed: opens connection tracking, finds out what is routed where, and has
//! the engine judge the flows of affected addresses.
//!
//! Whoever changes the ruleset calls this when the new one is in force: a one-shot command once, an agent each time.

use engine::compile::options::LocalPods;
#[cfg(feature = "kernel")]
use engine::eval::ruleset::Host;
use engine::kernel::conntrack::ConntrackError;
use engine::revoke::{Affected, Outcome};
#[cfg(feature = "kernel")]
use engine::revoke::{Cut, Judge, enforce, revoked_bit};
use engine::ruleset::{ElementKey, Ruleset};
#[cfg(feature = "kernel")]
use ipnet::IpNet;

#[cfg(feature = "kernel")]
pub mod host;

/// Why live connections could not be judged. Those that are no longer permitted live on, and to try again is right.
#[derive(Debug, thiserror::Error)]
pub enum FlowsError {
    /// Connection tracking.
    #[error(transparent)]
    Conntrack(#[from] ConntrackError),
    /// What is routed where.
    #[error("reading this host's addresses and routes: {0}")]
    Host(#[from] std::io::Error),
}

/// What was in force before.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// This ruleset, whose flows had been judged.
    Judged(&'a Ruleset),
    /// This ruleset, whose flows had been judged, of which nothing but elements with these keys came or went.
    Elements(&'a Ruleset, &'a [&'a ElementKey]),
    /// Nothing, or something whose flows nobody may have judged: every local flow is.
    Unknown,
}

/// Whose live connections have to be looked at.
pub fn affected(before: Before<'_>, in_force: &Ruleset) -> Affected {
    match before {
        Before::Judged(before) => Affected::between(before, in_force),
        Before::Elements(before, keys) => {
            Affected::of_elements(keys.iter().copied()).unwrap_or_else(|| Affected::between(before, in_force))
        }
        Before::Unknown => Affected::all(in_force),
    }
}

/// Cuts the live connections of these addresses that the ruleset in force does not permit, and lets go on those that it
/// permits again.
///
/// A ruleset without a rule that drops revoked flows, as `keepEstablished` has it, cuts none: nothing is done.
///
/// # Errors
/// [`FlowsError`].
#[cfg(feature = "kernel")]
pub fn judge(affected: Affected, in_force: &Ruleset, local: &LocalPods) -> Result<Outcome, FlowsError> {
    let Some(bit) = revoked_bit(in_force) else { return Ok(Outcome::default()) };
    let host = host::read()?;
    let affected = affected.with_unknown(unknown(&host, local));
    let mut conntrack = engine::kernel::conntrack::Ctnetlink::open()?;
    Ok(enforce(&mut conntrack, &mut Judge::new(in_force, &host, bit), &affected)?)
}

/// The same where the feature `kernel` is missing: there is no connection tracking to ask.
///
/// # Errors
/// None.
#[cfg(not(feature = "kernel"))]
pub fn judge(_: Affected, _: &Ruleset, _: &LocalPods) -> Result<Outcome, FlowsError> {
    Ok(Outcome::default())
}

/// Cuts again what others have let go on; says how many connections those were.
///
/// # Errors
/// [`FlowsError`].
#[cfg(feature = "kernel")]
pub fn look(cut: &mut Cut, in_force: &Ruleset) -> Result<usize, FlowsError> {
    let Some(bit) = revoked_bit(in_force) else { return Ok(0) };
    Ok(cut.look(&mut engine::kernel::conntrack::Ctnetlink::open()?, bit)?)
}

/// Where local pods can be that no API has told about: in the ranges that are configured, and behind interfaces whose
/// names begin as pods' do.
#[cfg(feature = "kernel")]
fn unknown(host: &Host, local: &LocalPods) -> Vec<IpNet> {
    let is_pods =
        |interface: &str| local.interface_prefix.as_deref().is_some_and(|prefix| interface.starts_with(prefix));
    let behind = host.routes.iter().filter(|route| is_pods(&route.interface)).map(|route| route.to);
    local.ranges.iter().copied().chain(behind).collect()
}
