//! What a kernel can do, found out by asking it to check batches that it then forgets.

use super::Features;
use super::KernelError;
use super::attribute::push;
use super::batch::{TABLE_OWNER, TABLE_PERSIST};
use super::message::{self, CREATE, begin, end, family_number, kind, request};
use super::socket::{Answer, Socket};
use crate::observed::TableFlags;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{DataType, Expr, Family, Field, Lookup, Name, Operator, Rule, SetRef, SetSpec, TableKey};

/// The name of the table that the probes speak of; none of it is ever committed.
const PROBE_TABLE: &[u8] = b"pl_probe\0";

/// Tries what there is no other way to know; what takes a rule to find out is left for [`lookup_in_map`].
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
        map_as_set: false,
    })
}

/// A table with a rule that looks a key up in a map without taking what it maps to. Only to be checked.
pub(super) fn lookup_in_map() -> [Op; 4] {
    let [chain, map] = ["asks", "asked"].map(Name::ours);
    let lookup = Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set: SetRef::Named(map.clone()) };
    let rule = Rule { exprs: vec![Expr::Lookup(lookup)], comment: None };
    let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
    [
        OpKind::AddTable { flags: TableFlags::default(), comment: None },
        OpKind::AddSet { name: map, spec },
        OpKind::AddChain { name: chain.clone(), base: None, comment: None },
        OpKind::AddRule { chain, position: RulePosition::Last, rule },
    ]
    .map(|kind| Op { table: TableKey { family: Family::Inet, name: Name::ours("probe") }, kind })
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
