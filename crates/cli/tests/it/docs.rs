//! Documents that show what the program prints are played, and must be true.

use std::path::PathBuf;

use dm_testkit::{check_transcript, documents_in};

use crate::support::{root, sandbox};

fn walkthrough(name: &str) {
    let sandbox = sandbox();
    check_transcript(root().join("docs/walkthroughs").join(name), &sandbox);
}

#[test]
fn import_and_export() {
    walkthrough("import-and-export.md");
}

#[test]
fn git() {
    walkthrough("git.md");
}

#[test]
fn sessions_and_patches() {
    walkthrough("sessions-and-patches.md");
}

#[test]
fn editing() {
    walkthrough("editing.md");
}

#[test]
fn conflicts() {
    walkthrough("conflicts.md");
}

#[test]
fn checks() {
    walkthrough("checks.md");
}

#[test]
fn formatting() {
    walkthrough("formatting.md");
}

#[test]
fn references() {
    walkthrough("references.md");
}

#[test]
fn patch_views() {
    walkthrough("patch-views.md");
}

#[test]
fn searching() {
    walkthrough("searching.md");
}

#[test]
fn names() {
    walkthrough("names.md");
}

#[test]
fn undo() {
    walkthrough("undo.md");
}

#[test]
fn two_laptops_and_a_server() {
    walkthrough("two-laptops-and-a-server.md");
}

#[test]
fn bad_days() {
    walkthrough("bad-days.md");
}

#[test]
fn keys() {
    walkthrough("keys.md");
}

#[test]
fn spaces() {
    walkthrough("spaces.md");
}

#[test]
fn patch_files() {
    walkthrough("patch-files.md");
}

#[test]
fn the_readme() {
    let sandbox = sandbox();
    sandbox.machine("laptop").copy_folder(root().join("packages"), "packages");
    check_transcript(root().join("README.md"), &sandbox);
}

#[test]
fn the_tutorial() {
    let sandbox = sandbox();
    sandbox.machine("laptop").copy_folder(root().join("packages"), "packages");
    check_transcript(root().join("docs/tutorial.md"), &sandbox);
}

/// A walkthrough that no test plays would be a claim that nobody checks.
#[test]
fn every_walkthrough_is_played() {
    let this = std::fs::read_to_string(root().join("crates/cli/tests/it/docs.rs")).unwrap();
    let folder: PathBuf = root().join("docs/walkthroughs");
    for document in documents_in(&folder).unwrap() {
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        assert!(this.contains(&format!("\"{name}\"")), "{name} is played by no test");
    }
}
