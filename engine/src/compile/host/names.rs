//! Names of services, protocols, users and groups, as the caller has read them.
//!
//! iptables asks the machine (`/etc/services`, `/etc/protocols`, the user database) when it loads a rule. The
//! compiler must give the same output everywhere, so the tables come in as values; the texts of those files are
//! parsed here and read elsewhere.

use std::collections::BTreeMap;

use self::built_in::{PROTOCOLS, SERVICES};

mod built_in;

/// What the words of ports, protocols, users and groups stand for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names {
    services: BTreeMap<Box<str>, Vec<(u8, u16)>>,
    protocols: BTreeMap<Box<str>, u8>,
    users: BTreeMap<Box<str>, u32>,
    groups: BTreeMap<Box<str>, u32>,
}

impl Names {
    /// The protocols and services that need no table of the machine.
    pub fn built_in() -> Self {
        let mut names = Self::default();
        names.protocols.extend(PROTOCOLS.iter().map(|(name, number)| (Box::from(*name), *number)));
        for (name, protocols, port) in SERVICES {
            names.services.insert(Box::from(*name), protocols.iter().map(|protocol| (*protocol, *port)).collect());
        }
        names.users.insert("root".into(), 0);
        names.groups.insert("root".into(), 0);
        names
    }

    /// Adds the lines of an `/etc/services`: `ssh 22/tcp alias…`. They win over what was known before.
    pub fn add_services(&mut self, text: &str) {
        let mut read: BTreeMap<Box<str>, Vec<(u8, u16)>> = BTreeMap::new();
        for (name, value, aliases) in lines(text) {
            let Some((port, protocol)) = value.split_once('/') else { continue };
            let (Ok(port), Some(protocol)) = (port.parse(), self.protocol(protocol)) else { continue };
            for name in std::iter::once(name).chain(aliases) {
                read.entry(name.into()).or_default().push((protocol, port));
            }
        }
        self.services.extend(read);
    }

    /// Adds the lines of an `/etc/protocols`: `tcp 6 TCP`.
    pub fn add_protocols(&mut self, text: &str) {
        for (name, value, aliases) in lines(text) {
            let Ok(number) = value.parse() else { continue };
            for name in std::iter::once(name).chain(aliases) {
                self.protocols.insert(name.into(), number);
            }
        }
    }

    /// Adds the lines of an `/etc/passwd`.
    pub fn add_users(&mut self, text: &str) {
        self.users.extend(accounts(text));
    }

    /// Adds the lines of an `/etc/group`.
    pub fn add_groups(&mut self, text: &str) {
        self.groups.extend(accounts(text));
    }

    /// The port of a service of a transport protocol.
    pub fn service(&self, name: &str, protocol: u8) -> Option<u16> {
        self.services.get(name)?.iter().find(|(of, _)| *of == protocol).map(|(_, port)| *port)
    }

    /// The number of a protocol.
    pub fn protocol(&self, name: &str) -> Option<u8> {
        self.protocols.get(name).or_else(|| self.protocols.get(name.to_ascii_lowercase().as_str())).copied()
    }

    /// The number of a user.
    pub fn user(&self, name: &str) -> Option<u32> {
        self.users.get(name).copied()
    }

    /// The number of a group.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }

    /// The names of all services, for hints.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(AsRef::as_ref)
    }

    /// The names of all protocols, for hints.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.keys().map(AsRef::as_ref)
    }
}

/// `NAME VALUE ALIAS…`, comments and incomplete lines left out.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str, std::str::SplitWhitespace<'_>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        Some((words.next()?, words.next()?, words))
    })
}

/// `NAME:…:NUMBER:…`
fn accounts(text: &str) -> impl Iterator<Item = (Box<str>, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((name.into(), fields.nth(1)?.parse().ok()?))
    })
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
