//! Markdown files as test cases: prose, headings, and fenced blocks whose info string says what they are.
//!
//! Only headings (`#`) and fences are read; everything else is prose for people.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::expectation::{lines_match, merge_expected, unified_diff, update_wanted};

/// A Markdown file, read.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it is; empty if it was made from a text.
    pub path: PathBuf,
    text: String,
    blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The first word of the info string: what kind of block this is. Empty if there is none.
    pub kind: String,
    /// The other words of the info string.
    pub attributes: Vec<String>,
    /// What is between the fences, with the fence's indentation taken off.
    pub body: String,
    /// The number of the line after the opening fence, from 1.
    pub line: usize,
    /// The headings that the block stands under, outermost first.
    pub headings: Vec<String>,
    fence: String,
    indent: String,
    range: Range<usize>,
}

/// The blocks under one heading.
#[derive(Debug, Clone)]
pub struct Case {
    /// The headings, outermost first, joined by ` / `.
    pub title: String,
    /// The line of the first block.
    pub line: usize,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
}

/// Why a file is no document.
#[derive(Debug)]
pub enum DocumentError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A fence is opened on this line and never closed.
    Unclosed(PathBuf, usize),
}

impl std::fmt::Display for DocumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Unclosed(path, line) => write!(f, "{}:{line}: this fence is never closed", path.display()),
        }
    }
}

impl std::error::Error for DocumentError {}

impl Block {
    /// The value of an attribute written `key=value`.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find_map(|attribute| attribute.strip_prefix(key)?.strip_prefix('='))
    }

    /// Whether an attribute without a value is there.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute == word)
    }
}

impl Case {
    /// The first block of a kind.
    #[must_use]
    pub fn block(&self, kind: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.kind == kind)
    }

    /// The last block of a kind that stands before a line.
    #[must_use]
    pub fn block_before(&self, kind: &str, line: usize) -> Option<&Block> {
        self.blocks.iter().rfind(|block| block.kind == kind && block.line < line)
    }
}

/// A fence's indentation, its ticks or tildes, and what follows them.
fn fence_of(line: &str) -> Option<(&str, &str, &str)> {
    let bare = line.trim_start_matches(' ');
    let indent = line.strip_suffix(bare)?;
    let mark = bare.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = bare.trim_start_matches(mark);
    let ticks = bare.strip_suffix(info)?;
    (ticks.len() >= 3 && !(mark == '`' && info.contains('`'))).then_some((indent, ticks, info.trim()))
}

fn heading_of(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let depth = line.len() - title.len();
    ((1..=6).contains(&depth) && title.starts_with(' ')).then(|| (depth, title.trim()))
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is unreadable or has an unclosed fence.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DocumentError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| DocumentError::Unreadable(path.to_path_buf(), error))?;
        Self::parse(text, path)
    }

    /// Takes a text as the content of a file at `path`.
    ///
    /// # Errors
    /// If it has an unclosed fence.
    pub fn parse(text: impl Into<String>, path: impl Into<PathBuf>) -> Result<Self, DocumentError> {
        let (text, path) = (text.into(), path.into());
        let mut headings: Vec<(usize, String)> = Vec::new();
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        let mut offset = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let begin = offset;
            offset += line.len();
            let bare = line.trim_end_matches(['\n', '\r']);
            if let Some(mut block) = open.take() {
                let closes =
                    fence_of(bare).is_some_and(|(_, ticks, info)| ticks.starts_with(&block.fence) && info.is_empty());
                if closes {
                    block.range.end = begin;
                    blocks.push(block);
                } else {
                    block.body.push_str(line.strip_prefix(&block.indent).unwrap_or(line.trim_start_matches(' ')));
                    open = Some(block);
                }
            } else if let Some((indent, ticks, info)) = fence_of(bare) {
                let mut words = info.split_whitespace().map(str::to_owned);
                open = Some(Block {
                    kind: words.next().unwrap_or_default(),
                    attributes: words.collect(),
                    body: String::new(),
                    line: index + 2,
                    headings: headings.iter().map(|(_, title)| title.clone()).collect(),
                    fence: ticks.to_owned(),
                    indent: indent.to_owned(),
                    range: offset..offset,
                });
            } else if let Some((depth, title)) = heading_of(bare) {
                headings.retain(|(other, _)| *other < depth);
                headings.push((depth, title.to_owned()));
            }
        }
        match open {
            Some(block) => Err(DocumentError::Unclosed(path, block.line - 1)),
            None => Ok(Self { path, text, blocks }),
        }
    }

    /// All fenced blocks, in order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The text of the whole file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The blocks by the heading that they stand under. A heading without blocks is no case.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for block in &self.blocks {
            let title = block.headings.join(" / ");
            match cases.last_mut().filter(|case| case.title == title) {
                Some(case) => case.blocks.push(block.clone()),
                None => cases.push(Case { title, line: block.line, blocks: vec![block.clone()] }),
            }
        }
        cases
    }

    /// The text of the file with the bodies of some blocks replaced; a block is named by the line that it begins on.
    #[must_use]
    pub fn with_bodies(&self, bodies: &[(usize, String)]) -> String {
        let mut out = String::new();
        let mut done = 0;
        for block in &self.blocks {
            let Some((_, body)) = bodies.iter().find(|(line, _)| *line == block.line) else { continue };
            out.push_str(self.text.get(done..block.range.start).unwrap_or_default());
            for line in body.lines() {
                let indent = if line.is_empty() { "" } else { &block.indent };
                out.push_str(&format!("{indent}{line}\n"));
            }
            done = block.range.end;
        }
        out + self.text.get(done..).unwrap_or_default()
    }

    /// Replaces the bodies of some blocks in the file itself.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_bodies(&self, bodies: &[(usize, String)]) -> io::Result<()> {
        fs::write(&self.path, self.with_bodies(bodies))
    }
}

/// The Markdown files of a folder, by name, folders within it included.
///
/// # Errors
/// If a folder cannot be read.
pub fn documents_in(folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(documents_in(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Checks each block that `answer` has an answer for: the block's body must describe it (wildcards counted). With
/// `UPDATE_EXPECT=1` the bodies are rewritten instead. Gives back how many blocks were checked.
///
/// # Panics
/// If the file is no document, if any block differs, or if there was nothing to check.
#[track_caller]
pub fn check_document(path: impl AsRef<Path>, mut answer: impl FnMut(&Case, &Block) -> Option<String>) -> usize {
    let document = Document::read(path).unwrap_or_else(|error| panic!("{error}"));
    let (mut checked, mut bodies, mut failures) = (0, Vec::new(), String::new());
    for case in document.cases() {
        for block in &case.blocks {
            let Some(actual) = answer(&case, block) else { continue };
            checked += 1;
            if lines_match(&block.body, &actual) {
                continue;
            }
            bodies.push((block.line, merge_expected(&block.body, &actual)));
            let place = format!("{}:{}: {}", document.path.display(), block.line, case.title);
            let _ = write!(failures, "\n{place}\n{}", unified_diff(&block.body, &actual));
        }
    }
    assert!(checked > 0, "{}: nothing to check", document.path.display());
    if update_wanted() && !bodies.is_empty() {
        document.write_bodies(&bodies).unwrap_or_else(|error| panic!("{}: {error}", document.path.display()));
    } else if !failures.is_empty() {
        panic!("{failures}\nUPDATE_EXPECT=1 writes what was printed into the file");
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Types\n\nProse with `code`.\n\n## A tuple\n```dark mode=script strict\nlet a = 1\n```\nand\n  ~~~tree\n  old\n\n  x\n  ~~~\n## Empty\n# Other\n````md\n```\ninner\n```\n````\n";

    fn document() -> Document {
        Document::parse(TEXT, "t.md").unwrap()
    }

    #[test]
    fn blocks_have_kind_attributes_and_place() {
        let document = document();
        let kinds: Vec<_> = document.blocks().iter().map(|block| (block.kind.as_str(), block.line)).collect();
        assert_eq!(kinds, [("dark", 7), ("tree", 11), ("md", 18)]);
        let first = &document.blocks()[0];
        assert_eq!(first.attribute("mode"), Some("script"));
        assert!(first.has("strict") && !first.has("mode") && first.attribute("other").is_none());
        assert_eq!(document.blocks()[1].body, "old\n\nx\n");
        assert_eq!(document.blocks()[2].body, "```\ninner\n```\n");
    }

    #[test]
    fn cases_are_the_headings_with_blocks() {
        let cases = document().cases();
        let titles: Vec<_> = cases.iter().map(|case| case.title.as_str()).collect();
        assert_eq!(titles, ["Types / A tuple", "Other"]);
        assert_eq!(cases[0].block("tree").map(|block| block.line), Some(11));
        assert_eq!(cases[0].block_before("dark", 11).map(|block| block.line), Some(7));
        assert!(cases[0].block_before("tree", 11).is_none());
    }

    #[test]
    fn bodies_are_replaced_in_place() {
        let document = document();
        let changed = document.with_bodies(&[(11, "new\n\ny\n".to_owned())]);
        assert_eq!(changed, TEXT.replace("  old\n\n  x\n", "  new\n\n  y\n"));
        assert_eq!(document.with_bodies(&[]), TEXT);
        let emptied = document.with_bodies(&[(7, String::new())]);
        assert_eq!(emptied, TEXT.replace("let a = 1\n", ""));
    }

    #[test]
    fn an_unclosed_fence_is_an_error() {
        let error = Document::parse("a\n```x\nb\n", "t.md").unwrap_err();
        assert_eq!(error.to_string(), "t.md:2: this fence is never closed");
        assert!(Document::parse("inline ```x``` is no fence\n", "t.md").unwrap().blocks().is_empty());
    }

    #[test]
    fn a_document_is_checked_block_by_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.md");
        fs::write(&path, "# Up\n```in\nabc\n```\n```out\nABC\n```\n").unwrap();
        let upper = |case: &Case, block: &Block| {
            (block.kind == "out").then(|| case.block("in").map(|block| block.body.to_uppercase()).unwrap_or_default())
        };
        assert_eq!(check_document(&path, upper), 1);
        assert_eq!(documents_in(folder.path()).unwrap(), std::slice::from_ref(&path));
        let wrong = std::panic::catch_unwind(|| check_document(&path, |_, block| Some(format!("{}!", block.kind))));
        let nothing = std::panic::catch_unwind(|| check_document(&path, |_, _| None));
        assert!(nothing.is_err() && (wrong.is_err() || update_wanted()));
    }
}
