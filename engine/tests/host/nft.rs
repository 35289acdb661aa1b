//! Runs nft on texts.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Loads the text in a new network namespace; nothing happens without root or nft.
#[track_caller]
pub(crate) fn load(text: &str) {
    let can_run = Command::new("unshare").args(["-n", "nft", "list", "ruleset"]).output();
    if !can_run.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: needs nft and the right to make a network namespace");
        return;
    }
    let mut child = Command::new("unshare")
        .args(["-n", "sh", "-c", "cat > /tmp/palisade-host-$$; nft -c -f /tmp/palisade-host-$$ && nft -f /tmp/palisade-host-$$; status=$?; rm /tmp/palisade-host-$$; exit $status"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}
