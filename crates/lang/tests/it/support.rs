//! What the tests share: reading folders of package files, importing them into a table of names, changing that table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dm_lang::{Declaration, Entry, NameTable, Resolved, Shown, extract, layout, resolve_file, source};
use dm_model::{Definition, EntityId, Kind, Location, Visibility, entity_id};
use dm_syntax::{Mode, Parse, parse};

/// A parsed package file.
pub struct Source {
    pub parse: Parse,
    pub declarations: Vec<Declaration>,
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The package files below a folder, ascending by path, those with `_` in their path left out.
pub fn package_files(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.to_path_buf()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dark") {
                files.push(path);
            }
        }
    }
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    files.sort();
    files
        .iter()
        .filter(|path| !relative(path).contains('_'))
        .map(|path| (relative(path), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Parses and extracts one file that must be clean.
pub fn source(path: &str, text: &str) -> Source {
    let parse = parse(&source::normalize(text), Mode::Package);
    assert!(parse.is_clean(), "{path}: {:?}\n{text}", parse.diagnostics);
    let extracted = extract(&parse);
    assert!(extracted.diagnostics.is_empty(), "{path}: {:?}\n{text}", extracted.diagnostics);
    Source { parse, declarations: extracted.declarations }
}

/// Parses and extracts files that must be clean.
pub fn sources(files: &[(String, String)]) -> Vec<Source> {
    files.iter().map(|(path, text)| source(path, text)).collect()
}

/// What stands at a location that is free.
pub fn public(location: &Location, kind: Kind) -> Entry {
    Entry { entity: entity_id(location, 0), kind, visibility: Visibility::Public }
}

/// The table of names of everything declared.
pub fn names(sources: &[Source]) -> NameTable {
    let mut names = NameTable::default();
    for declaration in sources.iter().flat_map(|source| &source.declarations) {
        names.insert(&declaration.location, public(&declaration.location, declaration.kind));
    }
    names
}

/// Everything resolved, file by file.
pub fn resolve_all(sources: &[Source], names: &NameTable) -> Vec<Vec<Resolved>> {
    sources.iter().map(|source| resolve_file(&source.parse, &source.declarations, &[], names)).collect()
}

/// Everything imported: definitions by entity, and their names.
#[derive(Clone)]
pub struct Imported {
    pub names: NameTable,
    pub definitions: BTreeMap<EntityId, (Location, Definition)>,
}

/// Imports files; unknown names are no failure.
pub fn import(sources: &[Source]) -> Imported {
    let names = names(sources);
    let mut definitions = BTreeMap::new();
    for (source, resolved) in sources.iter().zip(resolve_all(sources, &names)) {
        for (declaration, resolved) in source.declarations.iter().zip(resolved) {
            let definition = resolved.into_definition(declaration.kind, declaration.text.clone());
            let entity = entity_id(&declaration.location, 0);
            assert!(definitions.insert(entity, (declaration.location.clone(), definition)).is_none());
        }
    }
    Imported { names, definitions }
}

/// Prints module files from declarations and reads them again: each file must give back exactly what went in.
pub fn check_print_and_extract(declarations: &[Declaration]) {
    let shown: Vec<_> =
        declarations.iter().map(|d| Shown { location: &d.location, kind: d.kind, text: &d.text }).collect();
    let files = layout(&shown);
    let mut seen = 0;
    for file in &files {
        assert!(!file.path.contains('_'), "{}", file.path);
        let again = source(&file.path, &file.text);
        let wanted: Vec<_> = file.definitions.iter().map(|&at| &declarations[at]).collect();
        assert_eq!(again.declarations.len(), wanted.len(), "{}\n{}", file.path, file.text);
        for (again, wanted) in again.declarations.iter().zip(wanted) {
            assert_eq!(again.text, wanted.text, "{}", wanted.location);
            assert_eq!(again.kind, wanted.kind);
            assert_eq!(again.location.module_path(), wanted.location.module_path());
            if again.kind != Kind::Test {
                assert_eq!(again.location, wanted.location);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, declarations.len());
    let mut paths: Vec<_> = files.iter().map(|file| file.path.to_lowercase()).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), files.len(), "two files share a path");
}
