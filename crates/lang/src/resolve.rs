//! From names to entities: walks one declaration and says what each name in it means.
//!
//! Local variables come first, by the language's scopes; what is not local is looked up in the view ([`crate::lookup`]).
//! Operators need no reference but `@`, which calls the standard library's `List.append`; bare `Some`, `None`, `Ok` and
//! `Error` mean its `Option` and `Result`. A name that means nothing keeps what the base text meant by that spelling
//! (SEMANTICS R27), else it is a problem and its reference stays unresolved.
//!
//! Deliberately absent: types and kinds of expressions; nothing is checked but names.

mod bindings;
mod locals;
mod walk;

use dm_model::{Definition, EntityId, Kind, Location, Reference};
use dm_syntax::{Mode, Parse, SyntaxNode};

use crate::extract::{Declaration, OffsetMap, declaration_nodes};
use crate::lookup::Lookup;
use crate::scope::Scope;

pub use bindings::Bindings;

/// What a declaration's names mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The references, in order of their spans, which do not overlap. Spans are in the declaration's text.
    pub references: Vec<Reference>,
    /// Names that do not mean exactly one thing, in order of their spans.
    pub problems: Vec<NameProblem>,
}

impl Resolved {
    /// The definition of this text with these references.
    #[must_use]
    pub fn into_definition(self, kind: Kind, text: String) -> Definition {
        Definition { kind, text, references: self.references }
    }
}

/// A name that does not mean exactly one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProblem {
    /// First byte of the name in the declaration's text.
    pub start: u32,
    /// Its length in bytes.
    pub length: u32,
    /// The name, segments joined by dots.
    pub spelling: String,
    /// What is wrong.
    pub kind: ProblemKind,
    /// Whether the reference kept the entity that the base text meant by this spelling.
    pub kept: Option<EntityId>,
    /// Names that may have been meant, best first. Only for the first few names of a module; [`crate::lookup::suggest`] tells for
    /// any.
    pub suggestions: Vec<String>,
}

/// Why a name does not mean one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// Nothing has this name.
    NotFound,
    /// Several entities stand at the location.
    Ambiguous(Vec<EntityId>),
    /// The entity may not be referred to from this module.
    NotVisible(EntityId),
    /// It can be no name of what is wanted there.
    InvalidName,
}

impl std::fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("nothing has this name"),
            Self::Ambiguous(entities) => write!(f, "{} definitions stand at this name", entities.len()),
            Self::NotVisible(_) => f.write_str("it is not visible from this module"),
            Self::InvalidName => f.write_str("it is no valid name here"),
        }
    }
}

/// A text that is not exactly one declaration without errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The text has syntax errors.
    #[error("the text has {} syntax errors", .0.len())]
    Syntax(Vec<dm_syntax::Diagnostic>),
    /// The text declares nothing, or more than one thing.
    #[error("the text holds {0} declarations, not one")]
    NotOne(usize),
}

/// Resolves the names of a file's declarations, in their order.
///
/// `declarations` are what [`crate::extract()`] found in this very parse, or some of them in that order; `bindings` has one entry
/// for each, or none at all.
#[must_use]
pub fn resolve_file<S: Scope + ?Sized>(
    parse: &Parse,
    declarations: &[Declaration],
    bindings: &[Bindings],
    scope: &S,
) -> Vec<Resolved> {
    let nodes = declaration_nodes(parse);
    let mut lookup = Lookup::new(scope, "");
    let none = Bindings::default();
    let mut resolved = Vec::with_capacity(declarations.len());
    for (at, declaration) in declarations.iter().enumerate() {
        let Some(&node) = nodes.get(declaration.order as usize) else {
            resolved.push(Resolved::default());
            continue;
        };
        if lookup.module_path() != declaration.location.module_path() {
            lookup = Lookup::new(scope, declaration.location.module_path());
        }
        let bound = bindings.get(at).unwrap_or(&none);
        resolved.push(resolve_node(node, &declaration.map, &mut lookup, bound));
    }
    resolved
}

/// Resolves the names of the text of one declaration that stands, or is to stand, at `location`.
///
/// # Errors
/// If the text is not exactly one declaration without syntax errors.
pub fn resolve_text<S: Scope + ?Sized>(
    text: &str,
    location: &Location,
    bindings: &Bindings,
    scope: &S,
) -> Result<(Kind, Resolved), ResolveError> {
    let parse = dm_syntax::parse(text, Mode::Package);
    if !parse.is_clean() {
        return Err(ResolveError::Syntax(parse.diagnostics));
    }
    let nodes = declaration_nodes(&parse);
    let [node] = nodes.as_slice() else { return Err(ResolveError::NotOne(nodes.len())) };
    let Some(kind) = crate::extract::kind_of(node.kind()) else { return Err(ResolveError::NotOne(0)) };
    let mut lookup = Lookup::new(scope, location.module_path());
    Ok((kind, resolve_node(*node, &OffsetMap::identity(text.len()), &mut lookup, bindings)))
}

fn resolve_node<S: Scope + ?Sized>(
    node: SyntaxNode<'_>,
    map: &OffsetMap,
    lookup: &mut Lookup<'_, S>,
    bindings: &Bindings,
) -> Resolved {
    let mut walk = walk::Walk::new(map, lookup, bindings);
    walk.declaration(node);
    walk.finish()
}
