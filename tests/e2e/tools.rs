//! Helm and kubectl, and the definitions of other projects' kinds, as scripts/tools.sh lays them down.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::yaml;

/// Names the folder.
const FOLDER: &str = "PALISADE_E2E_TOOLS";

/// The namespace that the chart is rendered for.
pub(crate) const NAMESPACE: &str = "palisade-system";

pub(crate) fn folder() -> PathBuf {
    let folder = std::env::var(FOLDER)
        .unwrap_or_else(|_| panic!("{FOLDER} does not name helm and kubectl: run these tests by `make e2e`"));
    folder.into()
}

pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart")
}

/// What a chart renders with these values, as `helm template` prints it.
///
/// # Errors
/// What helm says against them.
pub(crate) fn render(chart: &Path, values: &Value) -> Result<String, String> {
    render_in(NAMESPACE, chart, values)
}

/// The same for a namespace.
///
/// # Errors
/// What helm says against them.
pub(crate) fn render_in(namespace: &str, chart: &Path, values: &Value) -> Result<String, String> {
    let mut command = Command::new(folder().join("helm"));
    command.args(["template", "palisade", "--namespace", namespace, "--values", "-"]).arg(chart);
    // Nothing of the user's own.
    command.env("HELM_CONFIG_HOME", "/nonexistent").env("HELM_CACHE_HOME", "/nonexistent");
    let output = run(&mut command, &values.to_string());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The objects that the chart renders with these values.
#[track_caller]
pub(crate) fn objects(values: &Value) -> Vec<Value> {
    let rendered = render(&chart(), values).unwrap_or_else(|error| panic!("{values}: {error}"));
    yaml::documents(&rendered)
}

/// Runs kubectl; what it prints.
#[track_caller]
pub(crate) fn kubectl(kubeconfig: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(folder().join("kubectl"));
    let output = run(command.arg("--kubeconfig").arg(kubeconfig).args(arguments), input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {errors}\n{input}");
    String::from_utf8(output.stdout).unwrap()
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Whoever refuses its arguments reads nothing.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}
