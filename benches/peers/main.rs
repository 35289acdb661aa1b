//! Side by side with nft, ferm, iptables and ipset, as ratios of one run. Needs root and those programs.
//!
//! `cargo bench --bench peers` prints all tables, `cargo bench --bench peers -- load` (or `host`, `pods`, `updates`, `datapath`) one.
//! `pods WORDS…` and `datapath WORDS…` send packets only through what is called by these words, for a profile of it. `layouts FOLDER`
//! compares rulesets that stand in files, for decisions about the layout; it is no part of the rest.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up stops")]

use std::env;
use std::path::Path;

mod cost;
mod datapath;
mod host;
mod load;
#[path = "../pipeline.rs"]
mod pipeline;
mod shape;
mod table;
mod updates;
#[path = "../world.rs"]
mod world;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [first, folder] = arguments.as_slice()
        && first == "layouts"
    {
        return datapath::layouts::compare(Path::new(folder));
    }
    let wanted = |name: &str| arguments.first().is_none_or(|first| first == name);
    if wanted("load") {
        load::table().publish();
    }
    if wanted("host") {
        host::tables().iter().for_each(table::Table::publish);
    }
    if wanted("updates") {
        updates::publish();
    }
    if wanted("pods") {
        datapath::pods::tables(&arguments.get(1..).unwrap_or_default().join(" "))
            .iter()
            .for_each(table::Table::publish);
    }
    if wanted("datapath") {
        datapath::tables(&arguments.get(1..).unwrap_or_default().join(" ")).iter().for_each(table::Table::publish);
    }
}
