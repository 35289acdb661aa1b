//! The words of a text in nft's language, and what is wrong with one.

use std::ops::Range;

/// Signs that are a word by themselves wherever they stand.
const SIGNS: &[char] = &['{', '}', '(', ')', ',', ';', '&', '|', '^'];

/// Signs that begin a comparison, which may have a second letter.
const COMPARISONS: &[char] = &['=', '!', '<', '>'];

/// A word and its place in the text, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word<'t> {
    /// Without the quotes of a string.
    pub(super) text: &'t str,
    pub(super) is_string: bool,
    start: usize,
    end: usize,
}

/// What is wrong, where, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fault {
    pub(super) place: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// The words of a text, read from left to right.
#[derive(Clone, Debug)]
pub(super) struct Words<'t> {
    all: Vec<Word<'t>>,
    next: usize,
    /// Of the text.
    length: usize,
}

impl Word<'_> {
    /// Something wrong with this word.
    pub(super) fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { place: self.place(), message: message.into(), help: help.into() }
    }

    /// Where it stands in the text.
    pub(super) fn place(&self) -> Range<usize> {
        self.start..self.end
    }

    fn is(&self, text: &str) -> bool {
        !self.is_string && self.text == text
    }
}

impl<'t> Words<'t> {
    /// Cuts a text into words.
    pub(super) fn of(text: &'t str) -> Result<Self, Fault> {
        let mut all = Vec::new();
        let mut rest = text.char_indices().peekable();
        while let Some((start, letter)) = rest.next() {
            if letter.is_whitespace() {
                continue;
            }
            let mut end = start + letter.len_utf8();
            if letter == '"' {
                let Some((close, _)) = rest.find(|(_, letter)| *letter == '"') else {
                    let word = Word { text, is_string: true, start, end: text.len() };
                    return Err(word.fault("this string has no end", "end it with `\"`"));
                };
                let inner = text.get(end..close).unwrap_or_default();
                all.push(Word { text: inner, is_string: true, start, end: close + 1 });
                continue;
            }
            let goes_on = |next: char| {
                if COMPARISONS.contains(&letter) {
                    return next == '=';
                }
                let ends = next.is_whitespace() || next == '"' || SIGNS.contains(&next) || COMPARISONS.contains(&next);
                !ends && !SIGNS.contains(&letter)
            };
            while let Some((at, next)) = rest.next_if(|(_, next)| goes_on(*next)) {
                end = at + next.len_utf8();
                if COMPARISONS.contains(&letter) {
                    break;
                }
            }
            let text = match text.get(start..end).unwrap_or_default() {
                "and" => "&",
                "or" => "|",
                text => text,
            };
            all.push(Word { text, is_string: false, start, end });
        }
        Ok(Self { all, next: 0, length: text.len() })
    }

    /// The next word.
    pub(super) fn peek(&self) -> Option<&Word<'t>> {
        self.all.get(self.next)
    }

    /// Takes the next word; `wanted` says what is missing if there is none.
    pub(super) fn take(&mut self, wanted: &str) -> Result<Word<'t>, Fault> {
        let word = self.all.get(self.next).copied();
        self.next += 1;
        word.ok_or_else(|| Fault {
            place: self.length..self.length,
            message: format!("{wanted} is missing at the end"),
            help: format!("write {wanted}"),
        })
    }

    /// Takes the next word if it is this one.
    pub(super) fn take_if(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.is(text));
        self.next += usize::from(found);
        found
    }

    /// Takes the next word, which must be this one.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), Fault> {
        let word = self.take(&format!("`{text}`"))?;
        if word.is(text) {
            return Ok(());
        }
        Err(word.fault(format!("`{text}` is expected before this"), format!("write `{text}`")))
    }

    /// How many words of this phrase come next, if all of it does.
    pub(super) fn follows(&self, phrase: &str) -> Option<usize> {
        let mut ahead = self.all.iter().skip(self.next);
        let is_next = phrase.split(' ').all(|text| ahead.next().is_some_and(|word| word.is(text)));
        is_next.then(|| phrase.split(' ').count())
    }

    /// Takes so many words.
    pub(super) fn skip(&mut self, n_words: usize) {
        self.next += n_words;
    }

    /// Takes the words of this phrase if all of it comes next.
    pub(super) fn take_phrase(&mut self, phrase: &str) -> bool {
        let n_words = self.follows(phrase);
        self.skip(n_words.unwrap_or_default());
        n_words.is_some()
    }
}

/// A number that is all of a word.
pub(super) fn number(word: &Word<'_>, what: &str, most: u64) -> Result<u64, Fault> {
    let value = if word.is_string { None } else { number_of(word.text) };
    value
        .and_then(|value| u64::try_from(value).ok())
        .filter(|value| *value <= most)
        .ok_or_else(|| word.fault(format!("`{}` is no {what}", word.text), format!("write a number from 0 to {most}")))
}

/// Decimal, hexadecimal or octal digits, as nft reads them.
pub(super) fn number_of(text: &str) -> Option<u128> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    let is_number = digits.starts_with(|digit: char| digit.is_ascii_hexdigit());
    if is_number { u128::from_str_radix(digits, radix).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_words_and_strings_lose_their_quotes() {
        let words = Words::of("tcp flags & (syn|ack)!=0x2 ip saddr{10.0.0.0/8,fe80::1} log prefix \"a {b\"").unwrap();
        let texts: Vec<&str> = words.all.iter().map(|word| word.text).collect();
        let expected = [
            "tcp",
            "flags",
            "&",
            "(",
            "syn",
            "|",
            "ack",
            ")",
            "!=",
            "0x2",
            "ip",
            "saddr",
            "{",
            "10.0.0.0/8",
            ",",
            "fe80::1",
            "}",
            "log",
            "prefix",
            "a {b",
        ];
        assert_eq!(texts, expected);
        assert!(Words::of("log prefix \"a").unwrap_err().message.contains("no end"));
    }
}
