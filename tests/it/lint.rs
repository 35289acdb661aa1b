//! `palisade lint`, `rule` and `init` as processes: exit codes, files, git. What rules find is tested in watcher/tests.

mod changes;
mod commands;
mod committed;
mod reserved;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, process};

/// A folder of its own, which goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-lint-{name}-{}", process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn palisade(&self, arguments: &[&str]) -> Ran {
        Ran::of(Command::new(env!("CARGO_BIN_EXE_palisade")).args(arguments).current_dir(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What a process left.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    fn codes(&self) -> Vec<&str> {
        self.out.lines().filter_map(|line| line.split(' ').find(|word| word.starts_with("PAL"))).collect()
    }
}

/// Makes a folder a repository; what is left is to commit something.
fn repository(folder: &Folder) -> impl Fn(&[&str]) + '_ {
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(&folder.0)
            .output();
        assert!(done.is_ok_and(|output| output.status.success()), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A policy with this `spec`, written in lines.
fn policy(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n{spec}"
    )
}

/// One finding: PAL102, a warning.
const OPEN: &str = "  podSelector: {}\n  policyTypes: [Ingress]\n  ingress:\n  - from: []\n";

/// None.
const CLOSED: &str = "  podSelector: {}\n  policyTypes: [Ingress]\n";
