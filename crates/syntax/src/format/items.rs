//! Declarations.

use pretty::RcDoc;

use super::build::{Build, Built, Odd, align, nodes_after, words};
use crate::kind::SyntaxKind as K;
use crate::tree::{SyntaxElement, SyntaxNode};

impl<'t> Build<'t> {
    pub(super) fn declaration(&self, node: SyntaxNode<'t>) -> Built {
        // What stands before a declaration is not touched.
        self.before(node.first_token()).ok();
        match node.kind() {
            K::FnDef => self.function(node),
            K::ValueDef => self.value(node),
            K::TypeDef => self.type_def(node),
            K::TestDef | K::ExprDef => self.test(node),
            _ => Err(Odd),
        }
    }

    fn function(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(eq), Some(block)) = (node.token(K::Eq), node.child(K::Block)) else { return Err(Odd) };
        let mut head = RcDoc::nil();
        let mut params = RcDoc::nil();
        let parts = node.elements().take_while(|element| element.range().start < eq.range().start);
        let parts: Vec<_> = parts.filter(|element| !element.kind().is_trivia()).collect();
        let of = |element: &SyntaxElement<'t>| element.into_node().is_some_and(|node| node.kind() == K::Param);
        let broken = parts
            .iter()
            .filter(|element| of(element))
            .any(|element| element.into_node().is_some_and(|param| self.breaks(param.first_token())));
        let mut colon = false;
        for element in parts {
            match element {
                SyntaxElement::Node(param) if param.kind() == K::Param => {
                    let before = self.before(param.first_token())?;
                    let comments = before.trailing.is_some() || !before.own.is_empty();
                    params = params.append(if comments { self.between(&before) } else { self.gap(broken) });
                    params = params.append(self.flat(param)?);
                }
                SyntaxElement::Token(token) if token.kind() == K::Colon => {
                    colon = true;
                    params = params.append(self.gap(broken)).append(self.token(token)?);
                }
                SyntaxElement::Node(result) if colon => {
                    params = params.append(RcDoc::space()).append(self.flat(result)?);
                }
                SyntaxElement::Token(token) if token.kind() == K::LetKw => head = head.append(self.token(token)?),
                SyntaxElement::Token(token) => head = head.append(RcDoc::space()).append(self.token(token)?),
                SyntaxElement::Node(node) if node.kind() == K::TypeParams => head = head.append(self.flat(node)?),
                SyntaxElement::Node(node) => head = head.append(RcDoc::space()).append(self.flat(node)?),
            }
        }
        let head = head.append(self.nest(params)).append(RcDoc::space()).append(self.token(eq)?).group();
        Ok(head.append(self.body(block)?))
    }

    fn value(&self, node: SyntaxNode<'t>) -> Built {
        let (Some(eq), Some(block)) = (node.token(K::Eq), node.child(K::Block)) else { return Err(Odd) };
        let mut head = RcDoc::nil();
        let parts = node.elements().take_while(|element| element.range().start < eq.range().end);
        for (at, element) in parts.filter(|element| !element.kind().is_trivia()).enumerate() {
            if at > 0 {
                head = head.append(RcDoc::space());
            }
            head = head.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(node) => self.flat(node)?,
            });
        }
        Ok(head.append(self.body(block)?))
    }

    /// An assertion, or an expression to run.
    fn test(&self, node: SyntaxNode<'t>) -> Built {
        let mut doc = RcDoc::nil();
        for (at, element) in node.elements().filter(|element| !element.kind().is_trivia()).enumerate() {
            if at > 0 {
                doc = doc.append(RcDoc::space());
            }
            doc = doc.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(part) if part.kind() == K::TestError => self.flat(part)?,
                SyntaxElement::Node(part) => self.expr(part)?,
            });
        }
        Ok(doc)
    }

    fn type_def(&self, node: SyntaxNode<'t>) -> Built {
        let Some(eq) = node.token(K::Eq) else { return Err(Odd) };
        let mut head = RcDoc::nil();
        let parts = node.elements().take_while(|element| element.range().start < eq.range().end);
        for (at, element) in parts.filter(|element| !element.kind().is_trivia()).enumerate() {
            if at > 0 && element.kind() != K::TypeParams {
                head = head.append(RcDoc::space());
            }
            head = head.append(match element {
                SyntaxElement::Token(token) => self.token(token)?,
                SyntaxElement::Node(node) => self.flat(node)?,
            });
        }
        let parts = nodes_after(node, eq);
        let [shape] = parts.as_slice() else { return Err(Odd) };
        let broken = self.breaks(shape.first_token());
        if shape.kind() == K::EnumDef {
            return Ok(head.append(self.cases(*shape, broken)?));
        }
        let before = self.before(shape.first_token())?;
        if before.trailing.is_some() || !before.own.is_empty() {
            return Err(Odd);
        }
        let shape = match shape.kind() {
            K::RecordDef => {
                let fields: Vec<_> = shape.children().collect();
                self.bracketed(*shape, (K::LBrace, K::RBrace), &fields, &|field| self.flat(field))?
            }
            _ => self.flat(*shape)?,
        };
        Ok(head.append(self.nest(self.gap(broken).append(shape)).group()))
    }

    /// Cases on one line, or each on one of its own behind a `|`.
    fn cases(&self, node: SyntaxNode<'t>, broken: bool) -> Built {
        let cases: Vec<_> = node.children().collect();
        let bars: Vec<_> = node.tokens().filter(|token| token.kind() == K::Bar).collect();
        let led = bars.len() == cases.len();
        let mut inside = RcDoc::nil();
        for (at, case) in cases.iter().enumerate() {
            let bar = if led { bars.get(at) } else { at.checked_sub(1).and_then(|at| bars.get(at)) };
            let first = bar.copied().or_else(|| case.first_token());
            let before = self.before(first)?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            if at == 0 && before.trailing.is_some() {
                return Err(Odd);
            }
            inside = inside.append(if comments { self.between(&before) } else { self.gap(broken) });
            // A single case without a bar would be an alias.
            let sign = match bar {
                Some(bar) => self.token(*bar)?.append(RcDoc::space()),
                None => words("| ").flat_alt(RcDoc::nil()),
            };
            inside = inside.append(sign).append(align(self.case(*case)?));
        }
        Ok(self.nest(inside).group())
    }

    /// A case with its fields: on one line, or each on one of its own.
    fn case(&self, node: SyntaxNode<'t>) -> Built {
        let Some(of) = node.token(K::OfKw) else { return self.flat(node) };
        let Some(name) = node.elements().find_map(SyntaxElement::into_token) else { return Err(Odd) };
        let fields: Vec<_> = node.children().collect();
        let broken = fields.iter().any(|field| self.breaks(field.first_token()));
        let stars: Vec<_> = node.tokens().filter(|token| token.kind() == K::Star).collect();
        let mut inside = RcDoc::nil();
        for (at, field) in fields.iter().enumerate() {
            if let Some(star) = at.checked_sub(1).and_then(|at| stars.get(at)) {
                inside = inside.append(RcDoc::space()).append(self.token(*star)?);
            }
            let before = self.before(field.first_token())?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            inside = inside.append(if comments { self.between(&before) } else { self.gap(broken) });
            inside = inside.append(self.flat(*field)?);
        }
        let head = self.token(name)?.append(RcDoc::space()).append(self.token(of)?);
        Ok(head.append(self.nest(inside)).group())
    }
}
