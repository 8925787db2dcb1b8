//! A git history brought in: one patch for each commit that changes .dark files, applied to main.
//!
//! Each step and the commit that it comes from are written in one transaction, so that an import that is cut goes on where it
//! stopped. A commit costs what it changes: only changed files are read and parsed, and only their definitions compared. What
//! the files had before is kept as the bases of an import are, under a root named after the history's first commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dm_collab::draft::Stack;
use dm_collab::view::View;
use dm_collab::{Channel, ProjectionRead as _};
use dm_model::{Apply, Body, EntityId, Kind, Location, Op, OpId, Revision, Timestamp};
use dm_store::{Arrival, HashedDefinition, ImportBase};
use dm_syntax::LineIndex;

use super::GitError;
use super::commit::Commit;
use super::repository::{Blob, Changes, Entry, Mode, ObjectId, Objects, Repository};
use crate::engine::{Engine, SessionChoice};
use crate::error::{EngineError, TextProblem};
use crate::import::{Act, ImportRequest, Known, Plan, count_changes, plan_part, write_step};
use crate::look::Look;
use crate::report::{ChangeCount, GitImportReport, LaggingFile};
use crate::save::{Source, check_duplicates};
use crate::sources::{FILE_BYTES_MAX, SourceText, Sources, parse_all};
use crate::system::new_patch_id;
use crate::transaction::Transaction;
use crate::trust;

/// How long commits are gathered in one transaction: others wait no longer than this, and a cut loses no more.
const GATHERED: Duration = Duration::from_millis(200);

/// Which history is to be brought in.
#[derive(Debug, Clone)]
pub struct GitImportRequest {
    /// The repository, or a folder in it.
    pub repository: PathBuf,
    /// The folder in it whose files are taken; the whole tree if empty.
    pub path: String,
    /// The branch, or another name of a commit; what is checked out, if not given.
    pub branch: Option<String>,
    /// Take files with `_` in their path too.
    pub all: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What a file became in a commit.
enum Version {
    Gone,
    Text(Source),
    /// Why it cannot be taken.
    Bad(String),
}

/// What the history's files have here, as the last commit that was brought in left it.
#[derive(Default)]
struct Taken {
    bases: BTreeMap<Location, ImportBase>,
    by_file: BTreeMap<String, BTreeSet<Location>>,
    lagging: BTreeMap<String, String>,
}

struct History {
    root: String,
    /// The folder with `/` behind it, or nothing.
    folder: String,
    all: bool,
    taken: Taken,
    known: Known,
    /// The view that `known` is of.
    seen: Option<dm_collab::Fingerprint>,
    report: GitImportReport,
    counts: BTreeMap<&'static str, u64>,
}

impl Engine {
    /// Brings in a git history: one patch for each commit that changes definitions, each applied to main. What was brought in
    /// before is not looked at again. `progress` is told how many commits are done, and of how many.
    ///
    /// # Errors
    /// If the repository cannot be read, or a commit would turn back what changed here without a common base. The commits
    /// before it stay.
    pub fn git_import(
        &self,
        request: &GitImportRequest,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<GitImportReport, EngineError> {
        let folder = folder_of(&request.path)?;
        let repository = Repository::open(&request.repository)?;
        if repository.is_shallow()? {
            return Err(GitError::Shallow.into());
        }
        let (branch, head) = head_of(&repository, request.branch.as_deref())?;
        let first = repository.first_commit(&head)?;
        let root = format!("git {first} {branch} {folder}");
        let mut history = History::load(self, root, folder, request, &repository, (&branch, &head))?;
        let before = history.last_head(self, &repository)?;
        let spec = pathspec(&history.folder);
        let commits = repository.changing(before.as_ref(), &head, &spec)?;
        if commits.is_empty() && before.is_none() {
            return Err(GitError::NothingThere(display(&history.folder)).into());
        }
        let mut objects = repository.objects()?;
        let mut read = Vec::with_capacity(commits.len());
        for id in &commits {
            read.push(Commit::parse(id, &objects.commit(id)?)?);
        }
        // The first one is compared with what is here, wherever the history went meanwhile.
        let mut pairs: Vec<_> = read.iter().map(|commit| (commit.id.clone(), commit.first_parent.clone())).collect();
        if let (Some(first), Some(before)) = (pairs.first_mut(), &before) {
            first.1 = Some(before.clone());
        }
        if let (Some(before), None) = (&before, commits.first()) {
            // Nothing new, or a history that was taken back to before.
            history.report.rewritten = !repository.between(Some(&head), before)?.is_empty();
            if history.report.rewritten {
                read.push(Commit::parse(&head, &objects.commit(&head)?)?);
                pairs.push((head.clone(), Some(before.clone())));
            }
        } else if let Some(before) = &before {
            history.report.rewritten = !repository.between(Some(&head), before)?.is_empty();
        }
        let mut changes = repository.changes(pairs, &spec)?;
        history.take_all(self, &read, &mut changes, &mut objects, progress)?;
        history.finish(self, &repository, &head)
    }
}

/// The branch's name as people know it, and where it is.
fn head_of(repository: &Repository, branch: Option<&str>) -> Result<(String, ObjectId), EngineError> {
    let short = |name: &str| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
    match branch {
        Some(name) => {
            let commit = repository.commit(name)?.ok_or_else(|| GitError::NoCommit(name.to_owned()))?;
            Ok((short(name), commit))
        }
        None => {
            let name = repository.head_branch()?.map_or_else(|| "HEAD".to_owned(), |name| short(&name));
            let commit = repository.commit("HEAD")?.ok_or_else(|| GitError::Unborn(name.clone()))?;
            Ok((name, commit))
        }
    }
}

/// The folder as git has it in front of paths.
fn folder_of(path: &str) -> Result<String, GitError> {
    let bad = || GitError::BadFolder(path.to_owned());
    let path = path.trim_end_matches('/').trim_start_matches("./");
    if path.is_empty() || path == "." {
        return Ok(String::new());
    }
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if path.starts_with('/') || path.contains(['\\', '\0', '\n']) || path.split('/').any(odd) {
        return Err(bad());
    }
    Ok(format!("{path}/"))
}

/// What git is asked for: the .dark files below a folder, whose name is no pattern.
fn pathspec(folder: &str) -> String {
    let mut spec = ":(top,glob)".to_owned();
    for letter in folder.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            spec.push('\\');
        }
        spec.push(letter);
    }
    spec.push_str("**/*.dark");
    spec
}

fn display(folder: &str) -> String {
    let name = folder.trim_end_matches('/');
    if name.is_empty() { ".".to_owned() } else { name.to_owned() }
}

impl History {
    fn load(
        engine: &Engine,
        root: String,
        folder: String,
        request: &GitImportRequest,
        repository: &Repository,
        (branch, head): (&str, &ObjectId),
    ) -> Result<Self, EngineError> {
        let tx = engine.store().read()?;
        let mut taken = Taken::default();
        taken.put(tx.import_bases(&root)?);
        taken.lagging = tx.git_lag(&root)?.into_iter().collect();
        let report = GitImportReport {
            dry_run: request.dry_run,
            repository: repository.folder.display().to_string(),
            branch: branch.to_owned(),
            path: display(&folder),
            head: head.to_string(),
            commits: 0,
            patches: 0,
            without_effect: 0,
            texts: 0,
            texts_taken: 0,
            files: 0,
            lagging: Vec::new(),
            changes: Vec::new(),
            kept: 0,
            unresolved: 0,
            conflicts: 0,
            rewritten: false,
            view_fingerprint: String::new(),
        };
        let (known, counts) = (Known::default(), BTreeMap::new());
        Ok(Self { root, folder, all: request.all, taken, known, seen: None, report, counts })
    }

    /// The commit that was brought in last.
    fn last_head(&self, engine: &Engine, repository: &Repository) -> Result<Option<ObjectId>, EngineError> {
        let Some(bytes) = engine.store().read()?.git_head(&self.root)? else { return Ok(None) };
        let id = ObjectId::from_bytes(&bytes).ok_or(GitError::Answer("no object id where one belongs"))?;
        let there = repository.commit(id.as_str())?;
        Ok(Some(there.ok_or_else(|| GitError::HeadGone(id.to_string()))?))
    }

    fn take_all(
        &mut self,
        engine: &Engine,
        commits: &[Commit],
        changes: &mut Changes,
        objects: &mut Objects,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), EngineError> {
        let mut commits = commits.iter().peekable();
        let total = commits.len() as u64;
        while commits.peek().is_some() {
            let mut transaction = engine.begin(&SessionChoice::Current, self.report.dry_run)?;
            self.notice_others(&transaction)?;
            let began = Instant::now();
            let first = self.report.patches == 0;
            for commit in commits.by_ref() {
                let (id, entries) = changes.next()?.ok_or(GitError::Answer("too few commits"))?;
                if id != commit.id {
                    return Err(GitError::Answer("the commits in another order").into());
                }
                self.take(&mut transaction, commit, entries, objects)?;
                transaction.tx.put_git_head(&self.root, &commit.id.to_bytes())?;
                progress(self.report.commits, total);
                if began.elapsed() >= GATHERED && !self.report.dry_run {
                    break;
                }
            }
            self.seen = Some(transaction.tx.view_fingerprint()?);
            transaction.tx.forget_captured();
            if first && self.report.patches > 0 {
                let words = format!("{} of {}", self.report.branch, self.report.repository);
                transaction.tell_final("git import", words);
            }
            if self.report.dry_run {
                self.look_around(&transaction)?;
            }
            transaction.commit()?;
        }
        Ok(())
    }

    /// Reads all names again if somebody else wrote to main since this import did.
    fn notice_others(&mut self, transaction: &Transaction<'_>) -> Result<(), EngineError> {
        let now = transaction.tx.view_fingerprint()?;
        if self.seen.as_ref() != Some(&now) {
            self.known = Known::load(&main_of(transaction))?;
            self.seen = Some(now);
        }
        Ok(())
    }

    /// Brings one commit in.
    fn take(
        &mut self,
        transaction: &mut Transaction<'_>,
        commit: &Commit,
        entries: Vec<Entry>,
        objects: &mut Objects,
    ) -> Result<(), EngineError> {
        self.report.commits += 1;
        let versions = self.read(entries, objects)?;
        let versions = self.settle_owners(versions);
        let lagging = self.note_lag(transaction, &versions)?;
        let (texts, bases) = self.affected(versions);
        let sources = Sources::of_texts(PathBuf::new(), texts);
        let request = ImportRequest {
            sources: &sources,
            intent: None,
            single: true,
            draft: false,
            prune: true,
            overwrite: false,
        };
        let plan = {
            let look = main_of(transaction);
            plan_part(&look, &request, &mut self.known, bases, &self.taken.bases)?
        };
        count_changes(&plan.steps, &mut self.counts);
        self.report.kept += plan.kept.len() as u64;
        self.report.unresolved += plan.warnings.len() as u64;
        let at = self.moment(transaction, commit)?;
        let heads = if plan.steps.is_empty() {
            self.report.without_effect += 1;
            BTreeMap::new()
        } else {
            self.report.patches += 1;
            append(transaction, (commit, at), &lagging, &plan)?
        };
        self.known.follow(&plan, &transaction.tx.flagged()?);
        self.keep(transaction, plan, &heads)
    }

    /// When a commit's patch was written: as the commit says, but never at once with the one before. Git counts in seconds, and
    /// definitions are in the order in which they were written.
    fn moment(&self, transaction: &Transaction<'_>, commit: &Commit) -> Result<Timestamp, EngineError> {
        let tx = &transaction.tx;
        let said = commit.committed_at.as_ms();
        let last = match tx.leaves(&Channel { main: tx.own_channel(), space: transaction.space_of_new()? })?.first() {
            Some(last) => tx.envelope(last)?.map(|envelope| envelope.header().authored_at.as_ms()),
            None => None,
        };
        let same_second = |last: &i64| last.div_euclid(1000) == said.div_euclid(1000);
        Ok(Timestamp::from_ms(last.filter(same_second).map_or(said, |last| said.max(last.saturating_add(1)))))
    }

    /// The new versions of the files that count here.
    fn read(&mut self, entries: Vec<Entry>, objects: &mut Objects) -> Result<BTreeMap<String, Version>, EngineError> {
        let mut versions = BTreeMap::new();
        let mut texts = Vec::new();
        for entry in entries {
            let below = entry.path.strip_prefix(self.folder.as_bytes()).unwrap_or(&entry.path);
            let name = match std::str::from_utf8(below) {
                Ok(name) if self.all || !name.contains('_') => name.to_owned(),
                Ok(_) => continue,
                // It can be named, if not exactly.
                Err(_) => {
                    let name = String::from_utf8_lossy(below).into_owned();
                    versions.insert(name, Version::Bad("its name is not UTF-8".to_owned()));
                    continue;
                }
            };
            let version = match entry.now {
                None => Version::Gone,
                Some((Mode::File, id)) => {
                    self.report.texts += 1;
                    match read_text(objects, &id)? {
                        Ok(text) => {
                            texts.push(SourceText { file: name, text });
                            continue;
                        }
                        Err(reason) => Version::Bad(reason),
                    }
                }
                Some((Mode::Link, _)) => Version::Bad("it is a symbolic link".to_owned()),
                Some((Mode::Submodule, _)) => Version::Bad("it is another repository".to_owned()),
                Some((Mode::Other, _)) => Version::Bad("it is no file".to_owned()),
            };
            versions.insert(name, version);
        }
        for (text, parsed) in texts.iter().zip(parse_all(&texts)) {
            let version = match parsed {
                Ok(source) => match check_duplicates(std::slice::from_ref(&source)) {
                    Ok(()) => Version::Text(source),
                    Err(EngineError::Text(problems)) => Version::Bad(first_reason(&problems)),
                    Err(other) => return Err(other),
                },
                Err(problem) => Version::Bad(first_reason(std::slice::from_ref(&problem))),
            };
            versions.insert(text.file.clone(), version);
        }
        Ok(versions)
    }

    /// A file that declares what another file has is not taken, unless that one no longer has it.
    fn settle_owners(&self, mut versions: BTreeMap<String, Version>) -> BTreeMap<String, Version> {
        let mut claims: BTreeMap<&Location, Vec<&String>> = BTreeMap::new();
        for (file, version) in &versions {
            for location in declared(version) {
                claims.entry(location).or_default().push(file);
            }
        }
        let mut refused: BTreeMap<String, String> = BTreeMap::new();
        for (location, files) in claims {
            let old = self.taken.bases.get(location).map(|base| &base.file);
            // Whoever had it keeps it while it has it; a file that changed and is not taken gives it up.
            let owner = match old.filter(|old| files.contains(old) || !versions.contains_key(*old)) {
                Some(old) => old,
                None => match files.iter().find(|file| !refused.contains_key(**file)) {
                    Some(file) => file,
                    None => continue,
                },
            };
            for file in files.iter().filter(|file| **file != owner) {
                let reason = || format!("`{location}` is defined in {owner} too");
                refused.entry((*file).clone()).or_insert_with(reason);
            }
        }
        for (file, reason) in refused {
            versions.insert(file, Version::Bad(reason));
        }
        versions
    }

    /// Notes which files are not taken as they are now; those of this commit.
    fn note_lag(
        &mut self,
        transaction: &mut Transaction<'_>,
        versions: &BTreeMap<String, Version>,
    ) -> Result<Vec<(String, String)>, EngineError> {
        let mut lagging = Vec::new();
        for (file, version) in versions {
            match version {
                Version::Bad(reason) => {
                    lagging.push((file.clone(), reason.clone()));
                    transaction.tx.put_git_lag(&self.root, file, Some(reason))?;
                    self.taken.lagging.insert(file.clone(), reason.clone());
                }
                Version::Text(_) | Version::Gone => {
                    self.report.texts_taken += u64::from(matches!(version, Version::Text(_)));
                    if self.taken.lagging.remove(file).is_some() {
                        transaction.tx.put_git_lag(&self.root, file, None)?;
                    }
                }
            }
        }
        Ok(lagging)
    }

    /// The texts that are taken, and what their files, those that are gone, and the places that they define had before.
    fn affected(&self, versions: BTreeMap<String, Version>) -> (Vec<Source>, BTreeMap<Location, ImportBase>) {
        let mut texts = Vec::new();
        let mut places: BTreeSet<Location> = BTreeSet::new();
        for (file, version) in versions {
            if matches!(version, Version::Bad(_)) {
                continue;
            }
            places.extend(self.taken.by_file.get(&file).into_iter().flatten().cloned());
            places.extend(declared(&version).cloned());
            if let Version::Text(source) = version
                && !source.declarations.is_empty()
            {
                texts.push(source);
            }
        }
        let bases = places.into_iter().filter_map(|place| Some((place.clone(), self.taken.bases.get(&place)?.clone())));
        (texts, bases.collect())
    }

    /// Keeps what the files have now.
    fn keep(
        &mut self,
        transaction: &mut Transaction<'_>,
        plan: Plan,
        heads: &BTreeMap<EntityId, Vec<OpId>>,
    ) -> Result<(), EngineError> {
        let mut bases = plan.bases;
        for base in &mut bases {
            if let Some(heads) = heads.get(&base.entity) {
                base.heads.clone_from(heads);
            }
        }
        transaction.tx.remove_import_bases(&self.root, &plan.forgotten)?;
        transaction.tx.put_import_bases(&self.root, &bases)?;
        // None of it is for an undo, and it must not grow with the history.
        transaction.tx.forget_captured();
        for location in &plan.forgotten {
            self.taken.remove(location);
        }
        self.taken.put(bases);
        Ok(())
    }

    /// What is left to be told of main.
    fn look_around(&mut self, transaction: &Transaction<'_>) -> Result<(), EngineError> {
        let look = main_of(transaction);
        self.report.conflicts = crate::conflicts::listed(&look, &transaction.workspace)?.len() as u64;
        self.report.view_fingerprint = transaction.tx.view_fingerprint()?.short();
        Ok(())
    }

    fn finish(
        mut self,
        engine: &Engine,
        repository: &Repository,
        head: &ObjectId,
    ) -> Result<GitImportReport, EngineError> {
        if self.report.view_fingerprint.is_empty() {
            let mut transaction = engine.begin(&SessionChoice::Current, self.report.dry_run)?;
            if transaction.tx.git_head(&self.root)?.as_deref() != Some(head.to_bytes().as_slice()) {
                transaction.tx.put_git_head(&self.root, &head.to_bytes())?;
            }
            self.look_around(&transaction)?;
            transaction.commit()?;
        }
        let (folder, all) = (self.folder.clone().into_bytes(), self.all);
        self.report.files = repository.count_files(head, &|path| {
            let below = path.strip_prefix(folder.as_slice());
            below.is_some_and(|below| below.ends_with(b".dark") && (all || !below.contains(&b'_')))
        })?;
        self.report.lagging =
            self.taken.lagging.into_iter().map(|(file, reason)| LaggingFile { file, reason }).collect();
        let counts = self.counts.into_iter();
        self.report.changes = counts.map(|(change, count)| ChangeCount { change: change.to_owned(), count }).collect();
        Ok(self.report)
    }
}

impl Taken {
    fn put(&mut self, bases: Vec<ImportBase>) {
        for base in bases {
            self.remove(&base.location);
            self.by_file.entry(base.file.clone()).or_default().insert(base.location.clone());
            self.bases.insert(base.location.clone(), base);
        }
    }

    fn remove(&mut self, location: &Location) {
        let Some(base) = self.bases.remove(location) else { return };
        if let Some(places) = self.by_file.get_mut(&base.file) {
            places.remove(location);
            if places.is_empty() {
                self.by_file.remove(&base.file);
            }
        }
    }
}

/// The places that a file defines, but for tests: these are named by what they say, and those of several files never meet.
fn declared(version: &Version) -> impl Iterator<Item = &Location> {
    let declarations = match version {
        Version::Text(source) => source.declarations.as_slice(),
        Version::Gone | Version::Bad(_) => &[],
    };
    let named = declarations.iter().filter(|declaration| declaration.kind != Kind::Test);
    named.map(|declaration| &declaration.location)
}

/// The own main, without any session's drafts.
fn main_of<'t>(transaction: &'t Transaction<'_>) -> Look<'t> {
    Look { tx: &transaction.tx, view: View::main(&*transaction.tx) }
}

fn read_text(objects: &mut Objects, id: &ObjectId) -> Result<Result<String, String>, GitError> {
    Ok(match objects.blob(id, FILE_BYTES_MAX)? {
        Blob::TooLarge(bytes) => Err(format!("{bytes} bytes, more than {FILE_BYTES_MAX}")),
        Blob::Bytes(bytes) => {
            String::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
        }
    })
}

/// What is wrong first, and where.
fn first_reason(problems: &[TextProblem]) -> String {
    let Some(problem) = problems.first() else { return "it cannot be read".to_owned() };
    let Some(diagnostic) = problem.diagnostics.first() else { return "it cannot be read".to_owned() };
    let at = LineIndex::new(&problem.text).line_col(&problem.text, diagnostic.range.start);
    format!("row {}: {}", at.row + 1, diagnostic.message)
}

/// Signs the patch that a plan is, and applies it; answers the content write of each entity that it writes.
fn append(
    transaction: &mut Transaction<'_>,
    (commit, at): (&Commit, Timestamp),
    lagging: &[(String, String)],
    plan: &Plan,
) -> Result<BTreeMap<EntityId, Vec<OpId>>, EngineError> {
    let engine = transaction.engine;
    let patch = new_patch_id(engine.system()).map_err(EngineError::NoRandomness)?;
    let damaged = |error: dm_collab::draft::DraftError| EngineError::DamagedDraft(error.to_string());
    let mut stack = Stack::new(Vec::new()).map_err(damaged)?;
    let place = stack.push(patch);
    // What frees names comes first: what takes them stands on it.
    let (moves, others): (Vec<_>, Vec<_>) = plan.steps.iter().partition(|step| matches!(step.act, Act::Move { .. }));
    for step in moves.into_iter().chain(others) {
        write_step(&mut stack, place, step).map_err(damaged)?;
    }
    let ops: Vec<Op> = stack.ready(place).map_err(damaged)?;
    let space = transaction.space_of_new()?;
    transaction.check_readable(&patch, space, &ops)?;
    let mut heads: BTreeMap<EntityId, Vec<OpId>> = BTreeMap::new();
    for op in ops.iter().filter(|op| op.written_content().is_some()) {
        heads.insert(op.entity, vec![op.id()]);
    }
    let definitions: Vec<HashedDefinition> = plan.steps.iter().filter_map(|step| step.definition.clone()).collect();
    let revision = Revision {
        patch,
        replaces: Vec::new(),
        author: commit.author.clone(),
        intent: commit.intent(lagging),
        created_at: commit.authored_at,
        depends: Vec::new(),
        ops,
    };
    let revision = Arc::new(transaction.seal_brought(space, at, revision)?);
    let channel = transaction.tx.own_channel();
    let onto = transaction.tx.leaves(&Channel { main: channel, space })?;
    let fact = Apply { channel, onto, patches: vec![(patch, revision.id())], forced: String::new() };
    let fact = Arc::new(transaction.seal(space, at, Body::Apply(fact))?);
    let envelopes = vec![revision, fact];
    transaction.tx.append(&Arrival { envelopes: envelopes.clone(), definitions })?;
    // The author's name is the commit's, and others learn the key with the name.
    trust::note_keys(&mut transaction.tx, &envelopes, engine.system())?;
    Ok(heads)
}
