//! Sets of values as disjoint intervals: union and difference, merged where they touch.
//!
//! The kernel refuses, or silently misreads, intervals that overlap, so every interval set is built through this.

use rangemap::RangeInclusiveSet;

use crate::ruleset::{DataType, Datum, ElementKey, Elements, Interval};
use crate::ruleset::{Element, Value};

/// Values of one type.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Intervals {
    data_type: DataType,
    ranges: RangeInclusiveSet<u128>,
}

impl Intervals {
    /// No value of this type.
    pub fn empty(data_type: DataType) -> Self {
        Self { data_type, ranges: RangeInclusiveSet::new() }
    }

    /// Adds every value of an interval. Intervals of another type are none of this set's values.
    pub fn insert(&mut self, interval: Interval) {
        if interval.data_type() == self.data_type {
            self.ranges.insert(interval.low().to_u128()..=interval.high().to_u128());
        }
    }

    /// Takes every value of an interval out.
    pub fn remove(&mut self, interval: Interval) {
        if interval.data_type() == self.data_type {
            self.ranges.remove(interval.low().to_u128()..=interval.high().to_u128());
        }
    }

    /// Adds every value of another set.
    pub fn extend(&mut self, other: &Self) {
        other.iter().for_each(|interval| self.insert(interval));
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many intervals it takes.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The intervals, disjoint, not touching, in order.
    pub fn iter(&self) -> impl Iterator<Item = Interval> + '_ {
        self.ranges.iter().filter_map(|range| {
            Interval::new(
                Datum::from_u128(self.data_type, *range.start()),
                Datum::from_u128(self.data_type, *range.end()),
            )
        })
    }

    /// As the elements of a set with intervals.
    pub fn elements(&self) -> Elements {
        self.iter().map(|interval| (ElementKey::intervals([interval]), Element::PLAIN)).collect()
    }

    /// The constant to compare with, if one comparison is enough.
    pub fn as_value(&self) -> Option<Value> {
        let mut intervals = self.iter();
        let only = intervals.next()?;
        match intervals.next() {
            Some(_) => None,
            None => Some(value(only)),
        }
    }
}

/// The shortest way to write an interval: a value, a prefix, or a range.
pub fn value(interval: Interval) -> Value {
    if interval.is_single() {
        return Value::One(interval.low());
    }
    let bits = interval.data_type().width() * 8;
    let differing = interval.low().to_u128() ^ interval.high().to_u128();
    let host_bits = 128 - differing.leading_zeros() as usize;
    let is_prefix = differing.checked_add(1).is_none_or(u128::is_power_of_two)
        && interval.low().to_u128() & differing == 0
        && host_bits < bits;
    match (is_address(interval.data_type()), is_prefix, u8::try_from(bits - host_bits)) {
        (true, true, Ok(length)) => Value::Prefix(interval.low(), length),
        _ => Value::Range(interval),
    }
}

/// The values that a constant stands for: the inverse of [`value`].
pub fn of(value: &Value) -> Interval {
    match value {
        Value::One(value) => Interval::single(*value),
        Value::Range(range) => *range,
        Value::Prefix(first, bits) => {
            let data_type = first.data_type();
            let mask = Datum::max(data_type).to_u128().checked_shr(u32::from(*bits)).unwrap_or(0);
            let end = |number| Datum::from_u128(data_type, number);
            let (low, high) = (end(first.to_u128() & !mask), end(first.to_u128() | mask));
            Interval::new(low, high).unwrap_or(Interval::single(low))
        }
    }
}

fn is_address(data_type: DataType) -> bool {
    matches!(data_type, DataType::Ipv4Addr | DataType::Ipv6Addr)
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    fn check(add: &[&str], remove: &[&str]) -> Vec<String> {
        let mut set = Intervals::empty(DataType::Ipv4Addr);
        let network = |text: &&str| Interval::network(text.parse::<IpNet>().unwrap());
        add.iter().map(network).for_each(|interval| set.insert(interval));
        remove.iter().map(network).for_each(|interval| set.remove(interval));
        set.iter().map(|interval| format!("{:x}-{:x}", interval.low().to_u128(), interval.high().to_u128())).collect()
    }

    #[test]
    fn sem_46_exceptions_are_subtracted() {
        assert_eq!(check(&["10.0.0.0/8"], &["10.1.0.0/16"]), ["a000000-a00ffff", "a020000-affffff"]);
    }

    #[test]
    fn what_touches_is_merged() {
        assert_eq!(check(&["10.0.0.0/9", "10.128.0.0/9"], &[]), ["a000000-affffff"]);
    }

    #[test]
    fn everything_is_a_range_and_not_a_prefix_of_no_bits() {
        let all = Interval::all(DataType::Ipv6Addr);
        assert_eq!(value(all), Value::Range(all));
    }

    #[test]
    fn a_network_is_a_prefix_and_half_of_two_is_a_range() {
        let network = Interval::network("10.0.0.0/8".parse().unwrap());
        assert_eq!(value(network), Value::Prefix(network.low(), 8));
        assert_eq!(of(&value(network)), network);
        let odd = Interval::new(Datum::port(80), Datum::port(443)).unwrap();
        assert_eq!(value(odd), Value::Range(odd));
        assert_eq!(of(&value(odd)), odd);
    }
}
