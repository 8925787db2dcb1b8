//! The server as its callers see it: served on free loopback ports, asked byte by byte.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod doors;
mod http;
mod instance;
mod network;
mod quarantine;
mod second_client;
mod spaces;
mod tokens;
mod trust;
mod versions;
