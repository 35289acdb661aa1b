//! What is fuzzed, and what must hold of it: one function for each kind of input, which panics if something does not.
//!
//! The fuzz targets call these, and so does an ordinary test (tests/it/corpus.rs) with every input of the corpus.

pub mod baseline;
pub mod cluster_policy;
#[cfg(feature = "cluster")]
pub mod config;
pub mod conntrack;
pub mod host_language;
pub mod manifests;
pub mod netlink;
pub mod nflog;
#[cfg(feature = "cluster")]
pub mod protobuf;
mod ruleset;
mod spans;
#[cfg(feature = "cluster")]
pub mod state;
#[cfg(feature = "cluster")]
pub mod watch;
