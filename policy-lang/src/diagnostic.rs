//! Diagnostics as plain data: the only way that loading, compiling and linting talk to people.
//!
//! Invariant: nothing here prints. Rendering (text with the source shown, JSON, SARIF) is the watcher's.

use std::fmt;
use std::sync::Arc;

use crate::source::{Place, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Probably not what was meant; enforced as written.
    Warning,
    /// Refused. One-shot commands write nothing; the object fails closed where it is enforced all the same.
    Error,
}

/// A stable code, `PAL001` to `PAL999`, listed in docs/reference.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(pub &'static str);

/// The object that a diagnostic is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectRef {
    /// `NetworkPolicy`, `ConfigMap`, …
    pub kind: Arc<str>,
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// `metadata.name`; empty where the name itself is missing.
    pub name: Arc<str>,
}

/// A second place that helps to understand the first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, as a lower-case fragment.
    pub text: String,
}

/// Text that takes the place of what is written at a span.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    /// What is replaced; an empty span is a place to insert at.
    pub span: Span,
    /// What is written instead.
    pub text: String,
}

/// What a fix does to the meaning.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Safety {
    /// It says the same, or the only thing that can be meant.
    Safe,
    /// It changes what traffic may pass: for a person to look at.
    Unsafe,
}

/// How to mend what a finding is about, as edits of the text that keep everything around them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fix {
    /// What it does to the meaning.
    pub safety: Safety,
    /// What it does, as an imperative: `write TCP`.
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
}

/// One finding about the user's input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// A lower-case fragment without a final period that names the offending word.
    pub message: String,
    /// Where, unless the input as a whole is meant.
    pub span: Option<Span>,
    /// The line, where the text is read no longer and so nobody knows a span: a finding about policies together.
    pub place: Option<Place>,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to write instead, or where to read more.
    pub help: Option<String>,
    /// The object concerned.
    pub object: Option<ObjectRef>,
    /// How to mend it, where that is known.
    pub fix: Option<Fix>,
}

impl Fix {
    /// One edit.
    pub fn one(safety: Safety, title: impl Into<String>, edit: Edit) -> Self {
        Self { safety, title: title.into(), edits: vec![edit] }
    }

    /// One edit that keeps the meaning.
    pub fn safe(title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        Self::one(Safety::Safe, title, Edit { span, text: text.into() })
    }

    /// One edit that changes the meaning.
    pub fn risky(title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        Self::one(Safety::Unsafe, title, Edit { span, text: text.into() })
    }
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, span, message)
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, span, message)
    }

    /// A warning about no place in a text.
    pub fn placeless_warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, None, message)
    }

    /// A note at `span`.
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, span, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says which object is concerned.
    #[must_use]
    pub fn about(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    fn new(code: Code, severity: Severity, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            span: span.into(),
            place: None,
            labels: Vec::new(),
            help: None,
            object: None,
            fix: None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}
