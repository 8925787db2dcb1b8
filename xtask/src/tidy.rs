//! What the compiler and clippy do not check: who may depend on whom, purity, sizes, words that must not stay, links.
//!
//! Each rule is a function from a [`Tree`] to complaints, so that its test can show it a tree with a fault.

mod crates;
mod documents;
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::step;
use crate::workspace::{Package, Workspace};

/// What is checked: the files under version control, or about to be, and the packages.
#[derive(Debug, Default)]
struct Tree {
    files: Vec<File>,
    packages: Vec<Package>,
}

/// A text file.
#[derive(Debug, Clone)]
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl File {
    /// The lines before the first inline test module, with their numbers from 1.
    fn lines_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .zip(1..)
            .take_while(|(line, _)| line.trim() != "#[cfg(test)]")
            .map(|(line, number)| (number, line))
    }

    /// Whether all of the file is for tests.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.contains("/benches/") || self.path.ends_with("/tests.rs")
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    fn is_markdown(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "md")
    }
}

impl Tree {
    fn load(workspace: &Workspace) -> Result<Self> {
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = step::read(Command::new("git").args(args).current_dir(&workspace.root))?;
        let mut files = Vec::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            match fs::read(workspace.root.join(path)) {
                // What is no text has no lines to check.
                Ok(bytes) => {
                    files.extend(String::from_utf8(bytes).ok().map(|text| File { path: path.to_owned(), text }));
                }
                // Deleted, but not yet from the index.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).context(path.to_owned()),
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let packages = Workspace::load()?.packages;
        Ok(Self { files, packages })
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

/// A rule: what it is called, and what it complains of.
type Rule = (&'static str, fn(&Tree) -> Vec<String>);

const RULES: [Rule; 13] = [
    ("dependencies point downwards", crates::direction),
    ("each outside crate stays where it belongs", crates::outside_crates),
    ("each dependency is used and has its reason", crates::reasons),
    ("pure crates have their clippy.toml", crates::purity_lints),
    ("pure crates name nothing of the outside", crates::purity_words),
    ("files are of a readable length", sources::lengths),
    ("no marker of unfinished work stays", sources::markers),
    ("tests do not sleep", sources::sleeps),
    ("each crate says what it is", sources::introductions),
    ("no path of one machine stays", sources::machine_paths),
    ("links lead somewhere", documents::links),
    ("the documents are there", documents::presence),
    ("each format has its page", documents::formats),
];

/// Checks all rules and prints the complaints. True if there are none.
pub fn tidy(workspace: &Workspace) -> Result<bool> {
    let tree = Tree::load(workspace)?;
    let mut printed = String::new();
    for (name, rule) in RULES {
        let complaints = rule(&tree);
        if !complaints.is_empty() {
            let _ = writeln!(printed, "{name}:");
        }
        for complaint in complaints {
            let _ = writeln!(printed, "  {complaint}");
        }
    }
    print!("{printed}");
    if printed.is_empty() {
        println!("{} rules hold for {} files", RULES.len(), tree.files.len());
    }
    Ok(printed.is_empty())
}

#[cfg(test)]
mod testing {
    use super::{File, Tree};
    use crate::workspace::{Dependency, Package};

    /// A tree of files.
    pub fn files(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() });
        Tree { files: files.collect(), packages: Vec::new() }
    }

    /// A package and what it depends on; a kind stands before a colon: `dev:proptest`.
    pub fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |text: &&str| match text.split_once(':') {
            Some((kind, name)) => Dependency { name: name.to_owned(), kind: Some(kind.to_owned()) },
            None => Dependency { name: (*text).to_owned(), kind: None },
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: name.to_owned(), version: "0.1.0".to_owned(), dependencies }
    }

    /// The rule complains as often as there are words, each complaint with its word.
    #[track_caller]
    pub fn complains(rule: fn(&Tree) -> Vec<String>, tree: &Tree, words: &[&str]) {
        let complaints = rule(tree);
        assert_eq!(complaints.len(), words.len(), "{complaints:#?}");
        for (complaint, word) in complaints.iter().zip(words) {
            assert!(complaint.contains(word), "{complaint:?} does not say {word:?}");
        }
    }
}
