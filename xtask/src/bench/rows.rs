//! The figures themselves. A new one is a line in [`ROWS`] and a function.

use std::cell::OnceCell;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::sample::{self, Sample, Usage};
use crate::step;
use crate::workspace::Workspace;

/// A figure.
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    /// In its unit: at most so much, or at least so much where more is better.
    pub goal: f64,
    pub unit: Unit,
    /// Whether it is measured on the public Darklang sources.
    pub needs_sources: bool,
    pub measure: fn(&Ground) -> Result<Sample>,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    Megabytes,
    MegabytesPerSecond,
}

impl Unit {
    pub fn spelled(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::MegabytesPerSecond => "MB/s",
        }
    }

    /// Whether the first value is better than the second.
    pub fn is_better(self, first: f64, second: f64) -> bool {
        match self {
            Self::MegabytesPerSecond => first > second,
            Self::Seconds | Self::Milliseconds | Self::Megabytes => first < second,
        }
    }

    /// A difference that may be chance.
    pub fn noise(self) -> f64 {
        match self {
            Self::Seconds => 0.02,
            Self::Milliseconds => 0.3,
            Self::Megabytes => 1.0,
            Self::MegabytesPerSecond => 2.0,
        }
    }
}

const fn row(
    name: &'static str,
    what: &'static str,
    goal: f64,
    unit: Unit,
    measure: fn(&Ground) -> Result<Sample>,
) -> Row {
    Row { name, what, goal, unit, needs_sources: true, measure }
}

/// All figures, in the order of the table.
pub const ROWS: [Row; 11] = [
    Row {
        name: "floor",
        what: "a program that does nothing: how fast the machine is",
        goal: 0.5,
        unit: Unit::Milliseconds,
        needs_sources: false,
        measure: floor,
    },
    row("import", "import of the public tree into an empty store", 0.5, Unit::Seconds, import_seconds),
    row("import-memory", "most memory during that import", 200.0, Unit::Megabytes, import_memory),
    row("import-again", "import of the same tree again, nothing changed", 0.15, Unit::Seconds, import_again),
    row("store-size", "a fresh import's store on disk", 12.0, Unit::Megabytes, store_size),
    row("add", "`dm add -` of one definition of the tree", 4.0, Unit::Milliseconds, add),
    row("status", "`dm status` in that store", 2.5, Unit::Milliseconds, status),
    row("show", "`dm show` of one definition", 2.5, Unit::Milliseconds, show),
    row("push", "push of the tree to an empty server over loopback", 0.8, Unit::Seconds, push),
    row("pull", "pull of the tree into an empty store over loopback", 0.8, Unit::Seconds, pull),
    row("parse", "parsing of the tree on one core", 40.0, Unit::MegabytesPerSecond, parse),
];

/// How often a long command is run.
const LONG_RUNS: usize = 7;
/// How often a short command is run, after how many runs that do not count.
const SHORT_RUNS: usize = 200;
const WARM_UP_RUNS: usize = 20;
/// The definition that is edited and shown.
const DEFINITION: &str = "Darklang.Stdlib.Option.isSome";

/// What the figures are measured with.
pub struct Ground {
    program: Result<PathBuf, String>,
    /// The public sources, if there are any.
    pub sources: Option<PathBuf>,
    workspace_root: PathBuf,
    folder: tempfile::TempDir,
    imported: OnceCell<PathBuf>,
}

/// A server that ends with this.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ground {
    /// With the program, or with why there is none: figures that do not need it are measured all the same.
    pub fn new(workspace: &Workspace, program: Result<PathBuf, String>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dm-bench-").tempdir()?;
        let sources = std::env::var_os("DARKLANG_SRC").map(PathBuf::from);
        Ok(Self { program, sources, workspace_root: workspace.root.clone(), folder, imported: OnceCell::new() })
    }

    /// The package tree of the public sources.
    fn packages(&self) -> Result<PathBuf> {
        Ok(self.sources.as_ref().context("there are no sources")?.join("packages"))
    }

    /// A command in a store's folder, with a home of its own.
    fn dm(&self, folder: &Path, args: &[&str]) -> Result<Command> {
        let program = self.program.as_ref().map_err(|words| anyhow::anyhow!("{words}"))?;
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear().env("HOME", self.folder.path());
        command.env("DM_AUTHOR", "Bench").env("TMPDIR", self.folder.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Ok(command)
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Result<Usage> {
        sample::run(&mut self.dm(folder, args)?)
    }

    /// A folder with an empty store.
    fn empty_store(&self) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        self.run(folder.path(), &["init", "."])?;
        Ok(folder)
    }

    fn import(&self, folder: &Path) -> Result<Usage> {
        let packages = self.packages()?;
        self.run(folder, &["import", &packages.to_string_lossy(), "--intent", "Import the public packages"])
    }

    /// A store with the public tree in it, made once.
    fn imported(&self) -> Result<&Path> {
        if let Some(folder) = self.imported.get() {
            return Ok(folder);
        }
        let folder = self.empty_store()?;
        self.import(folder.path())?;
        Ok(self.imported.get_or_init(|| folder.keep()))
    }

    fn serve(&self, folder: &Path) -> Result<Server> {
        let mut command = self.dm(folder, &["serve", "--listen", "127.0.0.1:0"])?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("no server")?;
        let stdout = child.stdout.take();
        let mut server = Server { child, url: String::new() };
        let mut line = String::new();
        BufReader::new(stdout.context("the server has no output")?).read_line(&mut line)?;
        match line.split_whitespace().find(|word| word.starts_with("http://")) {
            Some(url) => server.url = url.to_owned(),
            None => bail!("the server did not say where it listens: {line:?}"),
        }
        Ok(server)
    }
}

fn imports(ground: &Ground) -> Result<Vec<(Usage, f64)>> {
    let mut found = Vec::new();
    for _ in 0..LONG_RUNS {
        let store = ground.empty_store()?;
        let used = ground.import(store.path())?;
        found.push((used, bytes_in(&store.path().join(".darkmatter"))? as f64));
    }
    Ok(found)
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn import_seconds(ground: &Ground) -> Result<Sample> {
    let used: Vec<Usage> = imports(ground)?.into_iter().map(|(used, _)| used).collect();
    Sample::of_times(&used, 1.0)
}

fn import_memory(ground: &Ground) -> Result<Sample> {
    Sample::new(imports(ground)?.into_iter().map(|(used, _)| used.memory as f64 / 1e6).collect())
}

fn store_size(ground: &Ground) -> Result<Sample> {
    Sample::new(imports(ground)?.into_iter().map(|(_, bytes)| bytes / 1e6).collect())
}

fn import_again(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    let used = (0..LONG_RUNS).map(|_| ground.import(store)).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1.0)
}

/// The time of a short command, run again and again; each run may differ by its number.
fn short(mut run: impl FnMut(usize) -> Result<Usage>) -> Result<Sample> {
    for number in 0..WARM_UP_RUNS {
        run(number)?;
    }
    let used = (0..SHORT_RUNS).map(|number| run(WARM_UP_RUNS + number)).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1e3)
}

fn add(ground: &Ground) -> Result<Sample> {
    let store = ground.empty_store()?;
    ground.import(store.path())?;
    let input = ground.folder.path().join("edit.dark");
    short(|number| {
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
    short(|_| sample::run(&mut Command::new("true")))
}

fn status(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    short(|_| ground.run(store, &["status"]))
}

fn show(ground: &Ground) -> Result<Sample> {
    let store = ground.imported()?;
    short(|_| ground.run(store, &["show", DEFINITION]))
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
