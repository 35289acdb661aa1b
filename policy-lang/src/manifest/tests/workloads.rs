//! What only [`Reading::Everything`] reads.

use super::*;

#[track_caller]
fn read(text: &str) -> (Vec<Object>, Vec<String>) {
    let mut sources = Sources::default();
    let (objects, diagnostics) = load_kinds(Reading::Everything, "m.yaml", text, &mut sources);
    (objects, lines(&diagnostics, &sources))
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: x, labels: {not: these}}
spec:
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - ports: [{name: http, containerPort: 80}]
      initContainers:
      - ports: [{name: once, containerPort: 81}]
      - ports: [{name: sidecar, containerPort: 82}]
        restartPolicy: Always
";

#[test]
fn a_node_has_no_use_for_templates() {
    let mut sources = Sources::default();
    let (objects, diagnostics) = load("m.yaml", DEPLOYMENT, &mut sources);
    assert_eq!((objects.len(), lines(&diagnostics, &sources)), (0, vec!["PAL024 2".to_owned()]));
}

#[test]
fn a_template_says_what_its_pods_are_like() {
    let (objects, findings) = read(DEPLOYMENT);
    let [Object::Workload(workload)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(findings, [""; 0]);
    let workload::PodTemplate { labels, network, ports, span } = &workload.template;
    assert_eq!(*labels, [("app".into(), "web".into())].into());
    assert_eq!(*network, PodNetwork::Own);
    let ports: Vec<_> = ports.iter().filter_map(|port| port.name.as_deref()).collect();
    assert_eq!(ports, ["http", "sidecar"]);
    let span = span.unwrap();
    assert_eq!(DEPLOYMENT.get(span.start as usize..span.end as usize), Some("{app: web}"));
    let (objects, _) = read(&DEPLOYMENT.replace("    spec:\n", "    spec:\n      hostNetwork: true\n"));
    let [Object::Workload(workload)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(workload.template.network, PodNetwork::Host);
}

#[test]
fn labels_that_cannot_be_read_cost_all_of_them() {
    for broken in ["{app: 1}", "{app: web, app: web}", "[app]"] {
        let (objects, findings) = read(&DEPLOYMENT.replace("{app: web}", broken));
        let [Object::Workload(workload)] = objects.as_slice() else { panic!("{objects:?}") };
        assert!(!findings.is_empty(), "{broken}");
        assert_eq!(workload.damage, Some(Damage::Header), "{broken}");
        assert!(workload.template.labels.contains_key(crate::name::UNREADABLE_LABEL), "{broken}");
    }
}

#[test]
fn old_versions_of_a_kind_are_told_and_read_and_typed_lists_are_lists() {
    let (objects, findings) = read(&DEPLOYMENT.replace("apps/v1", "extensions/v1beta1"));
    assert_eq!((objects.len(), findings), (1, vec!["PAL020 1".to_owned()]));
    let list = "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: a, namespace: x}, spec: {template: {}}}]\n";
    assert_eq!(read(list).0.len(), 1);
    let (objects, findings) = read(&DEPLOYMENT.replace("kind: Deployment", "kind: Deploymnet"));
    assert_eq!((objects.len(), findings), (0, vec!["PAL025 2".to_owned()]));
}

#[test]
fn the_owner_that_controls_counts() {
    let owners = "ownerReferences: [{kind: A, name: a}, {kind: B, name: b, controller: true}]";
    let (objects, _) = read(&DEPLOYMENT.replace("labels: {not: these}", owners));
    let [Object::Workload(workload)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(workload.owner, Some(workload::Owner { kind: "B".into(), name: "b".into() }));
}

#[test]
fn routes_name_their_services() {
    let ingress = "\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: x}
spec:
  defaultBackend: {service: {name: a, port: {number: 80}}}
  rules: [{http: {paths: [{backend: {service: {name: b, port: {name: http}}}}, {backend: {resource: {name: c}}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata: {name: h, namespace: x}
spec: {rules: [{backendRefs: [{name: d, port: 81}, {name: e, namespace: y}, {kind: Bucket, name: f}]}]}
";
    let (objects, findings) = read(ingress);
    assert_eq!(findings, [""; 0]);
    let backends: Vec<_> = objects
        .iter()
        .filter_map(|object| if let Object::Route(route) = object { Some(&route.backends) } else { None })
        .flatten()
        .map(|backend| (backend.service.to_string(), backend.port.clone()))
        .collect();
    let number = |number: u16| Some(TargetPort::Number(number.try_into().unwrap()));
    let expected = [
        ("x/a".to_owned(), number(80)),
        ("x/b".to_owned(), Some(TargetPort::Name("http".into()))),
        ("x/d".to_owned(), number(81)),
        ("y/e".to_owned(), None),
    ];
    assert_eq!(backends, expected);
}
