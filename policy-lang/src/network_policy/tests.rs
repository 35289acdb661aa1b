//! Text in, IR out. Names begin with the number of the rule of the Kubernetes semantics that they hold.

use std::fmt::Write;

use super::*;
use crate::manifest::{Object, load};
use crate::policy::{Peers, PortMatches, Rule};

/// The meaning of one NetworkPolicy `p` in namespace `x`, written as its `spec`.
#[track_caller]
fn check(spec: &str, expected: &str) {
    let (policy, diagnostics) = decode_spec(spec, Strictness::Lenient);
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == crate::diagnostic::Severity::Error).collect();
    assert_eq!(errors, Vec::<&Diagnostic>::new());
    assert_eq!(show(&policy), expected);
}

/// The code and line of each finding about a broken policy, and what its stand-in is. The spec begins in line 5.
#[track_caller]
fn check_broken(spec: &str, findings: &[(&str, u32)], stand_in: &str) {
    let mut sources = Sources::default();
    let (policy, diagnostics) = decode_in(&mut sources, spec, Strictness::Lenient);
    let found: Vec<_> = diagnostics
        .iter()
        .filter(|d| d.severity == crate::diagnostic::Severity::Error)
        .map(|d| (d.code.0, sources.position(d.span.unwrap().source, d.span.unwrap().start).line))
        .collect();
    assert_eq!(found, findings);
    assert_eq!(show(&policy), stand_in);
}

const SELECTED: &str = "a=b\ningress\n";
const NAMESPACE: &str = "*\ningress\negress\n";

#[test]
fn sem_11_types_default_to_ingress_and_to_egress_if_it_has_rules() {
    check("podSelector: {}", "*\ningress\n");
    check("podSelector: {}\npolicyTypes: []", "*\ningress\n");
    check("podSelector: {}\negress: []", "*\ningress\n");
    check("podSelector: {}\negress: [{}]", "*\ningress\negress\n  any any\n");
}

#[test]
fn sem_12_an_empty_egress_list_isolates_ingress_alone() {
    check("podSelector: {}\negress: []\npolicyTypes: []", "*\ningress\n");
    check("podSelector: {}\negress: null", "*\ningress\n");
}

#[test]
fn sem_13_egress_rules_without_types_deny_all_ingress_too() {
    let spec = "podSelector: {}\negress: [{to: [{podSelector: {}}]}]";
    check(spec, "*\ningress\negress\n  pods * in namespace x any\n");
    check(&format!("{spec}\npolicyTypes: [Egress]"), "*\negress\n  pods * in namespace x any\n");
}

#[test]
fn sem_14_rules_of_a_direction_that_is_not_listed_are_dead() {
    check("podSelector: {}\npolicyTypes: [Egress]\ningress: [{}]", "*\negress\n");
}

#[test]
fn sem_15_a_type_may_stand_twice() {
    check("podSelector: {}\npolicyTypes: [Ingress, Ingress]", "*\ningress\n");
}

#[test]
fn sem_16_missing_null_and_empty_rules_are_the_same() {
    for ingress in ["", "ingress:", "ingress: null", "ingress: []"] {
        check(&format!("podSelector: {{}}\n{ingress}"), "*\ningress\n");
    }
}

#[test]
fn sem_17_a_rule_without_restrictions_is_everything() {
    check("podSelector: {}\ningress: [{}]", "*\ningress\n  any any\n");
}

#[test]
fn sem_18_and_19_empty_lists_in_a_rule_restrict_nothing() {
    for rule in ["{from: [], ports: []}", "{from: null}", "{ports:}"] {
        check(&format!("podSelector: {{}}\ningress: [{rule}]"), "*\ningress\n  any any\n");
    }
}

#[test]
fn sem_20_a_port_without_fields_is_every_tcp_port() {
    check("podSelector: {}\ningress: [{ports: [{}]}]", "*\ningress\n  any TCP\n");
}

#[test]
fn sem_21_and_v_7_a_peer_must_say_something() {
    check_broken("podSelector: {matchLabels: {a: b}}\ningress: [{from: [{}]}]", &[("PAL012", 6)], SELECTED);
    check_broken(
        "podSelector: {matchLabels: {a: b}}\ningress: [{from: [{podSelector: null}]}]",
        &[("PAL012", 6)],
        SELECTED,
    );
}

#[test]
fn sem_22_a_missing_pod_selector_is_every_pod() {
    for spec in ["policyTypes: [Ingress]", "podSelector:", "podSelector: null", "podSelector: {}"] {
        check(spec, "*\ningress\n");
    }
}

#[test]
fn sem_23_peers_and_ports_of_one_rule_belong_together_and_rules_do_not() {
    let together = "podSelector: {}\ningress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]";
    check(together, "*\ningress\n  pods * in namespace x 80/TCP\n");
    let apart = "podSelector: {}\ningress: [{from: [{podSelector: {}}]}, {ports: [{port: 80}]}]";
    check(apart, "*\ningress\n  pods * in namespace x any\n  any 80/TCP\n");
}

#[test]
fn sem_24_to_27_peers_by_label() {
    let peers = [
        ("podSelector: {}", "pods * in namespace x"),
        ("podSelector: {matchLabels: {a: b}}", "pods a=b in namespace x"),
        ("namespaceSelector: {}", "pods * in namespaces *"),
        ("{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}", "pods a=b in namespaces *"),
        ("{namespaceSelector: {matchLabels: {n: m}}, podSelector: {}}", "pods * in namespaces n=m"),
    ];
    for (peer, expected) in peers {
        let spec = format!("podSelector: {{}}\ningress:\n- from:\n  - {peer}");
        check(&spec, &format!("*\ningress\n  {expected} any\n"));
    }
}

#[test]
fn sem_26_one_item_is_and_two_items_are_or() {
    let two = "podSelector: {}\ningress:\n- from:\n  - namespaceSelector: {}\n  - podSelector: {}";
    check(two, "*\ningress\n  pods * in namespaces * | pods * in namespace x any\n");
}

#[test]
fn sem_28_and_v_8_an_ip_block_stands_alone() {
    let spec =
        "podSelector: {matchLabels: {a: b}}\ningress:\n- from:\n  - podSelector: {}\n    ipBlock: {cidr: 10.0.0.0/8}";
    check_broken(spec, &[("PAL013", 9)], SELECTED);
}

#[test]
fn sem_33_labels_and_expressions_are_all_required_and_nil_is_no_selector() {
    let spec = "podSelector: {matchLabels: {a: b, c: d}, matchExpressions: [{key: e, operator: Exists}]}";
    check(spec, "a=b,c=d,e\ningress\n");
    check("podSelector: {matchLabels: {}, matchExpressions: []}", "*\ningress\n");
    check("podSelector: {matchLabels: null, matchExpressions: null}", "*\ningress\n");
    let peer = "podSelector: {}\ningress: [{from: [{podSelector: {}, namespaceSelector: null}]}]";
    check(peer, "*\ningress\n  pods * in namespace x any\n");
}

#[test]
fn sem_36_expressions_on_one_key_are_all_kept() {
    let spec = "podSelector: {matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: a, operator: NotIn, values: [c]}]}";
    check(spec, "a in (b,c),a notin (c)\ningress\n");
    check(
        "podSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist}]}",
        "a,!a\ningress\n",
    );
}

#[test]
fn sem_38_keys_and_values_are_kept_byte_for_byte() {
    check("podSelector: {matchLabels: {Example.x: A.b_C-1}}", "Example.x=A.b_C-1\ningress\n");
    let long = "k".repeat(63);
    check(
        &format!("podSelector: {{matchLabels: {{example.com/{long}: {long}}}}}"),
        &format!("example.com/{long}={long}\ningress\n"),
    );
    check_broken(&format!("podSelector: {{matchLabels: {{{long}k: v}}}}"), &[("PAL018", 5)], NAMESPACE);
    check_broken("podSelector: {matchLabels: {Example.com/a: v}}", &[("PAL018", 5)], NAMESPACE);
}

#[test]
fn sem_34_all_four_operators() {
    let spec = "podSelector: {matchExpressions: [{key: a, operator: In, values: [c, b]}, {key: d, operator: NotIn, values: [e]}, \
                {key: f, operator: Exists}, {key: g, operator: DoesNotExist, values: []}]}";
    check(spec, "a in (b,c),d notin (e),f,!g\ningress\n");
}

#[test]
fn sem_35_a_label_without_a_value_has_the_empty_one() {
    check("podSelector: {matchLabels: {a: }}", "a=\ningress\n");
    check("podSelector: {matchLabels: {a: \"\"}}", "a=\ningress\n");
}

#[test]
fn sem_37_other_operators_are_refused() {
    for operator in ["Gt", "in", "Equals"] {
        let spec = format!("podSelector: {{matchExpressions: [{{key: a, operator: {operator}, values: [b]}}]}}");
        check_broken(&spec, &[("PAL018", 5)], NAMESPACE);
    }
}

#[test]
fn sem_39_a_value_that_no_label_can_have_is_compared_as_it_is() {
    let spec = "podSelector: {matchLabels: {a: \"not a value\"}}";
    check(spec, "a=not a value\ningress\n");
    let (policy, diagnostics) = decode_spec(spec, Strictness::Strict);
    assert_eq!((show(&policy).as_str(), diagnostics.first().map(|d| d.code.0)), (NAMESPACE, Some("PAL018")));
}

#[test]
fn sem_43_and_v_11_host_bits_are_masked_and_refused_when_strict() {
    let spec = "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 10.0.0.5/24, except: [10.0.0.130/25]}}]}]";
    check(spec, "*\ningress\n  10.0.0.0/24 except 10.0.0.128/25 any\n");
    let (policy, diagnostics) = decode_spec(spec, Strictness::Strict);
    assert_eq!((show(&policy).as_str(), diagnostics.first().map(|d| d.code.0)), ("*\ningress\n", Some("PAL016")));
}

#[test]
fn sem_44_old_notations_are_read() {
    let spec = "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 010.0.0.0/8}}, {ipBlock: {cidr: \"::ffff:10.1.2.0/120\"}}]}]";
    check(spec, "*\ningress\n  10.0.0.0/8 | 10.1.2.0/24 any\n");
}

#[test]
fn sem_45_and_v_12_an_exception_is_a_part_of_its_cidr() {
    for except in ["10.0.0.0/8", "0.0.0.0/0", "11.0.0.0/16", "\"2001:db8::/64\""] {
        let spec = format!(
            "podSelector: {{matchLabels: {{a: b}}}}\ningress:\n- from:\n  - ipBlock:\n      cidr: 10.0.0.0/8\n      except: [{except}]"
        );
        check_broken(&spec, &[("PAL015", 10)], SELECTED);
    }
}

#[test]
fn sem_46_an_exception_belongs_to_its_own_item() {
    let spec = "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}, {ipBlock: {cidr: 10.1.0.0/16}}]}]";
    check(spec, "*\ningress\n  10.0.0.0/8 except 10.1.0.0/16 | 10.1.0.0/16 any\n");
}

#[test]
fn sem_50_and_v_2_protocols_are_matched_exactly() {
    let spec = "podSelector: {}\ningress: [{ports: [{port: 80}, {port: 53, protocol: UDP}, {protocol: SCTP}]}]";
    check(spec, "*\ningress\n  any 80/TCP | 53/UDP | SCTP\n");
    for protocol in ["tcp", "ICMP", "ALL"] {
        let spec = format!("podSelector: {{matchLabels: {{a: b}}}}\ningress:\n- ports:\n  - protocol: {protocol}");
        check_broken(&spec, &[("PAL011", 8)], SELECTED);
    }
}

#[test]
fn sem_53_ranges_of_ports() {
    let spec = "podSelector: {}\ningress: [{ports: [{port: 80, endPort: 82}, {port: 7, endPort: 7}, {port: 1, endPort: 65535}]}]";
    check(spec, "*\ningress\n  any 80-82/TCP | 7/TCP | 1-65535/TCP\n");
}

#[test]
fn sem_54_named_ports_stay_names() {
    check("podSelector: {}\ningress: [{ports: [{port: http}]}]", "*\ningress\n  any http/TCP\n");
}

#[test]
fn sem_59_and_60_a_named_port_stands_beside_any_egress_peer() {
    check(
        "podSelector: {}\npolicyTypes: [Egress]\negress: [{ports: [{port: dns, protocol: UDP}]}]",
        "*\negress\n  any dns/UDP\n",
    );
    let block = "podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]}]";
    check(block, "*\negress\n  10.0.0.0/8 http/TCP\n");
}

#[test]
fn sem_63_and_v_3_to_v_6_bad_ports() {
    let ports = [
        ("{port: 0}", "PAL007"),
        ("{port: 65536}", "PAL007"),
        ("{port: -1}", "PAL007"),
        ("{port: 80.5}", "PAL007"),
        ("{port: \"80\"}", "PAL006"),
        ("{port: this-name-is-too-long}", "PAL007"),
        ("{port: a--b}", "PAL007"),
        ("{port: Http}", "PAL007"),
        ("{port: \"\"}", "PAL007"),
        ("{port: 80, endPort: 79}", "PAL010"),
        ("{port: 80, endPort: 70000}", "PAL007"),
        ("{port: http, endPort: 90}", "PAL009"),
        ("{endPort: 90}", "PAL008"),
        ("{port: [80]}", "PAL005"),
        ("", "PAL005"),
    ];
    for (port, code) in ports {
        let spec = format!("podSelector: {{matchLabels: {{a: b}}}}\ningress:\n- ports:\n  - {port}");
        check_broken(&spec, &[(code, 8)], SELECTED);
    }
}

#[test]
fn v_9_and_v_10_bad_cidrs() {
    for block in ["{}", "{cidr: \"\"}", "{cidr: 10.0.0.1}", "{cidr: 10.0.0.0/33}", "{cidr: any}"] {
        let spec = format!("podSelector: {{matchLabels: {{a: b}}}}\ningress:\n- from:\n  - ipBlock: {block}");
        check_broken(&spec, &[("PAL014", 8)], SELECTED);
    }
}

#[test]
fn v_13_bad_policy_types_leave_the_directions_unknown() {
    check_broken("podSelector: {matchLabels: {a: b}}\npolicyTypes: [ingress]", &[("PAL017", 6)], NAMESPACE);
    let three = "podSelector: {matchLabels: {a: b}}\npolicyTypes: [Ingress, Egress, Egress]";
    check_broken(three, &[("PAL017", 6)], NAMESPACE);
}

#[test]
fn v_14_and_v_15_bad_selectors() {
    let expressions = [
        "{key: a, operator: In}",
        "{key: a, operator: NotIn, values: []}",
        "{key: a, operator: Exists, values: [b]}",
        "{key: a}",
        "{operator: Exists}",
        "{key: -a, operator: Exists}",
        "{key: a/b/c, operator: Exists}",
        "{key: UPPER.example/a, operator: Exists}",
    ];
    for expression in expressions {
        check_broken(&format!("podSelector: {{matchExpressions: [{expression}]}}"), &[("PAL018", 5)], NAMESPACE);
    }
}

#[test]
fn v_16_unknown_fields_are_located_and_explained() {
    let (_, diagnostics) = decode_spec("podSelector: {}\ningres: []", Strictness::Lenient);
    let help: Vec<_> = diagnostics.iter().map(|d| (d.code.0, d.help.as_deref())).collect();
    assert_eq!(help, [("PAL002", Some("did you mean `ingress`?"))]);
    check_broken("podSelector: {matchLabels: {a: b}}\nfoo: 1", &[("PAL002", 6)], NAMESPACE);
    check_broken("podSelector: {matchLabel: {a: b}}", &[("PAL002", 5)], NAMESPACE);
    check_broken("podSelector: {matchLabels: {a: b}}\ningress:\n- form: []", &[("PAL002", 7)], SELECTED);
    check_broken("podSelector: {matchLabels: {a: b}}\ningress:\n- podSelector: {}", &[("PAL003", 7)], SELECTED);
}

#[test]
fn v_16_duplicate_keys_make_what_they_touch_doubtful() {
    let stand_in = |spec| show(&decode_spec(spec, Strictness::Lenient).0);
    assert_eq!(stand_in("podSelector: {matchLabels: {a: b, a: c}}"), NAMESPACE);
    assert_eq!(stand_in("podSelector: {matchLabels: {a: b}}\ningress: []\ningress: [{}]"), NAMESPACE);
    assert_eq!(stand_in("podSelector: {matchLabels: {a: b}}\ningress: [{ports: [{port: 1, port: 2}]}]"), SELECTED);
}

#[test]
fn wrong_types_are_refused() {
    check_broken("podSelector: {matchLabels: {a: true}}", &[("PAL005", 5)], NAMESPACE);
    check_broken("podSelector: {matchLabels: {a: 1}}", &[("PAL005", 5)], NAMESPACE);
    check_broken("podSelector: [a]", &[("PAL005", 5)], NAMESPACE);
    check_broken("podSelector: {matchLabels: {a: b}}\ningress:\n  from: []", &[("PAL005", 7)], NAMESPACE);
    let covered = "podSelector: {matchLabels: {a: b}}\npolicyTypes: [Ingress]\ningress:\n  from: []";
    check_broken(covered, &[("PAL005", 8)], SELECTED);
    check_broken("podSelector: {matchLabels: {a: b}}\ningress:\n- from: {podSelector: {}}", &[("PAL005", 7)], SELECTED);
    check_broken("podSelector: {matchLabels: {a: b}}\ningress:\n-", &[("PAL005", 7)], SELECTED);
}

#[test]
fn a_broken_egress_rule_still_isolates_egress() {
    let spec = "podSelector: {matchLabels: {a: b}}\negress:\n- too: []";
    check_broken(spec, &[("PAL002", 7)], "a=b\ningress\negress\n");
}

#[test]
fn every_rule_knows_its_place() {
    let spec = "podSelector: {}\ningress:\n- ports: [{port: 1}]\n- {}\negress:\n- {}";
    let (policy, _) = decode_spec(spec, Strictness::Lenient);
    let origins: Vec<_> =
        policy.ingress.iter().chain(&policy.egress).flatten().map(|rule| rule.origin.to_string()).collect();
    assert_eq!(policy.origin.to_string(), "p.yaml:3 x/p");
    assert_eq!(origins, ["p.yaml:7 x/p ingress[0]", "p.yaml:8 x/p ingress[1]", "p.yaml:10 x/p egress[0]"]);
}

fn decode_spec(spec: &str, strictness: Strictness) -> (Policy, Vec<Diagnostic>) {
    decode_in(&mut Sources::default(), spec, strictness)
}

fn decode_in(sources: &mut Sources, spec: &str, strictness: Strictness) -> (Policy, Vec<Diagnostic>) {
    let indented = spec.replace('\n', "\n  ");
    let text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: x}}\nspec:\n  {indented}\n"
    );
    let (objects, _) = load("p.yaml", &text, sources);
    let [Object::NetworkPolicy(policy)] = objects.as_slice() else { panic!("one policy: {objects:?}") };
    decode(policy, sources, strictness)
}

fn show(policy: &Policy) -> String {
    let mut text = format!("{}\n", policy.subject.pods.pods);
    for (direction, rules) in [("ingress", &policy.ingress), ("egress", &policy.egress)] {
        let Some(rules) = rules else { continue };
        writeln!(text, "{direction}").unwrap();
        for Rule { peers, ports, .. } in rules {
            writeln!(text, "  {} {}", show_peers(peers), show_ports(ports)).unwrap();
        }
    }
    text
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
