//! Why the engine could not do what was asked. Data, not words for people: each front end has one place for those.

use std::path::PathBuf;

use dm_collab::ReadError;
use dm_collab::sync::ProtocolError;
use dm_collab::trust::Standing;
use dm_model::{EnvelopeError, IdParseError, LocationError, PatchId};
use dm_store::StoreError;
use dm_syntax::Diagnostic;

use crate::patch_file::PatchFileError;
use crate::remote::RemoteError;

/// Longest name of a session, an instance or a token.
pub const NAME_BYTES_MAX: usize = 200;

/// A syntax or name error in a text, with what is needed to show it.
#[derive(Debug, Clone)]
pub struct TextProblem {
    /// The file, or `-`.
    pub file: String,
    /// The whole text.
    pub text: String,
    /// What is wrong in it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No store from here upwards.
    #[error("no store in {} or above it", .0.display())]
    NoStore(PathBuf),
    /// There is a store already.
    #[error("{} holds a store already", .0.display())]
    StoreExists(PathBuf),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The projection could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not UTF-8.
    #[error("{}: not UTF-8 at byte {at}", path.display())]
    NotUtf8 {
        /// Which.
        path: PathBuf,
        /// The first byte that is not.
        at: usize,
    },
    /// A path leads out of the folder that was given.
    #[error("{} leads out of {}", path.display(), root.display())]
    OutsideFolder {
        /// The path.
        path: PathBuf,
        /// The folder.
        root: PathBuf,
    },
    /// A folder without .dark files.
    #[error("{} holds no .dark file", .0.display())]
    NothingToImport(PathBuf),
    /// Texts with errors.
    #[error("{} of the texts have errors", .0.len())]
    Text(Vec<TextProblem>),
    /// Names that mean nothing or several things, in a text that is edited.
    #[error("names that do not resolve")]
    Names(Vec<NameError>),
    /// A type that cannot be read, or speaks of types that are not there.
    #[error("no such type can be searched")]
    BadType(TextProblem),
    /// A search with too many words.
    #[error("a search of more than {} words", crate::search::SEARCH_WORDS_MAX)]
    LongSearch,
    /// No definition of that name.
    #[error("there is no `{name}` in this view")]
    NoSuchName {
        /// What was asked for.
        name: String,
        /// Names like it.
        similar: Vec<String>,
    },
    /// Several definitions of that name.
    #[error("`{name}` may mean several definitions")]
    AmbiguousName {
        /// What was asked for.
        name: String,
        /// Their locations.
        candidates: Vec<String>,
    },
    /// A text that is no location.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A text that is no id.
    #[error(transparent)]
    Id(#[from] IdParseError),
    /// A location that is in use.
    #[error("`{location}` is taken")]
    LocationTaken {
        /// Which.
        location: String,
    },
    /// A name that nothing of that kind can have.
    #[error("`{location}` is no name for a {kind}")]
    NameUnfit {
        /// Where it was to go.
        location: String,
        /// What it is.
        kind: &'static str,
    },
    /// A module where a definition is wanted.
    #[error("`{0}` is a module")]
    IsModule(String),
    /// A deprecation without a reason, or for itself.
    #[error("no deprecation: {0}")]
    BadDeprecation(&'static str),
    /// A pin on something that is not referred to.
    #[error("`{location}` does not refer to `{dependency}`")]
    NoDependency {
        /// What was to stay.
        location: String,
        /// On what.
        dependency: String,
    },
    /// No pin of that.
    #[error("`{location}` is not pinned to a version of `{dependency}`")]
    NotPinned {
        /// What should follow again.
        location: String,
        /// What.
        dependency: String,
    },
    /// No version of a definition with that hash, or several.
    #[error("`{location}` has not one version `{version}`")]
    NoSuchVersion {
        /// The definition.
        location: String,
        /// What was asked for.
        version: String,
        /// The versions that there are, by the start of their hashes.
        known: Vec<String>,
    },
    /// An intent that is too long to be read.
    #[error("the intent is longer than {} bytes", dm_model::revision::INTENT_BYTES_MAX)]
    LongIntent,
    /// A patch needs an intent.
    #[error("a patch needs an intent")]
    NoIntent,
    /// No session of that name or id.
    #[error("there is no session `{0}`")]
    NoSuchSession(String),
    /// Several sessions of that name or id, or several active ones and none named.
    #[error("several sessions could be meant")]
    AmbiguousSession(Vec<String>),
    /// A session of that name is there already.
    #[error("there is a session `{0}` already")]
    SessionExists(String),
    /// A text that is no name for something.
    #[error("{what} needs a name of 1 to {NAME_BYTES_MAX} bytes")]
    BadName {
        /// What was to be named.
        what: &'static str,
    },
    /// The base file of an exported folder is damaged.
    #[error("{}: no base of an export: {why}", path.display())]
    BadBase {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name is in revisions that left this store: others may be using it.
    #[error("`{location}` has left this store: others may be using it")]
    Published {
        /// Which.
        location: String,
    },
    /// No patch of that id.
    #[error("there is no patch `{0}`")]
    NoSuchPatch(String),
    /// Several patches with that start of an id.
    #[error("`{prefix}` may mean several patches")]
    AmbiguousPatch {
        /// What was given.
        prefix: String,
        /// Their ids.
        candidates: Vec<String>,
    },
    /// No patch in focus.
    #[error("no patch is in focus")]
    NoFocus,
    /// The patch is in another state than the verb asks for.
    #[error("patch {} is {found}, not {wanted}", .patch.short())]
    WrongStatus {
        /// Which.
        patch: PatchId,
        /// Its status.
        found: &'static str,
        /// The status that is asked for.
        wanted: &'static str,
    },
    /// A draft has nothing in it.
    #[error("patch {} changes nothing", .0.short())]
    EmptyPatch(PatchId),
    /// A draft stands on another draft.
    #[error("patch {} stands on draft {}", .patch.short(), .below.short())]
    StandsOnDraft {
        /// Which.
        patch: PatchId,
        /// The draft below.
        below: PatchId,
    },
    /// Applying would bring conflicts into main.
    #[error("patch {} conflicts with main", .patch.short())]
    Conflicts {
        /// Which.
        patch: PatchId,
        /// The ids of the conflicts.
        conflicts: Vec<String>,
    },
    /// Applying would bring errors into main.
    #[error("patch {} is not valid: it would bring {} into main", .patch.short(), if errors.len() == 1 { "an error".to_owned() } else { format!("{} errors", errors.len()) })]
    Invalid {
        /// Which.
        patch: PatchId,
        /// They.
        errors: Vec<crate::report::Problem>,
    },
    /// Applying needs what is not here.
    #[error("patch {} needs {} ops that no patch here carries", .patch.short(), missing.len())]
    MissingNeeds {
        /// Which.
        patch: PatchId,
        /// The ops.
        missing: Vec<dm_model::OpId>,
    },
    /// No conflict with that id.
    #[error("there is no conflict `{0}`")]
    NoSuchConflict(String),
    /// The way out does not fit the conflict.
    #[error("{way} does not fit a {kind} conflict")]
    WayDoesNotFit {
        /// The way.
        way: String,
        /// The kind of conflict.
        kind: &'static str,
    },
    /// The text in the editor was made from something that has changed since.
    #[error("`{location}` changed while it was edited")]
    Stale {
        /// Which.
        location: String,
    },
    /// A write of a base token that is not there, or not any more.
    #[error("`{0}` is no write that a text could be made from")]
    NoSuchBase(String),
    /// A draft of the journal is damaged.
    #[error("a draft is damaged: {0}")]
    DamagedDraft(String),
    /// Files are there and differ from what would be written.
    #[error("{} files are there and differ from what would be written", .0.len())]
    FilesDiffer(Vec<PathBuf>),
    /// A definition that something names is not in the store.
    #[error("definition {0} is not in the store")]
    MissingContent(dm_model::DefHash),
    /// A definition that has no resolved tree.
    #[error("definition {} cannot be read: {why}", .content.short())]
    Unreadable {
        /// The definition.
        content: dm_model::DefHash,
        /// What is wrong with it.
        why: String,
    },
    /// An import would turn back what changed here.
    #[error("{} definitions differ here without a common base", .0.len())]
    WouldTurnBack(Vec<String>),
    /// A git repository could not be read or written.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// No remote of that name, or none at all.
    #[error("{}", no_such_remote(name, known))]
    NoSuchRemote {
        /// What was asked for; empty if none was named.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A remote that could not be spoken with.
    #[error("remote `{name}` ({url}): {source}")]
    Remote {
        /// Its name here.
        name: String,
        /// Its URL.
        url: String,
        /// Why.
        source: Box<RemoteError>,
    },
    /// Another instance that does not keep to the protocol.
    #[error(transparent)]
    Peer(ProtocolError),
    /// A text that is no patch file that can be taken.
    #[error(transparent)]
    PatchFile(PatchFileError),
    /// No command of this session is left to undo or redo.
    #[error("there is nothing to {0} in this session")]
    NothingToUndo(&'static str),
    /// No command of that number that this session can undo.
    #[error("there is no command `{0}` that this session can undo")]
    NoSuchCommand(String),
    /// A command that cannot be undone.
    #[error("`{verb}` cannot be undone: {words}")]
    CannotUndo {
        /// Its verb.
        verb: String,
        /// What it did.
        words: String,
    },
    /// What a command wrote was written again since.
    #[error("what `{verb}` wrote has changed since")]
    ChangedSince {
        /// Its verb.
        verb: String,
        /// What changed.
        what: Vec<String>,
    },
    /// Patches in main need what would be taken out of it.
    #[error("{} patches in main need what would be taken out of it", .0.len())]
    NeededByOthers(Vec<String>),
    /// No space of that name.
    #[error("there is no space `{name}` here")]
    NoSuchSpace {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A patch file of a group whose space has no name here.
    #[error("it is for the readers of space {0}, which has no name here; nothing was written")]
    UnknownSpace(String),
    /// A space of that name or id is there.
    #[error("a space `{0}` is there already")]
    SpaceExists(String),
    /// More spaces than a store may name.
    #[error("a store names at most {} spaces", crate::spaces::SPACES_MAX)]
    TooManySpaces,
    /// A space that a draft is of.
    #[error("draft {} is in space {name}", .patch.short())]
    SpaceInUse {
        /// The space.
        name: String,
        /// The draft.
        patch: PatchId,
    },
    /// A patch that is in another space than was asked for.
    #[error("patch {} is in space {space}", .patch.short())]
    OtherSpace {
        /// Which.
        patch: PatchId,
        /// Its space.
        space: String,
    },
    /// A patch that stands on what not all its readers read.
    #[error("not everyone who reads patch {}, which is in space {space}, reads what it stands on", .patch.short())]
    NotReadable {
        /// Which.
        patch: PatchId,
        /// Its space.
        space: String,
        /// What they lack, in words.
        lacking: Vec<String>,
    },
    /// A patch that is to be published without what it stands on.
    #[error("patch {} stands on {} patches that not everyone reads", .patch.short(), lacking.len())]
    Unpublished {
        /// Which.
        patch: PatchId,
        /// Those it stands on, in words.
        lacking: Vec<String>,
    },
    /// A cursor that this store did not give out.
    #[error("`{0}` is no cursor of this server")]
    ForeignCursor(String),
    /// A remote of that name is there.
    #[error("a remote `{0}` is there already")]
    RemoteExists(String),
    /// A URL that cannot be one of a remote.
    #[error("`{url}` is no URL of a remote: {why}")]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An author without a name.
    #[error("no author's name")]
    NoAuthor,
    /// A patch that is signed with a key which is not trusted for its author.
    #[error("patch {patch} of {author} is signed with a key that is not trusted here")]
    Untrusted {
        /// Which.
        patch: PatchId,
        /// Whose name it bears.
        author: String,
        /// The start of the key.
        key: String,
    },
    /// No trusted or seen key like that.
    #[error("no key of `{author}` starts with `{key}`")]
    NoSuchKey {
        /// The author.
        author: String,
        /// What was given.
        key: String,
    },
    /// A setting that there is none of.
    #[error("there is no setting `{0}`")]
    NoSuchSetting(String),
    /// Nothing was named, and no draft says what is meant.
    #[error("no draft is in focus that says what to lay out")]
    NothingToLayOut,
    /// A value that a setting does not have.
    #[error("{key} is {wanted}, not `{value}`")]
    BadSetting {
        /// The setting.
        key: String,
        /// The value.
        value: String,
        /// What it can be.
        wanted: String,
    },
    /// The key file cannot be read.
    #[error("{}: {source}", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key that signs for an author here was given up, by another machine that has it or by its thief.
    #[error("the key {key} that signs for {author} here {}", given_up(standing))]
    KeyGivenUp {
        /// The author.
        author: String,
        /// The start of the key.
        key: String,
        /// What became of it.
        standing: Standing,
    },
    /// What a key of another machine signed can be taken back there only.
    #[error("{author} signed that with a key that is not here ({key})")]
    SignedElsewhere {
        /// The author.
        author: String,
        /// The start of the key.
        key: String,
    },
    /// A later key of the instance that is not here writes in its main.
    #[error("another key that this store does not have has taken its main over")]
    MainTakenOver,
    /// A key that this store does not sign with.
    #[error("this store has no key of its own {0}")]
    NoOwnKey(String),
    /// An instance has had as many keys as it may.
    #[error("an instance may change its key {} times, and this one has", dm_model::succession::SUCCESSION_MAX)]
    TooManyKeys,
    /// A patch that an author cannot stand by: it bears another name.
    #[error("patch {patch} bears the name of {author}")]
    OfAnotherAuthor {
        /// Which.
        patch: PatchId,
        /// Whose name it bears.
        author: String,
    },
    /// A secret is not written over anything.
    #[error("{} is there already", .0.display())]
    KeyFileExists(PathBuf),
    /// A text that is no exported key.
    #[error("this is no exported key: {0}")]
    BadKeyText(&'static str),
    /// The key file is damaged, or belongs to another store.
    #[error("the key in {} does not fit this store", .0.display())]
    KeyMismatch(PathBuf),
    /// An envelope that this program made or kept does not open: damage.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    NoRandomness(std::io::Error),
}

/// What became of a key, in words.
fn given_up(standing: &Standing) -> String {
    match standing {
        Standing::Replaced(next) => format!("was replaced by {}", next.fingerprint()),
        Standing::Revoked => "was revoked".to_owned(),
        Standing::Disputed(_) => "names several others to follow it".to_owned(),
        Standing::Trusted | Standing::Unknown => "is not trusted".to_owned(),
    }
}

/// A name that does not resolve to exactly one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// In which definition.
    pub location: String,
    /// The file, or `-`.
    pub file: String,
    /// Row in the file, from 1.
    pub row: u32,
    /// Column in the file in UTF-16 units, from 1.
    pub column: u32,
    /// The name as written.
    pub spelling: String,
    /// Why, in words.
    pub reason: String,
    /// What may have been meant.
    pub suggestions: Vec<String>,
}

/// Says that a remote is not there, or that none was named.
fn no_such_remote(name: &str, known: &[String]) -> String {
    match (name, known) {
        ("", []) => "there is no remote".to_owned(),
        ("", _) => "no remote is named, and there are several".to_owned(),
        _ => format!("there is no remote `{name}`"),
    }
}
