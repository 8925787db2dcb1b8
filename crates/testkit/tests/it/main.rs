//! The sandbox and the transcripts, with a script in place of the program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod sandbox;
mod transcript;

/// A sandbox around the script.
fn sandbox() -> dm_testkit::Sandbox {
    dm_testkit::Sandbox::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fake-dm.sh"))
}
