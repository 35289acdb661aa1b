//! Names of services, protocols, users and groups, as the caller has read them.
//!
//! iptables asks the machine (`/etc/services`, `/etc/protocols`, the user database) when it loads a rule. The
//! compiler must give the same output everywhere, so the tables come in as values; the texts of those files are
//! parsed here and read elsewhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use self::built_in::{PROTOCOLS, SERVICES};

mod built_in;

/// What the words of ports, protocols, users and groups stand for.
///
/// A text is read when the first word asks for it: most rules name their ports by number, and these tables are long.
#[derive(Clone, Debug, Default)]
pub struct Names {
    services: Table<Vec<(u8, u16)>>,
    protocols: Table<u8>,
    users: Table<u32>,
    groups: Table<u32>,
}

/// A table of the machine: its texts, and what they say.
#[derive(Clone, Debug)]
struct Table<V> {
    built_in: HashMap<Key, V>,
    texts: Vec<Box<str>>,
    read: OnceLock<HashMap<Key, V>>,
}

type Key = Cow<'static, str>;

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self::built_in([])
    }
}

impl<V> Table<V> {
    fn built_in(entries: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let built_in = entries.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Self { built_in, texts: Vec::new(), read: OnceLock::new() }
    }

    fn add(&mut self, text: &str) {
        self.texts.push(text.into());
        self.read = OnceLock::new();
    }
}

impl<V: Clone> Table<V> {
    /// What is built in and what the texts say, each of which wins over what was known before.
    fn read(&self, entries: impl Fn(&str) -> HashMap<Key, V>) -> &HashMap<Key, V> {
        self.read.get_or_init(|| {
            let mut known = self.built_in.clone();
            for text in &self.texts {
                known.extend(entries(text));
            }
            known
        })
    }
}

impl Names {
    /// The protocols and services that need no table of the machine.
    pub fn built_in() -> Self {
        let service = |(name, protocols, port): &(&'static str, &'static [u8], u16)| {
            (*name, protocols.iter().map(|protocol| (*protocol, *port)).collect())
        };
        Self {
            services: Table::built_in(SERVICES.iter().map(service)),
            protocols: Table::built_in(PROTOCOLS.iter().copied()),
            users: Table::built_in([("root", 0)]),
            groups: Table::built_in([("root", 0)]),
        }
    }

    /// Adds the lines of an `/etc/services`: `ssh 22/tcp alias…`. They win over what was known before.
    pub fn add_services(&mut self, text: &str) {
        self.services.add(text);
    }

    /// Adds the lines of an `/etc/protocols`: `tcp 6 TCP`.
    pub fn add_protocols(&mut self, text: &str) {
        self.protocols.add(text);
        // Lines of services name their protocols.
        self.services.read = OnceLock::new();
    }

    /// Adds the lines of an `/etc/passwd`.
    pub fn add_users(&mut self, text: &str) {
        self.users.add(text);
    }

    /// Adds the lines of an `/etc/group`.
    pub fn add_groups(&mut self, text: &str) {
        self.groups.add(text);
    }

    /// The port of a service of a transport protocol.
    pub fn service(&self, name: &str, protocol: u8) -> Option<u16> {
        self.read_services().get(name)?.iter().find(|(of, _)| *of == protocol).map(|(_, port)| *port)
    }

    /// The number of a protocol.
    pub fn protocol(&self, name: &str) -> Option<u8> {
        let known = self.read_protocols();
        known.get(name).or_else(|| known.get(name.to_ascii_lowercase().as_str())).copied()
    }

    /// The number of a user.
    pub fn user(&self, name: &str) -> Option<u32> {
        self.users.read(accounts).get(name).copied()
    }

    /// The number of a group.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.read(accounts).get(name).copied()
    }

    /// The names of all services in the order of the alphabet, for hints.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        sorted(self.read_services().keys())
    }

    /// The names of all protocols in the order of the alphabet, for hints.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &str> {
        sorted(self.read_protocols().keys())
    }

    fn read_services(&self) -> &HashMap<Key, Vec<(u8, u16)>> {
        self.services.read(|text| {
            let mut read: HashMap<Key, Vec<(u8, u16)>> = HashMap::new();
            for (name, value, aliases) in lines(text) {
                let Some((port, protocol)) = value.split_once('/') else { continue };
                let (Ok(port), Some(protocol)) = (port.parse(), self.protocol(protocol)) else { continue };
                for name in std::iter::once(name).chain(aliases) {
                    read.entry(Cow::Owned(name.to_owned())).or_default().push((protocol, port));
                }
            }
            read
        })
    }

    fn read_protocols(&self) -> &HashMap<Key, u8> {
        self.protocols.read(|text| {
            let numbered = lines(text).filter_map(|(name, value, aliases)| Some((name, value.parse().ok()?, aliases)));
            let named = numbered.flat_map(|(name, number, aliases)| {
                std::iter::once(name).chain(aliases).map(move |name| (Cow::Owned(name.to_owned()), number))
            });
            named.collect()
        })
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a Key>) -> impl Iterator<Item = &'a str> {
    let mut names: Vec<&str> = names.map(AsRef::as_ref).collect();
    names.sort_unstable();
    names.into_iter()
}

/// `NAME VALUE ALIAS…`, comments and incomplete lines left out.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str, std::str::SplitWhitespace<'_>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        Some((words.next()?, words.next()?, words))
    })
}

/// `NAME:…:NUMBER:…`
fn accounts(text: &str) -> HashMap<Key, u32> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((Cow::Owned(name.to_owned()), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: u8 = 6;
    const UDP: u8 = 17;

    #[test]
    fn the_texts_of_the_machine_win_over_what_is_built_in() {
        let mut names = Names::built_in();
        names.add_services("# comment\nssh\t2222/tcp # moved\nodd 9/ddp\nwww 80/tcp http\n");
        names.add_protocols("hopopt 0 HOPOPT\nospfigp 89 OSPFIGP\n");
        names.add_users("root:x:0:0:root:/root:/bin/sh\nbroken\nwww-data:x:33:33::/:/bin/false\n");
        names.add_groups("adm:x:4:syslog\n");
        assert_eq!(names.service("ssh", TCP), Some(2222));
        assert_eq!(names.service("ssh", UDP), None);
        assert_eq!(names.service("http", TCP), Some(80));
        assert_eq!(names.service("bgp", 132), None);
        assert_eq!(names.protocol("OSPFIGP"), Some(89));
        assert_eq!((names.user("www-data"), names.group("adm"), names.user("broken")), (Some(33), Some(4), None));
    }
}
