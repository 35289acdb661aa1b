//! Moments: `mod time`.

use super::lowered::{Lowered, both, input};

#[track_caller]
fn check(rule: &str, expected: &str) {
    assert_eq!(both(&format!("mod time {rule} ACCEPT;")), expected, "{rule}");
}

#[track_caller]
fn refused(rule: &str, expected: &str) {
    let lowered = Lowered::of(&format!("chain INPUT mod time {rule} ACCEPT;"));
    assert_eq!(lowered.findings().trim_end(), expected, "{rule}");
}

#[test]
fn hours_are_seconds_of_the_day_in_utc() {
    check("timestart 09:00 timestop 17:30", "meta hour 32400-63000 accept");
    check("timestart 9:05:07", "meta hour 32707-86399 accept");
    check("timestop 17:30", "meta hour 0-63000 accept");
    check("timestart 00:00 timestop 23:59:59", "accept");
}

#[test]
fn hours_over_midnight_are_those_outside() {
    check("timestart 22:00 timestop 06:00", "meta hour != 21601-79199 accept");
    check("timestart 22:00 timestop 22:00", "accept");
    check("timestart 22:00:01 timestop 22:00", "accept");
    check("timestart 22:00:02 timestop 22:00", "meta hour != 79201 accept");
}

#[test]
fn days_are_ranges() {
    check("weekdays (Mon Tue Wed Thu Fri)", "meta day 1-5 accept");
    check("weekdays 'Sat,Sun'", "meta day != 1-5 accept");
    check("weekdays (Sa 7)", "meta day != 1-5 accept");
    check("weekdays !Sunday", "meta day 1-6 accept");
    check(
        "weekdays (Mon Wed Fri)",
        "meta day \"Monday\" accept\nmeta day \"Wednesday\" accept\nmeta day \"Friday\" accept",
    );
    check("weekdays !Wed", "meta day != \"Wednesday\" accept");
    check("weekdays (1 2 3 4 5 6 7)", "accept");
    check("kerneltz weekdays Mon", "meta day \"Monday\" accept");
    assert_eq!(both("mod time weekdays !(1 2 3 4 5 6 7) ACCEPT; DROP;"), "drop");
}

#[test]
fn the_hours_after_midnight_are_of_the_day_before_where_they_go_together() {
    check("weekdays Sat timestart 22:00 timestop 06:00", "meta hour != 21601-79199 meta day \"Saturday\" accept");
    check(
        "weekdays Sat timestart 22:00 timestop 06:00 contiguous",
        "meta hour 0-21600 meta day \"Sunday\" accept\nmeta hour 79200-86399 meta day \"Saturday\" accept",
    );
    check(
        "weekdays Mon timestart 12:00 timestop 12:00 contiguous",
        "meta hour 0-43200 meta day \"Tuesday\" accept\nmeta hour 43201-86399 meta day \"Monday\" accept",
    );
    check("timestart 22:00 timestop 06:00 contiguous", "meta hour != 21601-79199 accept");
}

#[test]
fn dates_begin_and_end_with_whole_seconds() {
    check("datestart 2027-01-01", "meta time 1798761600-18446744073 accept");
    check("datestop 2027-01-01T12:00", "meta time != 1798804801-18446744073 accept");
    check(
        "datestart 2027 datestop 2027-02 timestart 10:00 weekdays Mon",
        "meta time 1798761600-18446744073 meta time != 1801440001-18446744073 meta hour 36000-86399 meta day \"Monday\" accept",
    );
    check("datestart 1970", "accept");
    assert_eq!(input("mod time datestart 2028 datestop 2027 ACCEPT; DROP;"), "meta nfproto ipv4 drop");
}

#[test]
fn every_rule_has_its_moment_once() {
    check(
        "timestart 10:00 timestop 11:00 proto tcp dport (22 80)",
        "meta l4proto tcp meta hour 36000-39600 tcp dport { 22, 80 } accept",
    );
}

#[test]
fn what_is_no_moment_is_refused_where_it_stands() {
    refused(
        "timestart 24:00",
        "error 1:32 `24:00` `24:00` is no time of the day (write hours and minutes in UTC, from 00:00 to 23:59:59)",
    );
    refused(
        "datestop 2027-02-30",
        "error 1:31 `2027-02-30` `2027-02-30` is no date (write a date from 1970 to 2038, in UTC: 2027-01-31 or 2027-01-31T17:30:00)",
    );
    refused(
        "weekdays (Mon Tus)",
        "error 1:36 `Tus` `Tus` is no day of the week (write Mon, Tue, Wed, Thu, Fri, Sat or Sun, or 1 to 7)",
    );
    refused(
        "timestart 10:00 timestop 12:00 contiguous",
        "error 1:22 `timestart 10:00` `contiguous` says nothing of hours that do not go over midnight (leave it out, or let `timestop` be before `timestart`)",
    );
    refused(
        "timestart 10:00 kerneltz",
        "error 1:38 `kerneltz` `kerneltz` of time has no form in nftables here (write the times in UTC, and leave it out)",
    );
    refused(
        "monthday (1 15)",
        "error 1:22 `monthday (1 15)` `monthday` of time has no form in nftables here (write the days as dates: datestart 2027-01-01 datestop 2027-01-01T23:59:59)",
    );
    refused(
        "days Mon",
        "error 1:22 `days Mon` `days` of time has no form in nftables here (iptables calls them `weekdays`)",
    );
}
