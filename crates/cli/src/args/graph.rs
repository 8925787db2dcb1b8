//! Arguments of the verbs about definitions: `blame`, `deps`, `dependents`, `pin`, `unpin`, `fmt`.

use clap::{Args, ValueEnum};

use super::Writing;

#[derive(Debug, Args)]
pub struct BlameArgs {
    /// Its location, or the end of it
    pub name: String,
}

#[derive(Debug, Args)]
pub struct GraphArgs {
    /// Its location, or the end of it
    pub name: String,
    /// At any distance; else only next to it
    #[arg(long, short)]
    pub transitive: bool,
    /// Within so many steps
    #[arg(long, value_name = "STEPS")]
    pub depth: Option<u64>,
    /// As a list, a tree, or a graph for Graphviz
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: GraphForm,
}

/// How references are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum GraphForm {
    #[default]
    List,
    Tree,
    Dot,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    /// What stays: its location, or the end of it
    pub name: String,
    /// What it refers to and should stay on
    pub dependency: String,
    /// A version of that by the start of its hash, as `dm patch show --view ops` has it; else the present one
    #[arg(long, value_name = "HASH")]
    pub version: Option<String>,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct UnpinArgs {
    /// What should follow again: its location, or the end of it
    pub name: String,
    /// What it is pinned to a version of
    pub dependency: String,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Definitions and modules; else what the draft in focus writes. A .dark file, or - for standard input, is printed laid out
    pub names: Vec<String>,
    /// Write nothing; exit with 1 if something is not laid out
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub writing: Writing,
}
