//! `palisade lint`: what is wrong with manifests, policies, the baseline and host rules, and where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use engine::lint::fixing;
use engine::lint::selection::Wanted;
use engine::lint::suppression;
use policy_lang::diagnostic::{Diagnostic, Safety, Severity};
use policy_lang::source::Sources;

use super::given::GivenArgs;
use super::output::{self, Output, Standard};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::analysis::is_committed;
use crate::config::host::Given;
use crate::lint::changed::{self, Before};
use crate::lint::config::{self, Config};
use crate::lint::{Loaded, Paths, known};
use crate::report::findings::{self, Findings, Format};
use crate::report::{self, Color, diagnostics};
use crate::source::files::{self, STDIN};

mod date;
mod fixes;
mod words;

use self::words::{Level, ProfileWord, Threshold};

/// Find what is wrong with manifests, policies, the enforced egress baseline and host rules, and where.
///
/// No cluster and no permission is needed. Whatever can be read is judged; one bad document never stops the rest.
/// `palisade rule CODE` says what a rule is about, docs/reference/lints.md lists them all.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Manifests and host rules: files, folders (every *.yaml, *.yml, *.json and *.ferm in them and below, names with a
    /// leading dot left out), `-` for standard input, or git:REF[:PATH] as they were committed. Without one, `include`
    /// of the configuration, or else this folder.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Files and folders that are read and not reported on: what the manifests live beside; as PATH.
    #[arg(long, value_name = "PATH")]
    context: Vec<PathBuf>,

    /// What standard input is called in findings.
    #[arg(long, value_name = "PATH")]
    stdin_filename: Option<String>,

    /// The configuration [default: palisade.yaml in the folder of the first path, or above].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    given: GivenArgs,

    #[command(flatten)]
    rules: RuleArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    known: KnownArgs,

    #[command(flatten)]
    fix: FixArgs,
}

/// Which rules, and how bad.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
struct RuleArgs {
    /// Look for these rules only: codes, beginnings of codes (PAL1), names, or ALL; with commas between them.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    select: Vec<String>,

    /// Look for these besides.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    extend_select: Vec<String>,

    /// Do not look for these.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    ignore: Vec<String>,

    /// The rules to begin with: `default` are those that are on by themselves, `strict` adds posture, and `ci` is as
    /// `default`.
    #[arg(long, value_name = "PROFILE", value_enum, hide_possible_values = true)]
    profile: Option<ProfileWord>,

    /// Another severity for a rule: error, warning or info. Can be given more than once.
    #[arg(long, value_name = "RULES=LEVEL", value_parser = words::severity)]
    severity: Vec<(String, Level)>,

    /// The severity from which on the exit code is 1: error, warning, info or none [default: warning].
    #[arg(long, value_name = "LEVEL", value_enum, hide_possible_values = true)]
    fail_on: Option<Threshold>,

    /// Exit with 0 whatever is found.
    #[arg(long)]
    exit_zero: bool,
}

/// What is written, and where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// The form of the output, and a file for it: text, concise, json, jsonl, sarif, github, gitlab, junit, markdown or
    /// checkstyle. Can be given more than once; one form at most goes to standard output.
    #[arg(long, value_name = "FORM[=FILE]", value_parser = output::parse::<Format>)]
    output: Vec<Output<Format>>,

    /// Print how often each rule speaks, and nothing else.
    #[arg(long)]
    statistics: bool,

    /// Print nothing to standard output: the exit code and the files say it.
    #[arg(long, short)]
    quiet: bool,
}

/// What is no news.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Known findings")]
struct KnownArgs {
    /// A file of known findings, which are not reported.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,

    /// Write what is found into the file of known findings (.palisade-known.json if none is named), and report
    /// nothing.
    #[arg(long)]
    update_known: bool,

    /// Report only what is not found at this commit of the repository [default without a value: HEAD].
    #[arg(long, value_name = "REF", num_args = 0..=1, default_missing_value = changed::DEFAULT_REF, require_equals = true)]
    changed: Option<String>,
}

/// What is done about findings.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fixes")]
struct FixArgs {
    /// Write the fixes that keep the meaning into the files. Comments and formatting stay.
    #[arg(long)]
    fix: bool,

    /// With --fix or --diff: those that change what traffic may pass as well.
    #[arg(long)]
    unsafe_fixes: bool,

    /// Print what --fix would change, and write nothing.
    #[arg(long)]
    diff: bool,
}

const EXAMPLES: &str = "\
Examples:
  palisade lint k8s
  palisade lint k8s --select PAL0,dns-egress-missing --output concise
  palisade lint k8s --output text --output sarif=findings.sarif --output junit=findings.xml
  helm template shop charts/shop | palisade lint - --stdin-filename charts/shop
  palisade lint k8s --diff

A comment suppresses findings of the node that follows, or that begins in its line:
  # palisade: ignore[PAL116] -- the sidecar resolves names

Exit codes:
  0  nothing at or above the severity of --fail-on
  1  findings at or above it
  2  the usage or the configuration is wrong, or a path cannot be read";

/// Rounds of fixing: a fix may make room for another.
const ROUNDS: usize = 10;

/// What one run goes by.
struct Settings {
    config: Config,
    paths: Vec<PathBuf>,
    context: Vec<PathBuf>,
    wanted: Wanted,
    threshold: Option<Severity>,
    known: Option<PathBuf>,
    given: Given,
    today: String,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let settings = settings(args, color)?;
    let mut edited = BTreeMap::new();
    let mut run = judge(args, &settings, &edited)?;
    if args.fix.fix || args.fix.diff {
        let before = run.texts();
        let count = mend(args, &settings, &mut edited, &mut run)?;
        if args.fix.diff {
            super::print(&fixes::difference(&before, &edited))?;
            return Ok(if edited.is_empty() { Outcome::Clean } else { Outcome::Findings });
        }
        for (path, text) in &edited {
            std::fs::write(path, text).with_context(|| format!("writing {path}")).map_err(Failure::Input)?;
        }
        if count > 0 {
            report::message(&format!("{count} mended in {} files", edited.len()));
        }
    }
    if args.known.update_known {
        return update_known(&settings, &run);
    }
    print(args, &run)?;
    let failed = suppression::fails(&run.findings, settings.threshold) && !args.rules.exit_zero;
    Ok(if failed { Outcome::Findings } else { Outcome::Clean })
}

/// What was found, and in what.
struct Run {
    findings: Vec<Diagnostic>,
    sources: Sources,
}

impl Run {
    fn texts(&self) -> BTreeMap<String, String> {
        let text = |source| (self.sources.path(source).to_string(), self.sources.text(source).to_string());
        self.sources.ids().map(text).collect()
    }
}

fn settings(args: &Args, color: Color) -> Result<Settings, Failure> {
    let config = config(args, color)?;
    let paths = match (args.paths.as_slice(), config.include.as_slice()) {
        ([], []) => vec![PathBuf::from(".")],
        ([], include) => included(&config.folder, include)?,
        (paths, _) => paths.to_vec(),
    };
    let RuleArgs { select, extend_select, ignore, profile, severity, fail_on, exit_zero: _ } = &args.rules;
    let mut wanted = config.wanted.clone();
    if !select.is_empty() {
        wanted.select.clone_from(select);
    }
    wanted.extend.extend(extend_select.iter().cloned());
    wanted.ignore.extend(ignore.iter().cloned());
    wanted.profile = profile.map_or(wanted.profile, ProfileWord::profile);
    wanted.severities.extend(severity.iter().map(|(rules, level)| (rules.clone(), level.severity())));
    if let Some(word) = wanted.resolve().1.first() {
        let near = engine::lint::catalogue::suggestion(word);
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::Input(anyhow!("no rule is called `{word}`{near}")));
    }
    let threshold = match (fail_on, config.fail_on) {
        (Some(word), _) => word.severity(),
        (None, Some(configured)) => configured,
        (None, None) => Some(Severity::Warning),
    };
    let context = args.context.iter().chain(&config.context).cloned().collect();
    let known = args.known.known.clone().or_else(|| config.known.clone());
    let given = args.given.given().or(config.given.clone());
    Ok(Settings { config, given, paths, context, wanted, threshold, known, today: date::today() })
}

fn config(args: &Args, color: Color) -> Result<Config, Failure> {
    let first = args.paths.iter().find(|path| path.as_path() != Path::new(STDIN) && !is_committed(path));
    configuration(args.config.as_deref(), first.map_or(Path::new("."), PathBuf::as_path), color)
}

/// The configuration that is named, or the nearest one above a path; an empty one if there is none.
pub(super) fn configuration(named: Option<&Path>, near: &Path, color: Color) -> Result<Config, Failure> {
    let Some(path) = named.map(Path::to_owned).or_else(|| config::find(near)) else { return Ok(Config::default()) };
    let text = files::read(&path).map_err(|error| Failure::Input(error.into()))?;
    let mut sources = Sources::default();
    let (config, found) = Config::parse(&path, &text, &mut sources);
    if !found.is_empty() {
        report::message(&diagnostics::render(&found, &sources, color));
        return Err(Failure::Input(anyhow!("the configuration {} cannot be used", path.display())));
    }
    Ok(config)
}

/// The paths that `include` stands for.
pub(super) fn included(folder: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let full = folder.join(pattern);
        let found = glob::glob(&full.to_string_lossy())
            .map_err(|error| Failure::Input(anyhow!("`{pattern}` of `include` is no pattern: {}", error.msg)))?;
        let before = paths.len();
        paths.extend(found.filter_map(Result::ok).filter(|path| path.is_file() || !pattern.contains('*')));
        if paths.len() == before {
            return Err(Failure::Input(anyhow!("`{pattern}` of `include` matches no file")));
        }
    }
    Ok(paths)
}

/// Reads and judges; everything that is not wanted, suppressed or known is out.
fn judge(args: &Args, settings: &Settings, edited: &BTreeMap<String, String>) -> Result<Run, Failure> {
    let stdin = args.stdin_filename.as_deref();
    let paths = Paths { reported: &settings.paths, context: &settings.context, stdin, edited, given: &settings.given };
    let _progress = Progress::of("judging what is there");
    let mut loaded: Loaded = crate::lint::load(paths).map_err(|error| Failure::Input(error.into()))?;
    let (selection, _) = settings.wanted.resolve();
    let environment = &settings.config.environment;
    let before =
        args.known.changed.as_ref().map(|commit| Before::at(commit, &settings.paths, environment, &settings.given));
    let before = before.transpose().map_err(|error| Failure::Input(error.into()))?;
    if let Some(before) = &before {
        before.compare(&mut loaded, environment);
    }
    let mut findings = crate::lint::judged(&loaded, &settings.config, &selection, &settings.today);
    if let Some(before) = &before {
        before.keep_new(&mut findings, &loaded.sources);
    }
    if let Some(path) = settings.known.as_ref().filter(|_| !args.known.update_known) {
        let entries = known::read(path).map_err(|error| Failure::Input(error.into()))?;
        known::apply(&mut findings, &entries, path, &mut loaded.sources);
        selection.apply(&mut findings);
    }
    engine::lint::sort(&mut findings, &loaded.sources);
    Ok(Run { findings, sources: loaded.sources })
}

/// Writes fixes into `edited` until nothing is left to mend. How many.
fn mend(
    args: &Args,
    settings: &Settings,
    edited: &mut BTreeMap<String, String>,
    run: &mut Run,
) -> Result<usize, Failure> {
    if settings.paths.iter().any(|path| path.as_path() == Path::new(STDIN)) {
        return Err(Failure::Input(anyhow!("standard input cannot be mended: name files")));
    }
    if settings.paths.iter().any(|path| is_committed(path)) {
        return Err(Failure::Input(anyhow!("what is committed cannot be mended: name the files of the working tree")));
    }
    let riskiest = if args.fix.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
    let mut count = 0;
    for _ in 0..ROUNDS {
        let fixed = fixing::apply(&run.findings, riskiest, &run.sources);
        if fixed.texts.is_empty() {
            break;
        }
        count += fixed.count;
        for (source, text) in fixed.texts {
            edited.insert(run.sources.path(source).to_string(), text);
        }
        *run = judge(args, settings, edited)?;
    }
    Ok(count)
}

fn update_known(settings: &Settings, run: &Run) -> Result<Outcome, Failure> {
    let path = settings.known.clone().unwrap_or_else(|| PathBuf::from(known::FILE));
    let fingerprints = engine::lint::known::fingerprints(&run.findings, &run.sources);
    let text = known::written(&run.findings, &fingerprints);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display())).map_err(Failure::Input)?;
    report::message(&format!("{} findings are known in {}", run.findings.len(), path.display()));
    Ok(Outcome::Clean)
}

fn print(args: &Args, run: &Run) -> Result<(), Failure> {
    if args.output.statistics {
        return super::print(&findings::statistics(&run.findings));
    }
    let found = Findings::new(&run.findings, &run.sources);
    let standard = if args.output.quiet { Standard::Quiet } else { Standard::Printed };
    output::write(&args.output.output, Format::Text, standard, |format| found.render(format))
}
