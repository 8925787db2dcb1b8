//! Skeletons: what a definition means, with holes where it refers to others.
//!
//! A skeleton follows from the definition alone, so it is made once and holds in every view. The bytes are those of the resolved
//! tree in order, each node a tag and its parts; `docs/formats/link-hash.md` says how. Left out: comments, layout, doc text, the
//! definition's own name, names of parameters and of everything bound inside (a binder is its number in the order of the tree).

use dm_model::codec::Encoder;
use dm_model::{EntityId, Target};
use dm_syntax::written::{InfixOp, Primitive};
use dm_syntax::{FloatValue, IntKind};

use crate::lookup::Wanted;
use crate::program::{
    Arm, Expected, Expr, ExprKind, FieldValue, Item, LetPattern, LetPatternKind, Local, MatchPattern, MatchPatternKind,
    Name, PipeStepKind, Program, Segment, Statement, Type, TypeKind, TypeShape,
};

/// What a definition means but for what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton {
    pub(super) bytes: Vec<u8>,
    /// In the order of their places.
    pub(super) slots: Vec<Slot>,
    /// Bytes up to here say what others see of it: the signature of a function, all of a type. 0 where that cannot be told from
    /// the text alone.
    pub(super) interface: usize,
}

/// A place in a skeleton where a link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// The link stands before this byte.
    pub at: usize,
    /// What is referred to.
    pub target: SlotTarget,
}

/// What a definition refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SlotTarget {
    /// A named thing.
    Entity(EntityId),
    /// A name that meant nothing when it was written; it is looked up again in the view (SEMANTICS R27).
    Unresolved {
        /// As it is written, segments joined by dots.
        spelling: String,
        /// What can stand there.
        wanted: Wanted,
    },
}

/// A builtin, whose name is its meaning.
const BUILTIN: u8 = 6;

impl Skeleton {
    /// The skeleton of a resolved tree.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let mut to = Writer { to: Encoder::new(), slots: Vec::new() };
        let interface = to.item(&program.item);
        Self { bytes: to.to.finish(), slots: to.slots, interface }
    }

    /// Whether others see the same of both, as long as what that speaks of is the same too. False where what they see cannot be
    /// told from the text alone.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        let slots = |of: &Self| of.slots.partition_point(|slot| slot.at < of.interface);
        self.interface > 0
            && self.bytes.get(..self.interface) == other.bytes.get(..other.interface)
            && self.slots.get(..slots(self)) == other.slots.get(..slots(other))
    }

    /// What it refers to, each place by itself, in order.
    pub fn targets(&self) -> impl Iterator<Item = &SlotTarget> {
        self.slots.iter().map(|slot| &slot.target)
    }
}

struct Writer {
    to: Encoder,
    slots: Vec<Slot>,
}

impl Writer {
    fn list<T>(&mut self, elements: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.to.count(elements.len());
        for element in elements {
            each(self, element);
        }
    }

    fn texts(&mut self, texts: &[String]) {
        self.list(texts, |to, text| to.to.text(text));
    }

    /// Writes the item, and says where its interface ends.
    fn item(&mut self, item: &Item) -> usize {
        match item {
            Item::Fn(function) => {
                self.to.byte(1);
                self.texts(&function.type_params);
                self.list(&function.params, |to, param| to.of(&param.of));
                self.of(&function.result);
                let interface = self.to.length();
                self.expr(&function.body);
                interface
            }
            Item::Type(declaration) => {
                self.to.byte(2);
                self.texts(&declaration.type_params);
                match &declaration.shape {
                    TypeShape::Alias(of) => {
                        self.to.byte(0);
                        self.of(of);
                    }
                    TypeShape::Record(fields) => {
                        self.to.byte(1);
                        self.list(fields, |to, field| {
                            to.to.text(&field.name);
                            to.of(&field.of);
                        });
                    }
                    TypeShape::Enum(cases) => {
                        self.to.byte(2);
                        self.list(cases, |to, case| {
                            to.to.text(&case.name);
                            to.list(&case.fields, |to, (label, of)| {
                                to.to.option(label.as_ref(), |to, label| to.text(label));
                                to.of(of);
                            });
                        });
                    }
                }
                self.to.length()
            }
            Item::Value(body) => {
                self.to.byte(3);
                self.expr(body);
                0
            }
            Item::Test(test) => {
                self.to.byte(4);
                self.expr(&test.actual);
                match &test.expected {
                    Expected::Value(value) => {
                        self.to.byte(0);
                        self.expr(value);
                    }
                    Expected::Error { text, sql } => {
                        self.to.byte(1 + u8::from(*sql));
                        self.to.text(text);
                    }
                }
                0
            }
        }
    }

    fn name(&mut self, name: &Name, wanted: Wanted) {
        let target = match &name.target {
            Target::Builtin { name, version } => {
                self.to.byte(BUILTIN);
                self.to.text(name);
                self.to.uint(u64::from(*version));
                return;
            }
            Target::Entity(entity) => SlotTarget::Entity(*entity),
            Target::Unresolved => SlotTarget::Unresolved { spelling: name.spelling.clone(), wanted },
        };
        self.slots.push(Slot { at: self.to.length(), target });
    }

    // Types.

    fn of(&mut self, of: &Type) {
        match &of.kind {
            TypeKind::Primitive(primitive) => {
                self.to.byte(0);
                self.to.byte(primitive_tag(*primitive));
            }
            TypeKind::List(of) => self.one(1, of),
            TypeKind::Dict(of) => self.one(2, of),
            TypeKind::Stream(of) => self.one(3, of),
            TypeKind::Db(of) => self.one(4, of),
            TypeKind::Tuple(parts) => {
                self.to.byte(5);
                self.types(parts);
            }
            TypeKind::Fn(arguments, result) => {
                self.to.byte(6);
                self.types(arguments);
                self.of(result);
            }
            TypeKind::Variable(name) => {
                self.to.byte(7);
                self.to.text(name);
            }
            TypeKind::Named(name, args) => {
                self.to.byte(8);
                self.name(name, Wanted::Type);
                self.types(args);
            }
        }
    }

    fn one(&mut self, tag: u8, of: &Type) {
        self.to.byte(tag);
        self.of(of);
    }

    fn types(&mut self, types: &[Type]) {
        self.list(types, Self::of);
    }

    // Expressions.

    #[expect(clippy::too_many_lines, reason = "a flat table of every kind of expression with its tag and parts")]
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Unit => self.to.byte(0),
            ExprKind::Bool(value) => {
                self.to.byte(1);
                self.to.byte(u8::from(*value));
            }
            ExprKind::Int(decimal, kind) => self.int(2, decimal, *kind),
            ExprKind::Float(float) => self.float(3, float),
            ExprKind::Char(text) => {
                self.to.byte(4);
                self.to.text(text);
            }
            ExprKind::String(segments) => {
                self.to.byte(5);
                self.list(segments, |to, segment| match segment {
                    Segment::Text(text) => {
                        to.to.byte(0);
                        to.to.text(text);
                    }
                    Segment::Hole(hole) => {
                        to.to.byte(1);
                        to.expr(hole);
                    }
                });
            }
            ExprKind::List(elements) => {
                self.to.byte(6);
                self.exprs(elements);
            }
            ExprKind::Tuple(parts) => {
                self.to.byte(7);
                self.exprs(parts);
            }
            ExprKind::Dict(entries) => {
                self.to.byte(8);
                self.fields(entries);
            }
            ExprKind::Record(name, args, fields) => {
                self.to.byte(9);
                self.name(name, Wanted::Type);
                self.types(args);
                self.fields(fields);
            }
            ExprKind::Update(record, fields) => {
                self.to.byte(10);
                self.expr(record);
                self.fields(fields);
            }
            ExprKind::Field(record, fields) => {
                self.to.byte(11);
                self.expr(record);
                self.list(fields, |to, field| to.to.text(&field.name));
            }
            ExprKind::Enum(name, args, case, fields) => {
                self.to.byte(12);
                self.name(name, Wanted::Type);
                self.types(args);
                self.to.text(&case.name);
                self.exprs(fields);
            }
            ExprKind::Local(local) => {
                self.to.byte(13);
                self.local(*local);
            }
            ExprKind::Name(name) => {
                self.to.byte(14);
                self.name(name, Wanted::ValueThenFn);
            }
            ExprKind::Apply(callee, type_args, args) => {
                self.to.byte(15);
                self.callee(callee);
                self.types(type_args);
                self.exprs(args);
            }
            ExprKind::Infix(first, operands) => {
                self.to.byte(16);
                self.expr(first);
                self.list(operands, |to, operand| {
                    to.to.byte(op_tag(operand.op));
                    to.expr(&operand.right);
                });
            }
            ExprKind::Lambda(params, body) => self.lambda(17, params, body),
            ExprKind::If(branches, otherwise) => {
                self.to.byte(18);
                self.list(branches, |to, (condition, body)| {
                    to.expr(condition);
                    to.expr(body);
                });
                self.optional(otherwise.as_deref());
            }
            ExprKind::Match(scrutinee, arms) => {
                self.to.byte(19);
                self.expr(scrutinee);
                self.list(arms, Self::arm);
            }
            ExprKind::Pipe(head, steps) => {
                self.to.byte(20);
                self.expr(head);
                self.list(steps, |to, step| to.pipe_step(&step.kind));
            }
            ExprKind::Block(statements, last) => {
                self.to.byte(21);
                self.list(statements, |to, statement| match statement {
                    Statement::Let(pattern, value) => {
                        to.to.byte(0);
                        to.let_pattern(pattern);
                        to.expr(value);
                    }
                    Statement::Do(expr) => {
                        to.to.byte(1);
                        to.expr(expr);
                    }
                });
                self.expr(last);
            }
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        self.list(exprs, Self::expr);
    }

    fn optional(&mut self, expr: Option<&Expr>) {
        self.to.byte(u8::from(expr.is_some()));
        expr.into_iter().for_each(|expr| self.expr(expr));
    }

    fn fields(&mut self, fields: &[FieldValue]) {
        self.list(fields, |to, field| {
            to.to.text(&field.field.name);
            to.expr(&field.value);
        });
    }

    /// As any expression, but a name means a function before a value.
    fn callee(&mut self, callee: &Expr) {
        match &callee.kind {
            ExprKind::Name(name) => {
                self.to.byte(14);
                self.name(name, Wanted::FnThenValue);
            }
            _ => self.expr(callee),
        }
    }

    fn lambda(&mut self, tag: u8, params: &[LetPattern], body: &Expr) {
        self.to.byte(tag);
        self.list(params, Self::let_pattern);
        self.expr(body);
    }

    fn arm(&mut self, arm: &Arm) {
        self.match_pattern(&arm.pattern);
        self.optional(arm.guard.as_ref());
        self.expr(&arm.body);
    }

    fn pipe_step(&mut self, step: &PipeStepKind) {
        match step {
            PipeStepKind::Local(local, args) => {
                self.to.byte(0);
                self.local(*local);
                self.exprs(args);
            }
            PipeStepKind::Call(name, type_args, args) => {
                self.to.byte(1);
                self.name(name, Wanted::Fn);
                self.types(type_args);
                self.exprs(args);
            }
            PipeStepKind::Lambda(params, body) => self.lambda(2, params, body),
            PipeStepKind::Infix(op, right) => {
                self.to.byte(3);
                self.to.byte(op_tag(*op));
                self.expr(right);
            }
            PipeStepKind::Enum(name, case, fields) => {
                self.to.byte(4);
                self.name(name, Wanted::Type);
                self.to.text(&case.name);
                self.exprs(fields);
            }
        }
    }

    fn local(&mut self, local: Local) {
        let (tag, number) = match local {
            Local::Argument(number) => (0, number),
            Local::Variable(number) => (1, number),
        };
        self.to.byte(tag);
        self.to.uint(u64::from(number));
    }

    fn int(&mut self, tag: u8, decimal: &str, kind: IntKind) {
        self.to.byte(tag);
        self.to.byte(int_tag(kind));
        self.to.text(decimal);
    }

    fn float(&mut self, tag: u8, float: &FloatValue) {
        self.to.byte(tag);
        self.to.byte(u8::from(float.negative));
        self.to.text(&float.whole);
        self.to.text(&float.fraction);
    }

    // Patterns.

    fn let_pattern(&mut self, pattern: &LetPattern) {
        match &pattern.kind {
            LetPatternKind::Variable(variable) => {
                self.to.byte(0);
                self.to.uint(u64::from(*variable));
            }
            LetPatternKind::Wildcard => self.to.byte(1),
            LetPatternKind::Unit => self.to.byte(2),
            LetPatternKind::Tuple(parts) => {
                self.to.byte(3);
                self.list(parts, Self::let_pattern);
            }
        }
    }

    fn match_pattern(&mut self, pattern: &MatchPattern) {
        match &pattern.kind {
            MatchPatternKind::Variable(variable) => {
                self.to.byte(0);
                self.to.uint(u64::from(*variable));
            }
            MatchPatternKind::Wildcard => self.to.byte(1),
            MatchPatternKind::Unit => self.to.byte(2),
            MatchPatternKind::Tuple(parts) => self.patterns(3, parts),
            MatchPatternKind::Bool(value) => {
                self.to.byte(4);
                self.to.byte(u8::from(*value));
            }
            MatchPatternKind::Int(decimal, kind) => self.int(5, decimal, *kind),
            MatchPatternKind::Float(float) => self.float(6, float),
            MatchPatternKind::Char(text) => {
                self.to.byte(7);
                self.to.text(text);
            }
            MatchPatternKind::String(text) => {
                self.to.byte(8);
                self.to.text(text);
            }
            MatchPatternKind::List(elements) => self.patterns(9, elements),
            MatchPatternKind::Cons(heads, tail) => {
                self.patterns(10, heads);
                self.match_pattern(tail);
            }
            MatchPatternKind::Or(alternatives) => self.patterns(11, alternatives),
            MatchPatternKind::Enum(case, fields) => {
                self.to.byte(12);
                self.to.text(&case.name);
                self.list(fields, Self::match_pattern);
            }
        }
    }

    fn patterns(&mut self, tag: u8, patterns: &[MatchPattern]) {
        self.to.byte(tag);
        self.list(patterns, Self::match_pattern);
    }
}

/// What can stand where an unresolved name stands.
pub(super) const fn wanted_tag(wanted: Wanted) -> u8 {
    match wanted {
        Wanted::Type => 0,
        Wanted::ValueThenFn => 1,
        Wanted::FnThenValue => 2,
        Wanted::Fn => 3,
    }
}

/// The byte that stands for a primitive.
pub(crate) const fn primitive_tag(primitive: Primitive) -> u8 {
    match primitive {
        Primitive::Unit => 0,
        Primitive::Bool => 1,
        Primitive::Int => 2,
        Primitive::Int8 => 3,
        Primitive::UInt8 => 4,
        Primitive::Int16 => 5,
        Primitive::UInt16 => 6,
        Primitive::Int32 => 7,
        Primitive::UInt32 => 8,
        Primitive::Int64 => 9,
        Primitive::UInt64 => 10,
        Primitive::Int128 => 11,
        Primitive::UInt128 => 12,
        Primitive::Float => 13,
        Primitive::Char => 14,
        Primitive::String => 15,
        Primitive::DateTime => 16,
        Primitive::Uuid => 17,
        Primitive::Blob => 18,
    }
}

/// The primitive that a byte stands for.
pub(crate) const fn primitive_of_tag(tag: u8) -> Option<Primitive> {
    Some(match tag {
        0 => Primitive::Unit,
        1 => Primitive::Bool,
        2 => Primitive::Int,
        3 => Primitive::Int8,
        4 => Primitive::UInt8,
        5 => Primitive::Int16,
        6 => Primitive::UInt16,
        7 => Primitive::Int32,
        8 => Primitive::UInt32,
        9 => Primitive::Int64,
        10 => Primitive::UInt64,
        11 => Primitive::Int128,
        12 => Primitive::UInt128,
        13 => Primitive::Float,
        14 => Primitive::Char,
        15 => Primitive::String,
        16 => Primitive::DateTime,
        17 => Primitive::Uuid,
        18 => Primitive::Blob,
        _ => return None,
    })
}

const fn int_tag(kind: IntKind) -> u8 {
    match kind {
        IntKind::Int => 0,
        IntKind::Int8 => 1,
        IntKind::UInt8 => 2,
        IntKind::Int16 => 3,
        IntKind::UInt16 => 4,
        IntKind::Int32 => 5,
        IntKind::UInt32 => 6,
        IntKind::Int64 => 7,
        IntKind::UInt64 => 8,
        IntKind::Int128 => 9,
        IntKind::UInt128 => 10,
    }
}

const fn op_tag(op: InfixOp) -> u8 {
    match op {
        InfixOp::Or => 0,
        InfixOp::And => 1,
        InfixOp::Equals => 2,
        InfixOp::NotEquals => 3,
        InfixOp::Less => 4,
        InfixOp::Greater => 5,
        InfixOp::LessOrEqual => 6,
        InfixOp::GreaterOrEqual => 7,
        // A call everywhere; it has a number so that no operator is without one.
        InfixOp::Append => 8,
        InfixOp::Plus => 9,
        InfixOp::Minus => 10,
        InfixOp::Concat => 11,
        InfixOp::Multiply => 12,
        InfixOp::Divide => 13,
        InfixOp::Modulo => 14,
        InfixOp::Power => 15,
    }
}
