//! The record of the figures, and the table for people.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::sample::Sample;
use super::{Mode, Outcome, is_worse};
use crate::step;

/// The record, as it is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The machine that it was measured on.
    pub machine: Machine,
    /// The day, as `2026-01-31`.
    pub date: String,
    /// The commit that was measured; `+` stands after it if there were changes besides.
    pub revision: String,
    /// The figures by name.
    pub rows: BTreeMap<String, Recorded>,
}

/// A machine, as far as figures depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub system: String,
}

/// A figure, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    pub what: String,
    pub unit: String,
    pub goal: f64,
    pub median: f64,
    pub p95: f64,
    /// Processor time of the middle run, where the figure is a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    pub runs: usize,
}

/// To a thousandth: more digits are chance.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Recorded {
    pub fn of(row: &Row, sample: &Sample) -> Self {
        Self {
            what: row.what.to_owned(),
            unit: row.unit.spelled().to_owned(),
            goal: row.goal,
            median: rounded(sample.median()),
            p95: rounded(sample.p95()),
            cpu: sample.cpu().map(rounded),
            runs: sample.runs(),
        }
    }
}

impl Machine {
    fn here() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            processor: processor.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS.to_owned(),
        }
    }
}

impl Record {
    /// The record, if there is one.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => {
                serde_json::from_str(&text).map(Some).with_context(|| format!("{} is no record", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(path.display().to_string()),
        }
    }

    /// The record with this machine, day and commit.
    pub fn here_and_now(mut self, root: &Path) -> Result<Self> {
        let git = |args: &[&str]| step::read(Command::new("git").args(args).current_dir(root));
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
        self.revision = format!("{}{}", commit.trim(), if changed { "+" } else { "" });
        self.date = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
        self.machine = Machine::here();
        Ok(self)
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())
    }
}

/// The first lines of the table.
pub fn print_heading() {
    println!("{:<18} {:>10} {:>10} {:>10} {:>10} {:>5}  what", "figure", "goal", "median", "p95", "cpu", "runs");
}

/// A line of the table. True if the figure is as it should be.
pub fn print_row(row: &Row, outcome: &Outcome, recorded: Option<&Recorded>, mode: Mode) -> bool {
    let unit = row.unit.spelled();
    let goal = format!("{} {unit}", row.goal);
    let sample = match outcome {
        Outcome::Measured(sample) => sample,
        Outcome::Missing => {
            println!("{:<18} {goal:>10} {:>10}  DARKLANG_SRC names no copy of the public sources", row.name, "missing");
            return true;
        }
        Outcome::Failed(words) => {
            println!("{:<18} {goal:>10} {:>10}  {words}", row.name, "failed");
            return false;
        }
    };
    let (median, p95) = (sample.median(), sample.p95());
    let (fine, word) = match (mode, recorded) {
        (Mode::Check, Some(recorded)) if is_worse(row, median, recorded.median) => {
            (false, format!("WORSE than the recorded {} {unit}: ", recorded.median))
        }
        (Mode::Check, None) => (true, "not recorded yet: ".to_owned()),
        (Mode::Check, Some(_)) => (true, String::new()),
        (Mode::Write, _) if row.unit.is_better(row.goal, median) => (false, "MISSES ITS GOAL: ".to_owned()),
        (Mode::Write, _) => (true, String::new()),
    };
    println!(
        "{:<18} {goal:>10} {:>10} {:>10} {:>10} {:>5}  {word}{}",
        row.name,
        format!("{median:.3} {unit}"),
        format!("{p95:.3} {unit}"),
        sample.cpu().map_or_else(String::new, |cpu| format!("{cpu:.3} {unit}")),
        sample.runs(),
        row.what
    );
    fine
}

/// Says so if the record comes from another machine.
pub fn print_other_machine(record: &Record) {
    let here = Machine::here();
    if here != record.machine {
        println!("the record is of another machine: {}, {} cores", record.machine.processor, record.machine.cores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        assert!(Record::load(&path).unwrap().is_none());
        let mut record = Record { date: "2026-01-31".to_owned(), ..Record::default() };
        let figure = Recorded {
            what: "a".into(),
            unit: "s".into(),
            goal: 0.5,
            median: rounded(0.123_456),
            p95: 0.2,
            cpu: Some(0.1),
            runs: 7,
        };
        record.rows.insert("import".to_owned(), figure);
        record.save(&path).unwrap();
        let read = Record::load(&path).unwrap().unwrap();
        assert_eq!((read.date.as_str(), read.rows["import"].median), ("2026-01-31", 0.123));
        fs::write(&path, "no json").unwrap();
        assert!(Record::load(&path).is_err());
    }
}
