//! The table of figures in the documentation, made from the record.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::peers::Kind;
use super::report::{Record, spelled};
use super::rows::{self, Row};

/// The page that has the table.
pub const PAGE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- The table below is written by `cargo xtask codegen` from docs/bench.json. -->";
const END: &str = "<!-- The end of that table. -->";

/// The page as it should be.
pub fn wanted(root: &Path, present: &str) -> Result<String> {
    let record = Record::load(&root.join(super::RECORD))?.unwrap_or_default();
    let (before, rest) = present.split_once(BEGIN).with_context(|| format!("{PAGE} has no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(&record)?))
}

/// Brings the page up to date.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join(PAGE);
    let present = fs::read_to_string(&path).with_context(|| format!("{PAGE} cannot be read"))?;
    fs::write(&path, wanted(root, &present)?).with_context(|| format!("{PAGE} cannot be written"))
}

fn table(record: &Record) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "Measured on {} at commit `{}`: {}, {} cores, {}.\n",
        record.date, record.revision, record.machine.processor, record.machine.cores, record.machine.system
    )?;
    for (name, peer) in &record.peers {
        writeln!(text, "- {name}: `{}`, {}", peer.version, peer.date)?;
    }
    if !record.peers.is_empty() {
        text.push('\n');
    }
    let names = Kind::ALL.map(Kind::name);
    writeln!(text, "| figure | what | goal | median | p95 | CPU | above floor | {} |", names.join(" | "))?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|---|")?;
    let floor = record.rows.get(super::FLOOR).map(|floor| floor.median);
    for row in rows::all() {
        line(&mut text, row, record, floor)?;
    }
    Ok(text)
}

fn line(text: &mut String, row: &Row, record: &Record, floor: Option<f64>) -> Result<()> {
    let ours = record.rows.get(row.name);
    let of = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| spelled(value, row.unit));
    let above = ours.zip(floor).filter(|_| row.of_a_process).map(|(ours, floor)| ours.median - floor);
    write!(
        text,
        "| `{}` | {} | {} | {} | {} | {} | {} |",
        row.name,
        row.what,
        spelled(row.goal, row.unit),
        ours.map_or_else(|| "not measured".to_owned(), |ours| spelled(ours.median, row.unit)),
        of(ours.map(|ours| ours.p95)),
        of(ours.and_then(|ours| ours.cpu)),
        of(above),
    )?;
    for peer in Kind::ALL {
        let goal = row.against.iter().find(|(name, _)| *name == peer.name()).map(|(_, goal)| *goal);
        let figure = record.peers.get(peer.name()).and_then(|peer| peer.rows.get(row.name));
        let words = match (figure, ours) {
            (Some(figure), Some(ours)) => {
                let ratio = ours.median / figure.median;
                let goal = goal.map_or_else(String::new, |goal| format!(", goal {goal}×"));
                format!("{} ({ratio:.2}×{goal})", spelled(figure.median, row.unit))
            }
            (Some(figure), None) => spelled(figure.median, row.unit),
            (None, _) => goal.map_or_else(|| "–".to_owned(), |_| "missing".to_owned()),
        };
        write!(text, " {words} |")?;
    }
    text.push('\n');
    Ok(())
}
