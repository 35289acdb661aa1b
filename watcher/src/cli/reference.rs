//! The reference of the command line and of the configuration file, made from what the program itself knows.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::Cli;
use crate::config;
use crate::report::status::{METRICS, Metric};

/// Columns of the help texts in the reference.
const WIDTH: usize = 100;

/// docs/reference/cli.md: the help of every command.
pub fn reference() -> String {
    let mut command = Cli::command().term_width(WIDTH).disable_help_subcommand(true);
    command.build();
    let mut text = String::from(
        "# The command line\n\nGenerated from the program: `make docs` writes this page again, and a test holds it to \
         be current.\n",
    );
    push(&mut text, &mut command, "palisade");
    text
}

/// docs/reference/config.md: the configuration file.
pub fn config_reference() -> String {
    let mut text = String::from(
        "# The configuration file\n\nGenerated from the program: `make docs` writes this page again, and a test holds \
         it to be current.\n\n`--config FILE` reads a YAML mapping with these fields. Every field may be left out; a \
         field that is not in this table is an error. Relative paths are relative to the folder of the file. A flag \
         of the command line wins over the file.\n\n| field | form | default | meaning |\n|---|---|---|---|\n",
    );
    for config::Field { key, form, default, meaning } in config::fields() {
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "| `{key}` | {form} | {default} | {meaning} |");
    }
    text.push_str(
        "\n```yaml\n# /etc/palisade/palisade.yaml\nhost: node.ferm\nmanifests: [manifests]\nbaseline: \
         baseline.yaml\nforward: pods-first\npodInterfaces: cali\n```\n",
    );
    text
}

/// docs/reference/metrics.md: the metrics.
pub fn metrics_reference() -> String {
    let mut text = String::from(
        "# Metrics\n\nGenerated from the program: `make docs` writes this page again, and a test holds it to be \
         current.\n\n## Of a command\n\n`palisade status --format prometheus` prints them as text, for the textfile collector of a node \
         exporter. All are gauges without labels.\n\n| metric | meaning |\n|---|---|\n",
    );
    for Metric { name, help, .. } in METRICS {
        let _: std::fmt::Result = writeln!(text, "| `{name}` | {help} |");
    }
    push_agent(&mut text);
    text
}

#[cfg(feature = "cluster")]
fn push_agent(text: &mut String) {
    use crate::agent::metrics::{FAMILIES, Family};

    text.push_str(
        "\n## Of the agent\n\n`palisade agent --listen ADDRESS:PORT` serves them at `/metrics`. Labels have few and \
         fixed values; no pod or process is one, and policies are only with `--metrics-of-policies`.\n\n| metric | kind | meaning |\n|---|---|---|\n",
    );
    for Family { name, kind, help } in FAMILIES {
        let _: std::fmt::Result = writeln!(text, "| `{name}` | {kind} | {help}. |");
    }
}

#[cfg(not(feature = "cluster"))]
fn push_agent(_: &mut String) {}

fn push(text: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let heading = if name.contains(' ') { "##" } else { "#" };
    let _: std::fmt::Result = write!(text, "\n#{heading} {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for subcommand in command.get_subcommands_mut().filter(|subcommand| !subcommand.is_hide_set()) {
        let name = format!("{name} {}", subcommand.get_name());
        push(text, subcommand, &name);
    }
}
