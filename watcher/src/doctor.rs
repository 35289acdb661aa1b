//! What on this node would make enforcement a lie or a lock-out.
//!
//! [`read::read`] collects facts and says what it could not look at; [`examine`] judges facts and touches nothing. Nothing
//! here changes anything.

use policy_lang::diagnostic::Severity;

pub use self::code::{CODES, Code, Definition};
pub use self::facts::Facts;

mod code;
pub mod facts;
mod judge;
pub mod read;

/// Something that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Which thing.
    pub code: Code,
    /// What it is about: a family, an interface, a chain; the same as long as the finding is the same.
    pub subject: String,
    /// What was found, in one sentence without its end.
    pub message: String,
    /// What was read, and where.
    pub read: Vec<Reading>,
    /// What mends it: a command, or several that are alternatives.
    pub fix: Vec<String>,
}

/// A value, and where it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// A file, or the command that shows the same.
    pub place: String,
    /// What stands there.
    pub value: String,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether it can be looked at with more rights.
    pub kind: GapKind,
}

/// Why something could not be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GapKind {
    /// A right is missing, or reading failed: whatever is there, it was not seen.
    Refused,
    /// It cannot be seen from here by anybody.
    OutOfSight,
}

/// What an examination found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Examination {
    /// What is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
}

impl Examination {
    /// How many findings there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.code.severity() == severity).count()
    }

    /// Whether there is an error or a warning.
    pub fn is_alarming(&self) -> bool {
        self.count(Severity::Error) + self.count(Severity::Warning) > 0
    }

    /// Whether something was kept from being looked at.
    pub fn is_refused(&self) -> bool {
        self.gaps.iter().any(|gap| gap.kind == GapKind::Refused)
    }
}

/// Judges facts. The same facts give the same findings in the same order.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    judge::forwarding::judge(facts, &mut findings);
    judge::bridges::judge(facts, &mut findings);
    judge::tracking::judge(facts, &mut findings);
    judge::ahead::judge(facts, &mut findings);
    judge::foreign::judge(facts, &mut findings);
    judge::makers::judge(facts, &mut findings);
    judge::machine::judge(facts, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.code.severity()));
    findings
}
