//! What something costs: processor time, user and system, so that whoever else runs on the machine counts little.

use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use watcher::lab::Namespace;

/// What the calling thread spends on this, the kernel's work for it included.
pub(crate) fn of_thread<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_time();
    let result = work();
    (result, thread_time().saturating_sub(before))
}

/// The processor time that the calling thread has had. Packets that it sends and that stay on this machine are
/// forwarded and received within its own system calls, so that they are in it too.
pub(crate) fn thread_time() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap())
}

/// What a program spends in a namespace, and all that it starts and waits for. Nothing else may be started meanwhile.
pub(crate) fn of_program(namespace: &Namespace, command: &mut Command) -> Duration {
    let before = children_time();
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = namespace.run(|| command.output()).unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    children_time().saturating_sub(before)
}

/// The most memory that a program has resident, in MB; what it starts is not counted. The kernel's own account of the peak is
/// read each millisecond until the program ends, so the very end may be missed.
pub(crate) fn peak_of_program(namespace: &Namespace, command: &mut Command) -> f64 {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = namespace.run(|| command.spawn()).unwrap().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0_u32;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{program}: {status}");
            return f64::from(peak) / 1024.0;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn children_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    [usage.user_time(), usage.system_time()]
        .map(|time| {
            let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
            Duration::from_micros(u64::try_from(micros).unwrap_or_default())
        })
        .iter()
        .sum()
}
