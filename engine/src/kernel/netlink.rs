//! The kernel by netlink.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::batch::{Batch, Ending, Part, RefusedOp};
use super::dump;
use super::features;
use super::ffi;
use super::field;
use super::socket::{Answer, Failure, Socket};
use super::{Features, Guard, Kernel, KernelError, Rejection};
use crate::observed::{Counted, KernelGeneration, Observed, ObservedCounter, RuleHandle};
use crate::plan::{Op, OpKind};
use crate::ruleset::{Comment, Expr, Name, Ruleset, SetRef, TableKey};

/// How long packets on their way are waited for where the kernel cannot be asked, much longer than they take.
const LONG_ENOUGH: Duration = Duration::from_millis(20);

/// nf_tables of the network namespace that it was opened in.
///
/// Tables that are created with the owner flag belong to this value's socket: no other process, and no other value
/// of this type, can change them while it lives.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    features: Features,
}

impl Netlink {
    /// Opens nf_tables of the calling thread's network namespace, and finds out what it can do.
    ///
    /// # Errors
    /// [`KernelError::Denied`] without `CAP_NET_ADMIN`, [`KernelError::Io`] without nf_tables.
    pub fn open() -> Result<Self, KernelError> {
        let mut socket = Socket::open()?;
        let features = features::detect(&mut socket)?;
        Ok(Self { socket, features })
    }

    /// The netlink port of its socket: what [`super::Commit`] names as the writer of its own commits.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// The comments of the rules of a table, by handle; nothing if there is no such table.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    pub fn rule_comments(&mut self, table: &TableKey) -> Result<BTreeMap<RuleHandle, Comment>, KernelError> {
        dump::rule_comments(&mut self.socket, table)
    }

    fn send(&mut self, ops: &[Op], guard: Guard, ending: Ending) -> Result<(), KernelError> {
        if ops.is_empty() {
            return Ok(());
        }
        let intervals = self.intervals(ops)?;
        let has_intervals = |table: &TableKey, set: &Name| intervals.get(&(table, set)).copied().unwrap_or_default();
        let first_seq = self.socket.number(0);
        let batch = Batch::new(ops, first_seq, guard, ending, &has_intervals)
            .map_err(|RefusedOp { op, refusal }| refused(ops, op, refusal.0))?;
        self.socket.number(batch.next_seq().wrapping_sub(first_seq));
        let answer = self.socket.transact(batch.as_bytes())?;
        judge(ops, &batch, guard, ending, &answer)
    }

    /// Which of the sets that rules look up hold ranges: as this batch makes them, or as the kernel has them. It is
    /// asked only about tables where the answer changes a rule's instructions.
    fn intervals<'a>(&mut self, ops: &'a [Op]) -> Result<BTreeMap<(&'a TableKey, &'a Name), bool>, KernelError> {
        let mut intervals = BTreeMap::new();
        for Op { table, kind } in ops {
            match kind {
                OpKind::AddSet { name: set, spec }
                | OpKind::AddElements { set, spec, .. }
                | OpKind::DeleteElements { set, spec, .. } => {
                    intervals.insert((table, set), spec.intervals);
                }
                OpKind::AddTable { .. }
                | OpKind::DeleteTable
                | OpKind::AddCounter { .. }
                | OpKind::DeleteCounter(_)
                | OpKind::AddQuota { .. }
                | OpKind::DeleteQuota(_)
                | OpKind::AddHelper { .. }
                | OpKind::DeleteHelper(_)
                | OpKind::DeleteSet(_)
                | OpKind::AddChain { .. }
                | OpKind::DeleteChain(_)
                | OpKind::FlushChain(_)
                | OpKind::AddRule { .. }
                | OpKind::DeleteRule { .. } => {}
            }
        }
        let mut in_kernel: BTreeMap<&TableKey, BTreeMap<Name, bool>> = BTreeMap::new();
        for Op { table, kind } in ops {
            let OpKind::AddRule { rule, .. } = kind else { continue };
            for set in rule.exprs.iter().filter_map(order_sensitive_set) {
                if intervals.contains_key(&(table, set)) {
                    continue;
                }
                if !in_kernel.contains_key(table) {
                    in_kernel.insert(table, dump::intervals(&mut self.socket, table)?);
                }
                let has = in_kernel.get(table).and_then(|sets| sets.get(set)).copied().unwrap_or_default();
                intervals.insert((table, set), has);
            }
        }
        Ok(intervals)
    }
}

impl Kernel for Netlink {
    fn features(&self) -> Features {
        self.features
    }

    fn generation(&mut self) -> Result<KernelGeneration, KernelError> {
        dump::generation(&mut self.socket)
    }

    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError> {
        dump::observe(&mut self.socket, tables)
    }

    fn observe_left(&mut self, tables: &[TableKey], left: &Ruleset) -> Result<Observed, KernelError> {
        dump::observe_left(&mut self.socket, tables, left)
    }

    fn observe_for(&mut self, tables: &[TableKey], desired: &Ruleset) -> Result<Observed, KernelError> {
        dump::observe_for(&mut self.socket, tables, desired)
    }

    fn counters(&mut self, table: &TableKey) -> Result<BTreeMap<Name, ObservedCounter>, KernelError> {
        dump::counters(&mut self.socket, table)
    }

    fn counting_rules(&mut self, table: &TableKey) -> Result<BTreeMap<Name, Comment>, KernelError> {
        dump::counting_rules(&mut self.socket, table)
    }

    fn counted(&mut self, table: &TableKey) -> Result<BTreeMap<Comment, Counted>, KernelError> {
        dump::counted(&mut self.socket, table)
    }

    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        self.send(ops, guard, Ending::Commit { ack: self.features.ack_on_end })
    }

    fn settle(&mut self) {
        if ffi::wait_for_readers().is_err() {
            // Packets take microseconds.
            thread::sleep(LONG_ENOUGH);
        }
    }

    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError> {
        self.send(ops, Guard::None, Ending::None)
    }
}

/// The named set of an expression whose key has numbers in the machine's order: ranges of those are kept in the
/// network's, so the rule has to turn them.
fn order_sensitive_set(expr: &Expr) -> Option<&Name> {
    // A dynamic set has no ranges.
    let (key, set) = expr.looked_up()?;
    match set {
        SetRef::Named(name) => key.iter().any(|field| field::is_host_order(*field)).then_some(name),
        SetRef::Anonymous { .. } => None,
    }
}

fn refused(ops: &[Op], op: usize, reason: &str) -> KernelError {
    KernelError::Rejected(vec![Rejection {
        op,
        what: ops.get(op).map(ToString::to_string).unwrap_or_default().into(),
        errno: libc::EINVAL,
        offset: None,
        message: Some(reason.into()),
    }])
}

/// The module without which the kernel does not find what an operation says.
fn lacking(op: &Op, errno: i32) -> Option<Box<str>> {
    let OpKind::AddRule { rule, .. } = &op.kind else { return None };
    let queues = rule.exprs.iter().any(|expr| matches!(expr, Expr::Queue(_)));
    (queues && errno == libc::ENOENT).then(|| "this kernel has no nft_queue, which NFQUEUE and QUEUE need".into())
}

/// What the kernel's answer to a batch means.
fn judge(ops: &[Op], batch: &Batch, guard: Guard, ending: Ending, answer: &Answer) -> Result<(), KernelError> {
    let Answer { failures, acks, is_incomplete } = answer;
    let mut rejections = Vec::new();
    for Failure { seq, errno, offset, message } in failures {
        match (batch.part(*seq), *errno, guard) {
            (Some(Part::Begin | Part::End), libc::ERESTART, Guard::Generation(seen)) => {
                return Err(KernelError::Conflict { seen });
            }
            (Some(Part::Op(op)), libc::EPERM | libc::EACCES, _) => {
                let what = ops.get(op).map(ToString::to_string).unwrap_or_default();
                return Err(KernelError::Denied(Some(format!(": {what} (the table may have another owner)").into())));
            }
            (_, libc::EPERM | libc::EACCES, _) => return Err(KernelError::Denied(None)),
            (Some(Part::Op(op)), errno, _) => rejections.push(Rejection {
                op,
                what: ops.get(op).map(ToString::to_string).unwrap_or_default().into(),
                errno,
                offset: *offset,
                message: message.clone().or_else(|| lacking(ops.get(op)?, errno)),
            }),
            (Some(Part::Begin | Part::End), errno, _) => {
                return Err(std::io::Error::from_raw_os_error(errno).into());
            }
            // Of a batch that was given up on.
            (None, ..) => {}
        }
    }
    if !rejections.is_empty() {
        return Err(KernelError::Rejected(rejections));
    }
    let is_acknowledged = acks.iter().any(|seq| batch.part(*seq) == Some(Part::End));
    let wants_ack = ending == Ending::Commit { ack: true };
    if is_acknowledged || !*is_incomplete && !wants_ack { Ok(()) } else { Err(KernelError::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::in_scratch;
    use crate::observed::TableFlags;
    use crate::plan::RulePosition;
    use crate::ruleset::{Family, Queue, Rule};

    fn add_table() -> [Op; 1] {
        let kind = OpKind::AddTable { flags: TableFlags::default(), comment: None };
        [Op { table: TableKey::ours(Family::Inet), kind }]
    }

    fn judged(ending: Ending, answer: &Answer) -> Result<(), KernelError> {
        let ops = add_table();
        let guard = Guard::Generation(KernelGeneration(7));
        Batch::new(&ops, 5, guard, ending, &|_, _| false)
            .map_err(|RefusedOp { op, refusal }| refused(&ops, op, refusal.0))
            .and_then(|batch| judge(&ops, &batch, guard, ending, answer))
    }

    fn failure(seq: u32, errno: i32) -> Failure {
        Failure { seq, errno, offset: None, message: None }
    }

    const ACKED: Ending = Ending::Commit { ack: true };
    const SILENT: Ending = Ending::Commit { ack: false };

    #[test]
    fn a_kernel_that_acknowledges_no_end_commits_without_a_word() {
        let silent = Answer::default();
        assert!(judged(SILENT, &silent).is_ok());
        assert!(matches!(judged(ACKED, &silent), Err(KernelError::Unknown)));
        assert!(judged(ACKED, &Answer { acks: vec![7], ..Answer::default() }).is_ok());
    }

    #[test]
    fn a_lost_answer_is_no_answer_unless_the_end_was_acknowledged() {
        let lost = Answer { is_incomplete: true, ..Answer::default() };
        assert!(matches!(judged(SILENT, &lost), Err(KernelError::Unknown)));
        assert!(matches!(judged(ACKED, &lost), Err(KernelError::Unknown)));
        assert!(judged(ACKED, &Answer { acks: vec![7], ..lost.clone() }).is_ok());
        let refused = Answer { failures: vec![failure(6, libc::ENOENT)], acks: vec![7], ..lost };
        assert!(matches!(judged(ACKED, &refused), Err(KernelError::Rejected(_))));
    }

    #[test]
    fn errors_are_told_apart_by_what_can_be_done_about_them() {
        let failed = |seq, errno| Answer { failures: vec![failure(seq, errno)], ..Answer::default() };
        assert!(matches!(judged(ACKED, &failed(5, libc::ERESTART)), Err(KernelError::Conflict { .. })));
        assert!(matches!(judged(ACKED, &failed(5, libc::EPERM)), Err(KernelError::Denied(None))));
        assert!(matches!(judged(ACKED, &failed(6, libc::EPERM)), Err(KernelError::Denied(Some(_)))));
        assert!(matches!(judged(ACKED, &failed(5, libc::ENOMEM)), Err(KernelError::Io(_))));
        // Of another batch.
        assert!(judged(SILENT, &failed(4, libc::ENOENT)).is_ok());
    }

    #[test]
    fn a_module_that_is_missing_is_named() {
        let queue = Queue { first: 0, last: 0, bypass: true, fanout: false };
        let rule = |exprs| OpKind::AddRule {
            chain: Name::ours("c"),
            position: RulePosition::Last,
            rule: Rule { exprs, comment: None },
        };
        let said = |exprs, errno| {
            let op = Op { table: TableKey::ours(Family::Inet), kind: rule(exprs) };
            lacking(&op, errno).map(String::from).unwrap_or_default()
        };
        assert!(said(vec![Expr::Counter, Expr::Queue(queue)], libc::ENOENT).contains("no nft_queue"));
        assert_eq!(said(vec![Expr::Queue(queue)], libc::EINVAL), "");
        assert_eq!(said(vec![Expr::Counter], libc::ENOENT), "");
    }

    #[test]
    fn old_kernels_are_served_without_what_they_lack() {
        let outcome = in_scratch(|kernel| {
            kernel.features = Features::default();
            kernel.commit(&add_table(), Guard::None)?;
            kernel.observe(&[TableKey::ours(Family::Inet)])
        });
        // Without root there is no namespace to try it in.
        if let Ok(observed) = outcome {
            assert_eq!(observed.unwrap().tables.len(), 1);
        }
    }
}
