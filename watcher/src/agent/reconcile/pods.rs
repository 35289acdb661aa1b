//! How long new addresses of pods wait until they are in force.

use std::collections::BTreeMap;
use std::time::Instant;

use engine::incremental::Change;
use engine::inventory::Inventory;
use policy_lang::name::NamespacedName;

use super::super::metrics::{Metrics, Whereabouts};

/// Most pods that are followed at a time; of a larger batch the rest is not measured.
const FOLLOWED_MAX: usize = 4096;

/// Pods with addresses that are not in force.
#[derive(Debug, Default)]
pub(super) struct Pods(BTreeMap<NamespacedName, (Whereabouts, Instant)>);

impl Pods {
    /// These changes were told at this moment; `known` is what is in force or on its way there.
    pub(super) fn told(&mut self, changes: &[Change], known: &Inventory, node: &str, at: Instant) {
        for change in changes {
            let Change::Pod(name, Some(pod)) = change else { continue };
            let is_news = !pod.addresses.is_empty()
                && known.pods.get(name).is_none_or(|before| before.addresses != pod.addresses);
            if is_news && self.0.len() < FOLLOWED_MAX {
                let is_local = pod.node.as_deref() == Some(node);
                let whereabouts = if is_local { Whereabouts::Local } else { Whereabouts::Remote };
                self.0.entry(name.clone()).or_insert((whereabouts, at));
            }
        }
    }

    /// What was told is in force.
    pub(super) fn in_force(&mut self, now: Instant, metrics: &Metrics) {
        for (whereabouts, at) in std::mem::take(&mut self.0).into_values() {
            metrics.pod_delayed(whereabouts, now.saturating_duration_since(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::inventory::Pod;

    use super::*;

    #[test]
    fn a_pod_is_measured_when_its_addresses_are_news() {
        let name = |name: &str| NamespacedName::new("x", name);
        let pod = |node: &str, last: u8| Pod {
            node: Some(node.into()),
            addresses: vec![[10, 0, 0, last].into()],
            ..Pod::default()
        };
        let mut known = Inventory::default();
        known.pods.insert(name("same"), pod("n", 1));
        known.pods.insert(name("moved"), pod("n", 2));
        let changes = [
            Change::Pod(name("same"), Some(pod("n", 1))),
            Change::Pod(name("moved"), Some(pod("n", 3))),
            Change::Pod(name("new"), Some(pod("m", 4))),
            Change::Pod(name("pending"), Some(Pod::default())),
            Change::Pod(name("gone"), None),
        ];
        let mut pods = Pods::default();
        pods.told(&changes, &known, "n", Instant::now());
        let found: Vec<_> = pods.0.iter().map(|(name, (whereabouts, _))| (name.to_string(), *whereabouts)).collect();
        assert_eq!(found, [("x/moved".to_owned(), Whereabouts::Local), ("x/new".to_owned(), Whereabouts::Remote)]);
    }
}
