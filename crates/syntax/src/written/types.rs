//! Type references.

use super::{Name, Path, child, view_enum, views};
use crate::kind::SyntaxKind as K;

views! {
    /// `A -> B -> R`: arguments and, last, the result.
    FnType = FnType;
    /// `A * B`: two or more parts.
    TupleType = TupleType;
    /// A type in parentheses.
    ParenType = ParenType;
    /// A primitive or declared type, with or without type arguments.
    PathType = PathType;
    /// `List<T>`.
    ListType = ListType;
    /// `Dict<T>`.
    DictType = DictType;
    /// A type variable, with or without tick.
    VarType = VarType;
    /// `<A, B>` after a name.
    TypeArgs = TypeArgs;
}
use super::Malformed;

view_enum! {
    /// A written type.
    TypeRef {
        /// `A -> B -> R`.
        Fn(FnType) = FnType,
        /// `A * B`.
        Tuple(TupleType) = TupleType,
        /// `(T)`.
        Paren(ParenType) = ParenType,
        /// `Int`, `Stdlib.Option.Option<Int>`.
        Path(PathType) = PathType,
        /// `List<T>`.
        List(ListType) = ListType,
        /// `Dict<T>`.
        Dict(DictType) = DictType,
        /// `'a`, or a bare lower-case name.
        Var(VarType) = VarType,
        /// Missing or malformed.
        Malformed(Malformed) = Error,
    }
}

/// The types that the language itself has, when written unqualified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named after the Darklang types")]
pub enum Primitive {
    Unit,
    Bool,
    Int,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Int128,
    UInt128,
    Float,
    Char,
    String,
    DateTime,
    Uuid,
    Blob,
}

impl Primitive {
    /// The primitive with a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Unit" => Self::Unit,
            "Bool" => Self::Bool,
            "Int" => Self::Int,
            "Int8" => Self::Int8,
            "UInt8" => Self::UInt8,
            "Int16" => Self::Int16,
            "UInt16" => Self::UInt16,
            "Int32" => Self::Int32,
            "UInt32" => Self::UInt32,
            "Int64" => Self::Int64,
            "UInt64" => Self::UInt64,
            "Int128" => Self::Int128,
            "UInt128" => Self::UInt128,
            "Float" => Self::Float,
            "Char" => Self::Char,
            "String" => Self::String,
            "DateTime" => Self::DateTime,
            "Uuid" => Self::Uuid,
            "Blob" => Self::Blob,
            _ => return None,
        })
    }
}

impl<'t> TypeRef<'t> {
    /// Itself without the parentheses around it.
    pub fn unparenthesised(self) -> Self {
        let mut inner = self;
        while let Self::Paren(paren) = inner
            && let Some(content) = paren.inner()
        {
            inner = content;
        }
        inner
    }
}

impl<'t> FnType<'t> {
    /// The argument types; at least one.
    pub fn arguments(self) -> Vec<TypeRef<'t>> {
        let mut parts: Vec<_> = self.0.children().filter_map(TypeRef::cast).collect();
        parts.pop();
        parts
    }

    /// The result type.
    pub fn result(self) -> Option<TypeRef<'t>> {
        self.0.children().filter_map(TypeRef::cast).last()
    }
}

impl<'t> TupleType<'t> {
    /// The parts; at least two.
    pub fn parts(self) -> impl Iterator<Item = TypeRef<'t>> + use<'t> {
        self.0.children().filter_map(TypeRef::cast)
    }
}

impl<'t> ParenType<'t> {
    /// What is in the parentheses.
    pub fn inner(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }
}

impl<'t> PathType<'t> {
    /// The name.
    pub fn path(self) -> Option<Path<'t>> {
        child(self.0, Path::cast)
    }

    /// The type arguments; empty if there are none.
    pub fn args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }

    /// The primitive it means: unqualified and without type arguments.
    pub fn primitive(self) -> Option<Primitive> {
        if self.0.child(K::TypeArgs).is_some() {
            return None;
        }
        Primitive::named(self.path()?.single()?.text())
    }
}

impl<'t> ListType<'t> {
    /// The type of the elements.
    pub fn element(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeArgs::cast)?.types().next()
    }

    /// All that is written between the angles; the language allows one.
    pub fn args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }
}

impl<'t> DictType<'t> {
    /// The type of the values.
    pub fn value(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeArgs::cast)?.types().next()
    }

    /// All that is written between the angles; the language allows one.
    pub fn args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }
}

impl<'t> VarType<'t> {
    /// The name, without tick.
    pub fn name(self) -> &'t str {
        match self.0.tokens().find(|token| token.kind() == K::TypeVar) {
            Some(token) => token.text().trim_start_matches('\''),
            None => Name::first_in(self.0).map_or("", Name::text),
        }
    }
}

impl<'t> TypeArgs<'t> {
    /// The types between the angles.
    pub fn types(self) -> impl Iterator<Item = TypeRef<'t>> + use<'t> {
        self.0.children().filter_map(TypeRef::cast)
    }
}
