//! Applying a signed bundle of patches, in the order they were made and in another one (B4).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::corpus::Corpus;
use super::ground::Ground;
use super::rows::{Row, Unit};
use super::sample::{self, Sample};
use super::scale::SMALL;

/// Patches in the bundle.
pub const PATCHES: usize = 1000;
const RUNS: usize = 5;

/// The figures of this file.
pub const ROWS: [Row; 4] = [
    Row::new(
        "apply-1000",
        "applying a signed bundle of 1,000 patches to 10,000 definitions",
        1.0,
        Unit::Seconds,
        |ground| ground.together("apply-1000", both_orders),
    )
    .against(&[("git", 0.1), ("pijul", 0.3)]),
    Row::new("apply-1000-random", "the same in a random order that needs allow", 1.0, Unit::Seconds, |ground| {
        ground.together("apply-1000-random", both_orders)
    }),
    Row::new("apply-growth", "apply-1000-random / apply-1000", 1.3, Unit::Times, |ground| {
        ground.ratio("apply-1000-random", "apply-1000")
    }),
    Row::new("bundle-size", "that bundle as a file, for each patch", 1500.0, Unit::Bytes, bundle_size),
];

/// A store of another instance that has pulled the code base.
pub fn reader_of(ground: &Ground, corpus: Corpus) -> Result<PathBuf> {
    let source = ground.generated(corpus)?;
    ground.keep(&format!("reader-{}", corpus.size), |folder| {
        ground.init(folder, "Reader")?;
        ground.run(folder, &["remote", "add", "home", &source.to_string_lossy()])?;
        ground.run(folder, &["pull", "home"])?;
        ensure!(ground.fingerprint(folder)? == ground.fingerprint(&source)?, "the reader did not get the whole main");
        Ok(())
    })
}

/// The bundle, with the fingerprint of a main that has it.
fn bundle(ground: &Ground) -> Result<(PathBuf, String)> {
    let base = ground.generated(SMALL)?;
    let folder = ground.keep("bundle", |folder| {
        let sender = ground.copy_of(&base)?;
        ground.tool(&["history", &sender.path().to_string_lossy(), &PATCHES.to_string(), "11", "ready"])?;
        export(ground, sender.path(), &folder.join("in-order.patch"))?;
        let shuffled = ground.copy_of(&base)?;
        let (from, to) = (sender.path().to_string_lossy(), shuffled.path().to_string_lossy());
        let moved = ground.tool(&["reorder", &from, &to, "12"])?;
        ensure!(moved.trim() == PATCHES.to_string(), "{} patches were reordered", moved.trim());
        export(ground, shuffled.path(), &folder.join("random.patch"))
    })?;
    let applied = ground.copy_of(&base)?;
    take(ground, applied.path(), &folder.join("in-order.patch"))?;
    let fingerprint = ground.fingerprint(applied.path())?;
    ensure!(fingerprint != ground.fingerprint(&base)?, "the bundle changes nothing");
    Ok((folder, fingerprint))
}

/// Writes all open patches of a store into one file.
fn export(ground: &Ground, store: &Path, to: &Path) -> Result<()> {
    let all = ground.json(store, &["patch", "list", "--all"])?;
    let all = all.as_array().context("patch list answered no list")?;
    let open = all.iter().filter(|patch| patch.get("status").is_some_and(|status| status == "ready"));
    let ids: Vec<&str> = open.filter_map(|patch| patch.get("id")?.as_str()).collect();
    ensure!(ids.len() == PATCHES, "{} of {PATCHES} patches are open", ids.len());
    let to = to.to_string_lossy();
    let mut args = vec!["patch", "export", "--output", &to];
    args.extend(ids);
    ground.run(store, &args).map(|_| ())
}

fn take(ground: &Ground, store: &Path, file: &Path) -> Result<sample::Usage> {
    ground.run(store, &["patch", "import", &file.to_string_lossy(), "--apply"])
}

fn both_orders(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let (folder, wanted) = bundle(ground)?;
    let reader = reader_of(ground, SMALL)?;
    let mut found = Vec::new();
    for (name, file) in [("apply-1000", "in-order.patch"), ("apply-1000-random", "random.patch")] {
        let mut used = Vec::new();
        for _ in 0..RUNS {
            let store = ground.copy_of(&reader)?;
            used.push(take(ground, store.path(), &folder.join(file))?);
            ensure!(ground.fingerprint(store.path())? == wanted, "{file} makes another view");
        }
        found.push((name, Sample::of_times(&used, 1.0)?));
    }
    Ok(found)
}

fn bundle_size(ground: &Ground) -> Result<Sample> {
    let (folder, _) = bundle(ground)?;
    let bytes = std::fs::metadata(folder.join("in-order.patch"))?.len() as f64;
    Sample::new(vec![bytes / PATCHES as f64])
}
