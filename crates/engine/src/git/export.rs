//! The own main's history written out as git commits: one for each patch that was applied, in that order.
//!
//! A repository is for everyone, so what is written is the public part of the history. What main was after each fact is found
//! out in a store of memory that the patches are applied to once more, one by one. The
//! commits are made of nothing but the history: the same history gives the same ids, in any repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_collab::view::View;
use dm_collab::{Channel, ProjectionDelta, ProjectionRead as _};
use dm_model::{
    Apply, Body, EntityId, Envelope, EnvelopeId, InstanceId, Keypair, PatchId, Revision, RevisionId, Space, Timestamp,
    Unapply,
};
use dm_store::{Arrival, HashedDefinition, NewStore, ReadTx, Store, WriteTx};

use super::GitError;
use super::repository::{Importer, ObjectId, Repository};
use super::tree::{Changed, Tree};
use crate::engine::{Engine, SessionChoice};
use crate::error::EngineError;
use crate::look::Look;
use crate::patches::headed;
use crate::report::{GitCommitWritten, GitExportReport};

/// The trailer that names the patch that a commit brings.
const PATCH_TRAILER: &str = "Darkmatter-Patch";
/// The trailer that names a patch that a commit takes back.
const UNAPPLY_TRAILER: &str = "Darkmatter-Unapply";
/// Who commits: the instance whose main it is.
const COMMITTER: &str = "Darkmatter";
/// What the key of the store in memory is made of; nothing that it signs leaves that.
const SCRATCH_SECRET: [u8; 32] = [0x67; 32];

/// Where the history is to be written.
#[derive(Debug, Clone)]
pub struct GitExportRequest {
    /// The repository; a bare one is made if there is nothing.
    pub repository: PathBuf,
    /// The branch, of this store's own.
    pub branch: String,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What a commit brings or takes back.
struct Step {
    /// The fact of the own main that it belongs to.
    fact: EnvelopeId,
    what: What,
    message: String,
    subject: String,
    /// `Name <address>`, as git wants it.
    author: String,
    authored_at: Timestamp,
    committed_at: Timestamp,
}

enum What {
    Apply(PatchId, RevisionId),
    Unapply(Vec<PatchId>),
}

/// Where the branch stands, and which facts it has.
struct Standing {
    /// The repository, if it is there.
    repository: Option<Repository>,
    key: String,
    tip: Option<ObjectId>,
    /// The last commit of ours that is there, and how many facts lead up to it.
    last: Option<ObjectId>,
    facts_there: usize,
    /// Whether nothing of what was written is there any more.
    lost: bool,
}

impl Engine {
    /// Writes the own main's history to a branch of a git repository: one commit for each patch that was applied, in that order,
    /// and one for each time that some were taken back. What was written before stays; a work tree is never touched. `progress`
    /// is told how many commits are done, and of how many.
    ///
    /// # Errors
    /// If the branch is not where this store left it or is checked out, the main has forked, or git refuses. The branch is
    /// moved last, so that it is as it was then.
    pub fn git_export(
        &self,
        request: &GitExportRequest,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<GitExportReport, EngineError> {
        let name = format!("refs/heads/{}", request.branch);
        let tx = self.store().read()?;
        if tx.leaves(&Channel::public(tx.own_channel()))?.len() > 1 {
            return Err(GitError::Forked.into());
        }
        let facts = tx.own_facts()?;
        let mut standing = self.standing(&tx, request, &name, &facts)?;
        let made = standing.repository.is_none() && !request.dry_run;
        let before = facts.get(..standing.facts_there).unwrap_or_default();
        let after = facts.get(standing.facts_there..).unwrap_or_default();
        let mut members = BTreeMap::new();
        let there = steps(&tx, before, &mut members)?.len();
        let at_last = members.clone();
        let steps = steps(&tx, after, &mut members)?;
        let mut report = GitExportReport {
            dry_run: request.dry_run,
            repository: match &standing.repository {
                Some(repository) => repository.folder.display().to_string(),
                None => request.repository.display().to_string(),
            },
            branch: request.branch.clone(),
            made,
            there: there as u64,
            written: steps.iter().map(Step::written).collect(),
            head: standing.last.as_ref().map(ToString::to_string),
        };
        if request.dry_run {
            return Ok(report);
        }
        let repository = match standing.repository.take() {
            Some(repository) => repository,
            None => {
                let repository = Repository::make(&request.repository)?;
                standing.key = self.folder_key(&repository.folder);
                repository
            }
        };
        report.repository = repository.folder.display().to_string();
        let mut marks = Vec::new();
        if !steps.is_empty() {
            let ids = write_commits(&tx, &repository, request, &standing, (&at_last, &steps), progress)?;
            for ((step, id), written) in steps.iter().zip(&ids).zip(&mut report.written) {
                written.commit = id.to_string();
                // Of the commits of a fact the last one is its.
                marks.retain(|(fact, _)| *fact != step.fact);
                marks.push((step.fact, id.to_bytes()));
            }
            report.head = ids.last().map(ToString::to_string);
            standing.last = ids.last().cloned();
        }
        drop(tx);
        self.remember(request, &repository, &standing, &marks)?;
        if let Some(last) = standing.last.as_ref().filter(|last| standing.tip.as_ref() != Some(*last)) {
            repository.move_branch(&name, last, standing.tip.as_ref())?;
        }
        // Also one that a cut export left.
        repository.remove_name(&scratch_name(&request.branch))?;
        Ok(report)
    }

    /// Looks where the branch is, and refuses what somebody else wrote.
    fn standing(
        &self,
        tx: &ReadTx<'_>,
        request: &GitExportRequest,
        name: &str,
        facts: &[EnvelopeId],
    ) -> Result<Standing, EngineError> {
        let fresh = |repository, key| Standing { repository, key, tip: None, last: None, facts_there: 0, lost: true };
        if is_nothing(&request.repository)? {
            super::repository::check_branch(&request.branch)?;
            return Ok(fresh(None, request.repository.display().to_string()));
        }
        let repository = Repository::open(&request.repository).map_err(|error| match error {
            GitError::NoRepository(path) => GitError::NotEmpty(path),
            other => other,
        })?;
        super::repository::check_branch(&request.branch)?;
        if repository.checked_out()?.iter().any(|branch| branch == name) {
            return Err(GitError::CheckedOut(request.branch.clone()).into());
        }
        let key = self.folder_key(&repository.folder);
        let tip = repository.commit(name)?;
        let marks = tx.git_marks(&key, &request.branch)?;
        let marked = |(fact, bytes): &(EnvelopeId, Vec<u8>)| Some((*fact, ObjectId::from_bytes(bytes)?));
        let marks: Vec<(EnvelopeId, ObjectId)> = marks.iter().filter_map(marked).collect();
        if let Some(found) = tip.as_ref().filter(|tip| !marks.iter().any(|(_, mark)| mark == *tip)) {
            let (branch, found) = (request.branch.clone(), found.to_string());
            return Err(GitError::ForeignBranch { branch, found }.into());
        }
        // The last commit that is there still: the tip at least.
        for (fact, object) in marks.iter().rev() {
            if repository.commit(object.as_str())?.is_some() {
                let place = facts.iter().position(|known| known == fact).map_or(0, |at| at + 1);
                let last = Some(object.clone());
                return Ok(Standing { repository: Some(repository), key, tip, last, facts_there: place, lost: false });
            }
        }
        Ok(fresh(Some(repository), key))
    }

    /// Remembers which commits there are for which facts.
    fn remember(
        &self,
        request: &GitExportRequest,
        repository: &Repository,
        standing: &Standing,
        marks: &[(EnvelopeId, Vec<u8>)],
    ) -> Result<(), EngineError> {
        if marks.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin(&SessionChoice::Current, false)?;
        if standing.lost {
            transaction.tx.forget_git_target(&standing.key, &request.branch)?;
        }
        transaction.tx.put_git_marks(&standing.key, &request.branch, marks)?;
        let words = format!("branch {} of {}", request.branch, repository.folder.display());
        transaction.tell_final("git export", words);
        transaction.commit()
    }
}

/// Whether there is nothing at a path, or an empty folder.
fn is_nothing(path: &Path) -> Result<bool, EngineError> {
    let fail = |source| EngineError::File { path: path.to_path_buf(), source };
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(fail(error)),
    }
}

/// The name that commits have until all are written.
fn scratch_name(branch: &str) -> String {
    format!("refs/darkmatter/export/{branch}")
}

impl Step {
    fn written(&self) -> GitCommitWritten {
        let patches = match &self.what {
            What::Apply(patch, _) => vec![patch.to_string()],
            What::Unapply(patches) => patches.iter().map(ToString::to_string).collect(),
        };
        GitCommitWritten { commit: String::new(), patches, subject: self.subject.clone() }
    }
}

/// The commits that facts become; `members` is what is in main before them, and afterwards what is in it behind them.
fn steps(
    tx: &ReadTx<'_>,
    facts: &[EnvelopeId],
    members: &mut BTreeMap<PatchId, RevisionId>,
) -> Result<Vec<Step>, EngineError> {
    let mut steps = Vec::new();
    for fact in facts {
        let Some(envelope) = tx.envelope(fact)? else { continue };
        match envelope.body() {
            Body::Apply(apply) => {
                let revisions: Vec<EnvelopeId> = apply.patches.iter().map(|(_, revision)| *revision).collect();
                // Each after what it needs.
                for revision in tx.envelopes_in_order(&revisions)? {
                    let Body::Revision(body) = revision.body() else { continue };
                    if members.insert(body.patch, revision.id()) != Some(revision.id()) {
                        steps.push(applied(&envelope, &revision, body));
                    }
                }
            }
            Body::Unapply(unapply) => {
                let leaving: Vec<PatchId> =
                    unapply.patches.iter().filter(|patch| members.contains_key(*patch)).copied().collect();
                let mut subjects = Vec::new();
                for patch in &leaving {
                    let Some(revision) = members.remove(patch) else { continue };
                    let summary = tx.revision_summary(&revision)?;
                    subjects.push(summary.map_or_else(|| patch.short(), |summary| headed(&summary.intent).0));
                }
                if !leaving.is_empty() {
                    steps.push(taken_back(&envelope, leaving, &subjects));
                }
            }
            _ => {}
        }
    }
    Ok(steps)
}

fn applied(fact: &Envelope, revision: &Envelope, body: &Revision) -> Step {
    let intent = body.intent.trim();
    let gap = if ends_in_trailers(intent) { "\n" } else { "\n\n" };
    Step {
        fact: fact.id(),
        what: What::Apply(body.patch, revision.id()),
        message: format!("{intent}{gap}{PATCH_TRAILER}: {}\n", body.patch),
        subject: headed(intent).0,
        author: identity(&body.author),
        authored_at: body.created_at,
        committed_at: fact.header().authored_at,
    }
}

fn taken_back(fact: &Envelope, patches: Vec<PatchId>, subjects: &[String]) -> Step {
    let subject = match subjects {
        [one] => format!("Take back: {one}"),
        many => format!("Take back {} patches", many.len()),
    };
    let trailers: Vec<String> = patches.iter().map(|patch| format!("{UNAPPLY_TRAILER}: {patch}\n")).collect();
    let at = fact.header().authored_at;
    Step {
        fact: fact.id(),
        what: What::Unapply(patches),
        message: format!("{subject}\n\n{}", trailers.concat()),
        subject,
        author: committer(&match fact.body() {
            Body::Unapply(unapply) => unapply.channel,
            _ => fact.header().author_key.instance(),
        }),
        authored_at: at,
        committed_at: at,
    }
}

/// Whether the last paragraph, and not the only one, is of trailers.
fn ends_in_trailers(message: &str) -> bool {
    let Some((_, last)) = message.rsplit_once("\n\n") else { return false };
    let is_trailer = |row: &str| {
        row.split_once(": ").is_some_and(|(key, _)| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    last.lines().all(is_trailer)
}

/// Who it is, as git writes it: a name and an address, without what would end either.
fn identity(author: &str) -> String {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\0') && !c.is_control());
        kept.collect::<String>().trim().to_owned()
    };
    let (name, address) = match author.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (plain(name), plain(address)),
        None => (plain(author), String::new()),
    };
    let name = if name.is_empty() { "nobody".to_owned() } else { name };
    format!("{name} <{address}>")
}

fn committer(instance: &InstanceId) -> String {
    format!("{COMMITTER} <{}>", instance.short())
}

fn seconds(at: Timestamp) -> i64 {
    at.as_ms().div_euclid(1000).max(0)
}

/// Applies the history once more in memory, and writes what changes as commits. Answers their ids.
fn write_commits(
    tx: &ReadTx<'_>,
    repository: &Repository,
    request: &GitExportRequest,
    standing: &Standing,
    (members, steps): (&BTreeMap<PatchId, RevisionId>, &[Step]),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<ObjectId>, EngineError> {
    let mut replay = Replay::new(tx)?;
    let mut replaying = replay.begin(tx)?;
    replaying.load(members)?;
    let name = scratch_name(&request.branch);
    let mut importer = repository.importer()?;
    importer.write(format!("reset {name}\n").as_bytes())?;
    if let Some(last) = &standing.last {
        importer.write(format!("from {last}\n").as_bytes())?;
    }
    let committer = committer(&tx.own_channel());
    let total = steps.len() as u64;
    for (at, step) in steps.iter().enumerate() {
        let changed = replaying.step(&step.what)?;
        write_commit(&mut importer, &name, &committer, step, &changed)?;
        progress(at as u64 + 1, total);
    }
    importer.finish()?;
    let tip = repository.commit(&name)?.ok_or(GitError::Answer("no commit where one was written"))?;
    let ids = repository.between(standing.last.as_ref(), &tip)?;
    if ids.len() == steps.len() { Ok(ids) } else { Err(GitError::Answer("other commits than were written").into()) }
}

fn write_commit(
    importer: &mut Importer,
    name: &str,
    committer: &str,
    step: &Step,
    changed: &Changed,
) -> Result<(), GitError> {
    let header = format!(
        "commit {name}\nauthor {} {} +0000\ncommitter {committer} {} +0000\ndata {}\n",
        step.author,
        seconds(step.authored_at),
        seconds(step.committed_at),
        step.message.len()
    );
    importer.write(header.as_bytes())?;
    importer.write(step.message.as_bytes())?;
    importer.write(b"\n")?;
    for (path, text) in changed {
        match text {
            // Paths are made of letters, digits, `-`, `.` and `/`: none needs quotes.
            Some(text) => {
                importer.write(format!("M 100644 inline {path}\ndata {}\n", text.len()).as_bytes())?;
                importer.write(text.as_bytes())?;
                importer.write(b"\n")?;
            }
            None => importer.write(format!("D {path}\n").as_bytes())?,
        }
    }
    importer.write(b"\n")
}

/// A store in memory in which patches are applied one by one.
struct Replay {
    store: Store,
    keys: Keypair,
}

struct Replaying<'r> {
    tx: WriteTx<'r>,
    /// Where definitions and envelopes are.
    source: &'r ReadTx<'r>,
    keys: &'r Keypair,
    tree: Tree,
}

impl Replay {
    fn new(tx: &ReadTx<'_>) -> Result<Self, EngineError> {
        let keys = Keypair::from_secret(&SCRATCH_SECRET);
        let new = NewStore { key: keys.public(), name: "replay".to_owned(), created_at: Timestamp::from_ms(0) };
        Ok(Self { store: Store::scratch(tx.path(), &new)?, keys })
    }

    fn begin<'r>(&'r mut self, source: &'r ReadTx<'r>) -> Result<Replaying<'r>, EngineError> {
        Ok(Replaying { tx: self.store.write()?, source, keys: &self.keys, tree: Tree::default() })
    }
}

impl Replaying<'_> {
    /// Brings in all patches, and applies these.
    fn load(&mut self, members: &BTreeMap<PatchId, RevisionId>) -> Result<(), EngineError> {
        // All of them: one waits for those that it replaces, and for those that its needs are in.
        let revisions = self.source.revision_ids()?;
        let mut arrival = Arrival { envelopes: self.source.envelopes_in_order(&revisions)?, definitions: Vec::new() };
        let mut wanted = std::collections::BTreeSet::new();
        for envelope in &arrival.envelopes {
            let Body::Revision(revision) = envelope.body() else { continue };
            for hash in revision.contents().into_iter().filter(|hash| wanted.insert(*hash)) {
                let definition = self.source.definition(&hash)?.ok_or(EngineError::MissingContent(hash))?;
                arrival.definitions.push(HashedDefinition::of_hash(hash, Arc::new(definition)));
            }
        }
        self.tx.append(&arrival)?;
        if !members.is_empty() {
            let members: Vec<_> = members.iter().map(|(patch, revision)| (*patch, *revision)).collect();
            self.apply(&members)?;
            let live: Vec<EntityId> = self.tx.live_names("")?.into_iter().map(|name| name.entity).collect();
            self.follow(live)?;
        }
        Ok(())
    }

    fn step(&mut self, what: &What) -> Result<Changed, EngineError> {
        let delta = match what {
            What::Apply(patch, revision) => self.apply(&[(*patch, *revision)])?,
            What::Unapply(patches) => {
                let (channel, onto) = self.onto()?;
                self.append(Body::Unapply(Unapply { channel, onto, patches: patches.clone() }))?
            }
        };
        self.follow(delta.entities.keys().copied().collect())
    }

    /// The main in memory, and where its facts end.
    fn onto(&self) -> Result<(InstanceId, Vec<EnvelopeId>), EngineError> {
        let main = self.tx.own_channel();
        Ok((main, self.tx.leaves(&Channel::public(main))?))
    }

    fn apply(&mut self, members: &[(PatchId, RevisionId)]) -> Result<ProjectionDelta, EngineError> {
        let (channel, onto) = self.onto()?;
        self.append(Body::Apply(Apply { channel, onto, patches: members.to_vec(), forced: String::new() }))
    }

    fn append(&mut self, body: Body) -> Result<ProjectionDelta, EngineError> {
        let envelope = Arc::new(Envelope::seal(Space::PUBLIC, self.keys, Timestamp::from_ms(0), body));
        Ok(self.tx.append(&Arrival { envelopes: vec![envelope], definitions: Vec::new() })?)
    }

    fn follow(&mut self, entities: Vec<EntityId>) -> Result<Changed, EngineError> {
        let look = Look { tx: &self.tx, view: View::main(&*self.tx) };
        self.tree.follow(&look, self.source, entities.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_as_git_wants_it() {
        for (author, expected) in [
            ("Ada", "Ada <>"),
            ("Ada Lovelace <ada@example.org>", "Ada Lovelace <ada@example.org>"),
            ("<x@y>", "nobody <x@y>"),
            ("a\n<b>c", "abc <>"),
            ("Ada > x <y>", "Ada  x <y>"),
        ] {
            assert_eq!(identity(author), expected, "{author}");
        }
    }

    #[test]
    fn trailers_are_told_from_words() {
        assert!(ends_in_trailers("Do it\n\nGit-Commit: 12\nNot-Taken: a: b"));
        assert!(!ends_in_trailers("Fix: it"));
        assert!(!ends_in_trailers("Do it\n\nNote: this\nis a text"));
    }

    #[test]
    fn dates_before_1970_are_its_first_second() {
        assert_eq!(seconds(Timestamp::from_ms(-5)), 0);
        assert_eq!(seconds(Timestamp::from_ms(1999)), 1);
    }
}
