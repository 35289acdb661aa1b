//! `mod u32`: four bytes from a place in the packet, some of their bits, and what number they are.
//!
//! Shifts and masks in any order leave some bits of the four bytes, side by side; so a number that is compared after them is
//! one that can be compared before. A packet that ends before the four bytes does not match, and with `!` it does.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Reading, Test};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse};
use super::operand::{only, words};
use crate::interval;
use crate::ruleset::{Bytes, BytesBase, DataType, Datum, Expr, Field, Interval, Match as Compare, Operator};

/// Four bytes.
const LENGTH: u8 = 4;

/// What iptables takes of each: questions, steps of a place, numbers that it may be.
const MOST: usize = 11;

/// Rules that one option may become.
const ALTERNATIVES_MAX: usize = 64;

/// One question.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Question {
    /// Where the bytes begin.
    offset: u8,
    /// The bits of them that are looked at.
    mask: u32,
    /// What they may be there, in order and apart.
    ranges: Vec<(u32, u32)>,
}

/// `u32 '6 & 0xFF = 17 && 20 & 0xFFFF = 53,1024:65535'`.
pub(super) fn read(found: &Match) -> Result<Reading, Refusal> {
    let word = match words(&found.operands) {
        [_, second, ..] => {
            return Err(refuse(OPERAND, second.span, "`u32` takes one text", "join the texts with `&&`"));
        }
        _ => only("u32", &found.operands, found.span)?,
    };
    let questions = Parser { word, rest: &word.text, n_alternatives: 1 }.questions()?;
    let alternatives = if found.negated { contrary(&questions) } else { product(&questions) };
    if alternatives.len() > ALTERNATIVES_MAX {
        let message = format!("this becomes {} rules", alternatives.len());
        return Err(refuse(UNSUPPORTED, word.span, message, "ask fewer questions in one rule, or for fewer numbers"));
    }
    Ok(if alternatives.is_empty() { Reading::Never } else { Reading::Test(Test::Alternatives(alternatives)) })
}

/// Every question, each with one of its numbers.
fn product(questions: &[Question]) -> Vec<Vec<Expr>> {
    questions.iter().fold(vec![Vec::new()], |before, question| {
        let answers = question.ranges.iter().map(|range| question.compare(Operator::Eq, *range));
        answers
            .flat_map(|answer| before.iter().map(move |exprs| [&exprs[..], std::slice::from_ref(&answer)].concat()))
            .collect()
    })
}

/// The first question that is answered otherwise, so that nothing happens to a packet twice.
fn contrary(questions: &[Question]) -> Vec<Vec<Expr>> {
    let mut alternatives = Vec::new();
    for (index, question) in questions.iter().enumerate() {
        let otherwise = question.ranges.iter().map(|range| question.compare(Operator::Ne, *range)).collect();
        let tests = [vec![question.too_short()], if question.ranges.is_empty() { question.there() } else { otherwise }];
        for before in product(questions.get(..index).unwrap_or(&[])) {
            alternatives.extend(tests.iter().map(|test| [&before[..], test].concat()));
        }
    }
    alternatives
}

impl Question {
    fn compare(&self, operator: Operator, (low, high): (u32, u32)) -> Expr {
        let Self { offset, mask, ranges: _ } = *self;
        let (mask, low, high) = (mask.into(), low.into(), high.into());
        Expr::Bytes(Bytes { base: BytesBase::Network, offset, length: LENGTH, mask, operator, low, high })
    }

    /// The packet has the bytes, whatever they are.
    fn there(&self) -> Vec<Expr> {
        vec![Self { mask: u32::MAX, ..self.clone() }.compare(Operator::Eq, (0, u32::MAX))]
    }

    fn too_short(&self) -> Expr {
        let datum = |length: u32| Datum::number(DataType::Integer32, length);
        let most = u32::from(self.offset) + u32::from(LENGTH) - 1;
        // From nothing to something is a range.
        let shorter = Interval::new(datum(0), datum(most)).unwrap_or(Interval::single(datum(0)));
        Expr::Match(Compare {
            field: Field::Length,
            mask: None,
            operator: Operator::Eq,
            value: interval::value(shorter),
        })
    }
}

/// What is left of the text.
struct Parser<'w> {
    word: &'w Word,
    rest: &'w str,
    n_alternatives: usize,
}

impl Parser<'_> {
    fn questions(mut self) -> Result<Vec<Question>, Refusal> {
        let mut questions = Vec::new();
        loop {
            questions.push(self.question()?);
            if !self.take("&&") {
                break;
            }
            if questions.len() == MOST {
                return Err(self.fault("u32 asks at most 11 questions", "write the rest into another chain"));
            }
        }
        if self.rest.trim_start().is_empty() {
            return Ok(questions);
        }
        Err(self.unexpected("write `&&` between questions"))
    }

    fn question(&mut self) -> Result<Question, Refusal> {
        let offset = self.number()?;
        let offset = u8::try_from(offset).map_err(|_| {
            self.unsupported(format!("byte {offset} is further into a packet than 255"), "match a field by its name")
        })?;
        // The bits that are left, and how far to the right they have come.
        let (mut bits, mut right) = (u32::MAX, 0_i32);
        let mut n_steps = 1;
        while !self.take("=") {
            n_steps += 1;
            if n_steps > MOST {
                return Err(self.fault("u32 takes at most 10 steps to a number", "join masks and shifts"));
            }
            if self.take("@") {
                let message = "`@` of u32, which goes to where a header says, has no form in nftables".to_owned();
                return Err(self.unsupported(message, "match a field of the header behind: proto, sport, dport"));
            }
            if self.take(">>") {
                let by = self.shift()?;
                (bits, right) = (bits >> by, right + by);
            } else if self.take("<<") {
                let by = self.shift()?;
                (bits, right) = (bits << by, right - by);
            } else if !self.rest.trim_start().starts_with("&&") && self.take("&") {
                bits &= self.number()?;
            } else {
                return Err(self.unexpected("write `&`, `<<`, `>>` or `=`"));
            }
        }
        let mut ranges = Vec::new();
        loop {
            let low = self.number()?;
            let high = if self.take(":") { self.number()? } else { low };
            if low > high {
                return Err(self.fault("the first number of a range must not be above the second", "write LOW:HIGH"));
            }
            ranges.push((low, high));
            if !self.take(",") {
                break;
            }
            if ranges.len() == MOST {
                return Err(self.fault("u32 compares with at most 11 numbers", "write the rest into another rule"));
            }
        }
        let question = question(offset, bits, right, &ranges);
        self.n_alternatives = self.n_alternatives.saturating_mul(question.ranges.len());
        if self.n_alternatives > ALTERNATIVES_MAX {
            let message = format!("this becomes {} rules", self.n_alternatives);
            return Err(self.unsupported(message, "ask fewer questions in one rule, or for fewer numbers"));
        }
        Ok(question)
    }

    fn shift(&mut self) -> Result<i32, Refusal> {
        let by = self.number()?;
        let by = i32::try_from(by).ok().filter(|by| *by < 32);
        by.ok_or_else(|| self.fault("four bytes are shifted by at most 31 bits", "write a number from 0 to 31"))
    }

    /// Decimal, hexadecimal or octal.
    fn number(&mut self) -> Result<u32, Refusal> {
        let rest = self.rest.trim_start();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let number = if digits.is_empty() { None } else { super::operand::number(digits) };
        let Some(number) = number else {
            return Err(self.unexpected("write a number of 32 bits"));
        };
        self.rest = after;
        Ok(number)
    }

    fn take(&mut self, sign: &str) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn unexpected(&self, help: &str) -> Refusal {
        let rest = self.rest.trim_start();
        let end = rest.char_indices().nth(12).map_or(rest.len(), |(at, _)| at);
        match rest.get(..end).unwrap_or_default() {
            "" => self.fault("the text of `u32` ends too early", help),
            next => self.fault(&format!("`{next}` cannot stand here in `u32`"), help),
        }
    }

    fn fault(&self, message: &str, help: &str) -> Refusal {
        refuse(OPERAND, self.word.span, message.to_owned(), help.to_owned())
    }

    fn unsupported(&self, message: String, help: &str) -> Refusal {
        refuse(UNSUPPORTED, self.word.span, message, help.to_owned())
    }
}

/// Moves what is compared after shifts to where the bits are in the packet.
fn question(offset: u8, bits: u32, right: i32, ranges: &[(u32, u32)]) -> Question {
    if bits == 0 {
        // Nothing is left but 0.
        let is_0 = ranges.iter().any(|(low, _)| *low == 0);
        return Question { offset, mask: u32::MAX, ranges: if is_0 { vec![(0, u32::MAX)] } else { Vec::new() } };
    }
    // Some bit is still there, so this is less than 32.
    let by = right.unsigned_abs();
    let ranges = ranges.iter().filter_map(|(low, high)| {
        // What is above all bits is never reached.
        let (low, high) = (u64::from(*low), u64::from(*high.min(&bits)));
        let (low, high) = if right >= 0 {
            // Lower bits than those that are left are 0.
            (low << by, high << by)
        } else {
            (low.div_ceil(1 << by), high >> by)
        };
        (low <= high).then_some(())?;
        u32::try_from(low).ok().zip(u32::try_from(high).ok())
    });
    let mask = if right >= 0 { bits.unbounded_shl(by) } else { bits.unbounded_shr(by) };
    Question { offset, mask, ranges: apart(ranges.collect()) }
}

/// In order, and joined where they meet.
fn apart(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (low, high) in ranges {
        match joined.last_mut() {
            Some((_, last)) if low <= last.saturating_add(1) => *last = high.max(*last),
            _ => joined.push((low, high)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What iptables makes of four bytes.
    fn value(steps: &[(&str, u32)], bytes: u32) -> u32 {
        steps.iter().fold(bytes, |value, (sign, number)| match *sign {
            "&" => value & number,
            "<<" => value << number,
            _ => value >> number,
        })
    }

    #[test]
    fn bits_are_compared_where_they_are() {
        let all: [&[(&str, u32)]; 9] = [
            &[],
            &[("&", 0xff)],
            &[(">>", 24)],
            &[("&", 0xff0), (">>", 4)],
            &[(">>", 4), ("<<", 8)],
            &[("<<", 4), (">>", 4)],
            &[("<<", 31)],
            &[("&", 0)],
            &[(">>", 16), ("&", 0xf5), ("<<", 3), ("&", 0x7ff)],
        ];
        let samples = [0, 1, 4, 6, 0x11, 0xff, 0x100, 0x7ff, 0xff0, 0x4500_0054, 0x8000_0000, 0xdead_beef, u32::MAX];
        for steps in all {
            let (mut bits, mut right) = (u32::MAX, 0);
            for (sign, number) in steps {
                match *sign {
                    "&" => bits &= number,
                    "<<" => (bits, right) = (bits << number, right - number.cast_signed()),
                    _ => (bits, right) = (bits >> number, right + number.cast_signed()),
                }
            }
            for (low, high) in samples.iter().flat_map(|low| samples.map(|high| (*low, high))) {
                if low > high {
                    continue;
                }
                let question = question(0, bits, right, &[(low, high)]);
                for bytes in samples {
                    let is = (low..=high).contains(&value(steps, bytes));
                    let asked =
                        question.ranges.iter().any(|(low, high)| (*low..=*high).contains(&(bytes & question.mask)));
                    assert_eq!(asked, is, "{steps:?} of {bytes:#x} in {low:#x}:{high:#x}: {question:?}");
                }
            }
        }
    }
}
