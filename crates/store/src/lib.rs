//! A store in one SQLite file: the log, the content, the private journal, and the projections made of them.
//!
//! All reading and writing goes through one transaction per command ([`Store::read`], [`Store::write`]), so that every answer
//! is of one moment and every command takes effect whole or not at all. Any number of processes may have a store open.
//! [`WriteTx::append`] is the only way into the log: it stores what arrives, asks `dm-collab`'s fold what follows, and
//! writes that in the same transaction.
//!
//! It knows no language and no rule of merging, keeps no secret key, reads no clock except to wait for a lock, and never
//! speaks to the network. `docs/formats/store.md` describes the file.
//!
//! Start reading at [`Store`], then [`ReadTx`] and [`WriteTx`].

mod append;
mod bridge;
mod command;
mod content;
mod dictionary;
mod encoding;
mod error;
mod exchange;
mod gc;
mod history;
mod ids;
mod journal;
mod keys;
mod links;
mod names;
mod project;
mod quarantine;
mod ranges;
mod read;
mod rebuild;
mod remotes;
mod schema;
mod search;
mod settings;
mod spaces;
mod state;
mod store;
mod tx;
mod verify;

pub use append::Arrival;
pub use command::{COMMANDS_KEPT, Command, CommandKind, CommandSummary, Image, NewCommand, Row};
pub use content::HashedDefinition;
pub use dictionary::{DICTIONARY, DICTIONARY_ID};
pub use error::StoreError;
pub use gc::{Compacted, Garbage};
pub use history::{Carrier, Counts, HistoryEntry, LogEntry, PatchSummary, RevisionSummary};
pub use journal::DraftHeader;
pub use links::{KeptLink, LinkNotes, linked_content};
pub use names::{LiveName, ModuleListing, WrittenAt};
pub use quarantine::{QUARANTINE_MAX, QuarantineReason, Quarantined};
pub use remotes::{AuthorKeyRecord, KeyState, Remote, RemoteMode, Token};
pub use schema::SCHEMA_VERSION;
pub use search::{COMPLETIONS_MAX, Candidate, Class, DOC_BYTES_MAX, Memo, SearchFilter, Word, is_near, words_of_name};
pub use settings::ImportBase;
pub use spaces::NamedSpace;
pub use store::{BUSY_WAIT_MS_MAX, Instance, Mode, NewStore, Store};
pub use tx::{ReadTx, WriteTx};
pub use verify::{Finding, Remedy};
