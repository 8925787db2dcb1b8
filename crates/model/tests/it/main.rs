//! Laws of the canonical bytes: what is written reads back, nothing else is accepted, and the bytes never change.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod golden;
mod keys;
mod round_trip;
mod strategies;
