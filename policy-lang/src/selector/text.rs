//! Selectors as `kubectl get -l` takes them: `app=web,tier in (front,back),!old`.

use std::str::FromStr;
use std::sync::Arc;

use super::{Operator, Requirement, Selector};
use crate::manifest::syntax::{label_key_fault, label_value_fault};

/// Why a text is no label selector.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// A part between two commas says nothing.
    #[error("there is nothing between two commas")]
    Empty,
    /// A list of values that is not `(A,B)`.
    #[error("`{part}` needs its values in parentheses: KEY in (A,B)")]
    List {
        /// The requirement.
        part: Box<str>,
    },
    /// No server takes the key.
    #[error("the label key `{key}` {fault}")]
    Key {
        /// The key.
        key: Box<str>,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// No server takes the value.
    #[error("the label value `{value}` {fault}")]
    Value {
        /// The value.
        value: Box<str>,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl FromStr for Selector {
    type Err = SelectorError;

    /// Reads requirements separated by commas: `KEY=VALUE` (or `==`), `KEY!=VALUE`, `KEY in (A,B)`, `KEY notin (A,B)`,
    /// `KEY`, `!KEY`. All of them must hold; none of them is the selector that matches everything.
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.trim().is_empty() {
            return Ok(Self::everything());
        }
        Ok(Self::new(parts(text).map(|part| requirement(part.trim())).collect::<Result<Vec<_>, _>>()?))
    }
}

/// What is between commas that are not between parentheses.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn requirement(part: &str) -> Result<Requirement, SelectorError> {
    if part.is_empty() {
        return Err(SelectorError::Empty);
    }
    if let Some(absent) = part.strip_prefix('!') {
        return Ok(Requirement { key: key(absent)?, operator: Operator::DoesNotExist });
    }
    if let Some((before, values)) = part.split_once("!=") {
        return Ok(Requirement { key: key(before)?, operator: Operator::NotIn([value(values)?].into()) });
    }
    if let Some((before, values)) = part.split_once('=') {
        let values = values.strip_prefix('=').unwrap_or(values);
        return Ok(Requirement { key: key(before)?, operator: Operator::In([value(values)?].into()) });
    }
    let Some((before, rest)) = part.split_once(char::is_whitespace) else {
        return Ok(Requirement { key: key(part)?, operator: Operator::Exists });
    };
    let rest = rest.trim_start();
    let listed = |word: &str| rest.strip_prefix(word).map(|list| values(part, list)).transpose();
    let operator = match (listed("notin")?, listed("in")?) {
        (Some(values), _) => Operator::NotIn(values),
        (None, Some(values)) => Operator::In(values),
        (None, None) => return Err(SelectorError::List { part: part.into() }),
    };
    Ok(Requirement { key: key(before)?, operator })
}

fn values(part: &str, list: &str) -> Result<Box<[Arc<str>]>, SelectorError> {
    let inner = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let inner = inner.ok_or_else(|| SelectorError::List { part: part.into() })?;
    inner.split(',').map(value).collect()
}

fn key(text: &str) -> Result<Arc<str>, SelectorError> {
    let key = text.trim();
    match label_key_fault(key) {
        Some(fault) => Err(SelectorError::Key { key: key.into(), fault }),
        None => Ok(key.into()),
    }
}

fn value(text: &str) -> Result<Arc<str>, SelectorError> {
    let value = text.trim();
    match label_value_fault(value) {
        Some(fault) => Err(SelectorError::Value { value: value.into(), fault }),
        None => Ok(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in ["app=web", "app=web,!old", "tier in (back,front)", "tier notin (a,b)", "role", "a.example/b=", "*"]
        {
            let read = text.replace('*', "").parse::<Selector>().unwrap();
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn blanks_and_both_signs_of_equality_are_free() {
        let plain = "app=web,tier in (a,b),!old,zone notin (x)".parse::<Selector>();
        assert_eq!(" app == web , tier in( a , b ),! old,zone!=x ".parse(), plain);
    }

    #[test]
    fn what_no_label_can_be_is_refused() {
        let refused = |text: &str| text.parse::<Selector>().unwrap_err().to_string();
        assert!(refused("app=web,").contains("nothing"));
        assert!(refused("tier in a,b").contains("KEY in (A,B)"));
        assert!(refused("tier of (a)").contains("KEY in (A,B)"));
        assert!(refused("-app").contains("`-app`"));
        assert!(refused("app=a b").contains("`a b`"));
        assert!(refused("app=(").contains("`(`"));
    }
}
