//! What a test needs that not every machine gives.

use watcher::lab::{LabError, Namespace};

/// Whether this process may make network namespaces; if not, says so, because the test that asks then proves nothing.
pub(crate) fn can_make_namespaces(test: &str) -> bool {
    match Namespace::new("privilege") {
        Ok(_) => true,
        Err(LabError::NotPermitted) => {
            skip(test, "making network namespaces takes root");
            false
        }
        Err(error) => panic!("{test}: {error}"),
    }
}

/// Says why a test does not run, in the form that scripts/test.sh counts.
#[expect(clippy::print_stdout, reason = "a skipped test has to say why")]
pub(crate) fn skip(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}

/// Says what a test found, and what it left out because of what no machine in use can do, for `--nocapture` and `--show-output`.
#[expect(clippy::print_stdout, reason = "figures of a run are read by people")]
pub(crate) fn report(text: &str) {
    println!("{text}");
}
