//! nf_tables itself, by netlink: what it takes, what it refuses, what it tells of others.
//!
//! Every test runs in network namespaces of its own; needs root, and says so where that is missing.
#![cfg(feature = "kernel")]
#![expect(clippy::disallowed_methods, reason = "the tests run nft as the process that interferes")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its own premises do not hold")]

mod fixture;
mod judged_texts;
mod left;
mod logged_packets;
mod notices;
mod refusals;
mod sizes;
mod strangers;
mod transactions;
