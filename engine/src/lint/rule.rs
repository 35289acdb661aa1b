//! What a rule is, and how it reports.

use policy_lang::diagnostic::{Code, Diagnostic, Label, ObjectRef, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::source::Span;

use super::layers::node::Node;
use super::redundancy::cover::Cover;
use super::world::World;
use super::written::Written;

/// One rule of the catalogue.
#[derive(Debug)]
pub struct Rule {
    /// Its number, which never changes its meaning.
    pub code: Code,
    /// The same as words, usable wherever the number is.
    pub name: &'static str,
    /// How bad a finding is where nothing is configured; a finding may be less where little is known.
    pub severity: Severity,
    /// Whether a finding can be mended by the program.
    pub fix: FixKind,
    /// Whether it is looked for where nothing is configured.
    pub standing: Standing,
    /// What it finds, as a fragment.
    pub summary: &'static str,
    /// Its page, in Markdown, from the first heading on.
    pub page: &'static str,
    /// How it is decided.
    pub(crate) check: Check,
}

/// The fixes that a rule knows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FixKind {
    /// None.
    Never,
    /// Of the same meaning, or of the only possible one.
    Safe,
    /// Of another effect on traffic: only on request.
    Unsafe,
}

/// Whether a rule is looked for where nothing is configured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is.
    On,
    /// Only where it is selected.
    Off,
}

/// The hundreds of the codes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Group {
    /// `PAL0`: the API server or the loader refuses or misreads it.
    Reading,
    /// `PAL1`: valid, probably not what was meant.
    Intent,
    /// `PAL2`: dead or redundant.
    Redundancy,
    /// `PAL3`: posture.
    Posture,
    /// `PAL4`: policy against the rest of the manifests.
    Manifests,
    /// `PAL5`: the enforced egress baseline.
    Baseline,
    /// `PAL6`: host rules.
    Host,
    /// `PAL7`: across the layers.
    Layers,
    /// `PAL8`: suppressions and configuration.
    Process,
    /// `PAL9`: `ClusterNetworkPolicy` documents.
    ClusterPolicy,
}

/// How a rule is decided.
#[derive(Debug)]
pub(crate) enum Check {
    /// By whoever reads the input: the loader, the compiler, or what suppresses findings.
    Elsewhere,
    /// For each `NetworkPolicy` that can be read.
    Policy(fn(&World<'_>, &Written<'_>, &mut Report<'_>)),
    /// Once, for everything together.
    World(fn(&World<'_>, &mut Report<'_>)),
    /// For each `NetworkPolicy` of which others cover something.
    Cover(fn(&World<'_>, &Cover<'_, '_>, &mut Report<'_>)),
    /// For each configuration of host rules.
    Host(fn(&World<'_>, &HostRules, &mut Report<'_>)),
    /// For each configuration of host rules that can be compiled, as a node that loaded it.
    Node(fn(&World<'_>, &Node<'_>, &mut Report<'_>)),
}

/// Takes the findings of one rule.
#[derive(Debug)]
pub(crate) struct Report<'r> {
    rule: &'static Rule,
    object: Option<ObjectRef>,
    found: &'r mut Vec<Diagnostic>,
}

impl Rule {
    /// The group, by the code.
    pub fn group(&self) -> Group {
        match self.code.0.as_bytes().get(3) {
            Some(b'1') => Group::Intent,
            Some(b'2') => Group::Redundancy,
            Some(b'3') => Group::Posture,
            Some(b'4') => Group::Manifests,
            Some(b'5') => Group::Baseline,
            Some(b'6') => Group::Host,
            Some(b'7') => Group::Layers,
            Some(b'8') => Group::Process,
            Some(b'9') => Group::ClusterPolicy,
            Some(_) | None => Group::Reading,
        }
    }
}

impl<'r> Report<'r> {
    pub(crate) fn new(rule: &'static Rule, object: Option<ObjectRef>, found: &'r mut Vec<Diagnostic>) -> Self {
        Self { rule, object, found }
    }

    /// Reports something at a place.
    pub(crate) fn at(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let mut finding = Diagnostic::warning(self.rule.code, span, message);
        finding.severity = self.rule.severity;
        finding.object.clone_from(&self.object);
        self.found.push(finding);
        self.found.last_mut().expect("it has just been pushed")
    }

    /// The same about another object than the one that is looked at.
    pub(crate) fn about(&mut self, object: ObjectRef, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        let finding = self.at(span, message);
        finding.object = Some(object);
        finding
    }
}

/// Adds a second place to a finding.
pub(crate) fn label(finding: &mut Diagnostic, span: Option<Span>, text: impl Into<String>) {
    finding.labels.extend(span.map(|span| Label { span, text: text.into() }));
}

impl Group {
    /// Every group, by its number.
    pub const ALL: [Self; 10] = [
        Self::Reading,
        Self::Intent,
        Self::Redundancy,
        Self::Posture,
        Self::Manifests,
        Self::Baseline,
        Self::Host,
        Self::Layers,
        Self::Process,
        Self::ClusterPolicy,
    ];

    /// What it holds, as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Reading => "refused or misread by an API server or by the loader",
            Self::Intent => "valid, and probably not what was meant",
            Self::Redundancy => "dead or redundant",
            Self::Posture => "posture",
            Self::Manifests => "policy against the rest of the manifests",
            Self::Baseline => "the enforced egress baseline",
            Self::Host => "host rules",
            Self::Layers => "across the layers",
            Self::Process => "suppressions and configuration",
            Self::ClusterPolicy => "ClusterNetworkPolicy documents",
        }
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reading => "reading",
            Self::Intent => "intent",
            Self::Redundancy => "redundancy",
            Self::Posture => "posture",
            Self::Manifests => "manifests",
            Self::Baseline => "baseline",
            Self::Host => "host",
            Self::Layers => "layers",
            Self::Process => "process",
            Self::ClusterPolicy => "cluster-policy",
        })
    }
}

impl std::fmt::Display for FixKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Never => "none",
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        })
    }
}

/// Defines a rule; its doc comment is its page.
macro_rules! rule {
    ($(#[doc = $page:literal])* $visibility:vis static $id:ident = $code:literal $name:literal
        $severity:ident $fix:ident $standing:ident, $summary:literal, $check:expr;) => {
        $(#[doc = $page])*
        $visibility static $id: $crate::lint::rule::Rule = $crate::lint::rule::Rule {
            code: policy_lang::diagnostic::Code($code),
            name: $name,
            severity: policy_lang::diagnostic::Severity::$severity,
            fix: $crate::lint::rule::FixKind::$fix,
            standing: $crate::lint::rule::Standing::$standing,
            summary: $summary,
            page: concat!($($page, "\n"),*),
            check: $check,
        };
    };
}
pub(crate) use rule;
