//! A sealed environment: machines of a temporary folder, each with a home of its own, a clock that stands still, seeded dice,
//! and nothing of the surroundings but `PATH`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::filters::Filters;

/// Where the clock of every sandbox begins: 2026-01-01T00:00:00Z, in milliseconds.
const CLOCK_START_MS: u64 = 1_767_225_600_000;
/// How far the clock is moved before each command, so that what one did is before what the next does.
const CLOCK_STEP_MS: u64 = 60_000;

/// A temporary folder with machines in it; gone when the last handle on it is dropped.
#[derive(Debug, Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: tempfile::TempDir,
    root: PathBuf,
    program: PathBuf,
    seed: String,
    commands_started: AtomicU64,
}

/// A machine of a sandbox: a home, a current folder, environment variables.
#[derive(Debug, Clone)]
pub struct Machine {
    shared: Arc<Shared>,
    name: String,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The command as typed, for messages.
    pub typed: String,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

/// A server in the background. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The line by which it said that it is ready.
    pub ready_line: String,
    log: PathBuf,
}

impl Sandbox {
    /// A sandbox for a built program. The seed of its dice is the same every time.
    ///
    /// # Panics
    /// If no temporary folder can be made.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self::with_seed(program, "sandbox")
    }

    /// A sandbox whose dice follow `seed`.
    ///
    /// # Panics
    /// If no temporary folder can be made.
    #[must_use]
    pub fn with_seed(program: impl Into<PathBuf>, seed: impl Into<String>) -> Self {
        let made = || {
            let folder = tempfile::Builder::new().prefix("dm-sandbox-").tempdir()?;
            let root = fs::canonicalize(folder.path())?;
            fs::create_dir_all(root.join("tmp"))?;
            io::Result::Ok((folder, root))
        };
        let (folder, root) = made().unwrap_or_else(|error| panic!("no sandbox: {error}"));
        let (program, seed) = (program.into(), seed.into());
        Self { shared: Arc::new(Shared { folder, root, program, seed, commands_started: AtomicU64::new(0) }) }
    }

    /// The machine of that name, made at its first mention, in its folder `code`.
    ///
    /// # Panics
    /// If its folders cannot be made.
    #[must_use]
    pub fn machine(&self, name: &str) -> Machine {
        let folder = self.shared.root.join(name).join("code");
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Machine { shared: Arc::clone(&self.shared), name: name.to_owned(), folder, variables: Vec::new() }
    }

    /// The folder with all machines in it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// Filters for what differs from run to run: the sandbox's own folder becomes `[ROOT]`, then ports and durations.
    #[must_use]
    pub fn filters(&self) -> Filters {
        Filters::new()
            .text(self.shared.root.to_string_lossy(), "[ROOT]")
            .text(self.shared.folder.path().to_string_lossy(), "[ROOT]")
            .ports()
            .durations()
    }
}

impl Machine {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its home folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.shared.root.join(&self.name)
    }

    /// Its current folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same machine in another current folder, seen from the present one; made if missing.
    ///
    /// # Panics
    /// If the folder cannot be made.
    #[must_use]
    pub fn at(&self, folder: impl AsRef<Path>) -> Self {
        let folder = self.folder.join(folder);
        let made = fs::create_dir_all(&folder).and_then(|()| fs::canonicalize(&folder));
        let folder = made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { folder, ..self.clone() }
    }

    /// Another machine of the same sandbox, with the same environment variables.
    ///
    /// # Panics
    /// If its folders cannot be made.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        let sandbox = Sandbox { shared: Arc::clone(&self.shared) };
        Self { variables: self.variables.clone(), ..sandbox.machine(name) }
    }

    /// The same machine with an environment variable set.
    #[must_use]
    pub fn with_env(&self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let mut machine = self.clone();
        machine.variables.push((name.into(), value.into()));
        machine
    }

    /// Writes a file, seen from the current folder, with the folders that it needs.
    ///
    /// # Panics
    /// If it cannot be written.
    #[track_caller]
    pub fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file, seen from the current folder.
    ///
    /// # Panics
    /// If it cannot be read as text.
    #[must_use]
    #[track_caller]
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.folder.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Copies a folder of the surroundings to a path seen from the current folder.
    ///
    /// # Panics
    /// If anything cannot be copied.
    #[track_caller]
    pub fn copy_folder(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let to = self.folder.join(to);
        copy_all(from.as_ref(), &to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    }

    /// The command, sealed and ready to be run: for tests that want more than [`Machine::dm`]. Each command made has a later
    /// clock (`DM_NOW`) and other dice (`DM_SEED`) than the one before.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(&self.shared.program);
        command.args(args);
        self.seal(&mut command);
        command
    }

    /// Gives any command this machine's environment.
    pub(crate) fn seal(&self, command: &mut Command) {
        let number = self.shared.commands_started.fetch_add(1, Ordering::SeqCst);
        let home = self.home();
        command.current_dir(&self.folder).env_clear().stdin(Stdio::null());
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        for (name, below) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
        ] {
            command.env(name, if below.is_empty() { home.clone() } else { home.join(below) });
        }
        command
            .env("TMPDIR", self.shared.root.join("tmp"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("TERM", "dumb")
            .env("NO_COLOR", "1")
            .env("DM_NOW", (CLOCK_START_MS + number * CLOCK_STEP_MS).to_string())
            .env("DM_SEED", format!("{}/{}/{number}", self.shared.seed, self.name));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    /// Runs the program with nothing on its standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn dm(&self, args: &[&str]) -> Ran {
        self.dm_with_input(args, "")
    }

    /// Runs the program with a text on its standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn dm_with_input(&self, args: &[&str], input: &str) -> Ran {
        let typed = format!("{}$ dm {}", self.name, args.join(" "));
        let mut command = self.command(args);
        run(&mut command, input, typed.clone()).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }

    /// The command under another program, which gets `before` and then the program and its arguments.
    pub(crate) fn command_under(&self, over: &str, before: &[&str], args: &[&str]) -> Command {
        let mut command = Command::new(over);
        command.args(before).arg(&self.shared.program).args(args);
        self.seal(&mut command);
        command
    }

    /// Runs the program under another one.
    #[track_caller]
    pub(crate) fn under(&self, over: &str, before: &[&str], args: &[&str]) -> Ran {
        let typed = format!("{}$ {over} {} dm {}", self.name, before.join(" "), args.join(" "));
        let mut command = self.command_under(over, before, args);
        run(&mut command, "", typed.clone()).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }

    /// Where a server of this machine writes its standard error.
    pub(crate) fn server_log(&self) -> PathBuf {
        self.shared.root.join("tmp").join(format!("{}-server.log", self.name))
    }

    /// Starts the program as a server and waits until it has printed its first line. Its standard error goes to a file.
    ///
    /// # Panics
    /// If it cannot be started, or ends without a line.
    #[track_caller]
    pub fn serve(&self, args: &[&str]) -> Server {
        let typed = format!("{}$ dm {}", self.name, args.join(" "));
        Server::start(self.command(args), self.server_log()).unwrap_or_else(|error| panic!("{typed}: {error}"))
    }
}

pub(crate) fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs a command to its end, feeding it and hearing it at once, so that neither side can block the other.
fn run(command: &mut Command, input: &str, typed: String) -> io::Result<Ran> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let done = std::thread::scope(|scope| {
        scope.spawn(|| feed(stdin, input));
        child.wait_with_output()
    })?;
    Ok(Ran {
        typed,
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        code: done.status.code(),
    })
}

/// Writes all of an input; a program that does not read all of it is no failure.
pub(crate) fn feed(stdin: Option<std::process::ChildStdin>, input: &str) {
    if let Some(mut stdin) = stdin {
        drop(stdin.write_all(input.as_bytes()));
    }
}

impl Ran {
    /// Checks that it ended with 0.
    ///
    /// # Panics
    /// If it did not; the message has all that it printed.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Checks its exit code.
    ///
    /// # Panics
    /// If it is another; the message has all that it printed.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Self { typed, stdout, stderr, code: actual } = &self;
        assert!(*actual == Some(code), "{typed}\nended with {actual:?}, not {code}\n{stdout}{stderr}");
        self
    }

    /// Checks that standard output has a text in it.
    ///
    /// # Panics
    /// If it has not.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "{}\ndid not print {text:?} but\n{}{}",
            self.typed,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Checks that standard error has a text in it.
    ///
    /// # Panics
    /// If it has not.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{}\ndid not say {text:?} but\n{}{}", self.typed, self.stderr, self.stdout);
        self
    }
}

impl Server {
    /// Starts a command, which must print a line when it is ready.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let mut child = command.spawn()?;
        let mut ready_line = String::new();
        let mut stdout = child.stdout.take().map(BufReader::new);
        if let Some(stdout) = &mut stdout {
            stdout.read_line(&mut ready_line)?;
        }
        // Made before the check: a server that is not ready is killed as it is dropped.
        let server = Self { child, ready_line, log };
        if server.ready_line.is_empty() {
            return Err(io::Error::other(format!("ended before it was ready\n{}", server.log())));
        }
        // What it prints later is of no interest, but must not fill the pipe.
        std::thread::spawn(move || stdout.map(|mut stdout| io::copy(&mut stdout, &mut io::sink())));
        Ok(server)
    }

    /// The URL in its first line.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        let word = self.ready_line.split(|letter: char| letter.is_whitespace() || letter == '"');
        let url = word.into_iter().find(|word| word.starts_with("http://") || word.starts_with("https://"));
        url.unwrap_or_else(|| panic!("no URL in {:?}", self.ready_line)).trim_end_matches('/').to_owned()
    }

    /// Its address and port.
    ///
    /// # Panics
    /// If its first line has no URL.
    #[must_use]
    #[track_caller]
    pub fn address(&self) -> String {
        let url = self.url();
        let (_, rest) = url.split_once("://").unwrap_or(("", &url));
        rest.split('/').next().unwrap_or(rest).to_owned()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = Vec::new();
        let read = fs::File::open(&self.log).and_then(|mut file| file.read_to_end(&mut text));
        read.map_or_else(|error| format!("no log: {error}"), |_| String::from_utf8_lossy(&text).into_owned())
    }

    /// The id of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// Whether it has ended by itself, or something killed it.
    ///
    /// # Panics
    /// If the system does not say.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap_or_else(|error| panic!("the server's state: {error}")).is_some()
    }

    /// Asks it to end (SIGTERM) and waits until it has; its exit code, if it has one.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn stop(mut self) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "the server could not be asked to end");
        self.child.wait().ok().and_then(|status| status.code())
    }

    fn end(&mut self) {
        // Both fail only if the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
