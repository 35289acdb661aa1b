//! A stream of bytes, cut into lines.

/// Longest line: an object may have 3 MiB, and its text is escaped in JSON.
const LINE_BYTES: usize = 16 << 20;

/// What has come and is no whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

/// A line is longer than any object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

impl Lines {
    /// Takes bytes, and gives the lines that they complete, without their ends.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            let mut whole = std::mem::take(&mut self.pending);
            whole.extend_from_slice(line);
            if !whole.is_empty() {
                lines.push(whole);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > LINE_BYTES { Err(TooLong) } else { Ok(lines) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_bytes_come() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"a"), Ok(vec![]));
        assert_eq!(lines.push(b"b\nc\n\nd"), Ok(vec![b"ab".to_vec(), b"c".to_vec()]));
        assert_eq!(lines.push(b"\n"), Ok(vec![b"d".to_vec()]));
        assert_eq!(lines.push(&vec![b'x'; LINE_BYTES + 1]), Err(TooLong));
    }
}
