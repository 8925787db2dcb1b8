//! What the bridge to git and housekeeping answer.

use schemars::JsonSchema;
use serde::Serialize;

use super::ChangeCount;

/// A file of a git history whose text was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LaggingFile {
    /// Its path below the folder.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// What bringing in a git history did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GitImportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The repository's folder.
    pub repository: String,
    /// The branch or name whose history it was.
    pub branch: String,
    /// The folder in it.
    pub path: String,
    /// The commit that was brought in up to.
    pub head: String,
    /// Commits gone through.
    pub commits: u64,
    /// Patches made and applied to main.
    pub patches: u64,
    /// Commits that change no definition.
    pub without_effect: u64,
    /// Texts of files read, every version of each counted.
    pub texts: u64,
    /// Those of them that were taken.
    pub texts_taken: u64,
    /// Files that are there at the end.
    pub files: u64,
    /// Those of them whose present text was not taken: the definitions of the last one that was stay.
    pub lagging: Vec<LaggingFile>,
    /// How many definitions changed in which way.
    pub changes: Vec<ChangeCount>,
    /// What changed here and stayed, because the history did not touch it.
    pub kept: u64,
    /// Names that mean nothing in the texts that were taken, as they were written.
    pub unresolved: u64,
    /// Conflicts in main afterwards.
    pub conflicts: u64,
    /// Whether the history no longer goes on from the commit that was brought in last.
    pub rewritten: bool,
    /// The fingerprint of main's view.
    pub view_fingerprint: String,
}

/// A commit that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GitCommitWritten {
    /// Its id.
    pub commit: String,
    /// The patches that it brings or takes back.
    pub patches: Vec<String>,
    /// The first row of its message.
    pub subject: String,
}

/// What writing main's history to a git repository did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GitExportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The repository's folder.
    pub repository: String,
    /// The branch.
    pub branch: String,
    /// Whether the repository was made.
    pub made: bool,
    /// Commits that were there from earlier exports.
    pub there: u64,
    /// The commits that are new, oldest first. A dry run does not know their ids.
    pub written: Vec<GitCommitWritten>,
    /// The branch's last commit.
    pub head: Option<String>,
}

/// What `gc` dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GcReport {
    /// Whether nothing was dropped.
    pub dry_run: bool,
    /// Commands of more days can no longer be undone.
    pub days: u32,
    /// Such commands.
    pub commands: u64,
    /// Definitions that nothing named.
    pub definitions: u64,
    /// Memos of them.
    pub summaries: u64,
    /// The bytes of all that, without what the tables add.
    pub bytes: u64,
    /// How large the store's file was, and is; 0 in a dry run.
    pub bytes_before: u64,
    /// As above.
    pub bytes_after: u64,
}
