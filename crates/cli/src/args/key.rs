//! What `dm key` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum KeyCommand {
    /// List the keys that this store signs with
    List {
        /// Those of other authors too
        #[arg(long)]
        all: bool,
    },
    /// Show keys with the facts about them
    Show {
        /// A key, or the start of it, or an author's name; else those that sign here
        key: Option<String>,
    },
    /// Give an author, or the instance, another key that follows the present one
    Rotate(KeyRotateArgs),
    /// Say that a key is no longer its author's, and sign with a new one that others trust by hand
    Revoke(KeyRevokeArgs),
    /// Stand by patches of an author's that another key signed
    Vouch {
        /// The patches, by id
        #[arg(required = true)]
        patches: Vec<String>,
        /// Whose; else the author whose name patches bear here
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write an author's secret key to a new file, for another machine of the same person
    Export {
        /// The file, which only its owner may read; `-` prints the secret
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Whose; else the author whose name patches bear here
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Sign with an exported key from now on
    Import {
        /// The file; `-` reads standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct KeyRotateArgs {
    /// Whose; else the author whose name patches bear here
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// The key of the instance, which signs what goes into its main
    #[arg(long, conflicts_with_all = ["author", "lost", "except", "why"])]
    pub instance: bool,
    /// The present key is lost, so that it cannot name the next one: others must trust that by hand
    #[arg(long)]
    pub lost: bool,
    /// A patch signed with the present key that is not the author's, by id
    #[arg(long, value_name = "PATCH")]
    pub except: Vec<String>,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct KeyRevokeArgs {
    /// The key, or the start of it; else the one that signs here
    pub key: Option<String>,
    /// Whose; else the author whose name patches bear here
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// A patch signed with the key that is not the author's, by id
    #[arg(long, value_name = "PATCH")]
    pub except: Vec<String>,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}
