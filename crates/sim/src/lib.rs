//! What proves that concurrent work comes together: a naive model of the rules, random histories, and networks of instances.
//!
//! [`model`] computes by lists and loops what `docs/design/convergence.md` says, and shares nothing with `dm-collab` but the
//! types of the answers. [`Memory`] is a projection in memory, written from what the real fold gives back. A [`World`] is a few
//! people with an instance each, who play a history of small [`Step`]s; after every envelope that anyone receives the two must
//! agree ([`agreement`]). The laws are in `tests/it`.
//!
//! A law that fails prints the shortest history it found, as steps that a test can play again (`World::play(&[...])`); a
//! [`SimCluster`] that fails names its seed. What was found so becomes a story in `tests/it/corners.rs`.
//!
//! It is used by tests only, so it reports by panicking, and it reads one environment variable: `DM_SIM_CASES`, how many
//! random cases each law is tried on. Start reading at [`model`].

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed check of a test is reported by a panic"
)]

pub mod agreement;
pub mod cluster;
pub mod history;
mod memory;
pub mod model;
pub mod person;
pub mod world;

pub use cluster::SimCluster;
pub use history::{Edit, History, Share, Step};
pub use memory::Memory;
pub use person::{Person, Watch};
pub use world::World;

/// How many random cases a law is tried on: `DM_SIM_CASES`, else as many as are quick.
#[must_use]
pub fn cases(quick: u32) -> u32 {
    std::env::var("DM_SIM_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(quick)
}
