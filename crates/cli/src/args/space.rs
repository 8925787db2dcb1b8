//! What can be typed of `dm space`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum SpaceCommand {
    /// Make a space for a group of readers
    New {
        /// What it is called here
        name: String,
        /// Say what would be made, make nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Name a space that a colleague made
    Join {
        /// What it is called here
        name: String,
        /// Its id, as the colleague's `dm space show` says it
        id: String,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List spaces and where each goes
    List,
    /// Show a space
    Show {
        /// By name or id
        name: String,
    },
    /// Forget what a space is called and where it goes; what is held of it stays
    Forget {
        /// By name or id
        name: String,
        /// Say what would be forgotten, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Exchange a space with a remote
    Share {
        /// By name or id
        name: String,
        /// The remote
        remote: String,
        /// Say what would be exchanged, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Exchange a space with a remote no longer; what it got stays there
    Unshare {
        /// By name or id
        name: String,
        /// The remote
        remote: String,
        /// Say what would be exchanged, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Move a draft to another space
    Move {
        /// The space, by name or id
        name: String,
        /// The draft, by id; else the focused one
        patch: Option<String>,
        /// Say what would change, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy patches of a group to the public space, for everyone
    Publish {
        /// Ready or applied patches, by id
        #[arg(required = true)]
        patches: Vec<String>,
        /// With all that they stand on and that not everyone reads
        #[arg(long)]
        with_needs: bool,
        /// Say what would be published, write nothing
        #[arg(long)]
        dry_run: bool,
    },
}
