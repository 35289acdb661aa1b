//! What is waited for in the middle of an apply.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use engine::apply::Step;

/// How long leftovers stay after a flip: packets on their way through the old rules are through by then, even if the
/// machine was stopped in the middle.
const GRACE: Duration = Duration::from_millis(20);

/// Waits after each flip.
pub fn wait(step: Step<'_>) -> ControlFlow<()> {
    match step {
        Step::Flipped => thread::sleep(GRACE),
        Step::Before(..) => {}
    }
    ControlFlow::Continue(())
}
