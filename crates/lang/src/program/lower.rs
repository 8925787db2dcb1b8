//! From a definition's text and references to its [`Program`].

mod exprs;
mod patterns;

use dm_model::{Definition, Kind, Reference, Target};
use dm_syntax::written::{self, TypeRef};
use dm_syntax::{Mode, SyntaxNode, TextRange};

use super::{
    Binder, Case, Expected, Field, Function, Item, Local, Name, Param, Program, Test, Type, TypeDeclaration, TypeKind,
    TypeShape,
};
use crate::builtins::Builtin;
use crate::extract::{declaration_nodes, kind_of};
use crate::spelling;

/// A definition that has no resolved tree. Saving and importing let none of these in; a peer may send one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// The text has syntax errors.
    #[error("the text has {} syntax errors", .0.len())]
    Syntax(Vec<dm_syntax::Diagnostic>),
    /// The text is not one declaration of the definition's kind.
    #[error("the text is not one declaration of a {}", .0.as_str())]
    NotOne(Kind),
    /// Something is not there that the language asks for.
    #[error("something is missing at byte {}", .0.start)]
    Incomplete(TextRange),
}

type Lowered<T> = Result<T, LowerError>;

/// The resolved tree of a definition.
///
/// # Errors
/// If the text is not exactly one declaration of the definition's kind without syntax errors.
pub fn lower(definition: &Definition) -> Lowered<Program> {
    let parse = dm_syntax::parse(&definition.text, Mode::Package);
    if !parse.is_clean() {
        return Err(LowerError::Syntax(parse.diagnostics));
    }
    let nodes = declaration_nodes(&parse);
    let [node] = nodes.as_slice() else { return Err(LowerError::NotOne(definition.kind)) };
    lower_node(definition, *node)
}

/// A function's resolved tree as far as others need it: with its parameters and its result, and `()` for its body. Of other
/// definitions, and where the head cannot be told from the body, all of it.
///
/// # Errors
/// As [`lower`], but for what is wrong in a body.
pub fn lower_declared(definition: &Definition) -> Lowered<Program> {
    let mut from = head_start(&definition.text);
    // The first `=` ends the head, unless it stands in a comment there.
    for _ in 0..HEAD_TRIES_MAX {
        let rest = definition.text.get(from..).unwrap_or_default();
        let Some(at) = rest.find('=').filter(|_| definition.kind == Kind::Fn) else { break };
        from += at + 1;
        let mut text = definition.text.get(..from).unwrap_or_default().to_owned();
        text.push_str(" ()");
        let inside = |reference: &&Reference| reference.end() as usize <= from;
        let references = definition.references.iter().filter(inside).cloned().collect();
        if let Ok(program) = lower(&Definition { kind: Kind::Fn, text, references }) {
            return Ok(program);
        }
    }
    lower(definition)
}

/// So many comments with a `=` in a head are looked behind.
const HEAD_TRIES_MAX: usize = 4;

/// Where a text begins that is no doc comment.
fn head_start(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_start().starts_with("//") {
            break;
        }
        at += line.len();
    }
    at
}

/// What is declared of a builtin: its type variables, in the order of their first use, its parameters and its result. `None` if
/// that is not written in the language.
pub(crate) fn lower_signature(builtin: &Builtin) -> Option<Signature> {
    let mut text = String::from("let f");
    // A value has no parameters, which a function must have.
    let of_value = [("it", builtin.result)];
    let params = if builtin.params.is_empty() { &of_value } else { builtin.params };
    for (at, (_, of)) in params.iter().enumerate() {
        text.push_str(&format!(" (p{at}: {of})"));
    }
    text.push_str(&format!(" : {} = ()", builtin.result));
    let definition = Definition { kind: Kind::Fn, text, references: Vec::new() };
    let Item::Fn(function) = lower(&definition).ok()?.item else { return None };
    let names = builtin.params.iter().map(|(name, _)| (*name).to_owned());
    let params = names.zip(function.params).map(|(name, param)| Param { name, ..param }).collect();
    Some(Signature { type_params: function.type_params, params, result: function.result })
}

/// See [`lower_signature`].
#[derive(Debug)]
pub(crate) struct Signature {
    pub type_params: Vec<String>,
    pub params: Vec<Param>,
    pub result: Type,
}

/// The tree of a declaration that was parsed already.
///
/// # Errors
/// As [`lower`].
pub(crate) fn lower_parsed(definition: &Definition, node: SyntaxNode<'_>) -> Lowered<Program> {
    lower_node(definition, node)
}

/// The types of a function's parameters and of its result; `None` if it is none, or something is missing in them.
pub(crate) fn lower_head(definition: &Definition, node: SyntaxNode<'_>) -> Option<(Vec<Type>, Type)> {
    let written::Item::Fn(function) = written::Item::cast(node)? else { return None };
    let mut lower = Lower { definition, locals: Vec::new(), variables: Vec::new() };
    let params = lower.params(function).ok()?.into_iter().map(|param| param.of).collect();
    Some((params, lower.type_ref(function.result()?).ok()?))
}

fn lower_node(definition: &Definition, node: SyntaxNode<'_>) -> Lowered<Program> {
    let item = written::Item::cast(node).filter(|_| kind_of(node.kind()) == Some(definition.kind));
    let mut lower = Lower { definition, locals: Vec::new(), variables: Vec::new() };
    let item = match item.ok_or(LowerError::NotOne(definition.kind))? {
        written::Item::Fn(function) => Item::Fn(lower.function(function)?),
        written::Item::Type(declaration) => Item::Type(lower.type_declaration(declaration)?),
        written::Item::Value(value) => {
            let body = need(value.body(), value.range())?;
            Item::Value(lower.block(body)?)
        }
        written::Item::Test(test) => Item::Test(lower.test(test)?),
        _ => return Err(LowerError::NotOne(definition.kind)),
    };
    Ok(Program { item, variables: lower.variables })
}

fn need<T>(part: Option<T>, of: TextRange) -> Lowered<T> {
    part.ok_or(LowerError::Incomplete(of))
}

/// A local name in force.
#[derive(Debug)]
struct Scoped<'t> {
    name: &'t str,
    local: Local,
    /// A local function inside its own value: it is meant only if nothing else has the name.
    itself: bool,
}

struct Lower<'d, 't> {
    definition: &'d Definition,
    /// Innermost last.
    locals: Vec<Scoped<'t>>,
    variables: Vec<Binder>,
}

impl<'t> Lower<'_, 't> {
    fn function(&mut self, function: written::FnDef<'t>) -> Lowered<Function> {
        let params = self.params(function)?;
        let result = self.type_ref(need(function.result(), function.range())?)?;
        let mut type_params = names(&function.type_params());
        for of in params.iter().map(|param| &param.of).chain([&result]) {
            add_variables(of, &mut type_params);
        }
        let body = self.block(need(function.body(), function.range())?)?;
        Ok(Function { type_params, params, result, body })
    }

    fn params(&mut self, function: written::FnDef<'t>) -> Lowered<Vec<Param>> {
        let mut params = Vec::new();
        for (at, param) in function.params().enumerate() {
            let range = param.range();
            let unit = Type { kind: TypeKind::Primitive(written::Primitive::Unit), range };
            let of = param.type_ref().map_or(Ok(unit), |written| self.type_ref(written))?;
            let name = param.name().map_or("_", written::Name::text);
            if let Some(name) = param.name() {
                let local = Local::Argument(u32::try_from(at).unwrap_or(u32::MAX));
                self.locals.push(Scoped { name: name.text(), local, itself: false });
            }
            params.push(Param { name: name.to_owned(), of, range });
        }
        Ok(params)
    }

    fn type_declaration(&mut self, declaration: written::TypeDef<'t>) -> Lowered<TypeDeclaration> {
        let shape = match need(declaration.shape(), declaration.range())? {
            written::TypeShape::Alias(of) => TypeShape::Alias(self.type_ref(of)?),
            written::TypeShape::Record(fields) => {
                TypeShape::Record(fields.into_iter().map(|field| self.field(field)).collect::<Lowered<_>>()?)
            }
            written::TypeShape::Enum(cases) => {
                TypeShape::Enum(cases.into_iter().map(|case| self.declared_case(case)).collect::<Lowered<_>>()?)
            }
        };
        Ok(TypeDeclaration { type_params: names(&declaration.type_params()), shape })
    }

    fn field(&self, field: written::FieldDef<'t>) -> Lowered<Field> {
        let range = field.range();
        let name = need(field.name(), range)?.text().to_owned();
        Ok(Field { name, of: self.type_ref(need(field.type_ref(), range)?)?, range })
    }

    fn declared_case(&self, case: written::Case<'t>) -> Lowered<Case> {
        let range = case.range();
        let name = need(case.name(), range)?.text().to_owned();
        let field = |field: written::CaseField<'t>| {
            let label = field.label().map(|label| label.text().to_owned());
            Ok((label, self.type_ref(need(field.type_ref(), field.range())?)?))
        };
        Ok(Case { name, fields: case.fields().map(field).collect::<Lowered<_>>()?, range })
    }

    fn test(&mut self, test: written::TestDef<'t>) -> Lowered<Test> {
        let actual = self.expr(need(test.actual(), test.range())?)?;
        let expected = match need(test.expected(), test.range())? {
            written::TestExpected::Value(value) => Expected::Value(self.expr(value)?),
            written::TestExpected::Error { text, sql } => Expected::Error { text, sql },
        };
        Ok(Test { actual, expected })
    }

    fn type_ref(&self, written: TypeRef<'t>) -> Lowered<Type> {
        let range = written.range();
        let one = |types: Vec<TypeRef<'t>>| match types.as_slice() {
            [one] => Ok(Box::new(self.type_ref(*one)?)),
            _ => Err(LowerError::Incomplete(range)),
        };
        let kind = match written {
            TypeRef::Paren(paren) => return self.type_ref(need(paren.inner(), range)?),
            TypeRef::Fn(function) => TypeKind::Fn(
                self.type_refs(function.arguments().into_iter())?,
                Box::new(self.type_ref(need(function.result(), range)?)?),
            ),
            TypeRef::Tuple(tuple) => TypeKind::Tuple(self.type_refs(tuple.parts())?),
            TypeRef::List(list) => TypeKind::List(one(list.args())?),
            TypeRef::Dict(dict) => TypeKind::Dict(one(dict.args())?),
            TypeRef::Var(variable) => TypeKind::Variable(variable.name().to_owned()),
            TypeRef::Path(path) => {
                let args = path.args();
                let name = need(path.path(), range)?;
                let spelling = spelling::of_path(name);
                match (path.primitive(), &*spelling, args.len()) {
                    (Some(primitive), _, _) => TypeKind::Primitive(primitive),
                    (None, "Stream", 1) => TypeKind::Stream(one(args)?),
                    (None, "DB", 1) => TypeKind::Db(one(args)?),
                    _ => TypeKind::Named(self.meaning(name.range(), &spelling), self.type_refs(args.into_iter())?),
                }
            }
            TypeRef::Malformed(_) => return Err(LowerError::Incomplete(range)),
        };
        Ok(Type { kind, range })
    }

    fn type_refs(&self, written: impl Iterator<Item = TypeRef<'t>>) -> Lowered<Vec<Type>> {
        written.map(|written| self.type_ref(written)).collect()
    }

    // Names.

    /// The reference whose span begins at a place.
    fn reference_at(&self, start: u32) -> Option<&Reference> {
        let references = &self.definition.references;
        let at = references.binary_search_by_key(&start, |reference| reference.start).ok()?;
        references.get(at)
    }

    /// What a name at a place means that is not local.
    fn meaning(&self, range: TextRange, spelling: &str) -> Name {
        let reference = self.reference_at(range.start).filter(|reference| reference.end() == range.end);
        let target = reference.map_or(Target::Unresolved, |reference| reference.target.clone());
        Name { target, spelling: spelling.to_owned(), range }
    }

    /// The local thing that a name means.
    fn local(&self, name: &str) -> Option<Local> {
        let named = || self.locals.iter().rev().filter(|scoped| scoped.name == name);
        let found = named().find(|scoped| !scoped.itself).or_else(|| named().next());
        found.map(|scoped| scoped.local)
    }

    /// A new variable, not yet in force.
    fn bind(&mut self, name: &str, range: TextRange) -> u32 {
        self.variables.push(Binder { name: name.to_owned(), range });
        u32::try_from(self.variables.len() - 1).unwrap_or(u32::MAX)
    }

    /// Puts a variable in force.
    fn enter(&mut self, name: &'t str, variable: u32, itself: bool) {
        self.locals.push(Scoped { name, local: Local::Variable(variable), itself });
    }
}

fn names(params: &[written::TypeParam<'_>]) -> Vec<String> {
    params.iter().map(|param| param.name.to_owned()).collect()
}

/// Adds the type variables of a type that are not there yet, in the order in which they are written.
fn add_variables(of: &Type, to: &mut Vec<String>) {
    match &of.kind {
        TypeKind::Variable(name) => {
            if !to.contains(name) {
                to.push(name.clone());
            }
        }
        TypeKind::Primitive(_) => {}
        TypeKind::List(of) | TypeKind::Dict(of) | TypeKind::Stream(of) | TypeKind::Db(of) => add_variables(of, to),
        TypeKind::Tuple(parts) | TypeKind::Named(_, parts) => parts.iter().for_each(|part| add_variables(part, to)),
        TypeKind::Fn(arguments, result) => {
            arguments.iter().for_each(|argument| add_variables(argument, to));
            add_variables(result, to);
        }
    }
}
