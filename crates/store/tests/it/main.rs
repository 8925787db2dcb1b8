//! Integration tests of the store: one binary, one file per subject.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod books;
mod concurrency;
mod damage;
mod file;
mod generate;
mod laws;
mod reads;
mod search;
mod support;
mod versions;
