//! What `ipset save` prints: named sets that host rules refer to with `mod set` and `SET`.
//!
//! Only what is written wrongly is an error here. A set that this program cannot hold is kept with the reason, and refused
//! by the rule that names it: a file may hold sets of others.

mod element;
mod kind;
mod line;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub use self::kind::{Dimension, Kind};
use self::line::{Line, Word};
use super::code;
use super::limits::{DIAGNOSTICS, FILE_BYTES, IPSET_ELEMENTS};
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};

/// The members that ipset lets a set have unless it is told otherwise.
const SIZE: u32 = 65_536;

/// What is to be written instead of a line that makes no sense.
const SAVED: &str = "write what `ipset save` prints";

/// Named sets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IpSets(BTreeMap<Box<str>, IpSet>);

/// A set, and what is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IpSet {
    /// Where it is created.
    pub span: Span,
    /// What its members are.
    pub kind: Kind,
    /// Whether its addresses are of IPv6.
    pub is_v6: bool,
    /// How long a member stays unless it says otherwise, in seconds; 0 is for ever. Nothing if members cannot expire.
    pub timeout: Option<u32>,
    /// How many members it can have.
    pub size: u32,
    /// Its members, in the order of the text.
    pub members: Vec<Member>,
    /// Why it cannot be used, and where that is written.
    pub refused: Option<(Span, &'static str)>,
}

/// A member of a set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Where it is added.
    pub span: Span,
    /// What a packet is compared with: one part for each dimension, or the name of a set.
    pub parts: Vec<Part>,
    /// Whether packets that it fits best are not in the set.
    pub is_exception: bool,
}

/// One part of a member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// From the first address to the last.
    Addresses(IpAddr, IpAddr),
    /// A protocol, and from the first port to the last.
    Ports(Option<u8>, u16, u16),
    /// A packet's mark.
    Mark(u32),
    /// An interface.
    Interface(Arc<str>),
    /// A set of a `list:set`.
    Set(Arc<str>),
}

impl IpSets {
    /// The set of this name.
    pub fn get(&self, name: &str) -> Option<&IpSet> {
        self.0.get(name)
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// These, and those of others after them: of two with one name, these are meant.
    #[must_use]
    pub(super) fn followed_by(mut self, later: Self) -> Self {
        for (name, set) in later.0 {
            self.0.entry(name).or_insert(set);
        }
        self
    }

    /// Reads what `ipset save` printed. A set that was there before is replaced.
    pub fn read(&mut self, path: &str, text: &str, sources: &mut Sources) -> Vec<Diagnostic> {
        if text.len() > FILE_BYTES {
            let span = Span { source: sources.add(path, ""), start: 0, end: 0 };
            let message = format!("the file has more than {FILE_BYTES} bytes");
            return vec![Diagnostic::error(code::LIMIT, span, message).help("split it: --ipset can be given again")];
        }
        let mut findings = Vec::new();
        let source = sources.add(path, text);
        let mut n_members = 0;
        for line in line::lines(source, text) {
            let step = match line.words.first().map(|word| word.text) {
                Some("create") => self.create(&line),
                Some("add") => {
                    n_members += 1;
                    if n_members > IPSET_ELEMENTS {
                        let message = format!("the file has more than {IPSET_ELEMENTS} members");
                        findings.push(Diagnostic::error(code::LIMIT, line.span, message).help("split the sets"));
                        break;
                    }
                    self.add(&line)
                }
                Some("COMMIT") | None => Ok(()),
                Some(_) => Err(wrong(line.span, "this line is neither `create` nor `add`")),
            };
            if let Err(finding) = step {
                findings.push(*finding);
            }
            if findings.len() >= DIAGNOSTICS {
                break;
            }
        }
        findings
    }

    fn create(&mut self, line: &Line<'_>) -> Result<(), Box<Diagnostic>> {
        let [_, name, kind, options @ ..] = line.words.as_slice() else {
            return Err(wrong(line.span, "`create` needs a name and a type"));
        };
        if name.text.len() > 31 || name.text.is_empty() {
            return Err(wrong(name.span, "a set's name has 1 to 31 bytes"));
        }
        let known = Kind::of(kind.text);
        let refused = known.is_none().then_some((kind.span, "sets of this type cannot be looked into here"));
        let mut set = IpSet {
            span: line.span,
            kind: known.unwrap_or(Kind::List),
            is_v6: false,
            timeout: None,
            size: SIZE,
            members: Vec::new(),
            refused,
        };
        let mut words = options.iter();
        while let Some(option) = words.next() {
            match option.text {
                "family" => {
                    let family = value(&mut words, option)?;
                    set.is_v6 = match family.text {
                        "inet" | "ipv4" => false,
                        "inet6" | "ipv6" => true,
                        _ => return Err(wrong(family.span, format!("`{}` is no family", family.text))),
                    };
                }
                "timeout" => set.timeout = Some(number(value(&mut words, option)?)?),
                "maxelem" => set.size = number(value(&mut words, option)?)?,
                // How the kernel stores it.
                "hashsize" | "bucketsize" | "initval" | "size" | "range" => {
                    value(&mut words, option)?;
                }
                "counters" | "comment" | "skbinfo" => {}
                "forceadd" => note(&mut set.refused, option, "`forceadd` takes members away by chance"),
                "netmask" | "bitmask" | "markmask" => {
                    value(&mut words, option)?;
                    note(&mut set.refused, option, "its members are compared in parts");
                }
                _ => note(&mut set.refused, option, "this option of a set is not known here"),
            }
        }
        self.0.insert(name.text.into(), set);
        Ok(())
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), Box<Diagnostic>> {
        let [_, name, member, options @ ..] = line.words.as_slice() else {
            return Err(wrong(line.span, "`add` needs a set and a member"));
        };
        let Some(set) = self.0.get_mut(name.text) else {
            return Err(wrong(name.span, format!("the set `{}` is not created before", name.text)));
        };
        let mut is_exception = false;
        // Without `timeout` a member has the set's.
        let mut expires = set.timeout.is_some_and(|timeout| timeout != 0).then_some(member);
        let mut words = options.iter();
        while let Some(option) = words.next() {
            match option.text {
                "nomatch" => is_exception = true,
                "packets" | "bytes" | "comment" | "skbmark" | "skbprio" | "skbqueue" => {
                    value(&mut words, option)?;
                }
                "timeout" => expires = (number(value(&mut words, option)?)? != 0).then_some(option),
                _ => note(&mut set.refused, option, "this option of a member is not known here"),
            }
        }
        if let Some(word) = expires {
            note(&mut set.refused, word, "this member leaves it after a while");
        }
        if set.refused.is_none() {
            match element::parts(member, set.kind, set.is_v6)? {
                Ok(parts) => set.members.push(Member { span: line.span, parts, is_exception }),
                Err(reason) => note(&mut set.refused, member, reason),
            }
        }
        Ok(())
    }
}

/// Keeps the first reason.
fn note(refused: &mut Option<(Span, &'static str)>, word: &Word<'_>, reason: &'static str) {
    refused.get_or_insert((word.span, reason));
}

/// The word after an option.
fn value<'w, 't>(
    words: &mut std::slice::Iter<'w, Word<'t>>,
    option: &Word<'_>,
) -> Result<&'w Word<'t>, Box<Diagnostic>> {
    words.next().ok_or_else(|| wrong(option.span, format!("`{}` has no value", option.text)))
}

fn number(word: &Word<'_>) -> Result<u32, Box<Diagnostic>> {
    word.text.parse().map_err(|_| wrong(word.span, format!("`{}` is no number", word.text)))
}

fn wrong(span: Span, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code::SYNTAX, span, message).help(SAVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (IpSets, Vec<String>) {
        let mut sources = Sources::default();
        let mut sets = IpSets::default();
        let findings = sets.read("ipsets", text, &mut sources);
        let said = findings.iter().map(|found| {
            let line = found.span.map_or(0, |span| sources.line(span.source, span.start));
            format!("{line} {}", found.message)
        });
        let said = said.collect();
        (sets, said)
    }

    #[test]
    fn what_ipset_prints_is_read() {
        let text = "create a hash:net family inet hashsize 1024 maxelem 9 comment counters bucketsize 12 initval 0x1\n\
                    add a 10.0.0.0/8 packets 1 bytes 2 comment \"ten # and more\"\nadd a 10.1.0.0/16 nomatch\n\
                    # by hand\n\ncreate b hash:ip,port family inet6\nadd b 2001:db8::1,udp:53\n\
                    create c list:set size 8\nadd c a\n";
        let (sets, said) = read(text);
        assert_eq!(said, [""; 0]);
        let a = sets.get("a").unwrap();
        assert_eq!((a.size, a.members.len(), a.members[1].is_exception, a.refused), (9, 2, true, None));
        let b = &sets.get("b").unwrap().members[0].parts;
        assert_eq!(b[1], Part::Ports(Some(17), 53, 53));
        assert_eq!(sets.get("c").unwrap().members[0].parts, [Part::Set("a".into())]);
        assert_eq!(sets.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let text = "create a hash:ip\nadd a 10.0.0.300\nadd b 1.2.3.4\nflush\ncreate x\ncreate d hash:ip maxelem x\n\
                    add a 2001:db8::1\nadd a 10.0.0.9-10.0.0.1\ncreate p hash:ip,port\nadd p 10.0.0.1\n";
        let (_, said) = read(text);
        assert_eq!(
            said,
            [
                "2 `10.0.0.300` is no address of this set",
                "3 the set `b` is not created before",
                "4 this line is neither `create` nor `add`",
                "5 `create` needs a name and a type",
                "6 `x` is no number",
                "7 `2001:db8::1` is no address of this set",
                "8 `10.0.0.9-10.0.0.1` is no address of this set",
                "10 a member of this set has 2 parts",
            ]
        );
    }

    #[test]
    fn what_cannot_be_held_is_kept_with_the_reason() {
        let text = "create a hash:mac\nadd a 02:00:00:00:00:01\ncreate b hash:ip netmask 24\ncreate c hash:ip timeout 60\n\
                    add c 10.0.0.1 timeout 5\ncreate d hash:ip,port\nadd d 10.0.0.1,icmp:8/0\n\
                    create e hash:net,iface\nadd e 10.0.0.0/8,physdev:eth0\n";
        let (sets, said) = read(text);
        assert_eq!(said, [""; 0]);
        for name in ["a", "b", "c", "d", "e"] {
            assert!(sets.get(name).unwrap().refused.is_some(), "{name}");
        }
    }
}
