//! `palisade test`: assertions about who may connect to whom.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use engine::compile::HostInput;
use engine::compile::failsafe;
use engine::connectivity::Connectivity;
use policy_lang::diagnostic::Severity;
use policy_lang::host::Surroundings;
use policy_lang::host::rule::HostRules;
use policy_lang::source::Sources;

use super::given::GivenArgs;
use super::lint::{configuration, included};
use super::map::{AddressArgs, scene};
use super::output::{self, Output, Standard};
use super::progress::Progress;
use super::{Failure, Outcome};
use crate::analysis::{Committed, Manifests, Place};
use crate::assertions::{self, File, Host, Verdict, discover, probe, snapshot};
use crate::config::host::Given;
use crate::lint::config::Config;
use crate::map::Map;
use crate::report::assertions::{Case, Format, render};
use crate::report::{self, Color, diagnostics};
use crate::source::files;
use crate::source::unasked::Unasked;
use crate::source::{Texts as _, machine};

/// Check assertions about who may connect to whom, without a cluster.
///
/// Files end in .palisade-test.yaml (docs/reference/test.md). Manifests are judged as `palisade map` judges them; what a
/// set of peers is asserted of must hold for each of them. An assertion about nobody fails.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Files of assertions, and folders in which to look for them; git:REF[:PATH] as they were committed.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Manifests in place of those that the files name: a file, a folder, `-` for standard input, or git:REF[:PATH] as
    /// they were committed. Can be given more than once.
    #[arg(long, value_name = "PATH")]
    manifests: Vec<String>,

    /// Host rules in ferm's language in place of those that the files name, for assertions about what reaches a node.
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,

    #[command(flatten)]
    given: GivenArgs,

    /// The configuration [default: the nearest palisade.yaml above each file].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The form of the output, and a file for it: text, json, junit or tap. Can be given more than once; one form at
    /// most goes to standard output.
    #[arg(long, value_name = "FORM[=FILE]", value_parser = output::parse::<Format>)]
    output: Vec<Output<Format>>,

    /// Print nothing to standard output: the exit code and the files say it.
    #[arg(long, short)]
    quiet: bool,

    /// In place of assertions: compare the map of the manifests with the one that is kept in this file, and show the
    /// connections that differ. A file that is not there yet is written.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["emit", "output", "host"])]
    snapshot: Option<PathBuf>,

    /// With --snapshot: keep the map as it is now.
    #[arg(long, requires = "snapshot")]
    update: bool,

    /// In place of judging: print the same assertions for a cluster that runs.
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with = "output")]
    emit: Option<Emit>,

    #[command(flatten)]
    addresses: AddressArgs,
}

/// What is printed for a cluster that runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Emit {
    /// A shell script that tries every connection by kubectl, and prints TAP.
    ProbeScript,
}

const EXAMPLES: &str = "\
Examples:
  palisade test
  palisade test examples/cluster.palisade-test.yaml --output text --output junit=test.xml
  palisade test --manifests git:HEAD:k8s tests/
  palisade test --manifests k8s --snapshot k8s.map.json
  palisade test examples/cluster.palisade-test.yaml --emit probe-script > probe.sh

Exit codes:
  0  every assertion holds; with --snapshot, nothing differs or the map was written
  1  an assertion fails, or objects of the manifests are broken; with --snapshot, something differs
  2  the usage, a file of assertions or the configuration is wrong, or a path cannot be read";

/// A file of assertions with all that it is about.
struct Group {
    file: File,
    config: Config,
    places: Vec<Place>,
    host: Option<HostRead>,
}

/// A file of host rules, and what it is given.
type HostRead = (PathBuf, Given);

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    output::check(&args.output)?;
    if let Some(path) = &args.snapshot {
        return kept(args, path, color);
    }
    let mut sources = Sources::default();
    let groups = groups(args, &mut sources, color)?;
    let mut known: BTreeMap<&[Place], Manifests> = BTreeMap::new();
    for group in &groups {
        if let Entry::Vacant(entry) = known.entry(&group.places) {
            entry.insert(load(&group.places, color)?);
        }
    }
    if args.emit == Some(Emit::ProbeScript) {
        return emit(args, &groups, &known);
    }
    let mut rules: BTreeMap<&HostRead, (HostRules, Sources)> = BTreeMap::new();
    for host in groups.iter().filter_map(|group| group.host.as_ref()) {
        if let Entry::Vacant(entry) = rules.entry(host) {
            let (path, given) = host;
            entry.insert(host_rules(path, given, color)?);
        }
    }
    let names = machine::names();
    let mut judged: Vec<(&Group, &Manifests, Vec<Verdict>)> = Vec::new();
    let progress = Progress::of_many("judging assertions", groups.len());
    for group in &groups {
        let Some(manifests) = known.get(group.places.as_slice()) else { continue };
        let environment = &group.config.environment;
        let options = args.addresses.options_in(manifests, &environment.pod_cidrs);
        let mut model = Connectivity::new(scene(manifests, &options));
        let host = group.host.as_ref().and_then(|host| rules.get(host)).map(|(rules, sources)| {
            Host::new(manifests, HostInput { rules, names: &names, sources, failsafes: &failsafe::NONE })
        });
        let verdicts = assertions::judge(&group.file, &manifests.objects, environment, &mut model, host);
        judged.push((group, manifests, verdicts));
        progress.done();
    }
    drop(progress);
    let mut cases = Vec::new();
    for (Group { file, .. }, manifests, verdicts) in &judged {
        for (test, verdict) in file.tests.iter().zip(verdicts) {
            let span = match verdict {
                Verdict::Nobody { span, .. } | Verdict::Unclear { span, .. } => *span,
                Verdict::Passed { .. } | Verdict::Failed(_) => test.span,
            };
            let at = sources.position(span.source, span.start);
            let (path, name, expect, sources) = (&*file.path, &*test.name, test.expect, &manifests.sources);
            cases.push(Case { path, at, name, expect, verdict, sources });
        }
    }
    let standard = if args.quiet { Standard::Quiet } else { Standard::Printed };
    output::write(&args.output, Format::Text, standard, |format| render(&cases, format))?;
    let holds = cases.iter().all(|case| case.verdict.is_passed());
    let is_broken = known.values().any(Manifests::has_broken_objects);
    Ok(if holds && !is_broken { Outcome::Clean } else { Outcome::Findings })
}

/// Every file of assertions; one that cannot be understood is refused, with all findings of all files.
fn groups(args: &Args, sources: &mut Sources, color: Color) -> Result<Vec<Group>, Failure> {
    let mut groups = Vec::new();
    let mut findings = Vec::new();
    let committed = Committed::default();
    for path in discover::files(&args.paths, &committed).map_err(|error| Failure::Input(error.into()))? {
        let text = committed.text(&path).map_err(|error| Failure::Input(error.into()))?;
        let (file, found) = File::parse(&path, &text, sources);
        let config = configuration(args.config.as_deref(), &Path::new(".").join(&path), color)?;
        if found.is_empty() {
            let places = places(args, &file.manifests, &config, &path)?;
            let host = args.host.clone().or_else(|| file.host.clone());
            let host = host.map(|path| (path, args.given.given().or(config.given.clone())));
            groups.push(Group { file, config, places, host });
        }
        findings.extend(found);
    }
    if !findings.is_empty() {
        report::message(&diagnostics::render(&findings, sources, color));
        return Err(Failure::Input(anyhow!("assertions that cannot be understood are not judged")));
    }
    Ok(groups)
}

/// The manifests: those of the command line, of the file, or of the configuration.
fn places(args: &Args, named: &[PathBuf], config: &Config, path: &Path) -> Result<Vec<Place>, Failure> {
    if !args.manifests.is_empty() {
        return Ok(args.manifests.iter().map(|word| Place::parse(word)).collect());
    }
    let paths = match (named, config.include.as_slice()) {
        ([], []) => {
            let message = "says no `manifests`: write them, `include` into palisade.yaml, or --manifests";
            return Err(Failure::Input(anyhow!("{} {message}", path.display())));
        }
        ([], include) => {
            let mut paths = included(&config.folder, include)?;
            paths.extend(config.context.iter().cloned());
            paths
        }
        (named, _) => named.to_vec(),
    };
    Ok(paths.into_iter().map(Place::of_path).collect())
}

/// Reads manifests; what is only worth knowing would hide the result.
fn load(places: &[Place], color: Color) -> Result<Manifests, Failure> {
    let progress = Progress::of("reading manifests");
    let mut manifests = Manifests::load(places).map_err(|error| Failure::Input(error.into()))?;
    drop(progress);
    manifests.diagnostics.retain(|finding| finding.severity != Severity::Note);
    report::message(&diagnostics::render(&manifests.diagnostics, &manifests.sources, color));
    Ok(manifests)
}

/// Reads host rules; broken ones are of no use here.
pub(super) fn host_rules(path: &Path, given: &Given, color: Color) -> Result<(HostRules, Sources), Failure> {
    let mut sources = Sources::default();
    let (committed, names) = (Committed::default(), Unasked::default());
    let Given { definitions, ipsets } = given;
    let surroundings = Surroundings { files: &committed, commands: None, resolver: Some(&names), ipsets };
    let (rules, found) = policy_lang::host::parse_in(&files::shown(path), surroundings, definitions, &mut sources);
    report::message(&diagnostics::render(&found, &sources, color));
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::Input(anyhow!("the host rules {} cannot be used", path.display())));
    }
    Ok((rules, sources))
}

/// Compares the map with the one that was kept.
fn kept(args: &Args, path: &Path, color: Color) -> Result<Outcome, Failure> {
    let config = configuration(args.config.as_deref(), Path::new("."), color)?;
    let manifests = load(&places(args, &[], &config, Path::new("the command line"))?, color)?;
    let options = args.addresses.options_in(&manifests, &config.environment.pod_cidrs);
    let map = Map::new(&mut Connectivity::new(scene(&manifests, &options)));
    let mut now = String::new();
    // Writing to a String cannot fail.
    let _: std::fmt::Result = report::map::write(&map, report::map::Form::Json, &mut now);
    let is_broken = manifests.has_broken_objects();
    if args.update || !path.exists() {
        std::fs::write(path, now).with_context(|| format!("writing {}", path.display())).map_err(Failure::Input)?;
        report::message(&format!("{} connections are kept in {}", map.connections.len(), path.display()));
        return Ok(if is_broken { Outcome::Findings } else { Outcome::Clean });
    }
    let before = files::read(path).map_err(|error| Failure::Input(error.into()))?;
    let Some(difference) = snapshot::difference(&path.display().to_string(), &before, &now) else {
        return Ok(if is_broken { Outcome::Findings } else { Outcome::Clean });
    };
    if !args.quiet {
        super::print(&difference)?;
    }
    report::message("the map differs from the one that is kept; --update keeps this one");
    Ok(Outcome::Findings)
}

fn emit(args: &Args, groups: &[Group], known: &BTreeMap<&[Place], Manifests>) -> Result<Outcome, Failure> {
    let mut probes = probe::Script::default();
    for group in groups {
        let Some(manifests) = known.get(group.places.as_slice()) else { continue };
        let environment = &group.config.environment;
        let options = args.addresses.options_in(manifests, &environment.pod_cidrs);
        let model = Connectivity::new(scene(manifests, &options));
        probes.add(&group.file, &manifests.objects, environment, &model);
    }
    super::print(&probes.text())?;
    Ok(Outcome::Clean)
}
