//! Rules that are bound to a moment, asked now: windows around the present and beside it, by ferm's rules and by ours.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::configurations::Configuration;
use super::ferm::{self, Backend};
use super::pair::Pair;
use super::probes::Probe;
use super::sequence::attempt;
use super::{can_compare, compiled, report};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The first port; every window has one of its own.
const FIRST_PORT: u16 = 1000;

/// The test takes less time than this, so nothing changes while it runs unless an edge is that near.
const LONGEST: u64 = 120;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Windows by the clock of now, and whether now is in them.
fn windows(now: u64) -> Vec<(String, bool)> {
    let hour = |moment: u64| {
        let second = moment % DAY;
        format!("{:02}:{:02}:{:02}", second / HOUR, second / 60 % 60, second % 60)
    };
    let weekday = |days: u64| WEEKDAYS[usize::try_from((now / DAY + days) % 7).unwrap()];
    let (yesterday, today, tomorrow) = (weekday(6), weekday(0), weekday(1));
    let (before, after) = (now - HOUR / 2, now + HOUR / 2);
    let mut windows = vec![
        (format!("timestart {} timestop {}", hour(before), hour(after)), true),
        (format!("timestart {} timestop {}", hour(after), hour(before)), false),
        (format!("timestart {} timestop {}", hour(after), hour(after + 600)), false),
        (format!("timestart {} timestop {}", hour(after), hour(after)), true),
        (format!("weekdays {today}"), true),
        (format!("weekdays !{today}"), false),
        (format!("weekdays ({yesterday} {tomorrow})"), false),
        (format!("weekdays ({yesterday} {today})"), true),
        (format!("weekdays {today} timestart {} timestop {}", hour(before), hour(after)), true),
        (format!("datestart {} datestop {}", date(now - HOUR), date(now + HOUR)), true),
        (format!("datestart {}", date(now + HOUR)), false),
        (format!("datestop {}", date(now - HOUR)), false),
        (format!("datestop {} weekdays {today}", date(now + HOUR)), true),
        (format!("datestart {} weekdays {tomorrow}", date(now - HOUR)), false),
    ];
    // Over midnight, up to half an hour from now: the window began yesterday.
    if after % DAY > HOUR {
        let window = format!("timestart {} timestop {} contiguous", hour(after + 1), hour(after));
        windows.push((format!("{window} weekdays {yesterday}"), true));
        windows.push((format!("{window} weekdays {today}"), false));
    }
    // And since half an hour ago: it began today.
    if before % DAY > HOUR {
        let window = format!("timestart {} timestop {} contiguous", hour(before), hour(before - 600));
        windows.push((format!("{window} weekdays {today}"), true));
        windows.push((format!("{window} weekdays {yesterday}"), false));
    }
    windows
}

/// The date and the time of day of a moment, by counting the years and months since 1970.
fn date(moment: u64) -> String {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut days) = (1970, moment / DAY);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let second = moment % DAY;
    let (hour, minute) = (second / HOUR, second / 60 % 60);
    format!("{year}-{:02}-{:02}T{hour:02}:{minute:02}:{:02}", month + 1, days + 1, second % 60)
}

#[test]
fn both_routers_have_the_same_time() {
    if !can_compare("both_routers_have_the_same_time") {
        return;
    }
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left = DAY - seconds() % DAY;
    if left < LONGEST {
        std::thread::sleep(Duration::from_secs(left + 1));
    }
    let windows = windows(seconds());
    let mut text = String::from("domain (ip ip6) chain INPUT {\n");
    for (port, (window, _)) in (FIRST_PORT..).zip(&windows) {
        writeln!(text, "    proto tcp dport {port} mod time {window} ACCEPT;").unwrap();
    }
    text.push_str("    DROP;\n}\n");
    // A folder of its own: ferm's output is put beside the file.
    let folder = std::env::temp_dir().join(format!("palisade-clock-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("rules.ferm");
    std::fs::write(&path, &text).unwrap();
    let expanded = ferm::expand(std::slice::from_ref(&path)).remove(0).unwrap();
    let ruleset = compiled(&Configuration { name: "clock".to_owned(), path });
    std::fs::remove_dir_all(&folder).unwrap();
    let ruleset = ruleset.unwrap_or_else(|| panic!("refused: {text}"));
    let pair = Pair::new();
    for backend in [Backend::Nft, Backend::Legacy] {
        pair.load(backend, &expanded).unwrap_or_else(|complaint| panic!("{complaint}\n{text}"));
        for (is_v4, first) in [(true, 1), (false, 1000)] {
            let probes: Vec<Probe> = (first..)
                .zip(FIRST_PORT..)
                .zip(&windows)
                .map(|((number, port), _)| attempt(b'a', port, number, is_v4))
                .collect();
            pair.begin(&ruleset, &probes);
            for (probe, (window, is_now)) in probes.iter().zip(&windows) {
                assert_eq!(pair.try_one(probe), [*is_now; 2], "{window}, {backend:?}, IPv4: {is_v4}");
            }
        }
        pair.unload(backend);
    }
    report(&format!("{} windows around and beside now, in both families, by both backends", windows.len()));
}
