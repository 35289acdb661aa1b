//! Bytes that claim to be an API server's watch, given to everything that reads such bytes.
//!
//! For whoever wants to show that no bytes do harm: a fuzz target, and the test that replays what it found. Tenants write
//! most of what such a stream says.

use engine::incremental::Change;
use policy_lang::name::NamespacedName;
use policy_lang::share::Pool;

use super::collection::{Collection, Kind};
use super::frames::Frames;
use super::lines::Lines;
use super::meaning::{self, Meaning};
use super::reduced::Reduced;
use super::said::Said;
use super::strip;
use super::wire::{Bookmark, Header, Line};

/// Reads a stream of objects of one kind, numbered in any way, in pieces of so many bytes. Returns how many objects meant
/// something.
///
/// # Errors
/// What hangs on how the stream was cut into pieces, or on the fields that are left out at the door.
pub fn watch(kind: u8, piece: usize, bytes: &[u8]) -> Result<usize, String> {
    let kinds = Kind::ALL;
    let kind = kinds.get(usize::from(kind) % kinds.len()).copied().unwrap_or(Kind::Pod);
    let collection = Collection::of(kind);
    let lines = lines(bytes, piece.max(1))?;
    if lines != self::lines(bytes, bytes.len().max(1))? {
        return Err(format!("pieces of {piece} bytes give other lines"));
    }
    let mut n_meant = 0;
    let mut pool = Pool::default();
    for line in &lines {
        let Ok(Line { object, .. }) = serde_json::from_slice::<Line<'_>>(line) else { continue };
        drop(serde_json::from_str::<Bookmark>(object.get()));
        let identity = serde_json::from_str::<Header>(object.get()).unwrap_or_default().metadata;
        let name = NamespacedName::new(identity.namespace, identity.name);
        let mut read = |text: String| meaning::of(&collection, &name, &Reduced::Text(text), &mut pool);
        let stripped = read(strip::strip(kind, object));
        let whole = read(strip::whole(kind, object));
        if said(&stripped) != said(&whole) {
            return Err(format!("stripped: {}\nwhole: {}", said(&stripped), said(&whole)));
        }
        n_meant += usize::from(!stripped.facts.is_empty());
    }
    Ok(n_meant)
}

/// Reads a stream of events of pods as protobuf, in pieces of so many bytes. Returns how many pods it told of.
///
/// # Errors
/// What hangs on how the stream was cut into pieces; a pod that means another.
pub fn protobuf(piece: usize, bytes: &[u8]) -> Result<usize, String> {
    let whole = frames(bytes, bytes.len().max(1));
    if frames(bytes, piece.max(1)) != whole {
        return Err(format!("pieces of {piece} bytes give other frames"));
    }
    let pods = Collection::of(Kind::Pod);
    let mut pool = Pool::default();
    let mut n_pods = 0;
    for frame in whole.into_iter().flatten() {
        let Ok(Said::Put(told, pod)) = super::protobuf::said(frame.into()) else { continue };
        let name = NamespacedName::new(told.namespace, told.name);
        let Meaning { facts, .. } = meaning::of(&pods, &name, &pod, &mut pool);
        let is_named = !name.namespace.is_empty() && !name.name.is_empty();
        let other = facts.iter().find(|fact| matches!(fact, Change::Pod(other, _) if is_named && *other != name));
        if let Some(other) = other {
            return Err(format!("{name} is told of, and it means {other:?}"));
        }
        n_pods += 1;
    }
    Ok(n_pods)
}

/// The frames, up to one that is too long.
fn frames(bytes: &[u8], piece: usize) -> Option<Vec<Vec<u8>>> {
    let mut frames = Frames::default();
    let mut whole = Vec::new();
    for piece in bytes.chunks(piece) {
        whole.extend(frames.push(piece).ok()?);
    }
    Some(whole)
}

fn lines(bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut lines = Lines::default();
    let mut whole = Vec::new();
    for piece in bytes.chunks(piece) {
        whole.extend(lines.push(piece).map_err(|_| "a line is too long".to_owned())?);
    }
    Ok(whole)
}

/// What is enforced of an object.
fn said(meaning: &Meaning) -> String {
    let Meaning { facts, service: _, baseline, host: _, findings: _ } = meaning;
    format!("{facts:?} {:?}", baseline.as_ref().map(|found| &found.baseline))
}
