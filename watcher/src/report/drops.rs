//! What was denied: as totals of every place, and packet by packet.

use std::fmt::Write as _;

use engine::place::Event;
use serde::Serialize;

use super::places::{self, PlaceJson};
use crate::drops::CountedPlace;

#[cfg(feature = "kernel")]
mod packets;

#[cfg(feature = "kernel")]
pub use self::packets::{line, line_json};

/// The version of the JSON forms. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct TotalsJson<'a> {
    version: u32,
    places: Vec<TotalJson<'a>>,
    summary: SummaryJson,
}

#[derive(Serialize)]
struct TotalJson<'a> {
    #[serde(flatten)]
    place: PlaceJson<'a>,
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct SummaryJson {
    denied: u64,
    audited: u64,
    logged: u64,
    observed: u64,
}

/// A line for each place that counted something, those with most packets first, and how many did not.
pub fn totals(places: &[CountedPlace]) -> String {
    let mut text = String::new();
    for (event, heading) in [
        (Event::Denied, "denied"),
        (Event::Observed, "would be denied, but is only observed"),
        (Event::Audited, "would be denied, but for `audit: true`"),
        (Event::Logged, "permitted, with `log: true`"),
    ] {
        let of_event: Vec<_> = places.iter().filter(|place| place.place.event == event).collect();
        let counted: Vec<_> = of_event.iter().filter(|place| place.packets > 0).collect();
        if of_event.is_empty() || (counted.is_empty() && event != Event::Denied) {
            continue;
        }
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{heading}:");
        for CountedPlace { place, line, packets, bytes, name: _ } in &counted {
            let _: std::fmt::Result = writeln!(
                text,
                "{packets:>12} packets {:>8}  {:<28}  {line}",
                places::bytes(*bytes),
                places::words(place.cause),
            );
        }
        let silent = of_event.len() - counted.len();
        let noun = if silent == 1 { "place" } else { "places" };
        let _: std::fmt::Result = match (counted.is_empty(), silent) {
            (false, 0) => Ok(()),
            (false, silent) => writeln!(text, "             nothing at {silent} other {noun}"),
            (true, silent) => writeln!(text, "             nothing at {silent} {noun}"),
        };
    }
    if text.is_empty() { "no place of the loaded ruleset denies anything\n".to_owned() } else { text }
}

/// The form of docs/reference/drops-json.md.
pub fn totals_json(places: &[CountedPlace]) -> String {
    let sum = |event| {
        let of_event = places.iter().filter(|place| place.place.event == event);
        of_event.fold(0_u64, |sum, place| sum.saturating_add(place.packets))
    };
    super::pretty(&TotalsJson {
        version: VERSION,
        places: places.iter().map(total).collect(),
        summary: SummaryJson {
            denied: sum(Event::Denied),
            audited: sum(Event::Audited),
            logged: sum(Event::Logged),
            observed: sum(Event::Observed),
        },
    })
}

fn total(counted: &CountedPlace) -> TotalJson<'_> {
    let CountedPlace { name, place, line, packets, bytes } = counted;
    TotalJson { place: PlaceJson::new(*place, line, name.as_str()), packets: *packets, bytes: *bytes }
}
