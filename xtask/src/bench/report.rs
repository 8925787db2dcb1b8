//! The record of the figures, and the table for people.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::peers::Kind;
use super::rows::{Row, Unit};
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
    /// The same jobs done by other programs, by the program's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<String, PeerRecord>,
}

/// What another program took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PeerRecord {
    /// What it says of its version.
    pub version: String,
    /// The day of the last figure.
    pub date: String,
    /// Its figures by the name of ours.
    pub rows: BTreeMap<String, PeerFigure>,
}

/// A figure of another program, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerFigure {
    pub unit: String,
    pub median: f64,
    pub p95: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    pub runs: usize,
}

impl PeerFigure {
    pub fn of(unit: Unit, sample: &Sample) -> Self {
        Self {
            unit: unit.spelled().to_owned(),
            median: rounded(sample.median()),
            p95: rounded(sample.p95()),
            cpu: sample.cpu().map(rounded),
            runs: sample.runs(),
        }
    }
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

/// The day, in UTC.
pub fn today() -> String {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
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
        self.date = today();
        self.machine = Machine::here();
        Ok(self)
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())
    }
}

/// The first line of the table.
pub fn print_heading() {
    println!(
        "{:<18} {:>12} {:>12} {:>12} {:>12} {:>12} {:>5}  what",
        "figure", "goal", "median", "p95", "cpu", "above floor", "runs"
    );
}

/// What a row is compared with.
pub struct Beside<'r> {
    /// Its own record.
    pub recorded: Option<&'r Recorded>,
    /// The record of all.
    pub record: &'r Record,
    /// What starting any process costs, in milliseconds.
    pub floor: Option<f64>,
}

/// A value with its unit, with as many digits as mean something.
pub fn spelled(value: f64, unit: Unit) -> String {
    let digits = match unit {
        Unit::Bytes | Unit::Count | Unit::PerSecond | Unit::PerThousand => 0,
        Unit::Times | Unit::Milliseconds => 2,
        Unit::Seconds | Unit::Megabytes | Unit::MegabytesPerSecond => 3,
    };
    format!("{value:.digits$} {}", unit.spelled()).trim_end().to_owned()
}

/// A line of the table. True if the figure is as it should be.
pub fn print_row(row: &Row, outcome: &Outcome, beside: &Beside<'_>, mode: Mode) -> bool {
    let goal = spelled(row.goal, row.unit);
    let sample = match outcome {
        Outcome::Measured(sample) => sample,
        Outcome::Missing => {
            println!("{:<18} {goal:>12} {:>12}  DARKLANG_SRC names no copy of the public sources", row.name, "missing");
            return true;
        }
        Outcome::Failed(words) => {
            println!("{:<18} {goal:>12} {:>12}  {words}", row.name, "failed");
            return false;
        }
    };
    let (median, p95) = (sample.median(), sample.p95());
    let (mut fine, word) = match (mode, beside.recorded) {
        (Mode::Check, Some(recorded)) if is_worse(row, median, recorded.median) => {
            (false, format!("WORSE than the recorded {}: ", spelled(recorded.median, row.unit)))
        }
        (Mode::Check, None) => (true, "not recorded yet: ".to_owned()),
        (Mode::Check, Some(_)) => (true, String::new()),
        (Mode::Write, _) if row.unit.is_better(row.goal, median) => (false, "MISSES ITS GOAL: ".to_owned()),
        (Mode::Write, _) => (true, String::new()),
    };
    let above = beside.floor.filter(|_| row.of_a_process).map(|floor| spelled(median - floor, row.unit));
    println!(
        "{:<18} {goal:>12} {:>12} {:>12} {:>12} {:>12} {:>5}  {word}{}",
        row.name,
        spelled(median, row.unit),
        spelled(p95, row.unit),
        sample.cpu().map_or_else(String::new, |cpu| spelled(cpu, row.unit)),
        above.unwrap_or_default(),
        sample.runs(),
        row.what
    );
    fine &= print_peers(row, median, beside.record) || mode == Mode::Check;
    fine
}

/// What others took for the same, as recorded. True if all goals in relation to them are reached.
fn print_peers(row: &Row, median: f64, record: &Record) -> bool {
    let mut fine = true;
    let mut words = Vec::new();
    for peer in Kind::ALL {
        let goal = row.against.iter().find(|(name, _)| *name == peer.name()).map(|(_, goal)| *goal);
        let figure = record.peers.get(peer.name()).and_then(|peer| peer.rows.get(row.name));
        let Some(figure) = figure else {
            words.extend(goal.map(|_| format!("{} missing", peer.name())));
            continue;
        };
        let ratio = median / figure.median;
        let missed = goal.is_some_and(|goal| ratio > goal);
        fine &= !missed;
        words.push(format!(
            "{} {}: ours is {ratio:.2}x{}{}",
            peer.name(),
            spelled(figure.median, row.unit),
            goal.map_or_else(String::new, |goal| format!(", goal {goal}x")),
            if missed { " MISSED" } else { "" }
        ));
    }
    if !words.is_empty() {
        println!("{:<18} {}", "", words.join("; "));
    }
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
