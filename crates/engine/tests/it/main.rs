//! The use cases, through the one API of every front end, on stores in temporary folders.

#![expect(clippy::unwrap_used, reason = "a failed check of a test is reported by a panic")]

mod check;
mod conflicts;
mod cost;
mod edits;
mod exchange;
mod formatting;
mod gc;
mod git;
mod graph;
mod imports;
mod keys;
mod meaning;
mod meaning_conflicts;
mod names;
mod patch_files;
mod search;
mod sessions;
mod support;
mod undo;
mod views;
