//! What a table enforces, out of what nft lists: the base chains and all that they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The objects of a table by their headings (`chain NAME`, `set NAME`), each in one comparable line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Listing {
    objects: BTreeMap<String, String>,
}

impl Listing {
    /// Reads the output of `nft -s list table`.
    pub(super) fn parse(text: &str) -> Self {
        let mut objects = BTreeMap::new();
        let mut open: Option<(String, String)> = None;
        for line in text.lines() {
            match &mut open {
                None => {
                    let heading = line.trim().strip_suffix(" {").filter(|heading| !heading.starts_with("table "));
                    open = heading.map(|heading| (heading.to_owned(), String::new()));
                }
                Some((heading, body)) if line == "\t}" => {
                    objects.insert(heading.clone(), sorted(body));
                    open = None;
                }
                Some((_, body)) => {
                    body.push_str(line.trim());
                    // Elements are wrapped after a comma, everything else ends with its line.
                    body.push_str(if line.ends_with(',') { " " } else { "\n" });
                }
            }
        }
        Self { objects }
    }

    /// Only what packets can meet.
    pub(super) fn in_force(&self) -> Self {
        let base = |body: &str| body.starts_with("type ") && body.contains(" hook ");
        let mut waiting: Vec<_> =
            self.objects.iter().filter(|(_, body)| base(body)).map(|(heading, _)| heading.as_str()).collect();
        let mut found = BTreeSet::new();
        while let Some(heading) = waiting.pop() {
            let Some(body) = self.objects.get(heading).filter(|_| found.insert(heading)) else { continue };
            let mentioned = words(body);
            let referred = self
                .objects
                .keys()
                .filter(|other| other.split(' ').nth(1).is_some_and(|name| mentioned.contains(name)));
            waiting.extend(referred.map(String::as_str));
        }
        Self {
            objects: self.objects.clone().into_iter().filter(|(heading, _)| found.contains(heading.as_str())).collect(),
        }
    }

    /// How many objects there are.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// What only one of the two has, or has otherwise.
    pub(super) fn difference(&self, other: &Self) -> String {
        let mut lines = String::new();
        for (a, b, sign) in [(self, other, "-"), (other, self, "+")] {
            for (heading, body) in &a.objects {
                if b.objects.get(heading) != Some(body) {
                    writeln!(lines, "{sign} {heading}: {body}").unwrap();
                }
            }
        }
        lines
    }
}

/// Everything in a body that could be the name of an object.
fn words(body: &str) -> BTreeSet<&str> {
    body.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

/// The members of each set in braces in a fixed order: the kernel lists them by hash.
fn sorted(body: &str) -> String {
    let mut out = String::new();
    for (idx, part) in body.split('{').enumerate() {
        if idx == 0 {
            out.push_str(part);
            continue;
        }
        let (members, rest) = part.split_once('}').unwrap_or((part, ""));
        let mut members: Vec<_> = members.split(',').map(str::trim).collect();
        members.sort_unstable();
        write!(out, "{{ {} }}{rest}", members.join(", ")).unwrap();
    }
    out
}

#[test]
fn a_listing_is_what_base_chains_lead_to() {
    let text = "table inet t {\n\tset s {\n\t\telements = { b,\n\t\t\t     a }\n\t}\n\n\tchain used {\n\t\tip saddr @s drop\n\t}\n\n\
                \tchain left {\n\t\tdrop\n\t}\n\n\tchain base {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tjump used\n\t}\n}\n";
    let listing = Listing::parse(text);
    assert_eq!(listing.len(), 4);
    assert_eq!(listing.in_force().len(), 3);
    assert!(listing.difference(&listing.in_force()).starts_with("- chain left"));
    assert_eq!(Listing::parse(&text.replace("b,\n\t\t\t     a", "a, b")), listing);
}
