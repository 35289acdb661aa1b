//! Text in, IR out.

use std::fmt::Write;

use super::*;
use crate::manifest::tree::Style;
use crate::policy::{Action, Peers, PortMatches, Rule};

const HEAD: &str = "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {name: standard}\n";

/// The policies of a baseline, given without its first three lines.
#[track_caller]
fn check(body: &str, expected: &str) {
    let (baseline, diagnostics) = decode(&mut Sources::default(), &format!("{HEAD}{body}\n"));
    let errors: Vec<_> = diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert_eq!(errors, Vec::<&Diagnostic>::new());
    assert_eq!(show(&baseline), expected);
}

/// Code and line of every finding; the body begins in line 4.
#[track_caller]
fn check_findings(body: &str, expected: &[(&str, u32)]) {
    let mut sources = Sources::default();
    let (baseline, diagnostics) = decode(&mut sources, &format!("{HEAD}{body}\n"));
    let errors = diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(matches!(baseline, Baseline::Broken(_)), errors, "{diagnostics:?}");
    assert_eq!(lines(&diagnostics, &sources), expected);
}

#[test]
fn the_verbs_are_lowered_in_the_order_in_which_they_decide() {
    check(
        "default: deny\notherwise: deny\nallow: [{to: [\"@cluster-pods\"]}]\nalways: [{to: [\"@dns\"], ports: [53/UDP, 53/TCP]}]\ndeny: [{to: [\"@metadata\"]}]",
        "baseline pods * in namespaces *\n\
         \x20 Deny 169.254.169.254/32 | fd00:ec2::254/128 any\n\
         \x20 Accept pods k8s-app=kube-dns in namespace kube-system 53/UDP | 53/TCP\n\
         \x20 Pass pods * in namespaces * any\n\
         \x20 Deny any any\n\
         baseline otherwise pods * in namespaces *\n\
         \x20 Deny any any\n",
    );
}

#[test]
fn pass_and_allow_add_nothing() {
    check("default: pass\notherwise: allow", "");
    check(
        "deny: [{to: [10.0.0.0/8]}]\ndefault: pass\notherwise: allow",
        "baseline pods * in namespaces *\n  Deny 10.0.0.0/8 any\n",
    );
}

#[test]
fn additive_use_gives_the_floor_and_leaves_the_rest_to_the_tenants() {
    check(
        "always: [{to: [\"2001:db8::/32\"], ports: [8000-8080/TCP, SCTP]}]\ndefault: pass\notherwise: deny",
        "baseline pods * in namespaces *\n\
         \x20 Accept 2001:db8::/32 8000-8080/TCP | SCTP\n\
         baseline otherwise pods * in namespaces *\n\
         \x20 Deny any any\n",
    );
}

#[test]
fn selectors_of_pods_mean_any_namespace_unless_they_name_some() {
    check(
        "allow:\n- to: [{pods: {matchLabels: {a: b}}}, {namespaces: {matchLabels: {n: m}}}, {namespaces: {}, pods: {}}]\ndefault: deny\notherwise: allow",
        "baseline pods * in namespaces *\n\
         \x20 Pass pods a=b in namespaces * | pods * in namespaces n=m | pods * in namespaces * any\n\
         \x20 Deny any any\n",
    );
}

#[test]
fn exemptions_are_kept_in_both_policies() {
    check(
        "exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]\ndefault: deny\notherwise: deny",
        "baseline pods * in namespaces * but not pods * in namespaces kubernetes.io/metadata.name=kube-system\n\
         \x20 Deny any any\n\
         baseline otherwise pods * in namespaces * but not pods * in namespaces kubernetes.io/metadata.name=kube-system\n\
         \x20 Deny any any\n",
    );
}

#[test]
fn nothing_is_implicit() {
    check_findings("default: deny", &[("PAL501", 2)]);
    check_findings("otherwise: deny", &[("PAL501", 2)]);
    check_findings("default: deny\notherwise: pass", &[("PAL502", 5)]);
    check_findings("default: Deny\notherwise: deny", &[("PAL502", 4)]);
}

#[test]
fn an_entry_without_destinations_is_not_for_every_destination() {
    for entry in
        ["{}", "{name: a}", "{to: }", "{to: []}", "{to: [10.0.0.0/8], ports: []}", "{to: [10.0.0.0/8], ports: }"]
    {
        check_findings(&format!("default: deny\notherwise: allow\nalways: [{entry}]"), &[("PAL502", 6)]);
    }
    check_findings("default: deny\notherwise: allow\nalways: [{to: [{}]}]", &[("PAL502", 6)]);
    check_findings("default: deny\notherwise: allow\nexempt: [{}]", &[("PAL502", 6)]);
}

#[test]
fn bad_destinations_are_located() {
    let bad = [
        "10.0.0.1",
        "10.0.0.5/24",
        "010.0.0.0/8",
        "10.0.0.0/33",
        "example.com",
        "\"@DNS!!\"",
        "[a]",
        "{pod: {}}",
        "{pods: {a: b}}",
        "{pods: }",
    ];
    for destination in bad {
        let body =
            format!("default: deny\notherwise: allow\nalways:\n- name: a\n  to:\n  - 10.0.0.0/8\n  - {destination}");
        check_findings(&body, &[("PAL502", 10)]);
    }
}

#[test]
fn bad_ports_are_located() {
    for port in [
        "80",
        "0/TCP",
        "65536/TCP",
        "9-8/TCP",
        "+1/TCP",
        "1-/TCP",
        "http/TCP",
        "53/udp",
        "ICMP",
        "/TCP",
        "53/",
        "[80]",
        "a b",
    ] {
        let body = format!("default: deny\notherwise: allow\nalways:\n- to: [10.0.0.0/8]\n  ports:\n  - {port}");
        check_findings(&body, &[("PAL502", 9)]);
    }
}

#[test]
fn misspelt_fields_are_located() {
    check_findings("default: deny\notherwise: allow\nallways: []", &[("PAL502", 6)]);
    check_findings("default: deny\notherwise: allow\ndeny: [{to: [\"@metadata\"], port: [80/TCP]}]", &[("PAL502", 6)]);
    check_findings("default: deny\notherwise: allow\nspec: {}", &[("PAL502", 6)]);
    check_findings("default: deny\notherwise: allow\ndefault: pass", &[("PAL004", 6)]);
}

#[test]
fn what_does_not_do_what_it_seems_to_is_a_warning() {
    check_findings("default: deny\notherwise: deny\nallow: [{to: [\"@dns\"]}]", &[("PAL512", 6)]);
    check_findings("default: pass\notherwise: allow\nallow: [{to: [\"@dns\"]}]", &[("PAL512", 6), ("PAL508", 4)]);
    check_findings("default: pass\notherwise: deny\nexempt: [{namespaces: {}}]", &[("PAL510", 6)]);
    check_findings("default: pass\notherwise: deny\nexempt: [{pods: {matchLabels: {a: b}}}]", &[("PAL510", 6)]);
}

#[test]
fn lines_of_a_literal_block_are_lines_of_the_file() {
    let mut sources = Sources::default();
    let text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: palisade-egress-baseline, namespace: kube-system}\n\
                data:\n  baseline.yaml: |\n\n    apiVersion: palisade.dev/v1alpha1\n    kind: EgressBaseline\n    metadata: {name: é}\n\
                \x20   deny:\n    - {name: a, to: [10.0.0.0/8]}\n\n    - {name: b, to: [11.0.0.1/8]}\n    default: pass\n    otherwise: allow\n";
    let (baseline, diagnostics) = decode(&mut sources, text);
    assert_eq!(baseline_place(&baseline).as_deref(), Some("b.yaml:3 kube-system/palisade-egress-baseline"));
    assert_eq!(lines(&diagnostics, &sources), [("PAL502", 13)]);
    let span = diagnostics.first().unwrap().span.unwrap();
    assert_eq!(sources.text(span.source).get(span.start as usize..span.end as usize), Some("11.0.0.1/8"));
    let (baseline, _) = decode(&mut sources, &text.replace("11.0.0.1/8", "11.0.0.0/8"));
    let Baseline::Sound(policies) = baseline else { panic!("{baseline:?}") };
    let origins: Vec<_> =
        policies.iter().flat_map(|policy| policy.egress.iter().flatten()).map(|rule| rule.origin.to_string()).collect();
    assert_eq!(
        origins,
        [
            "b.yaml:11 kube-system/palisade-egress-baseline deny[0] a",
            "b.yaml:13 kube-system/palisade-egress-baseline deny[1] b"
        ]
    );
}

#[test]
fn a_quoted_document_is_located_as_a_whole() {
    let mut sources = Sources::default();
    let text = "{\"kind\": \"ConfigMap\", \"apiVersion\": \"v1\",\n\"metadata\": {\"name\": \"palisade-egress-baseline\", \"namespace\": \"kube-system\"},\n\
                \"data\": {\"baseline.yaml\":\n\"apiVersion: palisade.dev/v1alpha1\\nkind: EgressBaseline\\nmetadata: {name: a}\\ndefault: no\\notherwise: allow\"}}";
    let (_, diagnostics) = decode(&mut sources, text);
    assert_eq!(lines(&diagnostics, &sources), [("PAL502", 4)]);
}

#[test]
fn a_config_map_that_ends_in_a_syntax_error_is_a_broken_baseline_and_not_a_missing_one() {
    let text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: palisade-egress-baseline, namespace: kube-system}\ndata:\n  baseline.yaml: |\n    a: b\n bad: [\n";
    let mut sources = Sources::default();
    let (objects, _) = load("b.yaml", text, &mut sources);
    let (baseline, _) = find(&objects, &config_map(), &sources);
    assert!(matches!(baseline, Baseline::Broken(_)), "{baseline:?}");
}

#[test]
fn there_is_one_baseline() {
    let document = format!("{HEAD}default: pass\notherwise: allow\n");
    let (baseline, diagnostics) = decode(&mut Sources::default(), &format!("{document}---\n{document}"));
    assert!(matches!(baseline, Baseline::Broken(_)));
    assert_eq!(diagnostics.first().map(|finding| finding.code.0), Some("PAL501"));
}

#[test]
fn no_baseline_in_the_manifests_is_none_and_in_its_own_file_an_error() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: palisade-egress-baseline, namespace: default}\n";
    let mut sources = Sources::default();
    let (objects, _) = load("b.yaml", text, &mut sources);
    let (baseline, diagnostics) = find(&objects, &config_map(), &sources);
    assert_eq!((baseline, lines(&diagnostics, &sources)), (Baseline::Absent, vec![("PAL501", 3)]));
    assert!(matches!(decode(&mut sources, text).0, Baseline::Broken(_)));
    assert!(matches!(decode(&mut sources, "").0, Baseline::Broken(_)));
}

#[test]
fn the_stand_in_keeps_dns_and_the_api_server_open() {
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n\
                 metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}\n\
                 ports: [{name: https, port: 6443}]\nendpoints: [{addresses: [192.168.0.11]}]\n";
    let (objects, _) = load("s.yaml", slice, &mut Sources::default());
    let policies = stand_in(&Origin::default(), &objects);
    assert_eq!(
        show(&Baseline::Sound(policies)),
        "baseline pods * in namespaces *\n\
         \x20 Accept pods k8s-app=kube-dns in namespace kube-system 53/UDP | 53/TCP\n\
         \x20 Accept 192.168.0.11/32 6443/TCP\n\
         baseline otherwise pods * in namespaces *\n\
         \x20 Deny any any\n"
    );
}

#[test]
fn the_style_of_a_scalar_is_known() {
    let (objects, _) = load(
        "c.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata:\n  k: |\n    x\n",
        &mut Sources::default(),
    );
    let [Object::ConfigMap(found)] = objects.as_slice() else { panic!("{objects:?}") };
    let styles: Vec<_> =
        found.data.iter().filter_map(|entry| entry.value.scalar()).map(|scalar| scalar.style).collect();
    assert_eq!(styles, [Style::Literal]);
}

fn config_map() -> NamespacedName {
    NamespacedName::new(CONFIG_MAP.0, CONFIG_MAP.1)
}

fn decode(sources: &mut Sources, text: &str) -> (Baseline, Vec<Diagnostic>) {
    read("b.yaml", text, &config_map(), sources)
}

fn lines(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<(&'static str, u32)> {
    let line = |span: Span| sources.position(span.source, span.start).line;
    diagnostics.iter().filter_map(|finding| Some((finding.code.0, line(finding.span?)))).collect()
}

fn baseline_place(baseline: &Baseline) -> Option<String> {
    match baseline {
        Baseline::Broken(origin) => Some(origin.to_string()),
        Baseline::Absent | Baseline::Sound(_) => None,
    }
}

fn show(baseline: &Baseline) -> String {
    let Baseline::Sound(policies) = baseline else { return format!("{baseline:?}") };
    let mut text = String::new();
    for policy in policies {
        write!(text, "{} {}", policy.tier, policy.subject.pods).unwrap();
        for exempt in &policy.subject.exempt {
            write!(text, " but not {exempt}").unwrap();
        }
        text.push('\n');
        for Rule { action, peers, ports, .. } in policy.egress.iter().flatten() {
            writeln!(text, "  {} {} {}", show_action(*action), show_peers(peers), show_ports(ports)).unwrap();
        }
    }
    text
}

fn show_action(action: Action) -> &'static str {
    match action {
        Action::Accept => "Accept",
        Action::Deny => "Deny",
        Action::Pass => "Pass",
    }
}

fn show_peers(peers: &Peers) -> String {
    match peers {
        Peers::Any => "any".into(),
        Peers::AnyOf(peers) => peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}

fn show_ports(ports: &PortMatches) -> String {
    match ports {
        PortMatches::Any => "any".into(),
        PortMatches::AnyOf(ports) => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}
