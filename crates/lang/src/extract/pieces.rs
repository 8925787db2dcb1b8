//! Which comments go with which declaration.

use std::rc::Rc;

use dm_syntax::{SyntaxElement, SyntaxKind as K, SyntaxNode, TextRange};

use super::kind_of;

/// A declaration with its comments, still as bytes of the file.
#[derive(Debug)]
pub(super) struct Piece<'t> {
    pub(super) node: SyntaxNode<'t>,
    pub(super) module_path: Rc<str>,
    /// Comments and the declaration, in the order of the text. Between those of different stretches stands a module header.
    pub(super) parts: Vec<Part>,
}

/// A comment, or the declaration itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) range: TextRange,
    pub(super) stretch: u32,
    pub(super) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Comment,
    Doc,
    Declaration,
}

impl Piece<'_> {
    /// The first `///` row directly with the declaration, without the slashes.
    pub(super) fn doc_row<'s>(&self, text: &'s str) -> Option<&'s str> {
        let own = self.parts.iter().find(|part| part.role == Role::Declaration)?;
        let mut before = self.parts.iter().take_while(|part| part.role != Role::Declaration);
        let doc = before.find(|part| part.role == Role::Doc && part.stretch == own.stretch)?;
        Some(doc.range.slice(text).trim_start_matches('/').trim())
    }
}

/// The nodes that declare something, in the order of the text.
pub(super) fn declared<'t>(node: SyntaxNode<'t>, into: &mut Vec<SyntaxNode<'t>>) {
    for child in node.children() {
        match child.kind() {
            K::Module => declared(child, into),
            kind if is_declaration(kind) => into.push(child),
            _ => {}
        }
    }
}

/// All declarations with their comments, in the order of [`declared`].
pub(super) fn gather<'t>(module_path: &str, root: SyntaxNode<'t>) -> Vec<Piece<'t>> {
    let mut gather =
        Gather { text: root.tree().text(), pieces: Vec::new(), pending: Vec::new(), stretch: 0, left: None };
    let path: Rc<str> = Rc::from(module_path);
    for element in root.elements() {
        gather.element(element, &path);
    }
    gather.finish()
}

fn is_declaration(kind: K) -> bool {
    kind_of(kind).is_some() || matches!(kind, K::DbDef | K::ExprDef)
}

struct Gather<'t> {
    text: &'t str,
    pieces: Vec<Piece<'t>>,
    /// Comments that wait for the next declaration.
    pending: Vec<Part>,
    /// Goes up by one at each module header.
    stretch: u32,
    /// The leftmost keyword column of the block modules that ended since the last declaration.
    left: Option<u32>,
}

impl<'t> Gather<'t> {
    fn element(&mut self, element: SyntaxElement<'t>, path: &Rc<str>) {
        match element {
            SyntaxElement::Token(token) if token.kind().is_comment() => self.comment(token.kind(), token.range()),
            SyntaxElement::Token(_) => {}
            SyntaxElement::Node(node) if node.kind() == K::Module => self.module(node, path),
            SyntaxElement::Node(node) if is_declaration(node.kind()) => {
                let mut parts = std::mem::take(&mut self.pending);
                parts.push(Part { range: node.range(), stretch: self.stretch, role: Role::Declaration });
                self.pieces.push(Piece { node, module_path: path.clone(), parts });
                self.left = None;
            }
            SyntaxElement::Node(_) => {}
        }
    }

    fn module(&mut self, module: SyntaxNode<'t>, outer: &Rc<str>) {
        self.stretch += 1;
        let block = module.token(K::Eq);
        let mut header = true;
        let mut path = outer.clone();
        for element in module.elements() {
            match element {
                SyntaxElement::Node(node) if header && node.kind() == K::Path => {
                    for comment in node.tokens().filter(|token| token.kind().is_comment()) {
                        self.comment(comment.kind(), comment.range());
                        self.stretch += 1;
                    }
                    path = inner_path(outer, node);
                    self.stretch += 1;
                    header = block.is_some();
                }
                SyntaxElement::Token(token) if header && Some(token) == block => {
                    header = false;
                    self.stretch += 1;
                }
                _ => self.element(element, &path),
            }
        }
        if block.is_some() {
            let column = column(self.text, module.range().start);
            self.left = Some(self.left.map_or(column, |left| left.min(column)));
        }
    }

    fn comment(&mut self, kind: K, range: TextRange) {
        let role = if kind == K::DocComment { Role::Doc } else { Role::Comment };
        let part = Part { range, stretch: self.stretch, role };
        if self.pending.is_empty()
            && let Some(last) = self.pieces.last_mut()
        {
            let inside = self.left.is_some_and(|left| column(self.text, range.start) > left);
            if inside || same_row(self.text, last, part) {
                last.parts.push(part);
                return;
            }
        }
        self.pending.push(part);
    }

    fn finish(mut self) -> Vec<Piece<'t>> {
        let rest = std::mem::take(&mut self.pending);
        if let Some(last) = self.pieces.last_mut() {
            last.parts.extend(rest);
        }
        self.pieces
    }
}

/// Whether a comment begins on the row where the declaration before it ends, with nothing but space between.
fn same_row(text: &str, last: &Piece<'_>, comment: Part) -> bool {
    let Some(before) = last.parts.last().filter(|part| part.stretch == comment.stretch) else { return false };
    let between = TextRange::new(before.range.end, comment.range.start).slice(text);
    !between.contains('\n')
}

fn inner_path(outer: &str, path: SyntaxNode<'_>) -> Rc<str> {
    let written = dm_syntax::written::Path::cast(path).map(crate::spelling::of_path).unwrap_or_default();
    if outer.is_empty() { Rc::from(written.as_ref()) } else { Rc::from(format!("{outer}.{written}")) }
}

/// The column of an offset in UTF-16 units.
pub(super) fn column(text: &str, at: u32) -> u32 {
    let before = TextRange::new(0, at).slice(text);
    let row = before.rsplit('\n').next().unwrap_or_default();
    let units = if row.is_ascii() { row.len() } else { row.chars().map(char::len_utf16).sum() };
    u32::try_from(units).unwrap_or(u32::MAX)
}
