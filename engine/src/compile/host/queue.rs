//! NFQUEUE and QUEUE: packets that wait for what a program says of them.
//!
//! What a program lets go on comes to the next hook or priority, and what it repeats to the beginning of the base chain: in
//! nftables as in iptables, whose tables are base chains here.

use policy_lang::host::rule::{TargetOption, Word};
use policy_lang::source::Span;

use super::clause::Effect;
use super::code::{OPERAND, Refusal, refuse};
use super::operand::{bounded, number};
use super::target::{Statement, unknown_option, value};
use crate::ruleset::{Expr, Queue};

/// The queue of whoever names none.
const FIRST: Queue = Queue { first: 0, last: 0, bypass: false, fanout: false };

/// `QUEUE`: the first queue.
pub(super) fn first(options: &[TargetOption]) -> Result<Statement, Refusal> {
    options.first().map_or(Ok(waiting(FIRST)), |option| Err(unknown_option(option, "QUEUE")))
}

/// `NFQUEUE`.
pub(super) fn read(options: &[TargetOption], span: Span) -> Result<Statement, Refusal> {
    let mut queue = FIRST;
    let (mut number, mut balance) = (None, None);
    for option in options {
        match option.keyword {
            "queue-num" => number = Some(bounded(value(option)?, "queue", u32::from(u16::MAX))?),
            "queue-balance" => balance = Some(range(value(option)?)?),
            "queue-bypass" => queue.bypass = true,
            "queue-cpu-fanout" => queue.fanout = true,
            _ => return Err(unknown_option(option, "NFQUEUE")),
        }
    }
    (queue.first, queue.last) = match (number, balance) {
        (Some(_), Some(_)) => {
            let message = "NFQUEUE takes `queue-num` or `queue-balance`, not both";
            return Err(refuse(OPERAND, span, message, "leave one of them out"));
        }
        (None, Some(range)) => range,
        (number, None) => {
            let number = u16::try_from(number.unwrap_or(0)).unwrap_or(u16::MAX);
            (number, number)
        }
    };
    if queue.n_queues().is_none() {
        let message = "`queue-cpu-fanout` chooses among several queues";
        return Err(refuse(OPERAND, span, message, "add `queue-balance FIRST:LAST`, or leave it out"));
    }
    Ok(waiting(queue))
}

/// `FIRST:LAST`, either of which may be missing; never all queues at once.
fn range(word: &Word) -> Result<(u16, u16), Refusal> {
    let queue = |text: &str, otherwise: u16| match text {
        "" => Some(otherwise),
        text => number(text).and_then(|number| u16::try_from(number).ok()),
    };
    let ends = word.text.split_once(':').and_then(|(first, last)| queue(first, 0).zip(queue(last, u16::MAX)));
    ends.filter(|(first, last)| first < last && (*first, *last) != (0, u16::MAX)).ok_or_else(|| {
        let message = format!("`{}` is no range of queues", word.text);
        refuse(OPERAND, word.span, message, "write FIRST:LAST, such as 0:3: from 0 to 65535, not all of them")
    })
}

fn waiting(queue: Queue) -> Statement {
    Statement { exprs: vec![Expr::Queue(queue)], uses: None, effect: Effect::Final }
}
