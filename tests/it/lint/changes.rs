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
fn fixes_of_host_rules_are_written_once() {
    let folder = Folder::new("fix-host");
    let rules = |more: &str| {
        format!(
            "chain INPUT {{\n    policy DROP;\n    mod state state (ESTABLISHED RELATED) ACCEPT;\n    interface lo ACCEPT;\n    proto tcp dport 22 ACCEPT; # SSH\n{more}}}\n"
        )
    };
    folder.write("a.ferm", &rules("    proto tcp dport 22 ACCEPT;\n    saddr 192.0.2.1 proto tcp dport 22 ACCEPT;\n"));
    let mended = folder.palisade(&["lint", "a.ferm", "--fix"]);
    assert!(mended.code == 0 && mended.err.contains("2 mended in 1 files"), "{}{}", mended.out, mended.err);
    assert_eq!(folder.read("a.ferm"), rules(""));
    folder.write("b.ferm", "chain INPUT {\n    policy DROP;\n    proto tcp dport 22 ACCEPT;\n}\n");
    let mended = folder.palisade(&["lint", "b.ferm", "--fix", "--unsafe-fixes"]);
    assert!(mended.err.contains("2 mended in 1 files"), "{}{}", mended.out, mended.err);
    let text = folder.read("b.ferm");
    assert!(text.contains("state (ESTABLISHED RELATED) ACCEPT;") && text.contains("interface lo ACCEPT;"), "{text}");
    assert_eq!(folder.palisade(&["lint", "b.ferm", "--output", "concise"]).out, "");
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

#[test]
fn of_host_rules_and_what_they_include_only_what_a_change_brings_is_reported() {
    let folder = Folder::new("changed-host");
    let node = |more: &str| format!("@include 'part.conf';\nchain OUTPUT {{ policy DROP; {more}}}\n");
    folder.write("hosts/node.ferm", &node(""));
    folder.write("hosts/part.conf", "chain unused DROP;\n");
    let git = repository(&folder);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let lint = || folder.palisade(&["lint", "hosts", "--changed", "--output", "concise"]);
    // One rule in the file and one in its part are as they were.
    folder.write("hosts/node.ferm", &format!("# a line more\n{}", node("")));
    assert_eq!((lint().code, lint().out.as_str()), (0, ""));
    folder.write("hosts/node.ferm", &node("proto tcp jump nowhere; "));
    let ran = lint();
    assert!(ran.code == 1 && ran.codes() == ["PAL602"], "{}{}", ran.out, ran.err);
    // From below the top of the repository it is the same.
    let mut below = std::process::Command::new(env!("CARGO_BIN_EXE_palisade"));
    below.args(["lint", ".", "--changed", "--output", "concise"]).current_dir(folder.0.join("hosts"));
    assert_eq!(super::Ran::of(&mut below).codes(), ["PAL602"]);
    // What the old part had is told by the commit and not by the file as it is.
    folder.write("hosts/part.conf", "chain other DROP;\n");
    folder.write("hosts/node.ferm", &node(""));
    assert_eq!(folder.palisade(&["lint", "hosts", "--changed", "--fail-on", "info"]).code, 1);
}

#[test]
fn a_baseline_that_permits_more_is_found_beside_the_old_one() {
    let folder = Folder::new("widened");
    let baseline = |entries: &str| {
        format!(
            "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: standard}}\nalways:\n\
             - {{to: [\"@dns\"], ports: [53/UDP, 53/TCP]}}\n{entries}default: deny\notherwise: deny\n"
        )
    };
    let ports = "- {to: [203.0.113.0/24], ports: [443/TCP]}\n";
    folder.write("k8s/b.yaml", &baseline(ports));
    let git = repository(&folder);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let lint = |text: &str| {
        folder.write("k8s/b.yaml", text);
        folder.palisade(&["lint", "k8s", "--changed", "--select", "PAL511", "--output", "concise"])
    };
    let port = lint(&baseline("- {to: [203.0.113.0/24], ports: [443/TCP, 8443/TCP]}\n"));
    assert!(
        port.code == 1 && port.out.starts_with("k8s/b.yaml:6:") && port.out.contains("8443"),
        "{}{}",
        port.out,
        port.err
    );
    let network = lint(&baseline(&format!("{ports}- {{to: [198.51.100.0/24]}}\n")));
    assert!(network.code == 1 && network.out.starts_with("k8s/b.yaml:7:"), "{}{}", network.out, network.err);
    let same = lint(&format!("# a line more\n{}", baseline(ports)));
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    let narrower = lint(&baseline("- {to: [203.0.113.0/25], ports: [443/TCP]}\n"));
    assert_eq!((narrower.code, narrower.out.as_str()), (0, ""));
    let open =
        lint(&baseline(ports).replace("default: deny", "default: pass").replace("otherwise: deny", "otherwise: allow"));
    assert!(open.code == 1 && open.codes().contains(&"PAL511"), "{}{}", open.out, open.err);
    let suppressed =
        lint(&baseline(&format!("{ports}# palisade: ignore[PAL511] -- decided\n- {{to: [198.51.100.0/24]}}\n")));
    assert_eq!((suppressed.code, suppressed.out.as_str()), (0, ""), "{}", suppressed.err);
}
