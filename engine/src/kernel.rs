//! The only seam to the outside: a kernel that has tables, commits batches and says what it has.
//!
//! [`Kernel`] has two implementations, netlink and a fake that keeps state and checks what the kernel checks. One
//! conformance suite runs on both. [`conntrack`] is the same for live connections.

use std::collections::BTreeMap;
use std::fmt;

use crate::observed::{Counted, KernelGeneration, Observed, ObservedCounter, RuleContent};
use crate::plan::Op;
use crate::ruleset::{Comment, Expr, Lookup, Name, Rule, Ruleset, SetRef, TableKey};

#[cfg(feature = "kernel")]
pub use self::ipset::ipset_names;
#[cfg(feature = "kernel")]
pub use self::links::{BpfFilter, Link, Passing, bpf_filters, links};
#[cfg(feature = "kernel")]
pub use self::monitor::{ChangedKind, ChangedObject, Commit, Monitor, Notice, ObjectChange};
#[cfg(feature = "kernel")]
pub use self::netlink::Netlink;
#[cfg(feature = "kernel")]
pub use self::nflog::{Headers, LogError, LogNotice, LoggedPacket, PacketLog, Transport};
#[cfg(feature = "kernel")]
pub use self::scratch::{in_scratch, try_in_scratch};
#[cfg(feature = "kernel")]
pub use self::survey::{Effects, SeenBase, SeenChain, SeenFamily, SeenFlowtable, SeenTable, Survey, survey};
#[cfg(feature = "kernel")]
pub use self::trace::{TraceNotice, Traced, TracedStep, Tracer, Wanted};

#[cfg(all(test, feature = "kernel"))]
mod agreement;
#[cfg(feature = "kernel")]
mod attribute;
#[cfg(feature = "kernel")]
mod batch;
#[cfg(feature = "kernel")]
mod clock;
pub mod conformance;
pub mod conntrack;
#[cfg(feature = "kernel")]
mod decode;
#[cfg(feature = "kernel")]
mod dump;
#[cfg(feature = "kernel")]
mod element;
#[cfg(feature = "kernel")]
mod example;
#[cfg(feature = "kernel")]
mod express;
pub mod fake;
#[cfg(feature = "kernel")]
mod features;
#[cfg(feature = "kernel")]
mod ffi;
#[cfg(feature = "kernel")]
mod field;
#[cfg(feature = "kernel")]
mod hint;
#[cfg(feature = "kernel")]
mod inspect;
#[cfg(feature = "kernel")]
mod ipset;
#[cfg(feature = "kernel")]
mod lift;
#[cfg(feature = "kernel")]
mod links;
#[cfg(feature = "kernel")]
mod lower;
#[cfg(feature = "kernel")]
mod message;
#[cfg(feature = "kernel")]
mod monitor;
#[cfg(feature = "kernel")]
mod netlink;
#[cfg(feature = "kernel")]
mod nflog;
#[cfg(feature = "kernel")]
mod part;
#[cfg(feature = "kernel")]
mod proxy;
#[cfg(feature = "kernel")]
mod queue;
#[cfg(feature = "kernel")]
mod rewrite;
#[cfg(feature = "kernel")]
mod scratch;
#[cfg(feature = "kernel")]
mod set_object;
#[cfg(feature = "kernel")]
mod socket;
#[cfg(feature = "kernel")]
mod survey;
#[cfg(feature = "kernel")]
mod trace;
#[cfg(feature = "kernel")]
mod type_id;
#[cfg(feature = "kernel")]
pub mod untrusted;
#[cfg(feature = "kernel")]
mod userdata;
#[cfg(feature = "kernel")]
mod wire;

/// Whether the kernel takes its clock for synchronised with another.
///
/// # Errors
/// What adjtimex says.
#[cfg(feature = "kernel")]
pub fn clock_is_synchronised() -> std::io::Result<bool> {
    ffi::clock_is_synchronised()
}

/// A kernel with nf_tables.
pub trait Kernel {
    /// What this kernel can do, found out once.
    fn features(&self) -> Features;

    /// The generation that the last commit of anybody left.
    ///
    /// # Errors
    /// [`KernelError::Io`], [`KernelError::Denied`].
    fn generation(&mut self) -> Result<KernelGeneration, KernelError>;

    /// Reads those of these tables that exist, all of one generation.
    ///
    /// # Errors
    /// [`KernelError::Moving`] if others committed so often that no whole dump could be had; [`KernelError::Io`],
    /// [`KernelError::Denied`].
    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError>;

    /// The same for whoever owns these tables and knows what it left in them: the elements of named sets, most of what there
    /// is to read, are those of `left`. A kernel that reads everything all the same is as right.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn observe_left(&mut self, tables: &[TableKey], left: &Ruleset) -> Result<Observed, KernelError> {
        let _ = left;
        self.observe(tables)
    }

    /// The same for whoever takes these tables to `desired`: named sets that are not desired go as a whole, so the elements of
    /// those that hold keys alone need not be read. They are not all that packets meet. A kernel that reads everything all
    /// the same is as right.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn observe_for(&mut self, tables: &[TableKey], desired: &Ruleset) -> Result<Observed, KernelError> {
        let _ = desired;
        self.observe(tables)
    }

    /// The named counters of a table, without reading the rest of it; nothing if there is no such table. Whoever resets
    /// or deletes counters meanwhile is seen with some and not with others.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn counters(&mut self, table: &TableKey) -> Result<BTreeMap<Name, ObservedCounter>, KernelError> {
        let mut observed = self.observe(std::slice::from_ref(table))?;
        Ok(observed.tables.remove(table).map(|table| table.counters).unwrap_or_default())
    }

    /// The comments of the rules of a table that count by a named counter, by its name: where its place is written now,
    /// whatever was said when the counter was made. Reads no sets; nothing if there is no such table.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn counting_rules(&mut self, table: &TableKey) -> Result<BTreeMap<Name, Comment>, KernelError> {
        let mut observed = self.observe(std::slice::from_ref(table))?;
        let chains = observed.tables.remove(table).map(|table| table.chains).unwrap_or_default();
        let mut comments = BTreeMap::new();
        for rule in chains.into_values().flat_map(|chain| chain.rules) {
            let RuleContent::Known(Rule { exprs, comment: Some(comment) }) = rule.content else { continue };
            for expr in exprs {
                if let Expr::NamedCounter(name) = expr {
                    comments.entry(name).or_insert_with(|| comment.clone());
                }
            }
        }
        Ok(comments)
    }

    /// What the rules of a table that count for themselves have counted, and the elements of sets that do, summed by comment:
    /// one source line may be several rules. Nothing if there is no such table. A kernel that moves no packets counts none.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn counted(&mut self, table: &TableKey) -> Result<BTreeMap<Comment, Counted>, KernelError> {
        let mut observed = self.observe(std::slice::from_ref(table))?;
        let Some(table) = observed.tables.remove(table) else { return Ok(BTreeMap::new()) };
        let counts = |expr: &Expr| matches!(expr, Expr::Counter);
        let is_counted_there = |expr: &Expr| {
            let Expr::Lookup(Lookup { set: SetRef::Named(name), .. }) = expr else { return false };
            table.sets.get(name).is_some_and(|set| set.spec.counters)
        };
        let rules = table.chains.values().flat_map(|chain| &chain.rules).filter_map(|rule| match &rule.content {
            RuleContent::Known(Rule { exprs, comment }) if exprs.iter().any(counts) => {
                comment.clone().filter(|_| !exprs.iter().any(is_counted_there))
            }
            RuleContent::Known(_) | RuleContent::Unknown(_) => None,
        });
        let sets = table.sets.values().filter(|set| set.spec.counters);
        let elements = sets.flat_map(|set| set.elements.values()).filter_map(|element| element.comment.clone());
        Ok(rules.chain(elements).map(|comment| (comment, Counted::default())).collect())
    }

    /// Commits the operations as one transaction: all of them or none. Without operations nothing is sent.
    ///
    /// # Errors
    /// Every variant of [`KernelError`]; the previous ruleset is in force after each but [`KernelError::Unknown`].
    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError>;

    /// Waits until no packet is on its way any more through what was in force before the last commit. A kernel that moves no
    /// packets has none to wait for.
    fn settle(&mut self) {}

    /// Has the operations checked and thrown away: the batch without its end. The kernel then misses jump loops and
    /// expressions that their hook does not allow, which a real commit in a scratch namespace finds.
    ///
    /// # Errors
    /// As [`Kernel::commit`].
    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError>;
}

impl<K: Kernel + ?Sized> Kernel for Box<K> {
    fn features(&self) -> Features {
        (**self).features()
    }

    fn generation(&mut self) -> Result<KernelGeneration, KernelError> {
        (**self).generation()
    }

    fn observe(&mut self, tables: &[TableKey]) -> Result<Observed, KernelError> {
        (**self).observe(tables)
    }

    fn observe_for(&mut self, tables: &[TableKey], desired: &Ruleset) -> Result<Observed, KernelError> {
        (**self).observe_for(tables, desired)
    }

    fn counters(&mut self, table: &TableKey) -> Result<BTreeMap<Name, ObservedCounter>, KernelError> {
        (**self).counters(table)
    }

    fn counting_rules(&mut self, table: &TableKey) -> Result<BTreeMap<Name, Comment>, KernelError> {
        (**self).counting_rules(table)
    }

    fn counted(&mut self, table: &TableKey) -> Result<BTreeMap<Comment, Counted>, KernelError> {
        (**self).counted(table)
    }

    fn commit(&mut self, ops: &[Op], guard: Guard) -> Result<(), KernelError> {
        (**self).commit(ops, guard)
    }

    fn settle(&mut self) {
        (**self).settle();
    }

    fn check(&mut self, ops: &[Op]) -> Result<(), KernelError> {
        (**self).check(ops)
    }
}

/// On which kernel generation a commit insists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guard {
    /// Any: the objects are nobody else's.
    None,
    /// Exactly this one.
    Generation(KernelGeneration),
}

/// What a kernel can do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Features {
    /// Tables can be owned by a socket (5.12).
    pub owner: bool,
    /// Owned tables can outlive their owner (6.9).
    pub persist: bool,
    /// The end of a batch can be acknowledged (6.10).
    pub ack_on_end: bool,
}

/// Why a batch was not committed, or a question not answered.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Another writer changed nf_tables; observe again and plan again.
    #[error("nf_tables moved past generation {seen}")]
    Conflict {
        /// The generation that the guard insisted on.
        seen: KernelGeneration,
    },
    /// The kernel refused operations; the same batch again cannot help.
    #[error("the kernel refused {}", display_rejections(.0))]
    Rejected(Vec<Rejection>),
    /// No permission, or the table has another owner.
    #[error("not permitted to change nf_tables{}", .0.as_deref().unwrap_or(" (CAP_NET_ADMIN is needed)"))]
    Denied(Option<Box<str>>),
    /// Whether the batch was committed could not be learned; observe.
    #[error("the kernel's answer was lost")]
    Unknown,
    /// Others commit faster than our tables can be read.
    #[error("nf_tables changed during each of {attempts} attempts to read it")]
    Moving {
        /// How often it was tried.
        attempts: u32,
    },
    /// The batch is larger than the kernel takes in one message.
    #[error("a batch of {bytes} bytes does not fit into one netlink message")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The socket failed.
    #[error("netlink: {0}")]
    Io(#[from] std::io::Error),
    /// The kernel sent something that cannot be read.
    #[error("the kernel's answer makes no sense: {0}")]
    Malformed(&'static str),
}

/// One operation that the kernel refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// Index into the operations that were given.
    pub op: usize,
    /// The operation in words, with the source line that it came from: `add rule inet palisade pl_input: …`.
    pub what: Box<str>,
    /// The errno, positive.
    pub errno: i32,
    /// Offset of the attribute concerned in the message, where the kernel says it.
    pub offset: Option<u32>,
    /// The kernel's own words, where it has some.
    pub message: Option<Box<str>>,
}

fn display_rejections(rejections: &[Rejection]) -> String {
    rejections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, std::io::Error::from_raw_os_error(self.errno))?;
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        Ok(())
    }
}
