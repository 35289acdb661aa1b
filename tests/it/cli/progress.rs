//! Who waits at a terminal sees that something is done; a pipe holds the result alone.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

/// Enough for seconds of an unoptimised build.
const WORKLOADS: usize = 10_000;

#[test]
fn long_work_shows_itself_in_a_terminal_and_not_in_a_pipe() {
    let folder = std::env::temp_dir().join(format!("palisade-progress-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("large.yaml");
    fs::write(&path, cluster()).unwrap();
    let program = env!("CARGO_BIN_EXE_palisade");
    let map = format!("{program} map --format csv {}", path.display());

    // A terminal on standard error, the result in a file.
    let output = folder.join("terminal.csv");
    let shown = terminal(&format!("{map} > {}", output.display()));
    assert!(shown.contains("reading manifests") || shown.contains("judging connections"), "{shown}");
    let piped =
        Command::new(program).args(["map", "--format", "csv"]).arg(&path).stdin(Stdio::null()).output().unwrap();
    assert!(!String::from_utf8_lossy(&piped.stderr).contains("reading manifests"), "{:?}", piped.stderr);
    assert!(!piped.stdout.is_empty() && !piped.stdout.contains(&0x1b));
    assert_eq!(fs::read(&output).unwrap(), piped.stdout);

    // What is soon done shows nothing.
    let shown = terminal(&format!("{program} map examples/cluster --format csv > {}", output.display()));
    assert!(!shown.contains("reading manifests"), "{shown}");
    fs::remove_dir_all(&folder).unwrap();
}

/// What a terminal is shown by a command of the shell, which has to end well.
fn terminal(command: &str) -> String {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    shown
}

fn cluster() -> String {
    let mut text = String::new();
    for n in 0..WORKLOADS {
        write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{n}, namespace: ns-{}}}\n\
             spec: {{template: {{metadata: {{labels: {{app: app-{n}}}}}}}}}\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p-{n}, namespace: ns-{}}}\n\
             spec: {{podSelector: {{matchLabels: {{app: app-{n}}}}}, ingress: [{{from: [{{podSelector: {{}}}}]}}], \
             egress: [{{to: [{{podSelector: {{}}}}]}}], policyTypes: [Ingress, Egress]}}\n",
            n / 20,
            n / 20
        )
        .unwrap();
    }
    text
}
