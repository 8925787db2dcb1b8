//! Type declarations and type references.

use super::{Done, Parser};
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;

impl Parser<'_> {
    pub(super) fn type_def(&mut self) {
        let open = self.start();
        self.bump();
        self.name("after `type`");
        if self.at(K::Lt) {
            self.type_params();
        }
        self.expect(K::Eq, "before the type's shape");
        self.type_shape();
        self.finish(open, K::TypeDef);
    }

    /// `<'a, 'b>` after the declared name.
    pub(super) fn type_params(&mut self) {
        let open = self.start();
        if !self.glued(0) {
            self.error_at(Code::Unexpected, "type parameters touch the name", Some("leave out the space before `<`"));
        }
        self.bump();
        loop {
            self.spend();
            if !self.eat(K::TypeVar) {
                self.error_expected("a type variable like `'a`", "as type parameter");
                // A name without its tick is the likely slip.
                self.eat(K::Ident);
            }
            if !self.eat(K::Comma) {
                break;
            }
        }
        self.close_angle();
        self.finish(open, K::TypeParams);
    }

    fn close_angle(&mut self) {
        if self.at(K::ShiftRight) {
            self.bump_as(K::Gt);
        } else if !self.eat(K::Gt) {
            let range = self.missing_range();
            let message = format!("expected `>` after the types, found {}", self.found());
            let diagnostic = Diagnostic::error(Code::Expected, range, message);
            self.report(
                diagnostic.with_hint("a `<` that touches a name begins types; to compare, put a space before it"),
            );
        }
    }

    pub(super) fn type_shape(&mut self) {
        match self.kind() {
            K::LBrace => self.record_def(),
            K::Bar => self.enum_def(),
            K::UpperIdent if matches!(self.nth(1).kind, K::OfKw | K::Bar) => self.enum_def(),
            _ => {
                let open = self.start();
                self.type_ref();
                self.finish(open, K::AliasDef);
            }
        }
    }

    fn record_def(&mut self) {
        let open = self.start();
        let bracket = self.token();
        self.bump();
        if self.at(K::RBrace) {
            self.error_expected("a field", "in the record");
        }
        while !self.at(K::RBrace) && !self.at_barrier() {
            self.spend();
            if !self.kind().is_name() {
                self.error_expected("a field name", "in the record");
                self.skip_in_brackets();
            } else {
                let field = self.start();
                self.bump();
                if self.expect(K::Colon, "and the field's type") {
                    self.type_ref();
                } else {
                    self.hole();
                }
                self.finish(field, K::RecordFieldDef);
            }
            if !self.separator(K::RBrace) {
                break;
            }
        }
        self.close(bracket, K::RBrace);
        self.finish(open, K::RecordDef);
    }

    /// After an element: takes `;` or `,`; a line break separates too. Whether the list goes on.
    pub(super) fn separator(&mut self, close: K) -> bool {
        if self.eat(K::Semicolon) || self.eat(K::Comma) {
            return true;
        }
        if self.at(close) || self.at_barrier() || matches!(self.kind(), K::RParen | K::RBracket | K::RBrace) {
            return false;
        }
        if self.token().row <= self.previous_end_row() {
            self.error_expected("`;`, `,` or a line break", "between the parts");
            if !self.starts_expr(0) {
                self.skip_in_brackets();
                if matches!(self.kind(), K::Semicolon | K::Comma) {
                    self.bump();
                }
            }
        }
        !matches!(self.kind(), K::RParen | K::RBracket | K::RBrace)
    }

    fn enum_def(&mut self) {
        let open = self.start();
        self.eat(K::Bar);
        loop {
            self.spend();
            self.enum_case();
            if !self.eat(K::Bar) {
                break;
            }
        }
        self.finish(open, K::EnumDef);
    }

    fn enum_case(&mut self) {
        let open = self.start();
        if !self.eat(K::UpperIdent) {
            self.error_expected("a case name with an upper-case first letter", "after `|`");
            self.eat(K::Ident);
        }
        if self.eat(K::OfKw) {
            loop {
                self.spend();
                let field = self.start();
                if self.kind().is_name() && self.nth(1).kind == K::Colon {
                    self.bump();
                    self.bump();
                }
                self.type_atom();
                self.finish(field, K::EnumCaseField);
                if !self.eat(K::Star) {
                    break;
                }
            }
        }
        self.finish(open, K::EnumCase);
    }

    // References.

    pub(super) fn type_ref(&mut self) -> Done {
        self.nested(Self::function_type)
    }

    fn function_type(&mut self) -> Done {
        let first = self.tuple_type();
        if !self.at(K::Arrow) {
            return first;
        }
        let open = self.wrap(first);
        while self.eat(K::Arrow) {
            self.spend();
            self.tuple_type();
        }
        self.finish(open, K::FnType)
    }

    fn tuple_type(&mut self) -> Done {
        let first = self.type_atom();
        if !self.at(K::Star) {
            return first;
        }
        let open = self.wrap(first);
        while self.eat(K::Star) {
            self.spend();
            self.type_atom();
        }
        self.finish(open, K::TupleType)
    }

    fn type_atom(&mut self) -> Done {
        self.spend();
        let open = self.start();
        match self.kind() {
            K::LParen => {
                let bracket = self.token();
                self.bump();
                if self.at(K::RParen) {
                    self.error_at(Code::Unexpected, "`()` is no type", Some("the type of `()` is `Unit`"));
                } else {
                    self.type_ref();
                }
                self.close(bracket, K::RParen);
                self.finish(open, K::ParenType)
            }
            K::TypeVar | K::Ident => {
                self.bump();
                self.finish(open, K::VarType)
            }
            K::UpperIdent => {
                let name = self.token();
                let kind = match self.text_of(self.token()) {
                    "List" if self.nth(1).kind == K::Lt && self.glued(1) => K::ListType,
                    "Dict" if self.nth(1).kind == K::Lt && self.glued(1) => K::DictType,
                    _ => K::PathType,
                };
                self.path();
                if self.at(K::Lt) && self.glued(0) {
                    let count = self.type_args();
                    if kind != K::PathType && count > 1 {
                        let message = "`List` and `Dict` take one type argument";
                        self.push_error(Diagnostic::error(Code::Unexpected, self.range_of(name), message));
                    }
                }
                self.finish(open, kind)
            }
            _ => {
                self.error_expected("a type", "here");
                self.hole();
                self.finish(open, K::Error)
            }
        }
    }

    pub(super) fn type_args(&mut self) -> u32 {
        let open = self.start();
        self.bump();
        let mut count = 0;
        loop {
            self.spend();
            count += 1;
            self.type_ref();
            if !self.eat(K::Comma) {
                break;
            }
        }
        self.close_angle();
        self.finish(open, K::TypeArgs);
        count
    }
}
