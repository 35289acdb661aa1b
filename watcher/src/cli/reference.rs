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
    #[cfg(feature = "cluster")]
    {
        let mut plugin = super::kubectl::command().term_width(WIDTH).disable_help_subcommand(true);
        plugin.build();
        push(&mut text, &mut plugin, "kubectl palisade");
    }
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

/// docs/reference/lints.md: every rule of `palisade lint`.
pub fn lints_reference() -> String {
    super::rule::pages()
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

/// docs/reference/doctor.md: the findings of `palisade doctor`.
#[cfg(feature = "kernel")]
pub fn doctor_reference() -> String {
    use crate::doctor::{CODES, Definition};

    let mut text = String::from(DOCTOR);
    for Definition { word, severity, what, why, .. } in CODES {
        let _: std::fmt::Result = writeln!(text, "| `{word}` | {severity} | {what}. | {why} |");
    }
    text
}

#[cfg(feature = "kernel")]
const DOCTOR: &str = "\
# What `palisade doctor` finds

Generated from the program: `make docs` writes this page again, and a test holds it to be current.

`palisade doctor` says what on a node would make enforcement a lie or a lock-out. It changes nothing. An agent does the same
when it starts and every ten minutes, on a thread of its own: what it found last is in `palisade status --agent`
([its form](agent-status-json.md)) and in the metric `palisade_doctor_findings` ([metrics](metrics.md)), and each finding is
logged once when it comes and once when it is gone. It has no part in whether the agent is ready.

What is read: `/proc/sys/net`, `/proc/net`, `/sys/class/net`, `/etc/nftables.conf` and whether nftables.service is enabled; by
netlink the interfaces, tc filters, tables, chains and flowtables by name, the rules of base chains at most, and the names of
ipsets. Elements of sets are never read, and everything has a bound: 20000 chains, the first 1000 rules of 64 base chains,
4096 interfaces, filters and sets. With `CAP_NET_ADMIN` in the network namespace all of it can be looked at, but
`/proc/net/ip_tables_names`, which is root's. An accept in somebody else's base chain is no finding: in nf_tables it does not
keep a packet from the chains that come after it.

Not seen: eBPF programs that are attached by tcx links or to cgroups. Neither netlink nor a file tells of them; bpf(2) does, to
whoever has CAP_SYS_ADMIN to list links and to open the programs of others, and the system call filter of container runtimes
refuses it to a process with no more than NET_ADMIN, as the agent's is. `bpftool net` and `bpftool cgroup tree`, run by root on
the node, show them. In a container whose `/etc` is not the node's, nftables.service is not seen. Each is named as out of
sight, and does not count as a failure. Of the older iptables the kernel tells the names of its tables and nothing of their
rules: a table that was used once and is empty again is named too.

Exit codes: 0 without an error or a warning, 1 with one, 2 if the usage or a configuration is wrong, 3 if there is none
but something could not be looked at.

## The JSON form

`palisade doctor --format json` prints one object. A field is never taken away within one `version`; new ones may come.

| field | meaning |
|---|---|
| `version` | the version of this form: 1 |
| `node` | the node |
| `findings` | what was found, the worst first, each with the seven fields that follow |
| `code` | its code, from the table below |
| `severity` | `error`, `warning` or `note`, always the same for a code |
| `subject` | what it is about: an interface, a chain, a family; the same as long as the finding is the same |
| `message` | what was found |
| `read` | what was read: each with `place`, a file or a command that shows the same, and `value` |
| `place` | of a reading: where |
| `value` | of a reading: what stands there |
| `why` | why it matters, or why something could not be looked at |
| `fix` | commands that mend it |
| `notLookedAt` | what could not be looked at: each with `what`, `why` and `refused` |
| `what` | of what was not looked at: what it is |
| `refused` | whether a right was missing or reading failed; else it cannot be seen from here |
| `summary` | how many findings there are: `error`, `warning` and `note` |
| `error`, `warning`, `note` | their numbers |

## The codes

| code | severity | when | why it matters |
|---|---|---|---|
";

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
