//! What host rules are given when they are read: flags that several commands have.

use crate::config::host::Given;

/// What host rules are given.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct GivenArgs {
    /// A variable that takes precedence over the ones in the host rules, in ferm's notation: '$NAME=value'. Can be given
    /// more than once.
    #[arg(long = "def", value_name = "DEFINITION")]
    definitions: Vec<String>,

    /// A file with the sets that the rules name with `mod set` and SET, as `ipset save` prints them. Can be given more
    /// than once.
    #[arg(long = "ipset", value_name = "FILE")]
    ipsets: Vec<String>,
}

impl GivenArgs {
    pub(super) fn given(&self) -> Given {
        let Self { definitions, ipsets } = self;
        Given { definitions: definitions.clone(), ipsets: ipsets.clone() }
    }
}
