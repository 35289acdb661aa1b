//! A stream of bytes, cut into frames: each has its length before it, as 4 bytes in network order.

use super::lines::TooLong;

/// Longest frame: an object may have 3 MiB.
const FRAME_BYTES: usize = 16 << 20;

/// Bytes of a length.
const LENGTH: usize = 4;

/// What has come and is no whole frame yet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pending: Vec<u8>,
}

impl Frames {
    /// Takes bytes, and gives the frames that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        self.pending.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut rest = self.pending.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > FRAME_BYTES {
                return Err(TooLong);
            }
            let Some((frame, after)) = after.split_at_checked(length) else { break };
            frames.push(frame.to_vec());
            rest = after;
        }
        let done = self.pending.len() - rest.len();
        self.pending.drain(..done);
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_however_the_bytes_come() {
        let bytes = b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c";
        for cut in 0..bytes.len() {
            let mut frames = Frames::default();
            let (before, after) = bytes.split_at(cut);
            let mut all = frames.push(before).unwrap();
            all.extend(frames.push(after).unwrap());
            assert_eq!(all, [b"ab".to_vec(), vec![], b"c".to_vec()], "{cut}");
        }
        assert_eq!(Frames::default().push(b"\x7f\0\0\0"), Err(TooLong));
    }
}
