//! What documents are made of: tokens, comments, sequences, and pieces that stay as they are.

use std::cell::RefCell;
use std::collections::BTreeSet;

use pretty::RcDoc;

use super::{FormatOptions, Layout};
use crate::kind::SyntaxKind as K;
use crate::text::LineIndex;
use crate::tree::{SyntaxElement, SyntaxNode, SyntaxToken};

pub(super) type Doc = RcDoc<'static, ()>;

/// A piece of text on one line.
pub(super) fn words(text: &str) -> Doc {
    RcDoc::as_string(text)
}

/// Stands for the end of a line inside a string.
pub(super) const LINE_END: &str = "\0";

/// Something stands where it cannot be laid out: a comment in the middle of a line, say.
#[derive(Debug)]
pub(super) struct Odd;

pub(super) type Built = Result<Doc, Odd>;

/// Makes the documents of one declaration.
pub(super) struct Build<'t> {
    pub text: &'t str,
    pub index: &'t LineIndex,
    pub options: &'t FormatOptions,
    /// The comments that have a place in a document.
    placed: RefCell<BTreeSet<u32>>,
}

/// What stands before the first token of a piece.
#[derive(Default)]
pub(super) struct Before<'t> {
    /// A comment on the line that ends there.
    pub trailing: Option<&'t str>,
    /// Comments on lines of their own.
    pub own: Vec<&'t str>,
    /// Whether a line is left free.
    pub blank: bool,
    /// Whether a line ends there.
    pub breaks: bool,
}

impl<'t> Build<'t> {
    pub(super) fn new(text: &'t str, index: &'t LineIndex, options: &'t FormatOptions) -> Self {
        Self { text, index, options, placed: RefCell::default() }
    }

    /// A level to the right.
    pub(super) fn nest(&self, doc: Doc) -> Doc {
        doc.nest(isize::from(i8::try_from(self.options.indent).unwrap_or(2)))
    }

    /// The end of a line where the author ended one, if that is to be kept, and else where the rest does not fit.
    pub(super) fn gap(&self, broken: bool) -> Doc {
        if broken && self.options.layout == Layout::Keep { RcDoc::hardline() } else { RcDoc::line() }
    }

    /// Whether a line ends before a token.
    pub(super) fn breaks(&self, token: Option<SyntaxToken<'t>>) -> bool {
        token.is_some_and(|token| {
            let trivia = token.leading_trivia();
            trivia.iter().any(|trivia| trivia.text().contains('\n'))
        })
    }

    /// What stands before a token. Its comments have their place then.
    ///
    /// # Errors
    /// Comments over several lines, and what nobody knows.
    pub(super) fn before(&self, token: Option<SyntaxToken<'t>>) -> Result<Before<'t>, Odd> {
        let mut before = Before::default();
        let Some(token) = token else { return Ok(before) };
        let mut free = 0;
        for trivia in token.leading_trivia() {
            match trivia.kind() {
                K::Whitespace => {
                    let ends = trivia.text().bytes().filter(|byte| *byte == b'\n').count();
                    before.breaks |= ends > 0;
                    free += ends;
                }
                kind if kind.is_comment() && !trivia.text().contains('\n') => {
                    if before.breaks {
                        // Only a free line before the first comment is one between two pieces.
                        before.blank |= before.own.is_empty() && free > 1;
                        before.own.push(trivia.text().trim_end());
                    } else if before.trailing.is_none() && kind != K::BlockComment {
                        before.trailing = Some(trivia.text().trim_end());
                    } else {
                        return Err(Odd);
                    }
                    free = 0;
                    self.placed.borrow_mut().insert(trivia.index());
                }
                _ => return Err(Odd),
            }
        }
        before.blank |= before.own.is_empty() && free > 1;
        Ok(before)
    }

    /// A token. What stands before it has been seen to.
    pub(super) fn token(&self, token: SyntaxToken<'t>) -> Built {
        let placed = self.placed.borrow();
        let lost = |trivia: &SyntaxToken<'t>| trivia.kind() != K::Whitespace && !placed.contains(&trivia.index());
        if token.leading_trivia().iter().any(lost) {
            return Err(Odd);
        }
        whole(token)
    }

    /// A node on one line, with one space where there is any, and as it is usual around signs.
    pub(super) fn flat(&self, node: SyntaxNode<'t>) -> Built {
        let mut doc = RcDoc::nil();
        let mut previous: Option<SyntaxToken<'t>> = None;
        for token in node.descendant_tokens().filter(|token| !token.kind().is_trivia()) {
            if previous.is_some_and(|previous| spaced(previous, token)) {
                doc = doc.append(RcDoc::space());
            }
            // The comments before the whole belong to whoever asked.
            let first = previous.is_none();
            doc = doc.append(if first { self.token(token)? } else { self.plain(token)? });
            previous = Some(token);
        }
        Ok(doc)
    }

    /// A token in the middle of a line, before which no comment may stand.
    fn plain(&self, token: SyntaxToken<'t>) -> Built {
        if token.leading_trivia().iter().any(|trivia| trivia.kind() != K::Whitespace) {
            return Err(Odd);
        }
        whole(token)
    }

    /// A node as it was written, its lines moved together with the first one.
    pub(super) fn verbatim(&self, node: SyntaxNode<'t>) -> Built {
        let text = node.text();
        let column = self.index.line_col(self.text, node.range().start).col as usize;
        let string = |token: SyntaxToken<'t>| !token.kind().is_trivia() && token.text().contains('\n');
        if text.contains('\t') || text.contains('\r') || node.descendant_tokens().any(string) {
            return Err(Odd);
        }
        let mut lines = text.split('\n');
        let mut doc = words(lines.next().unwrap_or_default().trim_end());
        for line in lines {
            if line.trim().is_empty() {
                doc = doc.append(free_line());
                continue;
            }
            let Some((margin, rest)) = line.split_at_checked(column) else { return Err(Odd) };
            if !margin.bytes().all(|byte| byte == b' ') {
                return Err(Odd);
            }
            doc = doc.append(RcDoc::hardline()).append(words(rest.trim_end()));
        }
        Ok(align(doc))
    }

    /// Pieces that begin lines: with the comments between them, and a free line where there was one.
    pub(super) fn lines(&self, pieces: &[SyntaxNode<'t>], each: &dyn Fn(SyntaxNode<'t>) -> Built) -> Built {
        let mut doc = RcDoc::nil();
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                let before = self.before(piece.first_token())?;
                doc = doc.append(self.between(&before));
            }
            doc = doc.append(each(*piece)?);
        }
        Ok(doc)
    }

    /// The end of a line with all that stands between it and the next piece.
    pub(super) fn between(&self, before: &Before<'t>) -> Doc {
        let mut doc = trailing(before);
        if before.blank {
            doc = doc.append(free_line());
        }
        doc = doc.append(RcDoc::hardline());
        for comment in &before.own {
            doc = doc.append(words(comment)).append(RcDoc::hardline());
        }
        doc
    }

    /// A sequence in brackets: on one line, or one piece a line below each other.
    pub(super) fn bracketed(
        &self,
        node: SyntaxNode<'t>,
        (open, close): (K, K),
        pieces: &[SyntaxNode<'t>],
        each: &dyn Fn(SyntaxNode<'t>) -> Built,
    ) -> Built {
        let (Some(open), Some(close)) = (node.token(open), node.tokens().filter(|of| of.kind() == close).last()) else {
            return Err(Odd);
        };
        let spaced = open.kind() != K::LParen;
        let pad = || if spaced { RcDoc::space() } else { RcDoc::nil() };
        if pieces.is_empty() {
            return Ok(self.token(open)?.append(self.token(close)?));
        }
        let mut inside = RcDoc::nil();
        for (at, piece) in pieces.iter().enumerate() {
            let before = self.before(piece.first_token())?;
            let comments = before.trailing.is_some() || !before.own.is_empty();
            if at == 0 {
                for comment in before.trailing.iter().chain(&before.own) {
                    inside = inside.append(words(comment)).append(RcDoc::hardline());
                }
            } else {
                let comma = self.comma_before(*piece)?;
                let sign = if comma { words(",") } else { RcDoc::nil().flat_alt(words(";")) };
                inside = inside.append(sign);
                let end = if comments || before.blank {
                    self.between(&before)
                } else if self.breaks_between(pieces) && self.options.layout == Layout::Keep {
                    RcDoc::hardline()
                } else {
                    RcDoc::line()
                };
                inside = inside.append(end);
            }
            inside = inside.append(each(*piece)?);
        }
        let last = self.before(Some(close))?;
        if let Some(comment) = last.trailing.filter(|_| !last.own.is_empty()) {
            inside = inside.append(RcDoc::space()).append(words(comment));
        }
        for comment in &last.own {
            inside = inside.append(RcDoc::hardline()).append(words(comment));
        }
        let end = match last.trailing {
            _ if !last.own.is_empty() => RcDoc::hardline(),
            Some(comment) => RcDoc::space().append(words(comment)).append(RcDoc::hardline()),
            None => pad(),
        };
        let open = self.token(open)?.append(pad());
        Ok(align(open.append(align(inside)).append(end).append(self.token(close)?)).group())
    }

    /// Whether a line ends between two of these.
    fn breaks_between(&self, pieces: &[SyntaxNode<'t>]) -> bool {
        pieces.iter().skip(1).any(|piece| self.breaks(piece.first_token()))
    }

    /// Whether a comma stands before a piece; no comment may stand before that.
    fn comma_before(&self, piece: SyntaxNode<'t>) -> Result<bool, Odd> {
        let mut before = piece.previous_token();
        while let Some(token) = before.filter(|token| token.kind().is_trivia()) {
            before = token.previous_token();
        }
        match before {
            Some(token) if matches!(token.kind(), K::Comma | K::Semicolon) => {
                self.plain(token)?;
                Ok(token.kind() == K::Comma)
            }
            _ => Ok(false),
        }
    }
}

/// A token with its line ends marked: its further lines stay where they are, whatever stands around it.
fn whole(token: SyntaxToken<'_>) -> Built {
    let text = token.text();
    match text.contains('\n') {
        true if text.contains(LINE_END) => Err(Odd),
        true => Ok(words(&text.replace('\n', LINE_END))),
        false => Ok(words(text)),
    }
}

fn trailing(before: &Before<'_>) -> Doc {
    match before.trailing {
        Some(comment) => words(" ").append(words(comment)),
        None => RcDoc::nil(),
    }
}

/// A line with nothing on it, not even space.
fn free_line() -> Doc {
    words("\n")
}

/// Lines begin below where the document does.
pub(super) fn align(doc: Doc) -> Doc {
    RcDoc::column(move |column| {
        let doc = doc.clone();
        RcDoc::nesting(move |nesting| {
            let by = isize::try_from(column).unwrap_or(0) - isize::try_from(nesting).unwrap_or(0);
            doc.clone().nest(by)
        })
    })
}

/// Whether a space stands between two tokens of a line.
fn spaced(left: SyntaxToken<'_>, right: SyntaxToken<'_>) -> bool {
    let written = left.range().end != right.range().start;
    let of_types = |token: SyntaxToken<'_>| {
        token
            .parent()
            .is_some_and(|node| matches!(node.kind(), K::TypeArgs | K::TypeParams | K::ListType | K::DictType))
    };
    if left.kind() == K::Lt && of_types(left) || right.kind() == K::Gt && of_types(right) {
        return false;
    }
    match (left.kind(), right.kind()) {
        (_, K::Comma | K::Semicolon | K::Colon) => false,
        (K::Comma | K::Semicolon | K::Colon, _) => true,
        (K::LParen, _) | (_, K::RParen) => false,
        (K::Arrow | K::Eq | K::ColonColon, _) | (_, K::Arrow | K::Eq | K::ColonColon) => true,
        _ => written,
    }
}

/// The direct nodes of a node after a token.
pub(super) fn nodes_after<'t>(node: SyntaxNode<'t>, token: SyntaxToken<'t>) -> Vec<SyntaxNode<'t>> {
    let after = node.elements().skip_while(|element| element.range().start < token.range().end);
    after.filter_map(SyntaxElement::into_node).collect()
}
