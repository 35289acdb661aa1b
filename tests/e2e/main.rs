//! The agent against a real API server and its etcd: `make e2e`.
//!
//! The server is a program of tests/e2e/apiserver, which takes minutes to build, so these tests are left out of
//! `cargo test`; docs/testing/e2e.md says how to run them and what they prove.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod administrator;
mod agent;
mod audit;
/// The cases of tests/data/netns, as the laboratory reads and judges them.
#[path = "../it/netns/cases"]
#[expect(dead_code, reason = "what only the laboratory's own tests ask of them")]
mod cases {
    mod arena;
    pub(crate) mod cluster;
    mod flows;
    pub(crate) mod group;
    pub(crate) mod opinions;
    mod pods;
    pub(crate) mod script;
}
mod changes;
mod chart;
mod churn;
mod cluster;
mod container;
mod enforcement;
mod figures;
mod foreign;
mod guide;
mod held;
mod hostrules;
mod image;
mod kills;
mod lease;
/// The traffic of the laboratory's own tests, and its account.
#[path = "../it/swap/load.rs"]
#[expect(dead_code, reason = "what only the laboratory's own tests ask of it")]
mod load;
mod objects;
mod plugin;
mod proxy;
#[expect(dead_code, reason = "what only benches/scale asks of it")]
mod relay;
mod rights;
mod scenarios;
#[expect(dead_code, reason = "what only benches/scale asks of it")]
mod server;
mod source;
mod tools;
mod traffic;
mod troubles;
mod yaml;
