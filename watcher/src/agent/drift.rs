//! Listens to what others commit to nf_tables.

use std::thread;
use std::time::Duration;

use engine::apply::our_tables;
use engine::kernel::{KernelError, Monitor, Notice};
use tracing::warn;

use super::event::{Event, SourceName, Tell, watch_over};

/// How long a silent kernel is listened to before it is looked whether the loop has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long is waited before listening begins anew after an error.
const RETRY: Duration = Duration::from_secs(5);

/// Begins to listen, on a thread of its own. Commits by `own_port` and those that leave our tables alone are passed over.
///
/// # Errors
/// [`KernelError`] if it cannot be listened at all.
pub fn listen(own_port: u32, tell: &Tell) -> Result<(), KernelError> {
    let mut monitor = Monitor::open(our_tables())?;
    watch_over("kernel", tell.clone(), move |tell| {
        let kernel = SourceName::new("kernel");
        loop {
            let notice = match monitor.next(PATIENCE) {
                Ok(None) if tell.is_over() => return,
                Ok(None) => continue,
                Ok(Some(Notice::Commit(commit))) if commit.port == own_port || commit.objects.is_empty() => continue,
                Ok(Some(notice)) => notice,
                Err(error) => {
                    warn!(event = "not-listening", %error);
                    thread::sleep(RETRY);
                    if let Ok(again) = Monitor::open(our_tables()) {
                        monitor = again;
                    }
                    // Whatever happened meanwhile was not heard.
                    Notice::Lost
                }
            };
            if tell.tell(&kernel, Event::Kernel(notice)).is_break() {
                return;
            }
        }
    });
    Ok(())
}
