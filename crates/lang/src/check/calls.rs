//! Calls, and what is built from declared types.

use std::rc::Rc;
use std::sync::Arc;

use dm_model::Target;
use dm_syntax::TextRange;

use super::types::Ty;
use super::{OtherPlace, TypeCode, TypeScope, Walk, counted, with_article};
use crate::builtins::builtin;
use crate::link::LinkNode;
use crate::lookup::{OPTION, RESULT, Wanted};
use crate::program::{
    Expr, ExprKind, FieldName, FieldValue, Item, Local, Name, Param, PipeStep, PipeStepKind, Program, Signature, Type,
    TypeDeclaration, TypeShape,
};

/// What is given to a call.
pub(super) enum Arg<'e> {
    /// An expression that is yet to be gone through.
    Written(&'e Expr),
    /// What is piped in.
    Piped(Ty, TextRange),
}

impl Arg<'_> {
    const fn range(&self) -> TextRange {
        match self {
            Self::Written(expr) => expr.range,
            Self::Piped(_, range) => *range,
        }
    }
}

type Signed<'c> = (&'c [String], &'c [Param], &'c Type, Option<LinkNode>);

/// Something that is declared with parameters.
enum Callee {
    Package(Arc<Program>, LinkNode),
    Builtin(Rc<Signature>),
}

impl Callee {
    /// Type variables, parameters, result, and whose text that is in.
    fn signature(&self) -> Option<Signed<'_>> {
        match self {
            Self::Package(program, node) => match &program.item {
                Item::Fn(function) => Some((&function.type_params, &function.params, &function.result, Some(*node))),
                _ => None,
            },
            Self::Builtin(signature) => Some((&signature.type_params, &signature.params, &signature.result, None)),
        }
    }
}

/// What a name means.
enum Meaning {
    Fn(Callee),
    Other(Ty),
}

/// A declared record or enum.
pub(super) struct Declared(Arc<Program>);

impl Declared {
    const FIELDLESS: &'static TypeShape = &TypeShape::Record(Vec::new());

    fn declaration(&self) -> Option<&TypeDeclaration> {
        match &self.0.item {
            Item::Type(declaration) => Some(declaration),
            _ => None,
        }
    }

    pub(super) fn shape(&self) -> &TypeShape {
        self.declaration().map_or(Self::FIELDLESS, |declaration| &declaration.shape)
    }

    /// What its type variables stand for.
    pub(super) fn variables(&self, args: Vec<Ty>) -> Vec<(String, Ty)> {
        let names = self.declaration().map(|declaration| declaration.type_params.clone());
        names.unwrap_or_default().into_iter().zip(args).collect()
    }
}

impl Walk<'_, '_> {
    pub(super) fn declaration(&self, node: LinkNode) -> Option<Declared> {
        let program = self.source.program(node)?;
        matches!(program.item, Item::Type(_)).then_some(Declared(program))
    }

    fn arg(&mut self, arg: &Arg<'_>, expected: Option<&Ty>) -> Ty {
        match arg {
            Arg::Written(expr) => self.expr(expr, expected),
            Arg::Piped(of, _) => of.clone(),
        }
    }

    fn meaning(&mut self, name: &Name, wanted: Wanted) -> Meaning {
        if let Target::Builtin { name, version } = &name.target {
            let Some(found) = builtin(name, *version) else { return Meaning::Other(Ty::Unknown) };
            let Some(signature) = self.checker.builtin(found) else { return Meaning::Other(Ty::Unknown) };
            if found.params.is_empty() {
                let of = self.ty(TypeScope { from: None, variables: &[] }, &signature.result);
                return Meaning::Other(of);
            }
            return Meaning::Fn(Callee::Builtin(signature));
        }
        let Some(node) = self.follow(self.node, name, wanted) else { return Meaning::Other(Ty::Unknown) };
        let Some(program) = self.source.declared(node) else { return Meaning::Other(Ty::Unknown) };
        match &program.item {
            Item::Fn(_) => Meaning::Fn(Callee::Package(program, node)),
            Item::Value(_) => Meaning::Other(self.value(node)),
            Item::Type(_) | Item::Test(_) => Meaning::Other(Ty::Unknown),
        }
    }

    fn value(&mut self, node: LinkNode) -> Ty {
        let Some(unmet) = &mut self.unmet else { return self.checker.value(node) };
        let known = self.checker.values.borrow().get(&node).cloned();
        if known.is_none() {
            unmet.push(node);
        }
        known.flatten().unwrap_or(Ty::Unknown)
    }

    /// The type of a name that stands by itself.
    pub(super) fn named(&mut self, name: &Name) -> Ty {
        let callee = match self.meaning(name, Wanted::ValueThenFn) {
            Meaning::Other(of) => return of,
            Meaning::Fn(callee) => callee,
        };
        let Some((type_params, params, result, from)) = callee.signature() else { return Ty::Unknown };
        let variables: Vec<_> = type_params.iter().map(|name| (name.clone(), self.metas.guess())).collect();
        let scope = TypeScope { from, variables: &variables };
        let params = params.iter().map(|param| self.ty(scope, &param.of)).collect();
        Ty::Fn(params, Box::new(self.ty(scope, result)))
    }

    // Calls.

    pub(super) fn apply(&mut self, callee: &Expr, type_args: &[Type], args: &[Expr]) -> Ty {
        let args: Vec<_> = args.iter().map(Arg::Written).collect();
        if let ExprKind::Name(name) = &callee.kind {
            let (of, called) = self.call(name, Wanted::FnThenValue, type_args, &args);
            // The callee is an expression too.
            self.found.push(called);
            return of;
        }
        let of = self.expr(callee, None);
        let label = match &callee.kind {
            ExprKind::Local(local) => self.spelled(*local),
            _ => None,
        };
        self.call_of_type(&of, label.as_deref(), callee.range, &args)
    }

    fn spelled(&self, local: Local) -> Option<String> {
        match local {
            Local::Variable(at) => {
                self.program.variables.get(usize::try_from(at).ok()?).map(|binder| binder.name.clone())
            }
            Local::Argument(at) => match &self.program.item {
                Item::Fn(function) => function.params.get(usize::try_from(at).ok()?).map(|param| param.name.clone()),
                _ => None,
            },
        }
    }

    /// What a call of a name gives, and the type of what is called.
    fn call(&mut self, name: &Name, wanted: Wanted, type_args: &[Type], args: &[Arg<'_>]) -> (Ty, Ty) {
        type_args.iter().for_each(|of| self.well_formed(of));
        match self.meaning(name, wanted) {
            Meaning::Fn(callee) => self.call_of_name(name, &callee, type_args, args),
            Meaning::Other(of) => (self.call_of_type(&of, Some(&name.spelling), name.range, args), of),
        }
    }

    fn call_of_name(&mut self, name: &Name, callee: &Callee, type_args: &[Type], args: &[Arg<'_>]) -> (Ty, Ty) {
        let Some((type_params, params, result, from)) = callee.signature() else {
            return (Ty::Unknown, Ty::Unknown);
        };
        if !type_args.is_empty() && type_args.len() != type_params.len() {
            let message = format!(
                "`{}` takes {}, but is given {}",
                name.spelling,
                counted(type_params.len(), "type argument"),
                type_args.len()
            );
            self.problem(TypeCode::Count, name.range, message);
        }
        let own = TypeScope { from: Some(self.node), variables: &[] };
        let explicit: Vec<_> = type_args.iter().map(|of| self.ty(own, of)).collect();
        let variables: Vec<_> = type_params
            .iter()
            .enumerate()
            .map(|(at, name)| (name.clone(), explicit.get(at).cloned().unwrap_or_else(|| self.metas.of_call())))
            .collect();
        let scope = TypeScope { from, variables: &variables };
        let types: Vec<_> = params.iter().map(|param| self.ty(scope, &param.of)).collect();

        // Functions last: by then the other arguments have told what their parameters are.
        let is_function = |of: &Ty| matches!(of, Ty::Fn(..));
        let mut unwrapped = None;
        for late in [false, true] {
            for (at, arg) in args.iter().enumerate() {
                let (Some(of), Some(param)) = (types.get(at), params.get(at)) else { continue };
                if is_function(of) != late {
                    continue;
                }
                let given = self.arg(arg, Some(of));
                self.argument(&name.spelling, at, (of, param, from), &given, arg.range());
                unwrapped = unwrapped.or(Some(given));
            }
            variables.iter().for_each(|(_, of)| self.metas.close(of));
        }
        let result = self.ty(scope, result);
        let result = self.metas.written_out(&result);
        let called: Vec<_> = types.iter().map(|of| self.metas.written_out(of)).collect();
        let called = Ty::Fn(called, Box::new(result));
        if args.len() > types.len() {
            for arg in args.iter().skip(types.len()) {
                self.arg(arg, None);
            }
            self.too_many(&name.spelling, types.len(), args);
            return (Ty::Unknown, called);
        }
        let given = match (&name.target, &unwrapped) {
            (Target::Builtin { name, .. }, Some(given)) if name == "unwrap" => {
                self.unwrapped(given, args.first().map(Arg::range))
            }
            _ => given_by(&called, args.len()),
        };
        (given, called)
    }

    /// What `unwrap` gives, whose signature does not say what it takes.
    fn unwrapped(&mut self, given: &Ty, range: Option<TextRange>) -> Ty {
        let certain = self.metas.certain(given);
        if let Ty::Custom(node, args) = self.metas.head(given)
            && [OPTION, RESULT].iter().any(|standard| self.source.standard(standard, Wanted::Type) == Some(node))
        {
            return args.into_iter().next().unwrap_or(Ty::Unknown);
        }
        if let (false, Some(range)) = (certain.is_open(), range)
            && self.source.standard(OPTION, Wanted::Type).is_some()
            && self.source.standard(RESULT, Wanted::Type).is_some()
        {
            let told = self.told(given);
            let message = format!("`unwrap` takes an `Option` or a `Result`, and this is {}", with_article(&told));
            self.problem(TypeCode::Argument, range, message);
        }
        Ty::Unknown
    }

    fn argument(
        &mut self,
        callee: &str,
        at: usize,
        (of, param, from): (&Ty, &Param, Option<LinkNode>),
        given: &Ty,
        range: TextRange,
    ) {
        let before = self.metas.settle(of, false);
        if self.fits(of, given) {
            return;
        }
        let types = (self.told(&before), self.told(given));
        let message = format!(
            "`{callee}` takes {} as its {} argument `{}`, and this is {}",
            with_article(&types.0),
            ordinal(at),
            param.name,
            with_article(&types.1)
        );
        let hint = self.conversion(&before, given);
        let own = Some(self.node) == from;
        let problem = self.problem(TypeCode::Argument, range, message);
        (problem.hint, problem.types) = (hint, Some(types));
        problem.other = from.map(|from| OtherPlace {
            node: (!own).then_some(from),
            range: param.range,
            note: format!("`{}` is declared here", param.name),
        });
    }

    fn too_many(&mut self, callee: &str, takes: usize, args: &[Arg<'_>]) {
        let message = format!("`{callee}` takes {}, but is given {}", counted(takes, "argument"), args.len());
        let range = args.get(takes).map(Arg::range);
        if let Some(range) = range {
            self.problem(TypeCode::Count, range, message).hint =
                Some("to call what it gives, put the first call in parentheses".to_owned());
        }
    }

    fn call_of_type(&mut self, of: &Ty, label: Option<&str>, callee: TextRange, args: &[Arg<'_>]) -> Ty {
        let certain = self.metas.certain(of);
        let head = self.metas.head(of);
        let label = label.unwrap_or("this function");
        let Ty::Fn(params, result) = head else {
            let mut given = Vec::new();
            for arg in args {
                given.push(self.arg(arg, None));
            }
            if !certain.is_open() {
                let message = format!("`{label}` is called like a function, but is {}", with_article(&self.told(of)));
                self.problem(TypeCode::NotCallable, callee, message);
                return Ty::Unknown;
            }
            if matches!(head, Ty::Meta(_)) {
                let result = self.metas.guess();
                self.fits(of, &Ty::Fn(given, Box::new(result.clone())));
                return result;
            }
            return Ty::Unknown;
        };
        let sure = matches!(certain, Ty::Fn(..));
        for (at, arg) in args.iter().enumerate() {
            let wanted = params.get(at);
            let given = self.arg(arg, wanted);
            let Some(wanted) = wanted else { continue };
            if !self.fits(wanted, &given) && sure {
                let types = (self.told(wanted), self.told(&given));
                let message = format!(
                    "`{label}` takes {} as its {} argument, and this is {}",
                    with_article(&types.0),
                    ordinal(at),
                    with_article(&types.1)
                );
                let hint = self.conversion(wanted, &given);
                let problem = self.problem(TypeCode::Argument, arg.range(), message);
                (problem.hint, problem.types) = (hint, Some(types));
            }
        }
        if args.len() > params.len() {
            if sure {
                self.too_many(label, params.len(), args);
            }
            return Ty::Unknown;
        }
        let given = given_by(&Ty::Fn(params, result), args.len());
        self.as_sure_as(of, given)
    }

    // Pipes.

    pub(super) fn pipe(&mut self, head: &Expr, steps: &[PipeStep]) -> Ty {
        let mut of = self.expr(head, None);
        let mut range = head.range;
        for step in steps {
            of = self.step(&step.kind, of, range, step.range);
            range = TextRange { start: head.range.start, end: step.range.end };
        }
        of
    }

    fn step(&mut self, step: &PipeStepKind, of: Ty, piped: TextRange, range: TextRange) -> Ty {
        match step {
            PipeStepKind::Local(local, args) => {
                let callee = self.local(*local);
                let label = self.spelled(*local);
                self.call_of_type(&callee, label.as_deref(), range, &piped_into(of, range, args))
            }
            PipeStepKind::Call(name, type_args, args) => {
                self.call(name, Wanted::Fn, type_args, &piped_into(of, range, args)).0
            }
            PipeStepKind::Lambda(params, body) => {
                let expected = Ty::Fn(vec![of], Box::new(Ty::Unknown));
                let lambda = self.lambda(params, body, Some(&expected));
                given_by(&lambda, 1)
            }
            PipeStepKind::Infix(op, right) => {
                let given = self.expr(right, None);
                self.operator(*op, (&of, piped), (&given, right.range))
            }
            PipeStepKind::Enum(name, case, args) => self.case(name, &[], case, &piped_into(of, range, args)),
        }
    }

    // Records and cases.

    /// The declared type that a constructor names, with variables for its arguments.
    fn constructor(&mut self, name: &Name, type_args: &[Type]) -> Option<(LinkNode, Vec<Ty>, Declared)> {
        type_args.iter().for_each(|of| self.well_formed(of));
        let node = self.follow(self.node, name, Wanted::Type)?;
        let named = self.declaration(node)?;
        let count = named.declaration().map_or(0, |declaration| declaration.type_params.len());
        if !type_args.is_empty() && type_args.len() != count {
            let message = format!(
                "`{}` takes {}, but is given {}",
                name.spelling,
                counted(count, "type argument"),
                type_args.len()
            );
            self.problem(TypeCode::Count, name.range, message);
        }
        let own = TypeScope { from: Some(self.node), variables: &[] };
        let mut args: Vec<_> = type_args.iter().map(|of| self.ty(own, of)).collect();
        args.truncate(count);
        while args.len() < count {
            args.push(self.metas.of_call());
        }
        match self.custom(node, args, super::ALIASES_MAX) {
            Ty::Custom(node, args) => {
                let declared = self.declaration(node)?;
                Some((node, args, declared))
            }
            Ty::Unknown => None,
            other => {
                let message = format!(
                    "nothing can be built with `{}`, which is another name of `{}`",
                    name.spelling,
                    self.told(&other)
                );
                self.problem(TypeCode::Type, name.range, message);
                None
            }
        }
    }

    fn built(&mut self, node: LinkNode, args: &[Ty]) -> Ty {
        let of = self.metas.written_out(&Ty::Custom(node, args.to_vec()));
        args.iter().for_each(|arg| self.metas.close(arg));
        of
    }

    pub(super) fn case(&mut self, name: &Name, type_args: &[Type], case: &FieldName, fields: &[Arg<'_>]) -> Ty {
        let Some((node, args, declared)) = self.constructor(name, type_args) else {
            for field in fields {
                self.arg(field, None);
            }
            return Ty::Unknown;
        };
        let TypeShape::Enum(cases) = declared.shape() else {
            let message = format!("`{}` is a record and has no cases", name.spelling);
            self.problem(TypeCode::Case, case.range, message).hint =
                Some(format!("a record is built with `{} {{ field = value }}`", name.spelling));
            return Ty::Unknown;
        };
        let Some(found) = cases.iter().find(|found| found.name == case.name) else {
            for field in fields {
                self.arg(field, None);
            }
            let message = format!("`{}` has no case `{}`", name.spelling, case.name);
            let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
            let hint = among(&case.name, &names, "cases");
            self.problem(TypeCode::Case, case.range, message).hint = hint;
            return self.built(node, &args);
        };
        let variables = declared.variables(args.clone());
        let scope = TypeScope { from: Some(node), variables: &variables };
        let types: Vec<_> = found.fields.iter().map(|(_, of)| self.ty(scope, of)).collect();
        for (at, field) in fields.iter().enumerate() {
            let wanted = types.get(at);
            let given = self.arg(field, wanted);
            let Some(wanted) = wanted else { continue };
            if !self.fits(wanted, &given) {
                let types = (self.told(wanted), self.told(&given));
                let message = format!(
                    "`{}` takes {} as its {} field, and this is {}",
                    case.name,
                    with_article(&types.0),
                    ordinal(at),
                    with_article(&types.1)
                );
                let hint = self.conversion(wanted, &given);
                let problem = self.problem(TypeCode::Case, field.range(), message);
                (problem.hint, problem.types) = (hint, Some(types));
                let note = format!("`{}` is declared here", case.name);
                problem.other = Some(OtherPlace { node: Some(node), range: found.range, note });
            }
        }
        if fields.len() != types.len() {
            let message = format!(
                "`{}` takes {}, but is given {}",
                case.name,
                counted(types.len(), "field"),
                if fields.is_empty() { "none".to_owned() } else { fields.len().to_string() }
            );
            let problem = self.problem(TypeCode::Count, case.range, message);
            let note = format!("`{}` is declared here", case.name);
            problem.other = Some(OtherPlace { node: Some(node), range: found.range, note });
        }
        self.built(node, &args)
    }

    pub(super) fn record(&mut self, name: &Name, type_args: &[Type], fields: &[FieldValue]) -> Ty {
        let Some((node, args, declared)) = self.constructor(name, type_args) else {
            for field in fields {
                self.expr(&field.value, None);
            }
            return Ty::Unknown;
        };
        if let TypeShape::Enum(_) = declared.shape() {
            let message = format!("`{}` is not a record", name.spelling);
            self.problem(TypeCode::Type, name.range, message).hint =
                Some(format!("a case is built with `{}.Case`", name.spelling));
            return self.built(node, &args);
        }
        self.field_values(node, &args, &declared, fields);
        for (at, field) in fields.iter().enumerate() {
            if fields.iter().take(at).any(|before| before.field.name == field.field.name) {
                let message = format!("the field `{}` is given twice", field.field.name);
                self.problem(TypeCode::Field, field.field.range, message);
            }
        }
        if let TypeShape::Record(declared_fields) = declared.shape() {
            let given = |name: &str| fields.iter().any(|field| field.field.name == name);
            let missing: Vec<_> = declared_fields.iter().filter(|field| !given(&field.name)).collect();
            if let [first, ..] = missing.as_slice() {
                let names: Vec<_> = missing.iter().map(|field| format!("`{}`", field.name)).collect();
                let message = format!(
                    "`{}` lacks the field{} {}",
                    name.spelling,
                    if names.len() == 1 { "" } else { "s" },
                    names.join(", ")
                );
                let note = format!("`{}` is declared here", first.name);
                let range = first.range;
                self.problem(TypeCode::Field, name.range, message).other =
                    Some(OtherPlace { node: Some(node), range, note });
            }
        }
        self.built(node, &args)
    }

    pub(super) fn update(&mut self, record: &Expr, fields: &[FieldValue]) -> Ty {
        let of = self.expr(record, None);
        let certain = self.metas.certain(&of);
        if let Ty::Custom(node, args) = self.metas.certain(&of)
            && let Some(declared) = self.declaration(node)
            && matches!(declared.shape(), TypeShape::Record(_))
        {
            self.field_values(node, &args, &declared, fields);
            return of;
        }
        if !certain.is_open() {
            let message = format!("only a record has fields to change, and this is {}", with_article(&self.told(&of)));
            self.problem(TypeCode::Field, record.range, message);
        }
        for field in fields {
            self.expr(&field.value, None);
        }
        of
    }

    /// Values given to fields of a record.
    fn field_values(&mut self, node: LinkNode, args: &[Ty], declared: &Declared, fields: &[FieldValue]) {
        let TypeShape::Record(declared_fields) = declared.shape() else { return };
        let variables = declared.variables(args.to_vec());
        let scope = TypeScope { from: Some(node), variables: &variables };
        for field in fields {
            let Some(found) = declared_fields.iter().find(|found| found.name == field.field.name) else {
                self.expr(&field.value, None);
                self.no_field(node, &field.field, declared);
                continue;
            };
            let wanted = self.ty(scope, &found.of);
            let given = self.expr(&field.value, Some(&wanted));
            if !self.fits(&wanted, &given) {
                let types = (self.told(&wanted), self.told(&given));
                let message = format!(
                    "the field `{}` is {}, and this is {}",
                    found.name,
                    with_article(&types.0),
                    with_article(&types.1)
                );
                let hint = self.conversion(&wanted, &given);
                let problem = self.problem(TypeCode::Field, field.value.range, message);
                (problem.hint, problem.types) = (hint, Some(types));
                let note = format!("`{}` is declared here", found.name);
                problem.other = Some(OtherPlace { node: Some(node), range: found.range, note });
            }
        }
    }

    fn no_field(&mut self, node: LinkNode, field: &FieldName, declared: &Declared) {
        let TypeShape::Record(fields) = declared.shape() else { return };
        let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let message = format!("`{}` has no field `{}`", self.source.name(node), field.name);
        let hint = among(&field.name, &names, "fields");
        self.problem(TypeCode::Field, field.range, message).hint = hint;
    }

    pub(super) fn fields(&mut self, record: &Expr, fields: &[FieldName]) -> Ty {
        let mut of = self.expr(record, None);
        for field in fields {
            of = self.field(&of, field);
        }
        of
    }

    fn field(&mut self, of: &Ty, field: &FieldName) -> Ty {
        let certain = self.metas.certain(of);
        if let Ty::Custom(node, args) = self.metas.head(of)
            && let Some(declared) = self.declaration(node)
            && let TypeShape::Record(fields) = declared.shape()
        {
            if let Some(found) = fields.iter().find(|found| found.name == field.name) {
                let variables = declared.variables(args);
                let part = self.ty(TypeScope { from: Some(node), variables: &variables }, &found.of);
                return self.as_sure_as(of, part);
            }
            if !certain.is_open() {
                self.no_field(node, field, &declared);
            }
            return Ty::Unknown;
        }
        if !certain.is_open() {
            let message =
                format!("only a record has fields like `{}`, and this is {}", field.name, with_article(&self.told(of)));
            self.problem(TypeCode::Field, field.range, message);
        }
        Ty::Unknown
    }
}

/// What a function gives for so many arguments: its result, or what waits for the rest.
fn given_by(function: &Ty, args: usize) -> Ty {
    match function {
        Ty::Fn(params, result) if params.len() == args => (**result).clone(),
        Ty::Fn(params, result) if params.len() > args => {
            Ty::Fn(params.iter().skip(args).cloned().collect(), result.clone())
        }
        _ => Ty::Unknown,
    }
}

fn piped_into(of: Ty, range: TextRange, args: &[Expr]) -> Vec<Arg<'_>> {
    // What does not fit is told where it is piped into.
    std::iter::once(Arg::Piped(of, range)).chain(args.iter().map(Arg::Written)).collect()
}

fn ordinal(at: usize) -> String {
    let number = at + 1;
    let suffix = match (number % 10, number % 100) {
        (1, not) if not != 11 => "st",
        (2, not) if not != 12 => "nd",
        (3, not) if not != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// What was likely meant, or what there is.
pub(super) fn among(written: &str, names: &[&str], what: &str) -> Option<String> {
    if let Some(near) = similar::get_close_matches(written, names, 1, 0.6).first() {
        return Some(format!("did you mean `{near}`?"));
    }
    const SHOWN_MAX: usize = 8;
    let shown: Vec<_> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN_MAX { ", .." } else { "" };
    (!shown.is_empty()).then(|| format!("its {what} are {}{more}", shown.join(", ")))
}
