//! Figures of checks: on the public tree and on the large generated code base.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::corpus::{self, Edit};
use super::ground::Ground;
use super::rows::{Row, Unit};
use super::sample::{self, LONG_RUNS, Sample, Usage};
use super::scale::{self, LARGE, RECORDS};

/// The figures of this file.
pub const ROWS: [Row; 6] = [
    Row::new("check", "`dm check --all` of the public tree, nothing kept", 1.0, Unit::Seconds, check).of_sources(),
    Row::new(
        "check-map",
        "save and check of a change in `List.map`'s body there",
        200.0,
        Unit::Milliseconds,
        check_map,
    )
    .of_sources(),
    Row::new("check-option", "check of a change of the type `Option` there", 0.6, Unit::Seconds, check_option)
        .of_sources(),
    Row::new("check-option-share", "check-option / check", 0.6, Unit::Times, |ground| {
        ground.ratio("check-option", "check")
    })
    .of_sources(),
    Row::new(
        "check-100k",
        "save and check of one edit among 100,000 definitions, two processes",
        20.0,
        Unit::Milliseconds,
        check_edit,
    ),
    Row::new(
        "conflicts-100k",
        "`dm conflicts` between two sides of 1,000 edits each among 100,000, of which 50 are of the same definitions",
        100.0,
        Unit::Milliseconds,
        conflicts,
    ),
];

/// How many edits each side of a disagreement has, and how many of them are of what the other one edits too.
const SIDE: usize = 1000;
const SHARED: usize = 50;

/// A session and what went into main meanwhile: set conflicts, and those of meaning.
fn conflicts(ground: &Ground) -> Result<Sample> {
    let store = ground.copy_of(&ground.generated(LARGE)?)?;
    let landed = LARGE.edits(21, SIDE, 1);
    for edit in &landed {
        scale::add(ground, store.path(), *edit)?;
    }
    ground.run(store.path(), &["session", "new", "other"])?;
    let shared = landed.iter().take(SHARED).map(|edit| Edit { number: edit.number, edition: 2 });
    let taken: Vec<usize> = landed.iter().map(|edit| edit.number).collect();
    let others = LARGE.edits(22, SIDE * 2, 2).into_iter().filter(|edit| !taken.contains(&edit.number));
    for edit in shared.chain(others).take(SIDE) {
        save_in(ground, store.path(), "other", &corpus::edit_file(edit))?;
    }
    ground.run(store.path(), &["patch", "apply", "--session", "work"])?;
    let list = ground.json(store.path(), &["conflicts"])?;
    let found = list.as_array().context("conflicts are no list")?.len();
    ensure!(found == SHARED, "{found} conflicts instead of {SHARED}");
    let used = (0..LONG_RUNS).map(|_| ground.run(store.path(), &["conflicts"])).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1e3)
}

fn check(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    // The tree has errors, which are told with exit code 1.
    let used = (0..LONG_RUNS).map(|_| sample::run_asking(&mut ground.dm(store, &["check", "--all"])?));
    Sample::of_times(&used.collect::<Result<Vec<_>>>()?, 1.0)
}

/// Saves a text, which is part of what is measured.
fn save(ground: &Ground, store: &Path, text: &str) -> Result<Usage> {
    save_in(ground, store, "work", text)
}

fn save_in(ground: &Ground, store: &Path, session: &str, text: &str) -> Result<Usage> {
    let input = ground.folder().join("edit.dark");
    fs::write(&input, text)?;
    let mut command = ground.dm(store, &["add", "-", "--intent", "Edit for the bench", "--session", session])?;
    sample::run(command.stdin(fs::File::open(&input)?))
}

/// What two commands one after the other take.
fn both(one: Usage, other: Usage) -> Usage {
    Usage { seconds: one.seconds + other.seconds, cpu: one.cpu + other.cpu, memory: one.memory.max(other.memory) }
}

fn check_map(ground: &Ground) -> Result<Sample> {
    let store = ground.copy_of(ground.imported()?)?;
    let mut used = Vec::new();
    for number in 0..LONG_RUNS {
        let text = format!(
            "module Darklang.Stdlib.List\n\nlet map (list: List<'a>) (fn: 'a -> 'b) : List<'b> =\n  let _ = {number}L\n  \
             fold list [] (fun all one -> pushBack all (fn one))\n"
        );
        let saved = save(ground, store.path(), &text)?;
        used.push(both(saved, ground.run(store.path(), &["check"])?));
    }
    Sample::of_times(&used, 1e3)
}

fn check_option(ground: &Ground) -> Result<Sample> {
    let store = ground.copy_of(ground.imported()?)?;
    save(
        ground,
        store.path(),
        "module Darklang.Stdlib.Option\n\ntype Option<'v> =\n  | Some of 'v\n  | None\n  | Third\n",
    )?;
    let report = ground.json(store.path(), &["check"])?;
    let checked = report.get("definitions").and_then(serde_json::Value::as_u64).context("no count of definitions")?;
    ensure!(checked > 1000, "a change of `Option` reaches {checked} definitions only");
    let used = (0..LONG_RUNS).map(|_| ground.run(store.path(), &["check"])).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1.0)
}

fn check_edit(ground: &Ground) -> Result<Sample> {
    let store = ground.copy_of(&ground.generated(LARGE)?)?;
    let edits = LARGE.edits(5, RECORDS, 1);
    let mut used = Vec::new();
    for edit in edits {
        let saved = scale::add(ground, store.path(), edit)?;
        used.push(both(saved, ground.run(store.path(), &["check"])?));
        ground.run(store.path(), &["patch", "apply"])?;
    }
    Sample::of_times(&used, 1e3)
}
