//! Whole package trees: ours, and the public one where `DARKLANG_SRC` names a copy of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dm_lang::{duplicates, outline, render_all};
use dm_model::{Definition, Kind};

use crate::support::{Source, check_print_and_extract, import, names, package_files, repository, resolve_all, sources};

fn tree() -> Option<Vec<Source>> {
    let Some(root) = std::env::var_os("DARKLANG_SRC").map(PathBuf::from) else {
        println!("skipped: DARKLANG_SRC is not set");
        return None;
    };
    let packages = root.join("packages");
    Some(sources(&package_files(if packages.is_dir() { &packages } else { &root })))
}

/// What must hold of any tree without duplicates.
fn check_tree(sources: &[Source]) {
    let declared: Vec<_> = sources.iter().map(|source| source.declarations.as_slice()).collect();
    assert_eq!(duplicates(&declared), []);
    for source in sources {
        let text = source.parse.tree.text();
        for declaration in &source.declarations {
            if let Some(name) = declaration.name {
                let start = declaration.map.to_text(name.start).unwrap() as usize;
                let end = declaration.map.to_text_end(name.end).unwrap() as usize;
                assert_eq!(&declaration.text[start..end], name.slice(text), "{}", declaration.location);
            }
            assert!(outline(&declaration.text).is_some(), "{}", declaration.location);
        }
    }
    let all: Vec<_> = sources.iter().flat_map(|source| source.declarations.iter().cloned()).collect();
    check_print_and_extract(&all);
    let imported = import(sources);
    let stored = imported.definitions.values();
    let renderings = render_all(stored.clone().map(|(location, definition)| (definition, location)), &imported.names);
    for ((location, definition), rendering) in stored.zip(renderings) {
        assert!(rendering.is_verbatim() && rendering.unfaithful.is_empty(), "{location}: {rendering:?}");
        let bytes = definition.encode();
        assert_eq!(Definition::decode(&bytes).as_ref(), Ok(definition), "{location}");
        crate::linking::check_declared(definition);
    }
}

#[test]
fn our_packages_are_whole() {
    let sources = sources(&package_files(&repository().join("packages")));
    check_tree(&sources);
    let resolved = resolve_all(&sources, &names(&sources));
    let problems: Vec<_> = resolved.iter().flatten().flat_map(|resolved| &resolved.problems).collect();
    assert_eq!(problems, Vec::<&dm_lang::NameProblem>::new());
}

#[test]
fn the_real_tree_is_whole() {
    let Some(sources) = tree() else { return };
    assert_eq!(sources.len(), 449);
    let count = |kind| sources.iter().flat_map(|source| &source.declarations).filter(|d| d.kind == kind).count();
    assert_eq!((count(Kind::Fn), count(Kind::Value), count(Kind::Type)), (4392, 459, 966));
    check_tree(&sources);
}

#[test]
fn the_real_tree_has_few_unresolved_names() {
    let Some(sources) = tree() else { return };
    let resolved = resolve_all(&sources, &names(&sources));
    let problems = resolved.iter().flatten().flat_map(|resolved| &resolved.problems);
    let unresolved: BTreeSet<_> = problems.map(|problem| problem.spelling.as_str()).collect();
    // All are left-overs of two modules that moved: `Cli.Colors` (also written `Colors`, `Color`, `UI.Color`) and `Tui.Text`
    // are in `Stdlib.Cli` now, where the standard library's rule does not find them under the old names.
    let moved = ["Cli.Colors.", "Colors.", "Color.", "UI.Color.", "Tui.Text."];
    let others: Vec<_> =
        unresolved.iter().filter(|name| !moved.iter().any(|module| name.starts_with(module))).collect();
    assert_eq!(others, Vec::<&&str>::new());
    assert_eq!(unresolved.len(), 23, "{unresolved:?}");
}
