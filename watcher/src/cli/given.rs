//! What host rules are given when they are read: flags that several commands have.

use crate::lint::Given;

/// What host rules are given.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct GivenArgs {
    /// A variable that takes precedence over the ones in the host rules, in ferm's notation: '$NAME=value'. Can be given
    /// more than once.
    #[arg(long = "def", value_name = "DEFINITION")]
    pub(super) definitions: Vec<String>,

    /// A file with the sets that the rules name with `mod set` and SET, as `ipset save` prints them. Can be given more
    /// than once.
    #[arg(long = "ipset", value_name = "FILE")]
    pub(super) ipsets: Vec<String>,
}

impl GivenArgs {
    /// The same, or what is configured of that which is not on the command line.
    pub(super) fn or(&self, configured: &Given) -> Given {
        let Self { definitions, ipsets } = self;
        let first = |named: &Vec<String>, otherwise: &Vec<String>| {
            if named.is_empty() { otherwise.clone() } else { named.clone() }
        };
        Given { definitions: first(definitions, &configured.definitions), ipsets: first(ipsets, &configured.ipsets) }
    }
}
