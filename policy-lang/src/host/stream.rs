//! A stream of nodes in which a function call is replaced by the function's body.

use std::rc::Rc;
use std::sync::Arc;

use crate::host::tree::Node;
use crate::source::Span;

/// A call of a function, or an include, that is being evaluated; a list towards the outermost.
#[derive(Debug)]
pub(super) struct Call {
    /// What was called, for labels: `&f`, `@include`.
    pub(super) name: Arc<str>,
    /// Where it was called.
    pub(super) span: Span,
    /// The call that this one is inside of.
    pub(super) parent: Option<Rc<Self>>,
    /// Calls from here outwards, this one included.
    pub(super) depth: u32,
}

/// The nodes that are still to be read.
#[derive(Debug)]
pub(super) struct Stream {
    cursors: Vec<Cursor>,
    /// Where the text ends, for complaints about what is missing there.
    end: Span,
    /// Whether the node last read ended a statement: `;` or a block.
    ended: bool,
    /// The calls that the node last read is part of.
    calls: Option<Rc<Call>>,
}

#[derive(Debug)]
struct Cursor {
    nodes: Arc<[Node]>,
    next: usize,
    calls: Option<Rc<Call>>,
}

impl Stream {
    /// Reads `nodes`, of which `end` marks the end, as part of `calls`.
    pub(super) fn new(nodes: Arc<[Node]>, end: Span, calls: Option<Rc<Call>>) -> Self {
        Self { cursors: vec![Cursor { nodes, next: 0, calls: calls.clone() }], end, ended: false, calls }
    }

    /// Puts the body of a function in front of what is still to be read.
    pub(super) fn splice(&mut self, body: Arc<[Node]>, call: Rc<Call>) {
        self.settle();
        self.cursors.push(Cursor { nodes: body, next: 0, calls: Some(call) });
        self.ended = false;
    }

    /// The next node, which is consumed.
    pub(super) fn next(&mut self) -> Option<Node> {
        self.settle();
        let cursor = self.cursors.last_mut()?;
        let node = cursor.nodes.get(cursor.next)?.clone();
        cursor.next += 1;
        self.calls.clone_from(&cursor.calls);
        self.ended = node.is_mark(";") || node.is_block();
        Some(node)
    }

    /// The next node.
    pub(super) fn peek(&mut self) -> Option<&Node> {
        self.settle();
        self.cursors.last().and_then(|cursor| cursor.nodes.get(cursor.next))
    }

    /// Consumes the next node if it is this mark.
    pub(super) fn take_mark(&mut self, mark: &str) -> Option<Span> {
        let span = self.peek().filter(|node| node.is_mark(mark)).map(Node::span)?;
        drop(self.next());
        Some(span)
    }

    /// Where the next node stands, or the end.
    pub(super) fn position(&mut self) -> Span {
        let end = self.end;
        self.peek().map_or(end, Node::span)
    }

    /// The calls that the node last read is part of; before the first, those that everything is part of.
    pub(super) fn calls(&self) -> Option<Rc<Call>> {
        self.calls.clone()
    }

    /// Begins a statement.
    pub(super) fn begin(&mut self) {
        self.ended = false;
    }

    /// Whether the node last read ended a statement.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Skips what is left of the statement.
    pub(super) fn recover(&mut self) {
        while !self.ended {
            if self.next().is_none() {
                return;
            }
        }
    }

    /// Consumes a statement: everything through the next `;` or block.
    pub(super) fn statement(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        self.ended = false;
        while !self.ended {
            let Some(node) = self.next() else { break };
            nodes.push(node);
        }
        nodes
    }

    /// Leaves exhausted bodies, except the outermost.
    fn settle(&mut self) {
        while self.cursors.len() > 1 && self.cursors.last().is_some_and(|cursor| cursor.next >= cursor.nodes.len()) {
            self.cursors.pop();
        }
    }
}
