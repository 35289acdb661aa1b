//! What a test needs that not every machine gives.

/// Whether this process may make network namespaces; if not, says so, because the test that asks then proves nothing.
#[expect(clippy::print_stderr, reason = "a skipped test has to say why")]
pub(crate) fn can_make_namespaces(test: &str) -> bool {
    match watcher::lab::Namespace::new("privilege") {
        Ok(_) => true,
        Err(watcher::lab::LabError::NotPermitted) => {
            eprintln!("SKIPPED {test}: making network namespaces takes root");
            false
        }
        Err(error) => panic!("{test}: {error}"),
    }
}
