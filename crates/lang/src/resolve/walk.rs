//! One pass through a declaration's tree, in the order of the text.
//!
//! The tree is walked flat, not by recursion: long chains of operators nest deep. Local names are kept as stretches of the
//! text in which they are in force.

use dm_model::{EntityId, Reference, ReferenceForm, Target};
use dm_syntax::written::{Path, Primitive};
use dm_syntax::{SyntaxKind as K, SyntaxNode, SyntaxToken, TextRange};

use super::locals::{Certainty, Locals};
use super::{Bindings, NameProblem, ProblemKind, Resolved};
use crate::extract::OffsetMap;
use crate::lookup::{APPEND, Found, Lookup, OPTION, RESULT, Wanted};
use crate::scope::Scope;
use crate::spelling;

pub(super) struct Walk<'t, 'a, 's, S: Scope + ?Sized> {
    map: &'a OffsetMap,
    lookup: &'a mut Lookup<'s, S>,
    bindings: &'a Bindings,
    locals: Locals<'t>,
    resolved: Resolved,
    /// The end of the last reference in the file: a name inside it is already told.
    told: u32,
}

impl<'t, 'a, 's, S: Scope + ?Sized> Walk<'t, 'a, 's, S> {
    pub(super) fn new(map: &'a OffsetMap, lookup: &'a mut Lookup<'s, S>, bindings: &'a Bindings) -> Self {
        Self { map, lookup, bindings, locals: Locals::default(), resolved: Resolved::default(), told: 0 }
    }

    pub(super) fn finish(mut self) -> Resolved {
        // Spans go up in the file; pieces of a declaration keep their order, so this only guards the invariant.
        self.resolved.references.sort_by_key(|reference| reference.start);
        self.resolved
    }

    pub(super) fn declaration(&mut self, node: SyntaxNode<'t>) {
        for part in node.descendant_elements() {
            match part.kind() {
                K::FnDef => part.into_node().into_iter().for_each(|node| self.function(node)),
                K::LetExpr => part.into_node().into_iter().for_each(|node| self.let_value(node)),
                K::LocalFn => part.into_node().into_iter().for_each(|node| self.local_function(node)),
                K::LambdaExpr => part.into_node().into_iter().for_each(|node| self.lambda(node)),
                K::MatchArm => part.into_node().into_iter().for_each(|node| self.match_arm(node)),
                K::NameExpr => part.into_node().into_iter().for_each(|node| self.name(node)),
                K::EnumExpr => part.into_node().into_iter().for_each(|node| self.case(node)),
                K::RecordExpr | K::PathType => part.into_node().into_iter().for_each(|node| self.type_name(node)),
                K::At => part.into_token().into_iter().for_each(|token| self.append(token)),
                _ => {}
            }
        }
    }

    // Local names.

    fn function(&mut self, node: SyntaxNode<'t>) {
        let range = node.range();
        for param in node.children().filter(|child| child.kind() == K::Param) {
            self.bind_tokens(param, range.start, range.end, Certainty::Bound);
        }
    }

    /// `let pattern = value` and what follows: the names are in force after the value. A lambda may mean itself inside.
    fn let_value(&mut self, node: SyntaxNode<'t>) {
        let mut parts = node.children();
        let (Some(pattern), Some(value)) = (parts.next(), parts.next()) else { return };
        let range = node.range();
        self.locals.advance(range.start);
        let value_range = value.range();
        self.bind_pattern(pattern, K::LetVar, value_range.end, range.end, Certainty::Bound);
        let mut statements = value.children();
        let lambda =
            statements.next().is_some_and(|first| first.kind() == K::LambdaExpr) && statements.next().is_none();
        if lambda && value.kind() == K::Block {
            self.bind_pattern(pattern, K::LetVar, value_range.start, value_range.end, Certainty::IfNothingElse);
        }
    }

    fn local_function(&mut self, node: SyntaxNode<'t>) {
        let range = node.range();
        self.locals.advance(range.start);
        let Some(value) = node.children().find(|child| matches!(child.kind(), K::Block | K::Hole)) else { return };
        let value_range = value.range();
        if let Some(name) = node.tokens().find(|token| token.kind().is_name()) {
            let name = spelling::bare(name.text());
            self.locals.bind(name, value_range.end, range.end, Certainty::Bound);
            self.locals.bind(name, value_range.start, value_range.end, Certainty::IfNothingElse);
        }
        for param in node.children().filter(|child| child.kind() == K::LocalParam) {
            self.bind_tokens(param, value_range.start, value_range.end, Certainty::Bound);
        }
    }

    fn lambda(&mut self, node: SyntaxNode<'t>) {
        let range = node.range();
        self.locals.advance(range.start);
        for pattern in node.children().take_while(|child| child.kind() != K::Block) {
            self.bind_pattern(pattern, K::LetVar, range.start, range.end, Certainty::Bound);
        }
    }

    fn match_arm(&mut self, node: SyntaxNode<'t>) {
        let range = node.range();
        self.locals.advance(range.start);
        if let Some(pattern) = node.children().next() {
            self.bind_pattern(pattern, K::VarPat, range.start, range.end, Certainty::Bound);
        }
    }

    fn bind_pattern(&mut self, pattern: SyntaxNode<'t>, variable: K, from: u32, to: u32, certainty: Certainty) {
        for node in pattern.descendants().filter(|node| node.kind() == variable) {
            self.bind_tokens(node, from, to, certainty);
        }
    }

    fn bind_tokens(&mut self, node: SyntaxNode<'t>, from: u32, to: u32, certainty: Certainty) {
        if let Some(name) = node.tokens().find(|token| token.kind().is_name()) {
            self.locals.bind(spelling::bare(name.text()), from, to, certainty);
        }
    }

    // Names that mean definitions.

    /// A variable, or a function or value by name.
    fn name(&mut self, node: SyntaxNode<'t>) {
        let Some(path) = node.child(K::Path).and_then(Path::cast) else { return };
        let range = path.range();
        self.locals.advance(range.start);
        let spelling = spelling::of_path(path);
        let place = place_of(node);
        if spelling.contains('.') {
            let found = self.meaning(&spelling, place.wanted());
            self.refer(range, &spelling, found);
            return;
        }
        let local = self.locals.at(&spelling, range.start);
        if local == Some(Certainty::Bound) || spelling.is_empty() {
            return;
        }
        if place == Place::FieldRoot && local.is_none() && self.dotted_value(node, &spelling) {
            return;
        }
        let found = self.meaning(&spelling, place.wanted());
        if local.is_none() || matches!(found, Found::Entity(_) | Found::Ambiguous(_)) {
            self.refer(range, &spelling, found);
        }
    }

    /// `a.b` where `a` is not local: a module with a lower-case name may hold `b`.
    fn dotted_value(&mut self, root: SyntaxNode<'t>, first: &str) -> bool {
        let Some(field) = root.parent() else { return false };
        let Some(name) = field.tokens().filter(|token| token.kind().is_name()).last() else { return false };
        let spelling = format!("{first}.{}", spelling::bare(name.text()));
        let found = self.lookup.find(&spelling, place_of(field).wanted());
        let hit = matches!(found, Found::Entity(_));
        if hit {
            self.refer(TextRange::new(root.range().start, name.range().end), &spelling, found);
        }
        hit
    }

    /// `Type.Case`, a bare case, or a bare upper-case variable.
    fn case(&mut self, node: SyntaxNode<'t>) {
        let Some(path) = node.child(K::Path).and_then(Path::cast) else { return };
        self.locals.advance(path.range().start);
        let case_behind = node.tokens().any(|token| token.kind() == K::UpperIdent);
        let qualifier = if case_behind { Some(path.range()) } else { spelling::qualifier_range(path) };
        if let Some(range) = qualifier {
            let whole = spelling::of_path(path);
            let spelling =
                if case_behind { &*whole } else { whole.rsplit_once('.').map_or("", |(qualifier, _)| qualifier) };
            let found = self.meaning(spelling, Wanted::Type);
            self.refer(range, spelling, found);
            return;
        }
        let spelling = spelling::of_path(path);
        let implied = match &*spelling {
            "Some" | "None" => OPTION,
            "Ok" | "Error" => RESULT,
            _ => return self.bare_case(node, path, &spelling),
        };
        let found = self.lookup.find_exact(implied, Wanted::Type);
        self.push(path.range(), &spelling, implied, found, ReferenceForm::Implicit);
    }

    /// A bare upper-case name: with fields a case without its type, alone a variable.
    fn bare_case(&mut self, node: SyntaxNode<'t>, path: Path<'t>, spelling: &str) {
        if self.locals.at(spelling, path.range().start).is_some() {
            return;
        }
        let alone = node.children().count() == 1 && node.parent().is_none_or(|parent| parent.kind() != K::PipeSegment);
        self.refer(path.range(), spelling, if alone { Found::Nothing } else { Found::Invalid });
    }

    /// The type of a record literal, or a type in a signature.
    fn type_name(&mut self, node: SyntaxNode<'t>) {
        let Some(path) = node.child(K::Path).and_then(Path::cast) else { return };
        let spelling = spelling::of_path(path);
        if node.kind() == K::PathType && !spelling.contains('.') && is_language_type(node, &spelling) {
            return;
        }
        let found = self.meaning(&spelling, Wanted::Type);
        self.refer(path.range(), &spelling, found);
    }

    fn append(&mut self, token: SyntaxToken<'t>) {
        let found = self.lookup.find_exact(APPEND, Wanted::Fn);
        self.push(token.range(), "@", APPEND, found, ReferenceForm::Implicit);
    }

    fn meaning(&mut self, spelling: &str, wanted: Wanted) -> Found {
        match self.bindings.asked(spelling) {
            Some(entity) => Found::Entity(entity),
            None => self.lookup.find(spelling, wanted),
        }
    }

    // What comes out.

    fn refer(&mut self, range: TextRange, spelling: &str, found: Found) {
        self.push(range, spelling, spelling, found, ReferenceForm::Path);
    }

    /// A reference whose span reads `span` and means what `spelling` says.
    fn push(&mut self, range: TextRange, span: &str, spelling: &str, found: Found, form: ReferenceForm) {
        let (Some(start), Some(end)) = (self.map.to_text(range.start), self.map.to_text_end(range.end)) else { return };
        if range.start < self.told || start >= end {
            return;
        }
        self.told = range.end;
        let length = end - start;
        let (target, kind) = match found {
            Found::Entity(entity) => (Target::Entity(entity), None),
            Found::Builtin(name, version) => (Target::Builtin { name: name.to_owned(), version }, None),
            Found::Ambiguous(entities) => (Target::Unresolved, Some(ProblemKind::Ambiguous(entities))),
            Found::NotVisible(entity) => (Target::Unresolved, Some(ProblemKind::NotVisible(entity))),
            Found::Invalid => (Target::Unresolved, Some(ProblemKind::InvalidName)),
            Found::Nothing => (Target::Unresolved, Some(ProblemKind::NotFound)),
        };
        let kept = if kind.is_some() { self.bindings.kept(span) } else { None };
        if let Some(kind) = kind {
            self.problem(start, length, spelling, kind, kept);
        }
        let target = kept.map_or(target, Target::Entity);
        self.resolved.references.push(Reference { start, length, form, target });
    }

    fn problem(&mut self, start: u32, length: u32, spelling: &str, kind: ProblemKind, kept: Option<EntityId>) {
        let helps = kept.is_none() && matches!(kind, ProblemKind::NotFound | ProblemKind::InvalidName);
        let suggestions = if helps { self.lookup.suggest(spelling) } else { Vec::new() };
        self.resolved.problems.push(NameProblem {
            start,
            length,
            spelling: spelling.to_owned(),
            kind,
            kept,
            suggestions,
        });
    }
}

/// What stands around a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    Applied,
    Piped,
    FieldRoot,
}

impl Place {
    fn wanted(self) -> Wanted {
        match self {
            Self::Alone | Self::FieldRoot => Wanted::ValueThenFn,
            Self::Applied => Wanted::FnThenValue,
            Self::Piped => Wanted::Fn,
        }
    }
}

fn place_of(node: SyntaxNode<'_>) -> Place {
    let Some(parent) = node.parent() else { return Place::Alone };
    let first = parent.children().next() == Some(node);
    match parent.kind() {
        K::PipeSegment if first => Place::Piped,
        K::FieldExpr if first => Place::FieldRoot,
        K::ApplyExpr if first => match parent.parent() {
            Some(outer) if outer.kind() == K::PipeSegment && outer.children().next() == Some(parent) => Place::Piped,
            _ => Place::Applied,
        },
        _ => Place::Alone,
    }
}

/// Whether an unqualified type name is one of the language's own.
fn is_language_type(node: SyntaxNode<'_>, name: &str) -> bool {
    let arguments = node.child(K::TypeArgs).map_or(0, |arguments| arguments.children().count());
    matches!(name, "Stream" | "DB") && arguments == 1 || Primitive::named(name).is_some()
}
