//! The laws of convergence, on random histories of several instances.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod cluster;
mod corners;
mod edits;
mod mains;
mod model;
mod orders;
mod play;
mod reach;
mod sessions;
mod spaces;
