//! The use cases: the one API that every front end calls.
//!
//! A front end opens an [`Engine`], reads through a [`Snapshot`] (one moment of the store, through a session's view) and
//! writes through a [`Transaction`] (all of it or nothing). What comes back are the plain shapes of [`report`].
//!
//! It holds no rule of merging (`dm-collab`) and no rule of the language (`dm-syntax`, `dm-lang`), writes no SQL
//! (`dm-store`), and has no words for people beyond single sentences: those are the front ends'.
//!
//! Start reading at [`engine`], then [`snapshot`] and [`transaction`].

mod base;
mod blame;
pub mod check;
mod conflicts;
mod diff;
mod doors;
pub mod engine;
mod error;
mod exchange;
mod export;
mod formatting;
mod gc;
mod git;
mod graph;
mod import;
mod instance;
mod keys;
mod look;
mod machines;
mod meaning;
mod meaning_conflicts;
mod names;
mod own_keys;
mod patch_file;
mod patch_views;
mod patches;
mod pins;
mod remote;
pub mod report;
mod save;
mod scope;
pub mod search;
mod sessions;
mod signing;
pub mod snapshot;
mod sources;
mod spaces;
mod system;
pub mod transaction;
mod trust;
mod undo;
pub mod wire;
mod workspace;

pub use check::CheckScope;
pub use conflicts::Way;
pub use dm_store::StoreError;
pub use dm_syntax::render as render_diagnostic;
pub use dm_syntax::{FormatOptions, Layout};
pub use doors::{Access, Page};
pub use engine::{Engine, InitOptions, OpenOptions, STORE_FOLDER, SessionChoice, init};
pub use error::{EngineError, NameError, TextProblem};
pub use exchange::{Direction, WAITING_MAX};
pub use export::ExportRequest;
pub use formatting::{FORMAT_SETTINGS, check_format_setting, format_file, format_options};
pub use gc::GC_DAYS;
pub use git::{GitError, GitExportRequest, GitImportRequest};
pub use import::ImportRequest;
pub use instance::RemoteRequest;
pub use keys::KEYS_FOLDER;
pub use meaning::Form;
pub use own_keys::{KEY_TEXT_BYTES_MAX, RotateRequest, write_key_file};
pub use patch_file::{PATCH_FILE_BYTES_MAX, PatchFileError};
pub use remote::RemoteError;
pub use report::*;
pub use save::{Base, Opened, SaveRequest};
pub use search::{SEARCH_WORDS_MAX, SearchQuery};
pub use snapshot::Snapshot;
pub use sources::{SourceText, Sources, patch_module, read_sources};
pub use system::{FixedSystem, RealSystem, System};
pub use transaction::Transaction;
