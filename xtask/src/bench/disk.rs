//! What is left on the disk: of a patch, of drafts that nobody got, of each everyday command.
//!
//! All on the generated code base of 10,000 definitions. The size is that of all files of the store after `dm gc`, which leaves
//! neither free pages nor a WAL. It grows by pages of 4,096 bytes, so a figure is the growth over many commands, divided by
//! their number.

use std::path::Path;

use anyhow::{Result, ensure};

use super::corpus;
use super::ground::{Ground, bytes_in};
use super::rows::{Row, Unit};
use super::sample::Sample;
use super::scale::{MANY_EDITS, SMALL, add};

/// How many patches are made.
const COMMANDS: usize = 300;
/// How many names are moved and moved back; together they are no more than can be undone.
const MOVES: usize = 200;

/// The figures of this file. The goals of single commands are our own: no more than a page each.
pub const ROWS: [Row; 5] = [
    row("disk-patch", "an applied patch of one edit on disk, when its undo is forgotten", 1536.0, |ground| {
        ground.together("disk-patch", patches)
    }),
    row("disk-drafts", "100 drafts never shared and taken back, after `dm gc --days 0`", 0.0, drafts),
    row("disk-apply", "what one `dm add` and its `dm patch apply` leave, with their undo", 8192.0, |ground| {
        ground.together("disk-apply", patches)
    }),
    row("disk-mv", "what one `dm mv` leaves, with its undo", 4096.0, |ground| ground.together("disk-mv", moves)),
    row("disk-undo", "what one `dm undo` of that leaves", 4096.0, |ground| ground.together("disk-undo", moves)),
];

const fn row(name: &'static str, what: &'static str, goal: f64, measure: fn(&Ground) -> Result<Sample>) -> Row {
    Row::new(name, what, goal, Unit::Bytes, measure)
}

/// The size of a store in which commands of more than so many days can no longer be undone.
fn size(ground: &Ground, store: &Path, days: &str) -> Result<f64> {
    ground.run(store, &["gc", "--days", days])?;
    Ok(bytes_in(&store.join(".darkmatter"))? as f64)
}

/// A copy of the generated store that `gc` has written anew, since one that has just been imported has half-full pages: drafts
/// made and taken back leave it free pages, for which it does that.
fn compacted(ground: &Ground) -> Result<tempfile::TempDir> {
    let store = ground.copy_of(&ground.generated(SMALL)?)?;
    for edit in SMALL.edits(4, MANY_EDITS, 1) {
        add(ground, store.path(), edit)?;
    }
    for _ in 0..MANY_EDITS {
        ground.run(store.path(), &["undo"])?;
    }
    size(ground, store.path(), "0")?;
    Ok(store)
}

/// The growth of a store, for each of so many commands.
fn each(grown: f64, commands: usize) -> Result<Sample> {
    Sample::new(vec![grown / commands as f64])
}

fn patches(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = compacted(ground)?;
    let store = store.path();
    let before = size(ground, store, "0")?;
    for edit in SMALL.edits(5, COMMANDS, 1) {
        add(ground, store, edit)?;
        ground.run(store, &["patch", "apply"])?;
    }
    let all = ground.json(store, &["patch", "list", "--all"])?;
    let made = all.as_array().map_or(0, |patches| {
        let is = |patch: &serde_json::Value, key: &str, text: &str| patch.get(key).is_some_and(|found| found == text);
        patches
            .iter()
            .filter(|patch| is(patch, "intent", "Edit for the bench") && is(patch, "status", "applied"))
            .count()
    });
    ensure!(made == COMMANDS, "{made} of {COMMANDS} patches are applied");
    let with_undo = size(ground, store, "365")? - before;
    let without = size(ground, store, "0")? - before;
    Ok(vec![("disk-apply", each(with_undo, COMMANDS)?), ("disk-patch", each(without, COMMANDS)?)])
}

fn drafts(ground: &Ground) -> Result<Sample> {
    let store = compacted(ground)?;
    let store = store.path();
    let before = size(ground, store, "0")?;
    for edit in SMALL.edits(6, MANY_EDITS, 1) {
        add(ground, store, edit)?;
    }
    ensure!(size(ground, store, "365")? > before, "drafts take no place, so nothing is measured");
    for _ in 0..MANY_EDITS {
        ground.run(store, &["undo"])?;
    }
    each(size(ground, store, "0")? - before, 1)
}

fn moves(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = compacted(ground)?;
    let store = store.path();
    let before = size(ground, store, "365")?;
    for number in 0..MOVES {
        let old = corpus::name(number);
        ground.run(store, &["mv", &old, &format!("{old}Moved"), "--intent", "Move for the bench"])?;
    }
    let moved = size(ground, store, "365")?;
    for _ in 0..MOVES {
        ground.run(store, &["undo"])?;
    }
    let undone = size(ground, store, "365")?;
    Ok(vec![("disk-mv", each(moved - before, MOVES)?), ("disk-undo", each(undone - moved, MOVES)?)])
}
