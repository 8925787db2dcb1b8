//! The one place that turns errors into words, hints and exit codes.

use dm_engine::{EngineError, GitError, PatchFileError, RemoteError, StoreError};

use crate::commands::check;
use crate::output::{self, Page};

/// What kind of failure: it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A check or a conflict says no: 1.
    Refused,
    /// Wrong usage: 2.
    Usage,
    /// Could not: I/O, network, store, version: 3.
    Unable,
}

/// A failure in words for a person.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What is wrong and where.
    pub message: String,
    /// Source snippets, lists: shown below the message as they are.
    pub details: String,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Failure {
    /// A refusal.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Refused, message: message.into(), details: String::new(), hints: Vec::new() }
    }

    /// A wrong usage.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Usage, ..Self::refused(message) }
    }

    /// Something that could not be done.
    #[must_use]
    pub fn unable(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Unable, ..Self::refused(message) }
    }

    /// Standard output failed.
    #[must_use]
    pub fn output(error: &std::io::Error) -> Self {
        Self::unable(format!("could not write the output: {error}"))
    }

    /// Our own mistake.
    #[must_use]
    pub fn bug(what: &str) -> Self {
        Self::unable(format!("BUG: {what}"))
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with details.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            FailureKind::Refused => 1,
            FailureKind::Usage => 2,
            FailureKind::Unable => 3,
        }
    }

    /// Shows it on standard error.
    pub fn show(&self) {
        if !self.details.is_empty() {
            output::say(self.details.trim_end());
        }
        if !self.message.is_empty() {
            output::say(format!("{} {}", output::styled(output::BAD, "error:"), self.message));
        }
        for hint in &self.hints {
            output::say(format!("{} {hint}", output::styled(output::DIM, "hint:")));
        }
    }
}

fn differing(files: u64) -> String {
    let differ = if files == 1 { "is there and differs" } else { "are there and differ" };
    format!("{} {differ} from what would be written; nothing was written", output::count(files, "file"))
}

fn turned_back(definitions: u64) -> String {
    let differ = if definitions == 1 { "differs" } else { "differ" };
    format!(
        "{} {differ} here, and nothing tells which side changed; nothing was written",
        output::count(definitions, "definition")
    )
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text: String = names.iter().take(SHOWN).map(|name| format!("  {name}\n")).collect();
    if names.len() > SHOWN {
        text.push_str(&format!("  … and {} more\n", names.len() - SHOWN));
    }
    text
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Text(problems) => text_failure(&problems),
            EngineError::Names(names) => names_failure(&names),
            EngineError::BadType(problem) => type_failure(&problem),
            EngineError::Store(error) => store_failure(&error),
            other => named_failure(message, other),
        }
    }
}

fn text_failure(problems: &[dm_engine::TextProblem]) -> Failure {
    let mut details = String::new();
    let mut errors = 0u64;
    for problem in problems {
        for diagnostic in &problem.diagnostics {
            errors += 1;
            details.push_str(&dm_engine::render_diagnostic(diagnostic, &problem.file, &problem.text));
            details.push('\n');
        }
    }
    let files = output::count(problems.len() as u64, "file");
    Failure::refused(format!("{} in {files}; nothing was written", output::count(errors, "error")))
        .with_details(details)
}

fn type_failure(problem: &dm_engine::TextProblem) -> Failure {
    let mut details = String::new();
    for diagnostic in &problem.diagnostics {
        details.push_str(&dm_engine::render_diagnostic(diagnostic, &problem.file, &problem.text));
        details.push('\n');
    }
    Failure::usage("there is no such type to search for").with_details(details)
}

fn names_failure(names: &[dm_engine::NameError]) -> Failure {
    let mut details = String::new();
    for name in names {
        details.push_str(&format!(
            "{}:{}:{}: in {}: `{}`: {}\n",
            name.file, name.row, name.column, name.location, name.spelling, name.reason
        ));
        for suggestion in &name.suggestions {
            details.push_str(&format!("  {suggestion}\n"));
        }
    }
    let message = format!("{} that cannot be settled; nothing was written", output::count(names.len() as u64, "name"));
    Failure::refused(message)
        .with_details(details)
        .hint("say which one is meant with --bind NAME=LOCATION, or with the id in front of it")
}

fn store_failure(error: &StoreError) -> Failure {
    let failure = Failure::unable(error.to_string());
    match error {
        StoreError::NotFound { .. } => failure.hint("make one with `dm init`"),
        StoreError::Exists { .. } => failure.hint("`dm status` shows how it stands"),
        StoreError::Foreign { .. } => failure.hint("name the store's folder with --store DIR"),
        StoreError::Newer { .. } => failure.hint("install a newer dm; this one leaves the store as it is"),
        StoreError::Damaged { .. } | StoreError::Fold(_) => {
            failure.hint("`dm verify` says what is damaged and what helps")
        }
        StoreError::Full { .. } => failure.hint("make room and try again; nothing was written"),
        StoreError::ReadOnly { .. } => failure.hint("the folder and its files must be writable for you"),
        StoreError::Busy { .. } => failure.hint("another dm is writing for long; try again when it is done"),
        StoreError::Io { .. } | StoreError::Sqlite { .. } | StoreError::NoSuch { .. } => failure,
    }
}

/// The errors that need no more than a sentence, a kind and a hint.
#[expect(clippy::too_many_lines, reason = "a flat table of every error with its kind and hint")]
fn named_failure(message: String, error: EngineError) -> Failure {
    match error {
        EngineError::NoStore(_) => {
            Failure::unable(message).hint("make one here with `dm init`, or name one with --store DIR or DM_STORE")
        }
        EngineError::StoreExists(_) => Failure::refused(message).hint("`dm status` shows how it stands"),
        EngineError::NoSuchName { similar, .. } if !similar.is_empty() => {
            Failure::refused(message).hint(format!("did you mean {}?", similar.join(", ")))
        }
        EngineError::NoSuchName { .. } => Failure::refused(message).hint("`dm search WORDS` looks in names and docs"),
        EngineError::AmbiguousName { candidates, .. } => {
            Failure::usage(message).with_details(listed(&candidates)).hint("write more of its location")
        }
        EngineError::Location(_) | EngineError::Id(_) | EngineError::BadUrl { .. } => Failure::usage(message),
        EngineError::LocationTaken { location } => {
            Failure::refused(message).hint(format!("`dm show {location}` shows what is there; choose another place"))
        }
        EngineError::NameUnfit { kind: "type", .. } => {
            Failure::usage(message).hint("a type begins with an upper-case letter")
        }
        EngineError::NameUnfit { .. } => Failure::usage(message).hint("only types begin with an upper-case letter"),
        EngineError::IsModule(module) => {
            Failure::usage(message).hint(format!("`dm ls {module}` lists what is in it; name one of that"))
        }
        EngineError::NoDependency { location, .. } => {
            Failure::usage(message).hint(format!("`dm deps {location}` lists what it refers to"))
        }
        EngineError::NotPinned { location, .. } => {
            Failure::refused(message).hint(format!("`dm deps {location}` shows what it is pinned to"))
        }
        EngineError::NoSuchVersion { known, .. } => {
            Failure::usage(message).hint(format!("it has {}", known.join(", ")))
        }
        EngineError::BadDeprecation(_) | EngineError::LongIntent | EngineError::LongSearch => Failure::usage(message),
        EngineError::NoIntent => {
            Failure::usage(message).hint("say why with --intent TEXT, or begin a patch with `dm patch new INTENT`")
        }
        EngineError::NoSuchSession(_) => Failure::usage(message).hint("`dm session list` shows them"),
        EngineError::AmbiguousSession(names) => {
            Failure::usage(message).with_details(listed(&names)).hint("say which with --session or DM_SESSION")
        }
        EngineError::NoSuchPatch(_) => Failure::usage(message).hint("`dm patch list --all` shows them"),
        EngineError::AmbiguousPatch { candidates, .. } => {
            Failure::usage(message).with_details(listed(&candidates)).hint("write more of its id")
        }
        EngineError::NoFocus => {
            Failure::usage(message).hint("name a patch, or focus one with `dm patch focus`; `dm patch list` shows them")
        }
        EngineError::WrongStatus { found: "draft", wanted: "ready", patch } => {
            Failure::refused(message).hint(format!("freeze it with `dm patch ready {}`", patch.short()))
        }
        EngineError::WrongStatus { found: "ready", patch, .. } => Failure::refused(message)
            .hint(format!("take it back to draft with `dm patch draft {}`", patch.short()))
            .hint("or begin another patch with --intent TEXT"),
        EngineError::WrongStatus { .. } => Failure::refused(message),
        EngineError::EmptyPatch(_) => Failure::refused(message).hint("save something to it with `dm add` or `dm edit`"),
        EngineError::StandsOnDraft { below, .. } => {
            Failure::refused(message).hint(format!("first `dm patch ready {}`", below.short()))
        }
        EngineError::Conflicts { conflicts, .. } => Failure::refused(message)
            .with_details(listed(&conflicts))
            .hint("`dm conflicts show ID` shows one, `dm conflicts resolve ID` settles it, --force overrides"),
        EngineError::Invalid { errors, .. } => {
            let mut page = Page::new();
            check::problems(&errors, &mut page);
            Failure::refused(message)
                .with_details(page.into_text())
                .hint("`dm check` shows this again, `dm patch apply --force` accepts it and says so in the log")
        }
        EngineError::MissingNeeds { .. } => {
            Failure::refused(message).hint("`dm pull` may bring the patches that carry them")
        }
        EngineError::NoSuchSpace { known, .. } if known.is_empty() => {
            Failure::usage(message).hint("`dm space new NAME` makes one, `dm space join NAME ID` names a colleague's")
        }
        EngineError::NoSuchSpace { known, .. } => {
            Failure::usage(message).hint(format!("there are: public, {}", known.join(", ")))
        }
        EngineError::UnknownSpace(id) => {
            Failure::refused(message).hint(format!("if you belong to them: `dm space join NAME {id}`, then import again"))
        }
        EngineError::SpaceExists(name) => Failure::refused(message).hint(format!("`dm space show {name}` shows it")),
        EngineError::TooManySpaces => Failure::refused(message).hint("`dm space forget NAME` makes room"),
        EngineError::SpaceInUse { patch, .. } => {
            Failure::refused(message).hint(format!("`dm space move SPACE {}` takes it elsewhere", patch.short()))
        }
        EngineError::OtherSpace { .. } => Failure::refused(message)
            .hint("a patch is in one space; begin another with `dm patch new INTENT --space SPACE`"),
        EngineError::NotReadable { patch, lacking, .. } => Failure::refused(format!("{message}:"))
            .with_details(listed(&lacking))
            .hint(format!("`dm space move SPACE {}` puts it where they are read", patch.short()))
            .hint("`dm space publish PATCH` copies what it stands on to the public space"),
        EngineError::Unpublished { lacking, .. } => Failure::refused(format!("{message}:"))
            .with_details(listed(&lacking))
            .hint("--with-needs publishes them too"),
        EngineError::NoSuchConflict(_) => Failure::usage(message).hint("`dm conflicts list` shows them"),
        EngineError::WayDoesNotFit { .. } => Failure::usage(message).hint("`dm conflicts show ID` lists the ways out"),
        EngineError::NoSuchBase(_) => Failure::refused(message)
            .hint("what was shown has changed since, or was never here; `dm show NAME --json` gives what is there now"),
        EngineError::Stale { .. } => Failure::refused(message).hint("look at what it is now, and save again"),
        EngineError::SessionExists(name) => {
            Failure::refused(message).hint(format!("`dm session switch {name}` makes it the current one"))
        }
        EngineError::BadName { .. } => Failure::usage(message),
        EngineError::Published { location } => Failure::refused(message)
            .hint(format!("`dm deprecate {location} --reason TEXT` keeps it for them"))
            .hint("--published deletes it all the same"),
        EngineError::FilesDiffer(paths) => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            Failure::refused(differing(paths.len() as u64)).with_details(listed(&paths)).hint("--force replaces them")
        }
        EngineError::BadBase { .. } => Failure::unable(message)
            .hint("remove the file to do without it; then --overwrite takes the folder's text where it differs"),
        EngineError::WouldTurnBack(locations) => Failure::refused(turned_back(locations.len() as u64))
            .with_details(listed(&locations))
            .hint("--overwrite takes the folder's text for them"),
        EngineError::NoSuchRemote { known, .. } if known.is_empty() => {
            Failure::usage(message).hint("there is no default server; `dm remote add NAME URL` names one")
        }
        EngineError::NoSuchRemote { known, .. } => {
            Failure::usage(message).hint(format!("there are: {}", known.join(", ")))
        }
        EngineError::Git(error) => git_failure(message, &error),
        EngineError::PatchFile(error) => patch_file_failure(&message, &error),
        EngineError::NothingToUndo(_) => Failure::refused(message).hint("`dm ops --all` lists what all sessions did"),
        EngineError::NoSuchCommand(_) => Failure::usage(message).hint("`dm ops` lists them with their numbers"),
        EngineError::CannotUndo { .. } => Failure::refused(message).hint("`dm ops` lists what can be undone"),
        EngineError::ChangedSince { what, .. } => {
            Failure::refused(format!("{message}:")).with_details(listed(&what)).hint("undo what came after it first")
        }
        EngineError::NeededByOthers(patches) => Failure::refused(format!("{message}:"))
            .with_details(listed(&patches))
            .hint("take those out first, or write a patch that turns the change back"),
        EngineError::Remote { name, url, source } => remote_failure(message, &name, &url, &source),
        EngineError::RemoteExists(_) => Failure::refused(message).hint("`dm remote remove NAME` forgets it"),
        EngineError::NoAuthor => {
            Failure::usage(message).hint("name one with --author NAME, DM_AUTHOR or `dm config set --user author NAME`")
        }
        EngineError::Untrusted { author, key, .. } => Failure::refused(message).hint(format!(
            "ask {author} whether the key that begins with {key} is theirs, then `dm remote trust {author} {key}`"
        )),
        EngineError::NoSuchKey { .. } => Failure::usage(message).hint("`dm status` shows which keys wait for trust"),
        EngineError::NoKey { path, .. } | EngineError::KeyMismatch(path)
            if path.parent().is_some_and(|folder| folder.ends_with(dm_engine::KEYS_FOLDER)) =>
        {
            Failure::unable(message).hint(
                "put the file back from a copy, or `dm key import` the key; if it is lost, `dm key rotate --lost` makes \
                 another one, which others trust by hand",
            )
        }
        EngineError::NoKey { .. } | EngineError::KeyMismatch(_) => Failure::unable(message)
            .hint("put the store's key back from a copy; without it the store can be read, but nothing can be signed"),
        EngineError::KeyGivenUp { .. } => Failure::refused(message).hint(
            "`dm key show` says what is known of it; `dm key import` takes the author's present key, `dm key rotate --lost` \
             makes a new one that others trust by hand",
        ),
        EngineError::MainTakenOver => {
            Failure::refused(message).hint("if that was not you, `dm key rotate --instance` takes the main back")
        }
        EngineError::SignedElsewhere { .. } | EngineError::TooManyKeys => Failure::refused(message),
        EngineError::KeyFileExists(_) => Failure::refused(message).hint("name a new file"),
        EngineError::NoOwnKey(_) => Failure::refused(message).hint("it makes one when it first signs for an author"),
        EngineError::OfAnotherAuthor { .. } => Failure::refused(message).hint("--author names whose patches they are"),
        EngineError::BadKeyText(_) => Failure::refused(message).hint("`dm key export FILE` writes one"),
        EngineError::NotUtf8 { .. } => Failure::unable(message).hint("save it as UTF-8"),
        EngineError::BadSetting { .. } => Failure::usage(message),
        EngineError::NothingToLayOut => Failure::usage(message).hint("name definitions or modules: `dm fmt NAME`"),
        EngineError::NoSuchSetting(_) => Failure::usage(message).hint("`dm config list` shows the settings"),
        EngineError::NothingToImport(_) => Failure::refused(message),
        _ => Failure::unable(message),
    }
}

fn git_failure(message: String, error: &GitError) -> Failure {
    match error {
        GitError::NoProgram => {
            Failure::unable(message).hint("install git; it is asked for all that is in a repository")
        }
        GitError::NoRepository(_) => Failure::usage(message).hint("name the folder of one"),
        GitError::NoCommit(_) => Failure::usage(message).hint("`git branch --all` lists the branches there"),
        GitError::Unborn(_) => Failure::refused(message).hint("name a branch that has commits with --branch"),
        GitError::Shallow => {
            Failure::refused(message).hint("`git fetch --unshallow` there brings the rest of the history")
        }
        GitError::BadFolder(_) => {
            Failure::usage(message).hint("--path is a folder as seen from the top of the repository")
        }
        GitError::NothingThere(_) => Failure::refused(message).hint("--path and --branch say where to look"),
        GitError::Missing(_) => {
            Failure::unable(message).hint("`git fsck` there says what is missing; what was brought in stays")
        }
        GitError::HeadGone(_) => {
            Failure::refused(message).hint("fetch it there again, or bring the history into a new store")
        }
        GitError::ForeignBranch { .. } => {
            Failure::refused(message).hint("nothing was written; --branch NAME writes to a branch of its own")
        }
        GitError::CheckedOut(_) => {
            Failure::refused(message).hint("its files would be left behind; --branch NAME writes to another branch")
        }
        GitError::BadBranch(_) => Failure::usage(message),
        GitError::NotEmpty(_) => Failure::refused(message).hint("name a repository, or a folder that is not there yet"),
        GitError::Forked => Failure::refused(message).hint("a main that has two ends has no one history"),
        GitError::BadCommit { .. } | GitError::Refused(_) | GitError::Answer(_) | GitError::Pipe(_) => {
            Failure::unable(message)
        }
    }
}

fn patch_file_failure(message: &str, error: &PatchFileError) -> Failure {
    let failure = Failure::refused(format!("{message}; nothing was written"));
    match error {
        PatchFileError::Foreign => failure.hint("`dm patch export` writes one"),
        PatchFileError::Truncated | PatchFileError::Altered(_) => {
            failure.hint("ask for it once more, as an attachment: mail may have changed its lines")
        }
        PatchFileError::Newer { .. } => failure.hint("install a newer dm"),
        PatchFileError::Disagrees { .. } => {
            failure.hint("what it shows is not what is signed: do not trust what it says, and ask its sender")
        }
    }
}

fn remote_failure(message: String, name: &str, url: &str, error: &RemoteError) -> Failure {
    let failure = Failure::unable(message);
    match error {
        RemoteError::Unreachable(_) | RemoteError::TimedOut(_) => {
            failure.hint("what is here stays here; try again when it answers")
        }
        RemoteError::Cut(_) => failure.hint("what arrived whole is kept; try again, it goes on where it stopped"),
        RemoteError::NotAllowed(_) => failure
            .hint("`dm token create NAME`, typed where the server is, makes a key")
            .hint(format!("here: `dm remote remove {name}`, then `dm remote add {name} {url} --token KEY`")),
        RemoteError::Version(_) => failure.hint("install the newer dm on the side that has the older one"),
        RemoteError::Foreign(_) => failure.hint("check the URL with `dm remote list`"),
        RemoteError::Store(_) => failure.hint("`dm verify --store PATH` looks at it; `dm remote list` shows the path"),
        RemoteError::Refused { .. } => failure,
        RemoteError::Invalid(_) => failure.hint("nothing of that answer was stored; tell whoever runs the remote"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_newer_store_could_not_be_used_and_wants_a_newer_program() {
        let newer = StoreError::Newer { path: PathBuf::from("store.db"), found: 9, known: 1 };
        let failure = Failure::from(EngineError::Store(newer));
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.message.contains("store.db"), "{}", failure.message);
        assert!(failure.hints.iter().any(|hint| hint.contains("newer dm")), "{:?}", failure.hints);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(listed(&names).lines().count(), 13);
        assert!(listed(&names).ends_with("… and 8 more\n"));
    }
}
