//! Label selectors, with the meaning of `LabelSelectorAsSelector` (sem-33 to sem-39).

use std::fmt;
use std::sync::Arc;

use crate::name::{Labels, UNREADABLE_LABEL};

mod text;

pub use self::text::SelectorError;

/// A label selector: every requirement must hold. Without requirements it matches everything.
///
/// `matchLabels: {k: v}` is the requirement `k In [v]` (sem-35). Sorted and without duplicates, so that equal
/// selectors are equal values and share one address set. A clone is a pointer.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Selector {
    requirements: Arc<[Requirement]>,
}

/// One condition on one label key.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Requirement {
    /// The label key.
    pub key: Arc<str>,
    /// The condition on its value.
    pub operator: Operator,
}

/// The four operators of a label selector; values are sorted.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// The key is present and its value is listed.
    In(Box<[Arc<str>]>),
    /// The key is absent or its value is not listed (sem-34).
    NotIn(Box<[Arc<str>]>),
    /// The key is present.
    Exists,
    /// The key is absent.
    DoesNotExist,
}

impl Selector {
    /// Builds the canonical form from requirements in any order.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let mut requirements: Vec<_> = requirements.into_iter().map(Requirement::canonical).collect();
        requirements.sort_unstable();
        requirements.dedup();
        Self { requirements: requirements.into() }
    }

    /// The selector that matches everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// How many hold this very selector.
    pub(crate) fn n_holders(&self) -> usize {
        Arc::strong_count(&self.requirements)
    }

    /// The requirements, sorted.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether it matches everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether these labels satisfy every requirement. Labels that could not be read satisfy none but one that asks for
    /// exactly that: what is not there might have kept the pod out.
    pub fn matches(&self, labels: &Labels) -> bool {
        let asks = || self.requirements.iter().any(|requirement| &*requirement.key == UNREADABLE_LABEL);
        let readable = !labels.contains_key(UNREADABLE_LABEL) || asks();
        readable
            && self.requirements.iter().all(|requirement| {
                let value = labels.get(&requirement.key);
                match &requirement.operator {
                    Operator::In(values) => value.is_some_and(|value| values.contains(value)),
                    Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                    Operator::Exists => value.is_some(),
                    Operator::DoesNotExist => value.is_none(),
                }
            })
    }
}

impl Requirement {
    fn canonical(self) -> Self {
        let sorted = |values: Box<[Arc<str>]>| {
            let mut values = values.into_vec();
            values.sort_unstable();
            values.dedup();
            values.into_boxed_slice()
        };
        let operator = match self.operator {
            Operator::In(values) => Operator::In(sorted(values)),
            Operator::NotIn(values) => Operator::NotIn(sorted(values)),
            Operator::Exists => Operator::Exists,
            Operator::DoesNotExist => Operator::DoesNotExist,
        };
        Self { key: self.key, operator }
    }
}

/// In the form of `kubectl get -l`: `app in (a,b),!old,tier=db`.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_everything() {
            return f.write_str("*");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.operator {
            Operator::In(values) => match values.as_ref() {
                [value] => write!(f, "{key}={value}"),
                values => write!(f, "{key} in ({})", values.join(",")),
            },
            Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operator: Operator, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Selector::new([Requirement { key: "tier".into(), operator }]).matches(&labels)
    }

    #[test]
    fn sem_34_not_in_and_does_not_exist_match_a_missing_key() {
        assert!(check(Operator::NotIn(["db".into()].into()), &[]));
        assert!(check(Operator::DoesNotExist, &[]));
        assert!(!check(Operator::NotIn(["db".into()].into()), &[("tier", "db")]));
    }

    #[test]
    fn sem_35_an_empty_value_must_be_present() {
        assert!(check(Operator::In(["".into()].into()), &[("tier", "")]));
        assert!(!check(Operator::In(["".into()].into()), &[]));
    }
}
