//! Live connections when the ruleset has changed: opens connection tracking, finds out what is routed where, and has
//! the engine judge the flows of affected addresses.
//!
//! Whoever changes the ruleset calls this when the new one is in force: a one-shot command once, an agent each time.

use engine::compile::options::LocalPods;
use engine::eval::ruleset::Host;
use engine::kernel::conntrack::{Conntrack, ConntrackError};
use engine::revoke::{Affected, Judge, Outcome, enforce, revoked_bit};
use engine::ruleset::{ElementKey, Ruleset};
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

/// Cuts the live connections that the ruleset in force does not permit, and lets go on those that it permits again.
///
/// A ruleset without a rule that drops revoked flows, as `keepEstablished` has it, cuts none: nothing is done.
///
/// # Errors
/// [`FlowsError`].
#[cfg(feature = "kernel")]
pub fn judge(before: Before<'_>, in_force: &Ruleset, local: &LocalPods) -> Result<Outcome, FlowsError> {
    if revoked_bit(in_force).is_none() {
        return Ok(Outcome::default());
    }
    let host = host::read()?;
    let mut conntrack = engine::kernel::conntrack::Ctnetlink::open()?;
    judge_in(&mut conntrack, &host, before, in_force, local)
}

/// The same where the feature `kernel` is missing: there is no connection tracking to ask.
///
/// # Errors
/// None.
#[cfg(not(feature = "kernel"))]
pub fn judge(_: Before<'_>, _: &Ruleset, _: &LocalPods) -> Result<Outcome, FlowsError> {
    Ok(Outcome::default())
}

/// The same on what is given.
///
/// # Errors
/// [`FlowsError::Conntrack`].
pub fn judge_in(
    conntrack: &mut dyn Conntrack,
    host: &Host,
    before: Before<'_>,
    in_force: &Ruleset,
    local: &LocalPods,
) -> Result<Outcome, FlowsError> {
    let Some(bit) = revoked_bit(in_force) else { return Ok(Outcome::default()) };
    let unknown = unknown(host, local);
    let affected = match before {
        Before::Judged(before) => Affected::between(before, in_force, &unknown),
        Before::Elements(before, keys) => {
            Affected::of_elements(keys.iter().copied()).unwrap_or_else(|| Affected::between(before, in_force, &unknown))
        }
        Before::Unknown => Affected::all(in_force, &unknown),
    };
    Ok(enforce(conntrack, &mut Judge::new(in_force, host, bit), &affected)?)
}

/// Where local pods can be that no API has told about: in the ranges that are configured, and behind interfaces whose
/// names begin as pods' do.
fn unknown(host: &Host, local: &LocalPods) -> Vec<IpNet> {
    let is_pods =
        |interface: &str| local.interface_prefix.as_deref().is_some_and(|prefix| interface.starts_with(prefix));
    let behind = host.routes.iter().filter(|route| is_pods(&route.interface)).map(|route| route.to);
    local.ranges.iter().copied().chain(behind).collect()
}
