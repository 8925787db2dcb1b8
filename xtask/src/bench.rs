//! The table of figures: what each is, its goal, what was measured; kept in `docs/bench.json` and compared with it.

mod report;
mod rows;
mod sample;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::report::{Record, Recorded};
use crate::bench::rows::{Ground, ROWS, Row};
use crate::bench::sample::Sample;
use crate::workspace::{Profile, Workspace};

const RECORD: &str = "docs/bench.json";
/// How much worse than the record a figure may be.
const WORSE_BY_MAX: f64 = 0.10;
/// How often a figure that is worse is measured again before it counts: another program may have been running.
const REPEATS_MAX: usize = 3;

/// What is done with the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The record is replaced by them.
    Write,
    /// They are compared with the record.
    Check,
}

/// What has come of a row.
enum Outcome {
    Measured(Sample),
    /// It needs the public sources, and they are not there.
    Missing,
    Failed(String),
}

/// Measures and prints the rows whose name contains `only`, with the program at `program` or a fresh release build. True if each
/// reached its goal (`Write`) or is no worse than its record (`Check`).
pub fn bench(workspace: &Workspace, mode: Mode, only: Option<&str>, program: Option<&str>) -> Result<bool> {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| only.is_none_or(|text| row.name.contains(text))).collect();
    ensure!(!rows.is_empty(), "no figure is named so; there are {}", ROWS.map(|row| row.name).join(", "));
    let path = workspace.root.join(RECORD);
    let record = Record::load(&path)?;
    let record = match (mode, record) {
        (Mode::Check, None) => bail!("{RECORD} is not there to compare with"),
        (_, record) => record.unwrap_or_default(),
    };
    let ground = match program {
        Some(program) => fs::canonicalize(program).with_context(|| format!("{program} is not there")),
        None => workspace.build_dm(Profile::Release),
    };
    let ground = Ground::new(workspace, ground.map_err(|error| format!("no program: {error:#}")))?;
    report::print_heading();
    let (mut fine, mut fresh) = (true, record.clone());
    for row in rows {
        let recorded = record.rows.get(row.name);
        let outcome = match measure(row, &ground) {
            Outcome::Measured(sample) if mode == Mode::Check => {
                Outcome::Measured(again_if_worse(row, &ground, sample, recorded))
            }
            outcome => outcome,
        };
        fine &= report::print_row(row, &outcome, recorded, mode);
        if let Outcome::Measured(sample) = outcome {
            fresh.rows.insert(row.name.to_owned(), Recorded::of(row, &sample));
        }
    }
    match mode {
        Mode::Write => save(fresh, workspace, &path)?,
        Mode::Check => report::print_other_machine(&record),
    }
    Ok(fine)
}

fn save(fresh: Record, workspace: &Workspace, path: &Path) -> Result<()> {
    if fresh.rows.is_empty() {
        println!("nothing was measured, {RECORD} is left as it is");
        return Ok(());
    }
    fresh.here_and_now(&workspace.root)?.save(path)?;
    println!("{RECORD} is written");
    Ok(())
}

fn measure(row: &Row, ground: &Ground) -> Outcome {
    if row.needs_sources && ground.sources.is_none() {
        return Outcome::Missing;
    }
    match (row.measure)(ground) {
        Ok(sample) => Outcome::Measured(sample),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// The best of some measurements, where the first is worse than the record.
fn again_if_worse(row: &Row, ground: &Ground, first: Sample, recorded: Option<&Recorded>) -> Sample {
    let Some(recorded) = recorded else { return first };
    let mut best = first;
    for _ in 0..REPEATS_MAX {
        if !is_worse(row, best.median(), recorded.median) {
            break;
        }
        if let Outcome::Measured(sample) = measure(row, ground)
            && row.unit.is_better(sample.median(), best.median())
        {
            best = sample;
        }
    }
    best
}

/// Whether a figure is worse than its record by more than is allowed and more than chance.
fn is_worse(row: &Row, now: f64, recorded: f64) -> bool {
    let difference = if row.unit.is_better(1.0, 2.0) { now - recorded } else { recorded - now };
    difference > recorded * WORSE_BY_MAX && difference > row.unit.noise()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::Unit;

    fn row(unit: Unit) -> Row {
        Row { name: "x", what: "x", goal: 1.0, unit, needs_sources: false, measure: |_| bail!("not measured here") }
    }

    #[test]
    fn worse_is_more_than_a_tenth_and_more_than_chance() {
        let seconds = row(Unit::Seconds);
        assert!(!is_worse(&seconds, 0.54, 0.50));
        assert!(is_worse(&seconds, 0.56, 0.50));
        assert!(!is_worse(&seconds, 0.40, 0.50));
        let milliseconds = row(Unit::Milliseconds);
        assert!(!is_worse(&milliseconds, 1.25, 1.0), "within the noise of a process start");
        assert!(is_worse(&milliseconds, 1.5, 1.0));
        let speed = row(Unit::MegabytesPerSecond);
        assert!(is_worse(&speed, 40.0, 50.0));
        assert!(!is_worse(&speed, 60.0, 50.0));
    }
}
