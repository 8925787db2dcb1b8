//! Events and raw tokens to the tree.
//!
//! Trivia goes before the node whose first token it precedes, into the node around it: so nodes begin and end with tokens
//! that matter, and the root alone begins or ends with trivia.

use super::Event;
use crate::kind::SyntaxKind as K;
use crate::lexer::Raw;
use crate::text::offset;
use crate::tree::{Builder, Tree};

pub(super) fn build(text: &str, raw: &[Raw], mut events: Vec<Event>) -> Tree {
    let mut sink = Sink { raw, next: 0, builder: Builder::with_capacity(raw.len() * 2) };
    sink.builder.start(K::File, 0);
    let mut wraps = Vec::new();
    for index in 0..events.len() {
        let Some(event) = events.get(index).copied() else { break };
        match event {
            Event::Start { mut kind, mut forward } => {
                // The node that wraps this one was begun later but stands outside.
                while forward != 0 {
                    wraps.push(kind);
                    match events.get_mut(forward as usize) {
                        Some(slot @ Event::Start { .. }) => {
                            if let Event::Start { kind: outer, forward: next } = *slot {
                                (kind, forward) = (outer, next);
                            }
                            *slot = Event::Dropped;
                        }
                        _ => break,
                    }
                }
                sink.trivia();
                let start = sink.start();
                sink.builder.start(kind, start);
                while let Some(inner) = wraps.pop() {
                    sink.builder.start(inner, start);
                }
            }
            Event::Token => sink.token(None),
            Event::TokenAs(kind) => sink.token(Some(kind)),
            Event::Finish => sink.builder.finish(),
            Event::Hole => {
                let start = sink.start();
                sink.builder.start(K::Hole, start);
                sink.builder.finish();
            }
            Event::Dropped => {}
        }
    }
    sink.rest();
    sink.builder.finish();
    sink.builder.into_tree(text)
}

struct Sink<'a> {
    raw: &'a [Raw],
    next: usize,
    builder: Builder,
}

impl Sink<'_> {
    fn peek(&self) -> Option<Raw> {
        self.raw.get(self.next).copied().filter(|token| token.kind != K::Eof)
    }

    /// Where the next token begins.
    fn start(&self) -> u32 {
        self.raw.get(self.next).or(self.raw.last()).map_or(offset(0), |token| token.start)
    }

    #[inline]
    fn trivia(&mut self) {
        while let Some(token) = self.peek().filter(|token| token.kind.is_trivia()) {
            self.builder.token(token.kind, token.start);
            self.next += 1;
        }
    }

    #[inline]
    fn token(&mut self, kind: Option<K>) {
        self.trivia();
        if let Some(token) = self.peek() {
            self.builder.token(kind.unwrap_or(token.kind), token.start);
            self.next += 1;
        }
    }

    /// What the parser did not come to, because it gave up.
    fn rest(&mut self) {
        self.trivia();
        if self.peek().is_some() {
            let last = self.raw.iter().rposition(|token| !token.kind.is_trivia() && token.kind != K::Eof);
            self.builder.start(K::Error, self.start());
            while last.is_some_and(|last| self.next <= last) {
                self.token(None);
            }
            self.builder.finish();
        }
        self.trivia();
    }
}
