//! The way of a packet, line by line.

use engine::apply::our_tables;
use engine::kernel::{Traced, TracedStep};
use engine::ruleset::{Comment, Verdict};

use super::headers::about;

/// The packet itself: `10.0.0.1 -> 10.0.0.2 443/TCP, in eth0, out eth1`. Nothing where the kernel has not said it.
pub fn packet(step: &Traced, input: Option<&str>, output: Option<&str>) -> Option<String> {
    let headers = step.headers.as_ref()?;
    let by = |way: &str, interface: Option<&str>| interface.map(|name| format!(", {way} {name}")).unwrap_or_default();
    let (input, output) = (by("in", input), by("out", output));
    Some(format!("{} -> {} {}{input}{output}\n", headers.source, headers.destination, about(headers)))
}

/// One step: the chain, the source line or whatever else decided, and what was decided. Of others' rules the number that nft
/// shows with `-a` is all that there is.
pub fn step(step: &Traced, line: Option<&Comment>) -> String {
    let chain = if our_tables().contains(&step.table) {
        step.chain.to_string()
    } else {
        format!("{} {}", step.table, step.chain)
    };
    let what = match (step.step, line) {
        (TracedStep::Rule(_), Some(line)) => line.as_str().to_owned(),
        (TracedStep::Rule(handle), None) => format!("rule {}", handle.0),
        (TracedStep::Return, _) => "its end".to_owned(),
        (TracedStep::Policy, _) => "its policy".to_owned(),
    };
    let decided = match &step.verdict {
        Some(Verdict::Accept) => "accept".to_owned(),
        Some(Verdict::Drop) => "drop".to_owned(),
        Some(Verdict::Return) => "return".to_owned(),
        Some(Verdict::Continue) => "continue".to_owned(),
        Some(Verdict::Jump(to)) => format!("jump {to}"),
        Some(Verdict::Goto(to)) => format!("goto {to}"),
        None => "something else".to_owned(),
    };
    format!("  {chain}  {what}  {decided}\n")
}
