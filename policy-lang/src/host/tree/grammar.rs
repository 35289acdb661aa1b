//! The tree of a text as the grammar says it, to judge the reader by.

use pest::Parser as _;
use pest::iterators::Pair;
use proptest::prelude::*;

use super::complaints::Complaints;
use super::reader::{self, Read};
use super::{Brackets, Group, Node, Token, TokenKind, offset};
use crate::source::{SourceId, Sources, Span};

#[derive(Debug, pest_derive::Parser)]
#[grammar = "src/host/tree/grammar.pest"]
struct Grammar;

fn by_grammar(source: SourceId, text: &str) -> Read {
    let mut judge = Judge { source, complaints: Complaints::default() };
    let file = Grammar::parse(Rule::file, text).expect("every text is a file").next().expect("it is one file");
    let nodes = judge.nodes(file);
    Read { nodes, complaints: judge.complaints }
}

struct Judge {
    source: SourceId,
    complaints: Complaints,
}

impl Judge {
    fn nodes(&mut self, parent: Pair<'_, Rule>) -> Vec<Node> {
        parent.into_inner().filter_map(|pair| self.node(pair)).collect()
    }

    fn node(&mut self, pair: Pair<'_, Rule>) -> Option<Node> {
        let span = self.span(&pair);
        let token = |kind, text: &str| Some(Node::Token(Token { kind, text: text.into(), span }));
        match pair.as_rule() {
            Rule::block => Some(self.group(pair, Brackets::Braces)),
            Rule::list => Some(self.group(pair, Brackets::Parens)),
            Rule::double => token(TokenKind::Double, pair.into_inner().as_str()),
            Rule::single => token(TokenKind::Single, pair.into_inner().as_str()),
            Rule::shell => token(TokenKind::Shell, pair.as_str()),
            Rule::mark => token(TokenKind::Mark, pair.as_str()),
            Rule::word => token(TokenKind::Word, pair.as_str()),
            Rule::directive => token(TokenKind::Directive, pair.as_str().trim_start_matches('@')),
            Rule::stray | Rule::stray_paren => {
                self.complaints.stray(span);
                None
            }
            Rule::skipped => {
                self.complaints.skip(span);
                None
            }
            Rule::file
            | Rule::node
            | Rule::close_brace
            | Rule::close_paren
            | Rule::in_double
            | Rule::in_single
            | Rule::comment
            | Rule::blank
            | Rule::EOI => None,
        }
    }

    fn group(&mut self, pair: Pair<'_, Rule>, brackets: Brackets) -> Node {
        let span = self.span(&pair);
        let is_closing = |last: &Pair<'_, Rule>| matches!(last.as_rule(), Rule::close_brace | Rule::close_paren);
        let closing = pair.clone().into_inner().last().filter(is_closing).map(|last| self.span(&last));
        let nodes = self.nodes(pair).into();
        if closing.is_none() {
            self.complaints.unclosed(Span { end: span.start + 1, ..span });
        }
        let closing = closing.unwrap_or(Span { start: span.end, ..span });
        Node::Group(Group { brackets, nodes, span, closing })
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        Span { source: self.source, start: offset(span.start()), end: offset(span.end()) }
    }
}

/// Pieces, with bars between them, of which what is wrong with brackets, strings and comments comes about by itself.
const PIECES: &str =
    "{|{|}|}|(|(|)|)|;|!|,|=|&|$|%|\"|'|`|\"a $b\"|'c'|`d`|@|@def|@@if|#|\n|\n| |saddr|10.0.0.0/8|fe80::1|*|é|\u{a0}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_reader_reads_what_the_grammar_says(
        pieces in prop::collection::vec(prop::sample::select(PIECES.split('|').collect::<Vec<_>>()), 0..40),
    ) {
        let text = pieces.concat();
        let mut sources = Sources::default();
        let source = sources.add("a", &text);
        let (ours, judge) = (reader::read(source, &text), by_grammar(source, &text));
        prop_assert_eq!(format!("{:#?}", ours), format!("{:#?}", judge));
    }
}
