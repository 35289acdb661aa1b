//! The html of a map and of a difference in a real Chromium, by Playwright. Screenshots are left in target/browser to be looked at.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::palisade;
use crate::privilege::report;

/// Where Debian's package chromium puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Things that have to hold, as many as tests/it/cli/browser/map.js has steps.
const STEPS: usize = 14;

#[test]
fn the_page_of_a_map_is_read_searched_and_printed_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(playwright) = playwright(root) else { return };
    let folder = root.join("target/browser");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let page = |name: &str, arguments: &[&str]| {
        let html = palisade(&[arguments, &["--format", "html"]].concat()).exits(0).stdout;
        let path = folder.join(name);
        fs::write(&path, html).unwrap();
        path
    };
    // What tenants write reaches the page by names of files too, and those may hold anything but a slash.
    let hostile = folder.join("<img src=x onerror=window.pwned=1><script>window.pwned=1<");
    fs::create_dir_all(&hostile).unwrap();
    fs::write(hostile.join("script>.yaml"), cluster(2)).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (large, few) = (file("large.yaml", &cluster(160)), cluster(20));
    let (old, new) = (file("old.yaml", &few), file("new.yaml", &few.replacen("[app-1, app-2", "[app-2, app-11", 1)));
    let (old_host, host) = (
        file("old.ferm", "chain INPUT { policy DROP; proto tcp dport 22 ACCEPT; }\n"),
        file("new.ferm", "chain INPUT { policy DROP; proto tcp dport (22 443) ACCEPT; }\n"),
    );
    let pages = [
        page("examples.html", &["map", "examples/cluster"]),
        page("hostile.html", &["map", hostile.to_str().unwrap()]),
        page("large.html", &["map", &large]),
        page("changes.html", &["diff", &old, &new, "--old-host", &old_host, "--host", &host]),
    ];
    let output = Command::new(playwright.join("node"))
        .arg(root.join("tests/it/cli/browser/map.js"))
        .arg(playwright.join("package"))
        .args([Path::new(CHROMIUM), &folder])
        .args(&pages)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("holds: ").count(), STEPS, "{said}");
}

/// Playwright's folder, if this machine can have it and has the browser.
fn playwright(root: &Path) -> Option<PathBuf> {
    if !Path::new(CHROMIUM).exists() {
        report("skipped: no chromium (apt-get install chromium)");
        return None;
    }
    let output = Command::new(root.join("scripts/playwright.sh")).output().unwrap();
    let path = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        report(&format!("skipped: no Playwright: {}", String::from_utf8_lossy(&output.stderr).trim()));
        return None;
    }
    Some(PathBuf::from(path.trim()))
}

/// So many workloads in namespaces of twenty, each of which ten others may connect to.
fn cluster(n: usize) -> String {
    let mut text = String::new();
    for each in 0..n {
        let namespace = format!("team-{}", each / 20);
        let peers: Vec<String> =
            (1..=10).map(|step| format!("app-{}", (each / 20 * 20) + (each + step) % 20)).collect();
        write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{each}, namespace: {namespace}}}\n\
             spec: {{selector: {{matchLabels: {{app: app-{each}}}}}, template: {{metadata: {{labels: {{app: app-{each}}}}}, \
             spec: {{containers: [{{name: c, image: c}}]}}}}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: app-{each}, namespace: {namespace}}}\n\
             spec:\n  podSelector: {{matchLabels: {{app: app-{each}}}}}\n  policyTypes: [Ingress, Egress]\n  ingress:\n  \
             - from: [{{podSelector: {{matchExpressions: [{{key: app, operator: In, values: [{}]}}]}}}}]\n    \
             ports: [{{port: 8080}}]\n  egress:\n  - to: [{{podSelector: {{}}}}]\n",
            peers.join(", ")
        )
        .unwrap();
    }
    text
}
