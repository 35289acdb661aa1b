//! New flows through rules of which the last one matches.
//!
//! Client, router and server are namespaces; all that happens to a packet on its way happens within the system call
//! that sends it, so the sender's processor time by packets is what the way costs. Three kinds of traffic: one UDP flow
//! that nobody answers, so that conntrack knows it and calls every packet new; UDP packets of which each is a flow of
//! its own; and TCP connects. Established flows would hide the layout.

use std::time::Duration;

use self::lab::Lab;
use self::rules::{Contestant, contestants};
use super::table::{Goal, Row, Series, Table};

mod classic;
mod cluster;
mod lab;
pub(crate) mod layouts;
pub(crate) mod pods;
mod rules;

/// Of the packets a second that conntrack with one rule lets through.
const OF_ONE_RULE: f64 = 0.95;

const ROUNDS: usize = 6;

/// For how long each kind of traffic flows in each round.
const BURST: Duration = Duration::from_millis(30);

/// New flows in each round: few enough that conntrack never has to look for room.
const NEW_FLOWS: u32 = 4_000;

/// Connects in each round: few enough for one process's open files and for the server's queue.
const CONNECTS: usize = 700;

#[derive(Clone, Copy, Debug)]
enum Traffic {
    OneFlow,
    NewFlows,
    Connects,
}

/// One table for each kind of traffic, of the reference and of everything that has these words in its name.
pub(crate) fn tables(words: &str) -> Vec<Table> {
    let chosen = |contestant: &Contestant| contestant.is_reference || contestant.name.contains(words);
    let contestants: Vec<_> = contestants().into_iter().filter(chosen).collect();
    let labs: Vec<Lab> = contestants.iter().map(|contestant| Lab::new(&contestant.load)).collect();
    let kinds = [Traffic::OneFlow, Traffic::NewFlows, Traffic::Connects];
    let mut all: Vec<Vec<Series>> = kinds
        .iter()
        .map(|_| contestants.iter().map(|contestant| Series::new(contestant.name.clone())).collect())
        .collect();
    for round in 0..ROUNDS {
        for (traffic, series) in kinds.iter().zip(&mut all) {
            for (lab, series) in labs.iter().zip(series) {
                let (spent, n_events) = match traffic {
                    Traffic::OneFlow => lab.one_flow(BURST),
                    Traffic::NewFlows => lab.new_flows(NEW_FLOWS, BURST),
                    Traffic::Connects => {
                        let connects = lab.connects(CONNECTS, BURST);
                        (connects.spent, u32::try_from(connects.waits.len()).unwrap())
                    }
                };
                // The first round warms caches and neighbours up.
                if round > 0 {
                    series.figures.push(spent.as_secs_f64() * 1e9 / f64::from(n_events));
                }
            }
        }
    }
    kinds.iter().zip(all).map(|(traffic, series)| table(*traffic, &contestants, &series)).collect()
}

fn table(traffic: Traffic, contestants: &[Contestant], all: &[Series]) -> Table {
    let (name, title, unit) = match traffic {
        Traffic::OneFlow => ("one-flow", "UDP packets of one flow that stays new", "ns of CPU a packet"),
        Traffic::NewFlows => ("new-flows", "UDP packets, each a new flow", "ns of CPU a packet"),
        Traffic::Connects => ("connects", "TCP connects", "ns of CPU a connect"),
    };
    let reference = contestants.iter().position(|contestant| contestant.is_reference).unwrap();
    let row = |(contestant, subject): (&Contestant, &Series)| Row {
        case: "through".into(),
        subject: subject.clone(),
        peer: all[reference].clone(),
        inverted: true,
        goal: if contestant.is_ours { Goal::AtLeast(OF_ONE_RULE) } else { Goal::Nothing },
    };
    let others = contestants.iter().zip(all).filter(|(contestant, _)| !contestant.is_reference);
    Table { name, title, unit, ratio: "rate by that of one rule", rows: others.map(row).collect() }
}
