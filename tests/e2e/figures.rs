//! What a run found, for people: shown by `--show-output`.

use std::time::Instant;

/// Says what a test found.
#[expect(clippy::print_stdout, reason = "figures of a run are read by people")]
pub(crate) fn report(text: &str) {
    println!("{text}");
}

/// Says how long a test took when it is over.
pub(crate) struct Timed(&'static str, Instant);

impl Timed {
    pub(crate) fn begin(name: &'static str) -> Self {
        Self(name, Instant::now())
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        report(&format!("{}: {:.1} s", self.0, self.1.elapsed().as_secs_f64()));
    }
}
