//! Manifests that somebody wrote to mislead: what a status claims, and what a text does to a terminal.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::{Ran, palisade_reads, program};

const HONEST: &str = "10.0.0.7";

/// A pod of the node that only `app: web` reaches, and a pod of that label with these addresses.
fn claiming(addresses: &[&str]) -> String {
    let address = |address: &&str| format!("{{ip: '{address}'}},");
    let addresses: String = addresses.iter().map(address).collect();
    format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: v1
kind: Pod
metadata: {{name: db, namespace: shop, labels: {{app: db}}}}
spec: {{nodeName: n}}
status: {{podIPs: [{{ip: 10.0.0.1}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop, labels: {{app: web}}}}
spec: {{nodeName: far}}
status: {{podIPs: [{addresses}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db, namespace: shop}}
spec: {{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]}}
"
    )
}

#[test]
fn operations_4_4_7_what_no_pod_can_be_is_opened_for_nobody() {
    let claims =
        ["127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.251", "255.255.255.255", "::1", "fe80::7", "ff02::1"];
    let compile =
        |text: &str| palisade_reads(&["compile", "--manifests", "-", "--node", "n", "--format", "json"], text);
    let both = [&claims[..], &[HONEST]].concat();
    let found = compile(&claiming(&both)).exits(0);
    for claim in claims {
        assert!(
            found.stderr.contains(&format!("warning[PAL032]: {claim} can be no pod's address")),
            "{}",
            found.stderr
        );
    }
    // The same ruleset as without the claims, and the honest address is in it.
    let honest = compile(&claiming(&[HONEST])).exits(0);
    assert!(honest.stdout.contains(HONEST), "{}", honest.stdout);
    assert_eq!(found.stdout, honest.stdout);
    assert_ne!(compile(&claiming(&[])).exits(0).stdout, honest.stdout);
}

#[test]
fn a_pod_that_claims_anothers_address_opens_nothing_for_it() {
    let other = "---
apiVersion: v1
kind: Pod
metadata: {name: victim, namespace: shop, labels: {app: victim}}
spec: {nodeName: far}
status: {podIPs: [{ip: 10.0.0.9}]}
";
    let compile = |text: &str| palisade_reads(&["compile", "--manifests", "-", "--node", "n"], text);
    let claimed = compile(&(claiming(&[HONEST, "10.0.0.9"]) + other)).exits(0);
    assert!(
        claimed.stderr.contains("warning[PAL028]: 10.0.0.9 belongs to shop/victim and shop/web"),
        "{}",
        claimed.stderr
    );
    assert!(claimed.stdout.contains(HONEST) && !claimed.stdout.contains("10.0.0.9"), "{}", claimed.stdout);
}

#[test]
fn nothing_in_a_manifest_reaches_a_terminal_that_would_act_upon_it() {
    let text = r#"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: "a\e]0;owned\a\nerror[PAL999]: forged", namespace: x}
spec: {podSelector: {matchLabels: {"k\e[31m": "v\e[2J"}}, policyTypes: ["\e[2J"], ingress: [{ports: [{port: "\e[31m"}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: "p\e[31m\r\nfoo\x9b2J", namespace: x, labels: {"\e[1m": "\e[1m"}}
spec: {nodeName: "n"}
status: {podIP: 10.0.0.1}
"#;
    let arguments = ["compile", "--manifests", "-", "--node", "n", "--keep-going"];
    for more in [&[][..], &["--format", "json"], &["--format", "summary"]] {
        let ran = palisade_reads(&[&arguments[..], more].concat(), text);
        for output in [&ran.stdout, &ran.stderr] {
            let acted_upon = output.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t');
            assert_eq!(acted_upon, None, "{output:?}");
        }
        assert!(ran.stderr.contains("owned") && ran.stderr.contains("PAL019"), "{}", ran.stderr);
        assert!(!ran.stderr.lines().any(|line| line.trim_start().starts_with("error[PAL999]")), "{}", ran.stderr);
    }
}

#[test]
fn arguments_that_are_no_text_are_refused_or_read_as_paths() {
    let word = OsStr::from_bytes(b"\xff");
    for command in [
        &[][..],
        &["frob"],
        &["apply", "--confirm"],
        &["compile", "--host"],
        &["lint", "--ipset"],
        &["lint", "--output"],
        &["host", "check"],
        &["host", "expand", "--def"],
        &["diff", "examples/cluster"],
        &["explain"],
        &["status", "--format", "nagios"],
    ] {
        let ran = Ran::from(program().args(command).arg(word).output().unwrap());
        assert!(ran.code == 2 || ran.code == 3 && command.contains(&"nagios"), "{command:?}: {}", ran.code);
        assert!(!ran.stderr.contains("panicked"), "{command:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty() || !ran.stdout.is_empty(), "{command:?}");
    }
}
