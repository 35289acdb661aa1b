//! An object, reduced at the door to what policy reads, in the form in which it came.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::{self, Object};
use policy_lang::source::Sources;
use sha2::{Digest as _, Sha256};

use super::collection::Kind;
use super::json;
use super::protobuf;

/// Both forms of one object mean the same.
#[derive(Clone, Debug)]
pub(super) enum Reduced {
    /// The text of a manifest.
    Text(String),
    /// A pod that came as protobuf.
    Pod(Box<protobuf::Pod>),
}

impl Reduced {
    /// Half of a SHA-256: nobody can make two objects that are taken for the same. An object that comes in the other form
    /// than before is taken for another, and told once more.
    pub(super) fn digest(&self) -> [u8; 16] {
        let whole = match self {
            Self::Text(text) => Sha256::digest(text.as_bytes()),
            Self::Pod(pod) => Sha256::digest(pod.bytes()),
        };
        let mut half = [0; 16];
        half.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        half
    }

    /// What the loader reads of it. Objects of most kinds are few, and their texts hold others, with places of their own.
    pub(super) fn objects(&self, kind: Kind, path: &str, sources: &mut Sources) -> (Vec<Object>, Vec<Diagnostic>) {
        match self {
            Self::Pod(pod) => manifest::load_tree(path, sources, |span| Some(pod.tree(span))).unwrap_or_default(),
            Self::Text(text) => {
                let has_no_places = matches!(kind, Kind::Pod | Kind::Namespace);
                let tree = |span| if has_no_places { json::tree(text, span) } else { None };
                manifest::load_tree(path, sources, tree).unwrap_or_else(|| manifest::load(path, text, sources))
            }
        }
    }
}
