//! Expressions that need no operator: literals, names, brackets, lambdas, and `.field` after any of them.

use super::exprs::{Place, is_operator};
use super::{CHAIN_MAX, Expr, Parser, Shape, layout::Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::literal::{self, IntFit};

impl Parser<'_> {
    pub(super) fn atom(&mut self, place: Place) -> Expr {
        self.spend();
        let mut left = self.primary(place);
        let mut chain = 0;
        while self.at(K::Dot) {
            self.spend();
            chain += 1;
            if chain > CHAIN_MAX {
                self.too_deep();
                break;
            }
            let open = self.wrap(left.done);
            self.bump();
            self.name("of a field after `.`");
            let done = self.finish(open, K::FieldExpr);
            left = self.ended(done, Shape::Field);
        }
        left
    }

    fn ended(&self, done: super::Done, shape: Shape) -> Expr {
        Expr { done, shape, grouped: false, end_row: self.previous_end_row() }
    }

    fn primary(&mut self, place: Place) -> Expr {
        match self.kind() {
            K::Ident | K::UpperIdent => self.name_expr(),
            K::Int | K::Float | K::BadNumber => self.number_expr(),
            K::String | K::RawString | K::Char | K::TrueKw | K::FalseKw => {
                let open = self.start();
                self.bump();
                let done = self.finish(open, K::LiteralExpr);
                self.ended(done, Shape::Other)
            }
            K::InterpStart => {
                let done = self.interpolated();
                self.ended(done, Shape::Other)
            }
            K::LParen => self.paren(),
            K::LBracket => self.list(),
            K::LBrace => self.braces(),
            K::FunKw if place == Place::Head => self.lambda(),
            K::Minus if matches!(self.nth(1).kind, K::Int | K::Float | K::BadNumber) => self.number_expr(),
            K::Minus => self.negation(),
            _ => {
                let range = self.missing_range();
                let mut diagnostic =
                    Diagnostic::error(Code::Expected, range, format!("expected an expression, found {}", self.found()));
                diagnostic.hint = self.kind_hint().map(str::to_owned);
                self.report(diagnostic);
                let open = self.start();
                self.hole();
                let done = self.finish(open, K::Error);
                self.ended(done, Shape::Other)
            }
        }
    }

    // Literals.

    fn number_expr(&mut self) -> Expr {
        let open = self.start();
        self.signed_number(Code::Expected);
        let done = self.finish(open, K::LiteralExpr);
        self.ended(done, Shape::Other)
    }

    /// A number with or without `-` before it, checked against the range of its type.
    pub(super) fn signed_number(&mut self, missing: Code) {
        let negative = self.eat(K::Minus);
        let number = self.token();
        match number.kind {
            K::Int => {
                let text = self.text_of(number);
                let fit = literal::int_fit(text);
                if fit == IntFit::TooLarge || fit == IntFit::OnlyNegated && !negative {
                    let kind = literal::split_int(text).1;
                    let message = format!("this number is out of the range of {}", kind.type_name());
                    let mut diagnostic = Diagnostic::error(Code::IntRange, self.range_of(number), message);
                    if fit == IntFit::OnlyNegated {
                        diagnostic = diagnostic.with_hint("only the negated number fits: put a `-` directly before it");
                    }
                    self.report(diagnostic);
                }
                self.bump();
            }
            K::Float | K::BadNumber => self.bump(),
            _ => {
                let message = format!("expected a number after `-`, found {}", self.found());
                self.error_at(missing, message, None);
                self.hole();
            }
        }
    }

    fn negation(&mut self) -> Expr {
        let open = self.start();
        self.bump();
        let end_row = self.nested(Self::negated);
        let done = self.finish(open, K::NegExpr);
        Expr { done, shape: Shape::Other, grouped: false, end_row }
    }

    /// A string with interpolation. The lexer guarantees that its tokens are balanced.
    pub(super) fn interpolated(&mut self) -> super::Done {
        let open = self.start();
        self.bump();
        loop {
            self.spend();
            match self.kind() {
                K::InterpText => self.bump(),
                K::InterpOpen => self.hole_expr(),
                K::InterpEnd => {
                    self.bump();
                    break;
                }
                _ => break,
            }
        }
        self.finish(open, K::InterpExpr)
    }

    /// One hole: exactly one expression, laid out as in a script of its own.
    fn hole_expr(&mut self) {
        let open = self.start();
        let outer = (self.scope, self.declaration_col.take());
        self.bump();
        self.scope = Scope::at(self.token().col);
        if self.starts_expr(0) && !self.at_item_word() {
            self.expr();
            if !self.at(K::InterpClose) {
                let message = format!("an interpolation holds exactly one expression; {} is too much", self.found());
                self.error_at(Code::Interpolation, message, None);
                self.skip_until(|_| false);
            }
        } else if self.at(K::InterpClose) {
            self.error_at(
                Code::Interpolation,
                "an interpolation holds an expression; this one is empty",
                Some("write `{{}}` for braces"),
            );
            self.hole();
        } else {
            let message = format!("an interpolation holds an expression, not {}", self.found());
            self.error_at(Code::Interpolation, message, None);
            self.skip_until(|_| false);
        }
        (self.scope, self.declaration_col) = outer;
        self.eat(K::InterpClose);
        self.finish(open, K::InterpHole);
    }

    // Names.

    fn name_expr(&mut self) -> Expr {
        let open = self.start();
        let path = self.start();
        let first = self.token();
        let mut last = first;
        self.bump();
        while last.kind == K::UpperIdent && self.at(K::Dot) && self.nth(1).kind.is_name() {
            self.bump();
            last = self.token();
            self.bump();
        }
        let single = first.raw == last.raw;
        self.finish(path, K::Path);
        let mut upper = last.kind == K::UpperIdent;
        let typed = self.at(K::Lt) && self.glued(0);
        if typed {
            self.type_args();
            if self.at(K::Dot) && self.nth(1).kind == K::UpperIdent {
                self.bump();
                self.bump();
                upper = true;
            }
        }
        if !upper {
            let done = self.finish(open, K::NameExpr);
            return self.ended(done, Shape::Name);
        }
        let record = self.at(K::LBrace)
            && (self.nth(1).kind == K::RBrace || self.nth(1).kind.is_name() && self.nth(2).kind == K::Eq);
        if record {
            let dict = single && !typed && self.text_of(first) == "Dict";
            let bracket = self.token();
            self.bump();
            self.fields(bracket);
            let done = self.finish(open, if dict { K::DictExpr } else { K::RecordExpr });
            return self.ended(done, Shape::Other);
        }
        if self.at(K::LParen) && self.glued(0) {
            let fields = self.paren();
            if fields.shape == Shape::Tuple {
                self.relabel(fields.done, K::EnumFields);
            }
            let done = self.finish(open, K::EnumExpr);
            return self.ended(done, Shape::CaseWithFields);
        }
        let done = self.finish(open, K::EnumExpr);
        self.ended(done, Shape::Case)
    }

    // Brackets.

    fn paren(&mut self) -> Expr {
        let open = self.start();
        let bracket = self.token();
        self.bump();
        if self.eat(K::RParen) {
            let done = self.finish(open, K::UnitExpr);
            return self.ended(done, Shape::Other);
        }
        if is_operator(self.kind()) && self.nth(1).kind == K::RParen {
            self.bump();
            self.bump();
            let done = self.finish(open, K::OpSection);
            return self.ended(done, Shape::Section);
        }
        let outer = self.enter(Scope::exactly(self.token().col));
        let mut content = None;
        let mut count = 0_u32;
        let mut tuple = false;
        while !self.at(K::RParen) && !self.at_barrier() {
            self.spend();
            if self.starts_expr(0) {
                content = Some(self.expr());
                count += 1;
            } else if self.at(K::Comma) && count > 0 {
                if !tuple && count > 1 {
                    self.error_unexpected();
                }
                tuple = true;
                self.bump();
                self.expr_or_hole("after `,`");
                // Only commas separate the parts of a tuple.
                if self.starts_expr(0) && !self.at_barrier() {
                    self.error_expected("`,` or `)`", "in the tuple");
                }
            } else if matches!(self.kind(), K::RBracket | K::RBrace) {
                break;
            } else {
                self.error_unexpected();
                self.skip_in_brackets();
                if self.at(K::Semicolon) {
                    self.bump();
                }
            }
        }
        self.scope = outer;
        self.close(bracket, K::RParen);
        if tuple {
            let done = self.finish(open, K::TupleExpr);
            return self.ended(done, Shape::Tuple);
        }
        let done = self.finish(open, K::ParenExpr);
        match content {
            Some(content) => {
                // A grouped tuple is not a list of fields.
                let transparent = count == 1 && content.shape != Shape::Tuple;
                let shape = if transparent { content.shape } else { Shape::Other };
                Expr { done, shape, grouped: true, end_row: content.end_row }
            }
            None => self.ended(done, Shape::Other),
        }
    }

    fn list(&mut self) -> Expr {
        let open = self.start();
        let bracket = self.token();
        self.bump();
        let outer = self.scope;
        while !self.at(K::RBracket) && !self.at_barrier() {
            self.spend();
            if self.starts_expr(0) {
                self.scope = Scope::at(self.token().col);
                self.expr();
            } else if matches!(self.kind(), K::RParen | K::RBrace) {
                break;
            } else {
                self.error_unexpected();
                self.skip_in_brackets();
            }
            if !self.separator(K::RBracket) {
                break;
            }
        }
        self.scope = outer;
        self.close(bracket, K::RBracket);
        let done = self.finish(open, K::ListExpr);
        self.ended(done, Shape::Other)
    }

    /// `{ e with .. }`; also `{ a = 1 }`, which validation rejects.
    fn braces(&mut self) -> Expr {
        let open = self.start();
        let bracket = self.token();
        self.bump();
        if self.at(K::RBrace) || self.kind().is_name() && self.nth(1).kind == K::Eq {
            self.fields(bracket);
            let done = self.finish(open, K::AnonymousRecord);
            return self.ended(done, Shape::Other);
        }
        let outer = self.enter(Scope::at(self.token().col));
        self.expr_or_hole("to update");
        self.scope = outer;
        if self.expect(K::WithKw, "and the fields to update") {
            self.fields(bracket);
        } else {
            self.close(bracket, K::RBrace);
        }
        let done = self.finish(open, K::UpdateExpr);
        self.ended(done, Shape::Other)
    }

    /// `name = value` parts up to the closing brace.
    fn fields(&mut self, bracket: crate::lexer::Sig) {
        let outer = self.scope;
        while !self.at(K::RBrace) && !self.at_barrier() {
            self.spend();
            if self.kind().is_name() {
                let open = self.start();
                self.scope = Scope::at(self.token().col);
                self.bump();
                if self.expect(K::Eq, "and the field's value") {
                    self.expr_or_hole("as the field's value");
                } else {
                    self.hole();
                }
                self.finish(open, K::RecordField);
            } else if matches!(self.kind(), K::RParen | K::RBracket) {
                break;
            } else {
                self.error_expected("a field name", "here");
                self.skip_in_brackets();
            }
            if !self.separator(K::RBrace) {
                break;
            }
        }
        self.scope = outer;
        self.close(bracket, K::RBrace);
    }

    fn lambda(&mut self) -> Expr {
        let open = self.start();
        self.bump();
        while self.starts_let_pattern() {
            self.spend();
            self.let_pattern();
        }
        let end_row = if self.arrow("after the parameters") || self.starts_expr(0) && !self.at_barrier() {
            self.block()
        } else {
            self.hole();
            self.previous_end_row()
        };
        let done = self.finish(open, K::LambdaExpr);
        Expr { done, shape: Shape::Lambda, grouped: false, end_row }
    }
}
