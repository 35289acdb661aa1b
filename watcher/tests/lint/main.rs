//! `palisade lint` without a process: every rule by its fixtures, every form of the output, fixes, and time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

mod examples;
mod fixes;
mod forms;
mod rules;
mod size;
