//! Files, modules and declarations.

use super::{Done, Parser, layout::Scope};
use crate::Mode;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::lexer::Sig;

impl Parser<'_> {
    pub(super) fn file(&mut self) {
        self.declarations(0);
    }

    /// Declarations up to the first token left of `min_col`.
    fn declarations(&mut self, min_col: u32) {
        let mut after_let = false;
        while !self.at(K::Eof) && self.token().col >= min_col {
            self.spend();
            let first = self.token();
            if !self.at_declaration() {
                self.error_unexpected();
                self.skip_to_declaration(first.col);
                continue;
            }
            if after_let && self.mode == Mode::Script && matches!(first.kind, K::TypeKw | K::ValKw) {
                let message = format!("{} cannot follow a `let` that is not a function", self.found());
                self.error_at(Code::Unexpected, message, Some("declare it before the first such `let`"));
            }
            let outer = (self.scope, self.declaration_col);
            self.scope = Scope::at(first.col);
            self.declaration_col = Some(first.col);
            after_let |= first.kind == K::LetKw && !self.at_function();
            let ends_list = self.declaration(min_col);
            (self.scope, self.declaration_col) = outer;
            if ends_list {
                return;
            }
            if self.at(K::Eof) || self.token().col < min_col {
                continue;
            }
            if !self.at_declaration() {
                self.error_unexpected();
                self.skip_to_declaration(first.col);
            } else if self.token().row == self.previous_end_row() {
                let message = format!("{} does not continue what stands before it", self.found());
                self.error_at(
                    Code::Unexpected,
                    message,
                    Some("begin it on a row of its own, or put it in parentheses"),
                );
            }
        }
    }

    fn at_declaration(&self) -> bool {
        self.starts_expr(0) || matches!(self.kind(), K::TypeKw | K::ValKw)
    }

    /// `module` and the name after it: a word only here.
    fn at_module(&self) -> bool {
        self.at(K::Ident) && self.nth(1).kind.is_name() && self.text_of(self.token()) == "module"
    }

    fn at_datastore(&self) -> bool {
        self.at(K::LBracket)
            && self.nth(1).kind == K::Lt
            && self.nth(2).kind == K::UpperIdent
            && self.nth(3).kind == K::Gt
    }

    /// A word that begins a declaration and looks like the start of an expression.
    pub(super) fn at_item_word(&self) -> bool {
        self.at_datastore() || self.at_module() && self.nth(1).row == self.token().row && self.nth(2).kind == K::Eq
    }

    /// Skips to a row that begins at or left of `col`, or to a word that begins a declaration there.
    fn skip_to_declaration(&mut self, col: u32) {
        self.skip_until(|parser| {
            let token = parser.token();
            token.col <= col && token.row > parser.previous_end_row()
        });
    }

    /// One declaration; whether it was a header module, which takes the rest of the list.
    fn declaration(&mut self, min_col: u32) -> bool {
        match self.kind() {
            K::TypeKw => self.type_def(),
            K::ValKw => self.value_def(),
            K::LBracket if self.at_datastore() => self.datastore(),
            K::LetKw if self.at_function() => self.function(),
            K::LetKw if self.mode == Mode::Package => self.rejected_let(),
            _ if self.at_module() => return self.nested(|parser| parser.module(min_col)),
            _ => self.expression_or_test(),
        }
        false
    }

    fn module(&mut self, min_col: u32) -> bool {
        let open = self.start();
        let keyword = self.token();
        self.bump();
        self.path();
        let block = self.eat(K::Eq);
        if block {
            let inner = keyword.col + 1;
            if self.token().col < inner || self.at(K::Eof) {
                self.error_expected("a declaration", "inside the module, further right than `module`");
            }
            self.declarations(inner);
        } else {
            self.declarations(min_col);
        }
        self.finish(open, K::Module);
        !block
    }

    /// A name and the names after dots.
    pub(super) fn path(&mut self) -> Done {
        let open = self.start();
        if self.kind().is_name() {
            self.bump();
            while self.at(K::Dot) {
                self.bump();
                if !self.kind().is_name() {
                    self.error_expected("a name", "after `.`");
                    break;
                }
                self.bump();
            }
        } else {
            self.error_expected("a name", "here");
        }
        self.finish(open, K::Path)
    }

    pub(super) fn name(&mut self, context: &str) -> bool {
        let there = self.kind().is_name();
        if there {
            self.bump();
        } else {
            self.error_expected("a name", context);
        }
        there
    }

    // Functions and values.

    /// Whether the `let` here declares a function: always with type parameters; with parameters, when a result type follows
    /// them, or when nothing but declarations can stand here.
    fn at_function(&self) -> bool {
        if !self.nth(1).kind.is_name() {
            return false;
        }
        match self.nth(2).kind {
            K::Lt => true,
            K::LParen if self.mode == Mode::Package => true,
            K::LParen => self.result_type_follows(2),
            _ => false,
        }
    }

    fn result_type_follows(&self, mut ahead: usize) -> bool {
        let mut depth = 0_u32;
        loop {
            match self.nth(ahead).kind {
                // A parameter without type is one of a local function.
                K::LParen if self.nth(ahead + 1).kind.is_name() && self.nth(ahead + 2).kind == K::RParen => {
                    return false;
                }
                K::LParen => depth += 1,
                K::RParen => depth = depth.saturating_sub(1),
                K::LetKw | K::TypeKw | K::ValKw | K::Eof => return false,
                kind if depth == 0 => return kind == K::Colon,
                _ => {}
            }
            ahead += 1;
        }
    }

    fn function(&mut self) {
        let open = self.start();
        self.bump();
        self.name("after `let`");
        if self.at(K::Lt) {
            self.type_params();
        }
        if !self.at(K::LParen) {
            self.error_expected("a parameter", "in parentheses");
            self.hole();
        }
        while self.at(K::LParen) {
            self.param();
        }
        if self.eat(K::Colon) {
            self.type_ref();
        } else {
            self.error_expected("`:` and the result type", "after the parameters");
            self.hole();
        }
        self.body("before the function's body");
        self.finish(open, K::FnDef);
    }

    /// `=` and a block.
    pub(super) fn body(&mut self, context: &str) {
        if self.expect(K::Eq, context) || self.starts_expr(0) && !self.at_barrier() {
            self.block();
        } else {
            self.hole();
        }
    }

    fn param(&mut self) {
        self.spend();
        let open = self.start();
        let bracket = self.token();
        self.bump();
        if !self.at(K::RParen) {
            if self.text_of(self.token()) == "___" {
                self.error_at(Code::Unexpected, "a parameter needs a name", Some("write `_` for one that is not used"));
                self.bump();
            } else if self.at(K::Wildcard) {
                self.bump();
            } else {
                self.name("for the parameter");
            }
            if self.expect(K::Colon, "and the parameter's type") {
                self.type_ref();
            } else {
                self.hole();
            }
        }
        self.close(bracket, K::RParen);
        self.finish(open, K::Param);
    }

    /// Takes the closing bracket; what stands before it is skipped.
    pub(super) fn close(&mut self, open: Sig, kind: K) {
        if self.at(kind) {
            return self.bump();
        }
        if self.at_barrier() {
            return self.error_unclosed(open);
        }
        if matches!(self.kind(), K::RParen | K::RBracket | K::RBrace) {
            return self.error_unclosed(open);
        }
        self.error_expected(kind.describe(), "here");
        while !self.at(kind) && !self.at_barrier() && !matches!(self.kind(), K::RParen | K::RBracket | K::RBrace) {
            self.skip_in_brackets();
        }
        if self.at(kind) {
            self.bump();
        } else {
            self.error_unclosed(open);
        }
    }

    fn value_def(&mut self) {
        let open = self.start();
        self.bump();
        self.name("after `val`");
        if self.at(K::Colon) {
            self.error_at(Code::Unexpected, "a value takes no type annotation", Some("leave out the `:` and the type"));
            self.bump();
            self.type_ref();
        } else if self.at(K::LParen) {
            self.error_at(Code::Unexpected, "a value takes no parameters", Some("declare a function with `let`"));
            self.skip_until(|parser| parser.at(K::Eq) || parser.at_barrier());
        }
        self.body("before the value");
        self.finish(open, K::ValueDef);
    }

    /// `let x = ..` where values are declared with `val`.
    fn rejected_let(&mut self) {
        let open = self.start();
        let hint = "write `val name = ..`; a function has parameters and a result type";
        self.error_at(Code::Unexpected, "a package declares values with `val`, not with `let`", Some(hint));
        self.bump();
        if self.kind().is_name() {
            self.bump();
        } else {
            self.let_pattern();
        }
        if self.at(K::Colon) {
            self.bump();
            self.type_ref();
        }
        self.body("before the value");
        self.eat(K::InKw);
        self.finish(open, K::ValueDef);
    }

    // Expressions and assertions.

    fn expression_or_test(&mut self) {
        let actual = self.expr();
        let open = self.wrap(actual.done);
        if !self.at(K::Eq) {
            self.finish(open, K::ExprDef);
            return;
        }
        self.bump();
        let word = matches!(self.text_of(self.token()), "error" | "sqlerror");
        let string = |kind: K| matches!(kind, K::String | K::RawString);
        if self.at(K::Ident) && word && (self.nth(1).kind == K::Eq || string(self.nth(1).kind)) {
            let error = self.start();
            self.bump();
            self.eat(K::Eq);
            if string(self.kind()) {
                self.bump();
            } else {
                self.error_expected("a string", "with the error's text");
                self.hole();
            }
            self.finish(error, K::TestError);
        } else {
            self.expr();
        }
        self.finish(open, K::TestDef);
    }

    fn datastore(&mut self) {
        let open = self.start();
        self.bump();
        self.bump();
        if self.text_of(self.token()) != "DB" {
            let range = self.range_of(self.token());
            self.report(Diagnostic::error(Code::Unexpected, range, "the only attribute is `[<DB>]`"));
        }
        self.bump();
        self.bump();
        self.expect(K::RBracket, "to end the attribute");
        if self.expect(K::TypeKw, "directly after `[<DB>]`") {
            self.name("for the datastore");
            if self.at(K::Lt) {
                self.type_params();
            }
            self.expect(K::Eq, "before the datastore's type");
            self.type_shape();
        } else {
            self.hole();
        }
        self.finish(open, K::DbDef);
    }
}
