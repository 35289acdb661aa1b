//! What a user asked of the API server.

use std::collections::BTreeSet;

use serde_json::Value;

/// One request.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Request {
    pub(crate) verb: String,
    /// The resource, or the path where it is none.
    pub(crate) resource: String,
    pub(crate) uri: String,
    pub(crate) code: u64,
}

pub(crate) fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let uri = text(&event["requestURI"]);
    let resource = match event["objectRef"]["resource"].as_str() {
        Some(resource) => resource.to_owned(),
        None => uri.clone(),
    };
    Request { verb: text(&event["verb"]), resource, code: event["responseStatus"]["code"].as_u64().unwrap_or(0), uri }
}

/// What was asked, each once: `verb resource`.
pub(crate) fn kinds(requests: &[Request]) -> BTreeSet<String> {
    requests.iter().map(|request| format!("{} {}", request.verb, request.resource)).collect()
}
