//! What a kernel can do, found out by asking it to check a batch that it then forgets.

use super::Features;
use super::KernelError;
use super::attribute::push;
use super::batch::{TABLE_OWNER, TABLE_PERSIST};
use super::message::{self, CREATE, begin, end, family_number, kind, request};
use super::socket::{Answer, Socket};
use crate::ruleset::Family;

/// A flag of tables, and the name of a table with it that is never committed.
type Asked = (u32, &'static [u8]);

const OWNER: Asked = (TABLE_OWNER, b"pl_probe_owner\0");
const PERSIST: Asked = (TABLE_PERSIST, b"pl_probe_persist\0");

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
    let [owner, persist] = accepted(socket, [OWNER, PERSIST])?;
    Ok(Features { ack_on_end: answer.acks.contains(&(seq + 1)), owner, persist })
}

/// Which of these tables a kernel would make. It is one batch without an end: to forget one, the kernel waits for every packet
/// on its way, which is most of the time that an apply of few rules takes.
fn accepted(socket: &mut Socket, tables: [Asked; 2]) -> Result<[bool; 2], KernelError> {
    let seq = socket.number(3);
    let mut batch = begin(seq, None);
    let mut next = seq;
    let numbers = tables.map(|(flags, name)| {
        next = next.wrapping_add(1);
        let mut attributes = Vec::new();
        push(&mut attributes, 1, name);
        push(&mut attributes, 2, &flags.to_be_bytes());
        batch.extend(request(kind::NEW_TABLE, CREATE, family_number(Family::Inet), next, &attributes));
        next
    });
    let Answer { failures, acks: _, is_incomplete } = socket.transact(&batch)?;
    Ok(numbers.map(|number| !is_incomplete && failures.iter().all(|failure| failure.seq != number)))
}
