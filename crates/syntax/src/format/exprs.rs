//! Expressions and blocks.

use pretty::RcDoc;

use super::build::{Build, Built, Doc, Odd, align, nodes_after, words};
use crate::kind::SyntaxKind as K;
use crate::tree::{SyntaxElement, SyntaxNode, SyntaxToken};

impl<'t> Build<'t> {
    /// Statements, each on a line of its own. Begins where lines do.
    pub(super) fn block(&self, node: SyntaxNode<'t>) -> Built {
        let statements: Vec<_> = node.children().collect();
        self.lines(&statements, &|statement| self.statement(statement))
    }

    /// An expression that begins a line; as it was written if it cannot be laid out.
    pub(super) fn statement(&self, node: SyntaxNode<'t>) -> Built {
        self.expr(node).or_else(|Odd| self.verbatim(node))
    }

    pub(super) fn expr(&self, node: SyntaxNode<'t>) -> Built {
        match node.kind() {
            K::Block => self.block(node),
            K::LetExpr | K::LocalFn => self.let_expr(node),
            K::IfExpr => self.if_expr(node),
            K::MatchExpr => self.match_expr(node),
            K::PipeExpr => self.pipe(node),
            K::PipeSegment => self.joined(node),
            K::InfixExpr => self.infix(node),
            K::ApplyExpr => self.apply(node),
            K::EnumExpr => self.enum_expr(node),
            K::RecordExpr | K::DictExpr => self.record(node),
            K::UpdateExpr => self.update(node),
            K::ParenExpr => self.paren(node),
            K::TupleExpr | K::EnumFields => {
                let parts: Vec<_> = node.children().collect();
                self.bracketed(node, (K::LParen, K::RParen), &parts, &|part| self.expr(part))
            }
            K::ListExpr => {
                let parts: Vec<_> = node.children().collect();
                self.bracketed(node, (K::LBracket, K::RBracket), &parts, &|part| self.expr(part).map(align))
            }
            K::LambdaExpr => self.lambda(node),
            K::FieldExpr | K::NegExpr => self.joined(node),
            _ => self.flat(node),
        }
    }

    /// Parts one after another, with a space where there was any.
    fn joined(&self, node: SyntaxNode<'t>) -> Built {
        let mut doc = RcDoc::nil();
        let mut end = None;
        for element in node.elements().filter(|element| !element.kind().is_trivia()) {
            if end.is_some_and(|end| end != element.range().start) {
                doc = doc.append(RcDoc::space());
            }
            end = Some(element.range().end);
            doc = doc.append(match element {
                SyntaxElement::Node(node) => self.expr(node)?,
                SyntaxElement::Token(token) => self.token(token)?,
            });
        }
        Ok(doc)
    }

    /// A block behind a sign: on the same line if it fits, else below it.
    pub(super) fn body(&self, block: SyntaxNode<'t>) -> Built {
        let before = self.before(block.first_token())?;
        let inside = self.block(block)?;
        if before.trailing.is_some() || !before.own.is_empty() {
            let mut doc = match before.trailing {
                Some(comment) => words(" ").append(words(comment)),
                None => RcDoc::nil(),
            };
            doc = doc.append(RcDoc::hardline());
            for comment in before.own {
                doc = doc.append(words(comment)).append(RcDoc::hardline());
            }
            return Ok(self.nest(doc.append(inside)));
        }
        Ok(self.nest(self.gap(before.breaks).append(inside)).group())
    }

    fn let_expr(&self, node: SyntaxNode<'t>) -> Built {
        let blocks: Vec<_> = node.children().filter(|child| child.kind() == K::Block).collect();
        let ([value, rest], Some(eq)) = (blocks.as_slice(), node.token(K::Eq)) else { return Err(Odd) };
        let mut head = RcDoc::nil();
        for element in node.elements().take_while(|element| element.range().start < eq.range().start) {
            match element {
                SyntaxElement::Token(token) if token.kind().is_trivia() => {}
                SyntaxElement::Token(token) if matches!(token.kind(), K::LetKw) => {
                    head = head.append(self.token(token)?);
                }
                SyntaxElement::Token(token) if token.kind() == K::Colon => {
                    head = head.append(RcDoc::space()).append(self.token(token)?);
                }
                SyntaxElement::Token(token) => head = head.append(RcDoc::space()).append(self.token(token)?),
                SyntaxElement::Node(node) => head = head.append(RcDoc::space()).append(self.flat(node)?),
            }
        }
        let mut doc = head.append(RcDoc::space()).append(self.token(eq)?).append(self.body(*value)?);
        if let Some(word) = node.token(K::InKw) {
            doc = doc.append(RcDoc::space()).append(self.token(word)?);
        }
        let before = self.before(rest.first_token())?;
        Ok(doc.append(self.between(&before)).append(self.block(*rest)?))
    }

    fn if_expr(&self, node: SyntaxNode<'t>) -> Built {
        let branches: Vec<_> = node.children().collect();
        let broken = branches.iter().any(|branch| {
            let block = branch.children().last();
            self.breaks(block.and_then(SyntaxNode::first_token))
        });
        // `else` and a nested `if` on one row would be one word.
        let nested = branches.iter().filter(|branch| branch.kind() == K::ElseBranch).any(|branch| {
            let block = branch.child(K::Block);
            block.and_then(|block| block.children().next()).is_some_and(|first| first.kind() == K::IfExpr)
        });
        let mut doc = RcDoc::nil();
        for (at, branch) in branches.iter().enumerate() {
            if at > 0 {
                let before = self.before(branch.first_token())?;
                let comments = before.trailing.is_some() || !before.own.is_empty();
                doc = doc.append(if comments { self.between(&before) } else { self.gap(broken) });
            }
            doc = doc.append(self.branch(*branch, broken, nested)?);
        }
        Ok(align(doc).group())
    }

    fn branch(&self, node: SyntaxNode<'t>, broken: bool, nested: bool) -> Built {
        let Some(block) = node.children().last().filter(|block| block.kind() == K::Block) else { return Err(Odd) };
        let mut doc = RcDoc::nil();
        let head = node.elements().take_while(|element| element.range().start < block.range().start);
        for (at, element) in head.filter(|element| !element.kind().is_trivia()).enumerate() {
            if at > 0 {
                doc = doc.append(RcDoc::space());
            }
            doc = doc.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(condition) => align(self.expr(condition)?),
            });
        }
        let before = self.before(block.first_token())?;
        let mut inside = match before.trailing {
            Some(comment) => words(" ").append(words(comment)).append(RcDoc::hardline()),
            None if nested || !before.own.is_empty() => RcDoc::hardline(),
            None => self.gap(broken),
        };
        for comment in before.own {
            inside = inside.append(words(comment)).append(RcDoc::hardline());
        }
        Ok(doc.append(self.nest(inside.append(self.block(block)?))))
    }

    fn match_expr(&self, node: SyntaxNode<'t>) -> Built {
        let Some(with) = node.token(K::WithKw) else { return Err(Odd) };
        let mut doc = RcDoc::nil();
        let mut first = true;
        let head = node.elements().take_while(|element| element.range().start < with.range().end);
        for element in head.filter(|element| !element.kind().is_trivia()) {
            if !first && element.kind() != K::Comma {
                doc = doc.append(RcDoc::space());
            }
            first = false;
            doc = doc.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(matched) => align(self.expr(matched)?),
            });
        }
        for arm in nodes_after(node, with) {
            let before = self.before(arm.first_token())?;
            let arm = self.arm(arm).or_else(|Odd| self.verbatim(arm))?;
            doc = doc.append(self.between(&before)).append(arm);
        }
        Ok(align(doc))
    }

    fn arm(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(arrow), Some(block)) = (node.token(K::Arrow), node.child(K::Block)) else { return Err(Odd) };
        let mut doc = RcDoc::nil();
        let head = node.elements().take_while(|element| element.range().start < arrow.range().end);
        for (at, element) in head.filter(|element| !element.kind().is_trivia()).enumerate() {
            if at > 0 {
                doc = doc.append(RcDoc::space());
            }
            doc = doc.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(guard) if guard.kind() == K::Guard => align(self.joined(guard)?),
                SyntaxElement::Node(pattern) if pattern.kind() == K::OrPat => self.alternatives(pattern)?,
                SyntaxElement::Node(pattern) => self.flat(pattern)?,
            });
        }
        Ok(doc.append(self.body(block)?))
    }

    /// Patterns of which one has to fit: on one line, or each on one of its own below the arm's `|`.
    fn alternatives(&self, node: SyntaxNode<'t>) -> Built {
        let bars: Vec<_> = node.tokens().filter(|token| token.kind() == K::Bar).collect();
        let broken = bars.iter().any(|bar| self.breaks(Some(*bar)));
        let mut doc = RcDoc::nil();
        for (at, pattern) in node.children().enumerate() {
            if let Some(bar) = at.checked_sub(1).and_then(|at| bars.get(at)) {
                doc = doc.append(self.gap(broken)).append(self.token(*bar)?).append(RcDoc::space());
            }
            doc = doc.append(self.flat(pattern)?);
        }
        Ok(doc.group())
    }

    fn pipe(&self, node: SyntaxNode<'t>) -> Built {
        let Some(head) = node.children().next() else { return Err(Odd) };
        let pipes: Vec<_> = node.tokens().filter(|token| token.kind() == K::PipeGt).collect();
        let segments: Vec<_> = node.children().skip(1).collect();
        let broken = pipes.iter().any(|pipe| self.breaks(Some(*pipe)));
        let mut doc = self.expr(head)?;
        for (pipe, segment) in pipes.iter().zip(&segments) {
            let before = self.before(Some(*pipe))?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            doc = doc.append(if comments { self.between(&before) } else { self.gap(broken) });
            doc = doc.append(self.token(*pipe)?).append(RcDoc::space()).append(self.nest(self.segment(*segment)?));
        }
        Ok(align(doc).group())
    }

    /// A lambda at the end of a segment goes on under the pipe; all else under where it begins.
    fn segment(&self, node: SyntaxNode<'t>) -> Built {
        let mut last = Some(node);
        while let Some(part) = last.filter(|part| !hugging(*part) && part.kind() != K::LambdaExpr) {
            last =
                part.children().last().filter(|_| matches!(part.kind(), K::PipeSegment | K::ApplyExpr | K::EnumExpr));
        }
        let doc = self.expr(node)?;
        Ok(if last.is_some() { doc.nest(-isize::from(self.options.indent)) } else { align(doc) })
    }

    /// Operands of one precedence in a row, which break together.
    fn infix(&self, node: SyntaxNode<'t>) -> Built {
        let mut rest: Vec<(SyntaxToken<'t>, SyntaxNode<'t>)> = Vec::new();
        let mut left = node;
        while left.kind() == K::InfixExpr {
            let parts: Vec<_> = left.children().collect();
            let sign = left.tokens().find(|token| !token.kind().is_trivia());
            let ([first, second], Some(sign)) = (parts.as_slice(), sign) else { return Err(Odd) };
            let alike = rest.last().is_none_or(|(other, _)| level(other.kind()) == level(sign.kind()));
            if !alike || level(sign.kind()).is_none() {
                break;
            }
            rest.push((sign, *second));
            left = *first;
        }
        rest.reverse();
        let broken = rest.iter().any(|(sign, right)| self.breaks(Some(*sign)) || self.breaks(right.first_token()));
        let mut after = RcDoc::nil();
        for (sign, right) in rest {
            let before = self.before(Some(sign))?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            after = after.append(if comments { self.between(&before) } else { self.gap(broken) });
            after = after.append(self.token(sign)?).append(RcDoc::space()).append(align(self.expr(right)?));
        }
        Ok(align(self.expr(left)?.append(self.nest(after))).group())
    }

    /// A head with arguments: on one line, or each on one of its own. A lambda at the end may begin on the head's line.
    fn apply(&self, node: SyntaxNode<'t>) -> Built {
        let Some(head) = node.children().next() else { return Err(Odd) };
        let args: Vec<_> = node.children().skip(1).collect();
        self.arguments(self.expr(head)?, &args)
    }

    fn arguments(&self, head: Doc, args: &[SyntaxNode<'t>]) -> Built {
        let Some((last, others)) = args.split_last() else { return Ok(head) };
        let hugs = hugging(*last) && !others.iter().any(|arg| self.breaks(arg.first_token()) || hugging(*arg));
        if hugs && !self.breaks(last.first_token()) {
            let mut line = head;
            for arg in others {
                line = line.append(RcDoc::space()).append(self.expr(*arg)?);
            }
            return Ok(line.group().append(RcDoc::space()).append(self.expr(*last)?));
        }
        let broken = args.iter().any(|arg| self.breaks(arg.first_token()));
        let mut after = RcDoc::nil();
        for arg in args {
            let before = self.before(arg.first_token())?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            after = after.append(if comments { self.between(&before) } else { self.gap(broken) });
            after = after.append(align(self.expr(*arg)?));
        }
        Ok(align(head.append(self.nest(after))).group())
    }

    fn enum_expr(&self, node: SyntaxNode<'t>) -> Built {
        let mut head = RcDoc::nil();
        let mut args = Vec::new();
        let mut end = None;
        for element in node.elements().filter(|element| !element.kind().is_trivia()) {
            match element {
                SyntaxElement::Node(part) if matches!(part.kind(), K::Path | K::TypeArgs) => {
                    head = head.append(self.flat(part)?);
                }
                SyntaxElement::Token(token) => head = head.append(self.token(token)?),
                // Fields in parentheses stay where they are: right behind the case, or with a space.
                SyntaxElement::Node(part) if end == Some(part.range().start) => {
                    head = head.append(self.expr(part)?);
                }
                SyntaxElement::Node(part) => args.push(part),
            }
            end = Some(element.range().end);
        }
        self.arguments(head, &args)
    }

    fn record(&self, node: SyntaxNode<'t>) -> Built {
        let mut head = RcDoc::nil();
        for part in node.children().filter(|part| matches!(part.kind(), K::Path | K::TypeArgs)) {
            head = head.append(self.flat(part)?);
        }
        let fields: Vec<_> = node.children().filter(|part| part.kind() == K::RecordField).collect();
        let inside = self.bracketed(node, (K::LBrace, K::RBrace), &fields, &|field| self.field(field))?;
        // A brace on a line of its own stays there.
        if self.breaks(node.token(K::LBrace)) && self.options.layout == super::Layout::Keep {
            return Ok(head.append(self.nest(RcDoc::hardline().append(inside))));
        }
        Ok(head.append(RcDoc::space()).append(inside))
    }

    fn field(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(eq), Some(value)) = (node.token(K::Eq), node.children().last()) else { return Err(Odd) };
        let name = node.elements().find(|element| !element.kind().is_trivia());
        let name = match name {
            Some(SyntaxElement::Token(token)) => self.token(token)?,
            Some(SyntaxElement::Node(node)) => self.flat(node)?,
            None => return Err(Odd),
        };
        let broken = self.breaks(value.first_token());
        let value = self.nest(self.gap(broken).append(align(self.expr(value)?))).group();
        Ok(name.append(RcDoc::space()).append(self.token(eq)?).append(value))
    }

    fn update(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(open), Some(with), Some(of)) = (node.token(K::LBrace), node.token(K::WithKw), node.children().next())
        else {
            return Err(Odd);
        };
        let fields: Vec<_> = node.children().skip(1).collect();
        let Some(close) = node.token(K::RBrace) else { return Err(Odd) };
        let first = fields.first().copied();
        let broken = fields.iter().any(|field| self.breaks(field.first_token()));
        let mut inside = RcDoc::nil();
        for (at, field) in fields.iter().enumerate() {
            let before = self.before(field.first_token())?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            if at > 0 && !comments {
                inside = inside.append(RcDoc::nil().flat_alt(words(";")));
            }
            inside = inside.append(if comments { self.between(&before) } else { self.gap(broken) });
            inside = inside.append(self.field(*field)?);
        }
        let last = self.before(Some(close))?;
        if first.is_none() || last.trailing.is_some() || !last.own.is_empty() {
            return Err(Odd);
        }
        let head = self.token(open)?.append(RcDoc::space()).append(self.expr(of)?);
        let head = head.append(RcDoc::space()).append(self.token(with)?);
        let inside = self.nest(inside);
        Ok(align(head.append(inside).append(RcDoc::space()).append(self.token(close)?)).group())
    }

    fn paren(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(open), Some(close)) = (node.token(K::LParen), node.token(K::RParen)) else { return Err(Odd) };
        let inside: Vec<_> = node.children().collect();
        let first = self.before(inside.first().and_then(|first| first.first_token()))?;
        let last = self.before(Some(close))?;
        if first.trailing.is_some() || !first.own.is_empty() || last.trailing.is_some() || !last.own.is_empty() {
            return Err(Odd);
        }
        let doc = match inside.as_slice() {
            [lambda] if lambda.kind() == K::LambdaExpr => self.expr(*lambda)?,
            // Several are statements, and stand below each other.
            _ => align(self.lines(&inside, &|statement| self.statement(statement))?),
        };
        Ok(self.token(open)?.append(doc).append(self.token(close)?))
    }

    fn lambda(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(word), Some(arrow)) = (node.token(K::FunKw), node.token(K::Arrow)) else { return Err(Odd) };
        let Some(block) = node.child(K::Block) else { return Err(Odd) };
        let mut doc = self.token(word)?;
        for pattern in node.children().take_while(|child| child.range().start < arrow.range().start) {
            doc = doc.append(RcDoc::space()).append(self.flat(pattern)?);
        }
        Ok(doc.append(RcDoc::space()).append(self.token(arrow)?).append(self.body(block)?))
    }
}

/// Whether an argument may begin on the line of its call and end on another one.
fn hugging(node: SyntaxNode<'_>) -> bool {
    node.kind() == K::ParenExpr && node.children().next().is_some_and(|inside| inside.kind() == K::LambdaExpr)
}

/// Operators that stand in a row: those of one level that bind to the left.
fn level(kind: K) -> Option<u8> {
    Some(match kind {
        K::OrOr => 1,
        K::AndAnd => 2,
        K::EqEq | K::NotEq | K::Lt | K::Gt | K::Le | K::Ge => 3,
        K::At => 4,
        K::Plus | K::Minus | K::PlusPlus => 5,
        K::Star | K::Slash | K::Percent => 6,
        K::Caret => 7,
        _ => return None,
    })
}
