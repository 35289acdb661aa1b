//! Runs nft on texts.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use engine::render;
use engine::ruleset::Ruleset;

/// Loads the text, lists it and compares; the check of nft alone must accept it as well.
#[track_caller]
pub(crate) fn check(ruleset: &Ruleset) {
    let listed = check_text(ruleset);
    #[cfg(feature = "kernel")]
    if let Some(listed) = listed {
        crate::netlink::check(ruleset, &listed);
    }
    #[cfg(not(feature = "kernel"))]
    drop(listed);
}

/// The same, for what netlink loads as it is and only the text has to write otherwise.
#[track_caller]
pub(crate) fn check_text(ruleset: &Ruleset) -> Option<String> {
    let text = render::ruleset(ruleset);
    let listed = list(&text)?;
    if let Err(error) = nft(&text, "nft -c -f -").unwrap_or(Ok(String::new())) {
        panic!("{error}");
    }
    let differences: Vec<String> = text
        .lines()
        .zip(listed.lines())
        .filter(|(written, listed)| written != listed)
        .map(|(written, listed)| format!("written: {written}\nlisted:  {listed}"))
        .take(20)
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(text, listed);
    Some(listed)
}

#[track_caller]
pub(crate) fn list(text: &str) -> Option<String> {
    match nft(text, "nft -f - && nft list ruleset")? {
        Ok(listed) => Some(listed),
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Runs a command line in a new network namespace with the text as its input; nothing without root or nft.
pub(crate) fn nft(text: &str, command: &str) -> Option<Result<String, String>> {
    let can_run = Command::new("unshare").args(["-n", "nft", "list", "ruleset"]).output();
    if !can_run.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: needs nft and the right to make a network namespace");
        return None;
    }
    let output = run(text, command);
    let read = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some(if output.status.success() { Ok(read(output.stdout)) } else { Err(read(output.stderr)) })
}

fn run(text: &str, command: &str) -> Output {
    let mut child = Command::new("unshare")
        .args(["-n", "sh", "-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
