//! Expressions.

use super::{LetPattern, Malformed, MatchPattern, Name, Path, TypeArgs, TypeRef, child, nth_child, view_enum, views};
use crate::kind::SyntaxKind as K;
use crate::literal::{self, Braces, Escapes, LiteralValue};
use crate::text::TextRange;
use crate::tree::{SyntaxElement, SyntaxToken};

views! {
    /// Statements one after another; the last one's value is the block's.
    Block = Block;
    /// `let pattern = value` and what follows it.
    LetExpr = LetExpr;
    /// `let name (parameters) = body` inside an expression.
    LocalFn = LocalFn;
    /// One parameter of a local function.
    LocalParam = LocalParam;
    /// `if` with all its branches.
    IfExpr = IfExpr;
    /// A condition and what it guards: `if`, `elif` or `else if`.
    IfBranch = IfBranch;
    /// `match`.
    MatchExpr = MatchExpr;
    /// One arm of a match.
    MatchArm = MatchArm;
    /// A value and the segments it is piped through.
    PipeExpr = PipeExpr;
    /// What follows one `|>`.
    PipeSegment = PipeSegment;
    /// `left op right`. Chains of left-associative operators nest on the left, up to [`crate::CHAIN_MAX`] deep.
    InfixExpr = InfixExpr;
    /// `-` before anything but a number.
    NegExpr = NegExpr;
    /// A call. Never of a bare case: its fields belong to the [`EnumExpr`].
    ApplyExpr = ApplyExpr;
    /// `record.field`.
    FieldExpr = FieldExpr;
    /// A variable or a qualified name, with or without type arguments.
    NameExpr = NameExpr;
    /// A case and its fields.
    EnumExpr = EnumExpr;
    /// `Type { field = value }`.
    RecordExpr = RecordExpr;
    /// `field = value` in a record, dict or update.
    FieldValue = RecordField;
    /// `Dict { key = value }`.
    DictExpr = DictExpr;
    /// `{ record with field = value }`.
    UpdateExpr = UpdateExpr;
    /// `{ field = value }`; always with a diagnostic.
    AnonymousRecord = AnonymousRecord;
    /// A literal, or a number with `-`.
    LiteralExpr = LiteralExpr;
    /// A string with interpolation.
    InterpExpr = InterpExpr;
    /// `()`.
    UnitExpr = UnitExpr;
    /// One or more statements in parentheses.
    ParenExpr = ParenExpr;
    /// `(a, b)`: two or more parts.
    TupleExpr = TupleExpr;
    /// `[a; b]`.
    ListExpr = ListExpr;
    /// `fun patterns -> body`.
    LambdaExpr = LambdaExpr;
    /// `(op)`: an operator as a function.
    OpSection = OpSection;
}

view_enum! {
    /// An expression.
    Expr {
        /// `let p = v` and its body.
        Let(LetExpr) = LetExpr,
        /// `let f (x) = v` and its body.
        LocalFn(LocalFn) = LocalFn,
        /// `if`.
        If(IfExpr) = IfExpr,
        /// `match`.
        Match(MatchExpr) = MatchExpr,
        /// `a |> f`.
        Pipe(PipeExpr) = PipeExpr,
        /// `a + b`.
        Infix(InfixExpr) = InfixExpr,
        /// `-x`.
        Neg(NegExpr) = NegExpr,
        /// `f x`.
        Apply(ApplyExpr) = ApplyExpr,
        /// `x.field`.
        Field(FieldExpr) = FieldExpr,
        /// `x`, `M.f`.
        Name(NameExpr) = NameExpr,
        /// `Case`, `T.Case(x)`, `Ok x`.
        Enum(EnumExpr) = EnumExpr,
        /// `T { a = 1 }`.
        Record(RecordExpr) = RecordExpr,
        /// `Dict { a = 1 }`.
        Dict(DictExpr) = DictExpr,
        /// `{ r with a = 1 }`.
        Update(UpdateExpr) = UpdateExpr,
        /// `{ a = 1 }`.
        Anonymous(AnonymousRecord) = AnonymousRecord,
        /// `1`, `"text"`.
        Literal(LiteralExpr) = LiteralExpr,
        /// `$"text {x}"`.
        Interp(InterpExpr) = InterpExpr,
        /// `()`.
        Unit(UnitExpr) = UnitExpr,
        /// `(x)`.
        Paren(ParenExpr) = ParenExpr,
        /// `(a, b)`.
        Tuple(TupleExpr) = TupleExpr,
        /// `[a; b]`.
        List(ListExpr) = ListExpr,
        /// `fun x -> y`.
        Lambda(LambdaExpr) = LambdaExpr,
        /// `(+)`.
        Section(OpSection) = OpSection,
        /// Missing or malformed.
        Malformed(Malformed) = Error,
    }
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named after their signs, which `sign` gives")]
pub enum InfixOp {
    Or,
    And,
    Equals,
    NotEquals,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Append,
    Plus,
    Minus,
    Concat,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl InfixOp {
    fn of(kind: K) -> Option<Self> {
        Some(match kind {
            K::OrOr => Self::Or,
            K::AndAnd => Self::And,
            K::EqEq => Self::Equals,
            K::NotEq => Self::NotEquals,
            K::Lt => Self::Less,
            K::Gt => Self::Greater,
            K::Le => Self::LessOrEqual,
            K::Ge => Self::GreaterOrEqual,
            K::At => Self::Append,
            K::Plus => Self::Plus,
            K::Minus => Self::Minus,
            K::PlusPlus => Self::Concat,
            K::Star => Self::Multiply,
            K::Slash => Self::Divide,
            K::Percent => Self::Modulo,
            K::Caret => Self::Power,
            _ => return None,
        })
    }

    /// The operator as written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equals => "==",
            Self::NotEquals => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Append => "@",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Concat => "++",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        }
    }
}

impl<'t> Expr<'t> {
    /// Itself without the parentheses around it, as long as they hold one expression.
    pub fn unparenthesised(self) -> Self {
        let mut inner = self;
        while let Self::Paren(paren) = inner
            && let Some(content) = paren.only()
        {
            inner = content;
        }
        inner
    }
}

impl<'t> Block<'t> {
    /// The statements; at least one.
    pub fn statements(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast)
    }
}

impl<'t> LetExpr<'t> {
    /// What is bound.
    pub fn pattern(self) -> Option<LetPattern<'t>> {
        self.0.children().next().and_then(LetPattern::cast)
    }

    /// The bound value.
    pub fn value(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }

    /// What follows. Bodies that go on with `let` nest up to [`crate::CHAIN_MAX`] deep: walk them in a loop.
    pub fn body(self) -> Option<Block<'t>> {
        nth_child(self.0, Block::cast, 1)
    }
}

impl<'t> LocalFn<'t> {
    /// The function's name.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The parameters; at least one.
    pub fn params(self) -> impl Iterator<Item = LocalParam<'t>> + use<'t> {
        self.0.children().filter_map(LocalParam::cast)
    }

    /// The written result type; optional.
    pub fn result(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }

    /// The function's body.
    pub fn value(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }

    /// What follows the function.
    pub fn body(self) -> Option<Block<'t>> {
        nth_child(self.0, Block::cast, 1)
    }
}

impl<'t> LocalParam<'t> {
    /// The name; `None` for `()` and `_`.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// Whether it is `()`.
    pub fn is_unit(self) -> bool {
        self.name().is_none() && self.0.token(K::Wildcard).is_none()
    }

    /// The written type; optional.
    pub fn type_ref(self) -> Option<TypeRef<'t>> {
        child(self.0, TypeRef::cast)
    }
}

impl<'t> IfExpr<'t> {
    /// `if`, then each `elif` and `else if`; at least one.
    pub fn branches(self) -> impl Iterator<Item = IfBranch<'t>> + use<'t> {
        self.0.children().filter_map(IfBranch::cast)
    }

    /// What stands after the last `else`; optional.
    pub fn otherwise(self) -> Option<Block<'t>> {
        child(self.0.child(K::ElseBranch)?, Block::cast)
    }
}

impl<'t> IfBranch<'t> {
    /// The condition.
    pub fn condition(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// What stands after `then`.
    pub fn body(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }
}

impl<'t> MatchExpr<'t> {
    /// What is matched; several, separated by commas, are a tuple.
    pub fn scrutinees(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast)
    }

    /// The arms; at least one.
    pub fn arms(self) -> impl Iterator<Item = MatchArm<'t>> + use<'t> {
        self.0.children().filter_map(MatchArm::cast)
    }
}

impl<'t> MatchArm<'t> {
    /// The pattern.
    pub fn pattern(self) -> Option<MatchPattern<'t>> {
        child(self.0, MatchPattern::cast)
    }

    /// What stands after `when`; optional.
    pub fn guard(self) -> Option<Expr<'t>> {
        child(self.0.child(K::Guard)?, Expr::cast)
    }

    /// What stands after the arrow.
    pub fn body(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }
}

impl<'t> PipeExpr<'t> {
    /// The value that enters the pipe.
    pub fn head(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The segments; at least one.
    pub fn segments(self) -> impl Iterator<Item = PipeSegment<'t>> + use<'t> {
        self.0.children().filter_map(PipeSegment::cast)
    }
}

impl<'t> PipeSegment<'t> {
    /// What stands after the `|>`: a name, a call, a case or a lambda (each maybe in parentheses); for `(op) value` the
    /// section.
    pub fn expr(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// For `(op) value`: the value on the right of the operator.
    pub fn operand(self) -> Option<Expr<'t>> {
        nth_child(self.0, Expr::cast, 1)
    }
}

impl<'t> InfixExpr<'t> {
    /// The left side.
    pub fn left(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The operator.
    pub fn op(self) -> Option<InfixOp> {
        self.0.tokens().find_map(|token| InfixOp::of(token.kind()))
    }

    /// The operator's token.
    pub fn op_token(self) -> Option<SyntaxToken<'t>> {
        self.0.tokens().find(|token| InfixOp::of(token.kind()).is_some())
    }

    /// The right side.
    pub fn right(self) -> Option<Expr<'t>> {
        nth_child(self.0, Expr::cast, 1)
    }
}

impl<'t> NegExpr<'t> {
    /// What is negated.
    pub fn operand(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }
}

impl<'t> ApplyExpr<'t> {
    /// What is called. A case in parentheses stands here too: `(Ok) 5`.
    pub fn callee(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The arguments; at least one.
    pub fn args(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast).skip(1)
    }
}

impl<'t> FieldExpr<'t> {
    /// What has the field.
    pub fn record(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The field's name.
    pub fn field(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }
}

impl<'t> NameExpr<'t> {
    /// The name; one segment is a variable, several are a qualified name.
    pub fn path(self) -> Option<Path<'t>> {
        child(self.0, Path::cast)
    }

    /// The type arguments; empty if there are none.
    pub fn type_args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }

    /// Whether it is applied: called with arguments, or what a value is piped into. Parentheses around it do not count.
    pub fn is_applied(self) -> bool {
        let mut node = self.0;
        while let Some(parent) = node.parent() {
            match parent.kind() {
                K::ParenExpr => node = parent,
                K::ApplyExpr => return parent.children().next() == Some(node),
                K::PipeSegment => return parent.children().next() == Some(node),
                _ => return false,
            }
        }
        false
    }
}

impl<'t> EnumExpr<'t> {
    /// The written name: type and case, or with type arguments before the last dot, the type alone.
    pub fn path(self) -> Option<Path<'t>> {
        child(self.0, Path::cast)
    }

    /// The case: the name after the type arguments if there is one, else the last of the path.
    pub fn case(self) -> Option<Name<'t>> {
        Name::first_in(self.0).or_else(|| self.path()?.last())
    }

    /// The names of the type before the case, in order; empty for a bare case.
    pub fn type_segments(self) -> Vec<Name<'t>> {
        let mut segments: Vec<_> = self.path().map(|path| path.segments().collect()).unwrap_or_default();
        if Name::first_in(self.0).is_none() {
            segments.pop();
        }
        segments
    }

    /// The type arguments; empty if there are none.
    pub fn type_args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }

    /// The fields: those in parentheses, one for each comma-separated part, else those after spaces. `Case()` has one unit.
    pub fn fields(self) -> Vec<Expr<'t>> {
        let holder = self.0.child(K::EnumFields).unwrap_or(self.0);
        holder.children().filter_map(Expr::cast).collect()
    }
}

impl<'t> RecordExpr<'t> {
    /// The type's name.
    pub fn path(self) -> Option<Path<'t>> {
        child(self.0, Path::cast)
    }

    /// The case name written after type arguments (`T<Int>.Name { .. }`), which is part of the type's name.
    pub fn name_after_args(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The type arguments; empty if there are none.
    pub fn type_args(self) -> Vec<TypeRef<'t>> {
        child(self.0, TypeArgs::cast).map(|args| args.types().collect()).unwrap_or_default()
    }

    /// The fields, in the order written.
    pub fn fields(self) -> impl Iterator<Item = FieldValue<'t>> + use<'t> {
        self.0.children().filter_map(FieldValue::cast)
    }
}

impl<'t> FieldValue<'t> {
    /// The field's name or the key.
    pub fn name(self) -> Option<Name<'t>> {
        Name::first_in(self.0)
    }

    /// The value.
    pub fn value(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }
}

impl<'t> DictExpr<'t> {
    /// The entries, in the order written.
    pub fn entries(self) -> impl Iterator<Item = FieldValue<'t>> + use<'t> {
        self.0.children().filter_map(FieldValue::cast)
    }
}

impl<'t> UpdateExpr<'t> {
    /// The record to start from.
    pub fn record(self) -> Option<Expr<'t>> {
        child(self.0, Expr::cast)
    }

    /// The new values; at least one.
    pub fn updates(self) -> impl Iterator<Item = FieldValue<'t>> + use<'t> {
        self.0.children().filter_map(FieldValue::cast)
    }
}

impl<'t> AnonymousRecord<'t> {
    /// The fields, in the order written.
    pub fn fields(self) -> impl Iterator<Item = FieldValue<'t>> + use<'t> {
        self.0.children().filter_map(FieldValue::cast)
    }
}

impl<'t> LiteralExpr<'t> {
    /// The literal's own token, without the `-` before it.
    pub fn token(self) -> Option<SyntaxToken<'t>> {
        self.0.tokens().find(|token| !token.kind().is_trivia() && token.kind() != K::Minus)
    }

    /// Whether a `-` stands before it.
    pub fn is_negative(self) -> bool {
        self.0.token(K::Minus).is_some()
    }

    /// What it stands for; `None` for a malformed literal.
    pub fn value(self) -> Option<LiteralValue> {
        let token = self.token()?;
        let text = token.text();
        Some(match token.kind() {
            K::TrueKw => LiteralValue::Bool(true),
            K::FalseKw => LiteralValue::Bool(false),
            K::Int => literal::decode_int(text, self.is_negative()),
            K::Float => LiteralValue::Float(literal::decode_float(text, self.is_negative())),
            K::String => {
                let content = text.strip_prefix('"')?.strip_suffix('"')?;
                LiteralValue::String(literal::decode_text(content, Escapes::Resolved, Braces::Plain))
            }
            K::RawString => {
                let content = text.strip_prefix("\"\"\"")?.strip_suffix("\"\"\"")?;
                LiteralValue::String(literal::decode_text(content, Escapes::Raw, Braces::Plain))
            }
            K::Char => {
                let content = text.strip_prefix('\'')?.strip_suffix('\'')?;
                LiteralValue::Char(literal::decode_text(content, Escapes::Resolved, Braces::Plain))
            }
            _ => return None,
        })
    }
}

/// One part of a string with interpolation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterpPart<'t> {
    /// Literal text, decoded and normalised, and the bytes it was written in.
    Text(String, TextRange),
    /// The expression of a hole.
    Expr(Expr<'t>),
}

impl<'t> InterpExpr<'t> {
    /// Whether it is written with triple quotes, so that escapes mean nothing in it.
    pub fn is_raw(self) -> bool {
        self.0.token(K::InterpStart).is_some_and(|token| token.text().len() > 2)
    }

    /// The parts, in order.
    pub fn parts(self) -> Vec<InterpPart<'t>> {
        let escapes = if self.is_raw() { Escapes::Raw } else { Escapes::Resolved };
        let part = |element: SyntaxElement<'t>| match element {
            SyntaxElement::Token(token) if token.kind() == K::InterpText => {
                Some(InterpPart::Text(literal::decode_text(token.text(), escapes, Braces::Doubled), token.range()))
            }
            SyntaxElement::Node(node) if node.kind() == K::InterpHole => child(node, Expr::cast).map(InterpPart::Expr),
            _ => None,
        };
        self.0.elements().filter_map(part).collect()
    }
}

impl<'t> ParenExpr<'t> {
    /// The statements; more than one are a sequence.
    pub fn statements(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast)
    }

    /// The expression, if it holds just one.
    pub fn only(self) -> Option<Expr<'t>> {
        let mut statements = self.statements();
        let first = statements.next()?;
        statements.next().is_none().then_some(first)
    }
}

impl<'t> TupleExpr<'t> {
    /// The parts.
    pub fn parts(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast)
    }
}

impl<'t> ListExpr<'t> {
    /// The elements; maybe none.
    pub fn elements(self) -> impl Iterator<Item = Expr<'t>> + use<'t> {
        self.0.children().filter_map(Expr::cast)
    }
}

impl<'t> LambdaExpr<'t> {
    /// The parameters; at least one.
    pub fn params(self) -> impl Iterator<Item = LetPattern<'t>> + use<'t> {
        self.0.children().filter_map(LetPattern::cast)
    }

    /// What stands after the arrow.
    pub fn body(self) -> Option<Block<'t>> {
        child(self.0, Block::cast)
    }
}

impl<'t> OpSection<'t> {
    /// The operator.
    pub fn op(self) -> Option<InfixOp> {
        self.0.tokens().find_map(|token| InfixOp::of(token.kind()))
    }

    /// The operator's token.
    pub fn op_token(self) -> Option<SyntaxToken<'t>> {
        self.0.tokens().find(|token| InfixOp::of(token.kind()).is_some())
    }
}
