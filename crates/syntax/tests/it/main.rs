//! Checks of the whole crate from outside: text in, text out.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tests read their cases from files")]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops at the first surprise")]

mod format;
mod hostile;
mod laws;
mod real;
mod spec;
mod views;
