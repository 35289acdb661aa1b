//! The running kernel, as the commands that read or change it see it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use engine::apply::our_tables;
use engine::compile::marker::{self, SourceRecord};
use engine::kernel::{Kernel, KernelError};
use engine::observed::{Counted, Observed, TableFlags};
use engine::revoke::revoked_bit;
use engine::ruleset::{Comment, Ruleset};

use super::Failure;
use crate::drops::{self, CountedPlace};

/// Opens the netlink socket.
#[cfg(feature = "kernel")]
pub(super) fn open() -> Result<Box<dyn Kernel>, Failure> {
    let kernel = engine::kernel::Netlink::open().map_err(refused)?;
    Ok(Box::new(kernel))
}

/// Says that there is nothing to open.
#[cfg(not(feature = "kernel"))]
pub(super) fn open() -> Result<Box<dyn Kernel>, Failure> {
    Err(Failure::Refused(anyhow!("this palisade was built without the feature `kernel`: it reads and loads no rules")))
}

/// Our tables as they are.
pub(super) fn observe(kernel: &mut dyn Kernel) -> Result<Observed, Failure> {
    kernel.observe(&our_tables()).map_err(refused)
}

/// Our tables as they are, as far as it takes to make them what is desired. Where live connections are judged by what was in
/// force, that is all of it.
pub(super) fn observe_for(kernel: &mut dyn Kernel, desired: &Ruleset) -> Result<Observed, Failure> {
    if revoked_bit(desired).is_some() {
        return observe(kernel);
    }
    kernel.observe_for(&our_tables(), desired).map_err(refused)
}

/// The places of our tables, with what they counted; nothing if nothing is loaded. Beside pod policy, which is in the inet
/// table alone, they are those of host rules that are observed or paused.
pub(super) fn places(kernel: &mut dyn Kernel) -> Result<Option<Vec<CountedPlace>>, Failure> {
    let mut places = Vec::new();
    for key in our_tables() {
        let counters = kernel.counters(&key).map_err(refused)?;
        if !counters.is_empty() {
            let rules = kernel.counting_rules(&key).map_err(refused)?;
            places.extend(drops::places(&counters, &rules));
        }
    }
    // A ruleset without pod policy has no counters.
    if places.is_empty() && observe(kernel)?.tables.is_empty() {
        return Ok(None);
    }
    drops::sort(&mut places);
    Ok(Some(places))
}

/// What the lines of the host rules have counted; nothing if nothing is loaded.
pub(super) fn counted(kernel: &mut dyn Kernel) -> Result<Option<BTreeMap<Comment, Counted>>, Failure> {
    let mut counted: BTreeMap<Comment, Counted> = BTreeMap::new();
    // One comment is one line of one domain, so that no table counts for another.
    for key in our_tables() {
        counted.extend(kernel.counted(&key).map_err(refused)?);
    }
    // Pod policy alone counts by counters with names.
    if counted.is_empty() && observe(kernel)?.tables.is_empty() {
        return Ok(None);
    }
    Ok(Some(counted))
}

/// The flags of a table that a one-shot command makes: it outlives its maker, wherever the kernel can say so.
pub(super) fn flags(kernel: &dyn Kernel) -> TableFlags {
    TableFlags { owner: false, persist: kernel.features().persist }
}

/// An owned table belongs to an agent: nobody else may change it.
pub(super) fn refuse_owned(observed: &Observed) -> Result<(), Failure> {
    match observed.tables.iter().find(|(_, table)| table.flags.owner) {
        Some((key, _)) => Err(Failure::Refused(anyhow!("table {key} is owned by a running agent"))),
        None => Ok(()),
    }
}

/// What the loaded tables were built from.
pub(super) fn recorded(observed: &Observed) -> Vec<SourceRecord> {
    let name = marker::set_name();
    let sets = observed.tables.values().filter_map(|table| table.sets.get(&name));
    sets.flat_map(marker::read).collect()
}

/// The recorded sources that these ones leave out. The kernel keeps the end of a long path only.
pub(super) fn dropped(recorded: &[SourceRecord], given: &[SourceRecord]) -> Vec<SourceRecord> {
    let given: BTreeSet<Comment> = given.iter().map(|source| Comment::new(&source.to_string())).collect();
    let is_dropped = |source: &&SourceRecord| !given.contains(&Comment::new(&source.to_string()));
    recorded.iter().filter(is_dropped).cloned().collect()
}

/// Whether a ruleset could be tried for real.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scratch {
    /// It was committed in a network namespace that was made for that and is gone.
    Committed,
    /// This process may not make a network namespace.
    NotPermitted,
}

/// Commits a ruleset in a scratch network namespace.
#[cfg(feature = "kernel")]
pub(super) fn commit_in_scratch(desired: &Ruleset, flags: TableFlags) -> Result<Scratch, Failure> {
    use std::ops::ControlFlow;

    use engine::apply::apply;
    use engine::kernel::in_scratch;

    match in_scratch(|kernel| apply(kernel, desired, flags, &mut |_| ControlFlow::Continue(()))) {
        Ok(Ok(_)) => Ok(Scratch::Committed),
        Ok(Err(error)) => Err(Failure::Refused(error.into())),
        Err(KernelError::Denied(_)) => Ok(Scratch::NotPermitted),
        Err(error) => Err(refused(error)),
    }
}

/// Says that there is no kernel to ask.
#[cfg(not(feature = "kernel"))]
pub(super) fn commit_in_scratch(_: &Ruleset, _: TableFlags) -> Result<Scratch, Failure> {
    open().map(|_| Scratch::NotPermitted)
}

/// Whatever the kernel does not do for us.
pub(super) fn refused(error: KernelError) -> Failure {
    Failure::Refused(error.into())
}

#[cfg(test)]
mod tests {
    use engine::compile::marker::SourceKind;

    use super::*;

    #[test]
    fn a_source_is_dropped_unless_it_is_given_again_however_long_its_path_is() {
        let source = |kind, path: &str| SourceRecord { kind, path: path.to_owned() };
        let long = source(SourceKind::Host, &"d/".repeat(200));
        let kept: SourceRecord = Comment::new(&long.to_string()).as_str().parse().unwrap_or_else(|_| long.clone());
        assert_eq!(dropped(&[kept], std::slice::from_ref(&long)), []);
        let other = source(SourceKind::Manifests, "d");
        assert_eq!(dropped(std::slice::from_ref(&other), &[long]), [other]);
    }
}
