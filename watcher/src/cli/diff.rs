//! `palisade diff`: what changes between two inputs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use engine::compile::{HostInput, compile_host, failsafe};
use engine::connectivity::Connectivity;
use policy_lang::diagnostic::Severity;

use super::given::GivenArgs;
use super::map::{AddressArgs, PICTURE_MAX, read, scene};
use super::progress::Progress;
use super::test::host_rules;
use super::{Failure, Outcome};
use crate::config::host::Given;
use crate::difference::rules::{self, Rules, Weight};
use crate::difference::{Change, Compared, compare, host};
use crate::report::diff::Form;
use crate::report::{self, Color, Stream, diagnostics};
use crate::source::machine;

/// Say which connections a change of manifests adds, removes, widens or narrows, and which lines it comes from.
///
/// Both inputs are judged as `palisade map` judges them; their workloads may differ. A connection between a workload and
/// addresses is compared address by address.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Manifests before: a file, a folder, `-` for standard input, or git:REF[:PATH] as they were committed.
    #[arg(value_name = "OLD")]
    old: String,

    /// Manifests after; as OLD.
    #[arg(value_name = "NEW")]
    new: String,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Exit with 1 if a connection is added or widened (widened), removed or narrowed (narrowed), or any of these
    /// (any). A host rule of which no connection says what it changes may be either, unless it only logs.
    #[arg(long, value_name = "WHAT", value_enum)]
    fail_on: Option<Gate>,

    /// The enforced egress baseline of both inputs, in place of the ConfigMap among their manifests: a file, or
    /// git:REF:PATH. Can be given more than once.
    #[arg(long, value_name = "FILE")]
    baseline: Vec<String>,

    /// The baseline of OLD, where it is another one than that of NEW.
    #[arg(long, value_name = "FILE", requires = "baseline")]
    old_baseline: Vec<String>,

    /// Host rules in ferm's language that go with NEW: a file, or git:REF:PATH. What changes in INPUT, FORWARD and
    /// OUTPUT is told as connections between addresses, with the chain, the interfaces and the rules; and every rule of
    /// every table that only one of the two has, those of ARP, bridges and copies included.
    #[arg(long, value_name = "FILE", requires = "old_host")]
    host: Option<PathBuf>,

    /// The host rules that go with OLD.
    #[arg(long, value_name = "FILE", requires = "host")]
    old_host: Option<PathBuf>,

    #[command(flatten)]
    given: GivenArgs,

    #[command(flatten)]
    addresses: AddressArgs,
}

/// The forms of a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON, described in docs/reference/diff-json.md.
    Json,
    /// Tables of Markdown, for a comment.
    Md,
    /// A page for a browser that needs nothing else: search, focus, and the lines that each change comes from.
    Html,
}

/// What trips.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Gate {
    /// More is permitted.
    Widened,
    /// Less is permitted.
    Narrowed,
    /// Either.
    Any,
}

const EXAMPLES: &str = "\
Examples:
  palisade diff git:main:k8s k8s
  palisade diff git:main:k8s k8s --fail-on widened --format md
  palisade diff git:main:k8s k8s --format html > changes.html
  palisade diff git:main:k8s k8s --old-host git:main:node.ferm --host node.ferm
  palisade diff k8s k8s --old-baseline git:main:platform/baseline.yaml --baseline platform/baseline.yaml

Exit codes:
  0  printed, and nothing that --fail-on names
  1  what --fail-on names, or objects of the new input are broken
  2  the usage is wrong, or an input cannot be read";

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let before = if args.old_baseline.is_empty() { &args.baseline } else { &args.old_baseline };
    let old = read(std::slice::from_ref(&args.old), before, color)?;
    let new = read(std::slice::from_ref(&args.new), &args.baseline, color)?;
    let (of_old, of_new) = (args.addresses.options(&old), args.addresses.options(&new));
    let progress = Progress::of("comparing connections");
    let (mut before, mut after) = (Connectivity::new(scene(&old, &of_old)), Connectivity::new(scene(&new, &of_new)));
    let mut changes = compare(&mut Compared { old: &mut before, new: &mut after });
    drop(progress);
    let mut rules = Rules::default();
    if let (Some(old), Some(new)) = (&args.old_host, &args.host) {
        let (of_hosts, found) = of_hosts(old, new, &args.given.given(), color)?;
        changes.extend(of_hosts);
        rules = found;
    }
    let form = match args.format {
        Format::Text => Form::Text,
        Format::Json => Form::Json,
        Format::Md => Form::Markdown,
        Format::Html if changes.len() > PICTURE_MAX => {
            let n = changes.len();
            return Err(Failure::Input(anyhow!("{n} changes are no picture: at most {PICTURE_MAX}")));
        }
        Format::Html => Form::Html,
    };
    let mut out = Stream::default();
    // The stream itself knows why writing ended.
    let _: std::fmt::Result = report::diff::write(&changes, &rules, form, &mut out);
    out.finish().context("writing the result").map_err(Failure::Input)?;
    let trips = args.fail_on.is_some_and(|gate| gate.trips(&changes, &rules));
    Ok(if trips || new.has_broken_objects() { Outcome::Findings } else { Outcome::Clean })
}

/// What changes between two configurations of host rules.
fn of_hosts(old: &Path, new: &Path, given: &Given, color: Color) -> Result<(Vec<Change>, Rules), Failure> {
    let names = machine::names();
    let compiled = |path: &Path| {
        let (rules, sources) = host_rules(path, given, color)?;
        let host = HostInput { rules: &rules, names: &names, sources: &sources, failsafes: &failsafe::NONE };
        let (ruleset, found) = compile_host(host);
        if found.iter().any(|finding| finding.severity == Severity::Error) {
            report::message(&diagnostics::render(&found, &sources, color));
            return Err(Failure::Input(anyhow!("the host rules {} cannot be used", path.display())));
        }
        Ok(ruleset)
    };
    let (old, new) = (compiled(old)?, compiled(new)?);
    let changes = host::compare(&old, &new);
    let rules = rules::compare(&old, &new, changes.is_ok());
    if let Err(error) = &changes {
        report::message(&format!("{error}, so they are compared rule by rule\n"));
    }
    Ok((changes.unwrap_or_default(), rules))
}

impl Gate {
    fn trips(self, changes: &[Change], rules: &Rules) -> bool {
        let of_rules = rules.lines().any(|(_, line)| match self {
            // It may be either.
            Self::Widened | Self::Narrowed => line.weight == Weight::Unknown,
            Self::Any => true,
        });
        let of_connections = changes.iter().any(|change| match self {
            Self::Widened => change.kind.is_more(),
            Self::Narrowed => !change.kind.is_more(),
            Self::Any => true,
        });
        of_connections || of_rules
    }
}
