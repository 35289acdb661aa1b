//! What an operator may ask a running agent, and what it answers: one JSON object each way.

use std::fmt;
use std::sync::mpsc::SyncSender;

use engine::compile::options::Paused;
use serde::{Deserialize, Serialize};

/// The version of both forms.
pub const VERSION: u32 = 1;

/// Longest question, in bytes; the name of a namespace is at most 63.
pub const BYTES_MAX: usize = 1024;

/// A question, with the version of its form.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// [`VERSION`].
    pub version: u32,
    /// What is asked.
    pub request: Request,
}

/// What may be asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// To lift denials for a while.
    Pause {
        /// Whose.
        whom: Whom,
        /// For how many seconds.
        seconds: u64,
    },
    /// To end that before its time.
    Resume {
        /// Whose; everybody's if nobody is named.
        whom: Option<Whom>,
    },
}

/// Whose denials.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Whom {
    /// Everybody's on the node.
    Node,
    /// Those of the node's pods of this namespace.
    Namespace(String),
}

/// What the agent did about a request that is not for its report.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// [`VERSION`].
    pub version: u32,
    /// Why it did nothing.
    pub refused: Option<String>,
    /// What it did, in words.
    pub done: Option<String>,
}

/// A request on its way to the loop.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// Who asks, in words.
    pub by: String,
    /// Takes what was done, or why nothing was.
    pub answer: SyncSender<Result<String, String>>,
}

impl Whom {
    /// As the engine has it.
    pub fn paused(&self) -> Paused {
        match self {
            Self::Node => Paused::Node,
            Self::Namespace(name) => Paused::Namespace(name.as_str().into()),
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("the whole node"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
        }
    }
}

impl From<Result<String, String>> for Answer {
    fn from(result: Result<String, String>) -> Self {
        let (done, refused) = match result {
            Ok(done) => (Some(done), None),
            Err(why) => (None, Some(why)),
        };
        Self { version: VERSION, refused, done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_of_another_form_is_none() {
        let pause = Request::Pause { whom: Whom::Namespace("x".into()), seconds: 600 };
        let text = serde_json::to_string(&Question { version: VERSION, request: pause.clone() }).unwrap();
        assert_eq!(text, r#"{"version":1,"request":{"pause":{"whom":{"namespace":"x"},"seconds":600}}}"#);
        assert_eq!(serde_json::from_str::<Question>(&text).unwrap().request, pause);
        for broken in [
            r#"{"version":1}"#,
            r#"{"version":1,"request":"pause"}"#,
            r#"{"version":1,"request":{"pause":{"whom":"node"}}}"#,
            r#"{"version":1,"request":{"pause":{"whom":"node","seconds":-1}}}"#,
            r#"{"version":1,"request":{"stop":{}}}"#,
            r#"{"version":1,"request":{"resume":{}},"and":1}"#,
        ] {
            assert!(serde_json::from_str::<Question>(broken).is_err(), "{broken}");
        }
    }
}
