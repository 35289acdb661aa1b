//! ClusterNetworkPolicies, of a cluster and of a baseline.

use engine::inventory::Inventory;
use policy_lang::cluster_policy;
use policy_lang::manifest::{self, Object};
use policy_lang::network_policy::Strictness;
use policy_lang::policy::Action;
use policy_lang::source::Sources;

use super::{ruleset, spans};

/// Reads and compiles. One whose text is damaged opens nothing, and none vanishes.
pub fn judge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut sources = Sources::default();
    let (objects, found) = manifest::load("m.yaml", text, &mut sources);
    spans::check(&found, &sources);
    let (_, found) = cluster_policy::decode_all(&objects, &sources, Strictness::Strict);
    spans::check(&found, &sources);
    let (policies, found) = cluster_policy::decode_all(&objects, &sources, Strictness::Lenient);
    spans::check(&found, &sources);
    let mut written = Vec::new();
    for object in &objects {
        if let Object::ClusterNetworkPolicy(policy) = object {
            written.push(policy);
        }
    }
    assert_eq!(policies.len(), written.len());
    for (written, policy) in written.iter().zip(&policies) {
        let mut rules = policy.ingress.iter().chain(&policy.egress).flatten();
        assert!(
            written.damage.is_none() || rules.all(|rule| rule.action == Action::Deny),
            "a damaged policy opens something: {policy:?}"
        );
    }
    let (inventory, _) = Inventory::from_objects(&objects);
    ruleset::check(&policies, &inventory, None);
}
