//! The public package tree, where `DARKLANG_SRC` names a copy of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dm_lang::duplicates;
use dm_model::Kind;

use crate::support::{names, package_files, resolve_all, sources};

fn tree() -> Option<Vec<(String, String)>> {
    let Some(root) = std::env::var_os("DARKLANG_SRC").map(PathBuf::from) else {
        println!("skipped: DARKLANG_SRC is not set");
        return None;
    };
    let packages = root.join("packages");
    Some(package_files(if packages.is_dir() { &packages } else { &root }))
}

#[test]
fn the_real_tree_is_read_and_resolved() {
    let Some(files) = tree() else { return };
    assert_eq!(files.len(), 449);
    let sources = sources(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let count = |kind| sources.iter().flat_map(|source| &source.declarations).filter(|d| d.kind == kind).count();
    assert_eq!((count(Kind::Fn), count(Kind::Value), count(Kind::Type)), (4392, 459, 966));
    let declared: Vec<_> = sources.iter().map(|source| source.declarations.as_slice()).collect();
    assert_eq!(duplicates(&declared), []);
    let names = names(&sources);
    let resolved = resolve_all(&sources, &names);
    let unresolved: BTreeSet<_> = resolved
        .iter()
        .flatten()
        .flat_map(|resolved| &resolved.problems)
        .map(|problem| problem.spelling.as_str())
        .collect();
    // All are left-overs of two modules that moved: `Cli.Colors` (also written `Colors`, `Color`, `UI.Color`) and `Tui.Text`
    // are in `Stdlib.Cli` now, where the standard library's rule does not find them under the old names.
    let moved = ["Cli.Colors.", "Colors.", "Color.", "UI.Color.", "Tui.Text."];
    let others: Vec<_> =
        unresolved.iter().filter(|name| !moved.iter().any(|module| name.starts_with(module))).collect();
    assert_eq!(others, Vec::<&&str>::new());
    assert_eq!(unresolved.len(), 23, "{unresolved:?}");
}
