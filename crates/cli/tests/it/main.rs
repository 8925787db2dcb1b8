//! `dm` as a person and a script use it: the built program in sealed environments.

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed check of a test is reported by a panic"
)]

mod bad_input;
#[cfg(target_os = "linux")]
mod cut;
mod docs;
mod exchange;
mod published;
mod real_tree;
mod serve;
mod support;
mod verbs;
#[cfg(target_os = "linux")]
mod writers;
