use policy_lang::selector::{Operator, Requirement, Selector};

use super::*;

fn inventory(pods: &[(&str, &str, &str, bool)]) -> Inventory {
    let mut inventory = Inventory::default();
    for (namespace, name, address, terminating) in pods {
        inventory.namespaces.entry((*namespace).into()).or_default();
        let pod = Pod {
            labels: [("pod".into(), (*name).into())].into(),
            addresses: vec![address.parse().unwrap()],
            terminating: *terminating,
            ..Pod::default()
        };
        inventory.pods.insert(NamespacedName::new(*namespace, *name), pod);
    }
    inventory
}

fn named(pod: &str) -> PodSelector {
    let operator = Operator::In([Arc::from(pod)].into());
    PodSelector {
        namespaces: Namespaces::Matching(Selector::everything()),
        pods: Selector::new([Requirement { key: "pod".into(), operator }]),
    }
}

fn check(inventory: &Inventory, pod: &str) -> Vec<String> {
    Resolver::new(inventory).addresses(&named(pod)).iter().map(ToString::to_string).collect()
}

#[test]
fn sem_76_an_address_of_two_live_pods_stands_for_a_selector_only_if_it_selects_both() {
    let inventory = inventory(&[("x", "a", "10.0.0.1", false), ("y", "b", "10.0.0.1", false)]);
    assert_eq!(check(&inventory, "a"), Vec::<String>::new());
    let everything = PodSelector { pods: Selector::everything(), ..named("a") };
    assert_eq!(Resolver::new(&inventory).addresses(&everything).len(), 1);
}

#[test]
fn sem_74_a_terminating_pod_yields_its_address() {
    let inventory = inventory(&[("x", "a", "10.0.0.1", true), ("y", "b", "10.0.0.1", false)]);
    assert_eq!(check(&inventory, "a"), Vec::<String>::new());
    assert_eq!(check(&inventory, "b"), ["10.0.0.1"]);
}

#[test]
fn sem_30_a_namespace_without_an_object_matches_nothing() {
    let mut inventory = inventory(&[("x", "a", "10.0.0.1", false)]);
    inventory.namespaces.clear();
    assert_eq!(check(&inventory, "a"), Vec::<String>::new());
}
