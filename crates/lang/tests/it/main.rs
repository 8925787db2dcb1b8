//! Integration tests of `dm-lang`: one binary.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests read their cases from files")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod golden;
mod laws;
mod linking;
mod real_tree;
mod seeded;
mod spec;
mod support;
mod types;
