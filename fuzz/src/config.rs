//! The configuration file.

use std::path::Path;

use policy_lang::source::Sources;
use watcher::config::Config;

use super::spans;

/// Reads. What is said about pods is read again from what is written of it.
pub fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let path = Path::new("/etc/palisade/config.yaml");
    let mut sources = Sources::default();
    let (config, findings) = Config::parse(path, text, &mut sources);
    spans::check(&findings, &sources);
    if let Some(written) = config.written_pods() {
        let (again, _) = Config::parse(path, &written.to_string(), &mut Sources::default());
        assert_eq!(again.pods, config.pods, "{written}");
    }
}
