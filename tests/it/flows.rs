//! Live connections across changes of policy, with real flows through a node: what is no longer permitted stops both
//! ways, what still is loses nothing, and no conntrack entry is deleted.

mod commands;
mod cut;
mod kept;
mod many;
mod node;
mod observed;
mod reverse;
mod stream;
mod watched;
