//! What the tests share: reading folders of package files and importing them into a table of names.

use std::path::{Path, PathBuf};

use dm_lang::{Declaration, Entry, NameTable, Resolved, extract, resolve_file, source};
use dm_model::{Visibility, entity_id};
use dm_syntax::{Mode, Parse, parse};

/// A parsed package file.
pub struct Source {
    pub path: String,
    pub parse: Parse,
    pub declarations: Vec<Declaration>,
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

/// Parses and extracts files that must be clean.
pub fn sources<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Source> {
    let source = |(path, text): (&str, &str)| {
        let parse = parse(&source::normalize(text), Mode::Package);
        assert!(parse.is_clean(), "{path}: {:?}", parse.diagnostics);
        let extracted = extract(&parse);
        assert!(extracted.diagnostics.is_empty(), "{path}: {:?}", extracted.diagnostics);
        Source { path: path.to_owned(), parse, declarations: extracted.declarations }
    };
    files.into_iter().map(source).collect()
}

/// The table of names of everything declared.
pub fn names(sources: &[Source]) -> NameTable {
    let mut names = NameTable::default();
    for declaration in sources.iter().flat_map(|source| &source.declarations) {
        let entity = entity_id(&declaration.location, 0);
        names.insert(&declaration.location, Entry { entity, kind: declaration.kind, visibility: Visibility::Public });
    }
    names
}

/// Everything resolved, file by file.
pub fn resolve_all(sources: &[Source], names: &NameTable) -> Vec<Vec<Resolved>> {
    sources.iter().map(|source| resolve_file(&source.parse, &source.declarations, &[], names)).collect()
}
