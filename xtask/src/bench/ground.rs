//! What the figures are measured with: the program, a folder of their own, stores that several of them need.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::corpus::Corpus;
use super::sample::{self, Sample, Usage};
use crate::workspace::Workspace;

/// What the figures are measured with.
pub struct Ground {
    program: Result<PathBuf, String>,
    /// The program of `crates/engine/examples` that makes histories and writes as a long-lived process.
    tool: OnceCell<Result<PathBuf, String>>,
    /// The public sources, if there are any.
    pub sources: Option<PathBuf>,
    pub workspace_root: PathBuf,
    workspace_target: PathBuf,
    folder: tempfile::TempDir,
    imported: OnceCell<PathBuf>,
    /// What was made once and is only read or copied since, by name.
    kept: RefCell<BTreeMap<String, PathBuf>>,
    /// Figures that were measured along with another one and not asked for yet.
    along: RefCell<BTreeMap<&'static str, Sample>>,
    /// The middle values of what was measured.
    medians: RefCell<BTreeMap<&'static str, f64>>,
}

/// The program, and the home that it is run in.
pub struct Program {
    path: PathBuf,
    home: PathBuf,
}

impl Program {
    /// A command in a store's folder, sealed from this machine's settings.
    pub fn dm(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear().env("HOME", &self.home);
        command.env("TMPDIR", &self.home);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }
}

/// A server that ends with this.
pub struct Server {
    pub child: Child,
    pub url: String,
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
    pub fn new(workspace: &Workspace, program: Result<PathBuf, String>, tool: Option<PathBuf>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dm-bench-").tempdir()?;
        let sources = std::env::var_os("DARKLANG_SRC").map(PathBuf::from);
        Ok(Self {
            program,
            tool: tool.map_or_else(OnceCell::new, |tool| OnceCell::from(Ok(tool))),
            sources,
            workspace_root: workspace.root.clone(),
            workspace_target: workspace.target.clone(),
            folder,
            imported: OnceCell::new(),
            kept: RefCell::default(),
            along: RefCell::default(),
            medians: RefCell::default(),
        })
    }

    /// The folder that everything is in, which is also everyone's home.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new folder that is gone with the answer.
    pub fn new_folder(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(self.folder())?)
    }

    /// A figure that is measured together with others: `job` gives them all, and those not asked for yet are kept.
    pub fn together(
        &self,
        name: &str,
        job: impl FnOnce(&Self) -> Result<Vec<(&'static str, Sample)>>,
    ) -> Result<Sample> {
        if let Some(sample) = self.along.borrow_mut().remove(name) {
            return Ok(sample);
        }
        let found = job(self)?;
        self.along.borrow_mut().extend(found);
        self.along.borrow_mut().remove(name).with_context(|| format!("{name} was not measured"))
    }

    /// Remembers a figure, for those that are made of it.
    pub fn note_median(&self, name: &'static str, median: f64) {
        self.medians.borrow_mut().insert(name, median);
    }

    /// One figure divided by another; both were measured before.
    pub fn ratio(&self, above: &str, below: &str) -> Result<Sample> {
        let of = |name: &str| {
            let found = self.medians.borrow().get(name).copied();
            found.with_context(|| format!("{name} was not measured; name it with --only too"))
        };
        Sample::new(vec![of(above)? / of(below)?])
    }

    /// A folder that is made once: what is in it must not be changed.
    pub fn keep(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        if let Some(found) = self.kept.borrow().get(name) {
            return Ok(found.clone());
        }
        let folder = self.new_folder()?;
        make(folder.path())?;
        let path = folder.keep();
        self.kept.borrow_mut().insert(name.to_owned(), path.clone());
        Ok(path)
    }

    /// The generated code base as one file per module.
    pub fn modules(&self, corpus: Corpus) -> Result<PathBuf> {
        self.keep(&format!("modules-{}", corpus.size), |folder| corpus.write_modules(folder))
    }

    /// A store with the generated code base in it.
    pub fn generated(&self, corpus: Corpus) -> Result<PathBuf> {
        let modules = self.modules(corpus)?;
        self.keep(&format!("store-{}", corpus.size), |folder| {
            self.init(folder, "Bench")?;
            self.import_from(folder, &modules).map(|_| ())
        })
    }

    /// A copy of a store that nothing has open: the same instance, to be changed.
    pub fn copy_of(&self, store: &Path) -> Result<tempfile::TempDir> {
        let folder = self.new_folder()?;
        copy_folder(store, folder.path())?;
        Ok(folder)
    }

    /// Imports a folder in one command.
    pub fn import_from(&self, folder: &Path, from: &Path) -> Result<Usage> {
        self.run(folder, &["import", &from.to_string_lossy(), "--intent", "Import for the bench"])
    }

    /// What a command answers with `--json`.
    pub fn json(&self, folder: &Path, args: &[&str]) -> Result<serde_json::Value> {
        let mut command = self.dm(folder, args)?;
        let printed = crate::step::read(command.arg("--json").stderr(Stdio::null()))?;
        serde_json::from_str(&printed).with_context(|| format!("{args:?} answered no JSON"))
    }

    /// The fingerprint of a store's main.
    pub fn fingerprint(&self, folder: &Path) -> Result<String> {
        let status = self.json(folder, &["status"])?;
        let found = status.get("view_fingerprint").and_then(|found| found.as_str());
        found.map(str::to_owned).context("status has no fingerprint")
    }

    /// Runs the program of `crates/engine/examples`, and gives back what it printed.
    pub fn tool(&self, args: &[&str]) -> Result<String> {
        crate::step::read(self.tool_command(args)?.stdin(Stdio::null()))
    }

    /// A command of the program of `crates/engine/examples`, which is built when first asked for.
    pub fn tool_command(&self, args: &[&str]) -> Result<Command> {
        let built = self.tool.get_or_init(|| {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--release", "--package", "dm-engine", "--example", "bench_tool"]);
            crate::step::run(build.current_dir(&self.workspace_root)).map_err(|error| format!("{error:#}"))?;
            let name = format!("bench_tool{}", std::env::consts::EXE_SUFFIX);
            Ok(self.workspace_target.join("release").join("examples").join(name))
        });
        let mut command = Command::new(built.as_ref().map_err(|words| anyhow::anyhow!("no bench_tool: {words}"))?);
        command.args(args);
        Ok(command)
    }

    /// The package tree of the public sources.
    pub fn packages(&self) -> Result<PathBuf> {
        Ok(self.sources.as_ref().context("there are no sources")?.join("packages"))
    }

    /// The program, to be run from other threads too.
    pub fn program(&self) -> Result<Program> {
        let path = self.program.as_ref().map_err(|words| anyhow::anyhow!("{words}"))?;
        Ok(Program { path: path.clone(), home: self.folder().to_path_buf() })
    }

    /// A command in a store's folder, with a home of its own.
    pub fn dm(&self, folder: &Path, args: &[&str]) -> Result<Command> {
        Ok(self.program()?.dm(folder, args))
    }

    pub fn run(&self, folder: &Path, args: &[&str]) -> Result<Usage> {
        sample::run(&mut self.dm(folder, args)?)
    }

    /// Makes a store whose patches bear this name.
    pub fn init(&self, folder: &Path, author: &str) -> Result<()> {
        self.run(folder, &["init", ".", "--author", author]).map(|_| ())
    }

    /// A folder with an empty store.
    pub fn empty_store(&self) -> Result<tempfile::TempDir> {
        let folder = self.new_folder()?;
        self.init(folder.path(), "Bench")?;
        Ok(folder)
    }

    pub fn import(&self, folder: &Path) -> Result<Usage> {
        let packages = self.packages()?;
        self.run(folder, &["import", &packages.to_string_lossy(), "--intent", "Import the public packages"])
    }

    /// A store with the public tree in it, made once.
    pub fn imported(&self) -> Result<&Path> {
        if let Some(folder) = self.imported.get() {
            return Ok(folder);
        }
        let folder = self.empty_store()?;
        self.import(folder.path())?;
        Ok(self.imported.get_or_init(|| folder.keep()))
    }

    pub fn serve(&self, folder: &Path) -> Result<Server> {
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

/// How many bytes the files of a folder have, those of folders in it too.
pub fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Copies what is in a folder into another one.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.metadata()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}
