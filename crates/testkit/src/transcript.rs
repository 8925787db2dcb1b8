//! Documents whose console sessions are run: what a reader would type is typed, what it prints is compared.
//!
//! A block ` ```console laptop ` belongs to the machine `laptop` (the first one named, else `laptop`, if no machine is named).
//! Lines that begin with `$ ` are commands; the lines after one are what it prints, standard output and error as they come, with
//! `[..]` and `...` as wildcards; an exit code other than 0 stands last, as `[exit 1]`. A command with `<<'END'` is followed by its
//! input up to `END`. A block ` ```file laptop path/to/file ` puts a file there. `console` blocks with the attribute `ignore` are
//! left alone.
//!
//! Paths below a machine's home print as `~/…`, durations and a server's port do not count: `dm serve … &` always listens on a free
//! port, and the port that the document says stands for it, in commands and in what they print.
//!
//! With `UPDATE_EXPECT=1` the document is rewritten; ids that commands mention are replaced by what took their place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::document::{Block, Document};
use crate::expectation::{lines_match, merge_expected, unified_diff, update_wanted};
use crate::filters::{Filters, is_hex, replace_words, words_of};
use crate::sandbox::{Machine, Sandbox, Server, feed};
use crate::shell::{self, Placement, Simple};

const DEFAULT_MACHINE: &str = "laptop";
const PROGRAM: &str = "dm";
const DEFAULT_ADDRESS: &str = "127.0.0.1:7777";

/// A document being played on the machines of a sandbox.
#[derive(Debug)]
pub struct Transcript {
    sandbox: Sandbox,
    machines: BTreeMap<String, Machine>,
    /// Held for as long as they run, each with its machine's name.
    servers: Vec<(String, Server)>,
    /// The addresses that the document says, and the real ones.
    addresses: BTreeMap<String, String>,
    /// Ids that the document says, and what took their place; only filled when updating.
    ids: BTreeMap<String, String>,
    last_machine: String,
}

/// A command of a console block and what is to come of it.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    /// The lines as they stand in the document: command and input.
    typed: Vec<String>,
    command: String,
    input: String,
    expected: String,
}

/// What a command printed, and how it ended.
struct Played {
    output: Vec<u8>,
    code: Option<i32>,
}

impl Played {
    fn of(output: impl Into<Vec<u8>>) -> Self {
        Self { output: output.into(), code: Some(0) }
    }

    fn failed(words: &str) -> Self {
        Self { output: format!("{words}\n").into_bytes(), code: Some(1) }
    }
}

/// Plays a document and checks it; with `UPDATE_EXPECT=1` rewrites it instead. Gives back how many commands were run.
///
/// # Panics
/// If the file is no document, a command is not understood, anything differs, or there is no command in it.
#[track_caller]
pub fn check_transcript(path: impl AsRef<Path>, sandbox: &Sandbox) -> usize {
    let document = Document::read(path).unwrap_or_else(|error| panic!("{error}"));
    let (steps, bodies, failures) = Transcript::new(sandbox).play(&document, update_wanted());
    assert!(steps > 0, "{}: no command to run", document.path.display());
    if update_wanted() && !bodies.is_empty() {
        document.write_bodies(&bodies).unwrap_or_else(|error| panic!("{}: {error}", document.path.display()));
    } else if !failures.is_empty() {
        panic!("{failures}\nUPDATE_EXPECT=1 writes what was printed into the file");
    }
    steps
}

impl Transcript {
    /// A transcript to be played in a sandbox.
    #[must_use]
    pub fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            machines: BTreeMap::new(),
            servers: Vec::new(),
            addresses: BTreeMap::new(),
            ids: BTreeMap::new(),
            last_machine: DEFAULT_MACHINE.to_owned(),
        }
    }

    /// Plays all blocks of a document: how many commands there were, the bodies of the blocks that differ as they should be,
    /// and the differences in words. With `updating`, ids in commands follow what earlier commands printed.
    pub fn play(&mut self, document: &Document, updating: bool) -> (usize, Vec<(usize, String)>, String) {
        let (mut count, mut bodies, mut failures) = (0, Vec::new(), String::new());
        for block in document.blocks() {
            let place = format!("{}:{}", document.path.display(), block.line);
            match block.kind.as_str() {
                "file" => self.write_file(block, &place, &mut failures),
                "console" if !block.has("ignore") => {
                    let body = self.play_block(block, updating, &place, &mut count, &mut failures);
                    if body != block.body {
                        bodies.push((block.line, body));
                    }
                }
                _ => {}
            }
        }
        (count, bodies, failures)
    }

    fn machine(&mut self, name: &str) -> Machine {
        let Self { machines, sandbox, .. } = self;
        machines.entry(name.to_owned()).or_insert_with(|| sandbox.machine(name)).clone()
    }

    fn write_file(&mut self, block: &Block, place: &str, failures: &mut String) {
        match block.attributes.as_slice() {
            [machine, path] => self.machine(machine).write(path, &block.body),
            [path] => self.machine(&self.last_machine.clone()).write(path, &block.body),
            _ => {
                let _ = writeln!(failures, "{place}: a file block wants a machine and a path");
            }
        }
    }

    /// Plays a block and gives back its body as it should be.
    fn play_block(
        &mut self,
        block: &Block,
        updating: bool,
        place: &str,
        count: &mut usize,
        failures: &mut String,
    ) -> String {
        if let Some(name) = block.attributes.first() {
            self.last_machine.clone_from(name);
        }
        let (before, steps) = steps_of(&block.body);
        if !before.trim().is_empty() {
            let _ = writeln!(failures, "{place}: the block begins with no command");
        }
        let mut body = before;
        for step in steps {
            *count += 1;
            let typed = if updating { self.with_new_ids(&step.typed.join("\n")) } else { step.typed.join("\n") };
            let command = if updating { self.with_new_ids(&step.command) } else { step.command.clone() };
            let machine = self.machine(&self.last_machine.clone());
            let actual = match self.play_step(&machine, &command, &step.input) {
                Ok(played) => self.shown(&machine, &played),
                Err(words) => {
                    let _ = writeln!(failures, "{place}: {}: {words}", step.command);
                    body.push_str(&format!("{typed}\n{}", step.expected));
                    continue;
                }
            };
            let even = Filters::new().durations();
            let expected = if lines_match(&even.apply(&step.expected), &even.apply(&actual)) {
                step.expected
            } else {
                let _ = write!(
                    failures,
                    "\n{place}: {}$ {}\n{}",
                    machine.name(),
                    step.command,
                    unified_diff(&step.expected, &actual)
                );
                self.learn_ids(&step.expected, &actual);
                merge_expected(&step.expected, &actual)
            };
            body.push_str(&format!("{typed}\n{expected}"));
        }
        body
    }

    /// What was printed, as a document shows it.
    fn shown(&self, machine: &Machine, played: &Played) -> String {
        let mut filters = Filters::new()
            .text(machine.home().to_string_lossy(), "~")
            .text(self.sandbox.root().to_string_lossy(), "[ROOT]");
        for (said, real) in &self.addresses {
            filters = filters.text(real.clone(), said.clone());
        }
        let mut text = filters.apply(&String::from_utf8_lossy(&played.output));
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        match played.code {
            Some(0) => {}
            Some(code) => text.push_str(&format!("[exit {code}]\n")),
            None => text.push_str("[exit by a signal]\n"),
        }
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Where expected and printed lines have the same words but for ids, remembers which id took the place of which.
    fn learn_ids(&mut self, expected: &str, actual: &str) {
        for (old, new) in expected.lines().zip(actual.lines()) {
            let (old, new) = (words_of(old), words_of(new));
            if old.len() != new.len() {
                continue;
            }
            for (old, new) in old.into_iter().zip(new) {
                if old != new && is_hex(old) && is_hex(new) {
                    self.ids.insert(old.to_owned(), new.to_owned());
                }
            }
        }
    }

    fn with_new_ids(&self, command: &str) -> String {
        replace_words(command, |word| {
            if !is_hex(word) {
                return None;
            }
            if let Some(id) = self.ids.get(word) {
                return Some(id.clone());
            }
            let (_, id) = self.ids.range(word.to_owned()..).next().filter(|(old, _)| old.starts_with(word))?;
            id.get(..word.len()).map(str::to_owned)
        })
    }

    fn play_step(&mut self, machine: &Machine, command: &str, input: &str) -> Result<Played, String> {
        let command = self.addresses.iter().fold(command.to_owned(), |text, (said, real)| text.replace(said, real));
        let line = shell::parse(&command)?;
        if line.background {
            let [simple] = line.commands.as_slice() else {
                return Err("only one command can go on in the background".into());
            };
            return self.start_server(machine, simple);
        }
        let (mut input, mut shown, mut code) = (input.as_bytes().to_vec(), Vec::new(), Some(0));
        let last = line.commands.len() - 1;
        for (index, simple) in line.commands.iter().enumerate() {
            if let Some(path) = &simple.reads {
                input = fs::read(machine.folder().join(path)).map_err(|error| format!("{path}: {error}"))?;
            }
            let played = self.play_simple(machine, simple, &input)?;
            code = played.code;
            match &simple.writes {
                Some((path, placement)) => {
                    redirect(&machine.folder().join(path), *placement, &played.output)
                        .map_err(|error| format!("{path}: {error}"))?;
                    input.clear();
                }
                None if index == last => shown = played.output,
                None => input = played.output,
            }
        }
        Ok(Played { output: shown, code })
    }

    fn play_simple(&mut self, machine: &Machine, simple: &Simple, input: &[u8]) -> Result<Played, String> {
        let (name, args) = simple.words.split_first().ok_or("there is no command")?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if name == PROGRAM {
            let mut machine = machine.clone();
            for (name, value) in &simple.variables {
                machine = machine.with_env(name, value);
            }
            let input = String::from_utf8_lossy(input);
            return play_program(machine.command(&args), &input).map_err(|error| error.to_string());
        }
        if name == "git" {
            let input = String::from_utf8_lossy(input);
            return play_program(sealed_git(machine, &args), &input).map_err(|error| error.to_string());
        }
        let path = |path: &str| match path.strip_prefix("~/") {
            Some(below) => machine.home().join(below),
            None => machine.folder().join(path),
        };
        let done = |done: io::Result<()>, path: &str| match done {
            Ok(()) => Ok(Played::of("")),
            Err(error) => Ok(Played::failed(&format!("{name}: {path}: {error}"))),
        };
        match (name.as_str(), args.as_slice()) {
            ("cd", [folder]) if path(folder).is_dir() => {
                self.machines.insert(machine.name().to_owned(), machine.at(path(folder)));
                Ok(Played::of(""))
            }
            ("cd", [folder]) => Ok(Played::failed(&format!("cd: {folder}: no such folder"))),
            ("cat", []) => Ok(Played::of(input)),
            ("cat", [file]) => match fs::read(path(file)) {
                Ok(text) => Ok(Played::of(text)),
                Err(error) => Ok(Played::failed(&format!("cat: {file}: {error}"))),
            },
            ("head", ["-n", count]) => {
                let count = count.parse().map_err(|_| "head -n wants a number")?;
                let lines = String::from_utf8_lossy(input);
                Ok(Played::of(lines.lines().take(count).map(|line| format!("{line}\n")).collect::<String>()))
            }
            ("echo", words) => Ok(Played::of(format!("{}\n", words.join(" ")))),
            ("mkdir", [folder] | ["-p", folder]) => done(fs::create_dir_all(path(folder)), folder),
            ("rm", [file]) => done(fs::remove_file(path(file)), file),
            ("rm", ["-r" | "-rf", folder]) => done(fs::remove_dir_all(path(folder)), folder),
            ("cp", [from, to]) => done(fs::copy(path(from), path(to)).map(drop), from),
            ("mv", [from, to]) => done(fs::rename(path(from), path(to)), from),
            ("ls", []) => list(machine.folder()).map_err(|error| error.to_string()),
            ("ls", [folder]) => list(&path(folder)).map_err(|error| format!("{folder}: {error}")),
            ("export", [setting]) => {
                let (name, value) = setting.split_once('=').ok_or("export wants NAME=VALUE")?;
                self.machines.insert(machine.name().to_owned(), machine.with_env(name, value));
                Ok(Played::of(""))
            }
            ("kill", ["%1"]) => {
                self.servers.retain(|(owner, _)| owner != machine.name());
                Ok(Played::of(""))
            }
            _ => {
                Err("only dm, git, cd, cat, head, echo, mkdir, rm, cp, mv, ls, export and `kill %1` can be typed here"
                    .to_owned())
            }
        }
    }

    /// Starts `dm serve … &`. The address that is typed stands for a real one with a free port, which it keeps when the server
    /// is started again.
    fn start_server(&mut self, machine: &Machine, simple: &Simple) -> Result<Played, String> {
        if simple.words.first().is_none_or(|name| name != PROGRAM)
            || simple.words.get(1).is_none_or(|verb| verb != "serve")
        {
            return Err("only `dm serve` can go on in the background".to_owned());
        }
        let mut args: Vec<String> = simple.words.iter().skip(1).cloned().collect();
        let at = match args.iter().position(|arg| arg == "--listen") {
            Some(at) => at + 1,
            None => {
                args.extend(["--listen".to_owned(), DEFAULT_ADDRESS.to_owned()]);
                args.len() - 1
            }
        };
        let typed = args.get(at).cloned().ok_or("--listen wants an address")?;
        // An address in the table was replaced by the real one before the line was read.
        let known = self.addresses.iter().find(|(said, real)| **real == typed || **said == typed);
        let (said, listen) = match known {
            Some((said, real)) => (said.clone(), real.clone()),
            None => (typed.clone(), typed.rsplit_once(':').map_or(typed.clone(), |(host, _)| format!("{host}:0"))),
        };
        if let Some(arg) = args.get_mut(at) {
            *arg = listen;
        }
        let mut machine = machine.clone();
        for (name, value) in &simple.variables {
            machine = machine.with_env(name, value);
        }
        let log = self.sandbox.root().join("tmp").join(format!("{}-server.log", machine.name()));
        let server = Server::start(machine.command(&args), log).map_err(|error| error.to_string())?;
        self.addresses.insert(said, server.address());
        let output = server.ready_line.clone();
        self.servers.push((machine.name().to_owned(), server));
        Ok(Played::of(output))
    }
}

/// Runs the program with both outputs in one pipe, so that they come in the order of writing.
/// Git as it is where nobody has configured anything: people are named after their machines, and the clock is the sandbox's.
fn sealed_git(machine: &Machine, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    machine.seal(command.args(args));
    let now = command.get_envs().find(|(name, _)| *name == "DM_NOW").and_then(|(_, value)| value?.to_str());
    let seconds = now.and_then(|now| now.parse::<u64>().ok()).map_or(0, |now| now / 1000);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), machine.name());
        command.env(format!("GIT_{role}_EMAIL"), format!("{}@example.org", machine.name()));
        command.env(format!("GIT_{role}_DATE"), format!("{seconds} +0000"));
    }
    command
}

fn play_program(mut command: Command, input: &str) -> io::Result<Played> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the writing ends; reading would never end with them open.
    drop(command);
    let stdin = child.stdin.take();
    let mut output = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| feed(stdin, input));
        reader.read_to_end(&mut output)
    })?;
    Ok(Played { output, code: child.wait()?.code() })
}

fn redirect(path: &PathBuf, placement: Placement, bytes: &[u8]) -> io::Result<()> {
    match placement {
        Placement::Replace => fs::write(path, bytes),
        Placement::Append => fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes),
    }
}

fn list(folder: &Path) -> io::Result<Played> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(format!("{name}\n"));
        }
    }
    names.sort();
    Ok(Played::of(names.concat()))
}

/// What stands before the first command, and the commands with what follows each.
fn steps_of(body: &str) -> (String, Vec<Step>) {
    let (mut before, mut steps) = (String::new(), Vec::<Step>::new());
    let mut until: Option<String> = None;
    for line in body.lines() {
        if let Some(step) = steps.last_mut()
            && let Some(end) = &until
        {
            step.typed.push(line.to_owned());
            if line == end {
                until = None;
            } else {
                step.input.push_str(&format!("{line}\n"));
            }
        } else if let Some(command) = line.strip_prefix("$ ") {
            until = shell::parse(command).ok().and_then(|line| line.here_until);
            let typed = vec![line.to_owned()];
            steps.push(Step { typed, command: command.to_owned(), input: String::new(), expected: String::new() });
        } else {
            let text = steps.last_mut().map_or(&mut before, |step| &mut step.expected);
            text.push_str(&format!("{line}\n"));
        }
    }
    (before, steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_commands_with_input_and_output() {
        let (before, steps) = steps_of("$ dm add - <<'END'\nlet x = 1\n$ no command\nEND\nsaved\n\nmore\n$ dm ls\n");
        assert_eq!(before, "");
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].input, "let x = 1\n$ no command\n");
        assert_eq!(steps[0].expected, "saved\n\nmore\n");
        assert_eq!((steps[1].command.as_str(), steps[1].expected.as_str()), ("dm ls", ""));
        assert_eq!(steps_of("text\n").0, "text\n");
    }

    #[test]
    fn ids_follow_what_took_their_place() {
        let mut transcript = Transcript::new(&Sandbox::new("none"));
        transcript.learn_ids("patch 4f2a19 of Ada\nlast", "patch 90cc01 of Ada\nlast");
        assert_eq!(transcript.with_new_ids("dm patch show 4f2a19"), "dm patch show 90cc01");
        assert_eq!(transcript.with_new_ids("dm patch show 4f2a"), "dm patch show 90cc");
        assert_eq!(transcript.with_new_ids("dm show beef"), "dm show beef");
    }
}
