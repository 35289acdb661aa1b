//! One event of a watch, in whichever form it was sent.

use super::collection::Kind;
use super::frames::Frames;
use super::lines::{Lines, TooLong};
use super::protobuf;
use super::reduced::Reduced;
use super::strip::strip;
use super::trouble::Status;
use super::wire::{Bookmark, Happened, Header, Identity, Line};

/// The end of the events that say what there is.
pub(super) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What it says.
#[derive(Debug)]
pub(super) enum Said {
    /// An object is now this.
    Put(Identity, Reduced),
    /// An object is gone.
    Gone(Identity),
    /// Everything up to this version has been told.
    Bookmark {
        /// The version.
        version: String,
        /// Whether it is the end of what there was.
        ends_the_beginning: bool,
    },
    /// The server cannot go on.
    Error(Status),
}

/// The form of a stream, and what of it has not come as a whole yet.
#[derive(Debug)]
pub(super) enum Form {
    /// A line of JSON for each event.
    Json(Lines),
    /// A length and a message for each event.
    Protobuf(Frames),
}

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What is asked for. Kinds that are not built into the server have no other form than JSON, and of small collections
/// the one that people can read costs nothing.
pub(super) fn accept(kind: Kind) -> &'static str {
    match kind {
        Kind::Pod => "application/vnd.kubernetes.protobuf;stream=watch,application/json",
        Kind::Namespace
        | Kind::NetworkPolicy
        | Kind::ClusterNetworkPolicy
        | Kind::Baseline
        | Kind::HostRules
        | Kind::Node
        | Kind::Service
        | Kind::EndpointSlice => "application/json",
    }
}

impl Form {
    /// The form that an answer says that it has.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        match content_type {
            Some(content_type) if content_type.starts_with(PROTOBUF) => Self::Protobuf(Frames::default()),
            Some(_) | None => Self::Json(Lines::default()),
        }
    }

    /// Takes bytes, and gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        match self {
            Self::Json(lines) => lines.push(bytes),
            Self::Protobuf(frames) => frames.push(bytes),
        }
    }

    /// What an event says.
    ///
    /// # Errors
    /// What cannot be read of it. Which object it was about is not known then.
    pub(super) fn said(&self, kind: Kind, event: Vec<u8>) -> Result<Said, String> {
        match self {
            Self::Json(_) => json(kind, &event).map_err(|error| error.to_string()),
            Self::Protobuf(_) => protobuf::said(event.into()),
        }
    }
}

fn json(kind: Kind, line: &[u8]) -> serde_json::Result<Said> {
    let Line { happened, object } = serde_json::from_slice(line)?;
    let identity = || serde_json::from_str::<Header>(object.get()).map(|header| header.metadata);
    Ok(match happened {
        Happened::Added | Happened::Modified => Said::Put(identity()?, Reduced::Text(strip(kind, object))),
        Happened::Deleted => Said::Gone(identity()?),
        Happened::Bookmark => {
            let bookmark: Bookmark = serde_json::from_str(object.get())?;
            Said::Bookmark { version: bookmark.version().to_owned(), ends_the_beginning: bookmark.ends_the_beginning() }
        }
        Happened::Error => Said::Error(serde_json::from_str(object.get()).unwrap_or_default()),
    })
}
