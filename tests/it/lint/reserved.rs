//! PAL709 is reserved: no host rule that accepts hides what pod policy denies.

use super::{Folder, root};

/// Every chain that a packet of a pod can meet.
const CHAINS: [(&str, &[&str]); 4] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
];

#[test]
fn no_host_rule_that_accepts_hides_a_denial_of_pod_policy() {
    let folder = Folder::new("reserved");
    let accepting = |(table, chains): (&str, &[&str])| {
        format!("domain (ip ip6) table {table} chain ({}) ACCEPT;\n", chains.join(" "))
    };
    let manifests = root().join("examples/cluster");
    let manifests = manifests.to_str().unwrap();
    let verdict = |to: &str, more: &[&str]| {
        let arguments = ["explain", "shop/web-1", to, "--format", "json", "--manifests", manifests];
        let ran = folder.palisade(&[&arguments[..], more].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        json["cases"][0]["verdict"].as_str().unwrap().to_owned()
    };
    let questions = ["shop/db-1:22", "shop/db-1:5432", "203.0.113.10:443"];
    let without = questions.map(|to| verdict(to, &[]));
    assert!(without.iter().any(|verdict| verdict == "denied"), "{without:?}");
    let all: String = CHAINS.into_iter().map(accepting).collect();
    for (case, host) in CHAINS.into_iter().map(accepting).chain([all]).enumerate() {
        folder.write("accepting.ferm", &host);
        for mode in ["pods-first", "host-rules"] {
            folder.write("palisade-node.yaml", &format!("forward: {mode}\n"));
            let more = ["--host", "accepting.ferm", "--config", "palisade-node.yaml"];
            let with = questions.map(|to| verdict(to, &more));
            assert_eq!(with, without, "case {case}, {mode}:\n{host}");
        }
    }
    let page = folder.palisade(&["rule", "PAL709"]);
    assert!(page.code == 0 && page.out.contains("host-allow-hides-pod-deny"), "{}{}", page.out, page.err);
}
