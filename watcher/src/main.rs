//! The `palisade` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    watcher::cli::main()
}
