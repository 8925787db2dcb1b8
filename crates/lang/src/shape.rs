//! Whether two trees say the same, whatever the space between their tokens.

use dm_syntax::{SyntaxElement, SyntaxNode, TextRange};

/// Whether two nodes have the same structure and the same tokens; space and comments do not count.
pub(crate) fn alike(a: SyntaxNode<'_>, b: SyntaxNode<'_>) -> bool {
    outside(a, &[]).eq(outside(b, &[]))
}

/// Whether two nodes have the same structure and tokens outside the given spans, which stand for each other in order.
pub(crate) fn alike_but(a: SyntaxNode<'_>, in_a: &[TextRange], b: SyntaxNode<'_>, in_b: &[TextRange]) -> bool {
    outside(a, in_a).eq(outside(b, in_b))
}

/// Kinds of all elements that lie not wholly inside one of the ascending spans, with the text of tokens.
fn outside<'t>(node: SyntaxNode<'t>, spans: &[TextRange]) -> impl Iterator<Item = (dm_syntax::SyntaxKind, &'t str)> {
    node.descendant_elements().filter(|element| !element.kind().is_trivia()).filter_map(move |element| {
        let range = element.range();
        let at = spans.partition_point(|span| span.start <= range.start);
        let hidden = at.checked_sub(1).and_then(|at| spans.get(at)).is_some_and(|span| range.end <= span.end);
        match element {
            _ if hidden => None,
            SyntaxElement::Node(node) => Some((node.kind(), "")),
            SyntaxElement::Token(token) => Some((token.kind(), token.text())),
        }
    })
}
