//! References that the program prints about itself, and the table of figures.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use similar::TextDiff;

use crate::bench::page;
use crate::step;
use crate::workspace::{Profile, Workspace};

/// Each generated file, and what `dm doc-gen` calls it.
const PAGES: [(&str, &str); 2] = [("docs/reference/cli.md", "cli"), ("docs/reference/json.md", "json")];

/// What to do about a file that is out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    Check,
}

/// Writes the references, or says which differ from what would be written. True if nothing is out of date.
pub fn codegen(workspace: &Workspace, mode: Mode) -> Result<bool> {
    let program = workspace.build_dm(Profile::Debug)?;
    let mut pages = Vec::new();
    for (path, what) in PAGES {
        pages.push((path, step::read(Command::new(&program).args(["doc-gen", what]))?));
    }
    let figures = fs::read_to_string(workspace.root.join(page::PAGE)).context(page::PAGE)?;
    pages.push((page::PAGE, page::wanted(&workspace.root, &figures)?));
    let mut current = true;
    for (path, wanted) in pages {
        let place = workspace.root.join(path);
        let present = fs::read_to_string(&place).unwrap_or_default();
        if present == wanted {
            continue;
        }
        match mode {
            Mode::Write => {
                fs::create_dir_all(place.parent().unwrap_or(&workspace.root))?;
                fs::write(&place, &wanted).with_context(|| format!("{path} cannot be written"))?;
                println!("{path} is written");
            }
            Mode::Check => {
                current = false;
                let difference = TextDiff::from_lines(&present, &wanted);
                println!("{path} is out of date; `cargo xtask codegen` writes it");
                println!("{}", difference.unified_diff().context_radius(1).header("in the repository", "generated"));
            }
        }
    }
    Ok(current)
}
