//! `palisade drops --follow`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use engine::kernel::{Kernel, PacketLog};
use engine::place::Event;
use nix::net::if_::if_nameindex;

use super::{Args, EventWord, Format};
use crate::cli::input::{self, SourceArgs};
use crate::cli::{Failure, Outcome, live};
use crate::config::Config;
use crate::drops::stream::{Facts, Seen, Stream};
use crate::drops::{CountedPlace, Owners};
use crate::report::{self, Color, drops as report_drops};
use crate::run_dir::RunDir;
use crate::source;

/// How long to wait at once; there is nothing to do in between.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn follow(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let config = sources(&args.sources, color)?;
    let log = PacketLog::open(args.group).map_err(|error| Failure::Refused(error.into()))?;
    let mut kernel = live::open()?;
    if live::places(kernel.as_mut())?.is_none() {
        report::message("nothing is loaded: waiting until something is");
    }
    let facts = Machine { kernel, config, interfaces: BTreeMap::new() };
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

/// The sources that give names: those that are given, or those of the last apply.
fn sources(args: &SourceArgs, color: Color) -> Result<Option<Config>, Failure> {
    if args.are_given() {
        return input::config(args, color).map(Some);
    }
    match input::last_applied(&RunDir::from_environment()) {
        Ok(applied) => Ok(Some(applied.config())),
        Err(why) => {
            report::message(&format!("note: addresses get no names: {why}"));
            Ok(None)
        }
    }
}

fn word(event: Event) -> EventWord {
    match event {
        Event::Denied => EventWord::Denied,
        Event::Audited => EventWord::Audited,
        Event::Logged => EventWord::Logged,
    }
}

/// What this machine knows.
struct Machine {
    kernel: Box<dyn Kernel>,
    config: Option<Config>,
    interfaces: BTreeMap<u32, Box<str>>,
}

impl Facts for Machine {
    fn places(&mut self) -> anyhow::Result<Vec<CountedPlace>> {
        match live::places(self.kernel.as_mut()) {
            Ok(places) => Ok(places.unwrap_or_default()),
            Err(Failure::Input(error) | Failure::Refused(error) | Failure::Incomplete(error)) => Err(error),
        }
    }

    fn owners(&mut self) -> Owners {
        let Some(config) = &self.config else { return Owners::default() };
        match source::load(config) {
            Ok(loaded) => Owners::of(&loaded.inventory),
            Err(error) => {
                report::message(&format!("note: addresses get no names: {error}"));
                Owners::default()
            }
        }
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
