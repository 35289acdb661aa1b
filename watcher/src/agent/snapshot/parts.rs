//! The body of a snapshot, made part by part: of a large cluster it is tens of megabytes, which are neither copied nor
//! made while the loop has something else to do.

use std::io;
use std::ops::Bound;

use policy_lang::name::NamespacedName;

use super::form::{Keeping, KeptPod};
use crate::agent::host::Good;
use crate::agent::world::Told;

/// Pods in a part: half a megabyte, and some milliseconds of work.
const PODS: usize = 2_000;

/// What is made next. Pods may come and go between two parts: each is kept as it is when it is its turn.
#[derive(Debug, Default)]
pub(super) enum Parts {
    /// All but the pods.
    #[default]
    First,
    /// The pods after this one.
    Pods(Option<NamespacedName>),
    /// Nothing.
    End,
}

impl Parts {
    /// The next part; nothing after the last.
    pub(super) fn next(&mut self, told: Told<'_>, host: &Good) -> io::Result<Option<Vec<u8>>> {
        let mut part = Vec::new();
        match self {
            Self::First => {
                serde_json::to_writer(&mut part, &Keeping { told, host })?;
                // The pods are the last field of the same object.
                part.pop();
                part.extend(b",\"pods\":[");
                *self = Self::Pods(None);
            }
            Self::Pods(after) => {
                let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let mut pods = told.inventory.pods.range((from, Bound::Unbounded));
                let mut last = None;
                for (name, pod) in pods.by_ref().take(PODS) {
                    if after.is_some() || last.is_some() {
                        part.push(b',');
                    }
                    serde_json::to_writer(&mut part, &KeptPod::from((name, pod)))?;
                    last = Some(name);
                }
                match last.filter(|_| pods.next().is_some()) {
                    Some(last) => *self = Self::Pods(Some(last.clone())),
                    None => {
                        part.extend(b"]}\n");
                        *self = Self::End;
                    }
                }
            }
            Self::End => return Ok(None),
        }
        Ok(Some(part))
    }

    /// Whether nothing follows.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::End)
    }
}
