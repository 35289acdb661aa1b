//! Debian's ferm as a judge: what it says of many configurations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program that judges.
pub(crate) const FERM: &str = "/usr/sbin/ferm";

/// ferm processes at a time.
const PROCESSES: usize = 2;

/// What is said of a configuration: the text of every domain, or the complaint.
pub(crate) type Verdict = Result<String, String>;

/// A configuration on disk, and how it is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The file; relative includes are looked for beside it.
    pub(crate) path: PathBuf,
    /// Options, for example `--def` and `$x=1`.
    pub(crate) options: Vec<String>,
}

/// Why the judge cannot be asked; `None` if it can.
pub(crate) fn missing() -> Option<&'static str> {
    if !Path::new(FERM).exists() {
        return Some("ferm is not installed");
    }
    let isolated = Command::new("unshare").args(["--net", "true"]).status();
    if !isolated.is_ok_and(|status| status.success()) {
        return Some("no right to make a network namespace, in which ferm would find no rules of others");
    }
    None
}

/// What ferm says of each configuration, in their order. What it writes beside them is taken away again.
#[expect(clippy::needless_collect, reason = "all of them run before the first is waited for")]
pub(crate) fn ferm(asked: &[Asked]) -> Vec<Verdict> {
    let size = asked.len().div_ceil(PROCESSES).max(1);
    std::thread::scope(|scope| {
        let runs: Vec<_> = asked.chunks(size).map(|part| scope.spawn(move || run(part))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    })
}

fn run(asked: &[Asked]) -> Vec<Verdict> {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host/judge.pl");
    let mut child = Command::new("unshare")
        .args(["--net", "perl"])
        .arg(driver)
        .arg(FERM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = String::new();
    for Asked { path, options } in asked {
        let options: String = options.iter().flat_map(|option| [option, "\t"]).collect();
        writeln!(lines, "--test\t--noexec\t--lines\t{options}{}", path.display()).unwrap();
    }
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let statuses = String::from_utf8(output.stdout).unwrap();
    assert_eq!(statuses.lines().count(), asked.len(), "ferm was not run on every configuration");
    asked.iter().zip(statuses.lines()).map(|(asked, status)| verdict(&asked.path, status == "0")).collect()
}

fn verdict(path: &Path, is_good: bool) -> Verdict {
    let take = |suffix: &str| {
        let path = PathBuf::from(format!("{}.{suffix}", path.display()));
        let text = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let (output, complaint) = (take("out"), take("err"));
    if is_good { Ok(normal(&output)) } else { Err(complaint) }
}

/// ferm's output as one text: without comments, and with the commands for arptables and ebtables as the text that
/// the other two families have.
pub(crate) fn normal(output: &str) -> String {
    let mut text = String::new();
    let mut tools: BTreeMap<&str, BTreeMap<String, Tool>> = BTreeMap::new();
    let mut place = None;
    for line in output.lines().filter(|line| !line.starts_with('#')) {
        let command = line.split(' ').next().unwrap();
        match ["arptables", "ebtables"].into_iter().find(|tool| command.rsplit('/').next() == Some(tool)) {
            Some(tool) => {
                // ebtables' state is saved before the hooks run.
                if line.contains(" -t ") {
                    place.get_or_insert(text.len());
                }
                command_line(line, tools.entry(tool).or_default());
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    let commands: String = tools.values().flatten().map(|(table, tool)| tool.text(table)).collect();
    text.insert_str(place.unwrap_or(0), &commands);
    text
}

/// The chains of a table that is filled by commands.
#[derive(Default)]
struct Tool {
    policies: BTreeMap<String, String>,
    rules: BTreeMap<String, Vec<String>>,
}

impl Tool {
    fn text(&self, table: &str) -> String {
        let mut text = format!("*{table}\n");
        for (chain, policy) in &self.policies {
            writeln!(text, ":{chain} {policy} [0:0]").unwrap();
        }
        for rule in self.rules.values().flatten() {
            writeln!(text, "{rule}").unwrap();
        }
        text + "COMMIT\n"
    }
}

fn command_line(line: &str, tables: &mut BTreeMap<String, Tool>) {
    let Some((_, rest)) = line.split_once(" -t ") else { return };
    let mut words = rest.splitn(4, ' ');
    let (Some(table), Some(what), Some(chain)) = (words.next(), words.next(), words.next()) else { return };
    let rest = words.next();
    let tool = tables.entry(table.to_owned()).or_default();
    match what {
        "-P" => {
            tool.policies.insert(chain.to_owned(), rest.unwrap().to_owned());
        }
        "-N" => {
            let policy = rest.and_then(|rest| rest.strip_prefix("-P ")).unwrap_or("-");
            tool.policies.insert(chain.to_owned(), policy.to_owned());
        }
        "-A" => {
            let rule = rest.map_or_else(|| format!("-A {chain}"), |rest| format!("-A {chain} {rest}"));
            tool.rules.entry(chain.to_owned()).or_default().push(rule);
        }
        _ => {}
    }
}
