//! Import, recording, status and diff at two sizes of the generated code base (B1, B2, B3).

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::corpus::{self, Corpus, Edit};
use super::ground::Ground;
use super::rows::{Row, Unit};
use super::sample::{self, LONG_RUNS, Sample, Usage};

/// The two sizes.
pub const SMALL: Corpus = Corpus::new(10_000);
pub const LARGE: Corpus = Corpus::new(100_000);
/// How often an import of the large one is run.
const LARGE_RUNS: usize = 3;
/// How many edits are recorded one after the other.
pub const RECORDS: usize = 60;
/// How many edits wait where there are many.
pub const MANY_EDITS: usize = 100;
/// How often `status` and `diff` are run.
const READS: usize = 100;

/// The figures of this file.
pub const ROWS: [Row; 11] = [
    Row::new("import-10k", "import of 10,000 definitions", 0.25, Unit::Seconds, |ground| import(ground, SMALL))
        .against(&[("pijul", 0.8)]),
    Row::new("import-100k", "import of 100,000 definitions", 2.5, Unit::Seconds, |ground| import(ground, LARGE))
        .against(&[("pijul", 0.6), ("git", 0.2)]),
    Row::new("record-10k", "`dm add` of one edit among 10,000 definitions", 4.0, Unit::Milliseconds, |ground| {
        record(ground, SMALL)
    })
    .against(&[("git", 0.2)]),
    Row::new("record-100k", "`dm add` of one edit among 100,000 definitions", 4.0, Unit::Milliseconds, |ground| {
        record(ground, LARGE)
    })
    .against(&[("git", 0.03)]),
    Row::new("record-growth", "record-100k / record-10k", 1.2, Unit::Times, |ground| {
        ground.ratio("record-100k", "record-10k")
    }),
    Row::new("status-1-10k", "`dm status` with one edit, 10,000 definitions", 2.5, Unit::Milliseconds, |ground| {
        ground.together("status-1-10k", reads_small)
    })
    .against(&[("git", 0.2)]),
    Row::new("status-100-10k", "`dm status` with 100 edits", 2.5, Unit::Milliseconds, |ground| {
        ground.together("status-100-10k", reads_small)
    })
    .against(&[("git", 0.2)]),
    Row::new("diff-1-10k", "`dm diff` of one edit", 2.5, Unit::Milliseconds, |ground| {
        ground.together("diff-1-10k", reads_small)
    }),
    Row::new("diff-100-10k", "`dm diff` of 100 edits", 10.0, Unit::Milliseconds, |ground| {
        ground.together("diff-100-10k", reads_small)
    }),
    Row::new("status-1-100k", "`dm status` with one edit, 100,000 definitions", 2.5, Unit::Milliseconds, |ground| {
        ground.together("status-1-100k", reads_large)
    })
    .against(&[("git", 0.02)]),
    Row::new("status-100-100k", "`dm status` with 100 edits there", 2.5, Unit::Milliseconds, |ground| {
        ground.together("status-100-100k", reads_large)
    })
    .against(&[("git", 0.02)]),
];

fn import(ground: &Ground, corpus: Corpus) -> Result<Sample> {
    let modules = ground.modules(corpus)?;
    let runs = if corpus.size > SMALL.size { LARGE_RUNS } else { LONG_RUNS };
    let mut used = Vec::new();
    let mut fingerprints = Vec::new();
    for _ in 0..runs {
        let store = ground.empty_store()?;
        used.push(ground.import_from(store.path(), &modules)?);
        fingerprints.push(ground.fingerprint(store.path())?);
    }
    check_import(ground, corpus)?;
    fingerprints.dedup();
    ensure!(fingerprints.len() == 1, "two imports of one folder differ: {fingerprints:?}");
    Sample::of_times(&used, 1.0)
}

/// Everything is there, and every name means something.
fn check_import(ground: &Ground, corpus: Corpus) -> Result<()> {
    let again = ground.copy_of(&ground.generated(corpus)?)?;
    let modules = ground.modules(corpus)?;
    let report = ground.json(again.path(), &["import", &modules.to_string_lossy(), "--dry-run"])?;
    let unchanged = report.get("unchanged").and_then(serde_json::Value::as_u64).unwrap_or(0);
    ensure!(unchanged == corpus.size as u64, "{unchanged} of {} definitions are there", corpus.size);
    let last = corpus::name(corpus.size - 1);
    let deps = ground.json(again.path(), &["deps", &last])?;
    let of = |name: &str| deps.get(name).and_then(|found| found.as_array()).map_or(0, Vec::len);
    ensure!(of("definitions") > 0 && of("unresolved") == 0, "{last} has names without a meaning: {deps}");
    Ok(())
}

/// Saves an edit as a person would, and says what it took.
pub fn add(ground: &Ground, store: &Path, edit: Edit) -> Result<Usage> {
    let input = ground.folder().join("edit.dark");
    fs::write(&input, corpus::edit_file(edit))?;
    let mut command = ground.dm(store, &["add", "-", "--intent", "Edit for the bench"])?;
    sample::run(command.stdin(fs::File::open(&input)?))
}

fn record(ground: &Ground, corpus: Corpus) -> Result<Sample> {
    let store = ground.copy_of(&ground.generated(corpus)?)?;
    let edits = corpus.edits(1, RECORDS, 1);
    let used = edits.iter().map(|edit| add(ground, store.path(), *edit)).collect::<Result<Vec<_>>>()?;
    ensure!(edits_shown(ground, store.path())? == RECORDS, "not all edits are in the patch");
    Sample::of_times(&used, 1e3)
}

/// How many changes the patch in focus has.
fn edits_shown(ground: &Ground, store: &Path) -> Result<usize> {
    let shown = ground.json(store, &["patch", "show"])?;
    let definitions = shown.get("definitions").and_then(|found| found.as_array());
    Ok(definitions.context("patch show has no definitions")?.len())
}

fn reads_small(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = ground.copy_of(&ground.generated(SMALL)?)?;
    let mut found = edit_and_read(ground, store.path(), SMALL, 1, &["status"], "status-1-10k")?;
    found.extend(edit_and_read(ground, store.path(), SMALL, 0, &["diff"], "diff-1-10k")?);
    found.extend(edit_and_read(ground, store.path(), SMALL, MANY_EDITS, &["status"], "status-100-10k")?);
    found.extend(edit_and_read(ground, store.path(), SMALL, 0, &["diff"], "diff-100-10k")?);
    Ok(found)
}

fn reads_large(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = ground.copy_of(&ground.generated(LARGE)?)?;
    let mut found = edit_and_read(ground, store.path(), LARGE, 1, &["status"], "status-1-100k")?;
    found.extend(edit_and_read(ground, store.path(), LARGE, MANY_EDITS, &["status"], "status-100-100k")?);
    Ok(found)
}

/// Brings the patch in focus to so many edits (0: leaves it), then runs a reading command.
fn edit_and_read(
    ground: &Ground,
    store: &Path,
    corpus: Corpus,
    edits: usize,
    args: &[&str],
    name: &'static str,
) -> Result<Vec<(&'static str, Sample)>> {
    if edits > 0 {
        for edit in corpus.edits(2, edits, 1) {
            add(ground, store, edit)?;
        }
        let shown = edits_shown(ground, store)?;
        ensure!(shown == edits, "{shown} of {edits} edits are there");
    }
    let used = (0..READS).map(|_| ground.run(store, args)).collect::<Result<Vec<_>>>()?;
    Ok(vec![(name, Sample::of_times(&used, 1e3)?)])
}
