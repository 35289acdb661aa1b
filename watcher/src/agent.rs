//! The agent: a node's policy kept true, from whoever tells what the cluster is like to the kernel.
//!
//! Sources tell of changes; one thread compiles and applies them. See docs/design/agent.md.

pub mod ask;
pub mod asked;
pub mod baseline;
pub mod board;
mod causes;
pub mod cluster;
pub mod drift;
pub mod enforcer;
pub mod event;
pub mod examine;
pub mod files;
pub mod gate;
pub mod host;
pub mod metrics;
pub mod names;
pub mod pause;
pub mod probe;
pub mod readings;
pub mod reconcile;
pub mod schedule;
pub mod serve;
pub mod snapshot;
mod watch;
pub mod world;
