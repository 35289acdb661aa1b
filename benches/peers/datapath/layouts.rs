//! What a packet pays for rulesets of one's own: every `*.nft` of a folder, by turns in one and the same router.
//!
//! For decisions about the layout. `reference.nft` is what the others are held against; what is printed is how many
//! nanoseconds of processor time a packet costs more than there. What else happens on the machine only ever adds, so
//! the best tenth of the rounds of each layout is what counts; the median of the rounds' differences stands beside it.

use std::path::Path;
use std::time::Duration;
use std::{fs, iter};

use super::super::table::print;
use super::lab::Lab;
use super::rules::Load;

const ROUNDS: usize = 60;
const BURST: Duration = Duration::from_millis(15);
const NEW_FLOWS: u32 = 2_000;
const REFERENCE: &str = "reference";

/// A ruleset, and what a packet cost in each round: of one flow, and of flows of its own.
struct Layout {
    name: String,
    text: String,
    nanoseconds: [Vec<f64>; 2],
}

/// Measures and prints, the cheapest first.
pub(crate) fn compare(folder: &Path) {
    let mut layouts = read(folder);
    let lab = Lab::new(&Load::Nothing);
    for round in 0..=ROUNDS {
        // Nobody always follows the same one.
        let n_layouts = layouts.len();
        layouts.rotate_left(round % n_layouts);
        for layout in &mut layouts {
            lab.reload(&layout.text);
            let measured = [lab.one_flow(BURST), lab.new_flows(NEW_FLOWS, BURST)];
            // The first round warms up.
            if round > 0 {
                for (all, (spent, n_packets)) in layout.nanoseconds.iter_mut().zip(measured) {
                    all.push(spent.as_secs_f64() * 1e9 / f64::from(n_packets));
                }
            }
        }
        layouts.sort_by(|one, other| one.name.cmp(&other.name));
    }
    report(&layouts);
}

fn read(folder: &Path) -> Vec<Layout> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut layouts: Vec<Layout> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "nft"))
        .map(|path| Layout {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
            nanoseconds: [const { Vec::new() }; 2],
        })
        .collect();
    layouts.sort_by(|one, other| one.name.cmp(&other.name));
    layouts
}

fn report(layouts: &[Layout]) {
    let reference = layouts.iter().find(|layout| layout.name == REFERENCE).unwrap();
    let mut lines: Vec<(f64, String)> = layouts
        .iter()
        .map(|layout| {
            let [one, new] = [0, 1].map(|kind| more(&layout.nanoseconds[kind], &reference.nanoseconds[kind]));
            (one.0, format!("| {} | {:+.0} | {:+.0} | {:+.0} | {:+.0} |", layout.name, one.0, one.1, new.0, new.1))
        })
        .collect();
    lines.sort_by(|one, other| one.0.total_cmp(&other.0));
    let [one, new] = [0, 1].map(|kind| at(10, reference.nanoseconds[kind].clone()));
    let head = format!("reference: {one:.0} ns a packet of one flow, {new:.0} ns a new flow");
    let columns =
        "| layout | one flow, best tenth | median | new flows, best tenth | median |\n|---|---|---|---|---|".to_owned();
    let all: Vec<String> = iter::once(head).chain([columns]).chain(lines.into_iter().map(|(_, line)| line)).collect();
    print(&all.join("\n"));
}

/// The difference of the best tenths, and the median of the differences.
fn more(of: &[f64], reference: &[f64]) -> (f64, f64) {
    let differences = of.iter().zip(reference).map(|(of, reference)| of - reference).collect();
    (at(10, of.to_vec()) - at(10, reference.to_vec()), at(50, differences))
}

/// What so many of a hundred figures are below.
fn at(percent: usize, mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() - 1) * percent / 100]
}
