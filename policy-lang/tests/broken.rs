//! Broken inputs: what is said about each of them, where, and what is enforced all the same.
//!
//! `tests/data/*/broken/NAME.yaml` gives `NAME.expected` beside it.

use std::fmt::Write;

use policy_lang::baseline::{self, Baseline};
use policy_lang::cluster_policy;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::{self, Object};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::Policy;
use policy_lang::source::Sources;

macro_rules! cases {
    ($run:ident: $($folder:literal / $name:literal as $test:ident),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                let path = concat!("../../tests/data/", $folder, "/broken/", $name);
                let input = include_str!(concat!("../../tests/data/", $folder, "/broken/", $name, ".yaml"));
                let expected = include_str!(concat!("../../tests/data/", $folder, "/broken/", $name, ".expected"));
                let found = $run(concat!($name, ".yaml"), input);
                assert_eq!(found, expected, "{path}");
            }
        )+
    };
}

cases! { manifests:
    "manifests" / "bad-cidr" as manifest_bad_cidr,
    "manifests" / "bad-name" as manifest_bad_name,
    "manifests" / "cluster-policy" as manifest_cluster_policy,
    "manifests" / "bad-operator" as manifest_bad_operator,
    "manifests" / "bad-policy-type" as manifest_bad_policy_type,
    "manifests" / "bad-ports" as manifest_bad_ports,
    "manifests" / "duplicate-key" as manifest_duplicate_key,
    "manifests" / "empty-peer" as manifest_empty_peer,
    "manifests" / "except-outside" as manifest_except_outside,
    "manifests" / "label-types" as manifest_label_types,
    "manifests" / "lower-case-protocol" as manifest_lower_case_protocol,
    "manifests" / "misspelt-field" as manifest_misspelt_field,
    "manifests" / "mixed-peer" as manifest_mixed_peer,
    "manifests" / "no-object" as manifest_no_object,
    "manifests" / "old-version" as manifest_old_version,
    "manifests" / "rules-no-list" as manifest_rules_no_list,
    "manifests" / "syntax-error" as manifest_syntax_error,
    "manifests" / "template" as manifest_template,
}

cases! { baselines:
    "baseline" / "bad-choice" as baseline_bad_choice,
    "baseline" / "bad-cidr" as baseline_bad_cidr,
    "baseline" / "bad-port" as baseline_bad_port,
    "baseline" / "bad-selector" as baseline_bad_selector,
    "baseline" / "config-map" as baseline_config_map,
    "baseline" / "duplicate-key" as baseline_duplicate_key,
    "baseline" / "empty-config-map" as baseline_empty_config_map,
    "baseline" / "empty-exemption" as baseline_empty_exemption,
    "baseline" / "empty-to" as baseline_empty_to,
    "baseline" / "misspelt-field" as baseline_misspelt_field,
    "baseline" / "no-default" as baseline_no_default,
    "baseline" / "other-kind" as baseline_other_kind,
    "baseline" / "several" as baseline_several,
    "baseline" / "syntax-error" as baseline_syntax_error,
    "baseline" / "unknown-word" as baseline_unknown_word,
    "baseline" / "wrong-namespace" as baseline_wrong_namespace,
}

fn manifests(path: &str, text: &str) -> String {
    let mut sources = Sources::default();
    let (objects, mut diagnostics) = manifest::load(path, text, &mut sources);
    let mut enforced = String::new();
    for object in &objects {
        if let Object::NetworkPolicy(policy) = object {
            let (policy, found) = network_policy::decode(policy, &sources, Strictness::Lenient);
            diagnostics.extend(found);
            writeln!(enforced, "{}", show(&policy)).expect("a String takes everything");
        }
    }
    let (policies, found) = cluster_policy::decode_all(&objects, &sources, Strictness::Lenient);
    diagnostics.extend(found);
    for policy in &policies {
        writeln!(enforced, "{}", show(policy)).expect("a String takes everything");
    }
    findings(&diagnostics, &sources) + &enforced
}

fn baselines(path: &str, text: &str) -> String {
    let mut sources = Sources::default();
    let config_map = NamespacedName::new(baseline::CONFIG_MAP.0, baseline::CONFIG_MAP.1);
    let found = baseline::read(&[(path.into(), text.into())], &config_map, &mut sources);
    let diagnostics = found.diagnostics;
    let outcome = match found.baseline {
        Baseline::Absent => "absent".to_owned(),
        Baseline::Sound(policies) => format!("{} policies", policies.len()),
        Baseline::Broken(origin) => format!("broken: {origin}"),
    };
    format!("{}{outcome}\n", findings(&diagnostics, &sources))
}

fn findings(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut text = String::new();
    for Diagnostic { code, severity, message, span, labels, help, .. } in diagnostics {
        let place = span.map_or_else(String::new, |span| {
            let position = sources.position(span.source, span.start);
            format!("{}:{}:{}: ", sources.path(span.source), position.line, position.column)
        });
        writeln!(text, "{place}{severity} {code}: {message}").expect("a String takes everything");
        for label in labels {
            writeln!(text, "  line {}: {}", sources.position(label.span.source, label.span.start).line, label.text)
                .expect("a String takes everything");
        }
        if let Some(help) = help {
            writeln!(text, "  help: {help}").expect("a String takes everything");
        }
    }
    text
}

fn show(policy: &Policy) -> String {
    let rules =
        |rules: &Option<Vec<_>>| rules.as_ref().map_or("open".to_owned(), |rules| format!("{} rules", rules.len()));
    format!("enforced: {}: ingress {}, egress {}", policy.subject.pods, rules(&policy.ingress), rules(&policy.egress))
}
