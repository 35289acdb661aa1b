//! Packets that wait for a program: the instruction of `queue`, and back.

use super::lower::Refusal;
use super::wire::Instruction;
use crate::ruleset::Queue;

/// `NFT_QUEUE_FLAG_*`.
const BYPASS: u16 = 1;
const FANOUT: u16 = 2;

pub(super) fn instruction(queue: Queue) -> Result<Instruction, Refusal> {
    let Queue { first, last: _, bypass, fanout } = queue;
    let total = queue.n_queues().ok_or(Refusal("queue wants a range of queues, with fanout of more than one"))?;
    let flags = (u16::from(bypass) * BYPASS) | (u16::from(fanout) * FANOUT);
    Ok(Instruction::Queue { first, total, flags })
}

pub(super) fn read(instruction: &Instruction) -> Option<Queue> {
    let Instruction::Queue { first, total, flags } = instruction else { return None };
    let last = first.checked_add(total.checked_sub(1)?)?;
    (flags & !(BYPASS | FANOUT) == 0).then_some(())?;
    let queue = Queue { first: *first, last, bypass: flags & BYPASS != 0, fanout: flags & FANOUT != 0 };
    queue.n_queues().map(|_| queue)
}
