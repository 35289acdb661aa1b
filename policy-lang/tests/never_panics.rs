//! Whatever the text is: no panic, no span outside of it, and a broken policy never grants anything.

use policy_lang::baseline::{self, Baseline};
use policy_lang::cluster_policy;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::manifest::{self, Object};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::policy::Action;
use policy_lang::source::Sources;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const SEEDS: &[&str] = &[
    include_str!("../../examples/cluster/policies.yaml"),
    include_str!("../../examples/cluster/baseline.yaml"),
    include_str!("../../examples/cluster/services.yaml"),
    include_str!("../../tests/data/manifests/broken/bad-ports.yaml"),
    include_str!("../../tests/data/manifests/broken/cluster-policy.yaml"),
    CLUSTER_POLICY,
    EVERY_FORM,
    include_str!("../../tests/data/baseline/broken/bad-selector.yaml"),
    "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": \
     {\"name\": \"a\", \"labels\": {\"x\": \"\\ud83d\\ude00 \\u00e9\"}}, \"status\": {\"podIPs\": [{\"ip\": \"10.0.0.1\"}]}}]}",
];

/// With every field. Its first rule accepts, so that whatever is done to the text can be seen to open nothing more.
const CLUSTER_POLICY: &str = "\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: standard}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}
  ingress:
  - {name: monitoring, action: Accept, from: [{namespaces: {matchLabels: {a: b}}}]}
  egress:
  - {action: Accept, to: [{networks: [10.0.0.0/8]}, {nodes: {}}], protocols: [{tcp: {destinationPort: {number: 443}}}]}
  - {action: Pass, to: [{pods: {namespaceSelector: {}, podSelector: {}}}], protocols: [{destinationNamedPort: http}]}
  - {action: Deny, to: [{networks: [0.0.0.0/0]}], protocols: [{udp: {destinationPort: {range: {start: 1, end: 9}}}}]}
";

/// A baseline in all of its forms.
const EVERY_FORM: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: palisade-egress-baseline, namespace: kube-system}
data:
  a.yaml: |
    - to: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {}, podSelector: {}}]
      ports: [{port: 53, protocol: UDP}]
  b.yaml: |
    apiVersion: palisade.dev/v1alpha1
    kind: EgressBaseline
    metadata: {name: short}
    priority: 7
    exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    deny: [{name: a, to: [\"@metadata\", {service: {namespace: a, name: b}}], audit: true}]
    always: [{to: [\"@dns\"], ports: [dns/UDP, 1-9/TCP], icmp: [echo, {version: 6, type: 1, code: 2}], log: true}]
    default: deny
    otherwise: deny
    ---
    apiVersion: policy.networking.k8s.io/v1alpha2
    kind: ClusterNetworkPolicy
    metadata: {name: verbatim}
    spec: {tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{nodes: {}}]}]}
";

const TOKENS: &[&str] = &[
    "---\n",
    "...\n",
    "\n",
    "  ",
    "\t",
    "- ",
    ": ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!x ",
    "!!str ",
    "| ",
    "|2-\n",
    ">+\n",
    "'",
    "\"",
    "\\",
    "#",
    "%TAG ! a\n",
    "null",
    "~",
    "yes",
    "0x1F",
    "-1",
    "99999999999999999999",
    "é",
    "\u{feff}",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\0",
    "😀",
    "kind: NetworkPolicy\n",
    "metadata: []\n",
    "spec:\n",
    "items: ",
    "@dns",
    "10.0.0.0/8",
];

/// One change of a text.
#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, usize),
    Delete(usize, usize),
    Repeat(usize, usize),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn edited_manifests(seed in 0..SEEDS.len(), edits in prop::collection::vec(edit(), 1..6)) {
        let mut text = SEEDS.get(seed).copied().unwrap_or_default().to_owned();
        for edit in edits {
            text = apply(&text, &edit);
        }
        check(&text)?;
    }

    #[test]
    fn random_tokens(tokens in prop::collection::vec(0..TOKENS.len(), 0..60)) {
        let text: String = tokens.into_iter().filter_map(|token| TOKENS.get(token)).copied().collect();
        check(&text)?;
    }

    #[test]
    fn random_text(text in "\\PC{0,80}") {
        check(&text)?;
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 0..TOKENS.len()).prop_map(|(at, token)| Edit::Insert(at, token)),
        (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Edit::Delete(at, length)),
        (any::<usize>(), 1..200_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let characters: Vec<char> = text.chars().collect();
    let place = |at: usize| at % (characters.len() + 1);
    let (before, changed, after) = match *edit {
        Edit::Insert(at, token) => {
            (place(at), TOKENS.get(token).copied().unwrap_or_default().chars().collect(), place(at))
        }
        Edit::Delete(at, length) => (place(at), Vec::new(), (place(at) + length).min(characters.len())),
        Edit::Repeat(at, length) => {
            let end = (place(at) + length).min(characters.len());
            (end, characters.iter().skip(place(at)).take(length).copied().collect(), end)
        }
    };
    characters.iter().take(before).copied().chain(changed).chain(characters.iter().skip(after).copied()).collect()
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let mut sources = Sources::default();
    let (objects, diagnostics) = manifest::load("m.yaml", text, &mut sources);
    let mut all = diagnostics.clone();
    for object in &objects {
        let Object::NetworkPolicy(policy) = object else { continue };
        let (lowered, found) = network_policy::decode(policy, &sources, Strictness::Lenient);
        let accused = diagnostics.iter().any(|finding| {
            let whole = policy.document.span;
            let inside = finding.span.is_some_and(|span| whole.start <= span.start && span.end <= whole.end);
            finding.severity == Severity::Error && inside
        });
        if accused || policy.damage.is_some() || found.iter().any(|finding| finding.severity == Severity::Error) {
            let rules = lowered.ingress.iter().chain(&lowered.egress).flatten().count();
            prop_assert_eq!(rules, 0, "a broken policy grants something");
            prop_assert!(lowered.ingress.is_some() || lowered.egress.is_some(), "a broken policy isolates nothing");
        }
        all.extend(found);
    }
    for object in &objects {
        let Object::ClusterNetworkPolicy(policy) = object else { continue };
        let (lowered, found) = cluster_policy::decode(policy, &sources, Strictness::Lenient);
        if policy.damage.is_some() {
            let rules = lowered.ingress.iter().chain(&lowered.egress).flatten();
            prop_assert!(rules.clone().all(|rule| rule.action == Action::Deny), "a damaged policy opens something");
        }
        all.extend(found);
    }
    all.extend(cluster_policy::decode_all(&objects, &sources, Strictness::Strict).1);
    let name = NamespacedName::new(baseline::CONFIG_MAP.0, baseline::CONFIG_MAP.1);
    let found = baseline::find(&objects, &name, &sources);
    all.extend(found.diagnostics);
    let as_file = baseline::read(&[("b.yaml".into(), text.into())], &name, &mut sources);
    all.extend(as_file.diagnostics);
    if let Baseline::Sound(policies) = as_file.baseline {
        let again = baseline::restore(&as_file.texts, &mut Sources::default());
        let Baseline::Sound(restored) = again.baseline else {
            return Err(TestCaseError::fail(format!("what was kept is broken: {:?}", again.diagnostics)));
        };
        prop_assert_eq!(restored.len(), policies.len());
    }
    for Diagnostic { span, message, .. } in &all {
        let Some(span) = span else { continue };
        let shown = sources.text(span.source).get(span.start as usize..span.end as usize);
        prop_assert!(shown.is_some(), "{message}: {span:?} is no part of the text");
    }
    Ok(())
}
