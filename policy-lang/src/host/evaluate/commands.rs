//! Shell commands: backticks, the pipes of `@include`, and `@hook`.

use super::{Evaluator, Flow, Step, error};
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::limits::{COMMANDS, OUTPUT_BYTES};
use crate::host::rule::{CommandPurpose, HookMoment, HostCommand, Word};
use crate::host::stream::Stream;
use crate::host::tree::{Node, Token, TokenKind};
use crate::host::value::{Form, Item, Value};
use crate::source::Span;

impl Evaluator<'_> {
    /// The words that a command in backticks prints; comments in its output are left out.
    pub(super) fn backtick(&mut self, command: &str, span: Span) -> Step<Value> {
        let output = self.output_of(command, span)?;
        let mut items = Vec::new();
        for line in output.lines() {
            let line = line.split('#').next().unwrap_or("");
            for piece in line.split_ascii_whitespace() {
                items.push(Item::Word(self.piece(piece, span)?));
            }
        }
        self.charge(items.len(), span)?;
        Ok(Value { items, negated: None, form: Form::Array, span })
    }

    /// One word of a command's output. It may be quoted; nothing else in it has a meaning.
    fn piece(&mut self, piece: &str, span: Span) -> Step<Word> {
        let quoted = |quote: char| piece.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let text = match (quoted('"'), quoted('\'')) {
            (Some(text), _) => self.interpolate(text, span)?,
            (None, Some(text)) => text.to_owned(),
            (None, None) => {
                let is_mark = piece.len() == 1 && "!,=&$%(){};".contains(piece);
                if is_mark || piece.starts_with(['@', '`']) {
                    let message = format!("the command printed `{piece}`, which is no word");
                    return Err(error(code::SYNTAX, span, message).help("it may print words and comments").into());
                }
                piece.to_owned()
            }
        };
        Ok(Word::new(text, span))
    }

    /// What a shell command prints. Each command is run once, however often it is reached.
    pub(super) fn output_of(&mut self, command: &str, span: Span) -> Step<String> {
        if let Some(output) = self.outputs.get(command) {
            return Ok(output.clone());
        }
        let Some(commands) = self.surroundings.commands else { return Err(super::shell_refused(span)) };
        if self.outputs.len() >= COMMANDS {
            self.exhausted = true;
            return Err(error(code::LIMIT, span, format!("more than {COMMANDS} commands are run")).into());
        }
        let output = commands
            .run(command)
            .map_err(|reason| Box::new(error(code::COMMAND, span, format!("the command failed: {reason}"))))?;
        if output.len() > OUTPUT_BYTES {
            let message = format!("the command printed more than {OUTPUT_BYTES} bytes");
            return Err(error(code::LIMIT, span, message).into());
        }
        self.outputs.insert(command.to_owned(), output.clone());
        Ok(output)
    }

    /// Notes a command for whoever asks what a configuration runs.
    pub(super) fn note_command(&mut self, purpose: CommandPurpose, command: Word) {
        // A hook that is reached twice runs twice; of others it is enough to know that they are there.
        let is_new = match purpose {
            CommandPurpose::Hook(_) => true,
            CommandPurpose::Words | CommandPurpose::Include => {
                self.noted.insert((command.span.source, command.span.start))
            }
        };
        if is_new {
            self.commands.push(HostCommand { purpose, command });
        }
    }

    /// Notes the backticks of a file, whether or not they will be reached.
    pub(super) fn note_backticks(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Token(Token { kind: TokenKind::Shell, text, span }) => {
                    let command = Word::new(bare(text), *span);
                    self.note_command(CommandPurpose::Words, command);
                }
                Node::Group(group) => self.note_backticks(&group.nodes),
                Node::Token(_) | Node::Value(..) => {}
            }
        }
    }

    /// What follows `@hook`.
    pub(super) fn hook(&mut self, stream: &mut Stream, draft: &Draft, span: Span) -> Step<Flow> {
        if draft.started.or(draft.located).is_some() || draft.location.domain.is_some() {
            let diagnostic = error(code::SYNTAX, span, "`@hook` must be the first word of its statement");
            return Err(diagnostic.help("it stands outside of every domain, table and chain").into());
        }
        let Word { text: moment, span: moment_span, variable: _, peer: _ } = self.single(stream)?;
        let moment = match &*moment {
            "pre" => HookMoment::Pre,
            "post" => HookMoment::Post,
            "flush" => HookMoment::Flush,
            other => {
                let diagnostic = error(code::SYNTAX, moment_span, format!("`{other}` is no moment of a hook"));
                return Err(diagnostic.help("the moments are pre, post and flush").into());
            }
        };
        let command = self.single(stream)?;
        Self::semicolon(stream)?;
        self.note_command(CommandPurpose::Hook(moment), command);
        Ok(Flow::Done)
    }
}

/// A command without its backticks.
pub(super) fn bare(text: &str) -> &str {
    text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(text)
}
