//! Matches on the moment at which a packet is looked at.

use super::expr::Operator;

/// `meta hour 32400-61199`: a part of the moment lies in a range, or outside it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Clock {
    /// Which part.
    pub part: ClockPart,
    /// Inside or outside.
    pub operator: Operator,
    /// The first of the range.
    pub low: u64,
    /// The last of it, included; not below the first, and at most [`ClockPart::largest`].
    pub high: u64,
}

/// A part of a moment.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ClockPart {
    /// `meta time`: seconds since 1970. The kernel compares nanoseconds: the last of a range is the beginning of its
    /// second.
    Time,
    /// `meta day`: of the week in the kernel's time zone, Sunday is 0.
    Day,
    /// `meta hour`: seconds since midnight, UTC.
    Hour,
}

impl ClockPart {
    /// The greatest value that can be written.
    pub fn largest(self) -> u64 {
        match self {
            // The last whole second of a clock of 64 bits of nanoseconds.
            Self::Time => 18_446_744_073,
            Self::Day => 6,
            Self::Hour => 86_399,
        }
    }
}
