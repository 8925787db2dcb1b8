//! The table of figures: what each is, its goal, what was measured; kept in `docs/bench.json` and compared with it.

mod bundle;
mod corpus;
mod disk;
mod ground;
mod meaning;
mod network;
pub mod page;
mod peers;
mod relay;
mod report;
mod rows;
mod sample;
mod scale;
mod search;
mod tree;
mod writers;

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::ground::Ground;
use crate::bench::report::{Beside, PeerFigure, Record, Recorded};
use crate::bench::rows::Row;
use crate::bench::sample::Sample;
use crate::workspace::{Profile, Workspace};

const RECORD: &str = "docs/bench.json";
/// The figure that says what starting a process costs.
const FLOOR: &str = "floor";
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

/// What is measured, with what.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only figures whose name contains one of these texts, separated by commas.
    pub only: Option<String>,
    /// The program; a fresh release build if none is named.
    pub program: Option<String>,
    /// `bench_tool` of `dm-engine`; a fresh release build if none is named.
    pub tool: Option<String>,
    /// Of the other programs, only this one.
    pub peer: Option<String>,
}

impl Choice {
    fn names(&self, figure: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|text| figure.contains(text)))
    }

    fn rows(&self) -> Result<Vec<&'static Row>> {
        let all = rows::all();
        let names = all.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
        let rows: Vec<&'static Row> = all.into_iter().filter(|row| self.names(row.name)).collect();
        ensure!(!rows.is_empty(), "no figure is named so; there are {names}");
        Ok(rows)
    }

    fn ground(&self, workspace: &Workspace) -> Result<Ground> {
        let there = |path: &String| fs::canonicalize(path).with_context(|| format!("{path} is not there"));
        let tool = self.tool.as_ref().map(there).transpose()?;
        let program = self.program.as_ref().map_or_else(|| workspace.build_dm(Profile::Release), there);
        Ground::new(workspace, program.map_err(|error| format!("no program: {error:#}")), tool)
    }
}

/// Measures and prints the figures chosen. True if each reached its goal (`Write`) or is no worse than its record (`Check`).
pub fn bench(workspace: &Workspace, mode: Mode, choice: &Choice) -> Result<bool> {
    let rows = choice.rows()?;
    let path = workspace.root.join(RECORD);
    let record = Record::load(&path)?;
    let record = match (mode, record) {
        (Mode::Check, None) => bail!("{RECORD} is not there to compare with"),
        (_, record) => record.unwrap_or_default(),
    };
    let ground = choice.ground(workspace)?;
    report::print_heading();
    let (mut fine, mut fresh) = (true, record.clone());
    let mut floor = record.rows.get(FLOOR).map(|floor| floor.median);
    for row in rows {
        let recorded = record.rows.get(row.name);
        let outcome = match measure(row, &ground) {
            Outcome::Measured(sample) if mode == Mode::Check => {
                Outcome::Measured(again_if_worse(row, &ground, sample, recorded))
            }
            outcome => outcome,
        };
        if let Outcome::Measured(sample) = &outcome
            && row.name == FLOOR
        {
            floor = Some(sample.median());
        }
        fine &= report::print_row(row, &outcome, &Beside { recorded, record: &record, floor }, mode);
        if let Outcome::Measured(sample) = outcome {
            ground.note_median(row.name, sample.median());
            fresh.rows.insert(row.name.to_owned(), Recorded::of(row, &sample));
            // After each: a bench that is broken off leaves what it has.
            if mode == Mode::Write {
                fresh = fresh.here_and_now(&workspace.root)?;
                fresh.save(&path)?;
            }
        }
    }
    match mode {
        Mode::Write => written(workspace)?,
        Mode::Check => report::print_other_machine(&record),
    }
    Ok(fine)
}

/// Says that the record is written, and brings the page with the table up to date.
fn written(workspace: &Workspace) -> Result<()> {
    page::write(&workspace.root)?;
    println!("{RECORD} and {} are written", page::PAGE);
    Ok(())
}

/// Measures other programs at the same jobs and records that beside ours. True if none of them failed.
pub fn bench_peers(workspace: &Workspace, choice: &Choice) -> Result<bool> {
    let path = workspace.root.join(RECORD);
    let mut record = Record::load(&path)?.unwrap_or_default();
    let ground = Ground::new(workspace, Err("not needed".to_owned()), None)?;
    let wanted = |job: &&peers::Job| job.figures.iter().any(|figure| choice.names(figure));
    let mut fine = true;
    for kind in peers::Kind::ALL {
        if choice.peer.as_ref().is_some_and(|name| name != kind.name()) {
            continue;
        }
        let Some(peer) = peers::Peer::find(kind, &ground)? else {
            println!("{:<18} missing: it is not installed", kind.name());
            continue;
        };
        println!("{}", peer.version);
        for job in peers::JOBS.iter().filter(|job| job.peers.contains(&kind)).filter(wanted) {
            let found = match (job.measure)(&peer) {
                Ok(found) => found,
                Err(error) => {
                    println!("  {:<18} failed: {error:#}", job.figures.join(", "));
                    fine = false;
                    continue;
                }
            };
            let kept = record.peers.entry(kind.name().to_owned()).or_default();
            kept.version.clone_from(&peer.version);
            kept.date = report::today();
            for (name, unit, sample) in found {
                println!("  {name:<18} {:>12} {:>5}", report::spelled(sample.median(), unit), sample.runs());
                kept.rows.insert(name.to_owned(), PeerFigure::of(unit, &sample));
            }
            record.save(&path)?;
        }
    }
    written(workspace)?;
    Ok(fine)
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
        Row::new("x", "x", 1.0, unit, |_| bail!("not measured here"))
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
