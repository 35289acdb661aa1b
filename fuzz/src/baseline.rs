//! The baseline, as a file and among objects.

use engine::inventory::Inventory;
use policy_lang::baseline::{self, Baseline};
use policy_lang::diagnostic::Severity;
use policy_lang::manifest;
use policy_lang::name::NamespacedName;
use policy_lang::source::Sources;

use super::{ruleset, spans};

/// Reads and compiles. What is kept of a sound one is read again as the same; one with an error enforces nothing.
pub fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (namespace, name) = baseline::CONFIG_MAP;
    let name = NamespacedName::new(namespace, name);
    let mut sources = Sources::default();
    let (objects, _) = manifest::load("m.yaml", text, &mut sources);
    let among = baseline::find(&objects, &name, &sources);
    spans::check(&among.diagnostics, &sources);
    let read = baseline::read(&[("b.yaml".into(), text.into())], &name, &mut sources);
    spans::check(&read.diagnostics, &sources);
    for found in [among, read] {
        let has_errors = found.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
        let Baseline::Sound(policies) = found.baseline else { continue };
        assert!(!has_errors, "a baseline with errors is enforced: {:?}", found.diagnostics);
        let again = baseline::restore(&found.texts, &mut Sources::default());
        let Baseline::Sound(restored) = again.baseline else {
            panic!("what was kept is broken: {:?}", again.diagnostics);
        };
        assert_eq!(restored, policies);
        ruleset::check(&policies, &Inventory::default(), None);
    }
}
