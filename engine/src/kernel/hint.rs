//! What the instructions of a rule do not say about how it was written.
//!
//! Two rules can mean the same and have the same instructions: nft's silent `meta l4proto tcp` before `tcp dport` may
//! have been written out, `th dport` after it is `tcp dport`, `/20` is a mask. So that a rule is read back exactly
//! as it was written, a rule that would be read differently carries hints in its user data, where nft ignores them.

/// One choice at one instruction.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Hint {
    pub(super) choice: Choice,
    /// Index of the instruction.
    pub(super) at: u8,
}

/// What would be read differently.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Choice {
    /// This match was written, not added silently.
    Written,
    /// This port is `th`, whatever protocol it is of.
    AnyTransport,
    /// This mask is not what its form and type suggest: a mask where a prefix would be read, or the reverse.
    OtherMask,
    /// These are bytes, whatever field lies there.
    Bytes,
    /// The old value of the other mark is masked to nothing.
    OtherSource,
    /// The log level, nft's default, was written.
    LogLevel,
    /// `snaplen 0` was written.
    LogSnaplen,
    /// `queue-threshold 0` was written.
    LogThreshold,
}

const CHOICES: [(Choice, u8); 8] = [
    (Choice::Written, 1),
    (Choice::AnyTransport, 2),
    (Choice::OtherMask, 3),
    (Choice::OtherSource, 4),
    (Choice::LogLevel, 5),
    (Choice::LogSnaplen, 6),
    (Choice::LogThreshold, 7),
    (Choice::Bytes, 8),
];

/// Two bytes for each hint.
pub(super) fn encode(hints: &[Hint]) -> Vec<u8> {
    hints
        .iter()
        .flat_map(|hint| {
            let number = CHOICES.iter().find(|(choice, _)| *choice == hint.choice).map_or(0, |(_, number)| *number);
            [number, hint.at]
        })
        .collect()
}

/// The hints in these bytes; unknown ones are left out.
pub(super) fn decode(bytes: &[u8]) -> Vec<Hint> {
    bytes
        .chunks_exact(2)
        .filter_map(|pair| match *pair {
            [number, at] => {
                let (choice, _) = CHOICES.iter().find(|(_, known)| *known == number)?;
                Some(Hint { choice: *choice, at })
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_back() {
        let hints: Vec<Hint> = CHOICES.iter().zip(0..).map(|((choice, _), at)| Hint { choice: *choice, at }).collect();
        assert_eq!(decode(&encode(&hints)), hints);
    }

    #[test]
    fn foreign_bytes_are_no_hints() {
        assert_eq!(decode(&[0, 1, 99, 2, 1]), []);
    }
}
