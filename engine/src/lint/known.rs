//! What tells a finding from others of its kind, whatever line it is in.

use std::collections::BTreeMap;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::Sources;

/// The first of this and no other is used for hashing: FNV-1a, 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A fingerprint for each finding, in their order: of the rule, the object or else the file, and the message. Equal ones
/// are numbered, so that each has its own.
pub fn fingerprints(findings: &[Diagnostic], sources: &Sources) -> Vec<String> {
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let mut fingerprints = Vec::with_capacity(findings.len());
    for finding in findings {
        let mut hash = OFFSET;
        let mut add = |text: &str| {
            for byte in text.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
            }
        };
        add(finding.code.0);
        match &finding.object {
            Some(object) => [&object.kind, &object.namespace, &object.name].into_iter().for_each(|part| add(part)),
            None => {
                let path = finding.span.map(|span| sources.path(span.source).to_string());
                add(&path.or_else(|| Some(finding.place.as_ref()?.path.to_string())).unwrap_or_default());
            }
        }
        add(&finding.message);
        let ordinal = seen.entry(hash).or_default();
        fingerprints.push(format!("{hash:016x}-{ordinal}"));
        *ordinal += 1;
    }
    fingerprints
}
