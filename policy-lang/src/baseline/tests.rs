//! Text in, IR out.

use std::fmt::Write;

use super::*;
use crate::manifest::tree::Style;
use crate::policy::{Action, Effect, Logging, Peers, PortMatches, Rule};
use crate::port::{IcmpMatch, IcmpVersion};

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
    assert_eq!(origins, ["b.yaml:11 é deny[0] a", "b.yaml:13 é deny[1] b"]);
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
fn a_config_map_of_which_a_part_was_not_read_is_a_broken_baseline() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: palisade-egress-baseline, namespace: kube-system}\n\
                data:\n  a.yaml: |\n    - to: [{ipBlock: {cidr: 10.0.0.0/8}}]\n";
    let read = |text: &str| {
        let mut sources = Sources::default();
        let (objects, _) = load("b.yaml", text, &mut sources);
        [find(&objects, &config_map(), &sources).baseline, decode(&mut sources, text).0]
    };
    for baseline in read(text) {
        assert!(matches!(baseline, Baseline::Sound(_)), "{baseline:?}");
    }
    for more in ["kind: ConfigMap\n", "  a.yaml: \"[]\"\n", "  b.yaml: [1]\n", "data: {}\n"] {
        for baseline in read(&format!("{text}{more}")) {
            assert!(matches!(baseline, Baseline::Broken(_)), "{more}: {baseline:?}");
        }
    }
}

#[test]
fn a_config_map_that_ends_in_a_syntax_error_is_a_broken_baseline_and_not_a_missing_one() {
    let text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: palisade-egress-baseline, namespace: kube-system}\ndata:\n  baseline.yaml: |\n    a: b\n bad: [\n";
    let mut sources = Sources::default();
    let (objects, _) = load("b.yaml", text, &mut sources);
    let baseline = find(&objects, &config_map(), &sources).baseline;
    assert!(matches!(baseline, Baseline::Broken(_)), "{baseline:?}");
}

#[test]
fn no_baseline_in_the_manifests_is_none_and_in_its_own_file_an_error() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: palisade-egress-baseline, namespace: default}\n";
    let mut sources = Sources::default();
    let (objects, _) = load("b.yaml", text, &mut sources);
    let Found { baseline, diagnostics, .. } = find(&objects, &config_map(), &sources);
    assert_eq!((baseline, lines(&diagnostics, &sources)), (Baseline::Absent, vec![("PAL501", 3)]));
    assert!(matches!(decode(&mut sources, text).0, Baseline::Broken(_)));
    assert!(matches!(decode(&mut sources, "").0, Baseline::Broken(_)));
}

#[test]
fn the_stand_in_keeps_dns_and_the_api_server_open() {
    assert_eq!(
        show(&Baseline::Sound(stand_in(&Origin::default()))),
        "baseline pods * in namespaces *\n\
         \x20 Accept pods k8s-app=kube-dns in namespace kube-system 53/UDP | 53/TCP\n\
         \x20 Accept endpoints of service default/kubernetes any\n\
         baseline otherwise pods * in namespaces *\n\
         \x20 Deny any any\n"
    );
}

#[test]
fn words_mean_what_the_reference_says() {
    let words = [
        ("@apiserver", "endpoints of service default/kubernetes"),
        ("@cluster-pods", "pods * in namespaces *"),
        ("@dns", "pods k8s-app=kube-dns in namespace kube-system"),
        ("@metadata", "169.254.169.254/32 | fd00:ec2::254/128"),
        ("@node-local-dns", "169.254.20.10/32 | fd30:1319:f1e:230b::1/128 | addresses of service kube-system/kube-dns"),
        ("@nodes", "nodes *"),
    ];
    for (word, meaning) in words {
        check(
            &format!("always: [{{to: [\"{word}\"]}}]\ndefault: pass\notherwise: allow"),
            &format!("baseline pods * in namespaces *\n  Accept {meaning} any\n"),
        );
    }
}

/// The rule that an entry of `always` becomes.
#[track_caller]
fn check_entry(entry: &str, rule: &str) {
    check(
        &format!("always: [{entry}]\ndefault: pass\notherwise: allow"),
        &format!("baseline pods * in namespaces *\n  Accept {rule}\n"),
    );
}

#[test]
fn a_service_is_its_endpoints() {
    let entry = "{to: [{service: {namespace: shop, name: db}}], ports: [5432/TCP]}";
    check_entry(entry, "endpoints of service shop/db 5432/TCP");
    for service in [
        "{}",
        "{name: db}",
        "{namespace: shop}",
        "{namespace: shop, name: db, port: 1}",
        "db",
        "{namespace: S, name: db}",
    ] {
        let body = format!("default: deny\notherwise: allow\nalways:\n- to:\n  - service: {service}");
        check_findings(&body, &[("PAL502", 8)]);
    }
    check_findings(
        "default: deny\notherwise: allow\nalways:\n- to: [{service: {namespace: a, name: b}, pods: {}}]",
        &[("PAL502", 7)],
    );
}

#[test]
fn d_10_kinds_of_icmp() {
    let to = "to: [10.0.0.0/8]";
    check_entry(&format!("{{{to}, icmp: [echo]}}"), "10.0.0.0/8 no port icmp4:8:* icmp6:128:*");
    check_entry(&format!("{{{to}, icmp: [echo-request, echo]}}"), "10.0.0.0/8 no port icmp4:8:* icmp6:128:*");
    check_entry(&format!("{{{to}, icmp: [any]}}"), "10.0.0.0/8 no port icmp4:*:* icmp6:*:*");
    check_entry(
        &format!("{{{to}, icmp: [{{version: 4, type: 13}}, {{version: 6, type: 1, code: 4}}, {{version: 6}}]}}"),
        "10.0.0.0/8 no port icmp4:13:* icmp6:*:* icmp6:1:4",
    );
    // Beside ports either may match.
    check_entry(&format!("{{{to}, ports: [TCP], icmp: [echo]}}"), "10.0.0.0/8 TCP icmp4:8:* icmp6:128:*");
    for kind in [
        "ping",
        "8",
        "{type: 8}",
        "{version: 5, type: 8}",
        "{version: 4, code: 0}",
        "{version: 4, type: 256}",
        "{version: 4, type: -1}",
        "{version: 4, type: echo}",
        "{version: 4, type: }",
        "{version: 4, kind: 8}",
        "[echo]",
        "{}",
    ] {
        let body = format!("default: deny\notherwise: allow\nalways:\n- to: [10.0.0.0/8]\n  icmp:\n  - {kind}");
        check_findings(&body, &[("PAL502", 9)]);
    }
    for icmp in ["icmp: []", "icmp: "] {
        check_findings(&format!("default: deny\notherwise: allow\nalways: [{{{to}, {icmp}}}]"), &[("PAL502", 6)]);
    }
}

#[test]
fn d_10_entries_may_be_logged_or_only_audited() {
    check_entry("{to: [10.0.0.0/8], log: true}", "10.0.0.0/8 any log");
    check_entry("{to: [10.0.0.0/8], log: true, audit: true}", "10.0.0.0/8 any audit log");
    check_entry("{to: [10.0.0.0/8], log: false, audit: false}", "10.0.0.0/8 any");
    for word in ["1", "maybe", "[true]"] {
        check_findings(
            &format!("default: deny\notherwise: allow\nalways: [{{to: [10.0.0.0/8], audit: {word}}}]"),
            &[("PAL502", 6)],
        );
    }
}

#[test]
fn named_ports_are_those_of_pods() {
    check_entry(
        "{to: [\"@cluster-pods\"], ports: [http/TCP, 53-dns/UDP]}",
        "pods * in namespaces * http/TCP | 53-dns/UDP",
    );
    for to in ["10.0.0.0/8", "\"@nodes\"", "{service: {namespace: a, name: b}}"] {
        let body = format!("default: deny\notherwise: allow\nalways:\n- to: [{to}]\n  ports: [http/TCP]");
        check_findings(&body, &[("PAL502", 8)]);
    }
}

fn document(name: &str, priority: &str, body: &str) -> String {
    format!(
        "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: {name}}}\n{priority}\n{body}\n---\n"
    )
}

/// Names and priorities of the policies of several documents in their order, and their findings.
#[track_caller]
fn check_order(text: &str, order: &[&str], findings: &[(&str, u32)]) {
    let mut sources = Sources::default();
    let (baseline, diagnostics) = decode(&mut sources, text);
    let Baseline::Sound(policies) = &baseline else { panic!("{diagnostics:?}") };
    let ranks: Vec<_> =
        policies.iter().map(|policy| format!("{} {} {}", policy.tier, policy.priority, policy.name)).collect();
    assert_eq!(ranks, order);
    assert_eq!(lines(&diagnostics, &sources), findings);
}

#[test]
fn several_documents_are_ordered_by_priority_and_name() {
    let body = "deny: [{to: [10.0.0.0/8]}]\ndefault: pass\notherwise: deny";
    let text = [document("z", "priority: 7", body), document("b", "", body), document("a", "", body)].concat();
    let tiers = ["baseline", "baseline otherwise"];
    let order: Vec<_> =
        tiers.iter().flat_map(|tier| ["7 z", "500 a", "500 b"].map(|rank| format!("{tier} {rank}"))).collect();
    check_order(&text, &order.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    for priority in ["-1", "1001", "high", "[1]"] {
        check_findings(&format!("default: deny\notherwise: allow\npriority: {priority}"), &[("PAL502", 6)]);
    }
}

#[test]
fn two_documents_of_one_name_are_broken() {
    let text = document("a", "", "default: deny\notherwise: deny").repeat(2);
    let mut sources = Sources::default();
    let (baseline, diagnostics) = decode(&mut sources, &text);
    assert!(matches!(baseline, Baseline::Broken(_)), "{baseline:?}");
    assert_eq!(lines(&diagnostics, &sources), [("PAL501", 9)]);
}

#[test]
fn c_3_what_an_earlier_document_lets_past_is_told() {
    let allow =
        document("a", "priority: 1", "allow: [{to: [10.1.0.0/16], ports: [1-9/TCP]}]\ndefault: pass\notherwise: deny");
    let deny = |to: &str, ports: &str| {
        document(
            "b",
            "priority: 2",
            &format!("deny: [{{to: [{to}], ports: [{ports}]}}]\ndefault: pass\notherwise: deny"),
        )
    };
    let order = ["baseline 1 a", "baseline 2 b", "baseline otherwise 1 a", "baseline otherwise 2 b"];
    let lies_past = [("PAL512", 5), ("PAL505", 10)];
    check_order(&(allow.clone() + &deny("10.0.0.0/8", "TCP")), &order, &lies_past);
    check_order(&(allow.clone() + &deny("10.1.2.0/24", "9-12/TCP")), &order, &lies_past);
    check_order(&(allow.clone() + &deny("10.2.0.0/16", "TCP")), &order, &[("PAL512", 5)]);
    check_order(&(allow + &deny("10.0.0.0/8", "10/TCP")), &order, &[("PAL512", 5)]);
}

#[test]
fn c_3_after_a_document_that_denies_the_rest_nothing_is_asked() {
    let all = document("a", "priority: 1", "default: deny\notherwise: allow");
    let later = document("b", "priority: 2", "deny: [{to: [10.0.0.0/8]}]\ndefault: pass\notherwise: allow");
    check_order(&(all.clone() + &later), &["baseline 1 a", "baseline 2 b"], &[("PAL505", 9)]);
    let exempt =
        all.replace("default", "exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: x}}}]\ndefault");
    check_order(&(exempt + &later), &["baseline 1 a", "baseline 2 b"], &[]);
}

const CLUSTER_POLICY: &str = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: NAME}\n\
    spec: {tier: TIER, priority: 9, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}], \
    egress: [{action: ACTION, to: [{nodes: {}}]}]}\n---\n";

fn cluster_policy(name: &str, tier: &str, action: &str) -> String {
    CLUSTER_POLICY.replace("NAME", name).replace("TIER", tier).replace("ACTION", action)
}

#[test]
fn d_2_and_d_3_verbatim_cluster_policies_stand_beside_the_short_form() {
    let short = document("short", "", "default: deny\notherwise: deny");
    let text = [cluster_policy("base", "Baseline", "Accept"), short, cluster_policy("top", "Admin", "Accept")].concat();
    check_order(
        &text,
        &["baseline 9 top", "baseline 500 short", "baseline otherwise 9 base", "baseline otherwise 500 short"],
        &[],
    );
    let (baseline, _) = decode(&mut Sources::default(), &cluster_policy("top", "Admin", "Accept"));
    assert_eq!(
        show(&baseline),
        "baseline pods * in namespaces *\n  Deny pods * in namespaces * any\n  Accept nodes * any\n"
    );
}

#[test]
fn d_8_a_broken_cluster_policy_breaks_the_baseline_and_limits_are_warnings() {
    for (from, to) in
        [("ACTION", "Allow"), ("tier", "tiers"), ("v1alpha2", "v1alpha1"), ("metadata: {name: NAME}\n", "")]
    {
        let text =
            CLUSTER_POLICY.replace(from, to).replace("NAME", "a").replace("TIER", "Admin").replace("ACTION", "Deny");
        let (baseline, _) = decode(&mut Sources::default(), &text);
        assert!(matches!(baseline, Baseline::Broken(_)), "{text}{baseline:?}");
    }
    let many = cluster_policy("a", "Admin", "Deny").replace("{nodes: {}}", &["{nodes: {}}"; 26].join(", "));
    check_order(&many, &["baseline 9 a"], &[("PAL902", 4)]);
}

#[test]
fn c_6_equal_rank_and_other_actions_are_told_of_documents_too() {
    let text = [cluster_policy("a", "Admin", "Deny"), cluster_policy("b", "Admin", "Accept")].concat();
    check_order(&text, &["baseline 9 a", "baseline 9 b"], &[("PAL506", 7)]);
}

#[test]
fn the_oldest_form_is_a_list_of_egress_rules() {
    let list = "- to:\n  - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n  - namespaceSelector: {}\n    podSelector: {matchLabels: {k8s-app: kube-dns}}\n\
                \x20 ports: [{port: 53, protocol: UDP}, {port: dns}]\n- ports: [{port: 443}]\n- {}\n";
    let expected = "baseline pods * in namespaces *\n\
         \x20 Accept 10.0.0.0/8 except 10.1.0.0/16 | pods k8s-app=kube-dns in namespaces * 53/UDP | dns/TCP\n\
         \x20 Accept any 443/TCP\n\
         \x20 Accept any any\n\
         baseline otherwise pods * in namespaces *\n\
         \x20 Deny any any\n";
    let indented = list.replace('\n', "\n    ");
    let of_key = |key: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: palisade-egress-baseline, namespace: kube-system}}\ndata:\n  {key}: |\n    {indented}\n"
        )
    };
    for text in [list.to_owned(), of_key("rules.yaml"), of_key("rules")] {
        let (baseline, diagnostics) = decode(&mut Sources::default(), &text);
        assert_eq!((show(&baseline).as_str(), diagnostics), (expected, vec![]));
    }
    let mut sources = Sources::default();
    let (baseline, _) = decode(&mut sources, &of_key("rules"));
    let Baseline::Sound(policies) = baseline else { panic!("{baseline:?}") };
    let origins: Vec<_> =
        policies.iter().flat_map(|policy| policy.egress.iter().flatten()).map(|rule| rule.origin.to_string()).collect();
    assert_eq!(origins, ["b.yaml:6 rules [0]", "b.yaml:11 rules [1]", "b.yaml:12 rules [2]", "b.yaml:6 rules"]);
}

#[test]
fn the_oldest_form_is_read_strictly_where_it_would_open_more() {
    for rule in [
        "{to: [{podSelector: {}}]}",
        "{to: [{}]}",
        "{from: []}",
        "{to: [{ipBlock: {cidr: 10.0.0.0}}]}",
        "{ports: [{port: \"80\"}]}",
        "{to: {}}",
        "a",
        "",
    ] {
        let mut sources = Sources::default();
        let (baseline, diagnostics) =
            decode(&mut sources, &format!("- {{to: [{{namespaceSelector: {{}}}}]}}\n- {rule}\n"));
        assert!(matches!(baseline, Baseline::Broken(_)), "{rule}: {baseline:?}");
        assert_eq!(lines(&diagnostics, &sources), [("PAL502", 2)], "{rule}");
    }
    assert!(matches!(decode(&mut Sources::default(), "[]\n").0, Baseline::Broken(_)));
}

#[test]
fn several_keys_and_several_files_are_one_baseline() {
    let short = document("a", "", "default: deny\notherwise: deny").replace("---\n", "").replace('\n', "\n    ");
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: palisade-egress-baseline, namespace: kube-system}}\ndata:\n\
         \x20 one.yaml: |\n    {short}\n  two.json: |\n    {}\n",
        document("b", "", "default: deny\notherwise: deny").replace("---\n", "").replace('\n', "\n    ")
    );
    let other = document("c", "priority: 1", "default: pass\notherwise: allow\ndeny: [{to: [10.0.0.0/8]}]");
    let files = [("m.yaml".into(), map), ("c.yaml".into(), other)];
    let found = read(&files, &config_map(), &mut Sources::default());
    check_kept(&found.baseline, &found.texts);
    let Baseline::Sound(policies) = &found.baseline else { panic!("{found:?}") };
    let names: Vec<_> = policies.iter().map(|policy| policy.name.to_string()).collect();
    assert_eq!(names, ["c", "a", "b", "a", "b"]);
    assert_eq!(found.texts.len(), 3);
    // A file that holds none is a slip, whatever the others hold.
    let files = [files[1].clone(), ("empty.yaml".into(), String::new())];
    assert!(matches!(read(&files, &config_map(), &mut Sources::default()).baseline, Baseline::Broken(_)));
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
    let Found { baseline, diagnostics, texts } = read(&[("b.yaml".into(), text.into())], &config_map(), sources);
    check_kept(&baseline, &texts);
    (baseline, diagnostics)
}

/// What was kept of a sound baseline is the same baseline again, but for the columns of its lines.
#[track_caller]
fn check_kept(baseline: &Baseline, texts: &[Text]) {
    let Baseline::Sound(policies) = baseline else { return };
    let again = restore(texts, &mut Sources::default());
    let Baseline::Sound(restored) = &again.baseline else { panic!("{again:?}") };
    assert_eq!(show(&again.baseline), show(baseline));
    let places = |policies: &[Policy]| {
        let rules = policies.iter().flat_map(|policy| policy.egress.iter().flatten());
        rules.map(|rule| rule.origin.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(places(restored), places(policies));
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
        for rule in policy.ingress.iter().chain(&policy.egress).flatten() {
            let Rule { origin: _, action, peers, ports, icmp, effect, logging } = rule;
            write!(text, "  {} {} {}", show_action(*action), show_peers(peers), show_ports(ports)).unwrap();
            icmp.iter().for_each(|kind| write!(text, " {}", show_icmp(*kind)).unwrap());
            match effect {
                Effect::Enforced => {}
                Effect::Audited => text.push_str(" audit"),
            }
            match logging {
                Logging::Silent => {}
                Logging::Logged => text.push_str(" log"),
            }
            text.push('\n');
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

fn show_icmp(kind: IcmpMatch) -> String {
    let version = match kind.version {
        IcmpVersion::V4 => 4,
        IcmpVersion::V6 => 6,
    };
    let part = |number: Option<u8>| number.map_or("*".to_owned(), |number| number.to_string());
    format!("icmp{version}:{}:{}", part(kind.icmp_type), part(kind.code))
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
        PortMatches::AnyOf(ports) if ports.is_empty() => "no port".into(),
        PortMatches::AnyOf(ports) => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}

#[test]
fn a_file_of_which_a_document_cannot_be_read_is_no_sound_baseline() {
    let sound = "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {name: a}\ndefault: deny\notherwise: allow\n";
    let (namespace, name) = CONFIG_MAP;
    let found = |text: String| {
        let files = [("b.yaml".to_owned(), text)];
        read(&files, &NamespacedName::new(namespace, name), &mut Sources::default()).baseline
    };
    assert!(matches!(found(sound.to_owned()), Baseline::Sound(_)));
    for broken in
        ["apiVersion: v1\nkind: ConfigMap\ndata: {}\n", "apiVersion: v1\nkind: Namespace\nmetadata: {name: [a]}\n"]
    {
        for text in [format!("{sound}---\n{broken}"), format!("{broken}---\n{sound}")] {
            assert!(matches!(found(text.clone()), Baseline::Broken(_)), "{text}");
        }
    }
}
