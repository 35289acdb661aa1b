//! The line and the exit code of a monitoring plugin, by the guidelines that Nagios, Icinga and others share.

use std::fmt::Write as _;

pub use self::range::{Range, RangeError};

mod range;

/// The states of a monitoring plugin, by their exit codes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PluginState {
    /// 0.
    Ok,
    /// 1.
    Warning,
    /// 2.
    Critical,
    /// 3.
    Unknown,
}

impl PluginState {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// As the line says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// When a value is of concern. Without a range it never is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// Of concern.
    pub warning: Option<Range>,
    /// Of more.
    pub critical: Option<Range>,
}

impl Thresholds {
    /// These, and where one is not given that of the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self { warning: self.warning.or(others.warning), critical: self.critical.or(others.critical) }
    }

    /// How bad a value is.
    pub fn judge(&self, value: u64) -> PluginState {
        let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
        if alerts(self.critical) {
            PluginState::Critical
        } else if alerts(self.warning) {
            PluginState::Warning
        } else {
            PluginState::Ok
        }
    }
}

/// What a plugin prints.
#[derive(Debug)]
pub struct Line {
    state: PluginState,
    text: String,
    data: String,
    long: String,
}

impl Line {
    /// A line without data.
    pub fn new(state: PluginState, text: &str) -> Self {
        Self { state, text: plain(text), data: String::new(), long: String::new() }
    }

    /// With a number beside it. `value` has its unit: `3s`, `7c`, `12`.
    #[must_use]
    pub fn with(mut self, label: &str, value: &str, thresholds: Thresholds) -> Self {
        let range = |range: Option<Range>| range.map(|range| range.to_string()).unwrap_or_default();
        let (warning, critical) = (range(thresholds.warning), range(thresholds.critical));
        // Writing to a String cannot fail.
        let _: std::fmt::Result = write!(self.data, " {label}={value};{warning};{critical};0");
        self
    }

    /// With lines below it.
    #[must_use]
    pub fn with_long<'t>(mut self, lines: impl IntoIterator<Item = &'t str>) -> Self {
        for line in lines {
            self.long.push_str(&plain(line));
            self.long.push('\n');
        }
        self
    }

    /// How bad it is.
    pub fn state(&self) -> PluginState {
        self.state
    }

    /// All of it.
    pub fn print(&self) -> String {
        let Self { state, text, data, long } = self;
        let data = if data.is_empty() { String::new() } else { format!(" |{data}") };
        format!("PALISADE {} - {text}{data}\n{long}", state.word())
    }
}

/// Text in front of performance data cannot hold the sign that begins them, nor a line's end.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_text_data_and_more_lines() {
        let thresholds = Thresholds { warning: Some("60".parse().unwrap()), critical: Some("~:300".parse().unwrap()) };
        let line = Line::new(thresholds.judge(61), "a|b\nc");
        let line = line.with("age", "61s", thresholds).with("rules", "8", Thresholds::default());
        let line = line.with_long(["one | two"]);
        assert_eq!(line.print(), "PALISADE WARNING - a/b c | age=61s;60;~:300;0 rules=8;;;0\none / two\n");
        assert_eq!(Line::new(PluginState::Unknown, "x").print(), "PALISADE UNKNOWN - x\n");
        assert_eq!([60, 301].map(|value| thresholds.judge(value)), [PluginState::Ok, PluginState::Critical]);
    }
}
