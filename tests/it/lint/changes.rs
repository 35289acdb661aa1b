//! What lint writes, and what it leaves out because it is known.

use super::{CLOSED, Folder, OPEN, policy, repository};

/// A safe fix and an unsafe one.
const MENDABLE: &str = "  podSelector: {}\n  policyTypes: [ingress]\n  # kept\n";

#[test]
fn fixes_are_shown_and_written() {
    let folder = Folder::new("fix");
    folder.write("a.yaml", &policy("a", MENDABLE));
    let shown = folder.palisade(&["lint", "--diff"]);
    assert!(shown.out.contains("-  policyTypes: [ingress]\n+  policyTypes: [Ingress]\n"), "{}", shown.out);
    assert_eq!((shown.code, folder.read("a.yaml").as_str()), (1, policy("a", MENDABLE).as_str()));
    let mended = folder.palisade(&["lint", "--fix"]);
    assert_eq!(mended.code, 0, "{}{}", mended.out, mended.err);
    assert_eq!(folder.read("a.yaml"), policy("a", &MENDABLE.replace("ingress", "Ingress")));
    assert_eq!(folder.palisade(&["lint", "--diff"]).code, 0);
}

#[test]
fn what_is_known_is_not_reported_and_what_is_gone_is() {
    let folder = Folder::new("known");
    folder.write("a.yaml", &policy("a", OPEN));
    let update = folder.palisade(&["lint", "--known", "known.json", "--update-known"]);
    assert_eq!(update.code, 0, "{}", update.err);
    folder.write("b.yaml", &policy("b", &format!("# moved\n{OPEN}")));
    folder.write("a.yaml", &format!("# a line more\n{}", policy("a", OPEN)));
    let ran = folder.palisade(&["lint", "--known", "known.json", "--output", "concise", "--select", "PAL102"]);
    assert_eq!((ran.code, ran.out.lines().count()), (1, 1));
    assert!(ran.out.starts_with("b.yaml:"), "{}", ran.out);
    folder.write("a.yaml", &policy("a", CLOSED));
    folder.write("b.yaml", &policy("b", "  podSelector: {matchLabels: {a: b}}\n  policyTypes: [Ingress]\n"));
    let gone = folder.palisade(&["lint", "--known", "known.json", "--output", "concise"]);
    assert!(gone.codes().contains(&"PAL807"), "{}", gone.out);
    assert_eq!(folder.palisade(&["lint", "--known", "a.yaml"]).code, 2);
}

#[test]
fn only_what_a_change_brings_is_reported() {
    let folder = Folder::new("changed");
    folder.write("k8s/a.yaml", &policy("a", OPEN));
    let git = repository(&folder);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    folder.write("k8s/a.yaml", &format!("# a line more\n{}", policy("a", OPEN)));
    assert_eq!(folder.palisade(&["lint", "k8s", "--changed"]).code, 0);
    folder.write("k8s/b.yaml", &policy("b", OPEN.replace("{}", "{matchLabels: {a: b}}").as_str()));
    let ran = folder.palisade(&["lint", "k8s", "--changed=HEAD", "--output", "concise", "--select", "PAL102"]);
    assert!(ran.code == 1 && ran.out.starts_with("k8s/b.yaml:") && ran.out.lines().count() == 1, "{}", ran.out);
    assert_eq!(folder.palisade(&["lint", "k8s", "--changed=--output=x"]).code, 2);
    assert_eq!(folder.palisade(&["lint", "k8s", "--changed=no-such-commit"]).code, 2);
}
