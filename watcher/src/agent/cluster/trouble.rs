//! What an API server's refusal means for what is done next.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// Longest time that a server can make the agent wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// Longest piece of an answer that is shown.
const SHOWN: usize = 300;

/// Why a request or a stream ended other than by its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    /// 410: the version is too old to go on from. Everything is read again.
    Expired,
    /// The server cannot stream what there is.
    CannotStream,
    /// 404: it has no such objects.
    Absent,
    /// Anything else, which may pass: the same is tried again, not before this time if the server gave one.
    Passing {
        /// What is told.
        why: String,
        /// What the server asked for.
        after: Option<Duration>,
    },
    /// Nobody listens any more.
    Over,
}

/// `v1.Status`, in the body of a refusal and in events of type ERROR.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    /// The code of HTTP.
    #[serde(default)]
    pub(super) code: u16,
    /// For people.
    #[serde(default)]
    pub(super) message: String,
    /// In one word.
    #[serde(default)]
    pub(super) reason: String,
    /// More of it.
    #[serde(default)]
    pub(super) details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    /// How long the server asks to be left alone; 0 if it does not.
    #[serde(default)]
    pub(super) retry_after_seconds: u64,
}

impl Trouble {
    /// Something that has nothing to do with the server's opinion.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), after: None }
    }

    /// What an answer other than 200 means.
    pub(super) fn of_answer(code: StatusCode, headers: &HeaderMap, body: &[u8], is_stream: bool) -> Self {
        let mut status: Status = serde_json::from_slice(body).unwrap_or_default();
        if status.message.is_empty() {
            String::from_utf8_lossy(body).trim().clone_into(&mut status.message);
        }
        status.code = code.as_u16();
        let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // What is invalid about this request can only be the streaming.
        if is_stream && matches!(code, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
            return Self::CannotStream;
        }
        Self::of_status(&status, header.map(Duration::from_secs))
    }

    /// What a status means.
    pub(super) fn of_status(status: &Status, header: Option<Duration>) -> Self {
        let Status { code, message, reason, details } = status;
        let is_expired = matches!(reason.as_str(), "Expired" | "Gone");
        match code {
            404 => Self::Absent,
            410 => Self::Expired,
            _ if is_expired => Self::Expired,
            _ => {
                let seconds = details.as_ref().map_or(0, |details| details.retry_after_seconds);
                let after = header.or((seconds > 0).then(|| Duration::from_secs(seconds)));
                let message: String = message.chars().take(SHOWN).collect();
                let why = format!("the API server answers {code}: {message}");
                Self::Passing { why, after: after.map(|after| after.min(RETRY_AFTER_MAX)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, retry_after: Option<&str>, body: &str, is_stream: bool) -> Trouble {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        Trouble::of_answer(StatusCode::from_u16(code).unwrap(), &headers, body.as_bytes(), is_stream)
    }

    fn wait(trouble: &Trouble) -> Option<u64> {
        let Trouble::Passing { after, .. } = trouble else { panic!("{trouble:?}") };
        after.map(|after| after.as_secs())
    }

    #[test]
    fn each_refusal_has_its_consequence() {
        assert_eq!(answer(410, None, "{}", false), Trouble::Expired);
        assert_eq!(answer(500, None, r#"{"reason":"Expired"}"#, false), Trouble::Expired);
        assert_eq!(answer(404, None, "404 page not found", false), Trouble::Absent);
        assert_eq!(answer(422, None, "{}", true), Trouble::CannotStream);
        assert!(matches!(answer(422, None, "{}", false), Trouble::Passing { .. }));
        assert!(matches!(answer(403, None, r#"{"message":"pods is forbidden"}"#, true),
            Trouble::Passing { why, .. } if why == "the API server answers 403: pods is forbidden"));
    }

    #[test]
    fn the_time_that_a_server_asks_for_is_kept_within_bounds() {
        assert_eq!(wait(&answer(429, Some("7"), "Too many requests", true)), Some(7));
        assert_eq!(wait(&answer(429, None, r#"{"details":{"retryAfterSeconds":3}}"#, true)), Some(3));
        assert_eq!(wait(&answer(503, Some("86400"), "", true)), Some(120));
        assert_eq!(wait(&answer(500, Some("soon"), "", true)), None);
    }
}
