//! The laws of folding, views, conflicts, exchange and drafts, on histories held in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod cost;
mod exchange;
mod fold;
mod meaning;
mod registers;
mod scene;
mod sync;
mod sync_1;
mod trust;
mod view;
