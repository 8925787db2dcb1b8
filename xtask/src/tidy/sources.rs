//! What source files look like.

use super::{File, Tree};

/// Lines of a file before its inline tests. A longer one has more than one subject.
const LINES_MAX: usize = 800;

/// Put together here, so that this file does not contain them.
const MARKERS: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("#[ign", "ore"),
];
const SLEEP: &str = concat!("thread::", "sleep");
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/shared"),
    concat!("/wo", "rk/."),
    concat!("/tm", "p/dm/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/runner"),
];

/// Files have at most so many lines before their tests.
pub fn lengths(tree: &Tree) -> Vec<String> {
    let length = |file: &File| file.lines_before_tests().count();
    let long = tree.rust_files().map(|file| (file, length(file))).filter(|(_, lines)| *lines > LINES_MAX);
    long.map(|(file, lines)| format!("{}: {lines} lines before its tests, of {LINES_MAX}", file.path)).collect()
}

fn occurrences(files: impl Iterator<Item = impl std::borrow::Borrow<File>>, words: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let file = file.borrow();
        for (line, number) in file.text.lines().zip(1..) {
            let found = words.iter().filter(|word| line.contains(*word));
            complaints.extend(found.map(|word| format!("{}:{number}: {word}", file.path)));
        }
    }
    complaints
}

/// Nothing is left to be done later, printed for a while, or not run.
pub fn markers(tree: &Tree) -> Vec<String> {
    occurrences(tree.rust_files(), &MARKERS)
}

/// No test waits for time to pass.
pub fn sleeps(tree: &Tree) -> Vec<String> {
    let only_tests = |file: &File| {
        let before = if file.is_test() { 0 } else { file.lines_before_tests().count() };
        let text = file
            .text
            .lines()
            .enumerate()
            .map(|(at, line)| if at < before { "\n".to_owned() } else { format!("{line}\n") });
        File { path: file.path.clone(), text: text.collect() }
    };
    occurrences(tree.rust_files().map(only_tests), &[SLEEP])
}

/// The first file of each crate begins by saying what the crate is.
pub fn introductions(tree: &Tree) -> Vec<String> {
    let first = |file: &&File| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
    let silent = tree.rust_files().filter(first).filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| format!("{} does not open with `//!`", file.path)).collect()
}

/// Nothing depends on where somebody happened to work.
pub fn machine_paths(tree: &Tree) -> Vec<String> {
    occurrences(tree.files.iter(), &MACHINE_PATHS)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complains, files};
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let lines = |count: usize| "x\n".repeat(count);
        let with_tests = format!("{}#[cfg(test)]\n{}", lines(LINES_MAX), lines(900));
        complains(lengths, &files(&[("a.rs", &lines(LINES_MAX)), ("b.rs", &with_tests), ("c.md", &lines(2000))]), &[]);
        complains(lengths, &files(&[("a.rs", &lines(LINES_MAX + 1))]), &["a.rs: 801"]);
    }

    #[test]
    fn each_marker_is_found() {
        for marker in MARKERS {
            complains(markers, &files(&[("a.rs", &format!("fn a() {{\n  {marker}"))]), &["a.rs:2"]);
        }
        complains(markers, &files(&[("a.md", MARKERS[0]), ("b.rs", "todo(); ignored();")]), &[]);
    }

    #[test]
    fn a_test_that_sleeps_is_found() {
        let sleep = format!("{SLEEP}(x);\n");
        complains(sleeps, &files(&[("crates/a/src/a.rs", &sleep)]), &[]);
        complains(sleeps, &files(&[("crates/a/tests/it/a.rs", &sleep)]), &["a.rs:1"]);
        complains(
            sleeps,
            &files(&[("crates/a/src/a.rs", &format!("{sleep}#[cfg(test)]\nmod tests {{\n{sleep}"))]),
            &["a.rs:4"],
        );
    }

    #[test]
    fn a_crate_without_introduction_is_found() {
        complains(
            introductions,
            &files(&[("crates/a/src/lib.rs", "//! A.\n"), ("crates/a/src/b.rs", "fn b() {}")]),
            &[],
        );
        complains(introductions, &files(&[("xtask/src/main.rs", "fn main() {}")]), &["xtask/src/main.rs"]);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for path in MACHINE_PATHS {
            complains(machine_paths, &files(&[("docs/a.md", &format!("in {path}x"))]), &["docs/a.md:1"]);
        }
        complains(machine_paths, &files(&[("a.md", "~/work/shop, /tmp/x")]), &[]);
    }
}
