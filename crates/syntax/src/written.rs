//! WrittenTypes: the tree read as what the author wrote.
//!
//! Each view is a small handle on one node. Accessors return `Option` where a text with errors may lack the part; in a text
//! without diagnostics they are always there, except where the documentation says that the part is optional in the
//! language. Nothing is desugared: parentheses, separators, `else if`, operators and interpolation are as written.

mod declared;
mod exprs;
mod names;
mod patterns;
mod types;

pub use declared::{
    Case, CaseField, DbDef, ExprDef, FieldDef, File, FnDef, Item, Module, Param, TestDef, TestExpected, TypeDef,
    TypeParam, TypeShape, ValueDef,
};
pub use exprs::{
    AnonymousRecord, ApplyExpr, Block, DictExpr, EnumExpr, Expr, FieldExpr, FieldValue, IfBranch, IfExpr, InfixExpr,
    InfixOp, InterpExpr, InterpPart, LambdaExpr, LetExpr, ListExpr, LiteralExpr, LocalFn, LocalParam, MatchArm,
    MatchExpr, NameExpr, NegExpr, OpSection, ParenExpr, PipeExpr, PipeSegment, RecordExpr, TupleExpr, UnitExpr,
    UpdateExpr,
};
pub use names::{Name, Path};
pub use patterns::{
    ConsPat, EnumPat, LetParen, LetPattern, LetTuple, LetUnit, LetVar, LetWildcard, ListPat, LiteralPat, MatchPattern,
    OrPat, ParenPat, TuplePat, UnitPat, VarPat, WildcardPat,
};
pub use types::{DictType, FnType, ListType, ParenType, PathType, Primitive, TupleType, TypeArgs, TypeRef, VarType};

use crate::kind::SyntaxKind;
use crate::tree::SyntaxNode;

/// Declares views of nodes of one kind each.
macro_rules! views {
    ($($(#[$doc:meta])* $name:ident = $kind:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub struct $name<'t>(pub(crate) $crate::tree::SyntaxNode<'t>);

            impl<'t> $name<'t> {
                /// The view of a node, if the node is of this kind.
                pub fn cast(node: $crate::tree::SyntaxNode<'t>) -> Option<Self> {
                    (node.kind() == $crate::kind::SyntaxKind::$kind).then_some(Self(node))
                }

                /// The node.
                #[inline]
                pub fn syntax(self) -> $crate::tree::SyntaxNode<'t> {
                    self.0
                }

                /// Its bytes, without what stands before and after.
                #[inline]
                pub fn range(self) -> $crate::text::TextRange {
                    self.0.range()
                }
            }
        )+
    };
}

/// Declares an enumeration of views with one variant for each node kind.
macro_rules! view_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident($view:ident) = $kind:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name<'t> {
            $($(#[$vdoc])* $variant($view<'t>),)+
        }

        impl<'t> $name<'t> {
            /// The view of a node, if the node is of one of these kinds.
            pub fn cast(node: $crate::tree::SyntaxNode<'t>) -> Option<Self> {
                Some(match node.kind() {
                    $($crate::kind::SyntaxKind::$kind => Self::$variant($view(node)),)+
                    _ => return None,
                })
            }

            /// The node.
            #[inline]
            pub fn syntax(self) -> $crate::tree::SyntaxNode<'t> {
                match self {
                    $(Self::$variant(view) => view.0,)+
                }
            }

            /// Its bytes, without what stands before and after.
            #[inline]
            pub fn range(self) -> $crate::text::TextRange {
                self.syntax().range()
            }
        }
    };
}

pub(crate) use {view_enum, views};

views! {
    /// A part that is missing or does not fit; only in texts with diagnostics.
    Malformed = Error;
}

/// The first direct child that a cast accepts.
fn child<'t, T>(node: SyntaxNode<'t>, cast: impl Fn(SyntaxNode<'t>) -> Option<T>) -> Option<T> {
    node.children().find_map(cast)
}

/// The direct child at a place among those that a cast accepts.
fn nth_child<'t, T>(node: SyntaxNode<'t>, cast: impl Fn(SyntaxNode<'t>) -> Option<T>, nth: usize) -> Option<T> {
    node.children().filter_map(cast).nth(nth)
}

/// The joined text of the doc comments directly before a token: `///` and the spaces around the text removed, rows joined
/// with one space; `None` without doc comments.
fn doc_before(node: SyntaxNode<'_>, keyword: SyntaxKind) -> Option<String> {
    let token = node.token(keyword)?;
    let lines: Vec<_> = token
        .leading_trivia()
        .into_iter()
        .filter(|trivia| trivia.kind() == SyntaxKind::DocComment)
        .map(|trivia| trivia.text().get(3..).unwrap_or_default().trim())
        .collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}
