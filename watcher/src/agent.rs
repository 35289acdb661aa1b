//! The agent: a node's policy kept true, from whoever tells what the cluster is like to the kernel.
//!
//! Sources tell of changes; one thread compiles and applies them. See docs/design/agent.md.

pub mod cluster;
pub mod event;
