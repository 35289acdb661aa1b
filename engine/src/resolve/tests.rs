use policy_lang::selector::{Operator, Requirement, Selector};
use proptest::prelude::*;

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

/// Label sets and selectors of few words, so that they meet.
fn labels() -> impl Strategy<Value = Labels> {
    let label =
        (0..3_u8, 0..3_u8).prop_map(|(key, value)| (Arc::from(format!("k{key}")), Arc::from(value.to_string())));
    prop::collection::vec(label, 0..3).prop_map(|labels| labels.into_iter().collect())
}

fn selector() -> impl Strategy<Value = Selector> {
    let requirement = (0..3_u8, 0..4_u8, prop::collection::vec(0..3_u8, 1..3)).prop_map(|(key, operator, values)| {
        let values = values.into_iter().map(|value| Arc::from(value.to_string())).collect();
        let operator = match operator {
            0 => Operator::In(values),
            1 => Operator::NotIn(values),
            2 => Operator::Exists,
            _ => Operator::DoesNotExist,
        };
        Requirement { key: format!("k{key}").into(), operator }
    });
    prop::collection::vec(requirement, 0..3).prop_map(Selector::new)
}

fn pod_selector() -> impl Strategy<Value = PodSelector> {
    let named = (0..6_u8).prop_map(|n| Namespaces::Named(format!("ns-{n}").into()));
    let namespaces = prop_oneof![named, selector().prop_map(Namespaces::Matching)];
    (namespaces, selector()).prop_map(|(namespaces, pods)| PodSelector { namespaces, pods })
}

proptest! {
    /// Namespaces without pods, pods without namespaces, addresses of several pods; looked through, and by index.
    #[test]
    fn what_stands_for_one_of_many_selectors_is_what_stands_for_each(
        namespaces in prop::collection::btree_map(0..6_u8, labels(), 0..6),
        pods in prop::collection::btree_map((0..6_u8, 0..8_u8), (labels(), 0..20_u8, any::<bool>()), 0..30),
        selectors in prop::collection::vec(pod_selector(), 2..12),
    ) {
        let mut inventory = Inventory::default();
        inventory.namespaces.extend(namespaces.into_iter().map(|(n, labels)| (Arc::from(format!("ns-{n}")), labels)));
        for ((namespace, n), (labels, address, terminating)) in pods {
            let addresses = vec![std::net::Ipv4Addr::new(10, 0, 0, address).into()];
            let pod = Pod { labels, addresses, terminating, ..Pod::default() };
            inventory.pods.insert(NamespacedName::new(format!("ns-{namespace}"), format!("pod-{n}")), pod);
        }
        let each: BTreeSet<IpAddr> =
            selectors.iter().flat_map(|selector| Resolver::new(&inventory).addresses(selector)).collect();
        let resolver = Resolver::new(&inventory);
        for _ in 0..40 {
            let any = resolver.addresses_of_any(&selectors);
            prop_assert_eq!(any, each.iter().copied().collect::<Vec<_>>());
        }
    }
}
