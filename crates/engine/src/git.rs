//! The bridge to git: histories brought in, and the own main's history written out.

mod commit;
mod export;
mod import;
mod repository;
mod tree;

use std::path::PathBuf;

pub use export::GitExportRequest;
pub use import::GitImportRequest;

/// Why a git repository could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `git` program.
    #[error("there is no `git` program here")]
    NoProgram,
    /// No repository.
    #[error("{} is no git repository", .0.display())]
    NoRepository(PathBuf),
    /// A name without a commit.
    #[error("there is no commit `{0}` in this repository")]
    NoCommit(String),
    /// A branch that has no commit yet.
    #[error("`{0}` has no commit yet")]
    Unborn(String),
    /// Not the whole history is there.
    #[error("this repository is a shallow clone: its history is cut off")]
    Shallow,
    /// A subfolder that no path can be.
    #[error("`{0}` is no folder of a repository")]
    BadFolder(String),
    /// No commit of the history touches a file that could be taken.
    #[error("no commit here changes a .dark file below `{0}`")]
    NothingThere(String),
    /// An object that is named and not there.
    #[error("object {0} is not in this repository")]
    Missing(String),
    /// A commit that cannot be read.
    #[error("commit {commit} cannot be read: {why}")]
    BadCommit {
        /// Which.
        commit: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The commit up to which a history was brought in is not there any more.
    #[error("commit {0}, up to which this history was brought in, is not in this repository")]
    HeadGone(String),
    /// A branch that is somewhere else than this store left it.
    #[error("branch `{branch}` is at {found}, which this store did not write")]
    ForeignBranch {
        /// Which.
        branch: String,
        /// Where it is.
        found: String,
    },
    /// A branch that is checked out: its work tree would be left behind.
    #[error("branch `{0}` is checked out there")]
    CheckedOut(String),
    /// A text that is no name for a branch.
    #[error("`{0}` is no name for a branch")]
    BadBranch(String),
    /// A folder that holds something else.
    #[error("{} holds something else than a git repository", .0.display())]
    NotEmpty(PathBuf),
    /// The history of main forked: there is no one order to write it in.
    #[error("this main has forked; `dm conflicts` shows how")]
    Forked,
    /// Git said no.
    #[error("git: {0}")]
    Refused(String),
    /// Git answered something that cannot be.
    #[error("git answered {0}")]
    Answer(&'static str),
    /// Git could not be spoken with.
    #[error("git: {0}")]
    Pipe(std::io::Error),
}
