//! What palisade says of a configuration, in the words that the judge's are compared with.

use std::path::Path;

use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::rule::{Domain, HookMoment};
use policy_lang::host::{CommandError, Commands, LookupError, Record, Resolver, Surroundings, expand, parse_in};
use policy_lang::source::Sources;

use crate::disk::Disk;

/// A shell, for backticks and pipes.
pub(crate) struct Shell;

/// A name server that knows four names.
pub(crate) struct Zone;

/// The expansion, or the errors as `LINE:COLUMN CODE message`.
pub(crate) fn ours(path: &Path, options: &[String]) -> Result<String, String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut sources = Sources::default();
    let definitions: Vec<String> = options.iter().filter(|option| option.starts_with('$')).cloned().collect();
    let files = Disk::new(path.parent().unwrap());
    let surroundings = Surroundings { files: &files, commands: Some(&Shell), resolver: Some(&Zone), ipsets: &[] };
    let (rules, diagnostics) = parse_in(&name, surroundings, &definitions, &mut sources);
    let errors = diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    let errors: String = errors.map(|error| line(error, &sources)).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let domains = [Domain::Arp, Domain::Eb, Domain::Ip, Domain::Ip6].map(|domain| expand::expand(&rules, domain));
    let text = expand::hooks(&rules, HookMoment::Pre) + &domains.concat() + &expand::hooks(&rules, HookMoment::Post);
    // The judge's comments are left out, and so is what looks like one.
    Ok(text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect())
}

fn line(error: &Diagnostic, sources: &Sources) -> String {
    let span = error.span.unwrap();
    let position = sources.position(span.source, span.start);
    format!("{}:{} {} {}\n", position.line, position.column, error.code, error.message)
}

impl Commands for Shell {
    #[expect(clippy::disallowed_methods, reason = "the library runs no commands; its tests do")]
    fn run(&self, command: &str) -> Result<String, CommandError> {
        let output = std::process::Command::new("/bin/sh").arg("-c").arg(command).output();
        let output = output.map_err(|error| CommandError::NotRun { reason: error.to_string() })?;
        if !output.status.success() {
            return Err(CommandError::Failed { status: output.status.to_string() });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Resolver for Zone {
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        let found: &[&str] = match (name, record) {
            ("host.example", Record::A) => &["192.0.2.1"],
            ("host.example", Record::Aaaa) => &["2001:db8::1"],
            ("two.example", Record::A) => &["192.0.2.2", "192.0.2.3"],
            ("two.example", Record::Mx) => &["host.example", "two.example"],
            ("two.example", Record::Ns) => &["host.example"],
            ("silent.example", _) => return Err(LookupError { reason: "no name server answered".to_owned() }),
            _ => &[],
        };
        Ok(found.iter().map(|text| (*text).to_owned()).collect())
    }
}
