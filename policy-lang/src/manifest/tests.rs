//! Text in, objects and findings out.

use std::fmt::Write;

use super::*;
use crate::diagnostic::{Diagnostic, Severity};
use crate::name::NAMESPACE_NAME_LABEL;
use crate::source::Sources;

mod workloads;

/// The objects of a text as `Kind namespace/name`, and its findings as `CODE line`.
#[track_caller]
fn check(text: &str, objects: &[&str], findings: &[&str]) {
    let mut sources = Sources::default();
    let (found, diagnostics) = load("m.yaml", text, &mut sources);
    let found: Vec<_> = found
        .iter()
        .map(|object| {
            object
                .metadata()
                .map_or_else(|| object.kind().to_owned(), |metadata| format!("{} {}", object.kind(), metadata.name))
        })
        .collect();
    assert_eq!(found, objects);
    assert_eq!(lines(&diagnostics, &sources), findings);
}

#[test]
fn documents_of_a_stream_are_read_one_by_one() {
    let namespace = |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
    let text = format!(
        "# first\n---\n{}--- # second\n{}...\n%YAML 1.2\n---\n{}---\n",
        namespace("a"),
        namespace("b"),
        namespace("c")
    );
    check(&text, &["Namespace a", "Namespace b", "Namespace c"], &[]);
}

#[test]
fn an_object_too_large_for_any_server_is_refused_and_its_white_space_is_not_counted() {
    let namespace = |padding: &str, text: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: a, {padding}annotations: {{b: {text}}}}}\n---\n")
    };
    let long = |byte: &str, mebibytes: usize| byte.repeat(mebibytes << 20);
    let spaced = namespace(&long(" ", 4), &long("b", 2));
    check(&format!("{spaced}{}", namespace("", "b")), &["Namespace a", "Namespace a"], &[]);
    let large = namespace("", &long("b", 3));
    check(&format!("{large}{}", namespace("", "b")), &["Namespace a", "Namespace a"], &["PAL025 2"]);
}

#[test]
fn a_syntax_error_costs_one_document() {
    let good = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
    check(&format!("{good}---\na: [1\n---\n{good}"), &["Namespace a", "Namespace a"], &["PAL001 6"]);
    check(&format!("{good}---\na: 'b\n---\n{good}"), &["Namespace a", "Namespace a"], &["PAL001 5"]);
    check(&format!("a: b: c\n---\n{good}"), &["Namespace a"], &["PAL001 1"]);
}

#[test]
fn a_policy_that_ends_in_a_syntax_error_is_kept_to_fail_closed() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\nspec:\n  podSelector: {}\n  ingress: [\n";
    let mut sources = Sources::default();
    let (objects, diagnostics) = load("m.yaml", text, &mut sources);
    let [Object::NetworkPolicy(policy)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((policy.damage, lines(&diagnostics, &sources)), (Some(Damage::Text), vec!["PAL001 7".to_owned()]));
    assert_eq!(diagnostics.first().unwrap().object.as_ref().unwrap().name.as_ref(), "p");
}

#[test]
fn templates_are_told_from_yaml() {
    for text in ["kind: {{ .Values.kind }}\n", "{{- if .Values.on }}\nkind: Namespace\n{{- end }}\n"] {
        let (_, diagnostics) = load("m.yaml", text, &mut Sources::default());
        assert!(
            diagnostics.iter().any(|found| found.help.as_deref().is_some_and(|help| help.contains("helm"))),
            "{diagnostics:?}"
        );
    }
}

#[test]
fn json_and_lists_are_read() {
    let list = r#"{
	"apiVersion": "v1", "kind": "List", "items": [
		{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "annotations": {"x": "\ud83d\ude00 \/ \\u"}}},
		{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}
	]
}"#;
    check(list, &["Namespace a", "Namespace b"], &[]);
    let typed = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nitems:\n- metadata: {name: p, namespace: x}\n- kind: NetworkPolicy\n  apiVersion: networking.k8s.io/v1\n  metadata: {name: q, namespace: x}\n";
    check(typed, &["NetworkPolicy x/p", "NetworkPolicy x/q"], &[]);
    check("apiVersion: v1\nkind: PodList\nitems: []\n", &[], &[]);
}

#[test]
fn long_texts_and_wide_characters_do_not_shift_what_follows() {
    let long = "é😀".repeat(2000);
    let json = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{{\"annotations\":{{\"x\":\"{long}\"}},\"name\":\"A\"}}}}"
    );
    let yaml = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  annotations: {{x: \"{long}\"}}\n  name: A\n");
    for text in [json, yaml] {
        let mut sources = Sources::default();
        let (_, diagnostics) = load("m.yaml", &text, &mut sources);
        let [found] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
        let span = found.span.unwrap();
        let shown = text.get(span.start as usize..span.end as usize).unwrap();
        assert_eq!((found.code.0, shown.trim_matches('"')), ("PAL019", "A"));
    }
}

#[test]
fn of_two_kinds_the_other_one_may_count() {
    let text =
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nkind: NetworkPolicy\nmetadata: {name: a, namespace: x}\n";
    check(text, &[], &["PAL024 2", "PAL004 3"]);
}

#[test]
fn other_kinds_are_noted_once_and_not_judged() {
    let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {a: 1, a: 2}\n";
    check(&format!("{other}---\n{other}"), &[], &["PAL024 2"]);
    check("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: a}\n", &[], &["PAL024 2"]);
}

#[test]
fn what_is_no_object_is_an_error() {
    check("a: b\n", &[], &["PAL025 1"]);
    check("- a\n", &[], &["PAL025 1"]);
    check("just text\n", &[], &["PAL025 1"]);
    check("# nothing\n---\n\n", &[], &[]);
}

#[test]
fn v_1_names_and_namespaces() {
    let policy = |metadata: &str| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {metadata}\nspec: {{podSelector: {{}}}}\n"
        )
    };
    check(&policy("{name: p}"), &["NetworkPolicy default/p"], &["PAL022 3"]);
    check(&policy("{name: P_, namespace: x}"), &["NetworkPolicy x/P_"], &["PAL019 3"]);
    check(&policy("{namespace: x}"), &["NetworkPolicy x/m.yaml:3"], &["PAL019 3"]);
    check(&policy("{name: p, namespace: X.y}"), &["NetworkPolicy X.y/p"], &["PAL019 3"]);
    check(&policy("{name: 1, namespace: x}"), &["NetworkPolicy x/m.yaml:3"], &["PAL005 3"]);
}

#[test]
fn versions_that_no_server_has_are_errors() {
    for version in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
        let text = format!("apiVersion: {version}\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: x}}\n");
        check(&text, &["NetworkPolicy x/p"], &["PAL020 1"]);
    }
    check("kind: NetworkPolicy\nmetadata: {name: p, namespace: x}\n", &["NetworkPolicy x/p"], &["PAL020 1"]);
}

#[test]
fn duplicate_keys_are_errors() {
    check("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  name: b\n", &["Namespace a"], &["PAL004 5"]);
}

#[test]
fn one_object_written_twice_counts_once() {
    let mut sources = Sources::default();
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: y}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
    let (objects, _) = load("m.yaml", text, &mut sources);
    let (objects, diagnostics) = without_duplicates(objects);
    let [Object::Namespace(namespace)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((namespace.metadata.labels.len(), lines(&diagnostics, &sources)), (1, vec!["PAL021 7".to_owned()]));
}

#[test]
fn sem_29_a_namespace_has_the_label_of_its_name() {
    let (objects, _) = load(
        "m.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {kubernetes.io/metadata.name: b}}\n",
        &mut Sources::default(),
    );
    let name =
        objects.first().and_then(Object::metadata).and_then(|metadata| metadata.labels.get(NAMESPACE_NAME_LABEL));
    assert_eq!(name.map(AsRef::as_ref), Some("a"));
}

#[test]
fn sem_61_ports_of_restartable_init_containers_count() {
    let pod = pod(
        "spec:\n  containers: [{ports: [{name: http, containerPort: 80}]}]\n  initContainers:\n  - {restartPolicy: Always, ports: [{name: mesh, containerPort: 15001, protocol: UDP}]}\n  - {ports: [{name: once, containerPort: 1}]}\n",
    );
    let ports: Vec<_> =
        pod.ports.iter().map(|port| (port.name.as_deref(), port.port.get(), port.protocol.number())).collect();
    assert_eq!(ports, [(Some("http"), 80, 6), (Some("mesh"), 15001, 17)]);
}

#[test]
fn sem_71_to_78_the_life_of_a_pod() {
    let running = pod(
        "spec: {nodeName: n, hostNetwork: yes}\nstatus: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: \"2001:db8::1\"}]}\n",
    );
    assert_eq!(
        (running.network, running.phase, running.lifecycle),
        (PodNetwork::Host, Phase::Running, Lifecycle::Live)
    );
    assert_eq!((running.node.as_deref(), running.addresses.len()), (Some("n"), 2));
    let old = pod("status: {phase: Succeeded, podIP: 10.0.0.1}\n");
    assert_eq!((old.network, old.phase, old.addresses.len()), (PodNetwork::Own, Phase::Succeeded, 1));
    assert_eq!(pod("").phase, Phase::Unknown);
    let text =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: x, deletionTimestamp: 2026-01-01T00:00:00Z}\n";
    let (objects, _) = load("m.yaml", text, &mut Sources::default());
    assert!(matches!(objects.as_slice(), [Object::Pod(Pod { lifecycle: Lifecycle::Terminating, .. })]));
}

#[test]
fn bad_fields_of_a_pod_are_located_and_the_rest_is_kept() {
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: x\n  labels: {a: 1}\nspec:\n  hostNetwork: maybe\n  containers:\n  - ports: [{containerPort: 0}]\nstatus: {podIP: 10.0.0.256}\n",
        &["Pod x/p"],
        &["PAL005 6", "PAL005 8", "PAL005 11", "PAL007 10"],
    );
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: x\n  labels: &l {a: b}\n  annotations: {<<: *l, c: d}\nspec: {}\nstatus: {podIPs: &i [{ip: 10.0.0.1}], other: *i}\n";
    check(text, &["Pod x/p"], &[]);
    let (objects, _) = load(
        "m.yaml",
        &text.replace("labels: &l {a: b}", "labels: {<<: {a: x, e: f}, a: b}").replace("{<<: *l, c: d}", "{}"),
        &mut Sources::default(),
    );
    let labels = &objects.first().and_then(Object::metadata).unwrap().labels;
    assert_eq!(labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["a=b", "e=f"]);
}

#[test]
fn bombs_are_defused() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let item = format!("*a{}", level - 1);
        writeln!(aliases, "a{level}: &a{level} [{}]", [item.as_str(); 10].join(", ")).unwrap();
    }
    check(&aliases, &[], &["PAL001 5"]);
    check(&"[".repeat(100_000), &[], &["PAL001 1"]);
    check(&"- ".repeat(100_000), &[], &["PAL001 1"]);
    check("a: &a [*a]\n", &[], &["PAL001 1"]);
}

#[test]
fn services_and_their_endpoints() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: x}\nspec: {clusterIP: None, ports: [{port: 80, targetPort: web}, {port: 81}]}\n---\n\
                apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, namespace: x, labels: {kubernetes.io/service-name: s}}\n\
                addressType: IPv4\nports: [{port: 8080}]\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: p}}]\n";
    let (objects, diagnostics) = load("m.yaml", text, &mut Sources::default());
    assert_eq!(diagnostics, []);
    let [Object::Service(service), Object::EndpointSlice(slice)] = objects.as_slice() else { panic!("{objects:?}") };
    assert!(service.cluster_ips.is_empty());
    assert!(matches!(
        service.ports.as_slice(),
        [ServicePort { target: TargetPort::Name(_), .. }, ServicePort { target: TargetPort::Number(_), .. }]
    ));
    assert_eq!(slice.service.as_deref(), Some("s"));
    let [endpoint] = slice.endpoints.as_slice() else { panic!("{slice:?}") };
    assert_eq!((endpoint.readiness, endpoint.pod.as_ref().unwrap().to_string()), (Readiness::NotReady, "x/p".into()));
}

#[test]
fn an_address_that_no_pod_can_have_is_not_taken_for_one() {
    let claimed = |address: &str, more: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: x}}\nspec: {{nodeName: n{more}}}\n\
             status: {{podIPs: [{{ip: '{address}'}}, {{ip: 10.0.0.1}}]}}\n"
        );
        let (objects, found) = load("m.yaml", &text, &mut Sources::default());
        let [Object::Pod(pod)] = objects.as_slice() else { panic!("{objects:?}") };
        let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
        (pod.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), codes)
    };
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.8.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
    ] {
        assert_eq!(claimed(address, ""), (vec!["10.0.0.1".to_owned()], vec![code::POD_ADDRESS]), "{address}");
    }
    for address in ["1.0.0.1", "192.0.2.1", "100.64.0.1", "223.255.255.1", "2001:db8::1", "fd00::1"] {
        assert_eq!(claimed(address, ""), (vec![address.to_owned(), "10.0.0.1".to_owned()], vec![]), "{address}");
    }
    // What has the node's network has no address that matters.
    assert_eq!(claimed("127.0.0.1", ", hostNetwork: true").1, []);
}

#[test]
fn the_examples_load_without_a_finding() {
    let files = [
        include_str!("../../../examples/cluster/namespaces.yaml"),
        include_str!("../../../examples/cluster/nodes.yaml"),
        include_str!("../../../examples/cluster/pods.yaml"),
        include_str!("../../../examples/cluster/services.yaml"),
        include_str!("../../../examples/cluster/policies.yaml"),
        include_str!("../../../examples/cluster/baseline.yaml"),
    ];
    let mut sources = Sources::default();
    let mut pods = 0;
    for text in files {
        let (objects, diagnostics) = load("examples", text, &mut sources);
        assert_eq!(diagnostics, []);
        for object in &objects {
            match object {
                Object::NetworkPolicy(policy) => {
                    let strict = crate::network_policy::Strictness::Strict;
                    assert_eq!(crate::network_policy::decode(policy, &sources, strict).1, []);
                }
                Object::Pod(pod) => pods += pod.addresses.len(),
                Object::ConfigMap(found) => {
                    let crate::baseline::Found { baseline, diagnostics, .. } =
                        crate::baseline::find(&objects, &found.metadata.name, &sources);
                    assert_eq!(diagnostics, []);
                    assert!(matches!(baseline, crate::baseline::Baseline::Sound(policies) if policies.len() == 1));
                }
                Object::Namespace(_)
                | Object::Node(_)
                | Object::Service(_)
                | Object::EndpointSlice(_)
                | Object::ClusterNetworkPolicy(_)
                | Object::EgressBaseline(_)
                | Object::Workload(_)
                | Object::Route(_) => {}
            }
        }
    }
    assert_eq!(pods, 22);
}

#[test]
fn a_pod_whose_labels_cannot_be_read_matches_nothing_and_is_isolated() {
    let metadata = [
        "{name: p, namespace: x, labels: {app: 1}}",
        "{name: p, namespace: x, labels: {app: web, app: db}}",
        "{name: p, namespace: x, labels: {app: web}, labels: {app: db}}",
        "{name: p, namespace: [x], labels: {app: web}}",
    ];
    for metadata in metadata {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nstatus: {{podIPs: [{{ip: 10.0.0.1}}]}}\n");
        let (objects, diagnostics) = load("m.yaml", &text, &mut Sources::default());
        assert!(diagnostics.iter().any(|found| found.severity == Severity::Error), "{text}");
        let [Object::Pod(pod)] = objects.as_slice() else { panic!("one pod: {objects:?}") };
        let labels = &pod.metadata.labels;
        assert!(!crate::selector::Selector::everything().matches(labels), "{labels:?}");
        let policy = crate::network_policy::quarantine(pod).unwrap();
        assert!(policy.subject.pods.pods.matches(labels));
        assert_eq!((policy.ingress, policy.egress), (Some(Vec::new()), Some(Vec::new())));
    }
    assert_eq!(crate::network_policy::quarantine(&pod("status: {podIPs: [{ip: 10.0.0.1}]}")), None);
}

#[test]
fn a_kind_that_is_one_of_ours_but_for_a_slip_is_an_error() {
    let kinds = [
        ("networking.k8s.io/v1", "NetworkPolcy", true),
        ("networking.k8s.io/v1", "networkpolicy", true),
        ("v1", "pod", true),
        ("networking.k8s.io/v1", "Ingress", false),
        ("v1", "Secret", false),
        ("serving.knative.dev/v1", "service", false),
    ];
    for (api_version, kind, is_error) in kinds {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n");
        let (_, diagnostics) = load("m.yaml", &text, &mut Sources::default());
        let found = diagnostics.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(found, is_error, "{text}{diagnostics:?}");
    }
}

#[test]
fn a_policy_of_another_api_is_skipped_with_a_warning() {
    let kinds = [
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", Severity::Warning),
        ("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy", Severity::Warning),
        ("cilium.io/v2", "CiliumNetworkPolicy", Severity::Warning),
        ("crd.projectcalico.org/v1", "NetworkPolicy", Severity::Warning),
        ("apps/v1", "Deployment", Severity::Note),
    ];
    for (api_version, kind, severity) in kinds {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n");
        let (_, diagnostics) = load("m.yaml", &text, &mut Sources::default());
        assert_eq!(diagnostics.iter().map(|found| found.severity).collect::<Vec<_>>(), [severity], "{text}");
    }
}

#[test]
fn a_spec_that_is_no_mapping_is_an_error() {
    for kind in ["Pod", "Node", "Service"] {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: [nodeName]\n");
        let mut sources = Sources::default();
        let (_, diagnostics) = load("m.yaml", &text, &mut sources);
        assert_eq!(lines(&diagnostics, &sources), ["PAL005 4"], "{kind}");
    }
}

fn pod(rest: &str) -> Pod {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: x}}\n{rest}");
    let (objects, diagnostics) = load("m.yaml", &text, &mut Sources::default());
    assert!(diagnostics.iter().all(|found| found.severity != Severity::Error), "{diagnostics:?}");
    match objects.as_slice() {
        [Object::Pod(pod)] => pod.clone(),
        other => panic!("one pod: {other:?}"),
    }
}

fn lines(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<String> {
    let line = |found: &Diagnostic| found.span.map(|span| sources.position(span.source, span.start).line);
    diagnostics.iter().map(|found| format!("{} {}", found.code, line(found).unwrap_or(0))).collect()
}
