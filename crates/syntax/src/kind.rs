//! The kinds of tokens and nodes a tree is made of.
//!
//! One flat enumeration for both, so that an element of a tree needs one byte for its kind. Tokens come first; every
//! kind from [`SyntaxKind::File`] on is a node.

/// The kind of one token or node of a [`Tree`](crate::Tree).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "token kinds are named after what is written; nodes are documented at their views")]
pub enum SyntaxKind {
    // Trivia.
    Whitespace,
    LineComment,
    DocComment,
    BlockComment,
    /// A character that belongs to no token; skipped, with a `LEX` diagnostic.
    Unknown,
    // Names and words.
    Ident,
    UpperIdent,
    TypeVar,
    Wildcard,
    LetKw,
    ValKw,
    InKw,
    IfKw,
    ElifKw,
    ThenKw,
    ElseKw,
    TypeKw,
    OfKw,
    MatchKw,
    WithKw,
    FunKw,
    WhenKw,
    TrueKw,
    FalseKw,
    // Literals.
    Int,
    Float,
    BadNumber,
    String,
    RawString,
    Char,
    InterpStart,
    InterpText,
    InterpOpen,
    InterpClose,
    InterpEnd,
    // Operators and punctuation.
    Plus,
    PlusPlus,
    Minus,
    Star,
    Slash,
    Percent,
    Caret,
    At,
    EqEq,
    NotEq,
    Lt,
    Le,
    Gt,
    Ge,
    AndAnd,
    OrOr,
    PipeGt,
    ColonColon,
    Arrow,
    Eq,
    Bar,
    Comma,
    Semicolon,
    Colon,
    Dot,
    LParen,
    RParen,
    LBrace,
    RBrace,
    LBracket,
    RBracket,
    ShiftLeft,
    /// The first `>` of a `>>`; the second is a plain [`SyntaxKind::Gt`] token. Both become `Gt` where they close types.
    ShiftRight,
    Tildes,
    BarBarBar,
    Ellipsis,
    Bang,
    Amp,
    Eof,
    // Nodes: the file and what it declares.
    File,
    Module,
    Path,
    TypeDef,
    TypeParams,
    RecordDef,
    RecordFieldDef,
    EnumDef,
    EnumCase,
    EnumCaseField,
    AliasDef,
    FnDef,
    Param,
    ValueDef,
    DbDef,
    TestDef,
    TestError,
    ExprDef,
    // Type references.
    FnType,
    TupleType,
    ParenType,
    PathType,
    ListType,
    DictType,
    VarType,
    TypeArgs,
    // Expressions.
    Block,
    LetExpr,
    LocalFn,
    LocalParam,
    IfExpr,
    IfBranch,
    ElseBranch,
    MatchExpr,
    MatchArm,
    Guard,
    PipeExpr,
    PipeSegment,
    InfixExpr,
    NegExpr,
    ApplyExpr,
    FieldExpr,
    NameExpr,
    EnumExpr,
    EnumFields,
    RecordExpr,
    RecordField,
    DictExpr,
    UpdateExpr,
    AnonymousRecord,
    LiteralExpr,
    InterpExpr,
    InterpHole,
    UnitExpr,
    ParenExpr,
    TupleExpr,
    ListExpr,
    LambdaExpr,
    OpSection,
    // Patterns of `let` and `fun`.
    LetVar,
    LetWildcard,
    LetUnit,
    LetTuple,
    LetParen,
    // Patterns of `match`.
    WildcardPat,
    VarPat,
    LiteralPat,
    UnitPat,
    ParenPat,
    ListPat,
    TuplePat,
    ConsPat,
    OrPat,
    EnumPat,
    EnumPatFields,
    /// A missing part: zero-width, stands where the grammar wants something that is not there.
    Hole,
    /// Tokens that fit nowhere.
    Error,
}

use SyntaxKind as K;

impl SyntaxKind {
    /// Whether this is the kind of a token.
    #[inline]
    pub const fn is_token(self) -> bool {
        (self as u8) < (K::File as u8)
    }

    /// Whether tokens of this kind carry no meaning for the grammar: space, comments and skipped characters.
    #[inline]
    pub const fn is_trivia(self) -> bool {
        (self as u8) <= (K::Unknown as u8)
    }

    /// Whether this is a comment of any of the three forms.
    #[inline]
    pub const fn is_comment(self) -> bool {
        matches!(self, K::LineComment | K::DocComment | K::BlockComment)
    }

    /// Whether this is one of the reserved words.
    #[inline]
    pub const fn is_keyword(self) -> bool {
        (self as u8) >= (K::LetKw as u8) && (self as u8) <= (K::FalseKw as u8)
    }

    /// Whether this is an identifier of either case.
    #[inline]
    pub const fn is_name(self) -> bool {
        matches!(self, K::Ident | K::UpperIdent)
    }

    /// How a token of this kind is called in a message: its text in ticks, or a noun.
    pub const fn describe(self) -> &'static str {
        match self {
            K::Ident | K::UpperIdent => "a name",
            K::TypeVar => "a type variable",
            K::Int | K::Float | K::BadNumber => "a number",
            K::String | K::RawString | K::InterpStart | K::InterpText => "a string",
            K::Char => "a char",
            K::InterpEnd => "the end of the string",
            K::InterpClose => "the end of the interpolation",
            K::Eof => "the end of the file",
            K::Unknown => "an unexpected character",
            _ => self.symbol(),
        }
    }

    /// The text of a token with only one spelling, in ticks; for every other kind a plain noun.
    const fn symbol(self) -> &'static str {
        match self {
            K::Wildcard => "`_`",
            K::LetKw => "`let`",
            K::ValKw => "`val`",
            K::InKw => "`in`",
            K::IfKw => "`if`",
            K::ElifKw => "`elif`",
            K::ThenKw => "`then`",
            K::ElseKw => "`else`",
            K::TypeKw => "`type`",
            K::OfKw => "`of`",
            K::MatchKw => "`match`",
            K::WithKw => "`with`",
            K::FunKw => "`fun`",
            K::WhenKw => "`when`",
            K::TrueKw => "`true`",
            K::FalseKw => "`false`",
            K::InterpOpen | K::LBrace => "`{`",
            K::RBrace => "`}`",
            K::LParen => "`(`",
            K::RParen => "`)`",
            K::LBracket => "`[`",
            K::RBracket => "`]`",
            K::Arrow => "`->`",
            K::Eq => "`=`",
            K::Bar => "`|`",
            K::Comma => "`,`",
            K::Semicolon => "`;`",
            K::Colon => "`:`",
            K::ColonColon => "`::`",
            K::Dot => "`.`",
            K::PipeGt => "`|>`",
            _ => self.operator_symbol(),
        }
    }

    const fn operator_symbol(self) -> &'static str {
        match self {
            K::Plus => "`+`",
            K::PlusPlus => "`++`",
            K::Minus => "`-`",
            K::Star => "`*`",
            K::Slash => "`/`",
            K::Percent => "`%`",
            K::Caret => "`^`",
            K::At => "`@`",
            K::EqEq => "`==`",
            K::NotEq => "`!=`",
            K::Lt => "`<`",
            K::Le => "`<=`",
            K::Gt => "`>`",
            K::Ge => "`>=`",
            K::AndAnd => "`&&`",
            K::OrOr => "`||`",
            K::ShiftLeft => "`<<`",
            K::ShiftRight => "`>>`",
            K::Tildes => "`~~~`",
            K::BarBarBar => "`|||`",
            K::Ellipsis => "`...`",
            K::Bang => "`!`",
            K::Amp => "`&`",
            _ => "this",
        }
    }
}
