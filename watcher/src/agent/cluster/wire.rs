//! What an API server sends, as far as it is not about any kind of object.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::said::INITIAL_EVENTS_END;

/// One line of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    /// What happened.
    #[serde(rename = "type")]
    pub(super) happened: Happened,
    /// To what.
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// What a line of a watch says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Happened {
    /// The object is new, or new to whoever asks.
    Added,
    /// It is different now.
    Modified,
    /// It is gone; this is how it was last.
    Deleted,
    /// Nothing; everything up to this version has been told.
    Bookmark,
    /// The server cannot go on.
    Error,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    /// Where the list is.
    #[serde(default)]
    pub(super) metadata: PageMetadata,
    /// The objects, without their kind.
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

/// `metadata` of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    /// The version of the list.
    #[serde(default)]
    pub(super) resource_version: String,
    /// What to go on with; empty at the end.
    #[serde(default, rename = "continue")]
    pub(super) next: String,
}

/// What every object says of itself. Only this has to be readable: what else is wrong with an object is judged later.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    /// `metadata`.
    #[serde(default)]
    pub(super) metadata: Identity,
}

/// Which object, and which version of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    /// `metadata.namespace`.
    #[serde(default)]
    pub(super) namespace: String,
    /// `metadata.name`.
    #[serde(default)]
    pub(super) name: String,
    /// `metadata.resourceVersion`.
    #[serde(default)]
    pub(super) resource_version: String,
}

/// What a bookmark says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Bookmark {
    #[serde(default)]
    metadata: BookmarkMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMetadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl Bookmark {
    /// Up to which version everything has been told.
    pub(super) fn version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// Whether everything that there was has been told.
    pub(super) fn ends_the_beginning(&self) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations.is_some_and(|annotations| annotations.get(INITIAL_EVENTS_END).is_some_and(|value| value == "true"))
    }
}
