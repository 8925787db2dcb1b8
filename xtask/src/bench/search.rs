//! Figures of searches among 100,000 definitions.

use anyhow::{Context as _, Result};

use super::ground::Ground;
use super::rows::{Row, Unit};
use super::sample::{self, LONG_RUNS, Sample};
use super::scale::LARGE;

/// Searches that are measured: each of the tool's several times over.
const SEARCHES: usize = 260;

/// The figures of this file.
pub const ROWS: [Row; 3] = [
    Row::new("search-name", "search by words among 100,000, the whole call, warm", 5.0, Unit::Milliseconds, |ground| {
        searches(ground, "words")
    })
    .without_start(),
    Row::new("search-type", "search by type among 100,000, the whole call, warm", 20.0, Unit::Milliseconds, |ground| {
        searches(ground, "types")
    })
    .without_start(),
    Row::new("search-first", "the first search after an import of 100,000", 5.0, Unit::Seconds, first),
];

fn searches(ground: &Ground, what: &str) -> Result<Sample> {
    let store = ground.copy_of(&ground.generated(LARGE)?)?;
    let printed = ground.tool(&["search", &store.path().to_string_lossy(), &SEARCHES.to_string(), what])?;
    let times = printed.lines().map(|line| line.parse::<f64>().context("no time")).collect::<Result<Vec<_>>>()?;
    Sample::new(times)
}

fn first(ground: &Ground) -> Result<Sample> {
    let store = ground.generated(LARGE)?;
    let once = |_| {
        let copy = ground.copy_of(&store)?;
        sample::run(&mut ground.dm(copy.path(), &["search", "calc012345"])?)
    };
    Sample::of_times(&(0..LONG_RUNS).map(once).collect::<Result<Vec<_>>>()?, 1.0)
}
