//! Module files: renderings put together so that they can be taken apart again.
//!
//! One file holds definitions of one module under one header, in the order given, a blank row between them. Reading it back
//! with [`crate::extract`](mod@crate::extract) gives every text exactly. Where a text could not be told from what follows it (it
//! ends in comments of its own rows, or begins with indentation that it needs), the file ends and the next one goes on.
//! Tests go into files of their own.
//!
//! Deliberately absent: writing files, and taking over the names of files that were imported.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{Kind, Location};
use dm_syntax::{Mode, parse};

use crate::spelling;

/// A definition as it is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Where it stands.
    pub location: &'a Location,
    /// What it defines.
    pub kind: Kind,
    /// Its rendering.
    pub text: &'a str,
}

/// One file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// Its path below the folder, segments joined by `/`; no two differ in case alone.
    pub path: String,
    /// The module that it is about.
    pub module_path: String,
    /// Its text.
    pub text: String,
    /// What it holds, as indices into what was given.
    pub definitions: Vec<usize>,
}

/// The files for these definitions, ascending by module, tests behind the rest. Definitions of a module keep their order.
#[must_use]
pub fn layout(definitions: &[Shown<'_>]) -> Vec<ModuleFile> {
    let mut modules: BTreeMap<(&str, bool), Vec<usize>> = BTreeMap::new();
    for (at, shown) in definitions.iter().enumerate() {
        modules.entry((shown.location.module_path(), shown.kind == Kind::Test)).or_default().push(at);
    }
    let mut paths = Paths::default();
    let mut files = Vec::new();
    for ((module_path, tests), members) in modules {
        let stem = paths.stem(module_path);
        let suffix = if tests { ".tests" } else { "" };
        for (number, part) in parts(definitions, &members).into_iter().enumerate() {
            let texts: Vec<_> = part.iter().filter_map(|&at| definitions.get(at)).map(|shown| shown.text).collect();
            let number = if number == 0 { String::new() } else { format!(".{}", number + 1) };
            files.push(ModuleFile {
                path: format!("{stem}{suffix}{number}.dark"),
                module_path: module_path.to_owned(),
                text: print_file(module_path, &texts),
                definitions: part,
            });
        }
    }
    files
}

/// The text of a file with these definitions of a module. Reads back exactly if each but the last is as [`layout`] would
/// put it before another.
#[must_use]
pub fn print_file(module_path: &str, texts: &[&str]) -> String {
    let mut out = format!("module {}\n", spelling::written(module_path));
    for text in texts {
        out.push('\n');
        out.push_str(text);
        out.push('\n');
    }
    out
}

/// The definitions of a module, cut into files.
fn parts(definitions: &[Shown<'_>], members: &[usize]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut fresh = true;
    for &at in members {
        let Some(shown) = definitions.get(at) else { continue };
        if fresh || shown.text.starts_with([' ', '\t']) {
            parts.push(Vec::new());
        }
        fresh = ends_in_comment_rows(shown.text);
        if let Some(part) = parts.last_mut() {
            part.push(at);
        }
    }
    parts
}

/// Whether comments stand below the end of the declaration, where they would go to the next one.
fn ends_in_comment_rows(text: &str) -> bool {
    let last_row = text.rsplit('\n').next().unwrap_or_default();
    if !last_row.trim_start().starts_with("//") && !text.ends_with("*)") {
        return false;
    }
    let parsed = parse(text, Mode::Package);
    let root = parsed.tree.root();
    let Some(last) = root.last_token() else { return true };
    let behind =
        root.descendant_tokens().find(|token| token.range().start >= last.range().end && token.kind().is_comment());
    behind.is_some() && {
        // A comment on the row of the end is the declaration's own; further ones below it are not.
        let rest = text.get(last.range().end as usize..).unwrap_or_default();
        rest.contains('\n')
    }
}

/// Paths that were given out.
#[derive(Default)]
struct Paths<'m> {
    stems: BTreeMap<&'m str, String>,
    /// In lower case: some file systems do not tell cases apart.
    taken: BTreeSet<String>,
}

impl<'m> Paths<'m> {
    /// The path of a module without its ending.
    fn stem(&mut self, module_path: &'m str) -> String {
        if let Some(stem) = self.stems.get(module_path) {
            return stem.clone();
        }
        let plain = module_stem(module_path);
        let mut stem = plain.clone();
        let mut number = 2_u32;
        while !self.taken.insert(stem.to_lowercase()) {
            stem = format!("{plain}-{number}");
            number = number.saturating_add(1);
        }
        self.stems.insert(module_path, stem.clone());
        stem
    }
}

/// The path of a module's file without its ending, where no other module's differs from it in case alone.
#[must_use]
pub fn module_stem(module_path: &str) -> String {
    module_path.split('.').map(file_segment).collect::<Vec<_>>().join("/")
}

/// A module's name as the name of a file or folder: lower-camel, letters and digits only, no name that a system keeps.
///
/// Never with `_`, since package loaders leave out paths that have one.
fn file_segment(segment: &str) -> String {
    const KEPT: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
    let mut out = String::with_capacity(segment.len());
    let capitals = segment.bytes().take_while(u8::is_ascii_uppercase).count();
    let next_is_lower = segment.as_bytes().get(capitals).is_some_and(u8::is_ascii_lowercase);
    let lowered = if capitals > 1 && next_is_lower { capitals - 1 } else { capitals };
    let mut raise = false;
    for (at, c) in segment.chars().enumerate() {
        match c {
            '_' => raise = !out.is_empty(),
            _ if !c.is_ascii_alphanumeric() => out.push('-'),
            _ if raise => {
                out.push(c.to_ascii_uppercase());
                raise = false;
            }
            _ if at < lowered => out.push(c.to_ascii_lowercase()),
            _ => out.push(c),
        }
    }
    let kept = out.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
    if out.is_empty() || KEPT.contains(&kept.as_str()) {
        out.push_str("-module");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_safe_everywhere() {
        for (segment, file) in [
            ("Darklang", "darklang"),
            ("LanguageTools", "languageTools"),
            ("SCM", "scm"),
            ("HTTPServer", "httpServer"),
            ("UInt8", "uInt8"),
            ("Old_notes", "oldNotes"),
            ("Con", "con-module"),
            ("COM1", "com1-module"),
            ("_", "-module"),
            ("Über'", "-ber-"),
        ] {
            assert_eq!(file_segment(segment), file);
        }
        let mut paths = Paths::default();
        assert_eq!(paths.stem("Acme.Http"), "acme/http");
        assert_eq!(paths.stem("Acme.HTTP"), "acme/http-2");
        assert_eq!(paths.stem("Acme.Http"), "acme/http");
    }

    #[test]
    fn comment_rows_below_a_declaration_are_seen() {
        assert!(ends_in_comment_rows("val a = 1\n// more"));
        assert!(ends_in_comment_rows("val a = 1 // own\n(* more *)"));
        assert!(!ends_in_comment_rows("val a = 1 // own"));
        assert!(!ends_in_comment_rows("val a = \"\"\"\n// text\"\"\""));
        assert!(!ends_in_comment_rows("// before\nval a = 1"));
        assert!(!ends_in_comment_rows("val a =\n  // inside\n  (*)"));
    }
}
