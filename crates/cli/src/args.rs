//! What can be typed: every verb, its arguments and its help.
//!
//! Only shapes live here; meaning is in `commands`. What groups of arguments are is said in plain comments: a doc comment of a group
//! would take the place of the verb's own. Verbs are deferred: only the shape of the verb that is typed is made, which is a
//! good part of what a short command costs.

mod bridge;
mod graph;
mod key;
mod space;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub use bridge::{ExportArgs, GcArgs, GitCommand, GitExportArgs, GitImportArgs, ImportArgs};
pub use graph::{BlameArgs, FmtArgs, GraphArgs, GraphForm, PinArgs, UnpinArgs};
pub use key::{KeyCommand, KeyRevokeArgs, KeyRotateArgs};
pub use space::SpaceCommand;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "dm",
    version,
    about = "The collaboration system for Darklang code",
    after_help = "Start with `dm init`, then `dm import PATH`; `dm demo` plays the whole story.\n\
                  Exit codes: 0 done, 1 a check or a conflict says no, 2 wrong usage, 3 could not.",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The folder that holds the store (`.darkmatter`) or the store itself; else the nearest one upwards
    #[arg(long, global = true, env = "DM_STORE", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// The session to work in, by name or id; else the store's current one
    #[arg(long, global = true, env = "DM_SESSION", value_name = "SESSION")]
    pub session: Option<String>,
    /// Print JSON in a documented shape
    #[arg(long, global = true)]
    pub json: bool,
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorWhen,
}

/// When to colour the output; colour never carries meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Make a store
    Init(InitArgs),
    /// Bring a folder of .dark files in
    Import(ImportArgs),
    /// Write the view as .dark files
    Export(ExportArgs),
    /// Bring git histories in, write main's history out
    #[command(subcommand)]
    Git(GitCommand),
    /// Play the main story with real processes
    Demo(DemoArgs),
    /// Work in parallel: sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Gather changes: patches
    #[command(subcommand)]
    Patch(PatchCommand),
    /// Save definitions from a file or standard input
    Add(AddArgs),
    /// Edit a definition in $EDITOR
    Edit(EditArgs),
    /// Move or rename a definition, or a whole module
    Mv(MvArgs),
    /// Delete a definition
    Rm(RmArgs),
    /// Say that a definition should no longer be used
    Deprecate(DeprecateArgs),
    /// Take a deprecation back
    Undeprecate(NameWrite),
    /// Let a definition stay on a version of one that it refers to
    Pin(PinArgs),
    /// Let it follow that again
    Unpin(UnpinArgs),
    /// Take back the last command of this session
    Undo(UndoArgs),
    /// Do again what was undone last
    Redo {
        /// Say what would be done, do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List the commands that wrote here, or show one
    Ops(OpsArgs),
    /// Show session, patches, what waits and what is held
    Status(StatusArgs),
    /// Show what changed, definition by definition
    Diff(DiffArgs),
    /// Show applied patches, newest first
    Log(LogArgs),
    /// Show a definition
    Show(ShowArgs),
    /// Show who wrote which line of a definition, and why
    Blame(BlameArgs),
    /// List what is in a module
    Ls(LsArgs),
    /// Show modules and definitions as a tree
    Tree(TreeArgs),
    /// Find definitions by name, doc or signature
    Search(SearchArgs),
    /// List what a definition refers to
    Deps(GraphArgs),
    /// List what refers to a definition
    Dependents(GraphArgs),
    /// Lay definitions out, or print a .dark file laid out
    Fmt(FmtArgs),
    /// Find what is wrong: unknown names, types, what a change breaks
    Check(CheckArgs),
    /// List, show and settle conflicts; lists them if nothing else is said
    Conflicts {
        #[command(subcommand)]
        command: Option<ConflictsCommand>,
    },
    /// Show and change the keys that sign
    #[command(subcommand)]
    Key(KeyCommand),
    /// Name other instances
    #[command(subcommand)]
    Remote(RemoteCommand),
    /// Say who reads what: spaces
    #[command(subcommand)]
    Space(SpaceCommand),
    /// Pull, then push
    Sync(SyncArgs),
    /// Send what a remote lacks
    Push(SyncArgs),
    /// Fetch what a remote has, and apply what does not conflict
    Pull(SyncArgs),
    /// Serve this store over HTTP
    Serve(ServeArgs),
    /// Make keys that remotes must show
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check every hash, signature and projection of the store
    Verify(VerifyArgs),
    /// Make all projections anew from the log
    Rebuild(RebuildArgs),
    /// Drop what nothing names any more and give the disk its space back
    Gc(GcArgs),
    /// Read and write settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print generated documentation
    #[command(hide = true, subcommand)]
    DocGen(DocGen),
}

// What every writing verb takes.
#[derive(Debug, Clone, Args)]
pub struct Writing {
    /// What the change is for; makes a new patch unless a draft is in focus
    #[arg(long, short, value_name = "TEXT")]
    pub intent: Option<String>,
    /// The space of the patch; else that of the setting `space`, else everyone reads it
    #[arg(long, value_name = "SPACE")]
    pub space: Option<String>,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where; made if missing
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Whose name patches bear; else the user's setting, git's, the login name
    #[arg(long, env = "DM_AUTHOR", value_name = "NAME")]
    pub author: Option<String>,
    /// A name for this instance, for people; else the host's
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Say what would be made, make nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave the three stores, and say where they are
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum SessionCommand {
    /// Start a session and switch to it
    New {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, short, value_name = "TEXT", default_value = "")]
        intent: String,
        /// Say what would be made, make nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List sessions
    List,
    /// Make a session the current one
    Switch {
        /// By name or id
        name: String,
        /// Say what would change, change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show a session
    Show {
        /// By name or id; else the current one
        name: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum PatchCommand {
    /// Begin a patch and focus it
    New {
        /// What it is for, in words
        intent: String,
        /// Its space; else that of the setting `space`, else everyone reads it
        #[arg(long, value_name = "SPACE")]
        space: Option<String>,
        /// Say what would be made, make nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List patches
    List {
        /// Those of all sessions and of others, applied ones too; else this session's open ones and what is held
        #[arg(long)]
        all: bool,
    },
    /// Show a patch
    Show {
        /// By id; else the focused one
        patch: Option<String>,
        /// As a source diff, a list of ops, whom it reaches, or what happened to it
        #[arg(long, default_value = "diff")]
        view: PatchView,
    },
    /// Choose the patch that edits go to
    Focus {
        /// By id
        patch: String,
        /// Say what would change, change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write patches as one text that travels by mail
    Export(PatchExportArgs),
    /// Take the patches of a patch file; nothing is applied without --apply
    Import {
        /// A patch file, or - for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Put them into main too, all or none
        #[arg(long)]
        apply: bool,
        /// Say what it would bring, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Freeze a draft as a signed revision
    Ready(PatchWrite),
    /// Take a ready patch back to draft
    Draft(PatchWrite),
    /// Put a patch into main, with all that it needs
    Apply {
        #[command(flatten)]
        patch: PatchWrite,
        /// Apply in spite of conflicts: this patch's writes win, what they override stays in history
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub struct PatchExportArgs {
    /// Ready or applied patches, by id
    #[arg(required = true)]
    pub patches: Vec<String>,
    /// Where to write it; else standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// With all that they need
    #[arg(long)]
    pub with_needs: bool,
    /// Say what would be written, write no file
    #[arg(long)]
    pub dry_run: bool,
}

/// How a patch is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PatchView {
    /// Source diff per definition
    Diff,
    /// List of ops
    Ops,
    /// Tree of what it changes and whom that reaches
    Impact,
    /// What happened to it, oldest first
    Timeline,
}

#[derive(Debug, Clone, Args)]
pub struct PatchWrite {
    /// By id; else the focused one
    pub patch: Option<String>,
    /// Say what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// A .dark file, or - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub writing: Writing,
    /// The module that the text stands in, where it names none
    #[arg(long, value_name = "MODULE")]
    pub module: Option<String>,
    /// What an ambiguous name means: its location, or the start of the entity's id
    #[arg(long, value_name = "NAME=MEANING")]
    pub bind: Vec<String>,
    /// What the text was made from: the writes in `base` of `dm show NAME --json`, with commas
    #[arg(long, value_name = "WRITES", value_delimiter = ',')]
    pub base: Vec<String>,
}

#[derive(Debug, Args)]
pub struct EditArgs {
    /// Its location, or the end of it
    pub name: String,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct MvArgs {
    /// A definition or a module
    pub old: String,
    /// Where it goes
    pub new: String,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct RmArgs {
    /// Its location, or the end of it
    pub name: String,
    #[command(flatten)]
    pub writing: Writing,
    /// Delete it though others may have got it already
    #[arg(long)]
    pub published: bool,
}

// A verb that writes one name.
#[derive(Debug, Args)]
pub struct NameWrite {
    /// Its location, or the end of it
    pub name: String,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct DeprecateArgs {
    /// Its location, or the end of it
    pub name: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// What to use instead
    #[arg(long, value_name = "NAME")]
    pub replacement: Option<String>,
    #[command(flatten)]
    pub writing: Writing,
}

#[derive(Debug, Args)]
pub struct UndoArgs {
    /// A command by its number in `dm ops`; else the last one
    pub command: Option<String>,
    /// Say what would be taken back, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OpsArgs {
    /// Those of all sessions
    #[arg(long)]
    pub all: bool,
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 30, value_name = "COUNT")]
    pub limit: usize,
    #[command(subcommand)]
    pub command: Option<OpsCommand>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum OpsCommand {
    /// Show a command: what it wrote
    Show {
        /// By its number
        command: String,
    },
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Exit with 1 if there are conflicts or held patches
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The patch to check, with all that it can break: by id; else the focused one, else everything
    pub patch: Option<String>,
    /// Everything in the view
    #[arg(long, conflicts_with = "patch")]
    pub all: bool,
    /// A definition, or all in a module; may be given again
    #[arg(long = "name", value_name = "NAME", conflicts_with_all = ["patch", "all"])]
    pub names: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A patch by id; else all drafts of the session
    pub patch: Option<String>,
    /// Only this definition
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct LogArgs {
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 50, value_name = "COUNT")]
    pub limit: usize,
    /// Only patches that wrote this definition
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Who signed what, with which key, and whether that holds
    #[arg(long)]
    pub signatures: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its location, or the end of it
    pub name: String,
    /// As its text, as that laid out, as its syntax tree, or as what it means: the resolved tree and its hash
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: ShowForm,
}

/// How a definition is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ShowForm {
    #[default]
    Source,
    Pretty,
    Written,
    Program,
}

#[derive(Debug, Args)]
pub struct LsArgs {
    /// A module; else the owners
    pub module: Option<String>,
    /// Everything below, definition by definition
    #[arg(long, short)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub struct TreeArgs {
    /// A module; else everything
    pub module: Option<String>,
    /// How deep
    #[arg(long, value_name = "LEVELS")]
    pub depth: Option<usize>,
}

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Words to look for in names, modules, docs and signatures; what contains `->` is a type
    #[arg(required_unless_present = "of_type")]
    pub words: Vec<String>,
    /// Only functions and values of this type, e.g. "'a -> List<'a> -> Bool"
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub of_type: Option<String>,
    /// Only this kind
    #[arg(long)]
    pub kind: Option<KindArg>,
    /// Only this owner's code
    #[arg(long)]
    pub owner: Option<String>,
    /// Only what is in this module or below it
    #[arg(long)]
    pub module: Option<String>,
    /// Only what is deprecated
    #[arg(long, conflicts_with = "no_deprecated")]
    pub deprecated: bool,
    /// Only what is not deprecated
    #[arg(long)]
    pub no_deprecated: bool,
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 50, value_name = "COUNT")]
    pub limit: usize,
}

/// A kind of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Functions
    Fn,
    /// Types
    Type,
    /// Values
    Value,
    /// Tests
    Test,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum ConflictsCommand {
    /// List conflicts
    List {
        /// Exit with 1 if there are any
        #[arg(long)]
        check: bool,
    },
    /// Show a conflict with its candidates and ways out
    Show {
        /// By id
        conflict: String,
    },
    /// Settle a conflict
    Resolve {
        /// By id
        conflict: String,
        #[command(flatten)]
        way: ResolveWay,
        #[command(flatten)]
        writing: Writing,
    },
}

// The way out of a conflict: one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct ResolveWay {
    /// Keep what is in force here
    #[arg(long)]
    pub ours: bool,
    /// Take what the other side wrote
    #[arg(long)]
    pub theirs: bool,
    /// Take what all sides did together, where they did it in different places
    #[arg(long)]
    pub merge: bool,
    /// Write it by hand in $EDITOR
    #[arg(long)]
    pub edit: bool,
    /// Take the candidate with this number or op id
    #[arg(long, value_name = "CANDIDATE")]
    pub take: Option<String>,
    /// In a name collision, move one of them here
    #[arg(long, value_name = "LOCATION")]
    pub rename: Option<String>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum RemoteCommand {
    /// Name a remote
    Add {
        /// Its name here
        name: String,
        /// Its URL, or the path of another store on this machine
        url: String,
        /// The key it asks for
        #[arg(long, value_name = "KEY")]
        token: Option<String>,
        /// Seconds to wait for an answer
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List remotes
    List,
    /// List what arrived and failed its checks
    Quarantine,
    /// Forget a remote
    Remove {
        /// Its name here
        name: String,
        /// Say what would be removed, remove nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Trust another key of an author, so that patches signed with it are applied
    Trust {
        /// The author's name
        author: String,
        /// The key, or the start of it
        key: String,
        /// Say what would be trusted, write nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The remote; else the only one
    pub remote: Option<String>,
    /// Say what would be exchanged, exchange nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 1 if something is held or in conflict afterwards
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7777", value_name = "ADDRESS")]
    pub listen: String,
    /// Ask everyone for a key, even if none was made yet
    #[arg(long)]
    pub require_token: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum TokenCommand {
    /// Make a key and print it once
    Create {
        /// Whose it is
        name: String,
        /// A space that it opens, beside the public one; more than once for several
        #[arg(long, value_name = "SPACE")]
        space: Vec<String>,
        /// Say what would be made, make nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub struct VerifyArgs {}

#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Say what differs, write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum ConfigCommand {
    /// Print a setting
    Get {
        /// Which
        key: String,
    },
    /// Write a setting
    Set {
        /// Which
        key: String,
        /// Its value
        value: String,
        /// For all stores of this user
        #[arg(long)]
        user: bool,
        /// Say what would be written, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// List settings and where each comes from
    List,
}

/// What documentation is generated.
#[derive(Debug, Clone, Copy, Subcommand)]
#[command(defer = true)]
pub enum DocGen {
    /// The manual of the command line, as Markdown
    Cli,
    /// The shapes of `--json`, as Markdown
    Json,
    /// The man page
    Man,
}
