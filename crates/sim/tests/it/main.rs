//! The laws of convergence, on random histories of several instances.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod model;
mod play;
mod reach;
