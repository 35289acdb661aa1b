//! Pods for workloads that have none in the input, as in rendered charts: policies select them by their labels, and the
//! rulesets are asked by addresses.

use std::net::IpAddr;
use std::sync::Arc;

use engine::inventory::{Inventory, Pod};
use engine::workloads::{self, Workload};
use policy_lang::manifest::Object;
use policy_lang::name::NamespacedName;
use policy_lang::policy::Policy;

use super::Question;
use crate::source::unasked;

/// What is asked about as a pod that was made up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MadeUp {
    /// The workload.
    pub name: NamespacedName,
    /// The addresses of its pod, which are nobody's.
    pub addresses: [IpAddr; 2],
}

/// Makes a pod for each end of a question that is a workload without an address, or a Service with such workloads behind
/// it. Each is on a node of its own: nothing is known of where it would run.
pub fn make_up(question: &Question, objects: &[Object], policies: &[Policy], inventory: &mut Inventory) -> Vec<MadeUp> {
    let (workloads, _) = workloads::group(objects, policies);
    let mut made = Vec::new();
    for word in [&question.from, &question.to] {
        let entries: Vec<&Workload> = workloads.entries.iter().collect();
        let mut meant: Vec<&Workload> = entries.iter().copied().filter(|workload| is_meant(word, workload)).collect();
        if meant.is_empty() {
            meant = behind(word, objects, &entries);
        }
        let has_address = meant.iter().any(|found| found.members.iter().any(|member| !member.addresses.is_empty()));
        // Of two of one name nobody knows which is meant, and that is said.
        let is_clear =
            meant.iter().enumerate().all(|(at, found)| meant.iter().skip(at + 1).all(|other| other.name != found.name));
        if has_address || !is_clear {
            continue;
        }
        for workload in meant {
            let Ok(number) = u16::try_from(made.len() + 1) else { continue };
            if made.iter().any(|known: &MadeUp| known.name == workload.name) {
                continue;
            }
            let (v4, v6) = unasked::addresses(number);
            let addresses = [IpAddr::V4(v4), IpAddr::V6(v6)];
            let ports = workload.members.first().map(|member| member.ports.clone()).unwrap_or_default();
            let pod = Pod {
                labels: workload.labels.clone(),
                node: Some(Arc::from(format!("any node ({number})"))),
                addresses: addresses.to_vec(),
                ports,
                terminating: false,
            };
            inventory.pods.insert(workload.name.clone(), pod);
            made.push(MadeUp { name: workload.name.clone(), addresses });
        }
    }
    made
}

/// Whether a word is NAMESPACE/NAME or KIND/NAMESPACE/NAME of a workload.
fn is_meant(word: &str, workload: &Workload) -> bool {
    let name = workload.name.to_string();
    word == name || word.split_once('/').is_some_and(|(kind, rest)| *kind == *workload.kind && rest == name)
}

/// The workloads behind the Service of this name.
fn behind<'w>(word: &str, objects: &[Object], workloads: &[&'w Workload]) -> Vec<&'w Workload> {
    let word = word.strip_prefix("service/").unwrap_or(word);
    let services =
        objects.iter().filter_map(|object| if let Object::Service(service) = object { Some(service) } else { None });
    let Some(service) = services.into_iter().find(|service| service.metadata.name.to_string() == word) else {
        return Vec::new();
    };
    let is_behind = |workload: &&&Workload| {
        let mut wanted = service.selector.iter();
        workload.name.namespace == service.metadata.name.namespace
            && !service.selector.is_empty()
            && wanted.all(|(key, value)| workload.labels.get(key) == Some(value))
    };
    workloads.iter().filter(is_behind).copied().collect()
}
