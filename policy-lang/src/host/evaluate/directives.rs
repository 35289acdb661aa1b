//! `@if`, `@else`, `@include`, and the directives that are refused.

use std::sync::Arc;

use super::location::no_chain;
use super::scope::{Place, Script};
use super::values::{deferred_refused, plain};
use super::{Evaluator, Flow, Step, error};
use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::limits::INCLUDES;
use crate::host::rule::{CommandPurpose, Domain, Word};
use crate::host::stream::Stream;
use crate::host::tree::{self, Node};
use crate::host::value::Item;
use crate::source::{SourceId, Span};
use crate::suggest::nearest;

const DIRECTIVES: &[&str] = &["if", "else", "def", "include", "subchain", "gotosubchain", "hook", "preserve", "nft"];

/// Names in a folder that `@include` leaves out: editors' and the package manager's leftovers.
const LEFTOVERS: &[&str] = &["~", ".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp"];

/// What an `@include` reads.
#[derive(Clone, Debug)]
enum Included {
    /// A file, by path.
    File(String),
    /// The output of a command, which is written with its `|`.
    Output(String),
}

impl Evaluator<'_> {
    /// `@name` where a keyword may stand.
    pub(super) fn directive(&mut self, stream: &mut Stream, draft: &mut Draft, name: &str, span: Span) -> Step<Flow> {
        match name {
            "def" => self.define(stream, draft, span),
            "if" => self.condition(stream),
            "else" => {
                // The condition before it was true: its other half is not read.
                self.skip(stream, span)?;
                Ok(Flow::More)
            }
            "include" => self.include(stream, draft, span),
            "subchain" => self.subchain(stream, draft, span, super::location::Entry::Jump),
            "gotosubchain" => self.subchain(stream, draft, span, super::location::Entry::Goto),
            "hook" => self.hook(stream, draft, span),
            "preserve" => self.preserve(stream, draft, span),
            "nft" => self.nft(stream, draft, span),
            _ => {
                let diagnostic = error(code::UNKNOWN_WORD, span, format!("`@{name}` cannot stand here"));
                Err(match nearest(name, DIRECTIVES) {
                    Some(near) => diagnostic.help(format!("did you mean `@{near}`?")),
                    None => diagnostic.help("a keyword is expected here"),
                }
                .into())
            }
        }
    }

    /// A false condition skips a statement, and with it what the rule has said so far unless `@else` follows.
    fn condition(&mut self, stream: &mut Stream) -> Step<Flow> {
        let value = self.value(stream)?;
        plain(&value)?;
        if value.is_deferred() {
            return Err(deferred_refused(value.span));
        }
        if value.is_true() {
            return Ok(Flow::More);
        }
        self.skip(stream, value.span)?;
        if stream.peek().is_some_and(|node| node.is_directive("else")) {
            drop(stream.next());
            return Ok(Flow::More);
        }
        Ok(Flow::Done)
    }

    /// What follows `@preserve`: nothing is done, because nothing of what is to be preserved is ever touched.
    fn preserve(&mut self, stream: &mut Stream, draft: &Draft, span: Span) -> Step<Flow> {
        if draft.location.chain.is_none() {
            return Err(no_chain(span));
        }
        if !draft.matches.is_empty() || draft.action.is_some() {
            return Err(error(code::RULE, span, "`@preserve` cannot depend on matches: it is the whole chain's").into());
        }
        if let Some(domain @ (Domain::Arp | Domain::Eb)) = draft.location.domain {
            return Err(error(code::UNSUPPORTED, span, format!("`@preserve` does not exist in domain {domain}")).into());
        }
        if self.output.has_rules(&draft.location) {
            let message = "`@preserve` stands after rules of the same chain";
            return Err(error(code::RULE, span, message).help("write it before them").into());
        }
        Self::semicolon(stream)?;
        let note = "nothing has to be preserved: chains of other programs are never touched";
        self.report(
            Diagnostic::note(code::DOUBTFUL, span, note)
                .help("rules that this configuration has for the same chain stand in a chain of palisade's own"),
        );
        Ok(Flow::Done)
    }

    fn skip(&mut self, stream: &mut Stream, span: Span) -> Step<()> {
        let skipped = stream.statement();
        self.charge(skipped.len(), span)?;
        if !stream.has_ended() {
            return Err(error(code::SYNTAX, span, "what is to be skipped after this has no end").into());
        }
        Ok(())
    }

    /// `@include` of one path or several; what the rule has said so far applies to everything in them.
    pub(super) fn include(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<Flow> {
        let value = self.value(stream)?;
        plain(&value)?;
        let is_prefixed = draft.started.or(draft.located).is_some();
        let base = std::mem::take(draft);
        for item in &value.items {
            let Item::Word(word) = item else { return Err(deferred_refused(value.span)) };
            let at = super::joined(span, value.span);
            if let Some(command) = word.text.strip_suffix('|') {
                let noted = Word { text: command.into(), ..word.clone() };
                self.note_command(CommandPurpose::Include, noted);
                self.include_file(stream, &base, &Included::Output(word.text.to_string()), at)?;
                continue;
            }
            for path in self.paths(&word.text, at)? {
                self.include_file(stream, &base, &Included::File(path), at)?;
            }
        }
        Self::semicolon(stream)?;
        if !is_prefixed || stream.peek().is_none() {
            return Ok(Flow::Done);
        }
        // As in ferm, the semicolon ends the include and not what precedes it.
        let help = "put braces around `@include` if only the included rules are meant";
        self.warn(span, "what precedes this `@include` applies to the next statement too", help);
        *draft = base.for_block();
        Ok(Flow::More)
    }

    /// The files that an operand of `@include` means.
    fn paths(&mut self, written: &str, span: Span) -> Step<Vec<String>> {
        if written.is_empty() {
            return Err(error(code::INCLUDE, span, "`@include` needs a path").into());
        }
        let path = self.resolved(written);
        if !path.ends_with('/') {
            return Ok(vec![path]);
        }
        let mut names = self.surroundings.files.list(&path).map_err(|reason| unreadable(&path, span, &reason))?;
        names.retain(|name| !name.starts_with('.') && !LEFTOVERS.iter().any(|leftover| name.ends_with(leftover)));
        names.sort_unstable();
        Ok(names.into_iter().map(|name| format!("{path}{name}")).collect())
    }

    fn include_file(&mut self, stream: &mut Stream, base: &Draft, included: &Included, span: Span) -> Step<()> {
        let (Included::File(path) | Included::Output(path)) = included;
        if self.scripts.iter().any(|script| bare(&script.path) == bare(path)) {
            return Err(error(code::INCLUDE, span, format!("`{path}` includes itself")).into());
        }
        self.includes += 1;
        if self.includes > INCLUDES {
            self.exhausted = true;
            return Err(error(code::LIMIT, span, format!("more than {INCLUDES} files are included")).into());
        }
        let call = Self::enter_call(format!("@include {path}").into(), span, stream.calls())?;
        let (source, nodes) = match included {
            Included::File(path) => self.tree(path).map_err(|reason| unreadable(path, span, &reason))?,
            Included::Output(command) => {
                let text = self.output_of(command.strip_suffix('|').unwrap_or(command), span)?;
                self.tree_of(command, &text)
            }
        };
        self.deeper(span)?;
        self.scripts.push(Script { path: path.as_str().into() });
        self.places.push(Place::default());
        let mut inner = Stream::new(nodes, self.end_of(source), Some(call));
        self.statements(&mut inner, &base.clone().for_block());
        self.scripts.pop();
        self.places.pop();
        self.depth -= 1;
        Ok(())
    }

    /// Reads the main file and everything in it.
    pub(super) fn main(&mut self, path: &str) {
        match self.tree(path) {
            Ok((source, nodes)) => {
                self.scripts.push(Script { path: path.into() });
                let mut stream = Stream::new(nodes, self.end_of(source), None);
                self.statements(&mut stream, &Draft::default());
                self.scripts.pop();
            }
            Err(reason) => {
                let source = self.sources.add(path, "");
                let span = Span { source, start: 0, end: 0 };
                self.report(*unreadable(path, span, &reason));
            }
        }
    }

    /// A file's tree; each file is read once.
    fn tree(&mut self, path: &str) -> Result<(SourceId, Arc<[Node]>), crate::host::files::FileError> {
        if let Some((source, nodes)) = self.trees.get(bare(path)) {
            return Ok((*source, Arc::clone(nodes)));
        }
        let text = self.surroundings.files.read(path)?;
        Ok(self.tree_of(path, &text))
    }

    /// The tree of a text, which is kept under its path.
    fn tree_of(&mut self, path: &str, text: &str) -> (SourceId, Arc<[Node]>) {
        if let Some((source, nodes)) = self.trees.get(bare(path)) {
            return (*source, Arc::clone(nodes));
        }
        let source = self.sources.add(path, text);
        let nodes = tree::parse(source, self.sources, &mut self.diagnostics);
        self.note_backticks(&nodes);
        self.trees.insert(bare(path).to_owned(), (source, Arc::clone(&nodes)));
        (source, nodes)
    }

    /// A path as the file being read means it: relative to its own folder. What `@glob` found is no longer relative.
    pub(super) fn resolved(&self, path: &str) -> String {
        if path.starts_with('/') || self.globbed.contains(path) {
            return path.to_owned();
        }
        match self.scripts.last().map_or("", Script::folder) {
            "" => format!("./{path}"),
            folder => format!("{folder}{path}"),
        }
    }

    fn end_of(&self, source: SourceId) -> Span {
        let end = u32::try_from(self.sources.text(source).trim_end().len()).unwrap_or(u32::MAX);
        Span { source, start: end, end }
    }
}

/// A path without the `./` that resolving it may have put in front.
fn bare(path: &str) -> &str {
    path.trim_start_matches("./")
}

fn unreadable(path: &str, span: Span, reason: &crate::host::files::FileError) -> Box<Diagnostic> {
    error(code::INCLUDE, span, format!("`{path}` cannot be read: {reason}")).into()
}
