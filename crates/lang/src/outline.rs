//! A definition at a glance: one line that says what it is, and its doc text.
//!
//! Deliberately absent: inferred types; a value shows its name alone.

use dm_model::Kind;
use dm_syntax::{Mode, SyntaxElement, SyntaxKind as K, SyntaxNode, TextRange, parse};

use crate::extract::{declaration_nodes, kind_of};
use crate::spelling;

/// Longer signatures are cut here, in characters.
pub const SIGNATURE_CHARS_MAX: usize = 200;

/// A definition at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What it defines.
    pub kind: Kind,
    /// One line: `name (a: Int) : Int`, `Name = { a: Int }`, `name`, or a test's assertion.
    pub signature: String,
    /// The doc comments joined; empty without any.
    pub doc: String,
}

/// The outline of the text of one declaration; `None` if it is not one. A text with errors gives what can be read.
#[must_use]
pub fn outline(text: &str) -> Option<Outline> {
    let parsed = parse(text, Mode::Package);
    outline_of(text, declaration_nodes(&parsed).into_iter().next()?)
}

/// The outline of a declaration in its text.
pub(crate) fn outline_of(text: &str, node: SyntaxNode<'_>) -> Option<Outline> {
    let kind = kind_of(node.kind())?;
    let doc = doc_rows(node);
    let signature = match kind {
        Kind::Fn => spaced(text, fn_head(node)),
        Kind::Type => type_line(text, node),
        Kind::Value => spelling::own_name(node).map(|name| name.slice(text).to_owned()).unwrap_or_default(),
        Kind::Test => spaced(text, node.range()),
    };
    Some(Outline { kind, signature: cut(signature), doc })
}

fn doc_rows(node: SyntaxNode<'_>) -> String {
    let docs = node.leading_trivia().into_iter().filter(|token| token.kind() == K::DocComment);
    docs.map(|token| token.text().trim_start_matches('/').trim()).collect::<Vec<_>>().join(" ")
}

/// From the name to before the `=`.
fn fn_head(node: SyntaxNode<'_>) -> TextRange {
    let start = spelling::own_name(node).map_or(node.range().start, |name| name.start);
    let mut end = start;
    for element in node.elements().skip_while(|element| element.range().start < start) {
        match element {
            SyntaxElement::Token(token) if token.kind() == K::Eq => break,
            SyntaxElement::Token(token) if token.kind().is_trivia() => {}
            element => end = element.range().end,
        }
    }
    TextRange::new(start, end)
}

fn type_line(text: &str, node: SyntaxNode<'_>) -> String {
    let start = spelling::own_name(node).map_or(node.range().start, |name| name.start);
    let head_end = node.token(K::Eq).map_or(node.range().end, |eq| eq.range().start);
    let mut line = spaced(text, TextRange::new(start, head_end));
    let shape = node.children().find(|child| matches!(child.kind(), K::RecordDef | K::EnumDef | K::AliasDef));
    let Some(shape) = shape else { return line };
    let parts: Vec<_> = shape.children().map(|part| spaced(text, part.range())).collect();
    line.push_str(" = ");
    match shape.kind() {
        K::RecordDef => line.push_str(&format!("{{ {} }}", parts.join("; "))),
        K::EnumDef => line.push_str(&parts.join(" | ")),
        _ => line.push_str(&parts.concat()),
    }
    line
}

/// A stretch on one line: comments gone, space and line ends as one space.
fn spaced(text: &str, range: TextRange) -> String {
    let parsed = parse(range.slice(text), Mode::Script);
    let mut line = String::new();
    let mut gap = false;
    for token in parsed.tree.root().descendant_tokens() {
        if token.kind().is_trivia() {
            gap = true;
            continue;
        }
        if gap && !line.is_empty() {
            line.push(' ');
        }
        gap = false;
        line.extend(token.text().chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    line
}

fn cut(line: String) -> String {
    if line.chars().count() <= SIGNATURE_CHARS_MAX {
        return line;
    }
    let mut short: String = line.chars().take(SIGNATURE_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, signature: &str, doc: &str) {
        let outline = outline(text).unwrap();
        assert_eq!((outline.signature.as_str(), outline.doc.as_str()), (signature, doc));
    }

    #[test]
    fn signatures_fit_a_line() {
        check(
            "/// Adds up.\n/// All of them.\nlet total<'a>\n  (xs: List<'a>) // here\n  (by: 'a -> Int)\n  : Int =\n  0",
            "total<'a> (xs: List<'a>) (by: 'a -> Int) : Int",
            "Adds up. All of them.",
        );
        check("type Entry =\n  { cents: Int\n    memo: String }", "Entry = { cents: Int; memo: String }", "");
        check("type T<'a> =\n  | Leaf\n  // two\n  | Node of 'a * T<'a>", "T<'a> = Leaf | Node of 'a * T<'a>", "");
        check("type Id = Stdlib.Option.Option<Int>", "Id = Stdlib.Option.Option<Int>", "");
        check("val sample = 1", "sample", "");
        check("/// doubles\nf 1 =\n  2", "f 1 = 2", "doubles");
        assert_eq!(outline("// nothing"), None);
    }
}
