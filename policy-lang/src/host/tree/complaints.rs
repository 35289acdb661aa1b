//! What is wrong with the shape of a text: brackets without their other half, and characters that begin nothing.

use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::limits::DIAGNOSTICS;
use crate::source::Span;

/// Skipped characters that a warning quotes.
const SHOWN: usize = 20;

/// What is wrong with one text, bounded however much it is.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// Closing brackets that nothing opened.
    stray: Vec<Span>,
    /// Opening brackets that nothing closes; found when what they hold has been read.
    unclosed: Vec<Span>,
    /// Runs of skipped characters, the first of many.
    skipped: Vec<Span>,
    /// Skipped characters after those.
    more_skipped: usize,
}

impl Complaints {
    /// A closing bracket that nothing opened.
    pub(super) fn stray(&mut self, span: Span) {
        if self.stray.len() < DIAGNOSTICS {
            self.stray.push(span);
        }
    }

    /// An opening bracket that nothing closes.
    pub(super) fn unclosed(&mut self, span: Span) {
        if self.unclosed.len() < DIAGNOSTICS {
            self.unclosed.push(span);
        }
    }

    /// A character that begins nothing.
    pub(super) fn skip(&mut self, span: Span) {
        let is_full = self.skipped.len() >= DIAGNOSTICS / 2;
        match self.skipped.last_mut() {
            Some(run) if run.end == span.start => run.end = span.end,
            _ if is_full => self.more_skipped += 1,
            _ => self.skipped.push(span),
        }
    }

    /// Reports errors in the order of the text, unless there are too many already, then what was skipped.
    pub(super) fn report(&self, text: &str, diagnostics: &mut Vec<Diagnostic>) {
        let quoted = |span: &Span| text.get(span.start as usize..span.end as usize).unwrap_or("");
        let stray = self.stray.iter().map(|span| (*span, format!("`{}` closes nothing", quoted(span))));
        let unclosed = self.unclosed.iter().map(|span| (*span, format!("`{}` is never closed", quoted(span))));
        let mut errors: Vec<_> = stray.chain(unclosed).collect();
        errors.sort_by_key(|(span, _)| *span);
        let room = DIAGNOSTICS.saturating_sub(diagnostics.len());
        let errors = errors.into_iter().take(room);
        diagnostics.extend(errors.map(|(span, message)| Diagnostic::error(code::SYNTAX, span, message)));
        self.report_skipped(text, diagnostics);
    }

    /// One warning for each run of adjacent skipped characters.
    fn report_skipped(&self, text: &str, diagnostics: &mut Vec<Diagnostic>) {
        for run in &self.skipped {
            let skipped: String =
                text.get(run.start as usize..run.end as usize).unwrap_or("").chars().take(SHOWN).collect();
            let message = format!("`{skipped}` has no meaning outside a string and is skipped");
            let help = if skipped.starts_with(['"', '\'', '`']) {
                "a string ends on the line that it begins on, and has no escapes"
            } else {
                "quote the word if it belongs to one"
            };
            diagnostics.push(Diagnostic::warning(code::SKIPPED, *run, message).help(help));
        }
        if let Some(last) = self.skipped.last().filter(|_| self.more_skipped > 0) {
            let message = format!("{} more characters are skipped after this one", self.more_skipped);
            diagnostics.push(Diagnostic::warning(code::SKIPPED, *last, message));
        }
    }
}
