//! What this machine calls things.

use std::fs;

use engine::compile::host::Names;

/// What reads one of the tables.
type AddNames = fn(&mut Names, &str);

/// Ports, protocols, users and groups by the names that this machine's tables give them. A table that is not there
/// names nothing; the names that every machine knows stay.
pub fn names() -> Names {
    let mut names = Names::built_in();
    let tables: [(&str, AddNames); 4] = [
        ("/etc/services", Names::add_services),
        ("/etc/protocols", Names::add_protocols),
        ("/etc/passwd", Names::add_users),
        ("/etc/group", Names::add_groups),
    ];
    for (path, add) in tables {
        if let Ok(text) = fs::read(path) {
            add(&mut names, &String::from_utf8_lossy(&text));
        }
    }
    names
}
