//! ProgramTypes: a definition as its resolved tree, the form that is hashed, checked, compiled and shown as `program`.
//!
//! It says what was meant and drops how it was written: space, comments, parentheses, separators. Names are targets or local
//! binders. `@`, `-x`, `(op)`, `elif`, local functions and calls with nothing but type arguments are written out in plainer forms,
//! as the language defines them.
//!
//! Chains (statements, `let`s, operators that associate to the left, fields, pipes, `elif`, `::`) are lists here, where the
//! language nests them, so a tree is never deeper than [`dm_syntax::NESTING_MAX`] lets it be and may be walked by recursion; what is seldom is boxed, which
//! keeps what such a walk has on its stack small.
//!
//! Every node knows its bytes in the definition's text, for messages; they take no part in its meaning.
//!
//! Deliberately absent: what a target is (its kind, its types), which depends on the view.

mod lower;
mod print;

use dm_model::Target;
use dm_syntax::written::{InfixOp, Primitive};
use dm_syntax::{FloatValue, IntKind};
use dm_syntax::{TextRange, written};

pub use lower::{LowerError, lower, lower_declared};
pub(crate) use lower::{Signature, lower_head, lower_parsed, lower_signature};

/// A definition's resolved tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What is defined.
    pub item: Item,
    /// What is bound inside: [`Local::Variable`] counts in this list. In the order of the tree.
    pub variables: Vec<Binder>,
}

/// A name that is bound inside a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binder {
    /// The name.
    pub name: String,
    /// Where it is bound.
    pub range: TextRange,
}

/// What is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A type.
    Type(TypeDeclaration),
    /// A function.
    Fn(Function),
    /// A value.
    Value(Expr),
    /// An assertion.
    Test(Test),
}

/// A type declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDeclaration {
    /// Type parameters, without tick: those written, then those used without being declared, in the order of their first use.
    pub type_params: Vec<String>,
    /// What it declares.
    pub shape: TypeShape,
}

/// What a type declaration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeShape {
    /// Another name for a type.
    Alias(Type),
    /// Fields, at least one.
    Record(Vec<Field>),
    /// Cases, at least one.
    Enum(Vec<Case>),
}

/// A field of a record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub of: Type,
    /// Its bytes.
    pub range: TextRange,
}

/// A case of an enum type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Its fields: the label, if there is one, and the type.
    pub fields: Vec<(Option<String>, Type)>,
    /// Its bytes.
    pub range: TextRange,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// As in [`TypeDeclaration::type_params`].
    pub type_params: Vec<String>,
    /// Parameters, at least one: [`Local::Argument`] counts in this list.
    pub params: Vec<Param>,
    /// The type of the result.
    pub result: Type,
    /// The body.
    pub body: Expr,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name; `_` for `()` and `_`.
    pub name: String,
    /// Its type.
    pub of: Type,
    /// Its bytes.
    pub range: TextRange,
}

/// An assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The left side.
    pub actual: Expr,
    /// What it must give.
    pub expected: Expected,
}

/// What an assertion expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The value of an expression.
    Value(Expr),
    /// A runtime error of exactly this text.
    Error {
        /// The text.
        text: String,
        /// Whether it is one of the datastore compiler.
        sql: bool,
    },
}

/// A written name and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What it means.
    pub target: Target,
    /// As it is written, segments joined by dots. It takes part in the meaning of an unresolved name only.
    pub spelling: String,
    /// Its bytes.
    pub range: TextRange,
}

/// A type reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Its bytes.
    pub range: TextRange,
}

impl Type {
    /// The declared types that it speaks of, in the order in which they are written.
    pub fn names<'t>(&'t self, into: &mut Vec<&'t Name>) {
        match &self.kind {
            TypeKind::Primitive(_) | TypeKind::Variable(_) => {}
            TypeKind::List(of) | TypeKind::Dict(of) | TypeKind::Stream(of) | TypeKind::Db(of) => of.names(into),
            TypeKind::Tuple(parts) => parts.iter().for_each(|part| part.names(into)),
            TypeKind::Fn(arguments, result) => {
                arguments.iter().for_each(|argument| argument.names(into));
                result.names(into);
            }
            TypeKind::Named(name, args) => {
                into.push(name);
                args.iter().for_each(|arg| arg.names(into));
            }
        }
    }
}

/// What a type reference is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// A type that the language itself has.
    Primitive(Primitive),
    /// `List<T>`.
    List(Box<Type>),
    /// `Dict<T>`.
    Dict(Box<Type>),
    /// `Stream<T>`.
    Stream(Box<Type>),
    /// `DB<T>`.
    Db(Box<Type>),
    /// `A * B`: at least two.
    Tuple(Vec<Type>),
    /// `A -> B -> R`: at least one argument, and the result.
    Fn(Vec<Type>, Box<Type>),
    /// A type variable, without tick.
    Variable(String),
    /// A declared type and its arguments.
    Named(Name, Vec<Type>),
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its bytes.
    pub range: TextRange,
}

/// Something bound inside the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Local {
    /// A parameter of the function.
    Argument(u32),
    /// A name bound in the body.
    Variable(u32),
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// `()`.
    Unit,
    /// `true` or `false`.
    Bool(bool),
    /// An integer: its decimal text and its type.
    Int(String, IntKind),
    /// A float.
    Float(Box<FloatValue>),
    /// One extended grapheme cluster.
    Char(String),
    /// A string.
    String(Vec<Segment>),
    /// `[a; b]`.
    List(Vec<Expr>),
    /// `(a, b)`: at least two.
    Tuple(Vec<Expr>),
    /// `Dict { a = 1 }`, in the order written.
    Dict(Vec<FieldValue>),
    /// `T { a = 1 }`, in the order written.
    Record(Box<Name>, Vec<Type>, Vec<FieldValue>),
    /// `{ r with a = 1 }`.
    Update(Box<Expr>, Vec<FieldValue>),
    /// `r.a.b`: at least one field.
    Field(Box<Expr>, Vec<FieldName>),
    /// A case of a type, its type arguments and fields.
    Enum(Box<Name>, Vec<Type>, Box<FieldName>, Vec<Expr>),
    /// Something bound inside.
    Local(Local),
    /// A definition or builtin by name, or a name without a meaning.
    Name(Box<Name>),
    /// A call: at least one argument.
    Apply(Box<Expr>, Vec<Type>, Vec<Expr>),
    /// Operators that associate to the left, one after another: at least one.
    Infix(Box<Expr>, Vec<Operand>),
    /// `fun a b -> body`: at least one parameter.
    Lambda(Vec<LetPattern>, Box<Expr>),
    /// Conditions and what they guard, at least one; and what stands after the last `else`.
    If(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    /// What is matched, and the arms: at least one.
    Match(Box<Expr>, Vec<Arm>),
    /// What is piped, and the steps: at least one.
    Pipe(Box<Expr>, Vec<PipeStep>),
    /// Statements, at least one, and the expression that gives the value.
    Block(Vec<Statement>, Box<Expr>),
}

/// A part of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text.
    Text(String),
    /// An expression that gives a string.
    Hole(Expr),
}

/// The name of a field or case where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    /// The name.
    pub name: String,
    /// Its bytes.
    pub range: TextRange,
}

/// A field and its value, or a key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    /// The field or key.
    pub field: FieldName,
    /// Its value.
    pub value: Expr,
}

/// An operator and what stands right of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// The operator; never [`InfixOp::Append`], which is a call.
    pub op: InfixOp,
    /// The operator's bytes.
    pub range: TextRange,
    /// What stands right of it.
    pub right: Expr,
}

/// A statement of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `let pattern = value`.
    Let(LetPattern, Expr),
    /// An expression whose value is unit.
    Do(Expr),
}

/// What a `let` or a lambda's parameter binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetPattern {
    /// What it is.
    pub kind: LetPatternKind,
    /// Its bytes.
    pub range: TextRange,
}

/// What a pattern of a `let` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetPatternKind {
    /// Binds a variable.
    Variable(u32),
    /// `_`.
    Wildcard,
    /// `()`.
    Unit,
    /// `(a, b)`: at least two.
    Tuple(Vec<LetPattern>),
}

/// An arm of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// What it fits.
    pub pattern: MatchPattern,
    /// What must be true besides.
    pub guard: Option<Expr>,
    /// What it gives.
    pub body: Expr,
}

/// A pattern of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchPattern {
    /// What it is.
    pub kind: MatchPatternKind,
    /// Its bytes.
    pub range: TextRange,
}

/// What a pattern of a match is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchPatternKind {
    /// `_`.
    Wildcard,
    /// Binds a variable; alternatives that bind the same name bind the same variable.
    Variable(u32),
    /// `()`.
    Unit,
    /// `true` or `false`.
    Bool(bool),
    /// An integer: its decimal text and its type.
    Int(String, IntKind),
    /// A float.
    Float(FloatValue),
    /// A char.
    Char(String),
    /// A string.
    String(String),
    /// `[a; b]`.
    List(Vec<MatchPattern>),
    /// `a :: b :: rest`: at least one head, and the rest.
    Cons(Vec<MatchPattern>, Box<MatchPattern>),
    /// `a, b`: at least two.
    Tuple(Vec<MatchPattern>),
    /// `a | b`: at least two.
    Or(Vec<MatchPattern>),
    /// A case and its fields.
    Enum(FieldName, Vec<MatchPattern>),
}

/// What a value is piped into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeStep {
    /// What it is.
    pub kind: PipeStepKind,
    /// Its bytes.
    pub range: TextRange,
}

/// What a step of a pipe is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipeStepKind {
    /// Something bound inside, called with the piped value and these arguments.
    Local(Local, Vec<Expr>),
    /// A definition or builtin, called with the piped value and these arguments.
    Call(Box<Name>, Vec<Type>, Vec<Expr>),
    /// A lambda, called with the piped value.
    Lambda(Vec<LetPattern>, Box<Expr>),
    /// An operator between the piped value and this one; never [`InfixOp::Append`], which is a call.
    Infix(InfixOp, Box<Expr>),
    /// A case whose first field is the piped value.
    Enum(Box<Name>, Box<FieldName>, Vec<Expr>),
}

impl FieldName {
    fn of(name: written::Name<'_>) -> Self {
        Self { name: name.text().to_owned(), range: name.range() }
    }
}
