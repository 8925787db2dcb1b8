//! Rules beyond the grammar: names bound twice, alternatives that bind differently, and what a mode does not allow.
//!
//! Runs only over trees that the grammar found nothing wrong with, so parts are never missing.

use crate::Mode;
use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::tree::{SyntaxNode, Tree};
use crate::written::{DbDef, Name, TypeShape};
use std::collections::BTreeMap;

pub(crate) fn validate(tree: &Tree, mode: Mode) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for node in tree.root().descendants() {
        check(node, mode, &mut found);
    }
    found.sort_by_key(|diagnostic| diagnostic.range);
    found.truncate(crate::lexer::DIAGNOSTICS_MAX);
    found
}

fn check(node: SyntaxNode<'_>, mode: Mode, found: &mut Vec<Diagnostic>) {
    let mut error = |code, message: &str, hint: Option<&str>| {
        let mut diagnostic = Diagnostic::error(code, node.range(), message);
        diagnostic.hint = hint.map(str::to_owned);
        found.push(diagnostic);
    };
    match node.kind() {
        K::ExprDef if mode == Mode::Package => {
            error(
                Code::PackageExpr,
                "a package file holds declarations, not expressions",
                Some("declare a value with `val`"),
            );
        }
        K::ExprDef if mode == Mode::Test => {
            error(
                Code::TestAssertion,
                "a test file holds assertions, not bare expressions",
                Some("write `actual = expected`"),
            );
        }
        K::TestDef if mode == Mode::Script => {
            let message = "an assertion belongs in a module or a test file";
            error(Code::TestMode, message, Some("compare with `==`"));
        }
        K::DbDef => {
            if mode != Mode::Test {
                error(Code::DbMode, "a datastore belongs in a test file", None);
            }
            if !matches!(DbDef(node).shape(), Some(TypeShape::Alias(_))) || node.child(K::TypeParams).is_some() {
                let hint = "declare the record with `type`, then name that type here";
                error(Code::DbShape, "a datastore is declared by one plain type", Some(hint));
            }
        }
        K::LambdaExpr if !node.children().any(|part| part.kind() != K::Block) => {
            error(Code::Lambda, "a lambda needs a parameter", Some("write `fun () -> ..`"));
        }
        K::MatchExpr if node.child(K::MatchArm).is_none() => error(Code::Match, "a match needs an arm", None),
        K::AnonymousRecord => {
            let hint = "write the type's name before the `{`";
            error(Code::AnonymousRecord, "a record needs the name of its type", Some(hint));
        }
        K::UpdateExpr if node.child(K::RecordField).is_none() => {
            error(Code::RecordUpdate, "a record update needs a field", Some("write `{ record with field = value }`"));
        }
        K::OrPat if node.children().count() < 2 => {
            error(Code::OrPattern, "an or-pattern needs at least two alternatives", None);
        }
        K::OrPat => or_bindings(node, found),
        K::MatchArm | K::LambdaExpr | K::FnDef | K::LocalFn | K::LetExpr => binders_once(node, found),
        K::Hole | K::Error => error(Code::RecoveryHole, "the parser left a gap here without saying why", None),
        _ => {}
    }
}

/// Whether a bound name counts: names that begin with `_` and the empty name may repeat and differ.
fn counts(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('_')
}

/// Adds the names bound directly by patterns and parameters below `node`, first places first; of an or-pattern only those
/// of its first alternative, because all bind the same.
fn binders<'t>(node: SyntaxNode<'t>, names: &mut Vec<Name<'t>>) {
    // A pattern nests no deeper than the parser's limit, and this walks with a list of its own anyway.
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node.kind() {
            K::LetVar | K::VarPat => names.extend(Name::first_in(node).filter(|name| counts(name.text()))),
            K::OrPat => open.extend(node.children().next()),
            K::Param | K::LocalParam => names.extend(Name::first_in(node).filter(|name| counts(name.text()))),
            K::LetTuple
            | K::LetParen
            | K::ParenPat
            | K::ListPat
            | K::TuplePat
            | K::ConsPat
            | K::EnumPat
            | K::EnumPatFields => {
                let children: Vec<_> = node.children().collect();
                open.extend(children.into_iter().rev());
            }
            _ => {}
        }
    }
}

/// Each name at most once in the patterns or parameters of one construct.
fn binders_once(node: SyntaxNode<'_>, found: &mut Vec<Diagnostic>) {
    let mut names = Vec::new();
    for part in node.children() {
        binders(part, &mut names);
    }
    let mut first = BTreeMap::new();
    for name in names {
        match first.get(name.text()) {
            None => {
                first.insert(name.text(), name.range());
            }
            Some(&before) => {
                let message = format!("`{}` is bound twice", name.text());
                found.push(
                    Diagnostic::error(Code::DuplicateBinder, name.range(), message)
                        .with_related(before, "bound here first"),
                );
            }
        }
    }
}

/// Every alternative binds what the first one binds.
fn or_bindings(node: SyntaxNode<'_>, found: &mut Vec<Diagnostic>) {
    let sets = node.children().map(|alternative| {
        let mut names = Vec::new();
        binders(alternative, &mut names);
        let mut names: Vec<_> = names.into_iter().map(Name::text).collect();
        names.sort_unstable();
        names.dedup();
        (alternative, names)
    });
    let sets: Vec<_> = sets.collect();
    let Some(((first, wanted), rest)) = sets.split_first() else { return };
    for (alternative, names) in rest {
        if names == wanted {
            continue;
        }
        let differs =
            |a: &[&str], b: &[&str]| a.iter().find(|name| b.binary_search(name).is_err()).map(ToString::to_string);
        let name = differs(wanted, names).or_else(|| differs(names, wanted)).unwrap_or_default();
        let message = format!("`{name}` is not bound by every alternative");
        found.push(
            Diagnostic::error(Code::OrBindings, alternative.range(), message)
                .with_related(first.range(), "compared with this"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Builder;

    #[test]
    fn a_gap_in_a_clean_tree_is_reported() {
        let mut builder = Builder::with_capacity(2);
        builder.start(K::File, 0);
        builder.start(K::Hole, 0);
        builder.finish();
        builder.finish();
        let codes: Vec<_> = validate(&builder.into_tree(""), Mode::Script).iter().map(|found| found.code).collect();
        assert_eq!(codes, [Code::RecoveryHole]);
    }
}
