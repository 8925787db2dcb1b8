//! The layout of source text.
//!
//! [`format()`] lays the declarations of a text out anew, one by one, as documents in the manner of Wadler ("A prettier printer",
//! 2003; crate `pretty`), and leaves alone what is between them. Layout is part of the grammar here, so nothing is believed: what
//! comes out is parsed again, and a declaration whose tree is another one, or that has a comment where none can be put, stays as it was
//! written. So a formatted text never means anything else, and every comment is still there.
//!
//! Deliberately absent: rewriting. No name, no parenthesis, no literal changes; only space, line ends, and the `;` and leading `|` that
//! stand for them.

mod build;
mod exprs;
mod items;

use crate::diagnostic::{Diagnostic, Severity};
use crate::kind::SyntaxKind as K;
use crate::text::{LineIndex, TextRange};
use crate::tree::{SyntaxElement, SyntaxNode, SyntaxToken};
use crate::{Mode, parse};
use build::{Build, LINE_END};

/// Narrower lines leave no room for code.
pub const WIDTH_MIN: u16 = 20;
/// Wider lines are not read.
pub const WIDTH_MAX: u16 = 400;
/// Most spaces of a level.
pub const INDENT_MAX: u8 = 8;

/// Where lines are broken besides where they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Layout {
    /// Where the author broke a list, a call, a pipe or a body, it stays broken.
    #[default]
    Keep,
    /// What fits on a line stands on one.
    Fit,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// Columns of a line, [`WIDTH_MIN`] to [`WIDTH_MAX`]. A word or a string that is longer stays whole.
    pub width: u16,
    /// Spaces of a level, 1 to [`INDENT_MAX`].
    pub indent: u8,
    /// Where lines are broken.
    pub layout: Layout,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self { width: 100, indent: 2, layout: Layout::Keep }
    }
}

/// A text that was laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// How many declarations it has.
    pub declarations: usize,
    /// How many of them stayed as they were written, because they could not be laid out safely.
    pub kept: usize,
}

/// A declaration's bytes, and what is to stand there.
type Piece = (TextRange, String);

/// Lays a text out.
///
/// # Errors
/// What is wrong with the text, if anything is: such a text is left alone.
pub fn format(text: &str, mode: Mode, options: &FormatOptions) -> Result<Formatted, Vec<Diagnostic>> {
    let parsed = parse(text, mode);
    if !parsed.is_clean() {
        return Err(parsed.diagnostics.into_iter().filter(|found| found.severity == Severity::Error).collect());
    }
    let index = LineIndex::new(text);
    let root = parsed.file().syntax();
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut declarations, mut kept) = (0, 0);
    for node in declarations_of(root) {
        declarations += 1;
        match declaration(node, text, &index, options) {
            Some(laid) => pieces.push((node.range(), laid)),
            None => kept += 1,
        }
    }
    let laid = pieces.len();
    let same = |pieces: &[Piece]| same_tree(root, &splice(text, pieces), mode);
    let mut good = sound(pieces, &same);
    if good.len() < laid && !same(&good) {
        good.clear();
    }
    kept += laid - good.len();
    let out = splice(text, &good);
    Ok(Formatted { text: out, declarations, kept })
}

/// The declarations of all modules.
fn declarations_of(root: SyntaxNode<'_>) -> Vec<SyntaxNode<'_>> {
    let kinds = [K::FnDef, K::TypeDef, K::ValueDef, K::TestDef, K::DbDef, K::ExprDef];
    root.descendants().filter(|node| kinds.contains(&node.kind())).collect()
}

/// A declaration laid out, to stand where it stands; `None` if that is not safe.
fn declaration(node: SyntaxNode<'_>, text: &str, index: &LineIndex, options: &FormatOptions) -> Option<String> {
    let column = index.line_col(text, node.range().start).col as usize;
    let line = text.get(..node.range().start as usize)?.rsplit('\n').next()?;
    // Behind something else on its line there is no column to go back to.
    if !line.bytes().all(|byte| byte == b' ') {
        return None;
    }
    let build = Build::new(text, index, options);
    let doc = build.declaration(node).ok()?;
    let width = usize::from(options.width).saturating_sub(column).max(usize::from(WIDTH_MIN));
    let mut out = Vec::new();
    doc.render(width, &mut out).ok()?;
    let laid = String::from_utf8(out).ok()?;
    let mut whole = String::with_capacity(laid.len());
    for (at, line) in laid.split('\n').enumerate() {
        if at > 0 {
            whole.push('\n');
            if !line.is_empty() {
                whole.push_str(&" ".repeat(column));
            }
        }
        whole.push_str(line);
    }
    Some(whole.replace(LINE_END, "\n"))
}

/// Those of the pieces that come out as they went in. A half with a bad one is halved again, so that a long file with one is not parsed once for
/// each declaration.
fn sound(mut pieces: Vec<Piece>, same: &dyn Fn(&[Piece]) -> bool) -> Vec<Piece> {
    if pieces.is_empty() || same(&pieces) {
        return pieces;
    }
    if pieces.len() == 1 {
        return Vec::new();
    }
    let others = pieces.split_off(pieces.len() / 2);
    let mut good = sound(pieces, same);
    good.extend(sound(others, same));
    good
}

/// The text with some pieces of it replaced.
fn splice(text: &str, pieces: &[Piece]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, piece) in pieces {
        out.push_str(text.get(at..range.start as usize).unwrap_or_default());
        out.push_str(piece);
        at = range.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Whether a text has the tree of another one, and its comments, apart from what only lays it out.
fn same_tree(root: SyntaxNode<'_>, text: &str, mode: Mode) -> bool {
    let parsed = parse(text, mode);
    parsed.is_clean() && shape(root) == shape(parsed.file().syntax())
}

/// What a tree says, in order: nodes with where they end, tokens, comments; without space, and without what stands for line ends.
///
/// The ends tell nestings apart: `b` is another thing below `if p then a` than after it, with the same kinds in the same order.
fn shape(root: SyntaxNode<'_>) -> Vec<(K, &str)> {
    let mut said = Vec::new();
    // A list of its own, since chains nest deeper than a stack should.
    let mut open = vec![root.elements()];
    while let Some(parts) = open.last_mut() {
        match parts.next() {
            None => {
                open.pop();
                said.push((K::Eof, ""));
            }
            Some(SyntaxElement::Node(node)) => {
                said.push((node.kind(), ""));
                open.push(node.elements());
            }
            Some(SyntaxElement::Token(token)) => match token.kind() {
                K::Whitespace | K::Semicolon | K::Eof => {}
                K::Bar if leads_cases(token) => {}
                K::LineComment | K::DocComment => said.push((token.kind(), token.text().trim_end())),
                kind => said.push((kind, token.text())),
            },
        }
    }
    said
}

/// Whether a `|` stands before the first case of a type.
fn leads_cases(bar: SyntaxToken<'_>) -> bool {
    let of = bar.parent().filter(|of| of.kind() == K::EnumDef);
    of.and_then(SyntaxNode::first_token) == Some(bar)
}
