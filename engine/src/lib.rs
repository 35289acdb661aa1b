//! From meaning to kernel: compile policies and host rules to a ruleset, plan the change, evaluate packets, load it.
//!
//! Invariant: nothing here touches files, the environment or the clock, and only `kernel` talks to the outside, by
//! netlink. libnftnl and libmnl are used inside `kernel` alone, and `unsafe` in one file of it.

pub mod apply;
pub mod compile;
pub mod connectivity;
pub mod diff;
pub mod eval;
mod hash;
pub mod incremental;
pub mod interval;
pub mod inventory;
pub mod kernel;
pub mod limits;
pub mod lint;
pub mod observed;
pub mod place;
pub mod plan;
pub mod render;
pub mod resolve;
pub mod revoke;
pub mod ruleset;
mod view;
pub mod workloads;
