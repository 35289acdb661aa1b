//! Text in, IR out. Names begin with the number of the rule that they hold.

use std::fmt::Write;

use super::*;
use crate::diagnostic::Severity;
use crate::manifest::load;
use crate::policy::{Action, Peers, PortMatches, Rule};

const SUBJECT: &str = "tier: Admin\npriority: 10\nsubject: {namespaces: {}}";

/// The meaning of one sound ClusterNetworkPolicy `p`, written as its `spec`.
#[track_caller]
fn check(spec: &str, expected: &str) {
    let (policy, findings) = decode_spec(spec, Strictness::Lenient);
    assert_eq!(findings, [""; 0]);
    assert_eq!(show(&policy), expected);
}

/// The meaning of the rules of one with a sound subject.
#[track_caller]
fn check_egress(rules: &str, expected: &str) {
    check(
        &format!("{SUBJECT}\negress:\n{rules}"),
        &format!("ClusterNetworkPolicy 10 pods * in namespaces *\n{expected}"),
    );
}

/// Errors as `CODE line` of a broken one, and what stands in for it. The spec begins in line 5.
#[track_caller]
fn check_broken(spec: &str, findings: &[&str], stand_in: &str) {
    let (policy, found) = decode_spec(spec, Strictness::Lenient);
    assert_eq!(found, findings);
    assert_eq!(show(&policy), stand_in);
}

/// The same for the egress rules of one with a sound subject; they begin in line 9.
#[track_caller]
fn check_broken_egress(rules: &str, findings: &[&str], stand_in: &str) {
    let spec = format!("{SUBJECT}\negress:\n{rules}");
    check_broken(&spec, findings, &format!("ClusterNetworkPolicy 10 pods * in namespaces *\n{stand_in}"));
}

#[test]
fn c_1_tiers_and_c_2_priorities() {
    let rule = "egress: [{action: Deny, to: [{namespaces: {}}]}]";
    check(
        &format!("tier: Admin\npriority: 0\nsubject: {{namespaces: {{}}}}\n{rule}"),
        "ClusterNetworkPolicy 0 pods * in namespaces *\negress Deny pods * in namespaces * any\n",
    );
    check(
        &format!("tier: Baseline\npriority: 1000\nsubject: {{namespaces: {{}}}}\n{rule}"),
        "ClusterNetworkPolicy baseline 1000 pods * in namespaces *\negress Deny pods * in namespaces * any\n",
    );
}

#[test]
fn c_3_three_actions_in_their_order() {
    let rules = "- {action: Pass, to: [{networks: [10.0.0.0/8]}]}\n- {action: Accept, to: [{nodes: {}}]}\n- {action: Deny, to: [{networks: [0.0.0.0/0, \"::/0\"]}]}";
    check_egress(rules, "egress Pass 10.0.0.0/8 any\negress Accept nodes * any\negress Deny 0.0.0.0/0 | ::/0 any\n");
}

#[test]
fn c_4_a_direction_without_rules_is_not_touched() {
    let (policy, _) = decode_spec(&format!("{SUBJECT}\ningress: []\negress: null"), Strictness::Lenient);
    assert_eq!((policy.ingress, policy.egress), (None, None));
}

#[test]
fn c_6_equal_rank_and_other_actions_are_told() {
    let document = |name: &str, priority: u16, action: &str| {
        format!(
            "apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: {name}}}\nspec:\n  tier: Admin\n  priority: {priority}\n\
             \x20 subject: {{namespaces: {{}}}}\n  egress: [{{action: {action}, to: [{{nodes: {{}}}}]}}]\n---\n"
        )
    };
    let found = |documents: &[String], strictness| {
        let mut sources = Sources::default();
        let (objects, _) = load("p.yaml", &documents.concat(), &mut sources);
        let (policies, found) = decode_all(&objects, &sources, strictness);
        assert_eq!(policies.len(), documents.len());
        found.iter().map(|found| (found.code.0, found.severity)).collect::<Vec<_>>()
    };
    let same = [document("a", 7, "Accept"), document("b", 7, "Accept"), document("c", 7, "Deny")];
    assert_eq!(found(&same, Strictness::Lenient), [("PAL905", Severity::Warning)]);
    assert_eq!(found(&same, Strictness::Strict), [("PAL905", Severity::Error)]);
    assert_eq!(found(&[document("a", 7, "Accept"), document("c", 8, "Deny")], Strictness::Strict), []);
}

#[test]
fn c_7_subjects() {
    let rule = "egress: [{action: Deny, to: [{namespaces: {}}]}]";
    let pods = "subject: {pods: {namespaceSelector: {matchLabels: {n: m}}, podSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}}";
    check(
        &format!("tier: Admin\npriority: 1\n{pods}\n{rule}"),
        "ClusterNetworkPolicy 1 pods !a in namespaces n=m\negress Deny pods * in namespaces * any\n",
    );
    let all = "ClusterNetworkPolicy 0 pods * in namespaces *\negress Deny pods * in namespaces * any\n";
    for subject in [
        "{}",
        "{namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}",
        "{pods: {podSelector: {}}}",
        "{namespaces: {matchLabel: {a: b}}}",
        "[]",
        "{networks: [10.0.0.0/8]}",
    ] {
        let (policy, found) =
            decode_spec(&format!("tier: Admin\npriority: 1\nsubject: {subject}\n{rule}"), Strictness::Lenient);
        assert_eq!((found.len(), show(&policy).as_str()), (1, all), "{subject}: {found:?}");
    }
}

#[test]
fn c_8_peers_of_each_direction() {
    let ingress = "ingress:\n- action: Deny\n  from:\n  - namespaces: {matchLabels: {n: m}}\n  - pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}";
    check(
        &format!("{SUBJECT}\n{ingress}"),
        "ClusterNetworkPolicy 10 pods * in namespaces *\ningress Deny pods * in namespaces n=m | pods a=b in namespaces * any\n",
    );
    for peer in ["networks: [10.0.0.0/8]", "nodes: {}", "domainNames: [example.com]"] {
        let spec = format!("{SUBJECT}\ningress:\n- action: Deny\n  from:\n  - {peer}");
        check_broken(&spec, &["PAL003 11"], "ClusterNetworkPolicy 10 pods * in namespaces *\ningress Deny any any\n");
    }
}

#[test]
fn c_9_networks() {
    check_egress(
        "- {action: Deny, to: [{networks: [10.0.0.0/8, \"2001:db8::/32\"]}, {networks: [192.0.2.1/32]}]}",
        "egress Deny 10.0.0.0/8 | 2001:db8::/32 | 192.0.2.1/32 any\n",
    );
    let long = "\"2001:0db8:0000:0000:0000:0000:192.168.1.128/128\"";
    for network in ["10.0.0.0", "010.0.0.0/8", "\"::ffff:10.0.0.0/104\"", "10.0.0.0/33", "a", "", long] {
        let rules = format!("- action: Deny\n  to:\n  - networks:\n    - {network}");
        let (_, found) = decode_spec(&format!("{SUBJECT}\negress:\n{rules}"), Strictness::Lenient);
        assert_eq!(found.len(), 1, "{network}");
    }
    // Its own check takes host bits.
    let rules = format!("{SUBJECT}\negress: [{{action: Deny, to: [{{networks: [10.0.0.1/8]}}]}}]");
    assert!(show(&decode_spec(&rules, Strictness::Lenient).0).ends_with("egress Deny 10.0.0.0/8 any\n"));
    assert_eq!(decode_spec(&rules, Strictness::Strict).1, ["PAL016 8"]);
}

#[test]
fn c_10_nodes_by_their_labels() {
    check_egress("- {action: Deny, to: [{nodes: {matchLabels: {role: db}}}]}", "egress Deny nodes role=db any\n");
}

#[test]
fn c_11_domain_names_are_refused_and_the_rest_of_the_rule_that_accepts_counts() {
    check_broken_egress(
        "- action: Accept\n  to:\n  - domainNames: [example.com]\n  - networks: [192.0.2.0/24]",
        &["PAL904 11"],
        "egress Accept 192.0.2.0/24 any\n",
    );
}

#[test]
fn c_12_protocols_and_their_ports() {
    let rules = |protocols: &str| format!("- {{action: Deny, to: [{{namespaces: {{}}}}], protocols: [{protocols}]}}");
    check_egress(
        &rules(
            "{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 1, end: 65535}}}}, {sctp: {destinationPort: {number: 9}}}",
        ),
        "egress Deny pods * in namespaces * 80/TCP | 1-65535/UDP | 9/SCTP\n",
    );
    check_egress(
        &rules("{destinationNamedPort: http}"),
        "egress Deny pods * in namespaces * http/TCP | http/UDP | http/SCTP\n",
    );
    let bad = [
        "",
        "{}",
        "{tcp: {}}",
        "{tcp: {destinationPort: {}}}",
        "{tcp: {destinationPort: 80}}",
        "{tcp: {destinationPort: {number: 0}}}",
        "{tcp: {destinationPort: {number: 65536}}}",
        "{tcp: {destinationPort: {number: \"80\"}}}",
        "{tcp: {destinationPort: {number: 80, range: {start: 1, end: 2}}}}",
        "{tcp: {destinationPort: {range: {start: 80, end: 80}}}}",
        "{tcp: {destinationPort: {range: {start: 80}}}}",
        "{tcp: {destinationPort: {range: {start: 80, end: 81, step: 1}}}}",
        "{tcp: {destinationPort: {number: 80}, sourcePort: 1}}",
        "{tcp: {destinationPort: {number: 80}}, udp: {destinationPort: {number: 80}}}",
        "{icmp: {}}",
        "{destinationNamedPort: \"80\"}",
        "{destinationNamedPort: this-name-is-too-long}",
    ];
    for protocols in bad {
        let spec = format!("{SUBJECT}\negress:\n{}", rules(protocols));
        let (policy, found) = decode_spec(&spec, Strictness::Lenient);
        assert_eq!(found.len(), 1, "{protocols}: {found:?}");
        // The peers can be read, so the stand-in denies them at any port.
        assert!(show(&policy).ends_with("egress Deny pods * in namespaces * any\n"), "{protocols}");
    }
}

#[test]
fn c_12_a_named_port_of_addresses_accepts_nothing_and_denies_everything_there() {
    let rules = |action: &str| {
        format!(
            "{SUBJECT}\negress: [{{action: {action}, to: [{{networks: [10.0.0.0/8]}}, {{namespaces: {{}}}}], \
             protocols: [{{destinationNamedPort: dns}}, {{udp: {{destinationPort: {{number: 53}}}}}}]}}]"
        )
    };
    let pods = "pods * in namespaces * dns/TCP | dns/UDP | dns/SCTP | 53/UDP";
    let expected = [
        ("Accept", format!("egress Accept 10.0.0.0/8 53/UDP\negress Accept {pods}\n")),
        ("Deny", format!("egress Deny 10.0.0.0/8 any\negress Deny {pods}\n")),
        ("Pass", format!("egress Deny 10.0.0.0/8 any\negress Pass {pods}\n")),
    ];
    for (action, expected) in expected {
        let (policy, found) = decode_spec(&rules(action), Strictness::Lenient);
        assert_eq!(found, [""; 0]);
        assert!(show(&policy).ends_with(&format!("\n{expected}")), "{}", show(&policy));
        assert_eq!(decode_spec(&rules(action), Strictness::Strict).1, ["PAL903 8"]);
    }
    let alone = "- {action: Accept, to: [{nodes: {}}], protocols: [{destinationNamedPort: dns}]}";
    check_egress(alone, "");
}

#[test]
fn c_13_an_unknown_peer_accepts_nothing_and_denies_everything() {
    let rules = "- action: ACTION\n  to:\n  - serviceAccounts: {}\n  - networks: [10.0.0.0/8]";
    let with = |action: &str| rules.replace("ACTION", action);
    check_broken_egress(&with("Accept"), &["PAL002 11"], "egress Accept 10.0.0.0/8 any\n");
    check_broken_egress(&with("Deny"), &["PAL002 11"], "egress Deny any any\n");
    check_broken_egress(&with("Pass"), &["PAL002 11"], "egress Deny any any\n");
    check_broken_egress("- {action: Accept, to: [{}]}", &["PAL012 9"], "egress Accept nothing any\n");
    for to in ["", "to: []", "to: ", "to: {}"] {
        let (policy, found) = decode_spec(&format!("{SUBJECT}\negress:\n- action: Deny\n  {to}"), Strictness::Lenient);
        assert_eq!(found.len(), 1, "{to}");
        assert!(show(&policy).ends_with("egress Deny any any\n"), "{to}");
    }
}

#[test]
fn c_14_limits_are_errors_in_the_cluster_and_all_of_it_counts() {
    let rule = "{action: Deny, to: [{namespaces: {}}]}";
    let rules = |count: usize| format!("{SUBJECT}\negress: [{}]", vec![rule; count].join(", "));
    let count = |spec: &str| {
        let (policy, found) = decode_spec(spec, Strictness::Lenient);
        (policy.egress.unwrap().len(), found)
    };
    assert_eq!(count(&rules(25)), (25, vec![]));
    assert_eq!(count(&rules(26)), (26, vec!["PAL902 8".to_owned()]));
    let of = |item: &str, list: &str, count: usize| {
        let items = vec![item; count].join(", ");
        format!("{SUBJECT}\negress: [{}]", list.replace("ITEMS", &items))
    };
    let cases = [
        ("{nodes: {}}", "{action: Deny, to: [ITEMS]}"),
        ("10.0.0.0/8", "{action: Deny, to: [{networks: [ITEMS]}]}"),
        ("{udp: {destinationPort: {number: 53}}}", "{action: Deny, to: [{nodes: {}}], protocols: [ITEMS]}"),
    ];
    for (item, list) in cases {
        assert_eq!(count(&of(item, list, 25)), (1, vec![]), "{list}");
        assert_eq!(count(&of(item, list, 26)), (1, vec!["PAL902 8".to_owned()]), "{list}");
    }
    let named = |length: usize| {
        format!("{SUBJECT}\negress: [{{name: {}, action: Deny, to: [{{nodes: {{}}}}]}}]", "é".repeat(length))
    };
    assert_eq!(count(&named(100)), (1, vec![]));
    assert_eq!(count(&named(101)), (1, vec!["PAL902 8".to_owned()]));
}

#[test]
fn c_14_tier_priority_and_subject_are_required() {
    let rules = "egress: [{action: Accept, to: [{nodes: {}}]}, {action: Pass, to: [{networks: [10.0.0.0/8]}]}]";
    let denied = "egress Deny 10.0.0.0/8 any\n";
    let of = |head: &str| format!("{head} pods * in namespaces *\n{denied}");
    let head = |tier: &str, priority: &str| format!("{tier}\n{priority}\nsubject: {{namespaces: {{}}}}\n{rules}");
    check_broken(&head("# no tier", "priority: 7"), &["PAL901 2"], &of("ClusterNetworkPolicy 0"));
    check_broken(&head("tier: admin", "priority: 7"), &["PAL901 5"], &of("ClusterNetworkPolicy 0"));
    check_broken(&head("tier: Baseline", "# none"), &["PAL901 2"], &of("ClusterNetworkPolicy baseline 0"));
    for priority in ["-1", "1001"] {
        let spec = head("tier: Admin", &format!("priority: {priority}"));
        check_broken(&spec, &["PAL901 6"], &of("ClusterNetworkPolicy 0"));
    }
    check_broken(&head("tier: Admin", "priority: high"), &["PAL005 6"], &of("ClusterNetworkPolicy 0"));
}

#[test]
fn unknown_fields_are_located_and_explained() {
    let help = |spec: &str| {
        let mut sources = Sources::default();
        let (_, found) = decode_in(&mut sources, spec, Strictness::Lenient);
        found.iter().map(|found| found.help.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let rule = "action: Deny, to: [{namespaces: {}}]";
    assert_eq!(help(&format!("{SUBJECT}\negres: [{{{rule}}}]")), ["did you mean `egress`?"]);
    assert_eq!(help(&format!("{SUBJECT}\negress: [{{{rule}, ports: []}}]")), ["it belongs here as `protocols`"]);
    let allow = format!("{SUBJECT}\negress: [{{action: Allow, to: [{{namespaces: {{}}}}]}}]");
    assert_eq!(help(&allow), ["write `Accept`: v1alpha1 called it Allow"]);
    // Beside a field that may have been a rule's, nothing that opens can be trusted.
    let spec = format!("{SUBJECT}\negress: [{{action: Accept, to: [{{nodes: {{}}}}]}}]\nlog: true");
    check_broken(&spec, &["PAL002 9"], "ClusterNetworkPolicy 0 pods * in namespaces *\n");
}

#[test]
fn an_unreadable_rule_fails_closed_and_leaves_the_others_alone() {
    check_broken_egress(
        "- {action: Accept, to: [{nodes: {}}]}\n- {action: Accept, to: [{nodes: {}}], protocol: []}\n- {to: [{nodes: {}}]}\n- 7",
        &["PAL002 10", "PAL901 11", "PAL005 12"],
        "egress Accept nodes * any\negress Deny nodes * any\negress Deny any any\n",
    );
    check_broken(
        &format!("{SUBJECT}\negress: {{action: Accept}}"),
        &["PAL005 8"],
        "ClusterNetworkPolicy 10 pods * in namespaces *\negress Deny any any\n",
    );
}

#[test]
fn what_is_cut_short_or_has_no_spec_denies_its_subject_everything() {
    let everything = "ingress Deny any any\negress Deny any any\n";
    let all = format!("ClusterNetworkPolicy 0 pods * in namespaces *\n{everything}");
    let head = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: p}}\n");
    let spec = "spec:\n  tier: Admin\n  priority: 3\n  subject: {namespaces: {matchLabels: {a: b}}}\n";
    for (text, expected) in [
        (head.clone(), all.clone()),
        (format!("{head}spec: []\n"), all.clone()),
        (format!("{head}{spec}  egress: [\n"), all.replace("namespaces *", "namespaces a=b")),
        (format!("{head}{spec}  egress: []\n  egress: []\n"), all.replace("namespaces *", "namespaces a=b")),
    ] {
        let mut sources = Sources::default();
        let (objects, _) = load("p.yaml", &text, &mut sources);
        let (policies, _) = decode_all(&objects, &sources, Strictness::Lenient);
        assert_eq!(policies.iter().map(show).collect::<String>(), expected, "{text}");
    }
}

#[test]
fn versions_that_no_server_has_open_nothing() {
    let text = format!(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: {KIND}\nmetadata: {{name: p}}\nspec: {{tier: Admin, priority: 1, \
         subject: {{namespaces: {{}}}}, egress: [{{action: Accept, to: [{{nodes: {{}}}}]}}, {{action: Deny, to: [{{nodes: {{}}}}]}}]}}\n"
    );
    let mut sources = Sources::default();
    let (objects, found) = load("p.yaml", &text, &mut sources);
    assert_eq!(found.first().map(|found| found.code.0), Some("PAL020"));
    let (policies, _) = decode_all(&objects, &sources, Strictness::Lenient);
    assert_eq!(
        policies.iter().map(show).collect::<String>(),
        "ClusterNetworkPolicy 0 pods * in namespaces *\negress Deny nodes * any\n"
    );
}

#[test]
fn every_rule_knows_its_place() {
    let spec = format!(
        "{SUBJECT}\negress:\n- {{name: no nodes, action: Deny, to: [{{nodes: {{}}}}]}}\n- {{action: Deny, to: [{{namespaces: {{}}}}]}}"
    );
    let (policy, _) = decode_spec(&spec, Strictness::Lenient);
    let origins: Vec<_> = policy.egress.iter().flatten().map(|rule| rule.origin.to_string()).collect();
    assert_eq!(policy.origin.to_string(), "p.yaml:3 p");
    assert_eq!(origins, ["p.yaml:9 p egress[0] no nodes", "p.yaml:10 p egress[1]"]);
}

fn decode_spec(spec: &str, strictness: Strictness) -> (Policy, Vec<String>) {
    let mut sources = Sources::default();
    let (policy, diagnostics) = decode_in(&mut sources, spec, strictness);
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let line = |found: &Diagnostic| found.span.map_or(0, |span| sources.position(span.source, span.start).line);
    (policy, errors.map(|found| format!("{} {}", found.code, line(found))).collect())
}

fn decode_in(sources: &mut Sources, spec: &str, strictness: Strictness) -> (Policy, Vec<Diagnostic>) {
    let indented = spec.replace('\n', "\n  ");
    let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: p}}\nspec:\n  {indented}\n");
    let (objects, _) = load("p.yaml", &text, sources);
    let [Object::ClusterNetworkPolicy(policy)] = objects.as_slice() else { panic!("one policy: {objects:?}") };
    decode(policy, sources, strictness)
}

fn show(policy: &Policy) -> String {
    assert!(policy.name.namespace.is_empty());
    let mut text = format!("{} {} {}\n", policy.tier, policy.priority, policy.subject.pods);
    for (direction, rules) in [("ingress", &policy.ingress), ("egress", &policy.egress)] {
        for Rule { action, peers, ports, .. } in rules.iter().flatten() {
            let action = match action {
                Action::Accept => "Accept",
                Action::Deny => "Deny",
                Action::Pass => "Pass",
            };
            writeln!(text, "{direction} {action} {} {}", show_peers(peers), show_ports(ports)).unwrap();
        }
    }
    text
}

fn show_peers(peers: &Peers) -> String {
    match peers {
        Peers::Any => "any".into(),
        Peers::AnyOf(peers) if peers.is_empty() => "nothing".into(),
        Peers::AnyOf(peers) => peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}

fn show_ports(ports: &PortMatches) -> String {
    match ports {
        PortMatches::Any => "any".into(),
        PortMatches::AnyOf(ports) => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}
