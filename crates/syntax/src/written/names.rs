//! Names and dotted paths.

use super::views;
use crate::kind::SyntaxKind as K;
use crate::text::TextRange;
use crate::tree::{SyntaxNode, SyntaxToken};

/// One written name: an identifier token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name<'t>(pub(crate) SyntaxToken<'t>);

impl<'t> Name<'t> {
    /// The first name token directly in a node.
    pub(crate) fn first_in(node: SyntaxNode<'t>) -> Option<Self> {
        node.tokens().find(|token| token.kind().is_name()).map(Self)
    }

    /// The name it means: without double backticks; `___` is the empty name.
    pub fn text(self) -> &'t str {
        let text = self.0.text();
        match text.strip_prefix("``").and_then(|rest| rest.strip_suffix("``")) {
            Some(content) => content,
            None if text == "___" => "",
            None => text,
        }
    }

    /// The token's bytes, backticks included.
    pub fn range(self) -> TextRange {
        self.0.range()
    }

    /// Whether the first letter is upper-case, as in modules, types and cases.
    pub fn is_upper(self) -> bool {
        self.0.kind() == K::UpperIdent
    }

    /// The token.
    pub fn token(self) -> SyntaxToken<'t> {
        self.0
    }
}

views! {
    /// A name or several joined by dots.
    Path = Path;
}

impl<'t> Path<'t> {
    /// All names, in order; at least one in a text without diagnostics.
    pub fn segments(self) -> impl Iterator<Item = Name<'t>> + use<'t> {
        self.0.tokens().filter(|token| token.kind().is_name()).map(Name)
    }

    /// The last name.
    pub fn last(self) -> Option<Name<'t>> {
        self.segments().last()
    }

    /// The only name, if there is just one.
    pub fn single(self) -> Option<Name<'t>> {
        let mut segments = self.segments();
        let first = segments.next()?;
        segments.next().is_none().then_some(first)
    }

    /// The names joined by dots, without the space and comments that may stand between them.
    pub fn dotted(self) -> String {
        self.segments().map(Name::text).collect::<Vec<_>>().join(".")
    }
}
