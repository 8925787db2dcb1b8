//! A git repository, read and written by the `git` program.
//!
//! Why the program and not a library: `gix` with what is needed here is some 150 crates more, a third of the whole build, and
//! writes no packs as `git fast-import` does; whoever has a repository has the program. Three processes do all the reading,
//! however many commits there are, so that starting them costs nothing that counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::GitError;
use crate::error::EngineError;

/// Most bytes of what git answers at once: the ids of a million commits are 41 MB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of what git says is wrong that is shown.
const COMPLAINT_BYTES_MAX: u64 = 4 << 10;
/// Most bytes of a commit with its message.
const COMMIT_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of a path, and of a line of plumbing.
const PATH_BYTES_MAX: u64 = 16 << 10;
/// What of the surroundings would lead git to another repository.
const MISLEADING: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CEILING_DIRECTORIES",
];

/// The name of an object: 40 or 64 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId(String);

impl ObjectId {
    /// Reads one as git prints it.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let hex = matches!(text.len(), 40 | 64)
            && text.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
        if hex { Some(Self(std::str::from_utf8(text).ok()?.to_owned())) } else { None }
    }

    /// From the bytes that the store keeps.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            write!(text, "{byte:02x}").ok()?;
        }
        Self::parse(text.as_bytes())
    }

    /// The bytes that the store keeps.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let digit = |byte: &u8| (*byte as char).to_digit(16).unwrap_or(0) as u8;
        self.0.as_bytes().chunks(2).map(|pair| pair.iter().fold(0, |sum, byte| (sum << 4) | digit(byte))).collect()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that stands for nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository that was found.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// Its git folder, absolute.
    pub folder: PathBuf,
    /// Whether it has no work tree.
    pub bare: bool,
}

/// One file that a commit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path from the top, as bytes.
    pub path: Vec<u8>,
    /// What it is now; none: it is gone.
    pub now: Option<(Mode, ObjectId)>,
}

/// What kind of thing a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    File,
    Link,
    Submodule,
    Other,
}

/// What an object turned out to be.
pub(crate) enum Blob {
    Bytes(Vec<u8>),
    /// More bytes than were asked for.
    TooLarge(u64),
}

fn program() -> Command {
    let mut command = Command::new("git");
    for name in MISLEADING {
        command.env_remove(name);
    }
    // In English, without questions, without locks for a look, and never from the network.
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
    command
}

fn started(error: std::io::Error) -> GitError {
    match error.kind() {
        std::io::ErrorKind::NotFound => GitError::NoProgram,
        _ => GitError::Pipe(error),
    }
}

/// Runs a command to its end; its answer, or what it complains of.
fn run(command: &mut Command) -> Result<Vec<u8>, GitError> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(started)?;
    let complaint = child.stderr.take();
    // Read beside, so that neither pipe fills up while the other is waited for.
    let complaint = std::thread::spawn(move || complaint.map_or_else(String::new, read_complaint));
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).map_err(GitError::Pipe)?;
    }
    if answer.len() as u64 > ANSWER_BYTES_MAX {
        // Whether it ends by itself or not, nothing more is asked of it.
        child.kill().ok();
        child.wait().ok();
        return Err(GitError::Answer("more than this program takes at once"));
    }
    let status = child.wait().map_err(GitError::Pipe)?;
    let complaint = complaint.join().unwrap_or_default();
    if status.success() { Ok(answer) } else { Err(GitError::Refused(complaint)) }
}

fn read_complaint(from: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut from = from.take(COMPLAINT_BYTES_MAX);
    // What could be read of it is said.
    from.read_to_end(&mut bytes).ok();
    let mut rest = from.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).ok();
    let text = String::from_utf8_lossy(&bytes);
    text.trim().trim_start_matches("fatal: ").chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

fn one_line(answer: &[u8]) -> Result<String, GitError> {
    let text = std::str::from_utf8(answer).map_err(|_| GitError::Answer("a line that is not UTF-8"))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

fn one_id(answer: &[u8]) -> Result<ObjectId, GitError> {
    ObjectId::parse(answer.trim_ascii_end()).ok_or(GitError::Answer("no object id where one belongs"))
}

/// Refuses a text that is no name for a branch.
pub(crate) fn check_branch(name: &str) -> Result<(), GitError> {
    match run(program().args(["check-ref-format", &format!("refs/heads/{name}")])) {
        Ok(_) if !name.starts_with('-') => Ok(()),
        Ok(_) | Err(GitError::Refused(_)) => Err(GitError::BadBranch(name.to_owned())),
        Err(other) => Err(other),
    }
}

impl Repository {
    /// Finds the repository at or around a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, GitError> {
        if !path.is_dir() {
            return Err(GitError::NoRepository(path.to_path_buf()));
        }
        let answer =
            run(program().arg("-C").arg(path).args(["rev-parse", "--absolute-git-dir", "--is-bare-repository"]));
        let answer = answer.map_err(|error| match error {
            GitError::Refused(words) if words.contains("not a git repository") => {
                GitError::NoRepository(path.to_path_buf())
            }
            other => other,
        })?;
        let text = one_line(&answer)?;
        let (folder, bare) = text.rsplit_once('\n').ok_or(GitError::Answer("no folder of a repository"))?;
        Ok(Self { folder: PathBuf::from(folder), bare: bare == "true" })
    }

    /// Makes a bare one where nothing or an empty folder is. Where nothing is, it is made under another name first, so that a cut
    /// leaves no half of one in the way of the next. A folder that is there is somebody's, perhaps the current one, and is not
    /// replaced.
    pub(crate) fn make(path: &Path) -> Result<Self, EngineError> {
        let init = |at: &Path| run(program().args(["init", "--quiet", "--bare", "--"]).arg(at));
        match path.file_name() {
            Some(name) if !path.exists() => {
                let unfinished = path.with_file_name(format!(".{}.unfinished", name.to_string_lossy()));
                let fail = |source| EngineError::File { path: unfinished.clone(), source };
                match std::fs::remove_dir_all(&unfinished) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
                    _ => init(&unfinished)?,
                };
                std::fs::rename(&unfinished, path).map_err(fail)?;
            }
            _ => drop(init(path)?),
        }
        Ok(Self::open(path)?)
    }

    fn git(&self) -> Command {
        let mut command = program();
        command.arg("--git-dir").arg(&self.folder);
        command
    }

    /// Whether a part of the history is left out.
    pub(crate) fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(one_line(&run(self.git().args(["rev-parse", "--is-shallow-repository"]))?)? == "true")
    }

    /// The branch that is checked out, or would be: its full name; none if a commit is.
    pub(crate) fn head_branch(&self) -> Result<Option<String>, GitError> {
        match run(self.git().args(["symbolic-ref", "--quiet", "HEAD"])) {
            Ok(answer) => one_line(&answer).map(Some),
            Err(GitError::Refused(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The branches that work trees have checked out, by full name.
    pub(crate) fn checked_out(&self) -> Result<Vec<String>, GitError> {
        let answer = run(self.git().args(["worktree", "list", "--porcelain"]))?;
        let text = String::from_utf8_lossy(&answer);
        let mut branches: Vec<String> =
            text.lines().filter_map(|line| line.strip_prefix("branch ")).map(str::to_owned).collect();
        // Without a commit it is not listed.
        if !self.bare {
            branches.extend(self.head_branch()?);
        }
        Ok(branches)
    }

    /// The commit that a name means, if there is one.
    pub(crate) fn commit(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let asked = format!("{name}^{{commit}}");
        match run(self.git().args(["rev-parse", "--verify", "--quiet", "--end-of-options", &asked])) {
            Ok(answer) => one_id(&answer).map(Some),
            Err(GitError::Refused(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The commits that change files of these paths, oldest first: those of the first parents of `to`, without what leads to
    /// `from`.
    pub(crate) fn changing(
        &self,
        from: Option<&ObjectId>,
        to: &ObjectId,
        paths: &str,
    ) -> Result<Vec<ObjectId>, GitError> {
        let mut command = self.git();
        command.args(["rev-list", "--reverse", "--first-parent", to.as_str()]);
        if let Some(from) = from {
            command.arg(format!("^{from}"));
        }
        let answer = run(command.arg("--").arg(paths))?;
        let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| ObjectId::parse(line).ok_or(GitError::Answer("a commit without an id"))).collect()
    }

    /// The first commit of a history: what it is known by, wherever it is copied to.
    pub(crate) fn first_commit(&self, of: &ObjectId) -> Result<ObjectId, GitError> {
        let answer = run(self.git().args(["rev-list", "--first-parent", "--max-parents=0", of.as_str()]))?;
        one_id(answer.split(|byte| *byte == b'\n').next().unwrap_or_default())
    }

    /// The commits between two, oldest first.
    pub(crate) fn between(&self, from: Option<&ObjectId>, to: &ObjectId) -> Result<Vec<ObjectId>, GitError> {
        let mut command = self.git();
        command.args(["rev-list", "--reverse", "--topo-order", to.as_str()]);
        if let Some(from) = from {
            command.arg(format!("^{from}"));
        }
        let answer = run(command.arg("--"))?;
        let lines = answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| ObjectId::parse(line).ok_or(GitError::Answer("a commit without an id"))).collect()
    }

    /// The files below a path in a commit.
    pub(crate) fn count_files(&self, commit: &ObjectId, wanted: &dyn Fn(&[u8]) -> bool) -> Result<u64, GitError> {
        let answer = run(self.git().args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()]))?;
        Ok(answer.split(|byte| *byte == 0).filter(|path| !path.is_empty() && wanted(path)).count() as u64)
    }

    /// Moves a branch, if it is where it is thought to be.
    pub(crate) fn move_branch(&self, name: &str, to: &ObjectId, from: Option<&ObjectId>) -> Result<(), GitError> {
        let nothing = "0".repeat(to.as_str().len());
        let from = from.map_or(nothing.as_str(), ObjectId::as_str);
        let moved = run(self.git().args(["update-ref", "-m", "dm git export", name, to.as_str(), from]));
        moved.map(|_| ())
    }

    /// Takes a name away, whatever it leads to.
    pub(crate) fn remove_name(&self, name: &str) -> Result<(), GitError> {
        run(self.git().args(["update-ref", "-d", name])).map(|_| ())
    }

    /// Begins to read objects.
    pub(crate) fn objects(&self) -> Result<Objects, GitError> {
        let mut command = self.git();
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(started)?;
        let (Some(ask), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::Answer("no pipe to it"));
        };
        Ok(Objects { child, ask: Some(ask), answer: BufReader::new(answer) })
    }

    /// Begins to compare commits, each with another one or with nothing, in this order.
    pub(crate) fn changes(&self, pairs: Vec<(ObjectId, Option<ObjectId>)>, paths: &str) -> Result<Changes, GitError> {
        let mut command = self.git();
        command.args([
            "diff-tree",
            "--stdin",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
            "--root",
            "--always",
        ]);
        command.arg("--").arg(paths).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(started)?;
        let (Some(mut ask), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::Answer("no pipe to it"));
        };
        // A thread feeds it, so that neither waits for the other; it ends when git ends.
        std::thread::spawn(move || {
            for (commit, other) in pairs {
                let line = match other {
                    Some(other) => format!("{commit} {other}\n"),
                    None => format!("{commit}\n"),
                };
                if ask.write_all(line.as_bytes()).is_err() {
                    break;
                }
            }
        });
        Ok(Changes { child, answer: BufReader::new(answer), next: None })
    }

    /// Begins to write commits.
    pub(crate) fn importer(&self) -> Result<Importer, GitError> {
        let mut command = self.git();
        command.args(["fast-import", "--quiet", "--done", "--date-format=raw"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(started)?;
        let (Some(stream), Some(complaint)) = (child.stdin.take(), child.stderr.take()) else {
            return Err(GitError::Answer("no pipe to it"));
        };
        let complaint = std::thread::spawn(move || read_complaint(complaint));
        Ok(Importer { child, stream: Some(std::io::BufWriter::new(stream)), complaint: Some(complaint) })
    }
}

/// Reads up to a byte, which is left out; nothing at the end.
fn read_token(from: &mut impl BufRead, end: u8) -> Result<Option<Vec<u8>>, GitError> {
    let mut token = Vec::new();
    from.by_ref().take(PATH_BYTES_MAX).read_until(end, &mut token).map_err(GitError::Pipe)?;
    match token.pop() {
        None => Ok(None),
        Some(last) if last == end => Ok(Some(token)),
        Some(_) => Err(GitError::Answer("a line that is cut or too long")),
    }
}

/// A process that gives objects: `git cat-file --batch`.
pub(crate) struct Objects {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Objects {
    /// A file's bytes.
    pub(crate) fn blob(&mut self, id: &ObjectId, bytes_max: u64) -> Result<Blob, GitError> {
        self.object(id, "blob", bytes_max)
    }

    /// A commit as it lies in the repository.
    pub(crate) fn commit(&mut self, id: &ObjectId) -> Result<Vec<u8>, GitError> {
        match self.object(id, "commit", COMMIT_BYTES_MAX)? {
            Blob::Bytes(bytes) => Ok(bytes),
            Blob::TooLarge(_) => Err(GitError::BadCommit { commit: id.to_string(), why: "its message is too long" }),
        }
    }

    fn object(&mut self, id: &ObjectId, kind: &str, bytes_max: u64) -> Result<Blob, GitError> {
        let ask = self.ask.as_mut().ok_or(GitError::Answer("it has ended"))?;
        ask.write_all(format!("{id}\n").as_bytes()).and_then(|()| ask.flush()).map_err(GitError::Pipe)?;
        let header = read_token(&mut self.answer, b'\n')?.ok_or(GitError::Answer("it has ended"))?;
        let header = String::from_utf8_lossy(&header).into_owned();
        let missing = || GitError::Missing(id.to_string());
        let mut words = header.split(' ');
        let (Some(_), Some(found), Some(size)) = (words.next(), words.next(), words.next()) else {
            return Err(missing());
        };
        let size: u64 = size.parse().map_err(|_| missing())?;
        if size > bytes_max {
            let mut rest = self.answer.by_ref().take(size.saturating_add(1));
            std::io::copy(&mut rest, &mut std::io::sink()).map_err(GitError::Pipe)?;
            return Ok(Blob::TooLarge(size));
        }
        let mut bytes = Vec::new();
        self.answer.by_ref().take(size + 1).read_to_end(&mut bytes).map_err(GitError::Pipe)?;
        if bytes.pop() != Some(b'\n') || bytes.len() as u64 != size {
            return Err(GitError::Answer("an object that is cut"));
        }
        if found == kind { Ok(Blob::Bytes(bytes)) } else { Err(GitError::Answer("an object of another kind")) }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It ends when nothing more can be asked.
        self.ask.take();
        self.child.wait().ok();
    }
}

/// A process that compares commits: `git diff-tree --stdin`.
pub(crate) struct Changes {
    child: Child,
    answer: BufReader<ChildStdout>,
    next: Option<ObjectId>,
}

impl Changes {
    /// The next commit with the files that it changes; nothing after the last.
    pub(crate) fn next(&mut self) -> Result<Option<(ObjectId, Vec<Entry>)>, GitError> {
        let commit = match self.next.take() {
            Some(commit) => commit,
            None => match read_token(&mut self.answer, 0)? {
                Some(token) => ObjectId::parse(&token).ok_or(GitError::Answer("no commit where one belongs"))?,
                None => return Ok(None),
            },
        };
        let mut entries = Vec::new();
        while let Some(token) = read_token(&mut self.answer, 0)? {
            let Some(line) = token.strip_prefix(b":") else {
                self.next = Some(ObjectId::parse(&token).ok_or(GitError::Answer("no commit where one belongs"))?);
                break;
            };
            let path = read_token(&mut self.answer, 0)?.ok_or(GitError::Answer("a change without a path"))?;
            entries.push(entry(line, path).ok_or(GitError::Answer("a change that cannot be read"))?);
        }
        Ok(Some((commit, entries)))
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `OLDMODE NEWMODE OLDID NEWID STATUS`.
fn entry(line: &[u8], path: Vec<u8>) -> Option<Entry> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [_, mode, _, id, _] = words.as_slice() else { return None };
    let id = ObjectId::parse(id)?;
    let mode = match *mode {
        b"100644" | b"100755" | b"100664" => Mode::File,
        b"120000" => Mode::Link,
        b"160000" => Mode::Submodule,
        _ => Mode::Other,
    };
    let now = if id.is_null() && mode == Mode::Other { None } else { Some((mode, id)) };
    Some(Entry { path, now })
}

/// A process that writes commits: `git fast-import`. Dropped before [`Importer::finish`] it leaves no name.
pub(crate) struct Importer {
    child: Child,
    stream: Option<std::io::BufWriter<ChildStdin>>,
    complaint: Option<std::thread::JoinHandle<String>>,
}

impl Importer {
    /// Writes a part of the stream.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        let stream = self.stream.as_mut().ok_or(GitError::Answer("it has ended"))?;
        match stream.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.complaint_or(error)),
        }
    }

    /// Ends the stream and waits until all is written.
    pub(crate) fn finish(mut self) -> Result<(), GitError> {
        self.write(b"done\n")?;
        let stream = self.stream.take().ok_or(GitError::Answer("it has ended"))?;
        match stream.into_inner() {
            Ok(pipe) => drop(pipe),
            Err(error) => return Err(self.complaint_or(error.into_error())),
        }
        let status = self.child.wait().map_err(GitError::Pipe)?;
        let complaint = self.complaint.take().and_then(|complaint| complaint.join().ok()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(GitError::Refused(complaint)) }
    }

    /// What it said before it ended, rather than that the pipe broke.
    fn complaint_or(&mut self, error: std::io::Error) -> GitError {
        self.child.kill().ok();
        self.child.wait().ok();
        match self.complaint.take().and_then(|complaint| complaint.join().ok()) {
            Some(words) if !words.is_empty() => GitError::Refused(words),
            _ => GitError::Pipe(error),
        }
    }
}

impl Drop for Importer {
    fn drop(&mut self) {
        // Without its last line it moves no branch.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex_of_a_known_length() {
        let id = ObjectId::parse(b"00112233445566778899aabbccddeeff00112233").unwrap();
        assert_eq!(ObjectId::from_bytes(&id.to_bytes()), Some(id.clone()));
        assert!(!id.is_null());
        assert!(ObjectId::parse("0".repeat(64).as_bytes()).unwrap().is_null());
        for bad in ["", "0011", "00112233445566778899AABBCCDDEEFF00112233", "zz112233445566778899aabbccddeeff00112233"]
        {
            assert_eq!(ObjectId::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lines_of_changes_are_read() {
        let (old, new) = ("1".repeat(40), "2".repeat(40));
        let read = |line: String| entry(line.as_bytes(), b"a.dark".to_vec());
        let changed = read(format!("100644 100644 {old} {new} M")).unwrap();
        assert_eq!(changed.now, Some((Mode::File, ObjectId(new.clone()))));
        assert_eq!(read(format!("100644 000000 {old} {} D", "0".repeat(40))).unwrap().now, None);
        let link = read(format!("000000 120000 {} {new} A", "0".repeat(40))).unwrap();
        assert_eq!(link.now.map(|(mode, _)| mode), Some(Mode::Link));
        for bad in ["", "100644", "100644 100644 x y M", "a b c d e f"] {
            assert_eq!(read(bad.to_owned()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_cut_or_endless_is_refused() {
        let read = |bytes: &[u8]| read_token(&mut std::io::BufReader::new(bytes), 0);
        assert_eq!(read(b"abc\0def").unwrap(), Some(b"abc".to_vec()));
        assert_eq!(read(b"").unwrap(), None);
        assert!(read(b"abc").is_err());
        assert!(read(&vec![b'a'; 20_000]).is_err());
    }
}
