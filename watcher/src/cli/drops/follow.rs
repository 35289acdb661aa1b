//! `palisade drops --follow`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use engine::kernel::{Kernel, PacketLog};
use engine::place::Event;
use nix::net::if_::if_nameindex;

use super::names::Names;
use super::{Args, EventWord, Format};
use crate::cli::{Failure, Outcome, live};
use crate::drops::stream::{Facts, Seen, Stream};
use crate::drops::{CountedPlace, Owner};
use crate::report::{self, Color, drops as report_drops};

/// How long to wait at once; there is nothing to do in between.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn follow(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let names = Names::new(&args.sources, color)?;
    let log = PacketLog::open(args.group).map_err(|error| Failure::Refused(error.into()))?;
    let mut kernel = live::open()?;
    if live::places(kernel.as_mut())?.is_none() {
        report::message("nothing is loaded: waiting until something is");
    }
    let facts = Machine { kernel, names, interfaces: BTreeMap::new() };
    let mut stream = Stream::new(log, facts).map_err(Failure::Refused)?;
    let is_wanted = |event| args.events.contains(&word(event));
    let mut left = args.count;
    while left != Some(0) {
        let Some(seen) = stream.next(PATIENCE, is_wanted).map_err(Failure::Refused)? else { continue };
        let line = match args.format {
            Format::Text => report_drops::line(&seen),
            Format::Json => report_drops::line_json(&seen),
        };
        if super::super::print_on(&line)? == ControlFlow::Break(()) {
            break;
        }
        if matches!(seen, Seen::Event(_)) {
            left = left.map(|left| left - 1);
        }
    }
    Ok(Outcome::Clean)
}

fn word(event: Event) -> EventWord {
    match event {
        Event::Denied => EventWord::Denied,
        Event::Audited => EventWord::Audited,
        Event::Logged => EventWord::Logged,
        Event::Observed => EventWord::Observed,
    }
}

/// What this machine knows.
struct Machine {
    kernel: Box<dyn Kernel>,
    names: Names,
    interfaces: BTreeMap<u32, Box<str>>,
}

impl Facts for Machine {
    fn places(&mut self) -> anyhow::Result<Vec<CountedPlace>> {
        match live::places(self.kernel.as_mut()) {
            Ok(places) => Ok(places.unwrap_or_default()),
            Err(Failure::Input(error) | Failure::Refused(error) | Failure::Incomplete(error)) => Err(error),
        }
    }

    fn read_again(&mut self) {
        self.names.read_again();
    }

    fn owners(&mut self, addresses: [IpAddr; 2]) -> [Vec<Owner>; 2] {
        self.names.owners(addresses)
    }

    fn interface(&mut self, index: u32) -> Option<Box<str>> {
        if !self.interfaces.contains_key(&index) {
            self.interfaces = if_nameindex()
                .map(|all| {
                    let names = all.iter().map(|one| (one.index(), one.name().to_string_lossy().into()));
                    names.collect()
                })
                .unwrap_or_default();
        }
        self.interfaces.get(&index).cloned()
    }
}
