//! From a parsed package file to its declarations: where each stands, and its exact text.
//!
//! Comments belong to the declaration behind them; comments on the row of a declaration's end, inside its nested module, or
//! at the end of the file belong to the one before. The indentation that a nested module gives is taken off where no token
//! and no structure changes by it. `docs/design/text.md` has the rules and their reasons.
//!
//! Deliberately absent: names inside the text ([`crate::resolve`]), and what the store already has.

mod cut;
mod offsets;
mod pieces;

use std::collections::BTreeMap;

use dm_model::{Kind, Location, LocationError};
use dm_syntax::{Code, Diagnostic, Parse, SyntaxKind as K, SyntaxNode, TextRange};

use crate::{assertions, spelling};

pub use offsets::OffsetMap;

/// One declaration of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Where it stands. For a test only the proposal of its name; see [`crate::assertions`].
    pub location: Location,
    /// What it defines.
    pub kind: Kind,
    /// Its exact text, its comments included, rows ending in LF.
    pub text: String,
    /// From offsets of the file to offsets of `text` and back.
    pub map: OffsetMap,
    /// The bytes of the file from its first comment to its end; a module header may stand between.
    pub range: TextRange,
    /// The bytes in the file of the name it declares; a test has none.
    pub name: Option<TextRange>,
    /// Its place among all declarations of the file, from 0.
    pub order: u32,
}

/// What a file declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The declarations, in the order of the text.
    pub declarations: Vec<Declaration>,
    /// What is wrong with where they stand; ranges are in the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Two declarations of one location in one import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The location.
    pub location: Location,
    /// File and declaration that came first, as indices into what was given.
    pub first: (usize, usize),
    /// File and declaration that came again.
    pub second: (usize, usize),
}

/// The declarations of a file that was parsed in package mode from a text in the form of [`crate::source::normalize`].
///
/// A declaration outside a module, or with a name that can stand in no location, is a diagnostic and is left out.
#[must_use]
pub fn extract(parse: &Parse) -> Extracted {
    extract_within("", parse)
}

/// As [`extract`], for a text that stands in a module already: `module_path` goes before the modules that it names.
#[must_use]
pub fn extract_within(module_path: &str, parse: &Parse) -> Extracted {
    let text = parse.tree.text();
    let mut extracted = Extracted::default();
    for (order, piece) in pieces::gather(module_path, parse.tree.root()).into_iter().enumerate() {
        let Some(kind) = kind_of(piece.node.kind()) else { continue };
        let name = spelling::own_name(piece.node);
        let cut = cut::cut(text, &piece);
        let proposed = match name {
            Some(range) => spelling::bare(range.slice(text)).to_owned(),
            None => assertions::proposed_name(piece.doc_row(text), &cut.text),
        };
        match Location::within(&piece.module_path, &proposed) {
            Ok(location) => extracted.declarations.push(Declaration {
                location,
                kind,
                text: cut.text,
                map: cut.map,
                range: cut.range,
                name,
                order: u32::try_from(order).unwrap_or(u32::MAX),
            }),
            Err(error) => extracted.diagnostics.push(misplaced(&error, name.unwrap_or_else(|| piece.node.range()))),
        }
    }
    extracted
}

/// Locations that are declared more than once in these files. Tests are left out: a clash of theirs gets another name.
#[must_use]
pub fn duplicates(files: &[&[Declaration]]) -> Vec<Duplicate> {
    let mut first: BTreeMap<&Location, (usize, usize)> = BTreeMap::new();
    let mut duplicates = Vec::new();
    for (file, declarations) in files.iter().enumerate() {
        for (at, declaration) in
            declarations.iter().enumerate().filter(|(_, declaration)| declaration.kind != Kind::Test)
        {
            let known = *first.entry(&declaration.location).or_insert((file, at));
            if known != (file, at) {
                let location = declaration.location.clone();
                duplicates.push(Duplicate { location, first: known, second: (file, at) });
            }
        }
    }
    duplicates
}

/// The diagnostic for a location that is declared again, at the place of the second declaration in its own file.
#[must_use]
pub fn duplicate_diagnostic(declaration: &Declaration, first_file: &str) -> Diagnostic {
    let range = declaration.name.unwrap_or(declaration.range);
    let message = format!("`{}` is declared twice in one import", declaration.location);
    Diagnostic::error(Code::Duplicate, range, message).with_hint(format!("it is also declared in {first_file}"))
}

/// The nodes of a file's declarations, in the order of the text: what [`Declaration::order`] counts.
pub(crate) fn declaration_nodes(parse: &Parse) -> Vec<SyntaxNode<'_>> {
    let mut nodes = Vec::new();
    pieces::declared(parse.tree.root(), &mut nodes);
    nodes
}

/// What a declaration's node defines; `None` for what can be no definition.
pub(crate) fn kind_of(kind: K) -> Option<Kind> {
    Some(match kind {
        K::FnDef => Kind::Fn,
        K::TypeDef => Kind::Type,
        K::ValueDef => Kind::Value,
        K::TestDef => Kind::Test,
        _ => return None,
    })
}

fn misplaced(error: &LocationError, range: TextRange) -> Diagnostic {
    match error {
        LocationError::NoOwner(_) | LocationError::Empty => {
            Diagnostic::error(Code::NoModule, range, "this stands in no module, so it has no owner")
                .with_hint("begin the file with `module Owner.Name`")
        }
        other => Diagnostic::error(Code::BadName, range, other.to_string()),
    }
}
