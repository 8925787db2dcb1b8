//! What the engine answers: plain data in the words of the design, the same for every front end.
//!
//! These shapes are what `--json` prints. Ids and hashes are lower-case hex, times are milliseconds since 1970 (UTC),
//! locations are dotted. A field is added when there is more to say; none changes its meaning.

mod bridge;
mod check;
mod graph;
mod keys;
mod search;
mod spaces;
mod views;

use schemars::JsonSchema;
use serde::Serialize;

pub use bridge::*;
pub use check::{CheckReport, Impact, Problem, ProblemPlace, Severity};
pub use graph::{DependencyEdge, DependencyGraph, DependencyNode, PinEntry};
pub use keys::{KeyChangeReport, KeyEntry, KeyExport, KeyFact, KeyShown, SignatureEntry, VouchReport};
pub use search::{Correction, MatchedWord, SearchHit, SearchReport};
pub use spaces::{SpaceSummary, TokenReport};
pub use views::{Blame, BlamePart, ImpactNode, PatchEvent, PatchImpact, PatchTimeline};

/// A store was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InitReport {
    /// The folder of the store (`.darkmatter`).
    pub store: String,
    /// The instance's id.
    pub instance: String,
    /// The instance's name, for people.
    pub name: String,
    /// The public key that signs what is put into this main.
    pub key: String,
    /// The public key that signs the author's patches here.
    pub author_key: String,
    /// Whose name patches bear.
    pub author: String,
    /// The current session.
    pub session: String,
    /// Whether nothing was made.
    pub dry_run: bool,
}

/// A definition in a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Where it is.
    pub location: String,
    /// `fn`, `type`, `value` or `test`.
    pub kind: String,
    /// Its lasting identity.
    pub entity: String,
    /// The hash of what is written.
    pub hash: String,
    /// Its first line without the body.
    pub signature: String,
    /// Its doc comment; empty if there is none.
    pub doc: String,
    /// Why it should no longer be used, if so.
    pub deprecated: Option<String>,
    /// What to use instead, if that was said.
    pub replacement: Option<String>,
    /// `public`, `internal` or `private`.
    pub visibility: String,
}

/// A module and how much is in it, all levels together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModuleEntry {
    /// Dotted, owner first.
    pub path: String,
    /// Definitions in it and below.
    pub definitions: u64,
}

/// What is in a module.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listing {
    /// The module; empty for the top.
    pub module: String,
    /// Modules directly in it.
    pub modules: Vec<ModuleEntry>,
    /// Definitions directly in it, or all below where asked for.
    pub definitions: Vec<Entry>,
}

/// A definition, shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Shown {
    /// What and where.
    pub entry: Entry,
    /// What `text` is: `source`, the definition's text with names as they resolve in this view; `written`, the syntax tree of
    /// that; `program`, the resolved tree.
    pub form: String,
    /// The definition in that form.
    pub text: String,
    /// The hash of what it means in this view, with all that it reaches; worked out for the form `program` only.
    pub link: Option<String>,
    /// Who wrote what is in force, and why.
    pub written_by: Option<PatchSummary>,
    /// Conflicts that it is part of, by id.
    pub conflicts: Vec<String>,
    /// The base token of an edit: the writes that this text stands on, for `dm add --base`.
    pub base: Vec<String>,
}

/// A patch on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchSummary {
    /// Its id.
    pub id: String,
    /// The shortest prefix of it that is unique here, 6 digits at least.
    pub short: String,
    /// Why, in words: the first row.
    pub intent: String,
    /// What stands below that row.
    pub body: Option<String>,
    /// Whose work it is.
    pub author: String,
    /// `draft`, `ready`, `applied` or `rejected`.
    pub status: String,
    /// The session it belongs to, by name, if it is one of this store.
    pub session: Option<String>,
    /// Whether edits go to it.
    pub focused: bool,
    /// How many changes it makes.
    pub changes: u64,
    /// When it was begun.
    pub created_at: i64,
    /// When it was last changed or frozen.
    pub updated_at: i64,
    /// Its latest revision, once it has one.
    pub revision: Option<String>,
    /// The space that it is in, if not everyone reads it: by name, or by id where it has none here.
    pub space: Option<String>,
    /// Why main here does not apply it though another main did.
    pub held: Option<String>,
}

/// One change of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// `create`, `edit`, `move`, `delete`, `deprecate`, `undeprecate`, `visibility`, `pin`, `unpin` or `resolve`.
    pub change: String,
    /// Where it is, or was.
    pub location: String,
    /// Where it was, if it moved.
    pub from: Option<String>,
    /// Its kind, where it is known.
    pub kind: Option<String>,
}

/// A name that does not resolve to exactly one thing, in a definition that was kept all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NameWarning {
    /// In which definition.
    pub location: String,
    /// The file, or `-`.
    pub file: String,
    /// Row, from 1.
    pub row: u32,
    /// Column in UTF-16 units, from 1.
    pub column: u32,
    /// The name as written.
    pub spelling: String,
    /// Why, in words.
    pub reason: String,
    /// What may have been meant.
    pub suggestions: Vec<String>,
}

/// What a writing verb wrote, or would write.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Written {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The patch written to; none if nothing changed.
    pub patch: Option<PatchSummary>,
    /// Whether the patch is new.
    pub new_patch: bool,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Locations given that are as they were.
    pub unchanged: Vec<String>,
    /// Names that do not resolve.
    pub warnings: Vec<NameWarning>,
    /// What people should know besides.
    pub notes: Vec<String>,
    /// The ops that would be written, where nothing was.
    pub ops: Vec<OpEntry>,
    /// What is wrong in them and what they break, where nothing was written.
    pub check: Option<CheckReport>,
}

/// A file that an import did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SkippedFile {
    /// Which, below the folder.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How many definitions of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct KindCounts {
    /// Functions.
    pub functions: u64,
    /// Types.
    pub types: u64,
    /// Values.
    pub values: u64,
    /// Tests.
    pub tests: u64,
}

/// What an import did, or would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ImportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Files read, those without definitions too.
    pub files: u64,
    /// Files left out, with the reason.
    pub skipped: Vec<SkippedFile>,
    /// Definitions read.
    pub definitions: KindCounts,
    /// Definitions that are as they were.
    pub unchanged: u64,
    /// Patches made.
    pub patches: Vec<PatchSummary>,
    /// Whether they were applied to main.
    pub applied: bool,
    /// How many creations, edits, moves, deletions.
    pub changes: Vec<ChangeCount>,
    /// What an earlier import brought and is gone there now.
    pub gone: Vec<String>,
    /// What changed here since and stays so.
    pub kept: Vec<String>,
    /// Names that do not resolve.
    pub unresolved: Vec<NameWarning>,
}

/// A number of changes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeCount {
    /// As in [`Change::change`].
    pub change: String,
    /// How many.
    pub count: u64,
}

/// What an export wrote, or would write.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The folder.
    pub path: String,
    /// Files written.
    pub written: Vec<String>,
    /// Files that were as they should be.
    pub unchanged: u64,
    /// Definitions in all of them.
    pub definitions: KindCounts,
}

/// A session on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionSummary {
    /// Its id.
    pub id: String,
    /// The shortest prefix of it that is unique here.
    pub short: String,
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub intent: String,
    /// Whose it is.
    pub owner: String,
    /// `active`, `suspended` or `completed`.
    pub state: String,
    /// Whether it is the store's current one.
    pub current: bool,
    /// Its patches, lowest first.
    pub patches: Vec<PatchSummary>,
    /// When it began.
    pub started_at: i64,
    /// When it was last written to.
    pub last_active_at: i64,
}

/// A remote and how things stand with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemoteSummary {
    /// Its name here.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Whether a key is shown to it.
    pub has_token: bool,
    /// Seconds to wait for an answer.
    pub timeout_s: u64,
    /// `manual`; other modes come later.
    pub mode: String,
    /// When it was last synced with.
    pub last_sync_at: Option<i64>,
    /// The spaces that are exchanged with it, by name.
    pub spaces: Vec<String>,
    /// Envelopes of these here that it has not got yet.
    pub waiting: u64,
}

/// A patch that another main applied and this one holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeldPatch {
    /// The patch.
    pub patch: PatchSummary,
    /// Why, in words.
    pub reason: String,
    /// The conflicts that hold it, by id.
    pub conflicts: Vec<String>,
}

/// How things stand.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// The session.
    pub session: SessionSummary,
    /// The patch in focus.
    pub focused: Option<PatchSummary>,
    /// What the session's drafts change.
    pub changes: Vec<PatchChanges>,
    /// Definitions that stay on a version of another.
    pub pins: Vec<PinEntry>,
    /// Patches held back from main.
    pub held: Vec<HeldPatch>,
    /// Conflicts in the session's view and of what is held.
    pub conflicts: Vec<ConflictSummary>,
    /// Remotes.
    pub remotes: Vec<RemoteSummary>,
    /// Envelopes that wait for something they need.
    pub pending: u64,
    /// Envelopes in quarantine.
    pub quarantined: u64,
    /// Definitions live in main.
    pub definitions: u64,
    /// The fingerprint of main's view: equal views, equal fingerprints.
    pub view_fingerprint: String,
}

/// A patch and its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchChanges {
    /// The patch.
    pub patch: PatchSummary,
    /// Its changes.
    pub changes: Vec<Change>,
}

/// A definition before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DefinitionDiff {
    /// What happened to it.
    pub change: Change,
    /// Its rendering before; none if it is new.
    pub before: Option<String>,
    /// Its rendering after; none if it is deleted.
    pub after: Option<String>,
    /// Both as a unified diff; empty if the text is the same.
    pub unified: String,
}

/// A patch's source diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchDiff {
    /// The patch.
    pub patch: PatchSummary,
    /// Per definition.
    pub definitions: Vec<DefinitionDiff>,
}

/// An op of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpEntry {
    /// Its id; none for content (`AddContent`), which its hash names.
    pub id: Option<String>,
    /// `AddContent`, `CreateName`, `UpdateName`, `MoveName`, …
    pub op: String,
    /// Where the entity is.
    pub location: String,
    /// The entity.
    pub entity: String,
    /// What is written, in words.
    pub value: String,
    /// The ops replaced.
    pub supersedes: Vec<String>,
}

/// A patch, shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PatchShown {
    /// The patch.
    pub patch: PatchSummary,
    /// Its revisions, oldest first.
    pub revisions: Vec<String>,
    /// Patches that it needs, by id.
    pub needs: Vec<PatchSummary>,
    /// Its ops.
    pub ops: Vec<OpEntry>,
    /// Its source diff.
    pub definitions: Vec<DefinitionDiff>,
}

/// A patch in main's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogEntry {
    /// The patch.
    pub patch: PatchSummary,
    /// When it was put into main.
    pub applied_at: i64,
    /// Why in spite of what spoke against it; empty if nothing did.
    pub forced: String,
    /// The key that signed it.
    pub key: String,
    /// Who signed what of it, if that was asked for.
    pub signatures: Vec<SignatureEntry>,
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Candidate {
    /// Its number in this list, from 1.
    pub number: u64,
    /// The write, or the entity of a collision.
    pub op: String,
    /// The patch that made it.
    pub patch: Option<PatchSummary>,
    /// What is written, in words.
    pub value: String,
    /// The text, where it is a definition.
    pub text: Option<String>,
    /// Whether it is what main here has.
    pub ours: bool,
}

/// What is wrong in a definition that was written for what another was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConflictClash {
    /// In which definition.
    pub location: String,
    /// Where two types clash, the one that is wanted.
    pub expected: Option<String>,
    /// And the one that there is.
    pub actual: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConflictSummary {
    /// Its id, the same for everyone.
    pub id: String,
    /// The shortest prefix of it that is unique here.
    pub short: String,
    /// Its kind.
    pub kind: String,
    /// Where the entities are.
    pub locations: Vec<String>,
    /// What it is about, in a sentence.
    pub sentence: String,
    /// The sides.
    pub candidates: Vec<Candidate>,
    /// The last agreed write, in words.
    pub ancestor: Option<Candidate>,
    /// Whether it settles by itself: the sides did different things, and one text has them all.
    pub self_resolving: bool,
    /// The version of the checker that found it, where it takes one to see it.
    pub checker: Option<u64>,
    /// What does not fit, then.
    pub clashes: Vec<ConflictClash>,
    /// What can be typed to settle it.
    pub ways: Vec<String>,
}

/// What applying did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApplyReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The patches put into main, in order: those asked for and what they need.
    pub applied: Vec<PatchSummary>,
    /// Writes of others that were overridden (`--force`).
    pub overridden: Vec<String>,
    /// What is wrong in main now and was accepted (`--force`).
    pub errors: Vec<Problem>,
    /// The conflicts that are settled now.
    pub settled: Vec<String>,
    /// The fact that puts them in; taking it back rolls back.
    pub fact: Option<String>,
    /// The fingerprint of main's view afterwards.
    pub view_fingerprint: String,
}

/// A key that was seen for the first time, or is revoked from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NewKey {
    /// The author.
    pub author: String,
    /// The key.
    pub key: String,
    /// Whether it is trusted now.
    pub trusted: bool,
    /// Whether it is the first one seen of this author, which is trusted for that.
    pub first: bool,
    /// The trusted key that names it to follow, if it came so.
    pub follows: Option<String>,
    /// Whether the author revoked it.
    pub revoked: bool,
}

/// An envelope that arrived and did not pass its checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QuarantineEntry {
    /// Its id.
    pub id: String,
    /// Who sent it last: a remote, or `(pushed)` to this server.
    pub remote: String,
    /// `damaged`, `signature`, or `newer`: a format of a later version.
    pub reason: String,
    /// Why, in words.
    pub words: String,
    /// How many bytes are kept of it; none if they are too many.
    pub bytes: Option<u64>,
    /// When it came first.
    pub first_seen_at: i64,
    /// When it came last.
    pub last_seen_at: i64,
    /// How often it came.
    pub tries: u64,
}

/// What receiving brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Received {
    /// New patches.
    pub patches: Vec<PatchSummary>,
    /// Those put into main.
    pub applied: Vec<PatchSummary>,
    /// Those held back.
    pub held: Vec<HeldPatch>,
    /// The conflicts that there are now.
    pub conflicts: Vec<ConflictSummary>,
    /// Keys seen for the first time.
    pub new_keys: Vec<NewKey>,
    /// Envelopes that wait for something they need.
    pub pending: u64,
}

/// What an exchange with a remote did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExchangeReport {
    /// The remote's name.
    pub remote: String,
    /// Whether nothing was exchanged.
    pub dry_run: bool,
    /// The version of the protocol that was spoken.
    pub protocol: u64,
    /// Patches sent.
    pub sent: Vec<PatchSummary>,
    /// Envelopes sent: revisions of patches, and facts.
    pub sent_envelopes: u64,
    /// Those of them that are facts.
    pub sent_facts: u64,
    /// Envelopes received.
    pub received_envelopes: u64,
    /// Those of them that are facts.
    pub received_facts: u64,
    /// What they brought.
    pub received: Received,
    /// Ids of envelopes that came and did not pass their checks: they are in quarantine.
    pub quarantined: Vec<String>,
    /// Ids of envelopes that did not pass the remote's checks.
    pub refused: Vec<String>,
    /// Envelopes that the remote offered and then did not have.
    pub withheld: u64,
    /// Spaces that the remote does not share.
    pub not_shared: Vec<String>,
    /// Whether the difference was too large for one exchange: the next one goes on.
    pub incomplete: bool,
    /// Round trips.
    pub round_trips: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// The fingerprint of main's view afterwards.
    pub view_fingerprint: String,
}

/// Patches as a text that travels by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchFileReport {
    /// The patches in it, those that others need first.
    pub patches: Vec<PatchSummary>,
    /// How many writes they need that are not in it.
    pub needs: u64,
    /// The file that it was written to; none if it is only in `text`.
    pub path: Option<String>,
    /// The text.
    pub text: String,
}

/// What the import of a patch file brought, or would bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchImportReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The patches in the file.
    pub patches: Vec<PatchSummary>,
    /// How many of their revisions were not here.
    pub fresh: u64,
    /// How many of them wait for something that they need.
    pub pending: u64,
    /// The patches that carry what they wait for, in words.
    pub waits_for: Vec<String>,
    /// Keys seen for the first time.
    pub new_keys: Vec<NewKey>,
    /// What applying them did, if that was asked for.
    pub applied: Option<ApplyReport>,
}

/// A command that wrote to this store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandEntry {
    /// Its number here.
    pub number: u64,
    /// When.
    pub at: i64,
    /// The session that it was given in, by name.
    pub session: String,
    /// Its verb.
    pub verb: String,
    /// What it did, in words.
    pub words: String,
    /// `done`, `undone`, `undo`, `redo`, or `final` for one that cannot be undone.
    pub state: String,
    /// The number of the command that an undo or redo is about.
    pub about: Option<u64>,
}

/// A command, shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandShown {
    /// The command.
    pub entry: CommandEntry,
    /// What it added to the log, in words.
    pub facts: Vec<String>,
    /// The private rows that it changed, in words.
    pub rows: Vec<String>,
}

/// What an undo or redo did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UndoReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The command that it is about.
    pub command: CommandEntry,
    /// What it wrote, in words.
    pub wrote: Vec<String>,
    /// What people should know besides.
    pub notes: Vec<String>,
    /// The fingerprint of main's view afterwards.
    pub view_fingerprint: String,
}

/// An instance, to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InstanceSummary {
    /// Its id, which also names its main.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// The public key that it signs with.
    pub key: String,
    /// `http-server`.
    pub kind: String,
    /// What it can be asked for: `read`, `write`, `sync`, `merge`.
    pub capabilities: Vec<String>,
    /// The version of the sync protocol that it speaks.
    pub protocol: u64,
    /// The version of the program.
    pub version: String,
    /// How many envelopes it holds.
    pub envelopes: u64,
    /// The fingerprint of them: equal sets, equal fingerprints.
    pub set_fingerprint: String,
    /// The fingerprint of its main's view.
    pub view_fingerprint: String,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// Which.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it comes from: `store`, `user`, `environment`, `default`.
    pub source: String,
}

/// A finding of `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FindingEntry {
    /// What is wrong.
    pub what: String,
    /// Where.
    pub place: String,
    /// What to do.
    pub next: String,
}

/// What `verify` found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// Envelopes checked.
    pub envelopes: u64,
    /// Definitions checked.
    pub definitions: u64,
    /// Kept hashes of what definitions mean, checked.
    pub links: u64,
    /// What is wrong.
    pub findings: Vec<FindingEntry>,
}

/// What `rebuild` did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RebuildReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Projection tables that differed from what the log says.
    pub differed: Vec<String>,
    /// The fingerprint of main's view.
    pub view_fingerprint: String,
}
