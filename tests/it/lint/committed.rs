//! What is committed, read by every command that takes paths; and what rendered texts say of their templates.

use super::{CLOSED, Folder, OPEN, policy, repository};

/// A workload for the commands that ask who may connect to whom.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, labels: {app: web}}\n\
                   spec: {nodeName: n1, containers: [{name: c}]}\nstatus: {podIP: 10.42.0.5}\n---\n";

/// A node, so that somebody else can ask.
const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.1}]}\n---\n";

#[test]
fn every_command_reads_what_is_committed() {
    let folder = Folder::new("committed");
    folder.write("k8s/a.yaml", &format!("{POD}{NODE}{}", policy("a", OPEN)));
    folder.write("k8s/node.ferm", "@include 'more.ferm';\nchain INPUT { policy DROP; proto tcp dport 22 ACCEPT; }\n");
    folder.write("k8s/more.ferm", "chain OUTPUT proto tcp dport 25 DROP;\n");
    folder.write("k8s/a.palisade-test.yaml", "version: 1\nmanifests: [.]\nchecks: [\"any -> shop/web-1:80/tcp\"]\n");
    let git = repository(&folder);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    // The working tree says something else.
    folder.write("k8s/a.yaml", &format!("{POD}{NODE}{}", policy("a", CLOSED)));
    folder.write("k8s/node.ferm", "broken {\n");
    folder.write("k8s/more.ferm", "broken {\n");
    let lint = folder.palisade(&["lint", "git:HEAD:k8s", "--output", "concise"]);
    assert!(lint.out.contains("git:HEAD:k8s/a.yaml:19:5: PAL102"), "{}{}", lint.out, lint.err);
    assert!(lint.out.contains("git:HEAD:k8s/node.ferm:2:15: PAL612"), "{}", lint.out);
    assert!(!lint.out.contains("PAL600") && lint.code == 1, "{}", lint.out);
    assert_eq!(folder.palisade(&["lint", "git:HEAD:k8s", "--fix"]).code, 2);
    let map = folder.palisade(&["map", "git:HEAD:k8s"]);
    assert!(map.code == 0 && map.out.contains("shop/web-1"), "{}{}", map.out, map.err);
    let diff = folder.palisade(&["diff", "git:HEAD:k8s", "k8s", "--fail-on", "narrowed"]);
    assert_eq!(diff.code, 1, "{}{}", diff.out, diff.err);
    let explain =
        ["explain", "192.0.2.9", "shop/web-1:80", "--manifests", "git:HEAD:k8s", "--host", "git:HEAD:k8s/node.ferm"];
    let explain = folder.palisade(&explain);
    assert!(explain.code == 0 && explain.out.contains("git:HEAD:k8s/a.yaml:"), "{}{}", explain.out, explain.err);
    let test = folder.palisade(&["test", "git:HEAD:k8s"]);
    assert!(
        test.code == 0 && test.out.contains("ok    git:HEAD:k8s/a.palisade-test.yaml:3"),
        "{}{}",
        test.out,
        test.err
    );
    assert_eq!(folder.palisade(&["test", "k8s"]).code, 1);
}

#[test]
fn what_is_not_committed_is_said_and_nothing_is_judged() {
    let folder = Folder::new("not-committed");
    folder.write("k8s/a.yaml", &policy("a", OPEN));
    let git = repository(&folder);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    for (place, words) in [
        ("git:no-such-branch:k8s", "no-such-branch"),
        ("git:HEAD:k8z", "did you mean `k8s`?"),
        ("git:HEAD:elsewhere/deep", "nothing at `elsewhere/deep`"),
        ("git:--output=x", "--output=x"),
    ] {
        let test: &[&str] = &["test", place];
        let explain: &[&str] = &["explain", "192.0.2.9", "192.0.2.10:80", "--manifests", place];
        for command in
            [&["lint", place][..], &["map", place], &["diff", place, "k8s"], &["diff", "k8s", place], test, explain]
        {
            let ran = folder.palisade(command);
            assert!(
                ran.code == 2 && ran.err.contains(words) && ran.out.is_empty(),
                "{command:?}: {} {}",
                ran.code,
                ran.err
            );
        }
    }
}

#[test]
fn a_finding_names_the_template_that_it_comes_from() {
    let folder = Folder::new("rendered");
    let helm = format!(
        "---\n# Source: shop/templates/a.yaml\n{}---\n# Source: shop/templates/b.yaml\n{}",
        policy("a", CLOSED),
        policy("b", OPEN)
    );
    let kustomize = policy("c", OPEN).replace(
        "metadata: {name: c, namespace: shop}",
        "metadata:\n  name: c\n  namespace: shop\n  annotations:\n    config.kubernetes.io/origin: |\n      path: base/c.yaml\n",
    );
    folder.write("a.yaml", &format!("{helm}---\n{kustomize}"));
    let ran = folder.palisade(&["lint", "a.yaml", "--select", "PAL102", "--output", "concise"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.out);
    assert!(
        lines[0].starts_with("a.yaml:18:5: PAL102") && lines[0].ends_with("(rendered from shop/templates/b.yaml)"),
        "{}",
        ran.out
    );
    assert!(lines[1].ends_with("(rendered from base/c.yaml)"), "{}", ran.out);
    let text = folder.palisade(&["lint", "a.yaml", "--select", "PAL102"]).out;
    assert!(
        text.contains("= note: rendered from shop/templates/b.yaml") && !text.contains("templates/a.yaml"),
        "{text}"
    );
    let json = folder.palisade(&["lint", "a.yaml", "--select", "PAL102", "--output", "json"]).out;
    assert!(json.contains("\"renderedFrom\": \"base/c.yaml\""), "{json}");
    for form in ["sarif", "github", "gitlab", "junit", "markdown", "checkstyle"] {
        let out = folder.palisade(&["lint", "a.yaml", "--select", "PAL102", "--output", form]).out;
        assert!(out.contains("templates/b.yaml"), "{form}: {out}");
    }
}
