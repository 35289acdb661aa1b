//! What a shell completes of the plugin.
//!
//! kubectl looks for a program of this name beside the plugin, calls it with the words so far, the last of which may be
//! empty, and reads one candidate a line, with a description after a tab, and at the end a colon and what else the shell is
//! to do (cobra's directives).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::iter;
use std::process::ExitCode;

use clap_complete::engine::complete;

use crate::report;

/// The name under which the program is asked.
pub(in crate::cli) const PROGRAM: &str = "kubectl_complete-palisade";

/// `ShellCompDirectiveDefault`: where nothing is known, names of files.
const FILES: u8 = 0;
/// `ShellCompDirectiveNoFileComp`.
const NO_FILES: u8 = 4;

/// Answers by the arguments of this process.
pub(in crate::cli) fn main() -> ExitCode {
    match report::result(&candidates(std::env::args_os().skip(1).collect())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn candidates(mut words: Vec<OsString>) -> String {
    if words.is_empty() {
        words.push(OsString::new());
    }
    let at = words.len();
    let words = iter::once(super::PROGRAM.into()).chain(words).collect();
    // A line that cannot be read has no candidates.
    let found = complete(&mut super::command(), words, at, None).unwrap_or_default();
    let shown: Vec<_> = found.iter().filter(|candidate| !candidate.is_hide_set()).collect();
    let mut text = String::new();
    for candidate in &shown {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let first = help.lines().next().unwrap_or_default();
        // Writing to a text cannot fail.
        let _ignored = writeln!(text, "{value}\t{first}");
    }
    let directive = if shown.is_empty() { FILES } else { NO_FILES };
    let _ignored = writeln!(text, ":{directive}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str]) -> (Vec<String>, String) {
        let text = candidates(words.iter().map(OsString::from).collect());
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let directive = lines.pop().unwrap();
        assert!(lines.iter().all(|line| line.contains('\t')), "{text}");
        (lines.iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect(), directive)
    }

    #[test]
    fn commands_flags_and_words_are_completed_and_nothing_else() {
        assert_eq!(check(&["st"]), (vec!["status".to_owned()], ":4".to_owned()));
        let all = check(&[]).0;
        for command in ["status", "drops", "doctor", "explain"] {
            assert!(all.iter().any(|word| word == command), "{all:?}");
        }
        assert_eq!(check(&["status", "--no"]), (vec!["--node".to_owned()], ":4".to_owned()));
        assert_eq!(check(&["drops", "--format", ""]).0, ["text", "json"]);
        assert_eq!(check(&["drops", "--nothing-like-it"]), (Vec::new(), ":0".to_owned()));
        // The name of a file is the shell's to find.
        assert_eq!(check(&["status", "--kubeconfig", ""]), (Vec::new(), ":0".to_owned()));
    }
}
