//! The walk over expressions.

use dm_syntax::written::{InfixOp, Primitive};
use dm_syntax::{IntKind, TextRange};

use super::types::{Metas, Ty};
use super::{OtherPlace, TypeCode, Walk, with_article};
use crate::lookup::{OPTION, Wanted};
use crate::program::{
    Arm, Binder, Expr, ExprKind, FieldValue, LetPattern, LetPatternKind, Local, MatchPattern, MatchPatternKind,
    Operand, Segment, Statement, Type, TypeShape,
};

impl<'c> Walk<'c, '_> {
    /// The type of an expression; `expected` is what its place asks for, from which the parameters of lambdas get their types.
    pub(super) fn expr(&mut self, expr: &Expr, expected: Option<&Ty>) -> Ty {
        let of = Metas::bounded(self.type_of(expr, expected));
        self.found.push(of.clone());
        of
    }

    fn type_of(&mut self, expr: &Expr, expected: Option<&Ty>) -> Ty {
        match &expr.kind {
            ExprKind::Unit => Ty::UNIT,
            ExprKind::Bool(_) => Ty::BOOL,
            ExprKind::Int(_, kind) => int(*kind),
            ExprKind::Float(_) => Ty::Primitive(Primitive::Float),
            ExprKind::Char(_) => Ty::Primitive(Primitive::Char),
            ExprKind::String(segments) => self.string(segments),
            ExprKind::List(elements) => self.list(elements, expected),
            ExprKind::Tuple(parts) => self.tuple(parts, expected),
            ExprKind::Dict(entries) => self.dict(entries),
            ExprKind::Record(name, args, fields) => self.record(name, args, fields),
            ExprKind::Update(record, fields) => self.update(record, fields),
            ExprKind::Field(record, fields) => self.fields(record, fields),
            ExprKind::Enum(name, args, case, fields) => {
                let fields: Vec<_> = fields.iter().map(super::calls::Arg::Written).collect();
                self.case(name, args, case, &fields)
            }
            ExprKind::Local(local) => self.local(*local),
            ExprKind::Name(name) => self.named(name),
            ExprKind::Apply(callee, type_args, args) => self.apply(callee, type_args, args),
            ExprKind::Infix(first, operands) => self.infix(first, operands),
            ExprKind::Lambda(params, body) => self.lambda(params, body, expected),
            ExprKind::If(branches, otherwise) => self.branches(branches, otherwise.as_deref(), expected),
            ExprKind::Match(scrutinee, arms) => self.arms(scrutinee, arms, expected),
            ExprKind::Pipe(head, steps) => self.pipe(head, steps),
            ExprKind::Block(statements, last) => self.within(|walk| {
                walk.statements(statements);
                walk.expr(last, expected)
            }),
        }
    }

    /// Goes through something; what it binds is in force in it only.
    fn within<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope.len();
        let found = part(self);
        self.leave(outer);
        found
    }

    /// Takes out of force what was bound since.
    fn leave(&mut self, outer: usize) {
        while self.scope.len() > outer {
            let Some(variable) = self.scope.pop() else { return };
            if let Some(named) = self.binder(variable).and_then(|binder| self.named.get_mut(binder.name.as_str())) {
                named.pop();
            }
            self.put_in_force(variable, false);
        }
    }

    /// Notes whether a variable is in force, and tells whether it was.
    fn put_in_force(&mut self, variable: u32, is: bool) -> bool {
        let place = usize::try_from(variable).ok().and_then(|at| self.in_force.get_mut(at));
        place.is_some_and(|place| std::mem::replace(place, is))
    }

    fn binder(&self, variable: u32) -> Option<&'c Binder> {
        self.program.variables.get(usize::try_from(variable).ok()?)
    }

    pub(super) fn local(&mut self, local: Local) -> Ty {
        let (among, at) = match local {
            Local::Argument(at) => (&self.arguments, at),
            Local::Variable(at) => {
                if let Some(uses) = usize::try_from(at).ok().and_then(|at| self.uses.get_mut(at)) {
                    *uses += 1;
                }
                (&self.variables, at)
            }
        };
        usize::try_from(at).ok().and_then(|at| among.get(at)).cloned().unwrap_or(Ty::Unknown)
    }

    // What a function gives.

    /// Checks what is given at the end of each way through a body.
    pub(super) fn result(&mut self, body: &Expr, wanted: &Ty, declared: &Type) {
        match &body.kind {
            ExprKind::Block(statements, last) => self.within(|walk| {
                walk.statements(statements);
                walk.result(last, wanted, declared);
            }),
            ExprKind::If(branches, Some(otherwise)) => {
                for (condition, branch) in branches {
                    self.condition(condition);
                    self.result(branch, wanted, declared);
                }
                self.result(otherwise, wanted, declared);
            }
            ExprKind::Match(scrutinee, arms) => {
                let matched = self.expr(scrutinee, None);
                for arm in arms {
                    self.within(|walk| {
                        walk.arm_head(arm, &matched);
                        walk.result(&arm.body, wanted, declared);
                    });
                }
                self.exhaustive(arms, &matched, scrutinee.range);
            }
            _ => {
                let given = self.expr(body, Some(wanted));
                if !self.fits(wanted, &given) {
                    let types = (self.told(wanted), self.told(&given));
                    let message = format!(
                        "this is {}, but the function is declared to give {}",
                        with_article(&types.1),
                        with_article(&types.0)
                    );
                    let hint = self.conversion(wanted, &given);
                    let problem = self.problem(TypeCode::Result, body.range, message);
                    (problem.hint, problem.types) = (hint, Some(types));
                    let note = "the type of the result is declared here".to_owned();
                    problem.other = Some(OtherPlace { node: None, range: declared.range, note });
                }
                return;
            }
        }
        self.found.push(wanted.clone());
    }

    // Literals.

    fn string(&mut self, segments: &[Segment]) -> Ty {
        for segment in segments {
            let Segment::Hole(hole) = segment else { continue };
            let given = self.expr(hole, Some(&Ty::STRING));
            let certain = self.metas.certain(&given);
            let is_function = matches!(certain, Ty::Fn(..));
            if is_function || !self.fits(&Ty::STRING, &given) {
                let message =
                    format!("only a `String` can stand in a string, and this is {}", with_article(&self.told(&given)));
                let hint = self.conversion(&Ty::STRING, &given);
                self.problem(TypeCode::Interpolation, hole.range, message).hint = hint;
            }
        }
        Ty::STRING
    }

    fn list(&mut self, elements: &[Expr], expected: Option<&Ty>) -> Ty {
        let inner = expected.map(|expected| self.metas.head(expected));
        let inner = if let Some(Ty::List(of)) = inner { Some(*of) } else { None };
        let mut of = self.metas.guess();
        for (at, element) in elements.iter().enumerate() {
            let given = self.expr(element, inner.as_ref());
            of = self.element(at, of, given, element.range, elements.first().map(|first| first.range), "list");
        }
        Ty::List(Box::new(of))
    }

    /// The type of a list's elements, with one more.
    fn element(&mut self, at: usize, of: Ty, given: Ty, range: TextRange, first: Option<TextRange>, what: &str) -> Ty {
        if at == 0 {
            return given;
        }
        if let Some(merged) = self.merge(&of, &given) {
            return merged;
        }
        let types = (self.told(&of), self.told(&given));
        let message =
            format!("this is {}, but the {what} has {} so far", with_article(&types.1), with_article(&types.0));
        let hint = self.conversion(&of, &given);
        let problem = self.problem(TypeCode::Element, range, message);
        (problem.hint, problem.types) = (hint, Some(types));
        let note = "the first one".to_owned();
        problem.other = first.map(|range| OtherPlace { node: None, range, note });
        of
    }

    fn tuple(&mut self, parts: &[Expr], expected: Option<&Ty>) -> Ty {
        let expected = match expected.map(|expected| self.metas.head(expected)) {
            Some(Ty::Tuple(parts)) => parts,
            _ => Vec::new(),
        };
        Ty::Tuple(parts.iter().enumerate().map(|(at, part)| self.expr(part, expected.get(at))).collect())
    }

    fn dict(&mut self, entries: &[FieldValue]) -> Ty {
        let mut of = self.metas.guess();
        for (at, entry) in entries.iter().enumerate() {
            let given = self.expr(&entry.value, None);
            let first = entries.first().map(|first| first.value.range);
            of = self.element(at, of, given, entry.value.range, first, "dict");
            let before = entries.iter().take(at).find(|before| before.field.name == entry.field.name);
            if let Some(before) = before {
                let message = format!("the key `{}` is in this dict already", entry.field.name);
                let note = "the first one".to_owned();
                self.problem(TypeCode::Field, entry.field.range, message).other =
                    Some(OtherPlace { node: None, range: before.field.range, note });
            }
        }
        Ty::Dict(Box::new(of))
    }

    // Operators.

    fn infix(&mut self, first: &Expr, operands: &[Operand]) -> Ty {
        let mut left = self.expr(first, None);
        let start = first.range.start;
        let mut end = first.range.end;
        for operand in operands {
            let right = self.expr(&operand.right, None);
            let left_range = TextRange { start, end };
            left = self.operator(operand.op, (&left, left_range), (&right, operand.right.range));
            end = operand.right.range.end;
        }
        left
    }

    /// What an operator gives.
    pub(super) fn operator(&mut self, op: InfixOp, left: (&Ty, TextRange), right: (&Ty, TextRange)) -> Ty {
        match op {
            InfixOp::Or | InfixOp::And => {
                for (of, range) in [left, right] {
                    self.operand(op, &Ty::BOOL, of, range);
                }
                Ty::BOOL
            }
            InfixOp::Concat => {
                for (of, range) in [left, right] {
                    self.operand(op, &Ty::STRING, of, range);
                }
                Ty::STRING
            }
            InfixOp::Equals | InfixOp::NotEquals => {
                self.comparable(left.0, right.0, right.1, "this compares");
                Ty::BOOL
            }
            InfixOp::Less | InfixOp::Greater | InfixOp::LessOrEqual | InfixOp::GreaterOrEqual => {
                self.arithmetic(op, left, right);
                Ty::BOOL
            }
            // A call in the tree; its signature says what it takes.
            InfixOp::Append => Ty::Unknown,
            InfixOp::Plus | InfixOp::Minus | InfixOp::Multiply | InfixOp::Divide | InfixOp::Modulo | InfixOp::Power => {
                self.arithmetic(op, left, right)
            }
        }
    }

    fn operand(&mut self, op: InfixOp, wanted: &Ty, given: &Ty, range: TextRange) {
        if self.fits(wanted, given) {
            return;
        }
        let message =
            format!("`{}` is for {}s, and this is {}", op.sign(), self.told(wanted), with_article(&self.told(given)));
        let hint = self.conversion(wanted, given);
        self.problem(TypeCode::Operand, range, message).hint = hint;
    }

    pub(super) fn comparable(&mut self, left: &Ty, right: &Ty, range: TextRange, what: &str) {
        if self.merge(left, right).is_none() {
            let message = format!(
                "{what} {} with {}: values of different types cannot be compared",
                with_article(&self.told(left)),
                with_article(&self.told(right))
            );
            let hint = self.conversion(left, right).or_else(|| self.conversion(right, left));
            self.problem(TypeCode::Operand, range, message).hint = hint;
        }
    }

    /// Both sides must be of one type that counts.
    fn arithmetic(&mut self, op: InfixOp, left: (&Ty, TextRange), right: (&Ty, TextRange)) -> Ty {
        let sign = op.sign();
        let mut numbers = Vec::new();
        for (of, range) in [left, right] {
            let certain = self.metas.certain(of);
            if certain.is_numeric() {
                numbers.push(certain);
            } else if !certain.is_open() {
                let message = format!("`{sign}` is for numbers, and this is {}", with_article(&self.told(of)));
                let joins = op == InfixOp::Plus && certain == Ty::STRING;
                self.problem(TypeCode::Operand, range, message).hint = joins.then(|| "`++` joins strings".to_owned());
                return Ty::Unknown;
            }
        }
        if let [one, other] = numbers.as_slice()
            && one != other
        {
            let message = format!(
                "`{sign}` needs two numbers of one type, and these are {} and {}",
                with_article(&self.told(one)),
                with_article(&self.told(other))
            );
            let hint = self.conversion(one, other).or_else(|| self.conversion(other, one));
            self.problem(TypeCode::Operand, right.1, message).hint = hint;
            return Ty::Unknown;
        }
        let wide = matches!(numbers.first(), Some(Ty::Primitive(Primitive::Int128 | Primitive::UInt128)));
        if op == InfixOp::Power && wide {
            let message = format!("there is no `^` for {}s", self.told(left.0));
            self.problem(TypeCode::Operand, left.1, message);
        }
        match numbers.into_iter().next() {
            Some(number) => {
                self.fits(left.0, &number);
                self.fits(right.0, &number);
                number
            }
            None => self.merge(left.0, right.0).unwrap_or(Ty::Unknown),
        }
    }

    // Binding.

    pub(super) fn lambda(&mut self, params: &[LetPattern], body: &Expr, expected: Option<&Ty>) -> Ty {
        let (wanted, result) = match expected.map(|expected| self.metas.head(expected)) {
            Some(Ty::Fn(wanted, result)) => {
                let whole = params.len() == wanted.len();
                (wanted, whole.then_some(*result))
            }
            _ => (Vec::new(), None),
        };
        let outer = self.scope.len();
        let mut types = Vec::new();
        for (at, param) in params.iter().enumerate() {
            let of = wanted.get(at).cloned().unwrap_or_else(|| self.metas.guess());
            let of = if of == Ty::Unknown { self.metas.guess() } else { of };
            self.bind(param, &of, None);
            types.push(of);
        }
        let given = self.expr(body, result.as_ref());
        self.leave(outer);
        Ty::Fn(types, Box::new(given))
    }

    pub(super) fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Let(pattern, value) => self.let_in(pattern, value),
                Statement::Do(expr) => {
                    let given = self.expr(expr, None);
                    let certain = self.metas.certain(&given);
                    if matches!(certain, Ty::Fn(..)) || !self.fits(&Ty::UNIT, &given) {
                        let message = format!(
                            "this is {} that nothing is done with; a statement must give `Unit`",
                            with_article(&self.told(&given))
                        );
                        self.problem(TypeCode::Statement, expr.range, message).hint =
                            Some("to drop what it gives, write `let _ = ..`".to_owned());
                    }
                }
            }
        }
    }

    fn let_in(&mut self, pattern: &LetPattern, value: &Expr) {
        if let (LetPatternKind::Variable(variable), ExprKind::Lambda(..)) = (&pattern.kind, &value.kind) {
            // It may call itself.
            let itself = self.metas.guess();
            self.set(*variable, &itself);
            let given = self.expr(value, None);
            self.fits(&itself, &given);
            self.set(*variable, &given);
            return;
        }
        // `let x = f x` goes on with what it hides.
        let mut bound = Vec::new();
        variables(pattern, &mut bound);
        let uses = |walk: &Self, at: u32| walk.hidden(at).map_or(0, |old| walk.uses_of(old));
        let before: Vec<_> = bound.iter().map(|at| uses(self, *at)).collect();
        let given = self.expr(value, None);
        let after = bound.iter().zip(before).filter(|(at, before)| uses(self, **at) > *before);
        self.taken_up = after.map(|(at, _)| *at).collect();
        self.bind(pattern, &given, Some(value.range));
        self.taken_up.clear();
    }

    fn uses_of(&self, variable: u32) -> usize {
        usize::try_from(variable).ok().and_then(|at| self.uses.get(at)).copied().unwrap_or(0)
    }

    /// The variable in force of the same name.
    fn hidden(&self, variable: u32) -> Option<u32> {
        let binder = self.binder(variable)?;
        self.named.get(binder.name.as_str()).and_then(|named| named.last()).copied()
    }

    /// Puts a variable in force.
    fn set(&mut self, variable: u32, of: &Ty) {
        // Alternatives of a pattern bind the same one.
        if !self.put_in_force(variable, true)
            && let Some(binder) = self.binder(variable)
        {
            self.shadows(variable);
            self.scope.push(variable);
            self.named.entry(&binder.name).or_default().push(variable);
        }
        if let Some(place) = usize::try_from(variable).ok().and_then(|at| self.variables.get_mut(at)) {
            *place = of.clone();
        }
    }

    /// Warns if a variable hides another that is not taken up in it.
    fn shadows(&mut self, variable: u32) {
        let Some(new) = self.binder(variable) else { return };
        let Some(hidden) = self.hidden(variable).and_then(|old| self.binder(old)) else { return };
        if self.taken_up.contains(&variable) || new.name.starts_with('_') {
            return;
        }
        let (range, other) = (new.range, hidden.range);
        let message = format!("this hides another `{}`", new.name);
        let note = "which is bound here".to_owned();
        self.warning(TypeCode::Shadowed, range, message).other = Some(OtherPlace { node: None, range: other, note });
    }

    fn bind(&mut self, pattern: &LetPattern, of: &Ty, value: Option<TextRange>) {
        match &pattern.kind {
            LetPatternKind::Variable(variable) => self.set(*variable, of),
            LetPatternKind::Wildcard => {}
            LetPatternKind::Unit => {
                if !self.fits(&Ty::UNIT, of) {
                    self.unbindable(pattern, of, value, "`()` fits only a `Unit`");
                }
            }
            LetPatternKind::Tuple(parts) => {
                let guesses: Vec<_> = parts.iter().map(|_| self.metas.guess()).collect();
                let head = self.metas.head(of);
                let certain = self.metas.certain(of);
                let inner = match head {
                    Ty::Tuple(inner) if inner.len() == parts.len() => {
                        inner.into_iter().map(|inner| self.as_sure_as(of, inner)).collect()
                    }
                    _ if certain.is_open() => {
                        self.fits(of, &Ty::Tuple(guesses.clone()));
                        guesses
                    }
                    _ => {
                        let fits = format!("this fits only a tuple of {}", parts.len());
                        self.unbindable(pattern, of, value, &fits);
                        guesses
                    }
                };
                for (part, of) in parts.iter().zip(&inner) {
                    self.bind(part, of, value);
                }
            }
        }
    }

    fn unbindable(&mut self, pattern: &LetPattern, of: &Ty, value: Option<TextRange>, fits: &str) {
        let message = format!("{fits}, and what it is to take apart is {}", with_article(&self.told(of)));
        let problem = self.problem(TypeCode::Pattern, pattern.range, message);
        let note = "the value".to_owned();
        problem.other = value.map(|range| OtherPlace { node: None, range, note });
    }

    // Branches.

    fn condition(&mut self, condition: &Expr) {
        let given = self.expr(condition, Some(&Ty::BOOL));
        let certain = self.metas.certain(&given);
        if matches!(certain, Ty::Fn(..)) || !self.fits(&Ty::BOOL, &given) {
            let types = ("Bool".to_owned(), self.told(&given));
            let message = format!("a condition must be a `Bool`, and this is {}", with_article(&types.1));
            self.problem(TypeCode::Condition, condition.range, message).types = Some(types);
        }
    }

    fn branches(&mut self, branches: &[(Expr, Expr)], otherwise: Option<&Expr>, expected: Option<&Ty>) -> Ty {
        let mut of: Option<Ty> = None;
        for (condition, branch) in branches {
            self.condition(condition);
            let given = self.expr(branch, expected);
            of = Some(self.either(of, given));
        }
        let last = otherwise.map_or(Ty::UNIT, |otherwise| self.expr(otherwise, expected));
        self.either(of, last)
    }

    /// The type of what is one of several; branches need not agree.
    fn either(&mut self, of: Option<Ty>, given: Ty) -> Ty {
        match of {
            None => given,
            Some(of) => self.metas.join(&of, &given, &self.source),
        }
    }

    fn arms(&mut self, scrutinee: &Expr, arms: &[Arm], expected: Option<&Ty>) -> Ty {
        let matched = self.expr(scrutinee, None);
        let mut of = None;
        for arm in arms {
            let given = self.within(|walk| {
                walk.arm_head(arm, &matched);
                walk.expr(&arm.body, expected)
            });
            of = Some(self.either(of, given));
        }
        self.exhaustive(arms, &matched, scrutinee.range);
        of.unwrap_or(Ty::Unknown)
    }

    fn arm_head(&mut self, arm: &Arm, matched: &Ty) {
        self.pattern(&arm.pattern, matched);
        if let Some(guard) = &arm.guard {
            self.condition(guard);
        }
    }

    /// Gives what a pattern binds its types. Patterns are never wrong: one that cannot fit does not fit.
    fn pattern(&mut self, pattern: &MatchPattern, of: &Ty) {
        self.may_fit(pattern, of);
        match &pattern.kind {
            MatchPatternKind::Variable(variable) => self.set(*variable, of),
            MatchPatternKind::List(parts) => {
                let inner = self.inside_list(of);
                parts.iter().for_each(|part| self.pattern(part, &inner));
            }
            MatchPatternKind::Cons(heads, rest) => {
                let inner = self.inside_list(of);
                heads.iter().for_each(|part| self.pattern(part, &inner));
                self.pattern(rest, &Ty::List(Box::new(inner)));
            }
            MatchPatternKind::Tuple(parts) => {
                let inner = match self.metas.head(of) {
                    Ty::Tuple(inner) if inner.len() == parts.len() => {
                        inner.into_iter().map(|inner| self.as_sure_as(of, inner)).collect()
                    }
                    Ty::Meta(_) => {
                        let inner: Vec<_> = parts.iter().map(|_| self.metas.guess()).collect();
                        self.fits(of, &Ty::Tuple(inner.clone()));
                        inner
                    }
                    _ => vec![Ty::Unknown; parts.len()],
                };
                for (part, of) in parts.iter().zip(&inner) {
                    self.pattern(part, of);
                }
            }
            MatchPatternKind::Or(alternatives) => {
                alternatives.iter().for_each(|alternative| self.pattern(alternative, of));
            }
            MatchPatternKind::Enum(case, parts) => {
                let inner = self.inside_case(of, &case.name, parts.len());
                for (part, of) in parts.iter().zip(&inner) {
                    self.pattern(part, of);
                }
            }
            MatchPatternKind::Wildcard
            | MatchPatternKind::Unit
            | MatchPatternKind::Bool(_)
            | MatchPatternKind::Int(..)
            | MatchPatternKind::Float(_)
            | MatchPatternKind::Char(_)
            | MatchPatternKind::String(_) => {}
        }
    }

    fn inside_list(&mut self, of: &Ty) -> Ty {
        match self.metas.head(of) {
            Ty::List(inner) => self.as_sure_as(of, *inner),
            Ty::Meta(_) => {
                let inner = self.metas.guess();
                self.fits(of, &Ty::List(Box::new(inner.clone())));
                inner
            }
            _ => Ty::Unknown,
        }
    }

    /// The types of a case's fields, if what is matched has such a case.
    fn inside_case(&mut self, of: &Ty, case: &str, count: usize) -> Vec<Ty> {
        let unknown = vec![Ty::Unknown; count];
        let Ty::Custom(node, args) = self.metas.head(of) else { return unknown };
        let Some(declaration) = self.declaration(node) else { return unknown };
        let TypeShape::Enum(cases) = &declaration.shape() else { return unknown };
        let Some(found) = cases.iter().find(|found| found.name == case && found.fields.len() == count) else {
            return unknown;
        };
        let variables = declaration.variables(args);
        let scope = super::TypeScope { from: Some(node), variables: &variables };
        let fields: Vec<_> = found.fields.iter().map(|(_, of)| self.ty(scope, of)).collect();
        fields.into_iter().map(|field| self.as_sure_as(of, field)).collect()
    }

    /// A part of something is not surer than the whole.
    pub(super) fn as_sure_as(&mut self, whole: &Ty, part: Ty) -> Ty {
        if !self.metas.certain(whole).is_open() {
            return part;
        }
        let guess = self.metas.guess();
        self.fits(&guess, &part);
        guess
    }

    // Hints.

    /// How to make what is given into what is wanted, where there is one way.
    pub(super) fn conversion(&self, wanted: &Ty, given: &Ty) -> Option<String> {
        let (wanted, given) = (self.metas.head(wanted), self.metas.head(given));
        if let (Ty::Primitive(wanted), Ty::Primitive(given)) = (&wanted, &given) {
            let ways = [format!("Stdlib.{given:?}.to{wanted:?}"), format!("Stdlib.{wanted:?}.from{given:?}")];
            let found = ways.iter().find(|way| self.source.standard(way, Wanted::Fn).is_some());
            return found.map(|way| format!("`{way}` makes one of it"));
        }
        if let Ty::Custom(node, args) = &given
            && Some(*node) == self.source.standard(OPTION, Wanted::Type)
            && args.first().is_some_and(|inner| self.metas.head(inner) == wanted)
        {
            return Some("it may be `None`: use `match`, or `Stdlib.Option.withDefault`".to_owned());
        }
        if let Ty::Custom(node, args) = &wanted
            && Some(*node) == self.source.standard(OPTION, Wanted::Type)
            && args.first().is_some_and(|inner| self.metas.head(inner) == given)
        {
            return Some("put it in a `Some`".to_owned());
        }
        None
    }
}

/// What a pattern binds.
fn variables(pattern: &LetPattern, into: &mut Vec<u32>) {
    match &pattern.kind {
        LetPatternKind::Variable(variable) => into.push(*variable),
        LetPatternKind::Tuple(parts) => parts.iter().for_each(|part| variables(part, into)),
        LetPatternKind::Wildcard | LetPatternKind::Unit => {}
    }
}

fn int(kind: IntKind) -> Ty {
    use Primitive as P;
    Ty::Primitive(match kind {
        IntKind::Int => P::Int,
        IntKind::Int8 => P::Int8,
        IntKind::UInt8 => P::UInt8,
        IntKind::Int16 => P::Int16,
        IntKind::UInt16 => P::UInt16,
        IntKind::Int32 => P::Int32,
        IntKind::UInt32 => P::UInt32,
        IntKind::Int64 => P::Int64,
        IntKind::UInt64 => P::UInt64,
        IntKind::Int128 => P::Int128,
        IntKind::UInt128 => P::UInt128,
    })
}
