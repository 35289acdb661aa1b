//! `palisade man`: the manual pages.

use std::path::PathBuf;

use anyhow::Context as _;

use super::{Failure, Outcome};

/// Print the manual page of palisade, or write those of all commands to a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder, which must exist; it gets palisade.1, palisade-compile.1, and so on [default: print palisade.1].
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  palisade man | man -l -
  palisade man /usr/local/share/man/man1";

pub(super) fn run(args: &Args, command: clap::Command) -> Result<Outcome, Failure> {
    match &args.folder {
        Some(folder) => clap_mangen::generate_to(command, folder)
            .with_context(|| format!("writing manual pages to {}", folder.display()))
            .map_err(Failure::Input)?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut page)
                .context("rendering the manual page")
                .map_err(Failure::Input)?;
            super::print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Outcome::Clean)
}
