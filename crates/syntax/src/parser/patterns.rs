//! Patterns of `let` and `fun`, and the richer ones of `match`.

use super::{Done, Parser};
use crate::diagnostic::Code;
use crate::kind::SyntaxKind as K;

impl Parser<'_> {
    // `let` and `fun`.

    pub(super) fn let_pattern(&mut self) -> Done {
        self.nested(Self::let_pattern_here)
    }

    fn let_pattern_here(&mut self) -> Done {
        let open = self.start();
        match self.kind() {
            K::Wildcard => {
                self.bump();
                self.finish(open, K::LetWildcard)
            }
            K::Ident | K::UpperIdent => {
                self.bump();
                self.finish(open, K::LetVar)
            }
            K::LParen => {
                let bracket = self.token();
                self.bump();
                if self.eat(K::RParen) {
                    return self.finish(open, K::LetUnit);
                }
                self.let_pattern();
                let mut kind = K::LetParen;
                while self.eat(K::Comma) {
                    self.spend();
                    self.let_pattern();
                    kind = K::LetTuple;
                }
                if self.at(K::Colon) {
                    let hint = "only functions with `let name (parameter: Type)` have annotations";
                    self.error_at(Code::Unexpected, "a pattern takes no type annotation", Some(hint));
                }
                self.close(bracket, K::RParen);
                self.finish(open, kind)
            }
            _ => {
                self.error_expected("a name, `_`, `()` or a tuple of them", "to bind");
                match self.kind() {
                    K::Int | K::Float | K::String | K::RawString | K::Char | K::TrueKw | K::FalseKw => self.bump(),
                    _ => self.hole(),
                }
                self.finish(open, K::Error)
            }
        }
    }

    pub(super) fn starts_let_pattern(&self) -> bool {
        matches!(self.kind(), K::Wildcard | K::Ident | K::UpperIdent | K::LParen)
    }

    // `match`.

    pub(super) fn pattern(&mut self) -> Done {
        self.nested(|parser| {
            let first = parser.tuple_pattern();
            parser.alternatives(first, Self::tuple_pattern)
        })
    }

    /// `|` and further patterns after the first.
    fn alternatives(&mut self, first: Done, next: fn(&mut Self) -> Done) -> Done {
        if !self.at(K::Bar) {
            return first;
        }
        let open = self.wrap(first);
        while self.eat(K::Bar) {
            self.spend();
            // What is missing before the arrow is left to validation, which knows how many alternatives there are.
            if !matches!(self.kind(), K::Arrow | K::WhenKw) {
                next(self);
            }
        }
        self.finish(open, K::OrPat)
    }

    fn tuple_pattern(&mut self) -> Done {
        let first = self.cons_pattern();
        if !self.at(K::Comma) {
            return first;
        }
        let open = self.wrap(first);
        while self.eat(K::Comma) {
            self.spend();
            self.cons_pattern();
        }
        self.finish(open, K::TuplePat)
    }

    fn cons_pattern(&mut self) -> Done {
        let first = self.base_pattern();
        if !self.at(K::ColonColon) {
            return first;
        }
        let open = self.wrap(first);
        self.bump();
        self.nested(Self::cons_pattern);
        self.finish(open, K::ConsPat)
    }

    fn base_pattern(&mut self) -> Done {
        let open = self.start();
        match self.kind() {
            K::Wildcard => {
                self.bump();
                self.finish(open, K::WildcardPat)
            }
            K::Ident => {
                self.bump();
                self.no_dotted_name();
                self.finish(open, K::VarPat)
            }
            K::TrueKw | K::FalseKw | K::String | K::RawString | K::Char => {
                self.bump();
                self.finish(open, K::LiteralPat)
            }
            K::Int | K::Float | K::BadNumber | K::Minus => {
                self.signed_number(Code::Pattern);
                self.finish(open, K::LiteralPat)
            }
            K::LParen => {
                let bracket = self.token();
                self.bump();
                if self.eat(K::RParen) {
                    return self.finish(open, K::UnitPat);
                }
                self.pattern();
                self.close(bracket, K::RParen);
                self.finish(open, K::ParenPat)
            }
            K::LBracket => {
                self.nested(Self::list_pattern);
                self.finish(open, K::ListPat)
            }
            K::UpperIdent => {
                self.nested(Self::case_pattern);
                self.finish(open, K::EnumPat)
            }
            K::InterpStart => {
                self.error_at(Code::Pattern, "a string with interpolation is no pattern", None);
                self.interpolated();
                self.finish(open, K::Error)
            }
            K::Ellipsis => {
                self.error_at(
                    Code::Pattern,
                    "`...` is no pattern",
                    Some("write `first :: rest` for a list of any length"),
                );
                self.bump();
                self.finish(open, K::Error)
            }
            _ => {
                let message = format!("expected a pattern, found {}", self.found());
                self.error_at(Code::Pattern, message, None);
                self.hole();
                self.finish(open, K::Error)
            }
        }
    }

    fn starts_base_pattern(&self) -> bool {
        matches!(
            self.kind(),
            K::Wildcard
                | K::Ident
                | K::UpperIdent
                | K::TrueKw
                | K::FalseKw
                | K::String
                | K::RawString
                | K::Char
                | K::Int
                | K::Float
                | K::BadNumber
                | K::Minus
                | K::LParen
                | K::LBracket
        )
    }

    fn no_dotted_name(&mut self) {
        while self.at(K::Dot) && self.nth(1).kind.is_name() {
            self.error_at(Code::Pattern, "names in patterns have no dots", Some("write the case name alone"));
            self.bump();
            self.bump();
        }
    }

    fn list_pattern(&mut self) {
        let bracket = self.token();
        self.bump();
        while !self.at(K::RBracket) && !self.at_barrier() {
            self.spend();
            if !self.starts_base_pattern() {
                self.error_at(Code::Pattern, format!("{} does not fit in a list pattern", self.found()), None);
                self.skip_in_brackets();
            } else {
                self.base_pattern();
            }
            if matches!(self.kind(), K::ColonColon | K::Bar) {
                let message = format!("{} in a list pattern needs parentheses", self.found());
                self.error_at(Code::Pattern, message, None);
                self.skip_in_brackets();
            }
            if !self.separator(K::RBracket) {
                break;
            }
        }
        self.close(bracket, K::RBracket);
    }

    fn case_pattern(&mut self) {
        let head = self.token();
        self.bump();
        self.no_dotted_name();
        if self.at(K::LParen) && self.continues_arguments(head) {
            let open = self.start();
            let bracket = self.token();
            self.bump();
            if self.eat(K::RParen) {
                self.finish(open, K::UnitPat);
                return;
            }
            loop {
                self.spend();
                let first = self.cons_pattern();
                self.alternatives(first, Self::cons_pattern);
                if !self.eat(K::Comma) {
                    break;
                }
            }
            self.close(bracket, K::RParen);
            self.finish(open, K::EnumPatFields);
            return;
        }
        while self.starts_base_pattern() && self.continues_arguments(head) {
            self.spend();
            self.base_pattern();
        }
    }
}
