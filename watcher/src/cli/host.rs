//! `palisade host`: host rules by themselves.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Subcommand, ValueEnum};
use engine::compile::failsafe;
use engine::compile::{HostInput, compile_host};
use policy_lang::diagnostic::{Diagnostic, Severity};
#[cfg(feature = "kernel")]
use policy_lang::host::Resolver;
use policy_lang::host::expand::{self, expand};
use policy_lang::host::rule::{CommandPurpose, Domain, HookMoment, HostRules};
use policy_lang::host::{Commands, Surroundings, code, parse_in};
use policy_lang::source::Sources;

use super::given::GivenArgs;
#[cfg(feature = "kernel")]
use super::migrate;
use super::{Failure, Outcome};
use crate::config::host::Given;
use crate::report::{self, Color, diagnostics};
use crate::source::files::{self, FileError};
use crate::source::host_files::HostFiles;
use crate::source::machine;
#[cfg(feature = "kernel")]
use crate::source::resolver::NameServers;
use crate::source::shell::Shell;

/// Look at host rules in ferm's language, without a kernel; and take over from ferm.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    /// Say what of the rules is refused, and what is doubtful. Nothing is printed if all is well.
    ///
    /// Every refusal is told at once, with its place and the nearest alternative. No shell command is run unless
    /// --allow-exec is given.
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// Print the shell commands in the rules instead: hooks and pipes of @include that are reached, and every
        /// command in backticks. None is run.
        #[arg(long, conflicts_with = "allow_exec")]
        list_exec: bool,

        #[command(flatten)]
        file: FileArgs,
    },
    /// Print the rules as iptables-save text, every array multiplied out, as ferm --noexec --lines does.
    ///
    /// Operands are not judged: what ferm would hand to iptables is printed as it is.
    #[command(after_help = EXPAND_EXAMPLES)]
    Expand {
        /// Only this domain [default: every domain that the rules speak of].
        #[arg(long, value_enum)]
        domain: Option<DomainChoice>,

        #[command(flatten)]
        file: FileArgs,
    },
    #[cfg(feature = "kernel")]
    Migrate(Box<migrate::Args>),
}

/// The rules.
#[derive(Debug, clap::Args)]
struct FileArgs {
    /// The host rules; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    given: GivenArgs,

    /// Run the shell commands in backticks and the pipes of @include, each once and for at most 10 seconds. Hooks are
    /// never run.
    #[arg(long)]
    allow_exec: bool,

    /// Look up the names in @resolve.
    #[cfg(feature = "kernel")]
    #[arg(long)]
    resolve: bool,

    /// Refuse characters that ferm skips because they begin no word.
    #[arg(long)]
    strict: bool,
}

/// ferm's domains.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum DomainChoice {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Ethernet bridges.
    Eb,
}

const CHECK_EXAMPLES: &str = "\
Example:
  palisade host check /etc/ferm/ferm.conf
  palisade host check --list-exec /etc/ferm/ferm.conf

Exit codes:
  0  nothing is refused, or the commands are listed
  1  something is refused
  2  the file cannot be read, or the usage is wrong";

const EXPAND_EXAMPLES: &str = "\
Example:
  palisade host expand --domain ip6 --def '$DMZ=eth2' /etc/ferm/ferm.conf

Exit codes:
  0  printed
  2  something is refused, the file cannot be read, or the usage is wrong; nothing was printed";

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    match &args.command {
        HostCommand::Check { list_exec: true, file } => listed(file),
        HostCommand::Check { list_exec: false, file } => check(file, color),
        HostCommand::Expand { domain, file } => expanded(*domain, file, color),
        #[cfg(feature = "kernel")]
        HostCommand::Migrate(args) => migrate::run(args, color),
    }
}

fn check(file: &FileArgs, color: Color) -> Result<Outcome, Failure> {
    let Read { rules, sources, mut findings } = read(file)?;
    if !has_errors(&findings) {
        let names = machine::names();
        let host = HostInput { rules: &rules, names: &names, sources: &sources, failsafes: &failsafe::NONE };
        let (_, found) = compile_host(host);
        findings.extend(found);
    }
    report::message(&diagnostics::render(&findings, &sources, color));
    Ok(if has_errors(&findings) { Outcome::Findings } else { Outcome::Clean })
}

fn expanded(domain: Option<DomainChoice>, file: &FileArgs, color: Color) -> Result<Outcome, Failure> {
    let Read { rules, sources, findings } = read(file)?;
    report::message(&diagnostics::render(&findings, &sources, color));
    if has_errors(&findings) {
        return Err(Failure::Input(anyhow!("nothing is expanded because of these errors")));
    }
    let domains = match domain {
        None => vec![Domain::Ip, Domain::Ip6, Domain::Arp, Domain::Eb],
        Some(DomainChoice::Ip) => vec![Domain::Ip],
        Some(DomainChoice::Ip6) => vec![Domain::Ip6],
        Some(DomainChoice::Arp) => vec![Domain::Arp],
        Some(DomainChoice::Eb) => vec![Domain::Eb],
    };
    super::print(&expand::hooks(&rules, HookMoment::Pre))?;
    let texts = domains.into_iter().map(|domain| (domain, expand(&rules, domain)));
    for (domain, text) in texts.filter(|(_, text)| !text.is_empty()) {
        super::print(&format!("# domain {domain}\n{text}"))?;
    }
    super::print(&expand::hooks(&rules, HookMoment::Post))?;
    Ok(Outcome::Clean)
}

/// One line for each shell command in the rules.
fn listed(file: &FileArgs) -> Result<Outcome, Failure> {
    let Read { rules, sources, findings: _ } = read(file)?;
    for noted in &rules.commands {
        let span = noted.command.span;
        let position = sources.position(span.source, span.start);
        let purpose = match noted.purpose {
            CommandPurpose::Words => "backticks",
            CommandPurpose::Include => "include",
            CommandPurpose::Hook(HookMoment::Pre) => "hook pre",
            CommandPurpose::Hook(HookMoment::Post) => "hook post",
            CommandPurpose::Hook(HookMoment::Flush) => "hook flush",
        };
        let path = sources.path(span.source);
        super::print(&format!("{path}:{}:{}: {purpose}: {}\n", position.line, position.column, noted.command.text))?;
    }
    Ok(Outcome::Clean)
}

/// Rules, the texts that they were read from, and what is wrong with them.
struct Read {
    rules: HostRules,
    sources: Sources,
    findings: Vec<Diagnostic>,
}

fn read(args: &FileArgs) -> Result<Read, Failure> {
    files::openable(&args.file).map_err(|error: FileError| Failure::Input(error.into()))?;
    let mut sources = Sources::default();
    let path = args.file.display().to_string();
    let shell = Shell::default();
    let commands: Option<&dyn Commands> = if args.allow_exec { Some(&shell) } else { None };
    #[cfg(feature = "kernel")]
    let name_servers = NameServers::default();
    #[cfg(feature = "kernel")]
    let resolver: Option<&dyn Resolver> = if args.resolve { Some(&name_servers) } else { None };
    #[cfg(not(feature = "kernel"))]
    let resolver = None;
    let Given { definitions, ipsets } = args.given.given();
    let surroundings = Surroundings { files: &HostFiles, commands, resolver, ipsets: &ipsets };
    let (rules, mut findings) = parse_in(&path, surroundings, &definitions, &mut sources);
    if args.strict {
        for finding in findings.iter_mut().filter(|finding| finding.code == code::SKIPPED) {
            finding.severity = Severity::Error;
        }
    }
    Ok(Read { rules, sources, findings })
}

fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
