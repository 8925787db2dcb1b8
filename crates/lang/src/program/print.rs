//! A resolved tree as indented text: a node on a line, its parts below it.

use std::fmt::Write as _;

use dm_model::Target;
use dm_syntax::FloatValue;

use super::{
    Expected, Expr, ExprKind, FieldValue, Item, LetPattern, LetPatternKind, Local, MatchPattern, MatchPatternKind,
    Name, Param, PipeStepKind, Program, Segment, Statement, Type, TypeKind, TypeShape,
};

impl Program {
    /// The tree as text for people; `named` says what to call a target. Variables are their name and number, since names may
    /// repeat.
    #[must_use]
    pub fn print(&self, named: &dyn Fn(&Target) -> Option<String>) -> String {
        let mut printer = Printer { program: self, named, out: String::new(), depth: 0 };
        printer.item();
        printer.out
    }
}

struct Printer<'p> {
    program: &'p Program,
    named: &'p dyn Fn(&Target) -> Option<String>,
    out: String,
    depth: usize,
}

impl Printer<'_> {
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// A line, and what stands below it.
    fn node(&mut self, line: &str, below: impl FnOnce(&mut Self)) {
        self.line(line);
        self.depth += 1;
        below(self);
        self.depth -= 1;
    }

    fn item(&mut self) {
        let program = self.program;
        match &program.item {
            Item::Fn(function) => self.node(&format!("fn{}", type_params(&function.type_params)), |to| {
                for Param { name, of, .. } in &function.params {
                    let line = format!("parameter {name} : {}", to.of(of));
                    to.line(&line);
                }
                let line = format!("result {}", to.of(&function.result));
                to.line(&line);
                to.expr(&function.body);
            }),
            Item::Value(body) => self.node("value", |to| to.expr(body)),
            Item::Test(test) => self.node("test", |to| {
                to.expr(&test.actual);
                match &test.expected {
                    Expected::Value(value) => to.node("expected", |to| to.expr(value)),
                    Expected::Error { text, sql } => {
                        to.line(&format!("expected {} {text:?}", if *sql { "sqlerror" } else { "error" }));
                    }
                }
            }),
            Item::Type(declaration) => {
                let params = type_params(&declaration.type_params);
                match &declaration.shape {
                    TypeShape::Alias(of) => {
                        let line = format!("alias{params} {}", self.of(of));
                        self.line(&line);
                    }
                    TypeShape::Record(fields) => self.node(&format!("record{params}"), |to| {
                        for field in fields {
                            let line = format!("field {} : {}", field.name, to.of(&field.of));
                            to.line(&line);
                        }
                    }),
                    TypeShape::Enum(cases) => self.node(&format!("enum{params}"), |to| {
                        for case in cases {
                            to.node(&format!("case {}", case.name), |to| {
                                for (label, of) in &case.fields {
                                    let label = label.as_deref().map(|label| format!("{label} : ")).unwrap_or_default();
                                    let line = format!("field {label}{}", to.of(of));
                                    to.line(&line);
                                }
                            });
                        }
                    }),
                }
            }
        }
    }

    fn name(&self, name: &Name) -> String {
        match &name.target {
            Target::Builtin { name, version: 0 } => format!("Builtin.{name}"),
            Target::Builtin { name, version } => format!("Builtin.{name}_v{version}"),
            Target::Unresolved => format!("{} (means nothing)", name.spelling),
            target => (self.named)(target).unwrap_or_else(|| name.spelling.clone()),
        }
    }

    fn of(&self, of: &Type) -> String {
        let list = |types: &[Type]| types.iter().map(|of| self.of(of)).collect::<Vec<_>>();
        match &of.kind {
            TypeKind::Primitive(primitive) => format!("{primitive:?}"),
            TypeKind::List(of) => format!("List<{}>", self.of(of)),
            TypeKind::Dict(of) => format!("Dict<{}>", self.of(of)),
            TypeKind::Stream(of) => format!("Stream<{}>", self.of(of)),
            TypeKind::Db(of) => format!("DB<{}>", self.of(of)),
            TypeKind::Tuple(parts) => format!("({})", list(parts).join(" * ")),
            TypeKind::Fn(arguments, result) => format!("({} -> {})", list(arguments).join(" -> "), self.of(result)),
            TypeKind::Variable(name) => format!("'{name}"),
            TypeKind::Named(name, args) => format!("{}{}", self.name(name), self.type_args(args)),
        }
    }

    fn type_args(&self, args: &[Type]) -> String {
        let args: Vec<_> = args.iter().map(|of| self.of(of)).collect();
        if args.is_empty() { String::new() } else { format!("<{}>", args.join(", ")) }
    }

    fn variable(&self, number: u32) -> String {
        let binder = self.program.variables.get(number as usize);
        format!("{}#{number}", binder.map_or("", |binder| &binder.name))
    }

    fn local(&self, local: Local) -> String {
        match (local, &self.program.item) {
            (Local::Variable(number), _) => format!("variable {}", self.variable(number)),
            (Local::Argument(number), Item::Fn(function)) => {
                format!("argument {}", function.params.get(number as usize).map_or("", |param| &param.name))
            }
            (Local::Argument(number), _) => format!("argument {number}"),
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn fields(&mut self, fields: &[FieldValue]) {
        for field in fields {
            self.node(&format!("field {}", field.field.name), |to| to.expr(&field.value));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Unit => self.line("()"),
            ExprKind::Bool(value) => self.line(&value.to_string()),
            ExprKind::Int(decimal, kind) => self.line(&format!("{decimal}{}", kind.suffix())),
            ExprKind::Float(float) => self.line(&float_text(float)),
            ExprKind::Char(text) => self.line(&char_text(text)),
            ExprKind::String(segments) => match segments.as_slice() {
                [Segment::Text(text)] => self.line(&format!("{text:?}")),
                segments => self.node("string", |to| {
                    for segment in segments {
                        match segment {
                            Segment::Text(text) => to.line(&format!("{text:?}")),
                            Segment::Hole(hole) => to.expr(hole),
                        }
                    }
                }),
            },
            ExprKind::List(elements) => self.node("list", |to| to.exprs(elements)),
            ExprKind::Tuple(parts) => self.node("tuple", |to| to.exprs(parts)),
            ExprKind::Dict(entries) => self.node("dict", |to| to.fields(entries)),
            ExprKind::Local(local) => self.line(&self.local(*local)),
            ExprKind::Name(name) => self.line(&self.name(name)),
            _ => self.compound(expr),
        }
    }

    /// Expressions that say more on their line.
    fn compound(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Record(name, args, fields) => {
                self.node(&format!("record {}{}", self.name(name), self.type_args(args)), |to| to.fields(fields));
            }
            ExprKind::Update(record, fields) => self.node("update", |to| {
                to.expr(record);
                to.fields(fields);
            }),
            ExprKind::Field(record, fields) => {
                let path: String = fields.iter().map(|field| format!(".{}", field.name)).collect();
                self.node(&format!("field {path}"), |to| to.expr(record));
            }
            ExprKind::Enum(name, args, case, fields) => {
                let line = format!("case {}{}.{}", self.name(name), self.type_args(args), case.name);
                self.node(&line, |to| to.exprs(fields));
            }
            ExprKind::Apply(callee, type_args, args) => {
                self.node(&format!("apply{}", self.type_args(type_args)), |to| {
                    to.expr(callee);
                    to.exprs(args);
                });
            }
            ExprKind::Infix(first, operands) => self.node("infix", |to| {
                to.expr(first);
                for operand in operands {
                    to.node(operand.op.sign(), |to| to.expr(&operand.right));
                }
            }),
            ExprKind::Lambda(params, body) => self.lambda(params, body),
            ExprKind::If(branches, otherwise) => self.node("if", |to| {
                for (condition, body) in branches {
                    to.expr(condition);
                    to.node("then", |to| to.expr(body));
                }
                if let Some(otherwise) = otherwise {
                    to.node("else", |to| to.expr(otherwise));
                }
            }),
            ExprKind::Match(scrutinee, arms) => self.node("match", |to| {
                to.expr(scrutinee);
                for arm in arms {
                    to.node(&format!("arm {}", to.match_pattern(&arm.pattern)), |to| {
                        if let Some(guard) = &arm.guard {
                            to.node("when", |to| to.expr(guard));
                        }
                        to.expr(&arm.body);
                    });
                }
            }),
            ExprKind::Pipe(head, steps) => self.node("pipe", |to| {
                to.expr(head);
                steps.iter().for_each(|step| to.pipe_step(&step.kind));
            }),
            ExprKind::Block(statements, last) => self.node("block", |to| {
                for statement in statements {
                    match statement {
                        Statement::Let(pattern, value) => {
                            to.node(&format!("let {}", to.let_pattern(pattern)), |to| to.expr(value));
                        }
                        Statement::Do(expr) => to.node("do", |to| to.expr(expr)),
                    }
                }
                to.expr(last);
            }),
            // What is told on one line is told by `expr`.
            _ => {}
        }
    }

    fn lambda(&mut self, params: &[LetPattern], body: &Expr) {
        let params: Vec<_> = params.iter().map(|param| self.let_pattern(param)).collect();
        self.node(&format!("lambda {}", params.join(" ")), |to| to.expr(body));
    }

    fn pipe_step(&mut self, step: &PipeStepKind) {
        match step {
            PipeStepKind::Local(local, args) => {
                self.node(&format!("into {}", self.local(*local)), |to| to.exprs(args));
            }
            PipeStepKind::Call(name, type_args, args) => {
                self.node(&format!("into {}{}", self.name(name), self.type_args(type_args)), |to| to.exprs(args));
            }
            PipeStepKind::Lambda(params, body) => self.node("into", |to| to.lambda(params, body)),
            PipeStepKind::Infix(op, right) => self.node(&format!("into {}", op.sign()), |to| to.expr(right)),
            PipeStepKind::Enum(name, case, fields) => {
                self.node(&format!("into case {}.{}", self.name(name), case.name), |to| to.exprs(fields));
            }
        }
    }

    fn let_pattern(&self, pattern: &LetPattern) -> String {
        match &pattern.kind {
            LetPatternKind::Variable(number) => self.variable(*number),
            LetPatternKind::Wildcard => "_".to_owned(),
            LetPatternKind::Unit => "()".to_owned(),
            LetPatternKind::Tuple(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.let_pattern(part)).collect();
                format!("({})", parts.join(", "))
            }
        }
    }

    fn match_pattern(&self, pattern: &MatchPattern) -> String {
        let list = |patterns: &[MatchPattern], with: &str| {
            patterns.iter().map(|part| self.match_pattern(part)).collect::<Vec<_>>().join(with)
        };
        match &pattern.kind {
            MatchPatternKind::Wildcard => "_".to_owned(),
            MatchPatternKind::Variable(number) => self.variable(*number),
            MatchPatternKind::Unit => "()".to_owned(),
            MatchPatternKind::Bool(value) => value.to_string(),
            MatchPatternKind::Int(decimal, kind) => format!("{decimal}{}", kind.suffix()),
            MatchPatternKind::Float(float) => float_text(float),
            MatchPatternKind::Char(text) => char_text(text),
            MatchPatternKind::String(text) => format!("{text:?}"),
            MatchPatternKind::List(elements) => format!("[{}]", list(elements, "; ")),
            MatchPatternKind::Cons(heads, tail) => format!("({} :: {})", list(heads, " :: "), self.match_pattern(tail)),
            MatchPatternKind::Tuple(parts) => format!("({})", list(parts, ", ")),
            MatchPatternKind::Or(alternatives) => format!("({})", list(alternatives, " | ")),
            MatchPatternKind::Enum(case, fields) if fields.is_empty() => case.name.clone(),
            MatchPatternKind::Enum(case, fields) => format!("{}({})", case.name, list(fields, ", ")),
        }
    }
}

fn char_text(text: &str) -> String {
    format!("'{}'", text.escape_debug())
}

fn float_text(float: &FloatValue) -> String {
    format!("{}{}.{}", if float.negative { "-" } else { "" }, float.whole, float.fraction)
}

fn type_params(params: &[String]) -> String {
    let mut out = String::new();
    for (at, param) in params.iter().enumerate() {
        let _ = write!(out, "{}'{param}", if at == 0 { "<" } else { ", " });
    }
    if !params.is_empty() {
        out.push('>');
    }
    out
}
