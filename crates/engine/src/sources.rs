//! Reading a folder of .dark files: what is taken, what is skipped and why.

use std::fs;
use std::path::{Path, PathBuf};

use dm_store::ImportBase;

use crate::base;
use crate::error::{EngineError, TextProblem};
use crate::report::SkippedFile;
use crate::save::{Source, check_duplicates, read_declarations};

/// Most bytes of one source file.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;
/// Most folders below one another.
const DEPTH_MAX: usize = 64;

/// A text and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The file, below the folder, or `-`.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// What was read from a folder or a file.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The folder or file, made absolute: it names the base of later imports.
    pub root: PathBuf,
    /// The texts, parsed, by path.
    pub(crate) texts: Vec<Source>,
    /// What was not taken.
    pub skipped: Vec<SkippedFile>,
    /// How many files were read.
    pub files: u64,
    /// What stands before a file's path in words for people: the folder as it was given.
    given: String,
    /// The base file of an exported folder.
    pub(crate) bases: Vec<ImportBase>,
}

/// Reads a folder of .dark files, or one such file. With `all`, files with `_` in their path are taken too.
///
/// # Errors
/// If something cannot be read, is not UTF-8 or too large, or if there is nothing to read. Then nothing is imported at all.
pub fn read_sources(path: &Path, all: bool) -> Result<Sources, EngineError> {
    let root = fs::canonicalize(path).map_err(|source| EngineError::File { path: path.to_path_buf(), source })?;
    let mut sources = Sources {
        root: root.clone(),
        texts: Vec::new(),
        skipped: Vec::new(),
        files: 0,
        given: String::new(),
        bases: base::read(&root)?,
    };
    let mut texts = Vec::new();
    if root.is_file() {
        sources.given = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        texts.push(SourceText { file: name, text: read_text(&root, path)? });
        sources.take_parsed(&texts)?;
        return Ok(sources);
    }
    sources.given = path.display().to_string();
    let mut files = Vec::new();
    walk(&root, 0, &mut files)?;
    files.sort();
    for file in files {
        take(&file, all, &mut sources, &mut texts)?;
    }
    sources.take_parsed(&texts)?;
    sources.skipped.sort_by(|left, right| left.path.cmp(&right.path));
    if sources.texts.is_empty() && sources.skipped.is_empty() {
        return Err(EngineError::NothingToImport(path.to_path_buf()));
    }
    Ok(sources)
}

impl Sources {
    /// Texts of a folder that were read elsewhere.
    pub(crate) fn of_texts(root: PathBuf, texts: Vec<Source>) -> Self {
        let files = texts.len() as u64;
        Self { root, texts, skipped: Vec::new(), files, given: String::new(), bases: Vec::new() }
    }

    /// Parses the texts on all cores, and keeps those that declare something. All errors of all texts are told at once.
    fn take_parsed(&mut self, texts: &[SourceText]) -> Result<(), EngineError> {
        self.files = texts.len() as u64;
        let mut problems = Vec::new();
        for source in parse_all(texts) {
            match source {
                Err(problem) => problems.push(TextProblem { file: self.shown(&problem.file), ..problem }),
                Ok(source) if source.declarations.is_empty() => {
                    self.skipped.push(SkippedFile { path: source.file, reason: "no definitions".to_owned() });
                }
                Ok(source) => self.texts.push(source),
            }
        }
        if !problems.is_empty() {
            return Err(EngineError::Text(problems));
        }
        check_duplicates(&self.texts).map_err(|error| match error {
            EngineError::Text(problems) => {
                let shown = |problem: TextProblem| TextProblem { file: self.shown(&problem.file), ..problem };
                EngineError::Text(problems.into_iter().map(shown).collect())
            }
            other => other,
        })
    }

    /// A file's path as a person who gave the folder would write it.
    pub(crate) fn shown(&self, file: &str) -> String {
        let given = self.given.trim_end_matches('/').trim_start_matches("./");
        if given.is_empty() || given == "." { file.to_owned() } else { format!("{given}/{file}") }
    }
}

/// Parses texts on all cores, each on its own: its declarations, or what is wrong with it.
pub(crate) fn parse_all(texts: &[SourceText]) -> Vec<Result<Source, TextProblem>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(texts.len().max(1));
    let size = texts.len().div_ceil(workers).max(1);
    let parse = |chunk: &[SourceText]| -> Vec<Result<Source, TextProblem>> {
        chunk.iter().map(|text| read_declarations(&text.file, &text.text)).collect()
    };
    if workers <= 1 {
        return parse(texts);
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = texts.chunks(size).map(|chunk| scope.spawn(move || parse(chunk))).collect();
        // A panic of a worker is our bug, and goes on here.
        running
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug)))
            .collect()
    })
}

fn take(file: &Path, all: bool, sources: &mut Sources, texts: &mut Vec<SourceText>) -> Result<(), EngineError> {
    let below = file.strip_prefix(&sources.root).unwrap_or(file).to_string_lossy().replace('\\', "/");
    let mut skip = |reason: &str| sources.skipped.push(SkippedFile { path: below.clone(), reason: reason.to_owned() });
    // What an export wrote is taken whatever its name.
    let exported = sources.bases.iter().any(|base| base.file == below);
    if below.contains('_') && !all && !exported {
        skip("`_` in its path; --all takes it");
        return Ok(());
    }
    let told = PathBuf::from(sources.shown(&below));
    let fail = |source| EngineError::File { path: told.clone(), source };
    // Folders that are links are not walked, so only a file that is one can lead outside.
    if fs::symlink_metadata(file).map_err(fail)?.is_symlink()
        && !fs::canonicalize(file).map_err(fail)?.starts_with(&sources.root)
    {
        return Err(EngineError::OutsideFolder { path: told, root: sources.root.clone() });
    }
    let text = read_text(file, &told)?;
    texts.push(SourceText { file: below, text });
    Ok(())
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), EngineError> {
    let fail = |source| EngineError::File { path: folder.to_path_buf(), source };
    if depth > DEPTH_MAX {
        return Err(fail(std::io::Error::other("folders too deep below one another")));
    }
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() && !hidden {
            walk(&path, depth + 1, files)?;
        } else if !kind.is_dir() && path.extension().is_some_and(|extension| extension == "dark") {
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a file, which errors call `told`.
fn read_text(path: &Path, told: &Path) -> Result<String, EngineError> {
    let fail = |source| EngineError::File { path: told.to_path_buf(), source };
    let bytes_count = fs::metadata(path).map_err(fail)?.len();
    if bytes_count > FILE_BYTES_MAX {
        return Err(fail(std::io::Error::other(format!("{bytes_count} bytes, more than {FILE_BYTES_MAX}"))));
    }
    let bytes = fs::read(path).map_err(fail)?;
    String::from_utf8(bytes)
        .map_err(|error| EngineError::NotUtf8 { path: told.to_path_buf(), at: error.utf8_error().valid_up_to() })
}

/// The module of up to three segments that a location's patch is named after.
#[must_use]
pub fn patch_module(module_path: &str) -> &str {
    match module_path.match_indices('.').nth(2) {
        Some((end, _)) => module_path.get(..end).unwrap_or(module_path),
        None => module_path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_named_after_three_segments() {
        assert_eq!(patch_module("A"), "A");
        assert_eq!(patch_module("A.B.C"), "A.B.C");
        assert_eq!(patch_module("A.B.C.D.E"), "A.B.C");
    }
}
