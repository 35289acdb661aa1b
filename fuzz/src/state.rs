//! The file of what was in force last.

use watcher::agent::snapshot::untrusted;

/// Reads. What is read is written, and read again as the same.
pub fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(wrong) = untrusted::body(text) {
        panic!("{wrong}");
    }
}
