//! `dm import`, `dm export`, `dm git …`, `dm gc`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Writing;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A folder, or one .dark file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    #[command(flatten)]
    pub writing: Writing,
    /// One patch instead of one per module
    #[arg(long)]
    pub single: bool,
    /// Leave the patches as drafts, even in an empty main
    #[arg(long)]
    pub draft: bool,
    /// Delete what an earlier import brought and is gone there now
    #[arg(long)]
    pub prune: bool,
    /// Write over what changed here since, where there is no common base
    #[arg(long)]
    pub overwrite: bool,
    /// Take files with `_` in their path too
    #[arg(long)]
    pub all: bool,
    /// Exit with 1 if a name is unknown
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder to write to
    #[arg(value_hint = ValueHint::DirPath)]
    pub path: PathBuf,
    /// Only what is in this module
    #[arg(long, value_name = "MODULE")]
    pub module: Option<String>,
    /// Replace files that are there and differ
    #[arg(long)]
    pub force: bool,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct GcArgs {
    /// Commands of more days can no longer be undone
    #[arg(long, value_name = "DAYS", default_value_t = dm_engine::GC_DAYS)]
    pub days: u32,
    /// Say what would go, drop nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum GitCommand {
    /// Bring a git history in: one patch for each commit, applied to main; later only new ones
    Import(GitImportArgs),
    /// Write main's history as git commits: one for each applied patch; later only new ones
    Export(GitExportArgs),
}

#[derive(Debug, Args)]
pub struct GitImportArgs {
    /// The repository, or a folder in it
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub repository: PathBuf,
    /// The folder in it whose .dark files are taken; else the whole tree
    #[arg(long, value_name = "FOLDER", default_value = "")]
    pub path: String,
    /// The branch whose first parents are followed; else what is checked out
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,
    /// Take files with `_` in their path too
    #[arg(long)]
    pub all: bool,
    /// Say what would be brought in, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct GitExportArgs {
    /// The repository; a bare one is made if there is nothing
    #[arg(value_hint = ValueHint::DirPath)]
    pub repository: PathBuf,
    /// The branch, which no one else writes to
    #[arg(long, value_name = "NAME", default_value = "darkmatter")]
    pub branch: String,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}
