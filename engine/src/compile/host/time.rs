//! `mod time`: hours of the day, days of the week, and dates, all of them UTC.
//!
//! What differs: iptables compares dates with a clock that ends in 2038, so its rules do, too. The days of nftables are
//! those of the kernel's time zone, which is UTC unless somebody told the kernel otherwise.

use policy_lang::host::rule::{Match, Word};
use policy_lang::source::Span;

use super::clause::{Reading, Test};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse, suggestion};
use super::matching::{Context, options};
use super::operand::{number, only, words};
use crate::ruleset::{Clock, ClockPart, Expr, Operator};

/// The module's name.
const MODULE: &str = "time";

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Every second of a day.
const WHOLE_DAY: (u64, u64) = (0, DAY - 1);

/// Bits of all days of the week, Sunday's the lowest.
const EVERY_DAY: u8 = 0x7f;

/// As iptables names them, by nftables' numbers.
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a rule says of the moment.
struct Window {
    /// Seconds since midnight, both ends included; over midnight if the second is not above the first.
    hours: (u64, u64),
    /// Seconds since 1970, both ends included.
    dates: (Option<u64>, Option<u64>),
    days: u8,
    /// The hours after midnight are the day before's.
    is_contiguous: bool,
}

/// What a rule asks, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let mut window = Window { hours: WHOLE_DAY, dates: (None, None), days: EVERY_DAY, is_contiguous: false };
    let mut local = None;
    for option in options(context.rule, MODULE) {
        let word = || only(option.keyword, &option.operands, option.span);
        match option.keyword {
            "timestart" => window.hours.0 = hour(word()?)?,
            "timestop" => window.hours.1 = hour(word()?)?,
            "datestart" => window.dates.0 = Some(date(word()?)?),
            "datestop" => window.dates.1 = Some(date(word()?)?),
            "weekdays" => window.days = days(option)?,
            "contiguous" => window.is_contiguous = true,
            "kerneltz" => local = Some(option.span),
            other => return Err(without_form(other, option.span)),
        }
    }
    let (start, stop) = window.hours;
    if window.is_contiguous && start < stop {
        let message = "`contiguous` says nothing of hours that do not go over midnight";
        return Err(refuse(OPERAND, found.span, message, "leave it out, or let `timestop` be before `timestart`"));
    }
    // Days alone are compared in the kernel's time zone.
    if let Some(span) = local.filter(|_| window.hours != WHOLE_DAY || window.dates != (None, None)) {
        return Err(without_form("kerneltz", span));
    }
    Ok(reading(&window))
}

fn without_form(keyword: &str, span: Span) -> Refusal {
    let help = match keyword {
        "kerneltz" => "write the times in UTC, and leave it out",
        "days" => "iptables calls them `weekdays`",
        _ => "write the days as dates: datestart 2027-01-01 datestop 2027-01-01T23:59:59",
    };
    refuse(UNSUPPORTED, span, format!("`{keyword}` of {MODULE} has no form in nftables here"), help)
}

fn reading(window: &Window) -> Reading {
    let Window { hours: _, dates, days, is_contiguous: _ } = *window;
    if days == 0 || matches!(dates, (Some(first), Some(last)) if first > last) {
        return Reading::Never;
    }
    let largest = ClockPart::Time.largest();
    let after = dates.0.filter(|first| *first > 0).map(|first| inside(ClockPart::Time, first, largest));
    // The last second is a whole one.
    let before = dates.1.map(|last| outside(ClockPart::Time, last + 1, largest));
    let dates: Vec<Expr> = after.into_iter().chain(before).collect();
    let found: Vec<Vec<Expr>> = stretches(window)
        .into_iter()
        .flat_map(|(hours, days)| on_days(&dates.iter().cloned().chain(hours).collect::<Vec<_>>(), days))
        .collect();
    if found.iter().any(Vec::is_empty) { Reading::Always } else { Reading::Test(Test::Alternatives(found)) }
}

/// Hours, and the days that they are on. Nothing is asked of the hours where all of a day are meant.
fn stretches(window: &Window) -> Vec<(Option<Expr>, u8)> {
    let Window { hours: (start, stop), dates: _, days, is_contiguous } = *window;
    let within = |(first, last): (u64, u64)| ((first, last) != WHOLE_DAY).then(|| inside(ClockPart::Hour, first, last));
    if start < stop {
        return vec![(within((start, stop)), days)];
    }
    if is_contiguous && days != EVERY_DAY {
        let stretches = [((0, stop), following(days)), ((start.max(stop + 1), DAY - 1), days)];
        let some = stretches.into_iter().filter(|((first, last), _)| first <= last);
        return some.map(|(hours, days)| (within(hours), days)).collect();
    }
    vec![((stop + 1 < start).then(|| outside(ClockPart::Hour, stop + 1, start - 1)), days)]
}

/// The same on some days of the week: no moment is in two of the alternatives.
fn on_days(exprs: &[Expr], days: u8) -> Vec<Vec<Expr>> {
    let with = |day: Expr| exprs.iter().cloned().chain([day]).collect();
    let (these, others) = (runs(days), runs(!days & EVERY_DAY));
    match (these.as_slice(), others.as_slice()) {
        (_, []) => vec![exprs.to_vec()],
        ([_], _) | (_, [_, _, ..]) => {
            these.into_iter().map(|(first, last)| with(inside(ClockPart::Day, first, last))).collect()
        }
        // Over the end of the week.
        (_, [(first, last)]) => vec![with(outside(ClockPart::Day, *first, *last))],
    }
}

/// The days one after the other, as first and last.
fn runs(days: u8) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for day in (0..7).filter(|day| days & 1 << day != 0) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => runs.push((day, day)),
        }
    }
    runs
}

/// The day after each.
fn following(days: u8) -> u8 {
    (days << 1 | days >> 6) & EVERY_DAY
}

fn inside(part: ClockPart, low: u64, high: u64) -> Expr {
    Expr::Clock(Clock { part, operator: Operator::Eq, low, high })
}

fn outside(part: ClockPart, low: u64, high: u64) -> Expr {
    Expr::Clock(Clock { part, operator: Operator::Ne, low, high })
}

/// `17:30` or `17:30:59`.
fn hour(word: &Word) -> Result<u64, Refusal> {
    clock(&word.text, 2).ok_or_else(|| {
        let message = format!("`{}` is no time of the day", word.text);
        refuse(OPERAND, word.span, message, "write hours and minutes in UTC, from 00:00 to 23:59:59")
    })
}

/// Hours, minutes and seconds as seconds; those that are missing are none, down to so many that must be there.
fn clock(text: &str, least: usize) -> Option<u64> {
    let parts: Option<Vec<u64>> = text.split(':').map(decimal).collect();
    let parts = parts.filter(|parts| (least..=3).contains(&parts.len()))?;
    let part = |index: usize, most: u64| Some(parts.get(index).copied().unwrap_or(0)).filter(|part| *part <= most);
    Some(part(0, 23)? * 3_600 + part(1, 59)? * 60 + part(2, 59)?)
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `2027`, `2027-01`, `2027-01-31` or `2027-01-31T17:30:00`; what is missing is the first of its kind.
fn date(word: &Word) -> Result<u64, Refusal> {
    let (day, time) = word.text.split_once('T').map_or((&*word.text, None), |(day, time)| (day, Some(time)));
    let seconds = time.map_or(Some(0), |time| clock(time, 1));
    let parts: Option<Vec<u64>> = day.split('-').map(decimal).collect();
    let days = match (parts.as_deref(), time) {
        (Some([year]), None) => since_1970(*year, 1, 1),
        (Some([year, month]), None) => since_1970(*year, *month, 1),
        (Some([year, month, day]), _) => since_1970(*year, *month, *day),
        _ => None,
    };
    days.zip(seconds).map(|(days, seconds)| days * DAY + seconds).ok_or_else(|| {
        let help = "write a date from 1970 to 2038, in UTC: 2027-01-31 or 2027-01-31T17:30:00";
        refuse(OPERAND, word.span, format!("`{}` is no date", word.text), help)
    })
}

/// Days from 1970 to a date that the calendar has.
fn since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |year: u64, month: u64| match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_date =
        (1970..=2038).contains(&year) && (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    is_date.then(|| {
        let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
        let months: u64 = (1..month).map(|month| length(year, month)).sum();
        years + months + day - 1
    })
}

/// Bits of the days of the week: `Mon`, `Mo` or `1` to `7`.
fn days(option: &Match) -> Result<u8, Refusal> {
    let mut days = 0;
    for word in words(&option.operands) {
        for part in word.text.split(',') {
            let named = DAYS.iter().position(|name| part.len() > 1 && name.starts_with(part));
            let numbered = number(part).filter(|number| (1..=7).contains(number)).map(|number| number % 7);
            let day = named.and_then(|day| u32::try_from(day).ok()).or(numbered).ok_or_else(|| {
                let help = suggestion(part, DAYS.into_iter(), "write Mon, Tue, Wed, Thu, Fri, Sat or Sun, or 1 to 7");
                refuse(OPERAND, word.span, format!("`{part}` is no day of the week"), help)
            })?;
            days |= 1 << day;
        }
    }
    Ok(if option.negated { !days & EVERY_DAY } else { days })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_as_the_calendar_has_them() {
        assert_eq!(since_1970(1970, 1, 1), Some(0));
        assert_eq!(since_1970(2000, 3, 1), Some(11_017));
        assert_eq!(since_1970(2038, 1, 19), Some(24_855));
        assert_eq!(since_1970(2023, 2, 29), None);
        assert_eq!(since_1970(2024, 2, 29), Some(19_782));
        assert_eq!(since_1970(2024, 13, 1), None);
        assert_eq!(since_1970(2024, 0, 1), None);
    }

    #[test]
    fn days_follow_each_other_over_the_end_of_the_week() {
        assert_eq!(runs(0b011_1110), [(1, 5)]);
        assert_eq!(runs(0b110_0001), [(0, 0), (5, 6)]);
        assert_eq!(following(0b100_0001), 0b000_0011);
    }
}
