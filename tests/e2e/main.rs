//! The agent against a real API server and its etcd: `make e2e`.
//!
//! The server is a program of tests/e2e/apiserver, which takes minutes to build, so these tests are left out of
//! `cargo test`; docs/testing/e2e.md says how to run them and what they prove.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod administrator;
mod audit;
mod chart;
mod container;
mod enforcement;
mod guide;
mod hostrules;
mod image;
mod relay;
mod rights;
mod server;
mod source;
mod tools;
mod yaml;
