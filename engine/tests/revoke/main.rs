//! Which flows are judged, and how, without a kernel.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod affected;
mod judged;
mod lost;
mod node;
