//! The layout rules: what continues a construct, and what begins the next.

use super::Parser;
use crate::kind::SyntaxKind as K;
use crate::lexer::Sig;
use crate::literal;

/// What columns are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    anchor: Option<u32>,
    /// Inside parentheses: only the anchor's own column is special.
    exact: bool,
}

impl Scope {
    pub(super) const NONE: Self = Self { anchor: None, exact: false };

    pub(super) const fn at(col: u32) -> Self {
        Self { anchor: Some(col), exact: false }
    }

    pub(super) const fn exactly(col: u32) -> Self {
        Self { anchor: Some(col), exact: true }
    }
}

impl Parser<'_> {
    /// Makes a scope the current one; gives the one before, to be put back.
    #[inline]
    pub(super) fn enter(&mut self, scope: Scope) -> Scope {
        std::mem::replace(&mut self.scope, scope)
    }

    /// Whether the current token continues the arguments of what began with `head`.
    #[inline]
    pub(super) fn continues_arguments(&self, head: Sig) -> bool {
        let token = self.token();
        token.row == head.row
            || token.col > head.col
            || self.scope.anchor.is_some_and(|col| if self.scope.exact { token.col != col } else { token.col > col })
    }

    /// Whether the current token, an operator, continues a left operand that ends in `end_row`.
    #[inline]
    pub(super) fn continues_operand(&self, end_row: u32) -> bool {
        let token = self.token();
        if token.row == end_row {
            return true;
        }
        let Some(col) = self.scope.anchor else { return true };
        let minus = token.kind == K::Minus;
        if self.scope.exact {
            !(minus && token.col == col)
        } else if minus {
            token.col > col
        } else {
            token.col >= col
        }
    }

    /// Whether another statement of the block at `col` begins here; takes the `;` that begins it.
    pub(super) fn next_statement(&mut self, col: u32) -> bool {
        if self.at(K::Semicolon) {
            let more = self.starts_expr(1);
            if more {
                self.bump();
            }
            return more;
        }
        self.token().col == col && self.starts_expr(0) && !self.at_item_word()
    }

    /// Whether a declaration begins here that ends every bracket left open.
    pub(super) fn at_barrier(&self) -> bool {
        let token = self.token();
        match token.kind {
            K::Eof | K::InterpClose => true,
            K::LetKw | K::TypeKw | K::ValKw => self.declaration_col.is_some_and(|col| token.col <= col),
            _ => false,
        }
    }

    /// Whether an expression can begin with the token `ahead` of the current one.
    #[inline]
    pub(super) fn starts_expr(&self, ahead: usize) -> bool {
        let kind = self.nth(ahead).kind;
        starts_argument(kind) || matches!(kind, K::Minus | K::IfKw | K::LetKw | K::MatchKw | K::FunKw)
    }

    /// Whether an argument begins here.
    #[inline]
    pub(super) fn at_argument(&self) -> bool {
        starts_argument(self.kind()) || self.at_negative_argument()
    }

    /// A `-` with a gap before and a signed number glued after it.
    pub(super) fn at_negative_argument(&self) -> bool {
        if !self.at(K::Minus) || self.glued(0) || !self.glued(1) {
            return false;
        }
        let number = self.nth(1);
        match number.kind {
            K::Float => true,
            K::Int => literal::split_int(self.text_of(number)).1.is_signed(),
            _ => false,
        }
    }
}

#[inline]
fn starts_argument(kind: K) -> bool {
    matches!(
        kind,
        K::Ident
            | K::UpperIdent
            | K::Int
            | K::Float
            | K::BadNumber
            | K::String
            | K::RawString
            | K::Char
            | K::InterpStart
            | K::TrueKw
            | K::FalseKw
            | K::LParen
            | K::LBracket
            | K::LBrace
    )
}
