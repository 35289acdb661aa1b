//! The figures as a table, as JSON, and as one closing line.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::measure::Figures;
use crate::shape::Shape;

/// A cold compile takes at most this, in milliseconds.
const COLD_MAX: f64 = 1_000.0;
/// One pod's change takes at most this, in milliseconds.
const CHANGE_MAX: f64 = 5.0;
/// The most memory, in MB.
const PEAK_MAX: f64 = 100.0;
/// Four times the size takes at most four to this power times the time.
const SLOPE_MAX: f64 = 1.3;

/// One shape.
pub(crate) struct Row {
    /// Which.
    pub(crate) shape: Shape,
    /// At a quarter of its size.
    pub(crate) quarter: Figures,
    /// At its size.
    pub(crate) full: Figures,
}

impl Row {
    fn slope(&self) -> f64 {
        (self.full.cold_ms / self.quarter.cold_ms).log(4.0)
    }

    /// The goals that are missed.
    fn missed(&self) -> Vec<String> {
        let goals = [
            ("cold", self.full.cold_ms, COLD_MAX),
            ("a peer's change", self.full.peer_ms, CHANGE_MAX),
            ("a local pod's change", self.full.local_ms, CHANGE_MAX),
            ("peak", self.full.peak_mb, PEAK_MAX),
            ("slope", self.slope(), SLOPE_MAX),
        ];
        let missed = goals.iter().filter(|(_, figure, most)| figure > most);
        missed.map(|(goal, figure, most)| format!("{}: {goal} {figure:.2} > {most}", self.shape.name)).collect()
    }
}

/// Prints the table and its closing line, and writes `target/bench/shapes.json`.
pub(crate) fn publish(rows: &[Row]) {
    println!(
        "| shape | policies | pods | cold, ms | slope | peer's change, ms | local pod's change, ms | allocations | input, MB | peak, MB | sets | elements | rules | longest chain |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let Figures {
            policies,
            pods,
            cold_ms,
            peer_ms,
            local_ms,
            cold_allocations,
            input_mb,
            peak_mb,
            sets,
            elements,
            rules,
            longest,
        } = row.full;
        println!(
            "| {}: {} | {policies} | {pods} | {cold_ms:.1} | {:.2} | {peer_ms:.3} | {local_ms:.1} | {cold_allocations} | {input_mb:.0} | {peak_mb:.0} | {sets} | {elements} | {rules} | {longest} |",
            row.shape.name,
            row.shape.title,
            row.slope(),
        );
    }
    let missed: Vec<String> = rows.iter().flat_map(Row::missed).collect();
    let closing =
        if missed.is_empty() { "every goal hit".to_owned() } else { format!("missed: {}", missed.join("; ")) };
    println!("\nshapes: {} shapes, {closing}", rows.len());
    let rows: Vec<_> = rows
        .iter()
        .map(|row| json!({"shape": row.shape.name, "title": row.shape.title, "slope": row.slope(), "quarter": row.quarter, "full": row.full, "missed": row.missed()}))
        .collect();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("shapes.json"), format!("{:#}\n", json!({"version": 1, "table": "shapes", "rows": rows})))
        .unwrap();
}
