//! From policies, facts and host rules to a ruleset.

pub mod base;
pub mod builder;
pub mod host;
