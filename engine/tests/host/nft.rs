//! Runs nft on texts.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Loads the text in a new network namespace; nothing happens without root or nft.
#[track_caller]
#[expect(clippy::print_stderr, reason = "a test that proves nothing says so")]
pub(crate) fn load(text: &str) {
    static CAN_RUN: OnceLock<bool> = OnceLock::new();
    let can_run = CAN_RUN.get_or_init(|| {
        let listed = nft().args(["list", "ruleset"]).output();
        let can_run = listed.is_ok_and(|output| output.status.success());
        if !can_run {
            eprintln!("skipped: needs nft and the right to make a network namespace");
        }
        can_run
    });
    if !can_run {
        return;
    }
    let mut child = nft().args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

#[expect(clippy::disallowed_methods, reason = "the judge of the text is nft itself")]
fn nft() -> Command {
    let mut command = Command::new("unshare");
    command.args(["-n", "nft"]);
    command
}
