//! The public Darklang sources, if the environment names a copy: all of them parse without diagnostics.

use dm_syntax::written::{File, Item};
use dm_syntax::{Mode, declaration_ranges, parse, render};
use std::path::{Path, PathBuf};

fn dark_files(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.to_path_buf()];
    let mut files = Vec::new();
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dark") {
                files.push(path);
            }
        }
    }
    files.retain(|path| !path.strip_prefix(folder).unwrap_or(path).to_string_lossy().contains('_'));
    files.sort();
    files
}

/// Functions, values and types anywhere in a file.
fn count(file: File<'_>, counts: &mut [usize; 3]) {
    for span in declaration_ranges(file) {
        match span.item {
            Item::Fn(_) => counts[0] += 1,
            Item::Value(_) => counts[1] += 1,
            Item::Type(_) => counts[2] += 1,
            _ => {}
        }
    }
}

fn parse_all(files: &[PathBuf], mode: Mode) -> ([usize; 3], String) {
    let mut counts = [0; 3];
    let mut problems = String::new();
    for path in files {
        let text = std::fs::read_to_string(path).expect("readable text");
        let parsed = parse(&text, mode);
        assert_eq!(parsed.tree.text(), text);
        for diagnostic in &parsed.diagnostics {
            problems += &render(diagnostic, &path.to_string_lossy(), &text);
        }
        count(parsed.file(), &mut counts);
    }
    (counts, problems)
}

#[test]
fn the_public_sources_parse_without_diagnostics() {
    let Some(root) = std::env::var_os("DARKLANG_SRC").map(PathBuf::from) else {
        eprintln!("skipped: DARKLANG_SRC names no copy of the public sources");
        return;
    };
    let files = dark_files(&root.join("packages"));
    assert_eq!(files.len(), 449);
    let (counts, problems) = parse_all(&files, Mode::Package);
    assert_eq!(problems, "");
    assert_eq!(counts, [4392, 459, 966], "functions, values, types");

    let (_, problems) = parse_all(&dark_files(&root.join("backend/testfiles/execution")), Mode::Test);
    assert_eq!(problems, "");
}
