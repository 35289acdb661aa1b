//! What the user wrote, and what it means.
//!
//! Text goes in; typed, located intent and diagnostics come out: `f(&input) -> (T, Vec<Diagnostic>)`.
//! Nothing here fails on the content of a user's input: a bad object gets a diagnostic and, where an object that
//! says nothing would open something, a stand-in that fails closed.
//!
//! Invariant: this crate never touches files, the environment, the network or the clock. Whatever it needs from
//! there (included files, a shell, name resolution) is a trait that the caller passes in.
#![forbid(unsafe_code)]

pub mod baseline;
pub mod cluster_policy;
pub mod diagnostic;
pub mod host;
pub mod manifest;
pub mod name;
pub mod network_policy;
pub mod peer;
pub mod policy;
pub mod port;
pub mod selector;
pub mod share;
pub mod source;
pub mod suggest;
