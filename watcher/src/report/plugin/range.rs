//! Ranges of a monitoring plugin: `10`, `10:`, `~:10`, `10:20` and, turned round, `@10:20`.

use std::fmt;
use std::str::FromStr;

/// Values that are of no concern; with `@`, those that are. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// None: no lower end.
    start: Option<f64>,
    /// None: no upper end.
    end: Option<f64>,
    is_inverted: bool,
}

/// Why a text is no range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// An end is not a number.
    #[error("`{0}` is not a number: a range is like 10, 10:, ~:10, 10:20 or @10:20")]
    Number(String),
    /// It begins behind its end.
    #[error("the range begins behind its end")]
    Backwards,
}

impl Range {
    /// From 0 to this.
    pub const fn up_to(end: u32) -> Self {
        // `f64::from` is not const.
        Self { start: Some(0.0), end: Some(end as f64), is_inverted: false }
    }

    /// Whether a value is of concern.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 of anything here")]
    pub fn alerts(&self, value: u64) -> bool {
        let value = value as f64;
        let is_inside = self.start.is_none_or(|start| value >= start) && self.end.is_none_or(|end| value <= end);
        is_inside == self.is_inverted
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let number = |text: &str| match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) | Err(_) => Err(RangeError::Number(text.to_owned())),
        };
        let (is_inverted, rest) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (start, end) = match rest.split_once(':') {
            None => (Some(0.0), Some(number(rest)?)),
            Some((start, end)) => (
                match start {
                    "~" => None,
                    "" => Some(0.0),
                    start => Some(number(start)?),
                },
                if end.is_empty() { None } else { Some(number(end)?) },
            ),
        };
        match (start, end) {
            (Some(start), Some(end)) if start > end => Err(RangeError::Backwards),
            (start, end) => Ok(Self { start, end, is_inverted }),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, is_inverted } = self;
        if *is_inverted {
            f.write_str("@")?;
        }
        match (start, end) {
            (Some(0.0), Some(end)) => write!(f, "{end}"),
            (Some(start), Some(end)) => write!(f, "{start}:{end}"),
            (Some(start), None) => write!(f, "{start}:"),
            (None, Some(end)) => write!(f, "~:{end}"),
            (None, None) => f.write_str("~:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_alerts_outside_of_it_or_with_an_at_inside() {
        // As in the table of the guidelines.
        for (text, quiet, loud) in [
            ("10", &[0, 10][..], &[11][..]),
            ("10:", &[10, 99], &[0, 9]),
            ("~:10", &[0, 10], &[11]),
            ("10:20", &[10, 20], &[9, 21]),
            ("@10:20", &[9, 21], &[10, 15, 20]),
            ("0", &[0], &[1]),
            (":5", &[0, 5], &[6]),
            ("1.5:2.5", &[2], &[1, 3]),
        ] {
            let range: Range = text.parse().unwrap();
            assert!(quiet.iter().all(|value| !range.alerts(*value)), "{text}");
            assert!(loud.iter().all(|value| range.alerts(*value)), "{text}");
            assert_eq!(range.to_string().parse::<Range>().unwrap(), range, "{text}");
        }
        assert_eq!(Range::up_to(10), "10".parse().unwrap());
        assert_eq!("20:10".parse::<Range>(), Err(RangeError::Backwards));
        for text in ["", "a", "1:b", "@", "NaN", "inf:"] {
            assert!(matches!(text.parse::<Range>(), Err(RangeError::Number(_))), "{text}");
        }
    }
}
