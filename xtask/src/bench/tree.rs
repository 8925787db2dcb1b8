//! Figures on the public Darklang tree.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::ground::{Ground, bytes_in};
use super::rows::{Row, Unit};
use super::sample::{self, LONG_RUNS, Sample};
use crate::step;

/// The figures of this file.
pub const ROWS: [Row; 13] = [
    Row::new("floor", "a program that does nothing: how fast the machine is", 0.5, Unit::Milliseconds, floor)
        .without_start(),
    row("import", "import of the public tree into an empty store", 0.5, Unit::Seconds, |ground| {
        ground.together("import", imports)
    }),
    row("import-memory", "most memory during that import", 200.0, Unit::Megabytes, |ground| {
        ground.together("import-memory", imports)
    }),
    row("import-again", "import of the same tree again, nothing changed", 0.15, Unit::Seconds, import_again),
    row("store-size", "a fresh import's store on disk", 12.0, Unit::Megabytes, |ground| {
        ground.together("store-size", imports)
    }),
    row("add", "`dm add -` of one definition of the tree", 4.0, Unit::Milliseconds, add),
    row("status", "`dm status` in that store", 2.5, Unit::Milliseconds, status),
    row("show", "`dm show` of one definition", 2.5, Unit::Milliseconds, show),
    row("push", "push of the tree to an empty server over loopback", 0.8, Unit::Seconds, push),
    row("pull", "pull of the tree into an empty store over loopback", 0.8, Unit::Seconds, pull),
    row("git-import", "`dm git import` of the whole history of that tree", 60.0, Unit::Seconds, |ground| {
        ground.together("git-import", git_imports)
    }),
    row(
        "git-import-taken",
        "texts of files in that history that are taken, of 1,000",
        750.0,
        Unit::PerThousand,
        |ground| ground.together("git-import-taken", git_imports),
    ),
    row("parse", "parsing of the tree on one core", 40.0, Unit::MegabytesPerSecond, parse),
];

const fn row(
    name: &'static str,
    what: &'static str,
    goal: f64,
    unit: Unit,
    measure: fn(&Ground) -> Result<Sample>,
) -> Row {
    Row::new(name, what, goal, unit, measure).of_sources()
}

/// The definition that is edited and shown.
const DEFINITION: &str = "Darklang.Stdlib.Option.isSome";

fn imports(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let (mut used, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..LONG_RUNS {
        let store = ground.empty_store()?;
        used.push(ground.import(store.path())?);
        sizes.push(bytes_in(&store.path().join(".darkmatter"))? as f64 / 1e6);
    }
    let memory = used.iter().map(|used| used.memory as f64 / 1e6).collect();
    Ok(vec![
        ("import", Sample::of_times(&used, 1.0)?),
        ("import-memory", Sample::new(memory)?),
        ("store-size", Sample::new(sizes)?),
    ])
}

fn import_again(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    let used = (0..LONG_RUNS).map(|_| ground.import(store)).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1.0)
}

fn add(ground: &Ground) -> Result<Sample> {
    let store = ground.empty_store()?;
    ground.import(store.path())?;
    let input = ground.folder().join("edit.dark");
    sample::short(|number| {
        let text = format!(
            "module Darklang.Stdlib.Option\n\n/// Whether there is a value, as edited for the {number}. time.\n\
             let isSome (option: Option<'a>) : Bool =\n  match option with\n  | None -> false\n  | Some _ -> true\n"
        );
        fs::File::create(&input)?.write_all(text.as_bytes())?;
        let mut command = ground.dm(store.path(), &["add", "-", "--intent", "Edit for the bench"])?;
        sample::run(command.stdin(fs::File::open(&input)?))
    })
}

/// What starting any program costs: the goals of short commands were set on a machine where this took 0.46 ms.
fn floor(_: &Ground) -> Result<Sample> {
    sample::short(|_| sample::run(&mut Command::new("true")))
}

fn status(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    sample::short(|_| ground.run(store, &["status"]))
}

fn show(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    sample::short(|_| ground.run(store, &["show", DEFINITION]))
}

fn push(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    let mut used = Vec::new();
    for number in 0..LONG_RUNS {
        let target = ground.empty_store()?;
        let server = ground.serve(target.path())?;
        // A measurement may be repeated in the same store, so no name is used twice.
        let name = format!("push{number}-{}", server.child.id());
        ground.run(store, &["remote", "add", &name, &server.url])?;
        used.push(ground.run(store, &["push", &name])?);
        ground.run(store, &["remote", "remove", &name])?;
    }
    Sample::of_times(&used, 1.0)
}

fn pull(ground: &Ground) -> Result<Sample> {
    let server = ground.serve(ground.imported()?)?;
    let mut used = Vec::new();
    for _ in 0..LONG_RUNS {
        let store = ground.empty_store()?;
        ground.run(store.path(), &["remote", "add", "home", &server.url])?;
        used.push(ground.run(store.path(), &["pull", "home"])?);
    }
    Sample::of_times(&used, 1.0)
}

/// How often the whole history is brought in.
const GIT_RUNS: usize = 2;

fn git_imports(ground: &Ground) -> Result<Vec<(&'static str, Sample)>> {
    let packages = ground.packages()?;
    let packages = packages.to_string_lossy();
    let (mut used, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..GIT_RUNS {
        let store = ground.empty_store()?;
        let mut command = ground.dm(store.path(), &["git", "import", &packages, "--path", "packages", "--json"])?;
        let (usage, printed) = sample::run_and_read(&mut command, ground.folder())?;
        let report: serde_json::Value = serde_json::from_str(&printed)?;
        let field = |name: &str| report.get(name).with_context(|| format!("the report has no {name}"));
        let count = |name: &str| field(name)?.as_f64().with_context(|| format!("{name} is no number"));
        ensure!(
            count("files")? > 0.0 && field("lagging")?.as_array().is_some_and(Vec::is_empty),
            "not all files at its end are taken"
        );
        used.push(usage);
        taken.push(count("texts_taken")? / count("texts")? * 1000.0);
    }
    Ok(vec![("git-import", Sample::of_times(&used, 1.0)?), ("git-import-taken", Sample::new(taken)?)])
}

fn parse(ground: &Ground) -> Result<Sample> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "dm-syntax", "--example", "parse_speed", "--"]);
    let printed = step::read(command.arg(ground.packages()?).current_dir(&ground.workspace_root))?;
    let speed = printed.split_whitespace().collect::<Vec<_>>();
    let speed = speed.windows(2).find_map(|pair| match pair {
        [number, "MB/s"] => number.parse().ok(),
        _ => None,
    });
    Sample::new(vec![speed.context("parse_speed printed no speed")?])
}
