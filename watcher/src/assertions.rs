//! Assertions about who may connect to whom, as files, and whether they hold for manifests.
//!
//! A set of peers stands for each of its members: all connections of an assertion must be as it says. What is permitted
//! is asked of [`engine::connectivity`], and what host rules do of the simulator; nothing here judges by itself.

use engine::connectivity::Connectivity;
use engine::lint::environment::Environment;
use policy_lang::manifest::Object;

pub use self::file::{Expect, File, INVALID, Layer, Test};
pub use self::host::Host;
pub use self::verdict::{Because, Failure, Kind, Verdict, Witness};

mod because;
pub mod discover;
mod ends;
mod file;
mod host;
mod judge;
pub mod probe;
pub mod snapshot;
pub mod term;
mod verdict;

/// Judges every assertion of a file, in its order.
pub fn judge(
    file: &File,
    objects: &[Object],
    environment: &Environment,
    model: &mut Connectivity<'_>,
    mut host: Option<Host<'_>>,
) -> Vec<Verdict> {
    let known = ends::Known { objects, environment };
    let mut verdicts = Vec::with_capacity(file.tests.len());
    for test in &file.tests {
        if let Some(host) = &mut host {
            host.begin();
        }
        verdicts.push(judge::judge(test, known, model, host.as_mut()));
    }
    verdicts
}
