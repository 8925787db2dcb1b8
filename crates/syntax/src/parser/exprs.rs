//! Expressions that are made of blocks and operators: `let`, `if`, `match`, pipes, infix and application.

use super::{CHAIN_MAX, Done, Expr, Open, Parser, Shape, layout::Scope};
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::lexer::Sig;

/// Left and right binding power of an infix operator; the greater one binds tighter.
fn binding(kind: K) -> Option<(u8, u8)> {
    Some(match kind {
        K::OrOr => (1, 2),
        K::AndAnd => (3, 4),
        K::EqEq | K::NotEq | K::Lt | K::Gt | K::Le | K::Ge => (5, 6),
        K::At => (8, 7),
        K::Plus | K::Minus | K::PlusPlus => (9, 10),
        K::Star | K::Slash | K::Percent => (11, 12),
        K::Caret => (14, 13),
        _ => return None,
    })
}

/// Whether `(op)` with this operator is a function.
pub(super) fn is_operator(kind: K) -> bool {
    binding(kind).is_some()
}

/// A `let` whose body is being parsed.
struct OpenLet {
    node: Open,
    kind: K,
    body: Open,
    /// Column of the body's first token.
    col: u32,
    outer: Scope,
}

impl Parser<'_> {
    /// Statements that begin in one column. Where none begins, a hole.
    pub(super) fn block(&mut self) -> u32 {
        let open = self.start();
        if !self.starts_expr(0) {
            self.error_expected("an expression", "here");
            self.hole();
            self.finish(open, K::Block);
            return self.previous_end_row();
        }
        let col = self.token().col;
        let outer = self.enter(Scope::at(col));
        let mut end_row = self.expr().end_row;
        while self.next_statement(col) {
            end_row = self.expr().end_row;
        }
        self.scope = outer;
        self.finish(open, K::Block);
        end_row
    }

    pub(super) fn expr(&mut self) -> Expr {
        self.nested(|parser| match parser.kind() {
            K::LetKw => parser.let_expr(),
            K::IfKw => parser.if_expr(),
            K::MatchKw => parser.match_expr(),
            _ => parser.pipe(),
        })
    }

    fn compound(&self, done: Done) -> Expr {
        Expr { done, shape: Shape::Other, grouped: false, end_row: self.previous_end_row() }
    }

    // `let`.

    /// A `let` with its body. A body that goes on with `let` is a loop here, not a recursion: functions and scripts have
    /// many of them one after another.
    fn let_expr(&mut self) -> Expr {
        let mut lets: Vec<OpenLet> = Vec::new();
        'lets: loop {
            self.spend();
            if lets.len() >= CHAIN_MAX as usize {
                self.too_deep();
            }
            match self.let_head() {
                Ok(open) => lets.push(open),
                Err(done) if lets.is_empty() => return self.compound(done),
                Err(_) => {
                    // The innermost `let` has no body; the ones around it may go on.
                    if let Some(done) = self.close_lets(&mut lets) {
                        return self.compound(done);
                    }
                }
            }
            while !self.at(K::LetKw) {
                self.expr();
                if let Some(done) = self.close_lets(&mut lets) {
                    return self.compound(done);
                }
                if self.at(K::LetKw) {
                    continue 'lets;
                }
            }
        }
    }

    /// After a statement: closes the bodies that end here. The outermost `let`, if that ended too.
    fn close_lets(&mut self, lets: &mut Vec<OpenLet>) -> Option<Done> {
        loop {
            let col = lets.last()?.col;
            if self.next_statement(col) {
                return None;
            }
            let open = lets.pop()?;
            self.finish(open.body, K::Block);
            self.scope = open.outer;
            let done = self.finish(open.node, open.kind);
            if lets.is_empty() {
                return Some(done);
            }
        }
    }

    /// A `let` up to the start of its body; the finished node if there is no body.
    fn let_head(&mut self) -> Result<OpenLet, Done> {
        let node = self.start();
        let keyword_col = self.token().col;
        let outer = self.enter(Scope::at(keyword_col));
        self.bump();
        let mut kind = K::LetExpr;
        if self.kind().is_name() && self.nth(1).kind == K::LParen {
            kind = K::LocalFn;
            self.bump();
            while self.at(K::LParen) {
                self.local_param();
            }
            if self.eat(K::Colon) {
                self.type_ref();
            }
        } else {
            self.let_pattern();
            if self.at(K::Colon) {
                let hint = "leave out the `:` and the type";
                self.error_at(Code::Unexpected, "a local value takes no type annotation", Some(hint));
                self.bump();
                self.type_ref();
            }
        }
        self.body("before the value");
        self.eat(K::InKw);
        // A declaration that follows is not the body of a `let` inside the one before.
        let next_declaration = self.at_barrier() && self.declaration_col.is_some_and(|col| col < keyword_col);
        if !self.starts_expr(0) || next_declaration || self.at_item_word() {
            let hint = match self.kind() {
                K::ElseKw | K::ElifKw => "it must not stand left of its `if`",
                _ => "what uses the bound names goes after the value, on a row of its own",
            };
            let missing = self.missing_range();
            let diagnostic = Diagnostic::error(
                Code::Expected,
                missing,
                format!("a `let` needs an expression after it, found {}", self.found()),
            );
            self.report(diagnostic.with_hint(hint));
            self.hole();
            self.scope = outer;
            return Err(self.finish(node, kind));
        }
        let body = self.start();
        let col = self.token().col;
        self.scope = Scope::at(col);
        Ok(OpenLet { node, kind, body, col, outer })
    }

    fn local_param(&mut self) {
        self.spend();
        let open = self.start();
        let bracket = self.token();
        self.bump();
        if !self.at(K::RParen) {
            if !self.eat(K::Wildcard) {
                self.name("for the parameter");
            }
            if self.eat(K::Colon) {
                self.type_ref();
            }
        }
        self.close(bracket, K::RParen);
        self.finish(open, K::LocalParam);
    }

    // `if`.

    fn if_expr(&mut self) -> Expr {
        let open = self.start();
        let col = self.token().col;
        let outer = self.enter(Scope::at(col));
        loop {
            self.spend();
            self.if_branch();
            if !matches!(self.kind(), K::ElifKw | K::ElseKw) || self.token().col < col {
                break;
            }
            if self.at(K::ElifKw) || self.nth(1).kind == K::IfKw && self.nth(1).row == self.token().row {
                continue;
            }
            let last = self.start();
            self.bump();
            self.block();
            self.finish(last, K::ElseBranch);
            break;
        }
        self.scope = outer;
        let done = self.finish(open, K::IfExpr);
        self.compound(done)
    }

    /// `if`, `elif` or `else if`, with condition and branch.
    fn if_branch(&mut self) {
        let open = self.start();
        // `else` and `if`, or one word.
        self.eat(K::ElseKw);
        self.bump();
        self.expr_or_hole("as condition");
        if self.expect(K::ThenKw, "after the condition") || self.starts_expr(0) && !self.at_barrier() {
            self.block();
        } else {
            self.hole();
        }
        self.finish(open, K::IfBranch);
    }

    pub(super) fn expr_or_hole(&mut self, context: &str) {
        if self.starts_expr(0) {
            self.expr();
        } else {
            self.error_expected("an expression", context);
            self.hole();
        }
    }

    // `match`.

    fn match_expr(&mut self) -> Expr {
        let open = self.start();
        let outer = self.enter(Scope::at(self.token().col));
        self.bump();
        loop {
            self.spend();
            self.expr_or_hole("to match on");
            if !self.eat(K::Comma) {
                break;
            }
        }
        self.expect(K::WithKw, "after what is matched");
        let first = self.token();
        while self.at(K::Bar) && (self.token().row == first.row || self.token().col == first.col) {
            self.spend();
            self.match_arm();
        }
        self.scope = outer;
        let done = self.finish(open, K::MatchExpr);
        self.compound(done)
    }

    fn match_arm(&mut self) {
        let open = self.start();
        self.bump();
        self.pattern();
        if self.at(K::WhenKw) {
            let guard = self.start();
            self.bump();
            self.expr_or_hole("as guard");
            self.finish(guard, K::Guard);
        }
        if self.arrow("after the pattern") || self.starts_expr(0) && !self.at_barrier() {
            self.block();
        } else {
            self.hole();
        }
        self.finish(open, K::MatchArm);
    }

    // Pipes.

    fn pipe(&mut self) -> Expr {
        let head = self.infix(0);
        if !self.at(K::PipeGt) {
            return head;
        }
        let open = self.wrap(head.done);
        let mut end_row = head.end_row;
        while self.at(K::PipeGt) {
            self.spend();
            self.bump();
            end_row = self.pipe_segment();
        }
        let done = self.finish(open, K::PipeExpr);
        Expr { done, shape: Shape::Other, grouped: false, end_row }
    }

    fn pipe_segment(&mut self) -> u32 {
        let open = self.start();
        if !self.starts_expr(0) || self.at_barrier() {
            self.error_expected("a function, a case or a lambda", "after `|>`");
            self.hole();
            self.finish(open, K::PipeSegment);
            return self.previous_end_row();
        }
        let first = self.token();
        let section = self.at(K::LParen) && is_operator(self.nth(1).kind) && self.nth(2).kind == K::RParen;
        if section {
            let at = self.nth(1).kind == K::At;
            let part = self.atom(Place::Head);
            let more = self.at_argument() || matches!(self.kind(), K::Minus | K::FunKw);
            let end_row = if more && self.continues_arguments(first) {
                let end_row = self.infix(0).end_row;
                if at {
                    self.report_segment(first);
                }
                end_row
            } else {
                part.end_row
            };
            self.finish(open, K::PipeSegment);
            return end_row;
        }
        let part = if matches!(self.kind(), K::LetKw | K::IfKw | K::MatchKw) { self.expr() } else { self.infix(0) };
        let fits = matches!(
            part.shape,
            Shape::Name | Shape::NameCall | Shape::Lambda | Shape::Section | Shape::Case | Shape::CaseWithFields
        );
        if !fits {
            self.report_segment(first);
        }
        self.finish(open, K::PipeSegment);
        part.end_row
    }

    /// Says that what began with `first` and ends before the current token cannot be piped into.
    fn report_segment(&mut self, first: Sig) {
        let last = self.pos.checked_sub(1).and_then(|at| self.sig.get(at)).copied().unwrap_or(first);
        let range = self.range_of(first).cover(self.range_of(last));
        let message = "a value can be piped into a function, a case, a lambda or `(op) value` only";
        self.report(Diagnostic::error(Code::PipeSegment, range, message).with_hint("write `|> fun x -> ..` around it"));
    }

    // Operators and application.

    /// Operators that bind at least as tight as `min`.
    fn infix(&mut self, min: u8) -> Expr {
        let mut left = self.application();
        let mut chain = 0;
        while let Some((left_power, right_power)) = binding(self.kind()) {
            if left_power < min || !self.continues_operand(left.end_row) {
                break;
            }
            self.spend();
            chain += 1;
            if chain > CHAIN_MAX {
                self.too_deep();
            }
            let open = self.wrap(left.done);
            self.bump();
            let end_row = if right_power < left_power {
                self.nested(|parser| parser.operand(right_power))
            } else {
                self.operand(right_power)
            };
            let done = self.finish(open, K::InfixExpr);
            left = Expr { done, shape: Shape::Other, grouped: false, end_row };
        }
        left
    }

    /// The right side of an operator.
    fn operand(&mut self, min: u8) -> u32 {
        match self.kind() {
            K::LetKw | K::IfKw | K::MatchKw if !self.at_barrier() => {
                let message = format!("{} as an operand needs parentheses", self.found());
                self.error_at(Code::Unexpected, message, Some("put it in parentheses"));
                self.expr().end_row
            }
            _ => self.infix(min).end_row,
        }
    }

    fn application(&mut self) -> Expr {
        let head = self.token();
        let left = self.atom(Place::Head);
        if !left.shape.takes_arguments() || !self.at_argument() || !self.continues_arguments(head) {
            return left;
        }
        let case = left.shape == Shape::Case && !left.grouped;
        let open = if case { self.reopen(left.done) } else { self.wrap(left.done) };
        let mut end_row = left.end_row;
        let mut count = 0_u32;
        while self.at_argument() && self.continues_arguments(head) {
            self.spend();
            count += 1;
            let argument = self.argument();
            end_row = argument.end_row;
            // Commas in parentheses after a case are its fields, with or without a space.
            if case && count == 1 && argument.shape == Shape::Tuple {
                self.relabel(argument.done, K::EnumFields);
                break;
            }
        }
        let shape = match left.shape {
            Shape::Case => Shape::CaseWithFields,
            Shape::Name => Shape::NameCall,
            Shape::NameCall if left.grouped => Shape::NameCall,
            _ => Shape::OtherCall,
        };
        let done = self.finish(open, if case { K::EnumExpr } else { K::ApplyExpr });
        Expr { done, shape, grouped: false, end_row }
    }

    /// What a `-` negates: a whole application.
    pub(super) fn negated(&mut self) -> u32 {
        self.application().end_row
    }

    fn argument(&mut self) -> Expr {
        if self.at(K::Minus) {
            let open = self.start();
            self.signed_number(Code::Expected);
            let done = self.finish(open, K::LiteralExpr);
            return self.compound(done);
        }
        self.atom(Place::Argument)
    }
}

/// Where an atom stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the head of an application or alone.
    Head,
    Argument,
}
