//! A clock of the day that jumps: nothing that is enforced hangs on it.

use std::fs;
use std::path::Path;

use super::node::{Node, opens, shuts};
use crate::privilege::{can_make_namespaces, report};

/// What makes a program see another time of the day (Debian's package libfaketime), and leaves the clock alone that nobody
/// can set.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"];

const OPEN: &str = "80/TCP  open  shut\nsender  open  open\n";
const SHUT: &str = "80/TCP  open  shut\nsender  open  drop\n";

#[test]
fn operations_4_4_12_a_clock_that_jumps_by_years_holds_up_nothing() {
    if !can_make_namespaces("agent clock") {
        return;
    }
    let Some(library) = LIBRARIES.into_iter().find(|library| Path::new(library).exists()) else {
        report("skipped: no libfaketime (apt-get install faketime)");
        return;
    };
    let mut node = Node::new();
    let offset = node.path("offset");
    fs::write(&offset, "+0").unwrap();
    let under = [
        "env".to_owned(),
        format!("LD_PRELOAD={library}"),
        format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ];
    let under: Vec<&str> = under.iter().map(String::as_str).collect();
    node.write("open.yaml", &opens("opens"));
    node.start_under(&under, &[]);
    node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    node.is(OPEN);
    // Each jump sees a pod shut and opened again; in the log the year is another one.
    for jump in ["+10y", "-10y", "+3650d", "-1h"] {
        fs::write(&offset, jump).unwrap();
        node.write("shut.yaml", &shuts("shut"));
        node.becomes(SHUT);
        node.remove("shut.yaml");
        node.becomes(OPEN);
        assert_eq!(node.http("/ready").unwrap().0, 200, "{jump}: {:?}", node.http("/ready"));
        assert_eq!(node.http("/live").unwrap().0, 200, "{jump}");
    }
    let log = node.log();
    let years: Vec<i32> = log.lines().filter_map(year).collect();
    let jumped = |by: i32| years.first().is_some_and(|first| years.contains(&(first + by)));
    assert!(jumped(10) && jumped(-10), "the clock did not jump: {years:?}\n{log}");
    // Begun years before what it has on disk was written.
    node.write("shut.yaml", &shuts("shut"));
    node.becomes(SHUT);
    assert!(node.stop().success());
    fs::write(&offset, "-20y").unwrap();
    node.start_under(&under, &[]);
    node.is(SHUT);
    node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    node.is(SHUT);
}

/// Of a line that begins with a time.
fn year(line: &str) -> Option<i32> {
    line.split_once('-')?.0.parse().ok()
}
