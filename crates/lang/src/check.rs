//! Types: what is certainly wrong in a definition, and what each of its expressions is.
//!
//! The language has no types before it runs: the runtime checks arguments, results, fields and elements as they come (LANGUAGE.md
//! sections 6 and 7). [`Checker::check`] says beforehand which of those checks will refuse whenever they are reached. An
//! error is a promise that what is marked fails if it is evaluated, on the word of the types that are declared around it; what
//! nothing is known of passes. Function values go unchecked through every parameter at run time, so what a function type says of
//! them is used to learn the types inside lambdas, but breaks nothing by itself.
//!
//! Types are the view's: a [`CheckSource`] says what references lead to, as linking does. Two declared types are one if their links
//! are.
//!
//! The way through a definition is from left to right, expected types going in, found ones coming out (bidirectional checking:
//! Pierce and Turner, *Local Type Inference*, TOPLAS 22(1), 2000), with variables for what later places tell.
//!
//! Deliberately absent: types of what is not declared beyond one definition (but values', which have no declared ones), and effects.

mod calls;
mod exprs;
mod matches;
mod types;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use dm_model::Target;
use dm_syntax::TextRange;
use rustc_hash::FxHashMap;

use crate::builtins::Builtin;
use crate::link::{LinkNode, SlotTarget};
use crate::lookup::Wanted;
use crate::program::{
    Expected, Function, Item, Name, Program, Signature, Type, TypeDeclaration, TypeKind, TypeShape, lower_signature,
};
use types::{Metas, Sameness, Ty};

/// Answers of different versions may differ; raised with each change of what is found.
pub const CHECKER_VERSION: u64 = 1;

/// A view, as checking asks it. Questions that cannot be answered are answered as if there were nothing.
pub trait CheckSource {
    /// What a reference of something leads to.
    fn follow(&self, from: LinkNode, target: &SlotTarget) -> Option<LinkNode>;

    /// The resolved tree of something.
    fn program(&self, node: LinkNode) -> Option<Arc<Program>>;

    /// The same, if need be without what is in a function's body.
    fn declared(&self, node: LinkNode) -> Option<Arc<Program>> {
        self.program(node)
    }

    /// Whether two declared types mean the same: whether their links are equal.
    fn same_type(&self, one: LinkNode, other: LinkNode) -> bool;

    /// What to call something in a message.
    fn name(&self, node: LinkNode) -> String;

    /// What stands at a location; for the types that builtins speak of, and the functions that hints do.
    fn standard(&self, location: &str, wanted: Wanted) -> Option<LinkNode>;
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TypeCode {
    /// An argument of another type than the parameter.
    Argument,
    /// Too many arguments, or not as many type arguments or fields as declared.
    Count,
    /// Something is called that is no function.
    NotCallable,
    /// A function gives something else than it declares.
    Result,
    /// A condition that is no `Bool`.
    Condition,
    /// An operator with something that it does not take.
    Operand,
    /// An element that does not go with those before it.
    Element,
    /// Something in a string that is no string.
    Interpolation,
    /// A statement that gives something.
    Statement,
    /// A pattern that cannot fit.
    Pattern,
    /// A field that is not there, missing, given twice or of another type.
    Field,
    /// A case that is not there, or a field of it of another type.
    Case,
    /// A type that is none, or not of the kind that is needed.
    Type,
    /// A warning: a match that has no case for something.
    Unmatched,
    /// A warning: a case that nothing comes to.
    Unreachable,
    /// A warning: a name that is bound and not used.
    Unused,
    /// A warning: a name that hides another.
    Shadowed,
}

impl TypeCode {
    /// A word that stays the same between versions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Count => "count",
            Self::NotCallable => "not-callable",
            Self::Result => "result",
            Self::Condition => "condition",
            Self::Operand => "operand",
            Self::Element => "element",
            Self::Interpolation => "interpolation",
            Self::Statement => "statement",
            Self::Pattern => "pattern",
            Self::Field => "field",
            Self::Case => "case",
            Self::Type => "type",
            Self::Unmatched => "unmatched",
            Self::Unreachable => "unreachable",
            Self::Unused => "unused",
            Self::Shadowed => "shadowed",
        }
    }
}

/// The other place that a message speaks of: where what is contradicted was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPlace {
    /// Where that is; `None` if in the definition that is checked.
    pub node: Option<LinkNode>,
    /// Its bytes there.
    pub range: TextRange,
    /// What it says.
    pub note: String,
}

/// Something that is certainly wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeProblem {
    /// What kind of thing is wrong.
    pub code: TypeCode,
    /// Where, in the definition's text.
    pub range: TextRange,
    /// What is wrong, with both types.
    pub message: String,
    /// Where what it contradicts was said.
    pub other: Option<OtherPlace>,
    /// What is likely to mend it.
    pub hint: Option<String>,
    /// Where two types clash, the one that is wanted and the one that there is.
    pub types: Option<(String, String)>,
}

/// What checking a definition found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// What is certainly wrong, in the order of places.
    pub problems: Vec<TypeProblem>,
    /// What may be wrong, in the order of places.
    pub warnings: Vec<TypeProblem>,
    /// How many expressions the definition has.
    pub expressions: usize,
    /// Of how many of them no part of the type is unknown.
    pub known: usize,
}

/// Checks definitions of one view. Keeps what it learns of signatures and of values.
pub struct Checker<'s> {
    source: &'s dyn CheckSource,
    builtins: RefCell<FxHashMap<&'static str, Option<Rc<Signature>>>>,
    /// The types of values; none while one is being found out, which a value that leads to itself meets.
    values: RefCell<FxHashMap<LinkNode, Option<Ty>>>,
}

impl std::fmt::Debug for Checker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").finish_non_exhaustive()
    }
}

impl Sameness for &dyn CheckSource {
    fn same(&self, one: LinkNode, other: LinkNode) -> bool {
        self.same_type(one, other)
    }
}

/// Aliases are followed so far.
const ALIASES_MAX: usize = 64;

impl<'s> Checker<'s> {
    /// A checker of a view.
    #[must_use]
    pub fn new(source: &'s dyn CheckSource) -> Self {
        Self { source, builtins: RefCell::default(), values: RefCell::default() }
    }

    /// Checks a definition: `node` is where it stands in the view.
    #[must_use]
    pub fn check(&self, node: LinkNode, program: &Program) -> Checked {
        let mut walk = Walk::new(self, node, program);
        match &program.item {
            Item::Fn(function) => walk.function(function),
            Item::Type(declaration) => walk.type_declaration(declaration),
            Item::Value(body) => {
                walk.expr(body, None);
            }
            Item::Test(test) => {
                let actual = walk.expr(&test.actual, None);
                if let Expected::Value(value) = &test.expected {
                    let expected = walk.expr(value, Some(&actual));
                    walk.comparable(&actual, &expected, value.range, "this test compares");
                }
            }
        }
        walk.finish()
    }

    /// The type of a value. Values may stand on values without end, so those are kept on a list, not on the stack.
    fn value(&self, node: LinkNode) -> Ty {
        let mut waiting = vec![node];
        while let Some(&at) = waiting.last() {
            let known = self.values.borrow().get(&at).cloned();
            let program = self.source.program(at).filter(|_| !matches!(known, Some(Some(_))));
            let Some(program) = program else {
                waiting.pop();
                continue;
            };
            let Item::Value(body) = &program.item else {
                waiting.pop();
                continue;
            };
            self.values.borrow_mut().insert(at, None);
            let mut walk = Walk::new(self, at, &program);
            walk.unmet = Some(Vec::new());
            let found = walk.expr(body, None);
            let found = walk.metas.settle(&found, true);
            let unmet = walk.unmet.unwrap_or_default();
            // Met for the first time: those that it stands on come first, then it once more.
            if known.is_none() && !unmet.is_empty() {
                waiting.extend(unmet);
                continue;
            }
            self.values.borrow_mut().insert(at, Some(found));
            waiting.pop();
        }
        self.values.borrow().get(&node).cloned().flatten().unwrap_or(Ty::Unknown)
    }

    fn builtin(&self, builtin: &'static Builtin) -> Option<Rc<Signature>> {
        let mut known = self.builtins.borrow_mut();
        known.entry(builtin.name).or_insert_with(|| lower_signature(builtin).map(Rc::new)).clone()
    }
}

/// What a written type is taken in.
#[derive(Clone, Copy)]
struct TypeScope<'p> {
    /// Whose text it is in; `None` for a builtin's, which gives whole names.
    from: Option<LinkNode>,
    /// What type variables stand for; those that are not there are what is checked leaves open.
    variables: &'p [(String, Ty)],
}

/// One definition being checked.
struct Walk<'c, 's> {
    checker: &'c Checker<'s>,
    source: &'s dyn CheckSource,
    node: LinkNode,
    program: &'c Program,
    metas: Metas,
    arguments: Vec<Ty>,
    variables: Vec<Ty>,
    problems: Vec<TypeProblem>,
    warnings: Vec<TypeProblem>,
    /// How often each variable is used.
    uses: Vec<usize>,
    /// The variables in force, innermost last.
    scope: Vec<u32>,
    /// Whether each variable is in force.
    in_force: Vec<bool>,
    /// Those in force, by name.
    named: FxHashMap<&'c str, Vec<u32>>,
    /// The variables of the `let` at hand whose value uses what they hide.
    taken_up: Vec<u32>,
    /// The type of every expression.
    found: Vec<Ty>,
    /// In the walk of a value: the values that it stands on and whose types nobody has asked for yet.
    unmet: Option<Vec<LinkNode>>,
}

impl<'c, 's> Walk<'c, 's> {
    fn new(checker: &'c Checker<'s>, node: LinkNode, program: &'c Program) -> Self {
        Self {
            checker,
            source: checker.source,
            node,
            program,
            metas: Metas::new(),
            arguments: Vec::new(),
            variables: vec![Ty::Unknown; program.variables.len()],
            problems: Vec::new(),
            warnings: Vec::new(),
            uses: vec![0; program.variables.len()],
            scope: Vec::new(),
            in_force: vec![false; program.variables.len()],
            named: FxHashMap::default(),
            taken_up: Vec::new(),
            found: Vec::new(),
            unmet: None,
        }
    }

    fn finish(mut self) -> Checked {
        for (binder, uses) in self.program.variables.iter().zip(self.uses.clone()) {
            if uses == 0 && !binder.name.starts_with('_') {
                let message = format!("`{}` is not used", binder.name);
                self.warning(TypeCode::Unused, binder.range, message).hint =
                    Some("write `_` for what is not needed".to_owned());
            }
        }
        let place = |problem: &TypeProblem| (problem.range.start, problem.range.end);
        self.problems.sort_by_key(place);
        self.warnings.sort_by_key(place);
        let known = self.found.iter().filter(|of| self.metas.is_known(of)).count();
        Checked { problems: self.problems, warnings: self.warnings, expressions: self.found.len(), known }
    }

    fn fits(&mut self, wanted: &Ty, given: &Ty) -> bool {
        self.metas.fits(wanted, given, &self.source)
    }

    fn merge(&mut self, one: &Ty, other: &Ty) -> Option<Ty> {
        self.metas.merge(one, other, &self.source)
    }

    fn told(&self, of: &Ty) -> String {
        self.metas.told(of, &|node| self.source.name(node))
    }

    fn problem(&mut self, code: TypeCode, range: TextRange, message: String) -> &mut TypeProblem {
        added(&mut self.problems, code, range, message)
    }

    fn warning(&mut self, code: TypeCode, range: TextRange, message: String) -> &mut TypeProblem {
        added(&mut self.warnings, code, range, message)
    }

    // Types.

    fn follow(&self, from: LinkNode, name: &Name, wanted: Wanted) -> Option<LinkNode> {
        let target = match &name.target {
            Target::Entity(entity) => SlotTarget::Entity(*entity),
            Target::Unresolved => SlotTarget::Unresolved { spelling: name.spelling.clone(), wanted },
            Target::Builtin { .. } => return None,
        };
        self.source.follow(from, &target)
    }

    fn declared(&self, scope: TypeScope<'_>, name: &Name) -> Option<LinkNode> {
        match scope.from {
            Some(from) => self.follow(from, name, Wanted::Type),
            None => self.source.standard(&name.spelling, Wanted::Type),
        }
    }

    /// The type that is written.
    fn ty(&mut self, scope: TypeScope<'_>, of: &Type) -> Ty {
        self.ty_within(scope, of, ALIASES_MAX)
    }

    fn ty_within(&mut self, scope: TypeScope<'_>, of: &Type, aliases: usize) -> Ty {
        if !self.metas.step() {
            return Ty::Unknown;
        }
        let mut one = |of: &Type| Box::new(self.ty_within(scope, of, aliases));
        match &of.kind {
            TypeKind::Primitive(primitive) => Ty::Primitive(*primitive),
            TypeKind::List(of) => Ty::List(one(of)),
            TypeKind::Dict(of) => Ty::Dict(one(of)),
            TypeKind::Stream(of) => Ty::Stream(one(of)),
            TypeKind::Db(of) => Ty::Db(one(of)),
            TypeKind::Tuple(parts) => Ty::Tuple(self.tys(scope, parts, aliases)),
            TypeKind::Fn(arguments, result) => {
                let result = one(result);
                Ty::Fn(self.tys(scope, arguments, aliases), result)
            }
            TypeKind::Variable(name) => {
                let bound = scope.variables.iter().find(|(other, _)| other == name);
                bound.map_or_else(|| Ty::Rigid(name.clone()), |(_, is)| is.clone())
            }
            TypeKind::Named(name, args) => {
                let Some(node) = self.declared(scope, name) else { return Ty::Unknown };
                let args = self.tys(scope, args, aliases);
                self.custom(node, args, aliases)
            }
        }
    }

    fn tys(&mut self, scope: TypeScope<'_>, types: &[Type], aliases: usize) -> Vec<Ty> {
        types.iter().map(|of| self.ty_within(scope, of, aliases)).collect()
    }

    /// A declared type with arguments, aliases written out.
    fn custom(&mut self, node: LinkNode, args: Vec<Ty>, aliases: usize) -> Ty {
        let Some(program) = self.source.program(node) else { return Ty::Unknown };
        let Item::Type(declaration) = &program.item else { return Ty::Unknown };
        let mut args = args;
        args.resize(declaration.type_params.len(), Ty::Unknown);
        match &declaration.shape {
            TypeShape::Alias(of) => {
                let Some(aliases) = aliases.checked_sub(1) else { return Ty::Unknown };
                let variables: Vec<_> = declaration.type_params.iter().cloned().zip(args).collect();
                self.ty_within(TypeScope { from: Some(node), variables: &variables }, of, aliases)
            }
            TypeShape::Record(_) | TypeShape::Enum(_) => Ty::Custom(node, args),
        }
    }

    /// Whether a written type can be had at all; says so where not.
    fn well_formed(&mut self, of: &Type) {
        match &of.kind {
            TypeKind::Primitive(_) | TypeKind::Variable(_) => {}
            TypeKind::List(of) | TypeKind::Dict(of) | TypeKind::Stream(of) | TypeKind::Db(of) => self.well_formed(of),
            TypeKind::Tuple(parts) => parts.iter().for_each(|part| self.well_formed(part)),
            TypeKind::Fn(arguments, result) => {
                arguments.iter().for_each(|argument| self.well_formed(argument));
                self.well_formed(result);
            }
            TypeKind::Named(name, args) => {
                args.iter().for_each(|arg| self.well_formed(arg));
                let Some(node) = self.follow(self.node, name, Wanted::Type) else { return };
                let Some(program) = self.source.program(node) else { return };
                if let Item::Type(declaration) = &program.item
                    && declaration.type_params.len() != args.len()
                {
                    let message = format!(
                        "`{}` takes {}, but has {} here",
                        name.spelling,
                        counted(declaration.type_params.len(), "type argument"),
                        if args.is_empty() { "none".to_owned() } else { args.len().to_string() }
                    );
                    self.problem(TypeCode::Count, of.range, message);
                }
            }
        }
    }

    fn type_declaration(&mut self, declaration: &TypeDeclaration) {
        match &declaration.shape {
            TypeShape::Alias(of) => self.well_formed(of),
            TypeShape::Record(fields) => fields.iter().for_each(|field| self.well_formed(&field.of)),
            TypeShape::Enum(cases) => {
                let fields = cases.iter().flat_map(|case| &case.fields);
                fields.for_each(|(_, of)| self.well_formed(of));
            }
        }
    }

    fn function(&mut self, function: &Function) {
        let scope = TypeScope { from: Some(self.node), variables: &[] };
        for param in &function.params {
            self.well_formed(&param.of);
            let of = self.ty(scope, &param.of);
            self.arguments.push(of);
        }
        self.well_formed(&function.result);
        let result = self.ty(scope, &function.result);
        self.result(&function.body, &result, &function.result);
    }
}

fn added(to: &mut Vec<TypeProblem>, code: TypeCode, range: TextRange, message: String) -> &mut TypeProblem {
    let at = to.len();
    to.push(TypeProblem { code, range, message, other: None, hint: None, types: None });
    #[expect(clippy::indexing_slicing, reason = "the element was pushed just above")]
    &mut to[at]
}

/// `1 field`, `2 fields`.
fn counted(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

/// `a List<Int>`, `an Int`.
fn with_article(told: &str) -> String {
    let vowel = told.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']);
    format!("{} `{told}`", if vowel { "an" } else { "a" })
}
