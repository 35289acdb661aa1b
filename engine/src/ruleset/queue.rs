//! Programs that decide about packets.

/// `queue flags bypass to 0-3`: the packet waits for what a program says of it, and goes on behind the base chain or not at
/// all. Where no program listens it is dropped.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Queue {
    /// The lowest of the queues.
    pub first: u16,
    /// The highest; the same if it is one. Not all 65,536 at once.
    pub last: u16,
    /// Whether it is accepted instead where no program listens.
    pub bypass: bool,
    /// Whether the processor decides which of several queues it is, instead of the addresses.
    pub fanout: bool,
}

impl Queue {
    /// How many queues there are, if the kernel and nft can say so.
    pub fn n_queues(self) -> Option<u16> {
        let Self { first, last, bypass: _, fanout } = self;
        let n_queues = last.checked_sub(first)?.checked_add(1)?;
        (n_queues > 1 || !fanout).then_some(n_queues)
    }
}
