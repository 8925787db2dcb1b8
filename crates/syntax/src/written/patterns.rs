//! Patterns of `let` and `fun`, and of `match`.

use super::{LiteralExpr, Malformed, Name, child, nth_child, view_enum, views};
use crate::kind::SyntaxKind as K;
use crate::literal::LiteralValue;

views! {
    /// A name to bind.
    LetVar = LetVar;
    /// `_`.
    LetWildcard = LetWildcard;
    /// `()`.
    LetUnit = LetUnit;
    /// `(a, b)`: two or more parts.
    LetTuple = LetTuple;
    /// A pattern in parentheses.
    LetParen = LetParen;
    /// `_` in a match.
    WildcardPat = WildcardPat;
    /// A name to bind in a match.
    VarPat = VarPat;
    /// A literal, or a number with `-`.
    LiteralPat = LiteralPat;
    /// `()` in a match.
    UnitPat = UnitPat;
    /// A match pattern in parentheses.
    ParenPat = ParenPat;
    /// `[a; b]`.
    ListPat = ListPat;
    /// `a, b`: two or more parts.
    TuplePat = TuplePat;
    /// `head :: tail`.
    ConsPat = ConsPat;
    /// `a | b`: two or more alternatives.
    OrPat = OrPat;
    /// A case and its fields.
    EnumPat = EnumPat;
}

view_enum! {
    /// What a `let` or a lambda parameter binds.
    LetPattern {
        /// A name.
        Var(LetVar) = LetVar,
        /// `_`.
        Wildcard(LetWildcard) = LetWildcard,
        /// `()`.
        Unit(LetUnit) = LetUnit,
        /// `(a, b)`.
        Tuple(LetTuple) = LetTuple,
        /// `(p)`.
        Paren(LetParen) = LetParen,
        /// Missing or malformed.
        Malformed(Malformed) = Error,
    }
}

view_enum! {
    /// The pattern of a match arm.
    MatchPattern {
        /// `_`.
        Wildcard(WildcardPat) = WildcardPat,
        /// A name.
        Var(VarPat) = VarPat,
        /// A literal.
        Literal(LiteralPat) = LiteralPat,
        /// `()`.
        Unit(UnitPat) = UnitPat,
        /// `(p)`.
        Paren(ParenPat) = ParenPat,
        /// `[a; b]`.
        List(ListPat) = ListPat,
        /// `a, b`.
        Tuple(TuplePat) = TuplePat,
        /// `head :: tail`.
        Cons(ConsPat) = ConsPat,
        /// `a | b`.
        Or(OrPat) = OrPat,
        /// `Case`, `Case(a, b)`, `Case a b`.
        Enum(EnumPat) = EnumPat,
        /// Missing or malformed.
        Malformed(Malformed) = Error,
    }
}

impl<'t> LetVar<'t> {
    /// The name.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }
}

impl<'t> LetTuple<'t> {
    /// The parts.
    pub fn parts(self) -> impl Iterator<Item = LetPattern<'t>> + use<'t> {
        self.0.children().filter_map(LetPattern::cast)
    }
}

impl<'t> LetParen<'t> {
    /// What is in the parentheses.
    pub fn inner(self) -> Option<LetPattern<'t>> {
        child(self.0, LetPattern::cast)
    }
}

impl<'t> VarPat<'t> {
    /// The name.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }
}

impl<'t> LiteralPat<'t> {
    /// What it stands for; `None` for a malformed literal.
    pub fn value(self) -> Option<LiteralValue> {
        LiteralExpr(self.0).value()
    }
}

impl<'t> ParenPat<'t> {
    /// What is in the parentheses.
    pub fn inner(self) -> Option<MatchPattern<'t>> {
        child(self.0, MatchPattern::cast)
    }
}

impl<'t> ListPat<'t> {
    /// The elements; maybe none.
    pub fn elements(self) -> impl Iterator<Item = MatchPattern<'t>> + use<'t> {
        self.0.children().filter_map(MatchPattern::cast)
    }
}

impl<'t> TuplePat<'t> {
    /// The parts.
    pub fn parts(self) -> impl Iterator<Item = MatchPattern<'t>> + use<'t> {
        self.0.children().filter_map(MatchPattern::cast)
    }
}

impl<'t> ConsPat<'t> {
    /// Before the `::`.
    pub fn head(self) -> Option<MatchPattern<'t>> {
        child(self.0, MatchPattern::cast)
    }

    /// After the `::`.
    pub fn tail(self) -> Option<MatchPattern<'t>> {
        nth_child(self.0, MatchPattern::cast, 1)
    }
}

impl<'t> OrPat<'t> {
    /// The alternatives.
    pub fn alternatives(self) -> impl Iterator<Item = MatchPattern<'t>> + use<'t> {
        self.0.children().filter_map(MatchPattern::cast)
    }
}

impl<'t> EnumPat<'t> {
    /// The case name, never dotted.
    pub fn case(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The patterns of the fields: those in parentheses, one for each comma-separated part, else those after spaces. `Case()`
    /// has one unit pattern.
    pub fn fields(self) -> Vec<MatchPattern<'t>> {
        let holder = self.0.child(K::EnumPatFields).unwrap_or(self.0);
        holder.children().filter_map(MatchPattern::cast).collect()
    }
}
