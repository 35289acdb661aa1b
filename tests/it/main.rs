//! One integration binary: whole lines, from what a user writes to what packets do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod agent;
mod agree;
mod architecture;
mod assertions;
mod ci;
mod cli;
mod clusters;
mod corpus;
mod dataplane;
mod demo;
mod docs;
mod flows;
mod golden;
mod kernel;
mod kill;
mod lint;
mod monitoring;
mod mutations;
mod netns;
mod package;
mod privilege;
mod semantics;
mod swap;
mod systemd;
mod text;
mod twin;
