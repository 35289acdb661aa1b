//! What a kernel can do, found out by asking it to check batches that it then forgets.

use super::Features;
use super::KernelError;
use super::attribute::push;
use super::batch::{TABLE_OWNER, TABLE_PERSIST};
use super::message::{self, CREATE, begin, end, family_number, kind, request};
use super::socket::{Answer, Socket};
use crate::ruleset::Family;

/// The name of the table that the probes speak of; none of it is ever committed.
const PROBE_TABLE: &[u8] = b"pl_probe\0";

/// Tries what there is no other way to know.
///
/// # Errors
/// [`KernelError::Denied`], [`KernelError::Io`].
pub(super) fn detect(socket: &mut Socket) -> Result<Features, KernelError> {
    // An empty batch changes nothing, and does not even count as a commit.
    let seq = socket.number(2);
    let mut batch = begin(seq, None);
    batch.extend(end(seq + 1, message::ACK));
    let answer = socket.transact(&batch)?;
    if let Some(failure) = answer.failures.first() {
        return Err(super::socket::denied_or_io(std::io::Error::from_raw_os_error(failure.errno)));
    }
    Ok(Features {
        ack_on_end: answer.acks.contains(&(seq + 1)),
        owner: accepts(socket, kind::NEW_TABLE, CREATE, Some(TABLE_OWNER))?,
        persist: accepts(socket, kind::NEW_TABLE, CREATE, Some(TABLE_PERSIST))?,
        destroy: accepts(socket, kind::DESTROY_TABLE, 0, None)?,
    })
}

/// Whether a batch without an end, of one message about a table, is free of errors.
fn accepts(socket: &mut Socket, kind: u16, flags: u16, table_flags: Option<u32>) -> Result<bool, KernelError> {
    let seq = socket.number(2);
    let mut attributes = Vec::new();
    push(&mut attributes, 1, PROBE_TABLE);
    if let Some(table_flags) = table_flags {
        push(&mut attributes, 2, &table_flags.to_be_bytes());
    }
    let mut batch = begin(seq, None);
    batch.extend(request(kind, flags, family_number(Family::Inet), seq + 1, &attributes));
    let Answer { failures, acks: _, is_incomplete } = socket.transact(&batch)?;
    Ok(failures.is_empty() && !is_incomplete)
}
