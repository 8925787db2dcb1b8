//! Tokens to events, by recursive descent; events to the tree.
//!
//! Each grammar function consumes tokens and leaves events; a node may be wrapped after it is complete. The layout rules
//! are in [`layout`], the grammar in `items`, `types`, `exprs`, `atoms` and `patterns`. Every function leaves a tree for any
//! input: what is missing becomes an empty [`SyntaxKind::Hole`](crate::SyntaxKind::Hole), what does not fit becomes an
//! [`SyntaxKind::Error`](crate::SyntaxKind::Error), and no token is dropped. Recursion is bounded by [`NESTING_MAX`]; long
//! chains are loops, bounded by [`CHAIN_MAX`].

mod atoms;
mod build;
mod exprs;
mod items;
mod layout;
mod patterns;
mod types;

use crate::Mode;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::lexer::{DIAGNOSTICS_MAX, Lexed, Raw, Sig};
use crate::text::{TextRange, offset};
use crate::tree::Tree;
use layout::Scope;

/// Constructs may nest this deep; keeps the parser's use of the stack bounded.
pub const NESTING_MAX: u32 = 200;

/// A chain that nests without recursion (operators of one level, `.field` after `.field`, `let` after `let`) may be this
/// long; keeps the depth of trees bounded for those who walk them by recursion.
pub const CHAIN_MAX: u32 = 1000;

/// The parser may enter its functions this often, plus [`FUEL_PER_TOKEN`] for each token.
const FUEL_BASE: u64 = 4000;

/// See [`FUEL_BASE`]. No grammar function is entered more than a few times per token; running out is a bug caught.
const FUEL_PER_TOKEN: u64 = 300;

/// What the parser makes of tokens.
pub(crate) struct Parsed {
    pub(crate) tree: Tree,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Parse function entries.
    pub(crate) steps: u64,
}

pub(crate) fn parse(text: &str, lexed: Lexed, mode: Mode) -> Parsed {
    let fuel = FUEL_BASE + FUEL_PER_TOKEN * lexed.sig.len() as u64;
    parse_with_fuel(text, lexed, mode, fuel)
}

fn parse_with_fuel(text: &str, lexed: Lexed, mode: Mode, fuel: u64) -> Parsed {
    let Lexed { raw, sig, diagnostics, .. } = lexed;
    let mut parser = Parser {
        text,
        raw: &raw,
        sig: &sig,
        pos: 0,
        events: Vec::with_capacity(sig.len() * 4),
        diagnostics,
        mode,
        scope: Scope::NONE,
        declaration_col: None,
        depth: 0,
        fuel,
        reported_at: usize::MAX,
        abandoned: false,
    };
    parser.file();
    let steps = fuel - parser.fuel;
    let (events, mut diagnostics) = (parser.events, parser.diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.range);
    Parsed { tree: build::build(text, &raw, events), diagnostics, steps }
}

/// One step of building the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A node begins; `forward` is the event of the node that wraps it, 0 for none.
    Start { kind: K, forward: u32 },
    /// The next significant token.
    Token,
    /// The next significant token, under another kind.
    TokenAs(K),
    /// The innermost node ends.
    Finish,
    /// An empty node where something is missing.
    Hole,
    /// Nothing.
    Dropped,
}

/// A node that was begun; to be finished with [`Parser::finish`].
#[derive(Debug)]
#[must_use]
struct Open(u32);

/// A complete node.
#[derive(Clone, Copy, Debug)]
struct Done(u32);

/// What an expression is, as far as what may follow it depends on that. Parentheses around one expression do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A variable or a qualified name.
    Name,
    /// A call of a name.
    NameCall,
    /// A call of anything else.
    OtherCall,
    Field,
    Lambda,
    Section,
    /// A case name without fields.
    Case,
    CaseWithFields,
    Tuple,
    Other,
}

impl Shape {
    fn takes_arguments(self) -> bool {
        !matches!(self, Self::CaseWithFields | Self::Tuple | Self::Other)
    }
}

/// A complete expression.
#[derive(Clone, Copy, Debug)]
struct Expr {
    done: Done,
    shape: Shape,
    /// Whether it stands in parentheses.
    grouped: bool,
    /// The row of its last token; for a group, of its content's last token.
    end_row: u32,
}

struct Parser<'a> {
    text: &'a str,
    raw: &'a [Raw],
    sig: &'a [Sig],
    pos: usize,
    events: Vec<Event>,
    diagnostics: Vec<Diagnostic>,
    mode: Mode,
    scope: Scope,
    /// The column of the declaration being parsed, for the recovery barrier.
    declaration_col: Option<u32>,
    depth: u32,
    fuel: u64,
    /// The token at which an error was last reported; there is one report per token.
    reported_at: usize,
    abandoned: bool,
}

const END: Sig = Sig { kind: K::Eof, gap: true, raw: u32::MAX, row: u32::MAX, col: 0, end_row: u32::MAX };

impl Parser<'_> {
    // Looking.

    #[inline]
    fn token(&self) -> Sig {
        self.nth(0)
    }

    #[inline]
    fn nth(&self, ahead: usize) -> Sig {
        self.sig.get(self.pos + ahead).copied().unwrap_or(END)
    }

    #[inline]
    fn kind(&self) -> K {
        self.token().kind
    }

    #[inline]
    fn at(&self, kind: K) -> bool {
        self.kind() == kind
    }

    /// Whether the token directly touches the one before it.
    #[inline]
    fn glued(&self, ahead: usize) -> bool {
        !self.nth(ahead).gap
    }

    fn range_of(&self, token: Sig) -> TextRange {
        let whole = offset(self.text.len());
        let start = self.raw.get(token.raw as usize).map_or(whole, |raw| raw.start);
        let end = self.raw.get(token.raw as usize + 1).map_or(whole, |raw| raw.start);
        TextRange::new(start, end)
    }

    fn text_of(&self, token: Sig) -> &str {
        self.range_of(token).slice(self.text)
    }

    /// The row of the last character of the token before the current one.
    fn previous_end_row(&self) -> u32 {
        self.pos.checked_sub(1).and_then(|at| self.sig.get(at)).map_or(0, |token| token.end_row)
    }

    /// Where a thing is missing: directly after the token before the current one.
    fn missing_range(&self) -> TextRange {
        match self.pos.checked_sub(1).and_then(|at| self.sig.get(at)) {
            Some(&token) if self.token().row > token.end_row => {
                let end = self.range_of(token).end;
                TextRange::new(end, end)
            }
            _ => self.range_of(self.token()),
        }
    }

    // Moving.

    #[inline]
    fn bump(&mut self) {
        if !self.at(K::Eof) {
            self.events.push(Event::Token);
            self.pos += 1;
        }
    }

    fn bump_as(&mut self, kind: K) {
        if !self.at(K::Eof) {
            self.events.push(Event::TokenAs(kind));
            self.pos += 1;
        }
    }

    fn eat(&mut self, kind: K) -> bool {
        let there = self.at(kind);
        if there {
            self.bump();
        }
        there
    }

    /// Takes a token of this kind, or reports that it is missing.
    fn expect(&mut self, kind: K, context: &str) -> bool {
        let there = self.eat(kind);
        if !there {
            self.error_expected(kind.describe(), context);
        }
        there
    }

    /// Takes an arrow; for the `=>` of other languages says so.
    fn arrow(&mut self, context: &str) -> bool {
        if !self.at(K::Eq) || self.nth(1).kind != K::Gt || !self.glued(1) {
            return self.expect(K::Arrow, context);
        }
        self.error_expected(K::Arrow.describe(), context);
        let open = self.start();
        self.bump();
        self.bump();
        self.finish(open, K::Error);
        true
    }

    // Nodes.

    #[inline]
    fn start(&mut self) -> Open {
        let index = offset(self.events.len());
        self.events.push(Event::Start { kind: K::Error, forward: 0 });
        Open(index)
    }

    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "an open node is finished once")]
    fn finish(&mut self, open: Open, kind: K) -> Done {
        self.relabel(Done(open.0), kind);
        self.events.push(Event::Finish);
        Done(open.0)
    }

    /// Gives a complete node another kind.
    #[inline]
    fn relabel(&mut self, done: Done, new: K) {
        if let Some(Event::Start { kind, .. }) = self.events.get_mut(done.0 as usize) {
            *kind = new;
        }
    }

    /// Begins a node around a complete one.
    #[inline]
    fn wrap(&mut self, done: Done) -> Open {
        let open = self.start();
        if let Some(Event::Start { forward, .. }) = self.events.get_mut(done.0 as usize) {
            *forward = open.0;
        }
        open
    }

    /// Takes back the end of the node that was finished last, so that it can take more parts.
    fn reopen(&mut self, done: Done) -> Open {
        debug_assert!(matches!(self.events.last(), Some(Event::Finish)), "BUG: only the last node can be reopened");
        self.events.pop();
        Open(done.0)
    }

    fn hole(&mut self) {
        self.events.push(Event::Hole);
    }

    // Limits.

    /// Spends fuel; to be called wherever a loop or a recursion passes.
    #[inline]
    fn spend(&mut self) {
        match self.fuel.checked_sub(1) {
            Some(rest) => self.fuel = rest,
            None => self.abandon(Code::InternalLoop, "the parser makes no progress here"),
        }
    }

    /// Runs a grammar function one level deeper, unless that is too deep.
    #[inline]
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.spend();
        if self.depth >= NESTING_MAX {
            self.too_deep();
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self) {
        self.abandon(Code::TooDeep, "this nests too deep to be parsed");
    }

    /// Gives up: one report, and from here on the parser sees the end of the text.
    fn abandon(&mut self, code: Code, message: &str) {
        if !self.abandoned {
            self.push_error(Diagnostic::error(code, self.range_of(self.token()), message));
            self.abandoned = true;
            self.pos = self.sig.len().saturating_sub(1);
        }
    }

    // Reports.

    fn push_error(&mut self, diagnostic: Diagnostic) {
        if !self.abandoned && self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports unless something was already reported at this token.
    fn report(&mut self, diagnostic: Diagnostic) {
        if self.reported_at != self.pos {
            self.reported_at = self.pos;
            self.push_error(diagnostic);
        }
    }

    fn found(&self) -> &'static str {
        self.kind().describe()
    }

    fn error_expected(&mut self, wanted: &str, context: &str) {
        let range = self.missing_range();
        let found = self.found();
        self.report(Diagnostic::error(Code::Expected, range, format!("expected {wanted} {context}, found {found}")));
    }

    fn error_at(&mut self, code: Code, message: impl Into<String>, hint: Option<&str>) {
        let mut diagnostic = Diagnostic::error(code, self.range_of(self.token()), message);
        diagnostic.hint = hint.map(str::to_owned);
        self.report(diagnostic);
    }

    fn error_unexpected(&mut self) {
        let hint = self.kind_hint();
        let message = format!("{} does not fit here", self.found());
        self.error_at(Code::Unexpected, message, hint);
    }

    fn error_unclosed(&mut self, open: Sig) {
        let range = self.range_of(open);
        let here = self.range_of(self.token());
        let message = format!("{} is never closed", open.kind.describe());
        let found = format!("the closing bracket is missing before {}", self.found());
        self.report(Diagnostic::error(Code::Unclosed, range, message).with_related(here, found));
    }

    /// What to write instead of the current token.
    fn kind_hint(&self) -> Option<&'static str> {
        Some(match self.kind() {
            K::ShiftLeft | K::ShiftRight | K::Amp | K::BarBarBar | K::Tildes | K::Ellipsis => {
                "this operator is reserved and means nothing yet"
            }
            K::Bang => "there is no `!`; call `Stdlib.Bool.not`",
            K::ColonColon => "`::` is for patterns only; call `Stdlib.List.push`",
            K::Eq => "compare with `==`",
            K::InKw => "`in` belongs after the value of a `let`",
            K::Semicolon => "an open block takes the `;`; put the block in parentheses",
            K::Wildcard => "`_` is for patterns only",
            K::ElseKw | K::ElifKw => "it must not stand left of its `if`",
            _ => return None,
        })
    }

    /// Wraps tokens that fit nowhere: all up to what `stop` accepts, but at least one; strings are taken whole.
    fn skip_until(&mut self, mut stop: impl FnMut(&Self) -> bool) {
        let open = self.start();
        loop {
            self.spend();
            if matches!(self.kind(), K::Eof | K::InterpClose) {
                break;
            }
            if self.at(K::InterpStart) {
                self.interpolated();
            } else {
                self.bump();
            }
            if stop(self) {
                break;
            }
        }
        self.finish(open, K::Error);
    }

    /// Skips inside brackets to the end of the brackets, or to a separator.
    fn skip_in_brackets(&mut self) {
        let mut depth = 0_u32;
        let mut last = None;
        // The token just skipped decides the depth.
        self.skip_until(|parser| {
            let skipped = parser.pos.checked_sub(1);
            if skipped != last {
                last = skipped;
                match skipped.and_then(|at| parser.sig.get(at)).map(|token| token.kind) {
                    Some(K::LParen | K::LBracket | K::LBrace) => depth += 1,
                    Some(K::RParen | K::RBracket | K::RBrace) => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            parser.at_barrier()
                || depth == 0 && matches!(parser.kind(), K::RParen | K::RBracket | K::RBrace | K::Comma | K::Semicolon)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_fuel_the_parse_is_given_up_and_nothing_is_lost() {
        let text = "let f (x: Int) : Int = $\"a{x}\" // end\nf 1\n";
        let needed = parse(text, crate::lexer::lex(text), Mode::Script).steps;
        for fuel in 0..needed + 3 {
            let parsed = parse_with_fuel(text, crate::lexer::lex(text), Mode::Script, fuel);
            let codes: Vec<_> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            let expected: &[Code] = if fuel < needed { &[Code::InternalLoop] } else { &[] };
            assert_eq!(codes, expected, "fuel {fuel} of {needed}");
            let joined: String = parsed.tree.root().descendant_tokens().map(|token| token.text()).collect();
            assert_eq!(joined, text);
        }
    }
}
