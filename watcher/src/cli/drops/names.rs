//! Who has an address: by the sources that are given, by the agent of this node, or by the sources of the last apply.

use std::net::IpAddr;

use self::agent::Agent;
use crate::cli::Failure;
use crate::cli::input::{self, SourceArgs};
use crate::config::Config;
use crate::drops::{Owner, Owners};
use crate::report::{self, Color};
use crate::run_dir::RunDir;
use crate::source;

#[cfg(feature = "cluster")]
mod agent;

/// Where names come from.
pub(super) struct Names {
    /// The sources that are given, or those of the last apply.
    config: Option<Config>,
    owners: Owners,
    agent: Option<Agent>,
}

impl Names {
    /// The sources that are given; else the agent, where one runs, or the sources of the last apply.
    pub(super) fn new(args: &SourceArgs, color: Color) -> Result<Self, Failure> {
        if args.are_given() {
            let config = input::config(args, color)?;
            return Ok(Self { config: Some(config), owners: Owners::default(), agent: None });
        }
        let run = RunDir::from_environment();
        let agent = Agent::of(&run);
        let config = match input::last_applied(&run) {
            Ok(applied) => Some(applied.config()),
            Err(why) => {
                if !agent.answers() {
                    report::message(&format!("note: addresses get no names: no agent answers, and {why}"));
                }
                None
            }
        };
        Ok(Self { config, owners: Owners::default(), agent: Some(agent) })
    }

    /// Reads the sources again.
    pub(super) fn read_again(&mut self) {
        let Some(config) = &self.config else { return };
        match source::load(config) {
            Ok(loaded) => self.owners = Owners::of(&loaded.inventory),
            Err(error) => report::message(&format!("note: addresses get no names: {error}")),
        }
    }

    /// Who has these addresses.
    pub(super) fn owners(&mut self, addresses: [IpAddr; 2]) -> [Vec<Owner>; 2] {
        if let Some(owners) = self.agent.as_mut().and_then(|agent| agent.owners(addresses)) {
            return owners;
        }
        addresses.map(|address| self.owners.of_address(address).to_vec())
    }
}

/// There is none in a program without it.
#[cfg(not(feature = "cluster"))]
mod agent {
    use std::net::IpAddr;

    use crate::drops::Owner;
    use crate::run_dir::RunDir;

    pub(super) struct Agent;

    impl Agent {
        pub(super) fn of(_: &RunDir) -> Self {
            Self
        }

        pub(super) fn answers(&self) -> bool {
            false
        }

        pub(super) fn owners(&mut self, _: [IpAddr; 2]) -> Option<[Vec<Owner>; 2]> {
            None
        }
    }
}
