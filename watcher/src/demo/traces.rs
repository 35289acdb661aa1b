//! What a demonstration could leave behind, before and after it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// Where named network namespaces are.
const NAMED_NAMESPACES: &str = "/run/netns";

/// What this process holds and what its network namespace has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traces {
    /// Network interfaces.
    interfaces: BTreeSet<String>,
    /// Network namespaces with a name in the file system.
    named: BTreeSet<String>,
    /// Network namespaces that a thread of this process is in.
    entered: BTreeSet<String>,
    /// Sockets and network namespaces that this process holds open: what a namespace lives by.
    held: BTreeSet<String>,
    /// Processes that this one started and that still run.
    children: BTreeSet<String>,
}

impl Traces {
    /// What is there.
    ///
    /// # Errors
    /// If `/proc` or `/sys` cannot be read.
    pub fn find() -> io::Result<Self> {
        let mut entered = BTreeSet::new();
        let mut children = BTreeSet::new();
        for task in names(Path::new("/proc/self/task"))? {
            let folder = Path::new("/proc/self/task").join(task);
            // A thread that ends in between is in no namespace any more.
            entered.extend(fs::read_link(folder.join("ns/net")).ok().map(|link| link.display().to_string()));
            let running = fs::read_to_string(folder.join("children")).unwrap_or_default();
            children.extend(running.split_whitespace().map(ToOwned::to_owned));
        }
        let mut held = BTreeSet::new();
        for descriptor in names(Path::new("/proc/self/fd"))? {
            let link = fs::read_link(Path::new("/proc/self/fd").join(descriptor)).unwrap_or_default();
            let link = link.display().to_string();
            if link.starts_with("net:") || link.starts_with("socket:") {
                held.insert(link);
            }
        }
        Ok(Self {
            interfaces: names(Path::new("/sys/class/net"))?,
            named: names(Path::new(NAMED_NAMESPACES)).unwrap_or_default(),
            entered,
            held,
            children,
        })
    }

    /// What is there beyond what was there before, in words.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        let Self { interfaces, named, entered, held, children } = self;
        let kinds = [
            ("interface", interfaces, &before.interfaces),
            ("network namespace", named, &before.named),
            ("thread in", entered, &before.entered),
            ("open", held, &before.held),
            ("process", children, &before.children),
        ];
        let new = kinds.into_iter().flat_map(|(kind, after, before)| {
            after.difference(before).map(move |name| format!("{kind} {name}")).collect::<Vec<_>>()
        });
        new.collect()
    }
}

fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_still_open_is_found() {
        let before = Traces::find().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = Traces::find().unwrap().beyond(&before);
        assert!(found.iter().any(|trace| trace.starts_with("open socket:")), "{found:?}");
        drop(socket);
    }
}
