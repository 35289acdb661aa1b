//! An error with what is behind it: for connections and for netlink that is where the reason is.

use std::error::Error;

/// The error and its causes in one line. Some errors say what their cause says; that is said once.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}
