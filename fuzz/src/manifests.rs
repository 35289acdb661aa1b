//! Manifests: whatever a tenant can write.

use engine::inventory::Inventory;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::manifest::{self, Object};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::Policy;
use policy_lang::source::Sources;

use super::{ruleset, spans};

/// Reads, lowers, compiles and renders. A policy that is broken permits nothing and isolates something.
pub fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut sources = Sources::default();
    let (objects, found) = manifest::load("m.yaml", text, &mut sources);
    spans::check(&found, &sources);
    let mut policies = Vec::new();
    for object in &objects {
        let Object::NetworkPolicy(written) = object else { continue };
        for strictness in [Strictness::Strict, Strictness::Lenient] {
            let (policy, judged) = network_policy::decode(written, &sources, strictness);
            spans::check(&judged, &sources);
            let whole = written.document.span;
            let accused = found.iter().any(|finding| {
                let inside = finding.span.is_some_and(|span| whole.start <= span.start && span.end <= whole.end);
                finding.severity == Severity::Error && inside
            });
            if accused || written.damage.is_some() || judged.iter().any(is_error) {
                fails_closed(&policy);
            }
            if strictness == Strictness::Lenient {
                policies.push(policy);
            }
        }
    }
    for object in &objects {
        if let Object::Pod(pod) = object {
            policies.extend(network_policy::quarantine(pod));
        }
    }
    let (inventory, found) = Inventory::from_objects(&objects);
    spans::check(&found, &sources);
    ruleset::check(&policies, &inventory, None);
}

fn is_error(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Error
}

fn fails_closed(policy: &Policy) {
    let rules = policy.ingress.iter().chain(&policy.egress).flatten().count();
    assert_eq!(rules, 0, "a broken policy permits something: {policy:?}");
    assert!(policy.ingress.is_some() || policy.egress.is_some(), "a broken policy isolates nothing: {policy:?}");
}
