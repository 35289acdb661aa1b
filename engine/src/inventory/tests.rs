//! Manifests in, facts out. Names begin with the number of the rule of the Kubernetes semantics that they hold.

use policy_lang::manifest::load;
use policy_lang::selector::Selector;
use policy_lang::source::Sources;

use super::*;

fn inventory(manifests: &str) -> Inventory {
    let mut sources = Sources::default();
    let (objects, diagnostics) = load("m.yaml", manifests, &mut sources);
    assert!(
        diagnostics.iter().all(|found| found.severity < policy_lang::diagnostic::Severity::Error),
        "{diagnostics:?}"
    );
    Inventory::from_objects(&objects).0
}

/// One pod `x/p` with these fields beside its metadata.
fn pod(rest: &str) -> Option<Pod> {
    let found = inventory(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: x}}\n{rest}\n"));
    found.pods.get(&NamespacedName::new("x", "p")).cloned()
}

fn ports(rest: &str) -> Vec<String> {
    let found = pod(rest).unwrap_or_default();
    found.ports.iter().map(|port| format!("{}={}/{}", port.name, port.port, port.protocol)).collect()
}

#[test]
fn sem_29_a_namespace_that_is_only_referred_to_has_its_name_label_alone() {
    let found = inventory(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {team: b}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: x}\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: y}\nspec: {podSelector: {}}\n",
    );
    let words = |labels: &Labels| {
        let words: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        words.join(" ")
    };
    let labels: Vec<_> = found.namespaces.iter().map(|(name, labels)| format!("{name}: {}", words(labels))).collect();
    assert_eq!(
        labels,
        [
            "a: kubernetes.io/metadata.name=a team=b",
            "x: kubernetes.io/metadata.name=x",
            "y: kubernetes.io/metadata.name=y",
        ]
    );
}

#[test]
fn sem_55_and_56_a_named_port_has_each_pods_own_number_and_protocol() {
    assert_eq!(ports("spec: {containers: [{ports: [{name: http, containerPort: 80}]}]}"), ["http=80/TCP"]);
    assert_eq!(
        ports("spec: {containers: [{ports: [{name: dns, containerPort: 53, protocol: UDP}, {containerPort: 99}]}]}"),
        ["dns=53/UDP"]
    );
}

#[test]
fn sem_57_a_name_in_several_containers_is_all_of_its_numbers() {
    let containers = "spec: {containers: [{ports: [{name: http, containerPort: 8080}, {name: http, containerPort: 80, protocol: UDP}]}, \
                      {ports: [{name: http, containerPort: 80}, {name: http, containerPort: 8080}]}]}";
    assert_eq!(ports(containers), ["http=80/TCP", "http=8080/TCP", "http=80/UDP"]);
}

#[test]
fn sem_58_a_pod_without_the_name_has_no_port_for_it() {
    assert_eq!(ports("spec: {containers: [{ports: [{containerPort: 80}]}, {}]}"), [""; 0]);
}

#[test]
fn sem_61_init_containers_count_if_they_keep_running() {
    let containers = "spec: {initContainers: [{restartPolicy: Always, ports: [{name: mesh, containerPort: 15001}]}, \
                      {ports: [{name: setup, containerPort: 1}]}, {restartPolicy: Never, ports: [{name: other, containerPort: 2}]}], \
                      containers: [{ports: [{name: http, containerPort: 80}]}]}";
    assert_eq!(ports(containers), ["http=80/TCP", "mesh=15001/TCP"]);
}

#[test]
fn sem_62_a_host_port_is_no_port_of_the_pod() {
    assert_eq!(ports("spec: {containers: [{ports: [{name: a, containerPort: 80, hostPort: 8080}]}]}"), ["a=80/TCP"]);
}

#[test]
fn sem_71_to_77_which_pods_count() {
    let counts = |rest: &str| pod(rest).is_some();
    for phase in ["Pending", "Running", "Unknown", "Odd"] {
        assert!(counts(&format!("status: {{phase: {phase}, podIPs: [{{ip: 10.0.0.1}}]}}")), "{phase}");
    }
    for phase in ["Succeeded", "Failed"] {
        assert!(!counts(&format!("status: {{phase: {phase}, podIPs: [{{ip: 10.0.0.1}}]}}")), "{phase}");
    }
    assert!(counts(""));
    assert!(!counts("spec: {hostNetwork: true}"));
    assert!(counts("spec: {hostNetwork: false}"));
}

#[test]
fn sem_74_a_terminating_pod_counts_until_its_phase_ends() {
    let of = |phase: &str| {
        let found = inventory(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: x, deletionTimestamp: \"2026-01-01T00:00:00Z\"}}\nstatus: {{phase: {phase}}}\n"
        ));
        found.pods.values().map(|pod| pod.terminating).collect::<Vec<_>>()
    };
    assert_eq!(of("Running"), [true]);
    assert_eq!(of("Succeeded"), [false; 0]);
}

#[test]
fn sem_78_every_one_of_the_plural_addresses_counts_and_the_singular_where_there_is_none() {
    let of = |status: &str| {
        let addresses = pod(&format!("status: {{{status}}}")).unwrap_or_default().addresses;
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(of("podIP: 10.0.0.9, podIPs: [{ip: \"2001:db8::1\"}, {ip: 10.0.0.1}]"), ["10.0.0.1", "2001:db8::1"]);
    assert_eq!(of("podIP: 10.0.0.9, podIPs: []"), ["10.0.0.9"]);
}

#[test]
fn sem_79_a_pod_without_addresses_is_kept() {
    let found = pod("spec: {nodeName: n}\nstatus: {phase: Pending}").unwrap_or_default();
    assert_eq!((found.node.as_deref(), found.addresses.as_slice()), (Some("n"), &[][..]));
}

#[test]
fn sem_30_labels_that_cannot_be_read_match_nothing() {
    let mut sources = Sources::default();
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: x, labels: {a: [b]}}\n";
    let (objects, _) = load("m.yaml", text, &mut sources);
    let (found, _) = Inventory::from_objects(&objects);
    assert_eq!(found.pods.values().filter(|pod| Selector::everything().matches(&pod.labels)).count(), 0);
    assert_eq!(found.pods.len(), 1);
}

#[test]
fn a_service_has_all_of_its_addresses_and_the_endpoints_of_all_of_its_slices() {
    let slice = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: {name}, namespace: x, labels: {{kubernetes.io/service-name: s}}}}\n{rest}\n"
        )
    };
    let manifests = [
        slice("a", "addressType: IPv6\nports: [{port: 8443}]\nendpoints: [{addresses: [\"2001:db8::1\"]}]"),
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: x}\n\
         spec: {clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, \"fd00::9\"], externalIPs: [192.0.2.9]}\n\
         status: {loadBalancer: {ingress: [{ip: 198.51.100.9}, {hostname: lb.example.com}]}}\n"
            .to_owned(),
        slice(
            "b",
            "ports: [{port: 8443}, {name: u, protocol: UDP, port: null}]\nendpoints: [{addresses: [10.0.0.2]}, {addresses: [10.0.0.1], conditions: {ready: false}}]",
        ),
        slice("c", "ports: [{port: 8443}]\nendpoints: [{addresses: [10.0.0.2]}]"),
        slice("d", "ports: []\nendpoints: [{addresses: [10.0.0.3]}]"),
        slice("e", "addressType: FQDN\nports: [{port: 1}]\nendpoints: [{addresses: [a.example.com]}]"),
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: headless, namespace: x}\nspec: {clusterIP: None}\n"
            .to_owned(),
    ];
    let found = inventory(&manifests.concat());
    let of = |name| found.services.get(&NamespacedName::new("x", name)).cloned().unwrap_or_default();
    let addresses: Vec<_> = of("s").addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.96.0.9", "192.0.2.9", "198.51.100.9", "fd00::9"]);
    let show = |end: &Endpoint| format!("{} {} {:?}", end.address, end.protocol, end.port);
    assert_eq!(
        of("s").endpoints.iter().map(show).collect::<Vec<_>>(),
        [
            "10.0.0.1 TCP Some(8443)",
            "10.0.0.1 UDP None",
            "10.0.0.2 TCP Some(8443)",
            "10.0.0.2 UDP None",
            "2001:db8::1 TCP Some(8443)",
        ]
    );
    assert_eq!(of("headless"), Service::default());
    assert_eq!(found.services.len(), 2);
}
