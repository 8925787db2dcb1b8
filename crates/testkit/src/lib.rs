//! What tests share: a sealed environment to run the built program in, Markdown files as test cases, and transcripts of console
//! sessions that are run and compared.
//!
//! Start reading at [`Sandbox`] (runs `dm` on machines of its own), [`Document`] (a Markdown file with its fenced blocks) and
//! [`Transcript`] (a document whose `console` blocks are played); [`Proxy`] is a bad network,
//! [`Cut`] the end of a process in the middle of its work. What is deliberately absent: any knowledge of the product
//! besides the name of its program and its environment variables, so no crate of the product is a dependency; sleeping; a
//! network beyond loopback.
//!
//! It is used by tests only, so it reports by panicking, at the line of the test that asked.

#![expect(clippy::panic, reason = "a failed check of a test is reported by a panic")]

mod cut;
mod document;
mod expectation;
mod filters;
mod proxy;
mod sandbox;
mod shell;
mod transcript;

pub use cut::{Cut, Kept};
pub use document::{Block, Case, Document, DocumentError, check_document, documents_in};
pub use expectation::{lines_match, merge_expected, unified_diff, update_wanted};
pub use filters::Filters;
pub use proxy::{Proxy, Way};
pub use sandbox::{Machine, Ran, Sandbox, Server};
pub use transcript::{Transcript, check_transcript};
