//! Operations in words: `add rule inet palisade pl_input: tcp dport 22 accept comment "hosts.ferm:12"`.

use std::fmt;

use super::{Op, OpKind};
use crate::render;
use crate::ruleset::Comment;

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table;
        match &self.kind {
            OpKind::AddTable { flags, comment } => {
                write!(f, "add table {table}")?;
                if flags.owner {
                    f.write_str(" owner")?;
                }
                if flags.persist {
                    f.write_str(" persist")?;
                }
                origin(f, comment.as_ref())
            }
            OpKind::DeleteTable => write!(f, "delete table {table}"),
            OpKind::AddCounter { name, comment } => {
                write!(f, "add counter {table} {name}")?;
                origin(f, comment.as_ref())
            }
            OpKind::DeleteCounter(name) => write!(f, "delete counter {table} {name}"),
            OpKind::AddQuota { name, .. } => write!(f, "add quota {table} {name}"),
            OpKind::AddHelper { name, .. } => write!(f, "add ct helper {table} {name}"),
            OpKind::DeleteHelper(name) => write!(f, "delete ct helper {table} {name}"),
            OpKind::DeleteQuota(name) => write!(f, "delete quota {table} {name}"),
            OpKind::AddSet { name, spec } => {
                write!(f, "add set {table} {name}")?;
                origin(f, spec.comment.as_ref())
            }
            OpKind::DeleteSet(name) => write!(f, "delete set {table} {name}"),
            OpKind::AddElements { set, elements, .. } => {
                write!(f, "add {} to set {table} {set}", counted(elements.len()))?;
                origin(f, elements.iter().find_map(|(_, element)| element.comment.as_ref()))
            }
            OpKind::DeleteElements { set, elements, .. } => {
                write!(f, "delete {} from set {table} {set}", counted(elements.len()))?;
                origin(f, elements.iter().find_map(|(_, element)| element.comment.as_ref()))
            }
            OpKind::AddChain { name, comment, .. } => {
                write!(f, "add chain {table} {name}")?;
                origin(f, comment.as_ref())
            }
            OpKind::DeleteChain(name) => write!(f, "delete chain {table} {name}"),
            OpKind::FlushChain(name) => write!(f, "flush chain {table} {name}"),
            OpKind::AddRule { chain, rule, .. } => write!(f, "add rule {table} {chain}: {}", render::rule(rule)),
            OpKind::DeleteRule { chain, handle } => write!(f, "delete rule {table} {chain} handle {}", handle.0),
        }
    }
}

fn counted(n_elements: usize) -> String {
    if n_elements == 1 { "1 element".to_owned() } else { format!("{n_elements} elements") }
}

fn origin(f: &mut fmt::Formatter<'_>, comment: Option<&Comment>) -> fmt::Result {
    comment.map_or(Ok(()), |comment| write!(f, ": {comment}"))
}
