//! What each program calls its verbs.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::{Kind, Peer, sum};
use crate::bench::corpus::{self, Corpus, Edit};
use crate::bench::sample::Usage;

impl Peer<'_> {
    /// Makes a repository of files that are not in it yet.
    pub fn init(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(folder, &["init", "-q"]),
            Kind::Jj => self.run(folder, &["git", "init"]),
            Kind::Pijul => self.run(folder, &["init"]),
        }
    }

    /// Records all files for the first time.
    pub fn first_record(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => Ok(sum([self.run(folder, &["add", "-A"])?, self.record(folder)?])),
            Kind::Jj => self.record(folder),
            Kind::Pijul => Ok(sum([self.run(folder, &["add", "-r", "."])?, self.record(folder)?])),
        }
    }

    /// Records whatever changed.
    pub fn record(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(folder, &["commit", "-q", "-a", "-m", "Edit for the bench"]),
            Kind::Jj => self.run(folder, &["commit", "-m", "Edit for the bench"]),
            Kind::Pijul => self.run(folder, &["record", "-a", "-m", "Edit for the bench"]),
        }
    }

    pub fn status(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(folder, &["status", "--porcelain"]),
            Kind::Jj => self.run(folder, &["status"]),
            Kind::Pijul => self.run(folder, &["diff", "--short"]),
        }
    }

    pub fn diff(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git | Kind::Pijul => self.run(folder, &["diff"]),
            Kind::Jj => self.run(folder, &["diff", "--git"]),
        }
    }

    /// Clones a repository into a new folder of this name.
    pub fn clone(&self, around: &Path, url: &str, name: &str) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(around, &["clone", "-q", url, name]),
            Kind::Jj => self.run(around, &["git", "clone", url, name]),
            Kind::Pijul => self.run(around, &["clone", url, name]),
        }
    }

    /// Brings what is new at the place that this was cloned from, working files included.
    pub fn pull(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(folder, &["pull", "-q"]),
            Kind::Jj => Ok(sum([self.run(folder, &["git", "fetch"])?, self.run(folder, &["new", "main@origin"])?])),
            Kind::Pijul => self.run(folder, &["pull", "-a"]),
        }
    }

    /// Sends what is new here.
    pub fn push(&self, folder: &Path) -> Result<Usage> {
        match self.kind {
            Kind::Git => self.run(folder, &["push", "-q"]),
            Kind::Jj => self.run(folder, &["git", "push"]),
            Kind::Pijul => self.run(folder, &["push", "-a"]),
        }
    }

    /// A repository with a code base and its first record, in a new folder.
    pub fn imported(&self, corpus: Corpus) -> Result<tempfile::TempDir> {
        let folder = self.ground.new_folder()?;
        corpus.write_files(folder.path())?;
        self.init(folder.path())?;
        self.first_record(folder.path())?;
        if self.kind == Kind::Git {
            // As it is after the first `gc`: 10,000 loose objects are slower, and nobody keeps them.
            self.run(folder.path(), &["gc", "-q"])?;
        }
        Ok(folder)
    }
}

/// A bare git repository that is written by `git fast-import`, at any size in little time.
pub struct Bare {
    pub path: PathBuf,
}

impl Bare {
    /// With a code base and so many commits of one edit each.
    pub fn new(git: &Peer<'_>, around: &Path, corpus: Corpus, history: &[Edit]) -> Result<Self> {
        let path = around.join("bare.git");
        git.run(around, &["init", "-q", "--bare", "bare.git"])?;
        git.run(&path, &["config", "http.receivepack", "true"])?;
        let bare = Self { path };
        let mut first = String::new();
        header(&mut first, None)?;
        for number in 0..corpus.size {
            file(&mut first, Edit { number, edition: 0 })?;
        }
        bare.import(git, &first, history, "")?;
        git.run(&bare.path, &["gc", "-q"])?;
        Ok(bare)
    }

    /// Adds commits of one edit each.
    pub fn add(&self, git: &Peer<'_>, edits: &[Edit]) -> Result<()> {
        self.import(git, "", edits, "refs/heads/main^0")
    }

    fn import(&self, git: &Peer<'_>, first: &str, edits: &[Edit], from: &str) -> Result<()> {
        let mut command = git.command(&self.path, &["fast-import", "--quiet", "--date-format=now"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut input = child.stdin.take().context("fast-import has no input")?;
        input.write_all(first.as_bytes())?;
        for (at, edit) in edits.iter().enumerate() {
            let mut commit = String::new();
            header(&mut commit, Some(from).filter(|from| at == 0 && !from.is_empty()))?;
            file(&mut commit, *edit)?;
            input.write_all(commit.as_bytes())?;
        }
        drop(input);
        ensure!(child.wait()?.success(), "git fast-import failed");
        Ok(())
    }
}

fn header(to: &mut String, from: Option<&str>) -> Result<()> {
    let words = "Edit for the bench";
    writeln!(to, "commit refs/heads/main\ncommitter Bench <bench@example.org> now\ndata {}\n{words}", words.len())?;
    if let Some(from) = from {
        writeln!(to, "from {from}")?;
    }
    Ok(())
}

fn file(to: &mut String, edit: Edit) -> Result<()> {
    let text = corpus::definition(edit);
    Ok(writeln!(to, "M 100644 inline {}\ndata {}\n{text}", corpus::file_of(edit.number), text.len())?)
}

/// Edits that may write one definition several times, as a long history does.
pub fn history(corpus: Corpus, count: usize, seed: u64) -> Vec<Edit> {
    let mut dice = corpus::Dice::new(seed);
    (0..count).map(|at| Edit { number: dice.below(corpus.size), edition: 100_000 + at }).collect()
}

/// Whether two folders have the same files of the code base.
pub fn same_files(left: &Path, right: &Path, edits: &[Edit]) -> Result<bool> {
    for edit in edits {
        let file = corpus::file_of(edit.number);
        if fs::read(left.join(&file))? != fs::read(right.join(&file))? {
            return Ok(false);
        }
    }
    Ok(true)
}
