//! What others, and we, commit: notices of nf_tables with the process that caused them.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::KernelError;
use super::attribute::Attributes;
use super::decode;
use super::dump::GENERATION_ID;
use super::message::{self, Content, Messages, family, kind};
use super::socket::{Socket, denied_or_io};
use crate::observed::KernelGeneration;
use crate::ruleset::{Name, TableKey};

/// `NFNLGRP_NFTABLES`.
const GROUP: libc::c_int = 7;

/// `NFTA_GEN_PROC_PID`, `NFTA_GEN_PROC_NAME`.
const PROCESS_ID: u16 = 2;
const PROCESS_NAME: u16 = 3;

/// Room for commits that have not been listened to, in bytes: those of minutes on a busy node.
const BUFFER: usize = 8 << 20;

/// Listens to the commits of the network namespace that it was opened in.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    tables: BTreeSet<TableKey>,
    /// Objects of a commit whose end has not come yet.
    objects: BTreeSet<ChangedObject>,
    ready: VecDeque<Notice>,
}

/// What was heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Somebody committed.
    Commit(Commit),
    /// Some commits were missed, because they came faster than they were listened to: observe.
    Lost,
}

/// One commit to nf_tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Commit {
    /// The generation that it left.
    pub generation: KernelGeneration,
    /// The process that committed.
    pub process_id: u32,
    /// Its name, at most 15 bytes.
    pub process_name: Box<str>,
    /// The netlink port that it committed by: [`super::Netlink::port`] for our own.
    pub port: u32,
    /// What of our tables it changed; nothing if it was about others' tables.
    pub objects: BTreeSet<ChangedObject>,
}

/// An object of one of our tables that somebody changed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ChangedObject {
    /// The table.
    pub table: TableKey,
    /// What kind of object; a rule is named by its chain, an element by its set.
    pub kind: ChangedKind,
    /// Its name.
    pub name: Name,
    /// What happened to it.
    pub change: ObjectChange,
}

/// Kinds of objects.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ChangedKind {
    /// The table itself.
    Table,
    /// A chain.
    Chain,
    /// A rule of a chain.
    Rule,
    /// A set or a map.
    Set,
    /// An element of a set.
    Element,
    /// A counter, a quota or something else that is named.
    Object,
    /// A flowtable.
    Flowtable,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ObjectChange {
    /// It was added, or changed in place.
    Added,
    /// It was deleted.
    Deleted,
}

impl Monitor {
    /// Listens from here on; objects of other tables than these are passed over.
    ///
    /// # Errors
    /// [`KernelError::Denied`], [`KernelError::Io`].
    pub fn open(tables: impl IntoIterator<Item = TableKey>) -> Result<Self, KernelError> {
        Self::with_buffer(tables, BUFFER)
    }

    /// The same, with this many bytes for commits that have not been listened to; the kernel rounds up.
    ///
    /// # Errors
    /// As [`Monitor::open`].
    pub fn with_buffer(tables: impl IntoIterator<Item = TableKey>, bytes: usize) -> Result<Self, KernelError> {
        let socket = Socket::with_buffer(bytes)?;
        socket.join(GROUP)?;
        let tables = tables.into_iter().collect();
        Ok(Self { socket, tables, objects: BTreeSet::new(), ready: VecDeque::new() })
    }

    /// The next notice, or nothing if the kernel is silent for so long, rounded up to a millisecond.
    ///
    /// # Errors
    /// [`KernelError::Denied`], [`KernelError::Io`].
    pub fn next(&mut self, patience: Duration) -> Result<Option<Notice>, KernelError> {
        // Zero would be for ever.
        self.socket.set_patience(patience.max(Duration::from_millis(1)))?;
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return Ok(Some(notice));
            }
            match self.socket.receive_datagram() {
                Ok(datagram) => {
                    for received in Messages::new(datagram) {
                        if let Content::Object { kind, family, attributes } = received.content {
                            let ready = note(&self.tables, &mut self.objects, kind, family, attributes);
                            self.ready
                                .extend(ready.map(|commit| Notice::Commit(Commit { port: received.port, ..commit })));
                        }
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Ok(None),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.objects.clear();
                    return Ok(Some(Notice::Lost));
                }
                Err(error) => return Err(denied_or_io(error)),
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.descriptor()
    }
}

/// Takes one message; the last of a commit gives the commit.
pub(super) fn note(
    tables: &BTreeSet<TableKey>,
    objects: &mut BTreeSet<ChangedObject>,
    kind: u16,
    family: u8,
    attributes: Attributes<'_>,
) -> Option<Commit> {
    if kind == kind::NEW_GENERATION {
        return Some(Commit {
            generation: KernelGeneration(attributes.u32(GENERATION_ID)?),
            process_id: attributes.u32(PROCESS_ID).unwrap_or(0),
            process_name: attributes.text(PROCESS_NAME).unwrap_or("").into(),
            port: 0,
            objects: std::mem::take(objects),
        });
    }
    objects.extend(changed_object(kind, family, attributes).filter(|object| tables.contains(&object.table)));
    None
}

fn changed_object(kind: u16, number: u8, attributes: Attributes<'_>) -> Option<ChangedObject> {
    use ChangedKind::{Chain, Element, Flowtable, Object, Rule, Set, Table};
    use ObjectChange::{Added, Deleted};
    // The attribute of the name: tables have their own, chains have a number in the usual place.
    let (kind, change, name) = match kind {
        kind::NEW_TABLE => (Table, Added, 1),
        kind::DELETE_TABLE => (Table, Deleted, 1),
        kind::NEW_CHAIN => (Chain, Added, 3),
        kind::DELETE_CHAIN => (Chain, Deleted, 3),
        kind::NEW_RULE => (Rule, Added, 2),
        kind::DELETE_RULE => (Rule, Deleted, 2),
        kind::NEW_SET => (Set, Added, 2),
        kind::DELETE_SET => (Set, Deleted, 2),
        kind::NEW_ELEMENTS => (Element, Added, 2),
        kind::DELETE_ELEMENTS => (Element, Deleted, 2),
        kind::NEW_OBJECT => (Object, Added, 2),
        kind::DELETE_OBJECT => (Object, Deleted, 2),
        kind::NEW_FLOWTABLE => (Flowtable, Added, 2),
        kind::DELETE_FLOWTABLE => (Flowtable, Deleted, 2),
        _ => return None,
    };
    let table = TableKey { family: family(number)?, name: decode::name(attributes.get(message::OBJECT_TABLE)?) };
    let name = decode::name(attributes.get(name)?);
    // Sets of rules come and go with their rules.
    let is_of_a_rule = matches!(kind, Set | Element) && name.as_str().starts_with("__");
    (!is_of_a_rule).then_some(ChangedObject { table, kind, name, change })
}
