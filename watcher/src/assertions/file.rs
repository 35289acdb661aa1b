//! A file of assertions, read with the place of every word.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_lang::diagnostic::{Code, Diagnostic};
use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::tree::{Entry, ScalarKind, Value};
use policy_lang::manifest::yaml;
use policy_lang::name::Labels;
use policy_lang::source::{SourceId, Sources, Span};
use policy_lang::suggest::nearest;

use super::term::{self, KEYWORDS, PortTerm, Term, Wanted, Who};
use crate::config::misplaced;

/// The code of whatever cannot be understood in a file of assertions.
pub const INVALID: Code = Code("PAL808");

/// The version that is read.
const VERSION: &str = "1";

/// Most assertions in one file.
const TESTS_MAX: usize = 10_000;

/// A file of assertions.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// As people know it.
    pub path: String,
    /// The manifests that it is about, relative to the working directory; none where the file does not say.
    pub manifests: Vec<PathBuf>,
    /// Host rules, for what reaches a node.
    pub host: Option<PathBuf>,
    /// The assertions, of both spellings, in the order of the file.
    pub tests: Vec<Test>,
}

/// One assertion.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it is called; the shorthand is its own name.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
    /// Who connects.
    pub from: Vec<Term>,
    /// To whom.
    pub to: Vec<Term>,
    /// Who is left out of those that connect.
    pub except_from: Vec<Term>,
    /// What is left out of what they connect to.
    pub except_to: Vec<Term>,
    /// The ports, where a destination has none of its own.
    pub ports: Vec<PortTerm>,
    /// What is asserted.
    pub expect: Expect,
    /// Whether everybody else is asserted to be denied.
    pub only: bool,
    /// The layer that must decide.
    pub by: Option<Layer>,
    /// Whether an end may be nobody.
    pub may_be_empty: bool,
}

/// What an assertion says of the connections that it is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expect {
    /// All of them are permitted.
    Allow,
    /// None is.
    Deny,
    /// At least one is.
    Some,
}

/// What decides about connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// A NetworkPolicy.
    Policy,
    /// The enforced baseline, or a ClusterNetworkPolicy.
    Baseline,
    /// Host rules.
    Host,
    /// Nothing: what no rule is about is permitted.
    Default,
}

impl Expect {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Some => "some",
        }
    }
}

impl Layer {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Baseline => "baseline",
            Self::Host => "host",
            Self::Default => "default",
        }
    }
}

/// The fields of a file.
const KEYS: [&str; 6] = ["version", "manifests", "host", "groups", "tests", "checks"];

/// The fields of an assertion.
const TEST_KEYS: [&str; 9] = ["name", "from", "to", "except", "ports", "expect", "only", "by", "mayBeEmpty"];

/// The fields of somebody who is written out.
const WHO_KEYS: [&str; 4] = ["kind", "namespace", "name", "labels"];

/// Something that cannot be understood.
type Refused = Box<Diagnostic>;

impl File {
    /// Reads a file. What is wrong with one assertion hides no other; a file with findings is not judged.
    pub fn parse(path: &Path, text: &str, sources: &mut Sources) -> (Self, Vec<Diagnostic>) {
        let source: SourceId = sources.add(&path.display().to_string(), text);
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut reader = Reader { folder, groups: BTreeMap::new(), found: Vec::new() };
        let mut file = Self { path: path.display().to_string(), ..Self::default() };
        let documents = yaml::documents(text, &Locator::of_source(source));
        let whole = Span { source, start: 0, end: 0 };
        match documents.as_slice() {
            [document] => {
                reader.found.extend(document.diagnostics.iter().map(|finding| {
                    let mut finding = finding.clone();
                    finding.code = INVALID;
                    finding
                }));
                reader.file(&document.root, &mut file);
            }
            [] => reader.found.push(Diagnostic::error(INVALID, whole, "there is no assertion in this file")),
            [_, second, ..] => {
                let message = "a file of assertions is one document";
                reader.found.push(Diagnostic::error(INVALID, second.root.span, message));
            }
        }
        (file, reader.found)
    }
}

/// What is known while a file is read.
struct Reader {
    folder: PathBuf,
    groups: BTreeMap<Arc<str>, Vec<Term>>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn file(&mut self, root: &Value, file: &mut File) {
        let Some(entries) = root.entries() else {
            self.found.push(*misplaced(INVALID, root, "a mapping"));
            return;
        };
        if root.field("version").is_none() {
            self.found.push(Diagnostic::error(INVALID, root.span, "a file of assertions begins with `version: 1`"));
        }
        // Groups are used by what may stand before them.
        for entry in entries.iter().filter(|entry| entry.key.value.as_ref() == "groups") {
            self.groups(&entry.value);
        }
        for entry in entries {
            if let Err(refused) = self.entry(entry, file) {
                self.found.push(*refused);
            }
        }
        if file.tests.is_empty() && self.found.is_empty() {
            let message = "there is no assertion in this file: write `tests` or `checks`";
            self.found.push(Diagnostic::error(INVALID, root.span, message));
        }
    }

    fn entry(&mut self, entry: &Entry, file: &mut File) -> Result<(), Refused> {
        let value = &entry.value;
        match entry.key.value.as_ref() {
            "version" if value.scalar().is_some_and(|scalar| scalar.text.as_ref() == VERSION) => {}
            "version" => return Err(wrong(value, "the version 1")),
            "manifests" => {
                let paths = texts(value)?;
                file.manifests = paths.iter().map(|path| self.folder.join(&**path)).collect();
            }
            "host" => file.host = Some(self.folder.join(&**text(value)?)),
            "groups" => {}
            "tests" => self.each(value, "a list of assertions", file, Self::test)?,
            "checks" => {
                self.each(value, "a list of lines such as `shop/web -> shop/cart:80/tcp`", file, Self::check)?;
            }
            _ => return Err(unknown(entry, &KEYS)),
        }
        Ok(())
    }

    fn each(
        &mut self,
        value: &Value,
        expected: &str,
        file: &mut File,
        read: fn(&mut Self, &Value) -> Result<Test, Refused>,
    ) -> Result<(), Refused> {
        for item in value.items().ok_or_else(|| wrong(value, expected))? {
            if file.tests.len() == TESTS_MAX {
                return Err(refusal(item.span, format!("more than {TESTS_MAX} assertions: write several files")));
            }
            match read(self, item) {
                Ok(test) => file.tests.push(test),
                Err(refused) => self.found.push(*refused),
            }
        }
        Ok(())
    }

    fn groups(&mut self, value: &Value) {
        let Some(entries) = value.entries() else {
            self.found.push(*wrong(value, "a mapping of names to whom they mean"));
            return;
        };
        for entry in entries {
            let name = &entry.key.value;
            if KEYWORDS.contains(&name.as_ref()) || name.contains(['/', ':', ' ', '*']) {
                let message = format!("`{name}` cannot be the name of a group: it means something else, or nothing");
                self.found.push(Diagnostic::error(INVALID, entry.key.span, message));
                continue;
            }
            // Only groups that stand above are known yet, so none can lead round.
            match self.terms(&entry.value) {
                Ok(terms) => drop(self.groups.insert(Arc::clone(name), terms)),
                Err(refused) => {
                    self.found.push(*refused);
                    self.groups.insert(Arc::clone(name), Vec::new());
                }
            }
        }
    }

    fn test(&mut self, value: &Value) -> Result<Test, Refused> {
        let entries = value.entries().ok_or_else(|| wrong(value, "an assertion: a mapping"))?;
        if let Some(entry) = entries.iter().find(|entry| !TEST_KEYS.contains(&entry.key.value.as_ref())) {
            return Err(unknown(entry, &TEST_KEYS));
        }
        let side = |reader: &Self, field: &str| value.field(field).map(|found| reader.terms(found)).transpose();
        let any = |span| Term { who: Who::Any, ports: Vec::new(), text: "any".into(), span };
        if value.field("from").is_none() && value.field("to").is_none() {
            return Err(refusal(value.span, "an assertion says `from` or `to`, or both"));
        }
        let expect =
            value.field("expect").ok_or_else(|| refusal(value.span, "`expect` is missing: allow, deny or some"))?;
        let expect = match text(expect)?.as_ref() {
            "allow" => Expect::Allow,
            "deny" => Expect::Deny,
            "some" => Expect::Some,
            _ => return Err(wrong(expect, "`allow`, `deny` or `some`")),
        };
        let (except_from, except_to) = match value.field("except") {
            None => (Vec::new(), Vec::new()),
            Some(except) => self.except(except)?,
        };
        let test = Test {
            name: match value.field("name") {
                Some(name) => Arc::clone(text(name)?),
                None => Arc::from(""),
            },
            span: value.span,
            from: side(self, "from")?.unwrap_or_else(|| vec![any(value.span)]),
            to: side(self, "to")?.unwrap_or_else(|| vec![any(value.span)]),
            except_from,
            except_to,
            ports: value.field("ports").map(ports).transpose()?.unwrap_or_default(),
            expect,
            only: value.field("only").map(boolean).transpose()?.unwrap_or(false),
            by: value.field("by").map(layer).transpose()?,
            may_be_empty: value.field("mayBeEmpty").map(boolean).transpose()?.unwrap_or(false),
        };
        Ok(Test { name: named(&test), ..sound(test)? })
    }

    /// A list is about who connects; a mapping has `from` and `to`.
    fn except(&self, value: &Value) -> Result<(Vec<Term>, Vec<Term>), Refused> {
        let Some(entries) = value.entries().filter(|_| value.field("labels").or(value.field("namespace")).is_none())
        else {
            return Ok((self.terms(value)?, Vec::new()));
        };
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.key.value.as_ref() {
                "from" => from = self.terms(&entry.value)?,
                "to" => to = self.terms(&entry.value)?,
                _ => return Err(unknown(entry, &["from", "to"])),
            }
        }
        Ok((from, to))
    }

    /// `FROM -> TO`, or `!FROM -> TO`.
    fn check(&mut self, value: &Value) -> Result<Test, Refused> {
        let line = text(value)?;
        let (expect, rest) = match line.strip_prefix('!') {
            Some(rest) => (Expect::Deny, rest),
            None => (Expect::Allow, line.as_ref()),
        };
        let (from, to) =
            rest.split_once("->").ok_or_else(|| wrong(value, "a line such as `shop/web -> shop/cart:80/tcp`"))?;
        let side = |word: &str| self.word(word.trim(), value.span);
        let test = Test {
            name: Arc::clone(line),
            span: value.span,
            from: side(from)?,
            to: side(to)?,
            except_from: Vec::new(),
            except_to: Vec::new(),
            ports: Vec::new(),
            expect,
            only: false,
            by: None,
            may_be_empty: false,
        };
        sound(test)
    }

    /// One, or a list.
    fn terms(&self, value: &Value) -> Result<Vec<Term>, Refused> {
        match value.items() {
            Some([]) => Err(wrong(value, "somebody")),
            Some(items) => {
                let mut terms = Vec::new();
                for item in items {
                    terms.extend(self.term(item)?);
                }
                Ok(terms)
            }
            None => self.term(value),
        }
    }

    fn term(&self, value: &Value) -> Result<Vec<Term>, Refused> {
        if value.entries().is_some() {
            return written_out(value).map(|term| vec![term]);
        }
        let word = text(value).map_err(|_| wrong(value, "somebody, such as `shop/web` or `internet`"))?;
        self.word(word, value.span)
    }

    fn word(&self, word: &str, span: Span) -> Result<Vec<Term>, Refused> {
        let (who, ports) = Who::parse(word).map_err(|message| refusal(span, message))?;
        let Who::Group(name) = &who else {
            return Ok(vec![Term { who, ports, text: word.into(), span }]);
        };
        let Some(terms) = self.groups.get(name) else {
            let known: Vec<&str> = KEYWORDS.into_iter().chain(self.groups.keys().map(|known| &**known)).collect();
            let finding = Diagnostic::error(INVALID, span, format!("nobody is called `{name}`"));
            return Err(Box::new(match nearest(name, &known) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("write NAMESPACE/NAME, a group of this file, or {}", KEYWORDS.join(", "))),
            }));
        };
        let term = |of_group: &Term| Term {
            ports: if ports.is_empty() { of_group.ports.clone() } else { ports.clone() },
            span,
            ..of_group.clone()
        };
        Ok(terms.iter().map(term).collect())
    }
}

/// `{namespace: shop, labels: {tier: web}}`.
fn written_out(value: &Value) -> Result<Term, Refused> {
    let mut wanted = Wanted::default();
    for entry in value.entries().unwrap_or_default() {
        let pattern = || {
            let word = text(&entry.value)?;
            term::pattern(word).map_err(|message| refusal(entry.value.span, message))
        };
        match entry.key.value.as_ref() {
            "kind" => wanted.kind = Some(Arc::clone(text(&entry.value)?)),
            "namespace" => wanted.namespace = Some(pattern()?),
            "name" => wanted.name = Some(pattern()?),
            "labels" => {
                let labels = entry.value.entries().ok_or_else(|| wrong(&entry.value, "labels"))?;
                let label = |label: &Entry| Ok((Arc::clone(&label.key.value), Arc::clone(text(&label.value)?)));
                wanted.labels = labels.iter().map(label).collect::<Result<Labels, Refused>>()?;
            }
            _ => return Err(unknown(entry, &WHO_KEYS)),
        }
    }
    let shown: Vec<String> = wanted
        .kind
        .iter()
        .map(|kind| format!("kind {kind}"))
        .chain(wanted.namespace.iter().map(|found| format!("namespace {found}")))
        .chain(wanted.name.iter().map(|found| format!("name {found}")))
        .chain(wanted.labels.iter().map(|(key, value)| format!("{key}={value}")))
        .collect();
    let text = format!("{{{}}}", shown.join(", ")).into();
    Ok(Term { who: Who::Workloads(Box::new(wanted)), ports: Vec::new(), text, span: value.span })
}

/// Refuses what no input could ever make true or false.
fn sound(test: Test) -> Result<Test, Refused> {
    let implies = |term: &Term| matches!(term.who, Who::Dns | Who::ApiServer | Who::Service(_));
    let bare = test.to.iter().find(|term| term.ports.is_empty() && !implies(term));
    if let Some(bare) = bare.filter(|_| test.expect == Expect::Allow && test.ports.is_empty()) {
        let message = "an assertion that something is permitted says which ports";
        return Err(refusal(bare.span, message));
    }
    if let Some(term) = test.from.iter().chain(&test.except_from).find(|term| !term.ports.is_empty()) {
        return Err(refusal(term.span, "who connects has no ports here: they belong to `to`"));
    }
    if test.only && test.expect != Expect::Allow {
        return Err(refusal(test.span, "`only` belongs to `expect: allow`"));
    }
    match (test.by, test.expect) {
        (Some(Layer::Default), Expect::Deny) => Err(refusal(test.span, "by default nothing is denied")),
        (Some(_), Expect::Some) => Err(refusal(test.span, "`by` belongs to `expect: allow` or `deny`")),
        (Some(Layer::Policy | Layer::Baseline | Layer::Host | Layer::Default) | None, _) => Ok(test),
    }
}

/// Its name, or what it says where it has none.
fn named(test: &Test) -> Arc<str> {
    if !test.name.is_empty() {
        return Arc::clone(&test.name);
    }
    let words = |terms: &[Term]| terms.iter().map(|term| &*term.text).collect::<Vec<_>>().join(", ");
    format!("{} -> {}: {}", words(&test.from), words(&test.to), test.expect.word()).into()
}

fn ports(value: &Value) -> Result<Vec<PortTerm>, Refused> {
    let items = value.items().unwrap_or_else(|| std::slice::from_ref(value));
    let port = |item: &Value| {
        // A bare number is a port as well.
        let scalar = item.scalar().ok_or_else(|| wrong(item, "a port such as 443/tcp"))?;
        PortTerm::parse(&scalar.text).map_err(|message| refusal(item.span, message))
    };
    if items.is_empty() {
        return Err(wrong(value, "a list of ports"));
    }
    items.iter().map(port).collect()
}

fn layer(value: &Value) -> Result<Layer, Refused> {
    [Layer::Policy, Layer::Baseline, Layer::Host, Layer::Default]
        .into_iter()
        .find(|layer| value.scalar().is_some_and(|scalar| *scalar.text == *layer.word()))
        .ok_or_else(|| wrong(value, "`policy`, `baseline`, `host` or `default`"))
}

fn boolean(value: &Value) -> Result<bool, Refused> {
    match value.scalar().map(policy_lang::manifest::tree::Scalar::kind) {
        Some(ScalarKind::Bool(is)) => Ok(is),
        Some(ScalarKind::String | ScalarKind::Number) | None => Err(wrong(value, "`true` or `false`")),
    }
}

fn texts(value: &Value) -> Result<Vec<Arc<str>>, Refused> {
    let items = value.items().ok_or_else(|| wrong(value, "a list of paths"))?;
    items.iter().map(|item| text(item).map(Arc::clone)).collect()
}

fn text(value: &Value) -> Result<&Arc<str>, Refused> {
    value.text().ok_or_else(|| wrong(value, "a text"))
}

fn unknown(entry: &Entry, keys: &[&str]) -> Refused {
    crate::config::unknown_field(INVALID, &entry.key.value, entry.key.span, keys)
}

fn wrong(value: &Value, expected: &str) -> Refused {
    misplaced(INVALID, value, expected)
}

fn refusal(span: Span, message: impl Into<String>) -> Refused {
    Box::new(Diagnostic::error(INVALID, span, message.into()))
}

#[cfg(test)]
mod tests;
