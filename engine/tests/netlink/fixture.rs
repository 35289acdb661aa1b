//! A namespace, and operations in few words.

use std::process::Command;

use engine::kernel::{Kernel, KernelError, Netlink, in_scratch};
use engine::observed::{ObservedTable, RuleContent, TableFlags};
use engine::plan::{Op, OpKind, RulePosition};
use engine::ruleset::{
    BaseChain, ChainType, Comment, Element, ElementKey, Expr, Family, Hook, Name, Priority, Rule, SetSpec, TableKey,
};

/// Runs a test in a namespace of its own, or says why not.
pub(crate) fn scratch(test: impl FnOnce(&mut Netlink) + Send) {
    match in_scratch(test) {
        Ok(()) => {}
        Err(KernelError::Denied(_)) => eprintln!("skipped: needs the right to make a network namespace"),
        Err(error) => panic!("{error}"),
    }
}

/// Runs nft in the namespace of the calling thread.
#[track_caller]
pub(crate) fn nft(command: &str) -> String {
    let output = Command::new("nft").args(command.split(' ')).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn ours() -> TableKey {
    TableKey::ours(Family::Inet)
}

pub(crate) fn op(kind: OpKind) -> Op {
    Op { table: ours(), kind }
}

pub(crate) fn name(words: &str) -> Name {
    Name::ours(words)
}

pub(crate) fn add_table() -> Op {
    op(OpKind::AddTable { flags: TableFlags::default(), comment: None })
}

pub(crate) fn add_chain(chain: &str) -> Op {
    op(OpKind::AddChain { name: name(chain), base: None, comment: None })
}

pub(crate) fn add_base_chain(chain: &str, hook: Hook) -> Op {
    let base = BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(0) };
    op(OpKind::AddChain { name: name(chain), base: Some(base), comment: None })
}

pub(crate) fn add_rule(chain: &str, comment: &str, exprs: Vec<Expr>) -> Op {
    let rule = Rule { exprs, comment: Some(Comment::new(comment)) };
    op(OpKind::AddRule { chain: name(chain), position: RulePosition::Last, rule })
}

pub(crate) fn add_set(set: &str, spec: SetSpec) -> Op {
    op(OpKind::AddSet { name: name(set), spec })
}

pub(crate) fn add_elements(set: &str, spec: &SetSpec, keys: impl IntoIterator<Item = ElementKey>) -> Op {
    let elements = keys.into_iter().map(|key| (key, Element::PLAIN)).collect();
    op(OpKind::AddElements { set: name(set), spec: spec.clone(), elements })
}

pub(crate) fn delete_elements(set: &str, spec: &SetSpec, keys: impl IntoIterator<Item = ElementKey>) -> Op {
    let elements = keys.into_iter().map(|key| (key, Element::PLAIN)).collect();
    op(OpKind::DeleteElements { set: name(set), spec: spec.clone(), elements })
}

/// Our inet table as the kernel has it.
#[track_caller]
pub(crate) fn table(kernel: &mut Netlink) -> ObservedTable {
    kernel.observe(&[ours()]).unwrap().tables.remove(&ours()).unwrap()
}

/// The comments of a chain's rules; `?` for those that could not be read.
#[track_caller]
pub(crate) fn comments(kernel: &mut Netlink, chain: &str) -> Vec<String> {
    let table = table(kernel);
    let comment = |content: &RuleContent| match content {
        RuleContent::Known(rule) => rule.comment.as_ref().map(ToString::to_string).unwrap_or_default(),
        RuleContent::Unknown(_) => "?".into(),
    };
    table.chains[&name(chain)].rules.iter().map(|rule| comment(&rule.content)).collect()
}
