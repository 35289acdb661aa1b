//! `palisade completions`: what makes a shell complete the command line.

use super::{Failure, Outcome};

/// Print the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

const EXAMPLES: &str = "\
Examples:
  palisade completions bash > /usr/share/bash-completion/completions/palisade
  palisade completions zsh > /usr/share/zsh/vendor-completions/_palisade";

pub(super) fn run(args: &Args, command: &mut clap::Command) -> Result<Outcome, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "palisade", &mut text);
    super::print(&String::from_utf8_lossy(&text))?;
    Ok(Outcome::Clean)
}
