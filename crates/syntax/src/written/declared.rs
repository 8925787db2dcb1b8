//! Files, modules and declarations.

use super::{Block, Expr, Name, Path, TypeRef, child, doc_before, nth_child, view_enum, views};
use crate::kind::SyntaxKind as K;
use crate::literal::{self, Braces, Escapes};
use crate::text::TextRange;
use crate::tree::{SyntaxNode, Tree};

views! {
    /// A whole file.
    File = File;
    /// `module X =` with what is further right, or `module X` with the rest of the list.
    Module = Module;
    /// `type`.
    TypeDef = TypeDef;
    /// `let` with parameters and a result type.
    FnDef = FnDef;
    /// `val`.
    ValueDef = ValueDef;
    /// `[<DB>] type`.
    DbDef = DbDef;
    /// `actual = expected`.
    TestDef = TestDef;
    /// A bare expression.
    ExprDef = ExprDef;
    /// One parameter of a function.
    Param = Param;
    /// One field of a record type.
    FieldDef = RecordFieldDef;
    /// One case of an enum type.
    Case = EnumCase;
    /// One field of a case.
    CaseField = EnumCaseField;
}

view_enum! {
    /// What a file or module holds.
    Item {
        /// A module.
        Module(Module) = Module,
        /// A type.
        Type(TypeDef) = TypeDef,
        /// A function.
        Fn(FnDef) = FnDef,
        /// A value.
        Value(ValueDef) = ValueDef,
        /// A datastore.
        Db(DbDef) = DbDef,
        /// An assertion.
        Test(TestDef) = TestDef,
        /// A bare expression.
        Expr(ExprDef) = ExprDef,
    }
}

/// A declared type parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeParam<'t> {
    /// The name, without tick.
    pub name: &'t str,
    /// The bytes, tick included.
    pub range: TextRange,
}

/// What a type declaration declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeShape<'t> {
    /// Fields; at least one.
    Record(Vec<FieldDef<'t>>),
    /// Cases; at least one.
    Enum(Vec<Case<'t>>),
    /// Another name for a type.
    Alias(TypeRef<'t>),
}

/// The right side of an assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestExpected<'t> {
    /// The value expected.
    Value(Expr<'t>),
    /// The runtime error expected.
    Error {
        /// Its exact text, decoded.
        text: String,
        /// Whether it is an error of the datastore compiler: written with `sqlerror`.
        sql: bool,
    },
}

fn type_params(node: SyntaxNode<'_>) -> Vec<TypeParam<'_>> {
    let tokens = node.child(K::TypeParams).into_iter().flat_map(SyntaxNode::tokens);
    let params = tokens.filter(|token| token.kind() == K::TypeVar);
    params.map(|token| TypeParam { name: token.text().trim_start_matches('\''), range: token.range() }).collect()
}

fn type_shape(node: SyntaxNode<'_>) -> Option<TypeShape<'_>> {
    node.children().find_map(|shape| match shape.kind() {
        K::RecordDef => Some(TypeShape::Record(shape.children().filter_map(FieldDef::cast).collect())),
        K::EnumDef => Some(TypeShape::Enum(shape.children().filter_map(Case::cast).collect())),
        K::AliasDef => child(shape, TypeRef::cast).map(TypeShape::Alias),
        _ => None,
    })
}

impl<'t> File<'t> {
    /// The root of a tree.
    pub fn of(tree: &'t Tree) -> Self {
        Self(tree.root())
    }

    /// What the file holds, in order.
    pub fn items(self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        self.0.children().filter_map(Item::cast)
    }
}

impl<'t> Item<'t> {
    /// The declared name's token; `None` for modules (see [`Module::path`]), assertions and bare expressions.
    pub fn name(self) -> Option<Name<'t>> {
        match self {
            Self::Type(TypeDef(node)) | Self::Fn(FnDef(node)) | Self::Value(ValueDef(node)) | Self::Db(DbDef(node)) => {
                declared_name(node)
            }
            Self::Module(_) | Self::Test(_) | Self::Expr(_) => None,
        }
    }

    /// The text of the doc comments before the declaration's keyword, joined with spaces; `None` without any.
    pub fn doc(self) -> Option<String> {
        match self {
            Self::Type(TypeDef(node)) | Self::Db(DbDef(node)) => doc_before(node, K::TypeKw),
            Self::Fn(FnDef(node)) => doc_before(node, K::LetKw),
            Self::Value(ValueDef(node)) => doc_before(node, K::ValKw),
            Self::Module(_) | Self::Test(_) | Self::Expr(_) => None,
        }
    }
}

/// The name after the keyword; in a datastore the attribute's name comes first.
fn declared_name(node: SyntaxNode<'_>) -> Option<Name<'_>> {
    let after = node.tokens().skip_while(|token| !token.kind().is_keyword());
    after.take_while(|token| token.kind() != K::Eq).find(|token| token.kind().is_name()).map(Name)
}

impl<'t> Module<'t> {
    /// The written name.
    pub fn path(self) -> Option<Path<'t>> {
        child(self.0, Path::cast)
    }

    /// Whether it is written with `=` and holds only what is further right; else it holds the rest of the list.
    pub fn is_block(self) -> bool {
        self.0.token(K::Eq).is_some()
    }

    /// The bytes of the header: from `module` to the name or the `=`.
    pub fn header_range(self) -> TextRange {
        let end = self.0.token(K::Eq).map(|token| token.range().end).or_else(|| Some(self.path()?.range().end));
        TextRange::new(self.0.range().start, end.unwrap_or(self.0.range().end))
    }

    /// What the module holds, in order.
    pub fn items(self) -> impl Iterator<Item = Item<'t>> + use<'t> {
        self.0.children().filter_map(Item::cast)
    }
}

impl<'t> TypeDef<'t> {
    /// The type's name.
    pub fn name(self) -> Option<Name<'t>> {
        declared_name(self.0)
    }

    /// The type parameters; empty if there are none.
    pub fn type_params(self) -> Vec<TypeParam<'t>> {
        type_params(self.0)
    }

    /// What it declares.
    pub fn shape(self) -> Option<TypeShape<'t>> {
        type_shape(self.0)
    }
}

impl<'t> FieldDef<'t> {
    /// The field's name.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The field's type.
    pub fn type_ref(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }
}

impl<'t> Case<'t> {
    /// The case's name.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The fields; maybe none.
    pub fn fields(self) -> impl Iterator<Item = CaseField<'t>> + use<'t> {
        self.0.children().filter_map(CaseField::cast)
    }
}

impl<'t> CaseField<'t> {
    /// The label; optional.
    pub fn label(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The field's type.
    pub fn type_ref(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }
}

impl<'t> FnDef<'t> {
    /// The function's name.
    pub fn name(self) -> Option<Name<'t>> {
        declared_name(self.0)
    }

    /// The type parameters; empty if there are none.
    pub fn type_params(self) -> Vec<TypeParam<'t>> {
        type_params(self.0)
    }

    /// The parameters; at least one.
    pub fn params(self) -> impl Iterator<Item = Param<'t>> + use<'t> {
        self.0.children().filter_map(Param::cast)
    }

    /// The result type.
    pub fn result(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }

    /// The body.
    pub fn body(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }
}

impl<'t> Param<'t> {
    /// The name; `None` for `()` and `_`.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// Whether it is `()`.
    pub fn is_unit(self) -> bool {
        self.name().is_none() && self.0.token(K::Wildcard).is_none()
    }

    /// The type; `None` for `()`.
    pub fn type_ref(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }
}

impl<'t> ValueDef<'t> {
    /// The value's name.
    pub fn name(self) -> Option<Name<'t>> {
        declared_name(self.0)
    }

    /// The body.
    pub fn body(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }
}

impl<'t> DbDef<'t> {
    /// The datastore's name.
    pub fn name(self) -> Option<Name<'t>> {
        declared_name(self.0)
    }

    /// The type of its records.
    pub fn type_ref(self) -> Option<TypeRef<'t>> {
        child(self.0.child(K::AliasDef)?, TypeRef::cast)
    }

    /// What is declared, also where it is not one plain type.
    pub fn shape(self) -> Option<TypeShape<'t>> {
        type_shape(self.0)
    }
}

impl<'t> TestDef<'t> {
    /// The left side.
    pub fn actual(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The right side.
    pub fn expected(self) -> Option<TestExpected<'t>> {
        let Some(error) = self.0.child(K::TestError) else {
            return nth_child(self.0, Expr::cast, 1).map(TestExpected::Value);
        };
        let token = error.tokens().find(|token| matches!(token.kind(), K::String | K::RawString))?;
        let (quotes, escapes) =
            if token.kind() == K::RawString { ("\"\"\"", Escapes::Raw) } else { ("\"", Escapes::Resolved) };
        let content = token.text().strip_prefix(quotes)?.strip_suffix(quotes)?;
        let text = literal::decode_text(content, escapes, Braces::Plain);
        Some(TestExpected::Error { text, sql: Name::first_in(error).is_some_and(|name| name.text() == "sqlerror") })
    }
}

impl<'t> ExprDef<'t> {
    /// The expression.
    pub fn expr(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }
}
