//! Files that are used only if they are whole: the first line is a head with the version, and the SHA-256 of all that
//! follows it.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

/// A body under its head.
pub fn seal(head: &str, body: &str) -> String {
    format!("{head}{}\n{body}", hash(body))
}

/// Writes a body under its head without ever holding it: the hash is put in its place when the body has come to its end.
///
/// # Errors
/// Those of `out` and of `body`; what is written then is not whole.
pub fn write<W: Write + Seek>(
    head: &str,
    out: &mut W,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let begin = out.stream_position()?;
    let unknown = hex([0; 32]);
    let mut hashed = Hashed { out: BufWriter::new(&mut *out), hash: Sha256::new() };
    writeln!(hashed.out, "{head}{unknown}")?;
    body(&mut hashed)?;
    let hash = hashed.hash.clone().finalize();
    hashed.out.flush()?;
    drop(hashed);
    out.seek(SeekFrom::Start(begin + head.len() as u64))?;
    out.write_all(hex(hash).as_bytes())
}

/// Has a hash follow what is written.
struct Hashed<W: Write> {
    out: BufWriter<W>,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.hash.update(bytes.get(..n).unwrap_or(bytes));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The body, unless it is of another version, cut short or changed.
pub fn open<'a>(head: &str, whole: &'a str) -> Option<&'a str> {
    let (first, body) = whole.split_once('\n')?;
    (first.strip_prefix(head)? == hash(body)).then_some(body)
}

fn hash(text: &str) -> String {
    hex(Sha256::digest(text.as_bytes()))
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_piece_by_piece_is_what_is_sealed_at_once() {
        let mut out = io::Cursor::new(Vec::new());
        let body =
            |out: &mut dyn Write| ["one\n", "", "two\n"].iter().try_for_each(|text| out.write_all(text.as_bytes()));
        write("head 1 ", &mut out, body).unwrap();
        assert_eq!(String::from_utf8(out.into_inner()).unwrap(), seal("head 1 ", "one\ntwo\n"));
    }
}
