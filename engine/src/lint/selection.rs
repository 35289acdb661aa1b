//! Which rules are looked for, and how bad their findings are.

use std::collections::{BTreeMap, BTreeSet};

use policy_lang::diagnostic::{Code, Diagnostic, Severity};

use super::catalogue::{self, RULES};
use super::rule::{Group, Standing};

/// What is wanted, as words: codes, beginnings of codes, names, groups, or `ALL`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// Instead of the rules of the profile.
    pub select: Vec<String>,
    /// Besides.
    pub extend: Vec<String>,
    /// Not these, whatever is selected.
    pub ignore: Vec<String>,
    /// The rules to begin with.
    pub profile: Profile,
    /// Other severities than the catalogue's.
    pub severities: Vec<(String, Severity)>,
}

/// The rules that are looked for where nothing is selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Profile {
    /// Those that are on by themselves.
    #[default]
    Default,
    /// Posture as well.
    Strict,
    /// As by default: for scripts that say where they run.
    Ci,
}

/// What is looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selection {
    codes: BTreeSet<Code>,
    severities: BTreeMap<Code, Severity>,
}

impl Wanted {
    /// The rules that are meant, and the words that stand for none.
    pub fn resolve(&self) -> (Selection, Vec<&str>) {
        let Self { select, extend, ignore, profile, severities } = self;
        let mut unknown = Vec::new();
        let meant = |words: &mut dyn Iterator<Item = &'_ String>| {
            let mut codes = BTreeSet::new();
            for word in words {
                codes.extend(catalogue::meant(word).iter().map(|rule| rule.code));
            }
            codes
        };
        let mut codes = if select.is_empty() { profile.codes() } else { meant(&mut select.iter()) };
        codes.extend(meant(&mut extend.iter()));
        let ignored = meant(&mut ignore.iter());
        codes.retain(|code| !ignored.contains(code));
        let mut levels = BTreeMap::new();
        for (word, severity) in severities {
            levels.extend(catalogue::meant(word).iter().map(|rule| (rule.code, *severity)));
        }
        let words = select.iter().chain(extend).chain(ignore).chain(severities.iter().map(|(word, _)| word));
        unknown.extend(words.filter(|word| catalogue::meant(word).is_empty()).map(String::as_str));
        (Selection { codes, severities: levels }, unknown)
    }
}

impl Profile {
    fn codes(self) -> BTreeSet<Code> {
        let posture = match self {
            Self::Strict => true,
            Self::Default | Self::Ci => false,
        };
        let is_on = |standing, group| standing == Standing::On || (posture && group == Group::Posture);
        RULES.iter().filter(|rule| is_on(rule.standing, rule.group())).map(|rule| rule.code).collect()
    }
}

impl Selection {
    /// Whether a rule is looked for.
    pub fn has(&self, code: Code) -> bool {
        self.codes.contains(&code)
    }

    /// Keeps what is looked for, with the severities that are wanted.
    pub fn apply(&self, findings: &mut Vec<Diagnostic>) {
        findings.retain(|finding| self.has(finding.code));
        for finding in findings {
            if let Some(severity) = self.severities.get(&finding.code) {
                finding.severity = *severity;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &Wanted) -> Vec<&'static str> {
        wanted.resolve().0.codes.iter().map(|code| code.0).collect()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_ignored_goes_whatever_is_selected() {
        let wanted = Wanted {
            select: words(&["PAL10"]),
            extend: words(&["dns-egress-missing"]),
            ignore: words(&["PAL103", "PAL109"]),
            ..Wanted::default()
        };
        let expected = ["PAL101", "PAL102", "PAL104", "PAL105", "PAL106", "PAL107", "PAL108", "PAL116"];
        assert_eq!(check(&wanted), expected);
        let misspelt = Wanted { ignore: words(&["PAL999", "nonsense"]), ..Wanted::default() };
        assert_eq!(misspelt.resolve().1, ["PAL999", "nonsense"]);
    }

    #[test]
    fn posture_is_looked_for_only_where_it_is_wanted() {
        let has = |profile| check(&Wanted { profile, ..Wanted::default() }).contains(&"PAL301");
        assert!(has(Profile::Strict) && !has(Profile::Default) && !has(Profile::Ci));
    }
}
