//! `palisade compile`: the ruleset, printed.

use clap::ValueEnum;
use engine::render;

use super::input::{self, SourceArgs};
use super::{Failure, Outcome};
use crate::report::{Color, json, summary};

/// Compile the sources to a ruleset and print it. Needs no permission and touches nothing.
///
/// The same input gives the same output, byte for byte, on every machine that has the same names for ports, protocols,
/// users and groups in /etc. Findings go to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Nft)]
    format: Format,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade compile --manifests examples/cluster --host examples/host/node.ferm | nft -c -f -
  kubectl get ns,node,pod,netpol -A -o yaml | palisade compile --manifests - --node node-a

Exit codes:
  0  compiled
  1  printed without the broken objects, which fail closed (--keep-going)
  2  the input, the usage or the configuration is wrong; nothing was printed";

/// The forms of a ruleset.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// The text that `nft -f` loads.
    Nft,
    /// JSON, described in docs/reference/ruleset-json.md.
    Json,
    /// Numbers: what is in it, and how large it is.
    Summary,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let desired = input::desired(&args.sources, color)?;
    let text = match args.format {
        Format::Nft => render::ruleset(&desired.ruleset),
        Format::Json => json::ruleset(&desired.ruleset),
        Format::Summary => {
            let observe = &desired.config.pod_options().observe;
            summary::ruleset(&desired.ruleset, &desired.loaded.inventory, &desired.node, observe)
        }
    };
    super::print(&text)?;
    Ok(desired.outcome)
}
