//! Many processes that write to one store at once.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::corpus::{self, Edit};
use super::ground::{Ground, Program};
use super::rows::{Row, Unit};
use super::sample::{self, Sample};
use super::scale::SMALL;

const WRITERS: usize = 20;
/// Saves of each long-lived process.
const SAVES: usize = 1000;
/// Definitions that one of them goes round, as `bench_tool` has it.
const SAVED_DEFINITIONS: usize = 50;
/// `dm add`s of each shell.
const ADDS: usize = 20;

/// The figures of this file.
pub const ROWS: [Row; 3] = [
    Row::new("writers", "20 long-lived processes, 1,000 saves each: saves of all", 500.0, Unit::PerSecond, |ground| {
        ground.together("writers", writers)
    }),
    Row::new("writers-p99", "one save among them, the slowest of 100", 100.0, Unit::Milliseconds, |ground| {
        ground.together("writers-p99", writers)
    })
    .without_start(),
    Row::new("shells", "20 shells that run `dm add`: commands of all", 150.0, Unit::PerSecond, shells),
];

/// A store with a session for each writer.
fn store_with_sessions(ground: &Ground) -> Result<tempfile::TempDir> {
    let store = ground.copy_of(&ground.generated(SMALL)?)?;
    for writer in 0..WRITERS {
        ground.run(store.path(), &["session", "new", &session(writer)])?;
    }
    Ok(store)
}

fn session(writer: usize) -> String {
    format!("writer-{writer:02}")
}

/// Each session has its own patch with all that it wrote, and nothing else.
fn check(ground: &Ground, store: &Path, definitions: usize) -> Result<()> {
    for writer in 0..WRITERS {
        let shown = ground.json(store, &["patch", "show", "--session", &session(writer)])?;
        let found = shown.get("definitions").and_then(|found| found.as_array()).map_or(0, Vec::len);
        ensure!(found == definitions, "{} has {found} changes, not {definitions}", session(writer));
    }
    ground.run(store, &["verify"]).map(|_| ())
}

fn writers(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let store = store_with_sessions(ground)?;
    let mut running = Vec::new();
    for writer in 0..WRITERS {
        let folder = store.path().to_string_lossy();
        let args = ["writer", &folder, &session(writer), &SAVES.to_string(), &(writer + 1).to_string()];
        let mut child = ground.tool_command(&args)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut printed = BufReader::new(child.stdout.take().context("a writer has no output")?);
        let mut line = String::new();
        printed.read_line(&mut line)?;
        ensure!(line.trim() == "ready", "a writer did not begin: {line:?}");
        running.push((child, printed));
    }
    let begin = Instant::now();
    for (child, _) in &mut running {
        child.stdin.take().context("a writer has no input")?.write_all(b"\n")?;
    }
    let mut took = Vec::with_capacity(WRITERS * SAVES);
    for (mut child, mut printed) in running {
        let mut lines = String::new();
        printed.read_to_string(&mut lines)?;
        ensure!(child.wait()?.success(), "a writer failed");
        took.extend(lines.lines().map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?);
    }
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(took.len() == WRITERS * SAVES, "{} saves of {}", took.len(), WRITERS * SAVES);
    check(ground, store.path(), SAVED_DEFINITIONS)?;
    let p99 = Sample::new(took)?.at(0.99);
    let speed = (WRITERS * SAVES) as f64 / seconds;
    Ok(vec![("writers", Sample::new(vec![speed])?), ("writers-p99", Sample::new(vec![p99])?)])
}

/// A shell's work: one `dm add` after the other in a session of its own.
fn shell(ground: &Program, store: &Path, writer: usize) -> Result<()> {
    let input = store.join(format!("edit-{writer}.dark"));
    for add in 0..ADDS {
        let edit = Edit { number: writer * ADDS + add, edition: 1 };
        fs::write(&input, corpus::edit_file(edit))?;
        let mut command = ground.dm(store, &["add", "-", "--session", &session(writer), "--intent", "Work of a shell"]);
        sample::run(command.stdin(fs::File::open(&input)?))?;
    }
    Ok(())
}

fn shells(ground: &Ground) -> Result<Sample> {
    let store = store_with_sessions(ground)?;
    let program = ground.program()?;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (program, store) = (&program, store.path());
                scope.spawn(move || shell(program, store, writer))
            })
            .collect();
        let outcomes =
            running.into_iter().map(|shell| shell.join().map_err(|_| anyhow::anyhow!("a shell broke off"))?);
        outcomes.collect::<Result<Vec<()>>>()
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    check(ground, store.path(), ADDS)?;
    Sample::new(vec![(WRITERS * ADDS) as f64 / seconds])
}
