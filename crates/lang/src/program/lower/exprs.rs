//! Expressions.

use dm_model::Target;
use dm_syntax::written::{self, InfixOp, InterpPart, TypeRef};
use dm_syntax::{LiteralValue, TextRange};

use super::super::{
    Arm, Expr, ExprKind, FieldName, FieldValue, LetPattern, LetPatternKind, Local, Name, Operand, PipeStep,
    PipeStepKind, Segment, Statement, Type,
};
use super::patterns::Bound;
use super::{Lower, LowerError, Lowered, need};
use crate::spelling;

/// What `-x` calls.
const NEGATE: &str = "negate";

impl<'t> Lower<'_, 't> {
    /// The statements of a block; names that they bind end with it.
    pub(super) fn block(&mut self, block: written::Block<'t>) -> Lowered<Expr> {
        self.statements(block.range(), block.statements().collect())
    }

    fn statements(&mut self, range: TextRange, written: Vec<written::Expr<'t>>) -> Lowered<Expr> {
        let outside = self.locals.len();
        let mut statements = Vec::new();
        let mut rest = written;
        // What follows a `let` is its body: a block inside it, which is gone through here and not by recursion.
        let last = loop {
            let last = need(rest.pop(), range)?;
            for statement in rest {
                statements.push(Statement::Do(self.expr(statement)?));
            }
            let body = match last {
                written::Expr::Let(binding) => {
                    statements.push(self.let_value(binding)?);
                    need(binding.body(), binding.range())?
                }
                written::Expr::LocalFn(function) => {
                    statements.push(self.local_function(function)?);
                    need(function.body(), function.range())?
                }
                last => break self.expr(last)?,
            };
            rest = body.statements().collect();
        };
        self.locals.truncate(outside);
        Ok(match last.kind {
            ExprKind::Block(more, last) => {
                statements.extend(more);
                Expr { kind: ExprKind::Block(statements, last), range }
            }
            _ if statements.is_empty() => last,
            _ => Expr { kind: ExprKind::Block(statements, Box::new(last)), range },
        })
    }

    fn let_value(&mut self, binding: written::LetExpr<'t>) -> Lowered<Statement> {
        let range = binding.range();
        let mut bound = Bound::new();
        let pattern = self.let_pattern(need(binding.pattern(), range)?, &mut bound)?;
        let value = need(binding.value(), range)?;
        let mut only = value.statements();
        let lambda = matches!((only.next(), only.next()), (Some(written::Expr::Lambda(_)), None));
        let outside = self.locals.len();
        if lambda {
            self.enter_all(&bound, true);
        }
        let value = self.block(value)?;
        self.locals.truncate(outside);
        self.enter_all(&bound, false);
        Ok(Statement::Let(pattern, value))
    }

    fn local_function(&mut self, function: written::LocalFn<'t>) -> Lowered<Statement> {
        let range = function.range();
        let name = need(function.name(), range)?;
        let variable = self.bind(name.text(), name.range());
        let outside = self.locals.len();
        self.enter(name.text(), variable, true);
        let mut bound = Bound::new();
        let mut params = Vec::new();
        for param in function.params() {
            let kind = match param.name() {
                Some(name) if !name.text().is_empty() => {
                    let variable = self.bind(name.text(), name.range());
                    bound.push((name.text(), variable));
                    LetPatternKind::Variable(variable)
                }
                None if param.is_unit() => LetPatternKind::Unit,
                _ => LetPatternKind::Wildcard,
            };
            params.push(LetPattern { kind, range: param.range() });
        }
        self.enter_all(&bound, false);
        let value = need(function.value(), range)?;
        let body = self.block(value)?;
        self.locals.truncate(outside);
        self.enter(name.text(), variable, false);
        let lambda = Expr { kind: ExprKind::Lambda(params, Box::new(body)), range: value.range() };
        let pattern = LetPattern { kind: LetPatternKind::Variable(variable), range: name.range() };
        Ok(Statement::Let(pattern, lambda))
    }

    fn enter_all(&mut self, bound: &Bound<'t>, itself: bool) {
        for (name, variable) in bound {
            self.enter(name, *variable, itself);
        }
    }

    /// Only says who does it: this is on the stack once for each level of nesting, so it is kept small.
    pub(super) fn expr(&mut self, written: written::Expr<'t>) -> Lowered<Expr> {
        let written = written.unparenthesised();
        match written {
            written::Expr::Let(_) | written::Expr::LocalFn(_) => self.statements(written.range(), vec![written]),
            written::Expr::Paren(paren) => self.statements(paren.range(), paren.statements().collect()),
            written::Expr::Name(name) => self.name(name),
            written::Expr::Enum(case) => self.case(case),
            written::Expr::Apply(apply) => self.apply(apply),
            written::Expr::Infix(infix) => self.infix(infix),
            written::Expr::Neg(negated) => self.negated(negated),
            written::Expr::Field(field) => self.field_access(field),
            written::Expr::If(condition) => self.condition(condition),
            written::Expr::Match(matched) => self.matched(matched),
            written::Expr::Pipe(pipe) => self.pipe(pipe),
            written::Expr::Record(record) => self.record(record),
            written::Expr::Update(update) => self.update(update),
            written::Expr::Lambda(lambda) => self.lambda(lambda),
            written::Expr::Section(section) => self.section(section),
            written::Expr::Interp(interpolation) => self.interpolation(interpolation),
            written::Expr::Literal(literal) => literal_value(literal),
            written::Expr::Dict(dict) => Ok(whole(dict.range(), ExprKind::Dict(self.fields(dict.entries())?))),
            written::Expr::Tuple(tuple) => Ok(whole(tuple.range(), ExprKind::Tuple(self.exprs(tuple.parts())?))),
            written::Expr::List(list) => Ok(whole(list.range(), ExprKind::List(self.exprs(list.elements())?))),
            written::Expr::Unit(unit) => Ok(whole(unit.range(), ExprKind::Unit)),
            written::Expr::Anonymous(_) | written::Expr::Malformed(_) => Err(LowerError::Incomplete(written.range())),
        }
    }

    fn record(&mut self, record: written::RecordExpr<'t>) -> Lowered<Expr> {
        let range = record.range();
        let path = need(record.path(), range)?;
        let name = self.meaning(path.range(), &spelling::of_path(path));
        let args = self.type_refs(record.type_args().into_iter())?;
        Ok(whole(range, ExprKind::Record(Box::new(name), args, self.fields(record.fields())?)))
    }

    fn update(&mut self, update: written::UpdateExpr<'t>) -> Lowered<Expr> {
        let range = update.range();
        let record = self.expr(need(update.record(), range)?)?;
        Ok(whole(range, ExprKind::Update(Box::new(record), self.fields(update.updates())?)))
    }

    fn interpolation(&mut self, interpolation: written::InterpExpr<'t>) -> Lowered<Expr> {
        let part = |part| match part {
            InterpPart::Text(text, _) => Ok(Segment::Text(text)),
            InterpPart::Expr(hole) => self.expr(hole).map(Segment::Hole),
        };
        let segments = interpolation.parts().into_iter().map(part).collect::<Lowered<_>>()?;
        Ok(whole(interpolation.range(), ExprKind::String(segments)))
    }

    fn exprs(&mut self, written: impl Iterator<Item = written::Expr<'t>>) -> Lowered<Vec<Expr>> {
        written.map(|written| self.expr(written)).collect()
    }

    fn fields(&mut self, written: impl Iterator<Item = written::FieldValue<'t>>) -> Lowered<Vec<FieldValue>> {
        let field = |field: written::FieldValue<'t>| {
            let name = FieldName::of(need(field.name(), field.range())?);
            Ok(FieldValue { field: name, value: self.expr(need(field.value(), field.range())?)? })
        };
        written.map(field).collect()
    }

    // Names and calls.

    /// What a name of one or more segments means, without its type arguments.
    fn named(&self, path: written::Path<'t>) -> Expr {
        let range = path.range();
        let spelling = spelling::of_path(path);
        let kind = match self.reference_at(range.start) {
            None if !spelling.contains('.') => self.local(&spelling).map(ExprKind::Local),
            _ => None,
        };
        let kind = kind.unwrap_or_else(|| ExprKind::Name(Box::new(self.meaning(range, &spelling))));
        Expr { kind, range }
    }

    fn name(&self, name: written::NameExpr<'t>) -> Lowered<Expr> {
        let range = name.range();
        let callee = self.named(need(name.path(), range)?);
        let args = self.type_refs(name.type_args().into_iter())?;
        if args.is_empty() {
            return Ok(callee);
        }
        let unit = Expr { kind: ExprKind::Unit, range };
        Ok(Expr { kind: ExprKind::Apply(Box::new(callee), args, vec![unit]), range })
    }

    fn apply(&mut self, apply: written::ApplyExpr<'t>) -> Lowered<Expr> {
        let range = apply.range();
        let (callee, type_args) = self.callee(need(apply.callee(), range)?)?;
        let args = self.exprs(apply.args())?;
        Ok(Expr { kind: ExprKind::Apply(Box::new(callee), type_args, args), range })
    }

    /// What is called, and the type arguments written behind it.
    fn callee(&mut self, written: written::Expr<'t>) -> Lowered<(Expr, Vec<Type>)> {
        match written.unparenthesised() {
            written::Expr::Name(name) => {
                let callee = self.named(need(name.path(), name.range())?);
                Ok((callee, self.type_refs(name.type_args().into_iter())?))
            }
            other => Ok((self.expr(other)?, Vec::new())),
        }
    }

    /// A case with its type and fields, or an upper-case name that stands for itself.
    fn case(&mut self, case: written::EnumExpr<'t>) -> Lowered<Expr> {
        let range = case.range();
        let path = need(case.path(), range)?;
        let fields = case.fields();
        let implied = matches!(&*spelling::of_path(path), "Some" | "None" | "Ok" | "Error");
        if case.type_segments().is_empty() && fields.is_empty() && !implied {
            return Ok(self.named(path));
        }
        let (name, type_args, case) = self.case_name(case)?;
        Ok(Expr { kind: ExprKind::Enum(name, type_args, case, self.exprs(fields.into_iter())?), range })
    }

    /// The type of a case, its type arguments, and the case.
    fn case_name(&self, written: written::EnumExpr<'t>) -> Lowered<(Box<Name>, Vec<Type>, Box<FieldName>)> {
        let range = written.range();
        let path = need(written.path(), range)?;
        let case = need(written.case(), range)?;
        let segments = written.type_segments();
        let (of, spelling) = match (segments.first(), segments.last()) {
            (Some(first), Some(last)) => {
                let spelling = segments.iter().map(|segment| segment.text()).collect::<Vec<_>>().join(".");
                (TextRange::new(first.range().start, last.range().end), spelling)
            }
            _ => (path.range(), case.text().to_owned()),
        };
        let type_args: Vec<TypeRef<'t>> = written.type_args();
        let name = Box::new(self.meaning(of, &spelling));
        Ok((name, self.type_refs(type_args.into_iter())?, Box::new(FieldName::of(case))))
    }

    fn field_access(&mut self, outer: written::FieldExpr<'t>) -> Lowered<Expr> {
        let range = outer.range();
        let mut fields = Vec::new();
        let mut record = written::Expr::Field(outer);
        let record = loop {
            match record.unparenthesised() {
                written::Expr::Field(field) => {
                    let name = need(field.field(), range)?;
                    if let Some(name) = self.dotted_value(field.range(), name) {
                        break name;
                    }
                    fields.push(FieldName::of(name));
                    record = need(field.record(), range)?;
                }
                other => break self.expr(other)?,
            }
        };
        if fields.is_empty() {
            return Ok(record);
        }
        fields.reverse();
        Ok(Expr { kind: ExprKind::Field(Box::new(record), fields), range })
    }

    /// `a.b` that is a definition's name and not a field of something local.
    fn dotted_value(&self, range: TextRange, last: written::Name<'t>) -> Option<Expr> {
        let reference = self.reference_at(range.start)?;
        if reference.end() != last.range().end {
            return None;
        }
        let range = TextRange::new(range.start, last.range().end);
        let spelling = spelling::of_span(range.slice(&self.definition.text)).into_owned();
        Some(Expr { kind: ExprKind::Name(Box::new(self.meaning(range, &spelling))), range })
    }

    // Operators.

    fn infix(&mut self, outer: written::InfixExpr<'t>) -> Lowered<Expr> {
        let range = outer.range();
        let mut written = Vec::new();
        let mut left = written::Expr::Infix(outer);
        while let written::Expr::Infix(infix) = left.unparenthesised() {
            let op = need(infix.op(), range)?;
            if op == InfixOp::Append {
                break;
            }
            written.push((op, need(infix.op_token(), range)?.range(), need(infix.right(), range)?));
            left = need(infix.left(), range)?;
        }
        match left.unparenthesised() {
            written::Expr::Infix(append) if written.is_empty() => self.append_call(append),
            _ => self.operands(left, written, range),
        }
    }

    fn append_call(&mut self, append: written::InfixExpr<'t>) -> Lowered<Expr> {
        let range = append.range();
        let left = self.expr(need(append.left(), range)?)?;
        let right = self.expr(need(append.right(), range)?)?;
        let callee = self.append(need(append.op_token(), range)?.range());
        Ok(whole(range, ExprKind::Apply(Box::new(callee), Vec::new(), vec![left, right])))
    }

    fn negated(&mut self, negated: written::NegExpr<'t>) -> Lowered<Expr> {
        let range = negated.range();
        let operand = self.expr(need(negated.operand(), range)?)?;
        let target = Target::Builtin { name: NEGATE.to_owned(), version: 0 };
        let sign = TextRange::new(range.start, range.start + 1);
        let name = Name { target, spelling: format!("Builtin.{NEGATE}"), range: sign };
        let callee = whole(sign, ExprKind::Name(Box::new(name)));
        Ok(whole(range, ExprKind::Apply(Box::new(callee), Vec::new(), vec![operand])))
    }

    fn operands(
        &mut self,
        first: written::Expr<'t>,
        written: Vec<(InfixOp, TextRange, written::Expr<'t>)>,
        range: TextRange,
    ) -> Lowered<Expr> {
        let first = self.expr(first)?;
        let operand = |(op, range, right)| Ok(Operand { op, range, right: self.expr(right)? });
        let operands = written.into_iter().rev().map(operand).collect::<Lowered<_>>()?;
        Ok(whole(range, ExprKind::Infix(Box::new(first), operands)))
    }

    /// What `@` calls.
    fn append(&self, sign: TextRange) -> Expr {
        Expr { kind: ExprKind::Name(Box::new(self.meaning(sign, InfixOp::Append.sign()))), range: sign }
    }

    /// `(op)`: a function of two parameters.
    fn section(&mut self, section: written::OpSection<'t>) -> Lowered<Expr> {
        let range = section.range();
        let op = need(section.op(), range)?;
        let sign = need(section.op_token(), range)?.range();
        let mut params = Vec::new();
        let mut both = Vec::new();
        for name in ["a", "b"] {
            let variable = self.bind(name, sign);
            params.push(LetPattern { kind: LetPatternKind::Variable(variable), range: sign });
            both.push(Expr { kind: ExprKind::Local(Local::Variable(variable)), range: sign });
        }
        let body = if op == InfixOp::Append {
            ExprKind::Apply(Box::new(self.append(sign)), Vec::new(), both)
        } else {
            let right = need(both.pop(), range)?;
            let left = need(both.pop(), range)?;
            ExprKind::Infix(Box::new(left), vec![Operand { op, range: sign, right }])
        };
        Ok(whole(range, ExprKind::Lambda(params, Box::new(whole(range, body)))))
    }

    // Functions and branches.

    fn lambda(&mut self, lambda: written::LambdaExpr<'t>) -> Lowered<Expr> {
        let range = lambda.range();
        let mut bound = Bound::new();
        let mut params = Vec::new();
        for param in lambda.params() {
            let left_out = matches!(param, written::LetPattern::Var(name) if name.name().is_some_and(|name| name.text().is_empty()));
            if !left_out {
                params.push(self.let_pattern(param, &mut bound)?);
            }
        }
        if params.is_empty() {
            params.push(LetPattern { kind: LetPatternKind::Unit, range });
        }
        let outside = self.locals.len();
        self.enter_all(&bound, false);
        let body = self.block(need(lambda.body(), range)?)?;
        self.locals.truncate(outside);
        Ok(whole(range, ExprKind::Lambda(params, Box::new(body))))
    }

    fn condition(&mut self, written: written::IfExpr<'t>) -> Lowered<Expr> {
        let mut branches = Vec::new();
        for branch in written.branches() {
            let condition = self.expr(need(branch.condition(), branch.range())?)?;
            branches.push((condition, self.block(need(branch.body(), branch.range())?)?));
        }
        let otherwise = written.otherwise().map(|block| self.block(block)).transpose()?;
        let kind = match otherwise {
            Some(Expr { kind: ExprKind::If(more, otherwise), .. }) => {
                branches.extend(more);
                ExprKind::If(branches, otherwise)
            }
            otherwise => ExprKind::If(branches, otherwise.map(Box::new)),
        };
        Ok(whole(written.range(), kind))
    }

    fn matched(&mut self, written: written::MatchExpr<'t>) -> Lowered<Expr> {
        let range = written.range();
        let mut scrutinees = self.exprs(written.scrutinees())?;
        let scrutinee = match (scrutinees.pop(), scrutinees.is_empty()) {
            (Some(one), true) => one,
            (Some(last), false) => {
                let range = scrutinees.first().map_or(last.range, |first| first.range.cover(last.range));
                scrutinees.push(last);
                Expr { kind: ExprKind::Tuple(scrutinees), range }
            }
            (None, _) => return Err(LowerError::Incomplete(range)),
        };
        let mut arms = Vec::new();
        for arm in written.arms() {
            let mut bound = Bound::new();
            let pattern = self.match_pattern(need(arm.pattern(), range)?, &mut bound)?;
            let outside = self.locals.len();
            self.enter_all(&bound, false);
            let guard = arm.guard().map(|guard| self.expr(guard)).transpose()?;
            let body = self.block(need(arm.body(), range)?)?;
            self.locals.truncate(outside);
            arms.push(Arm { pattern, guard, body });
        }
        Ok(whole(range, ExprKind::Match(Box::new(scrutinee), arms)))
    }

    // Pipes.

    fn pipe(&mut self, written: written::PipeExpr<'t>) -> Lowered<Expr> {
        let head = self.expr(need(written.head(), written.range())?)?;
        let (head, mut steps) = match head {
            Expr { kind: ExprKind::Pipe(head, steps), .. } => (head, steps),
            head => (Box::new(head), Vec::new()),
        };
        for segment in written.segments() {
            steps.push(PipeStep { kind: self.pipe_step(segment)?, range: segment.range() });
        }
        Ok(whole(written.range(), ExprKind::Pipe(head, steps)))
    }

    fn pipe_step(&mut self, segment: written::PipeSegment<'t>) -> Lowered<PipeStepKind> {
        let range = segment.range();
        let written = need(segment.expr(), range)?.unparenthesised();
        match (written, segment.operand()) {
            (written::Expr::Section(section), Some(operand)) => self.piped_into_operator(section, operand),
            (written::Expr::Enum(case), _) => {
                let (name, _, case_name) = self.case_name(case)?;
                Ok(PipeStepKind::Enum(name, case_name, self.exprs(case.fields().into_iter())?))
            }
            (written::Expr::Apply(apply), _) => {
                let (callee, type_args) = self.callee(need(apply.callee(), range)?)?;
                called(callee, type_args, self.exprs(apply.args())?)
            }
            (written::Expr::Name(_), _) => {
                let (callee, type_args) = self.callee(written)?;
                called(callee, type_args, Vec::new())
            }
            _ => match self.expr(written)?.kind {
                ExprKind::Lambda(params, body) => Ok(PipeStepKind::Lambda(params, body)),
                _ => Err(LowerError::Incomplete(range)),
            },
        }
    }

    fn piped_into_operator(
        &mut self,
        section: written::OpSection<'t>,
        operand: written::Expr<'t>,
    ) -> Lowered<PipeStepKind> {
        let op = need(section.op(), section.range())?;
        let operand = self.expr(operand)?;
        if op != InfixOp::Append {
            return Ok(PipeStepKind::Infix(op, Box::new(operand)));
        }
        let sign = need(section.op_token(), section.range())?.range();
        Ok(PipeStepKind::Call(Box::new(self.meaning(sign, op.sign())), Vec::new(), vec![operand]))
    }
}

fn whole(range: TextRange, kind: ExprKind) -> Expr {
    Expr { kind, range }
}

fn literal_value(literal: written::LiteralExpr<'_>) -> Lowered<Expr> {
    let kind = match need(literal.value(), literal.range())? {
        LiteralValue::Bool(value) => ExprKind::Bool(value),
        LiteralValue::Int { decimal, kind } => ExprKind::Int(decimal, kind),
        LiteralValue::Float(float) => ExprKind::Float(Box::new(float)),
        LiteralValue::String(text) => ExprKind::String(vec![Segment::Text(text)]),
        LiteralValue::Char(text) => ExprKind::Char(text),
    };
    Ok(whole(literal.range(), kind))
}

fn called(callee: Expr, type_args: Vec<Type>, args: Vec<Expr>) -> Lowered<PipeStepKind> {
    match callee.kind {
        ExprKind::Local(local) => Ok(PipeStepKind::Local(local, args)),
        ExprKind::Name(name) => Ok(PipeStepKind::Call(name, type_args, args)),
        _ => Err(LowerError::Incomplete(callee.range)),
    }
}
