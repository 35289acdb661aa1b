//! What compiling costs for clusters of six shapes, for one node with 110 pods: cold, and after one pod's change.
//!
//! `cargo bench --bench shapes` prints the table; `-- quick` does a tenth of each; `-- only NAME` one shape. Each shape
//! at each size is measured in a process of its own.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up stops")]
#![expect(clippy::print_stdout, reason = "figures are what the bench is for")]

use std::alloc::System;
use std::env;
use std::process::Command;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use self::measure::Figures;
use self::shape::{SHAPES, Shape};

mod measure;
mod report;
mod shape;
mod world;

/// Counts allocations.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["measure", name, by] => println!("{}", serde_json::to_string(&measured(name, by.parse().unwrap())).unwrap()),
        ["quick"] => report::publish(&rows(&SHAPES, 10)),
        ["only", name] => {
            let shapes: Vec<Shape> = SHAPES.into_iter().filter(|shape| shape.name == *name).collect();
            report::publish(&rows(&shapes, 1));
        }
        _ => report::publish(&rows(&SHAPES, 1)),
    }
}

fn measured(name: &str, by: usize) -> Figures {
    let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
    measure::figures((shape.make)(by))
}

/// Each shape at a quarter of its size and at its size, both divided by `by`.
fn rows(shapes: &[Shape], by: usize) -> Vec<report::Row> {
    let row = |shape: &Shape| report::Row { shape: *shape, quarter: child(shape, 4 * by), full: child(shape, by) };
    shapes.iter().map(row).collect()
}

fn child(shape: &Shape, by: usize) -> Figures {
    let output =
        Command::new(env::current_exe().unwrap()).args(["measure", shape.name, &by.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
