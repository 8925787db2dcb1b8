//! Patches: listed, shown, made ready, taken back, applied.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::conflict::{Conflict, ConflictKind};
use dm_collab::patch::{self, Status};
use dm_collab::view::{Overlay, View};
use dm_collab::{Head, Membership, ProjectionRead, ReadError};
use dm_model::{Body, EnvelopeId, Op, OpId, PatchId, Register, Revision, RevisionId, Space, Withdraw};
use dm_store::ReadTx;

use crate::error::EngineError;
use crate::look::Look;
use crate::report::{ApplyReport, PatchSummary, Problem};
use crate::spaces;
use crate::transaction::Transaction;
use crate::workspace::Workspace;

/// A patch with the revision of it that goes into main.
type Member = (PatchId, RevisionId);

/// Fewest digits of a short id.
const SHORT_DIGITS: usize = 6;

/// The revision of a patch that is open or applied: the one in main, else the only latest one that is not withdrawn.
pub(crate) fn open_revision(read: &dyn ProjectionRead, id: &PatchId) -> Result<Option<RevisionId>, ReadError> {
    if let Membership::In(revision) = read.own_membership(id)? {
        return Ok(Some(revision));
    }
    match patch::latest(read, id)?.as_slice() {
        [revision] if !patch::is_withdrawn(read, id, revision)? => Ok(Some(*revision)),
        _ => Ok(None),
    }
}

/// The shortest prefix of an id that is unique among others, 6 digits at least.
pub(crate) fn short(id: &str, others: &[String]) -> String {
    let shared = |other: &String| id.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
    let longest = others.iter().filter(|other| *other != id).map(shared).max().unwrap_or(0);
    id.chars().take((longest + 1).max(SHORT_DIGITS)).collect()
}

/// The patches of this store, those with revisions and drafts of all sessions, ascending.
pub(crate) fn all_patches(tx: &ReadTx<'_>) -> Result<Vec<PatchId>, EngineError> {
    let mut all: BTreeSet<PatchId> = tx.patch_ids()?.into_iter().collect();
    all.extend(tx.draft_ids()?);
    Ok(all.into_iter().collect())
}

/// The patch that the start of an id means.
pub(crate) fn find(tx: &ReadTx<'_>, prefix: &str) -> Result<PatchId, EngineError> {
    if let Ok(id) = prefix.parse::<PatchId>()
        && (tx.draft_header(&id)?.is_some() || !tx.revisions(&id)?.is_empty())
    {
        return Ok(id);
    }
    let all = all_patches(tx)?;
    let found: Vec<&PatchId> =
        all.iter().filter(|patch| !prefix.is_empty() && patch.to_string().starts_with(prefix)).collect();
    match found.as_slice() {
        [] => Err(EngineError::NoSuchPatch(prefix.to_owned())),
        [one] => Ok(**one),
        many => Err(EngineError::AmbiguousPatch {
            prefix: prefix.to_owned(),
            candidates: many.iter().take(20).map(ToString::to_string).collect(),
        }),
    }
}

/// The patch named, else the focused one.
pub(crate) fn find_or_focused(
    tx: &ReadTx<'_>,
    workspace: &Workspace,
    prefix: Option<&str>,
) -> Result<PatchId, EngineError> {
    match prefix {
        Some(prefix) => find(tx, prefix),
        None => workspace.session.focused.ok_or(EngineError::NoFocus),
    }
}

/// The first row of an intent, and what stands below it.
pub(crate) fn headed(intent: &str) -> (String, Option<String>) {
    match intent.split_once('\n') {
        Some((head, body)) => {
            (head.trim_end().to_owned(), Some(body.trim().to_owned()).filter(|body| !body.is_empty()))
        }
        None => (intent.to_owned(), None),
    }
}

/// What the summaries of many patches have in common, looked up once.
pub(crate) struct Among {
    /// Drafts of all sessions, in the order of their spelling. Patches with revisions are looked up where they are needed: there may be any number.
    drafts: Vec<PatchId>,
    /// The names of the sessions that patches belong to.
    sessions: BTreeMap<PatchId, String>,
}

impl Among {
    pub(crate) fn load(tx: &ReadTx<'_>) -> Result<Self, EngineError> {
        let mut drafts = tx.draft_ids()?;
        drafts.sort_unstable_by_key(PatchId::spelled);
        let mut sessions = BTreeMap::new();
        for session in tx.sessions()? {
            for patch in session.patches {
                sessions.entry(patch).or_insert_with(|| session.name.clone());
            }
        }
        Ok(Self { drafts, sessions })
    }

    /// The shortest beginning that no other patch shares: only those next to it in order share as much.
    fn short(&self, tx: &ReadTx<'_>, id: &PatchId) -> Result<String, EngineError> {
        let at = self.drafts.partition_point(|other| other.spelled() < id.spelled());
        let drafts = self.drafts.get(at.saturating_sub(1)..(at + 2).min(self.drafts.len()));
        let beside = tx.patches_beside(id)?;
        let others: Vec<String> = beside.iter().chain(drafts.unwrap_or_default()).map(ToString::to_string).collect();
        Ok(short(&id.to_string(), &others))
    }
}

/// Patches on a line each.
pub(crate) fn summaries(
    tx: &ReadTx<'_>,
    workspace: &Workspace,
    ids: &[PatchId],
) -> Result<Vec<PatchSummary>, EngineError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let among = Among::load(tx)?;
    ids.iter().map(|id| summary_among(tx, workspace, id, &among)).collect()
}

/// A patch on a line.
pub(crate) fn summary(look: &Look<'_>, workspace: &Workspace, id: &PatchId) -> Result<PatchSummary, EngineError> {
    summary_in(look.tx, workspace, id)
}

/// As [`summary`], where no view is at hand: none is needed.
pub(crate) fn summary_in(tx: &ReadTx<'_>, workspace: &Workspace, id: &PatchId) -> Result<PatchSummary, EngineError> {
    let mut beside = tx.patches_beside(id)?;
    beside.extend(tx.draft_ids()?);
    let ids: Vec<String> = beside.iter().map(ToString::to_string).collect();
    let short = short(&id.to_string(), &ids);
    let session = session_of(tx, workspace, id)?;
    summary_of(tx, workspace, id, short, session)
}

/// As [`summary`], for many.
pub(crate) fn summary_among(
    tx: &ReadTx<'_>,
    workspace: &Workspace,
    id: &PatchId,
    among: &Among,
) -> Result<PatchSummary, EngineError> {
    let session = among.sessions.get(id).cloned();
    summary_of(tx, workspace, id, among.short(tx, id)?, session)
}

fn summary_of(
    tx: &ReadTx<'_>,
    workspace: &Workspace,
    id: &PatchId,
    short: String,
    session: Option<String>,
) -> Result<PatchSummary, EngineError> {
    let applied = match tx.own_membership(id)? {
        Membership::In(revision) => Some(revision),
        _ => None,
    };
    let status = if applied.is_some() { Status::Applied } else { patch::status(tx, id)? };
    let mut summary = PatchSummary {
        short,
        id: id.to_string(),
        intent: String::new(),
        body: None,
        author: String::new(),
        status: status.as_str().to_owned(),
        session,
        focused: workspace.session.focused == Some(*id),
        changes: 0,
        created_at: 0,
        updated_at: 0,
        revision: None,
        space: None,
        held: None,
    };
    let revision = match applied {
        Some(revision) => Some(revision),
        None => match open_revision(tx, id)? {
            Some(revision) => Some(revision),
            None => patch::latest(tx, id)?.first().copied(),
        },
    };
    if let Some(header) = tx.draft_header(id)? {
        summary.status = Status::Draft.as_str().to_owned();
        (summary.intent, summary.body) = headed(&header.intent);
        summary.author = header.author;
        summary.created_at = header.created_at.as_ms();
        summary.updated_at = header.updated_at.as_ms();
        summary.space = spaces::shown(tx, header.space)?;
        summary.changes = match workspace.stack.place(id) {
            Some(at) => workspace.stack.ops(at).len() as u64,
            None => tx.draft_size(id)?,
        };
    } else if let Some(revision) = revision
        && let Some(facts) = tx.revision_summary(&revision)?
    {
        (summary.intent, summary.body) = headed(&facts.intent);
        summary.author = facts.author;
        summary.created_at = facts.created_at.as_ms();
        summary.updated_at = facts.authored_at.as_ms();
        summary.changes = facts.ops;
        summary.space = spaces::shown(tx, facts.space)?;
    }
    summary.revision = revision.map(|revision| revision.to_string());
    Ok(summary)
}

fn session_of(tx: &ReadTx<'_>, workspace: &Workspace, id: &PatchId) -> Result<Option<String>, EngineError> {
    if workspace.session.patches.contains(id) {
        return Ok(Some(workspace.session.name.clone()));
    }
    let sessions = tx.sessions()?;
    Ok(sessions.into_iter().find(|session| session.patches.contains(id)).map(|session| session.name))
}

/// The conflicts that laying these revisions over main brings, and that main has not.
pub(crate) fn new_conflicts(
    read: &dyn ProjectionRead,
    members: &[(PatchId, RevisionId)],
) -> Result<Vec<Conflict>, EngineError> {
    let mut ops = Vec::new();
    for (_, revision) in members {
        ops.extend(patch::revision_body(read, revision)?.into_iter().flat_map(|body| body.ops));
    }
    conflicts_of(read, &ops)
}

/// The conflicts that laying these ops over main brings, and that main has not.
pub(crate) fn conflicts_of(read: &dyn ProjectionRead, ops: &[Op]) -> Result<Vec<Conflict>, EngineError> {
    let mut overlay = Overlay::default();
    ops.iter().for_each(|op| overlay.add(op.id(), std::sync::Arc::new(op.clone())));
    let known: BTreeSet<_> = View::main(read).conflicts()?.into_iter().map(|conflict| conflict.id).collect();
    let view = View::over(read, overlay)?;
    Ok(view.conflicts()?.into_iter().filter(|conflict| !known.contains(&conflict.id)).collect())
}

impl Transaction<'_> {
    fn summary_of(&self, id: &PatchId) -> Result<PatchSummary, EngineError> {
        summary_in(&self.tx, &self.workspace, id)
    }

    /// Chooses the patch that edits go to.
    ///
    /// # Errors
    /// If it is not one of this session's drafts.
    pub fn focus(&mut self, prefix: &str) -> Result<PatchSummary, EngineError> {
        let id = find(&self.tx, prefix)?;
        if self.workspace.stack.place(&id).is_none() {
            let found = patch::status(&*self.tx, &id)?.as_str();
            return Err(EngineError::WrongStatus { patch: id, found, wanted: "a draft of this session" });
        }
        self.workspace.session.focused = Some(id);
        self.save_session()?;
        let summary = self.summary_of(&id)?;
        self.tell("patch focus", format!("{} {}", summary.short, summary.intent));
        Ok(summary)
    }

    /// Freezes a draft as a signed revision.
    ///
    /// # Errors
    /// If it is no draft of this session, is empty, or stands on another draft.
    pub fn ready(&mut self, prefix: Option<&str>) -> Result<PatchSummary, EngineError> {
        let id = find_or_focused(&self.tx, &self.workspace, prefix)?;
        self.make_ready(&id)?;
        let summary = self.summary_of(&id)?;
        self.tell("patch ready", format!("{} {}", summary.short, summary.intent));
        Ok(summary)
    }

    fn make_ready(&mut self, id: &PatchId) -> Result<RevisionId, EngineError> {
        let Some(at) = self.workspace.stack.place(id) else {
            let found = patch::status(&*self.tx, id)?.as_str();
            return Err(EngineError::WrongStatus { patch: *id, found, wanted: "a draft of this session" });
        };
        let Some(header) = self.workspace.header(id).cloned() else {
            return Err(EngineError::NoSuchPatch(id.to_string()));
        };
        if self.workspace.stack.ops(at).is_empty() {
            return Err(EngineError::EmptyPatch(*id));
        }
        let above: Vec<PatchId> = self.workspace.stack.drafts().iter().skip(at + 1).map(|draft| draft.patch).collect();
        let ops = self.workspace.stack.ready(at).map_err(draft_failure)?;
        self.check_readable(id, header.space, &ops)?;
        let revision = self.append_revision(id, &header, ops)?;
        self.tx.remove_draft(id)?;
        self.workspace.headers.retain(|header| header.patch != *id);
        for patch in above {
            let Some(place) = self.workspace.stack.place(&patch) else { continue };
            let draft = self.workspace.stack.drafts().get(place);
            let entities: Vec<_> = draft.into_iter().flat_map(|draft| draft.entities.keys().copied()).collect();
            self.save_rows(place, &entities)?;
        }
        self.save_session()?;
        Ok(revision)
    }

    pub(crate) fn append_revision(
        &mut self,
        id: &PatchId,
        header: &dm_store::DraftHeader,
        ops: Vec<Op>,
    ) -> Result<RevisionId, EngineError> {
        let revision = Revision {
            patch: *id,
            replaces: patch::latest_in(&*self.tx, id, header.space)?,
            author: header.author.clone(),
            intent: header.intent.clone(),
            created_at: header.created_at,
            depends: header.depends.clone(),
            ops,
        };
        let ids = self.append(vec![(header.space, Body::Revision(revision))])?;
        ids.first().copied().ok_or(EngineError::EmptyPatch(*id))
    }

    /// Takes a ready patch back to draft.
    ///
    /// # Errors
    /// If it is not ready, or not of this session.
    pub fn draft(&mut self, prefix: Option<&str>) -> Result<PatchSummary, EngineError> {
        let id = find_or_focused(&self.tx, &self.workspace, prefix)?;
        let status = patch::status(&*self.tx, &id)?;
        let wrong = |wanted| EngineError::WrongStatus { patch: id, found: status.as_str(), wanted };
        if status != Status::Ready {
            return Err(wrong("ready"));
        }
        if !self.workspace.session.patches.contains(&id) {
            return Err(wrong("a patch of this session"));
        }
        let Some(revision) = open_revision(&*self.tx, &id)? else { return Err(wrong("ready")) };
        let Some(body) = patch::revision_body(&*self.tx, &revision)? else { return Err(wrong("ready")) };
        let space = self.tx.space(&revision)?.unwrap_or(Space::PUBLIC);
        self.append(vec![(space, Body::Withdraw(Withdraw { patch: id, revision }))])?;
        self.reopen_draft(&id, &body, space)?;
        let summary = self.summary_of(&id)?;
        self.tell("patch draft", format!("{} {}", summary.short, summary.intent));
        Ok(summary)
    }

    /// Makes rows of a revision's ops again, at the patch's place in the session.
    fn reopen_draft(&mut self, id: &PatchId, body: &Revision, space: Space) -> Result<(), EngineError> {
        let now = self.engine.system().now();
        let header = dm_store::DraftHeader {
            patch: *id,
            session: self.workspace.session.id,
            author: body.author.clone(),
            intent: body.intent.clone(),
            created_at: body.created_at,
            updated_at: now,
            depends: Vec::new(),
            todos: Vec::new(),
            tags: Vec::new(),
            space,
        };
        self.tx.put_draft_header(&header)?;
        let mut values = std::collections::BTreeMap::new();
        for op in &body.ops {
            for need in &op.supersedes {
                if let Some(found) = self.tx.op(need)? {
                    values.insert(*need, (*found).clone());
                }
            }
        }
        let draft = dm_collab::draft::Draft::of_ops(*id, &body.ops, &values);
        self.tx.put_draft(&draft)?;
        self.workspace.session.focused = Some(*id);
        self.save_session()?;
        let choice = crate::engine::SessionChoice::Named(self.workspace.session.id.to_string());
        self.workspace = Workspace::load(&self.tx, &choice, false)?;
        Ok(())
    }

    /// Puts a patch into main, with all that it needs.
    ///
    /// # Errors
    /// If something it needs is missing, or it conflicts with main and is not forced.
    pub fn apply(&mut self, prefix: Option<&str>, force: bool) -> Result<ApplyReport, EngineError> {
        let id = find_or_focused(&self.tx, &self.workspace, prefix)?;
        self.apply_together(&[id], force)
    }

    /// Puts patches into main in one fact, with all that they need: all of them or none.
    ///
    /// # Errors
    /// As [`Transaction::apply`], for the first patch that has one.
    pub fn apply_all(&mut self, ids: &[String]) -> Result<ApplyReport, EngineError> {
        let ids = ids.iter().map(|id| find(&self.tx, id)).collect::<Result<Vec<_>, _>>()?;
        self.apply_together(&ids, false)
    }

    fn apply_together(&mut self, ids: &[PatchId], force: bool) -> Result<ApplyReport, EngineError> {
        let Some(id) = ids.first().copied() else { return Err(EngineError::NoFocus) };
        let before: Vec<Conflict> = self.listed_conflicts()?;
        let mut chosen = Vec::with_capacity(ids.len());
        for id in ids {
            self.ready_with_drafts_below(id)?;
            let status = patch::status(&*self.tx, id)?;
            if status == Status::Applied || status == Status::Rejected {
                return Err(EngineError::WrongStatus { patch: *id, found: status.as_str(), wanted: "ready" });
            }
            let Some(revision) = open_revision(&*self.tx, id)? else {
                return Err(EngineError::WrongStatus { patch: *id, found: "draft or disputed", wanted: "ready" });
            };
            chosen.push((*id, revision));
        }
        let group = patch::apply_group(&*self.tx, &chosen)?;
        if !group.missing.is_empty() {
            return Err(EngineError::MissingNeeds { patch: id, missing: group.missing });
        }
        let mut members = group.members;
        self.check_trust(&members)?;
        let conflicts = new_conflicts(&*self.tx, &members)?;
        let mut overridden = Vec::new();
        if !conflicts.is_empty() {
            if !force {
                return Err(self.conflicts_error(&id, &conflicts)?);
            }
            let (member, words) = self.override_conflicts(&id, &members, &conflicts)?;
            members.extend(member);
            overridden = words;
        }
        let errors = self.errors_in(&members)?;
        if !errors.is_empty() && !force {
            return Err(EngineError::Invalid { patch: id, errors });
        }
        self.finish_apply(&members, overridden, errors, &before)
    }

    /// What would be wrong in main with these revisions.
    fn errors_in(&self, members: &[Member]) -> Result<Vec<Problem>, EngineError> {
        let mut ops = Vec::new();
        for (_, revision) in members {
            let body = patch::revision_body(&*self.tx, revision)?;
            ops.extend(body.into_iter().flat_map(|body| body.ops));
        }
        crate::check::broken_by(&self.tx, &ops)
    }

    /// Nothing goes into main that is signed with a key which is not trusted for its author: not by hand either, and not along
    /// with something else.
    pub(crate) fn check_trust(&self, members: &[(PatchId, RevisionId)]) -> Result<(), EngineError> {
        let trusted = crate::trust::Trusted::new(&self.tx);
        for (patch, revision) in members {
            let Some(envelope) = self.tx.envelope(revision)? else { continue };
            if let Body::Revision(body) = envelope.body()
                && !trusted.accepts(&envelope)?
            {
                let key = envelope.header().author_key.fingerprint();
                return Err(EngineError::Untrusted { patch: *patch, author: body.author.clone(), key });
            }
        }
        Ok(())
    }

    /// A draft goes through Ready, and with it the drafts it stands on and those that create what it uses.
    fn ready_with_drafts_below(&mut self, id: &PatchId) -> Result<(), EngineError> {
        let mut order = vec![*id];
        let mut seen = BTreeSet::new();
        while let Some(next) = order.last().copied() {
            let Some(at) = self.workspace.stack.place(&next) else {
                order.pop();
                continue;
            };
            if let Some(below) = self.workspace.stack.stands_on(at) {
                order.push(below);
                continue;
            }
            if seen.insert(next) {
                order.extend(self.drafts_used_by(at)?);
                continue;
            }
            self.make_ready(&next)?;
            order.pop();
        }
        Ok(())
    }

    /// The drafts of this session that create what the draft at a place uses.
    fn drafts_used_by(&self, at: usize) -> Result<Vec<PatchId>, EngineError> {
        let mut used = BTreeSet::new();
        for made in self.workspace.stack.ops(at) {
            if let Some(content) = made.op.content() {
                used.extend(self.tx.definition_head(&content)?.into_iter().flat_map(|(_, uses)| uses));
            }
        }
        let drafts = self.workspace.stack.drafts().iter().enumerate().filter(|(place, _)| *place != at);
        let creating = drafts.filter(|(_, draft)| {
            draft.entities.iter().any(|(entity, rows)| rows.birth.is_some() && used.contains(entity))
        });
        Ok(creating.map(|(_, draft)| draft.patch).collect())
    }

    /// Puts revisions into main: one fact per space, or several one after the other where they are more than a fact may name.
    pub(crate) fn apply_members(&mut self, members: &[Member], forced: &str) -> Result<Vec<EnvelopeId>, EngineError> {
        let mut made = Vec::new();
        for some in members.chunks(dm_model::revision::PATCHES_MAX) {
            let facts = patch::apply_facts(&*self.tx, some, forced)?;
            made.extend(self.append(facts.into_iter().map(|(space, fact)| (space, Body::Apply(fact))).collect())?);
        }
        Ok(made)
    }

    fn finish_apply(
        &mut self,
        members: &[(PatchId, RevisionId)],
        overridden: Vec<String>,
        errors: Vec<Problem>,
        before: &[Conflict],
    ) -> Result<ApplyReport, EngineError> {
        let mut forced = Vec::new();
        if !overridden.is_empty() {
            forced.push(format!("overrides {}", overridden.join("; ")));
        }
        if !errors.is_empty() {
            let told = errors.iter().map(|error| format!("{}: {}", error.place.location, error.message));
            forced.push(format!("breaks {}", told.collect::<Vec<_>>().join("; ")));
        }
        let forced = forced.join("; ");
        let forced: String = forced.chars().take(dm_model::revision::INTENT_BYTES_MAX / 4).collect();
        let ids = self.apply_members(members, &forced)?;
        if self.workspace.session.focused.is_some_and(|focused| members.iter().any(|(patch, _)| *patch == focused)) {
            self.workspace.session.focused = None;
        }
        self.save_session()?;
        let after: BTreeSet<_> = self.listed_conflicts()?.into_iter().map(|conflict| conflict.id).collect();
        let look = self.look(None)?;
        let mut settled = Vec::new();
        for conflict in before.iter().filter(|conflict| !after.contains(&conflict.id)) {
            settled.push(crate::conflicts::sentence(&look, conflict)?);
        }
        drop(look);
        let patches: Vec<PatchId> = members.iter().map(|(patch, _)| *patch).collect();
        let applied = summaries(&self.tx, &self.workspace, &patches)?;
        let intent = applied.last().map(|patch: &PatchSummary| patch.intent.clone()).unwrap_or_default();
        let others = if applied.len() > 1 { format!(" and {} with it", applied.len() - 1) } else { String::new() };
        self.tell("patch apply", format!("{intent}{others}"));
        Ok(ApplyReport {
            dry_run: self.dry_run,
            applied,
            overridden,
            errors,
            settled,
            fact: ids.first().map(ToString::to_string),
            view_fingerprint: self.tx.view_fingerprint()?.short(),
        })
    }

    pub(crate) fn conflicts_error(&self, id: &PatchId, conflicts: &[Conflict]) -> Result<EngineError, EngineError> {
        let look = self.look(None)?;
        let mut words = Vec::new();
        for conflict in conflicts {
            words.push(format!("{} {}", conflict.id.short(), crate::conflicts::sentence(&look, conflict)?));
        }
        Ok(EngineError::Conflicts { patch: *id, conflicts: words })
    }

    /// A patch that settles conflicts the way the incoming patch has it; what it overrides stays in history.
    fn override_conflicts(
        &mut self,
        id: &PatchId,
        members: &[(PatchId, RevisionId)],
        conflicts: &[Conflict],
    ) -> Result<(Option<Member>, Vec<String>), EngineError> {
        let mut incoming: BTreeSet<OpId> = BTreeSet::new();
        let mut intent = String::new();
        for (patch, revision) in members {
            let Some(body) = patch::revision_body(&*self.tx, revision)? else { continue };
            incoming.extend(body.ops.iter().map(Op::id));
            if patch == id {
                intent = body.intent;
            }
        }
        let mut ops = Vec::new();
        let mut words = Vec::new();
        let look = self.look(None)?;
        for conflict in conflicts {
            words.push(crate::conflicts::sentence(&look, conflict)?);
            if let Some(head) = conflict.heads.iter().find(|head| incoming.contains(&head.op)) {
                ops.extend(overriding(&look, conflict, head)?);
            }
        }
        drop(look);
        if ops.is_empty() {
            // What no write settles is taken as it is: it stays listed in main.
            return Ok((None, words));
        }
        let heads: Vec<OpId> = ops.iter().flat_map(Op::needs).collect();
        let space = match self.space_over(&heads)? {
            Some(space) => space,
            None => self.space_of_new()?,
        };
        let now = self.engine.system().now();
        let patch = crate::system::new_patch_id(self.engine.system()).map_err(EngineError::NoRandomness)?;
        self.check_readable(&patch, space, &ops)?;
        let header = dm_store::DraftHeader {
            patch,
            session: self.workspace.session.id,
            author: self.author()?,
            intent: format!("Override with: {intent}"),
            created_at: now,
            updated_at: now,
            depends: Vec::new(),
            todos: Vec::new(),
            tags: Vec::new(),
            space,
        };
        let revision = self.append_revision(&patch, &header, ops)?;
        Ok((Some((patch, revision)), words))
    }
}

/// The write that settles a conflict on one of its heads; none where no single write does.
fn overriding(look: &Look<'_>, conflict: &Conflict, head: &Head) -> Result<Option<Op>, EngineError> {
    let Some(entity) = conflict.entities.first() else { return Ok(None) };
    let (register, value) = match conflict.kind {
        ConflictKind::DeleteEdit => (Register::Location, crate::conflicts::beside(look, conflict, head)?),
        ConflictKind::DeprecationEdit => (Register::Deprecation, crate::conflicts::beside(look, conflict, head)?),
        _ => match conflict.register {
            Some(register) => (register, head.value.clone()),
            None => return Ok(None),
        },
    };
    let of_register = |head: &&Head| Register::of(&head.value, None) == Register::of(&value, None);
    let (replaced, seen): (Vec<&Head>, Vec<&Head>) = conflict.heads.iter().partition(of_register);
    let Some(action) = dm_model::Action::writing(register, value.clone(), None) else { return Ok(None) };
    let op = Op::new(*entity, action).superseding(replaced.iter().map(|head| head.op));
    Ok(Some(op.witnessing(seen.iter().map(|head| head.op))))
}

pub(crate) fn draft_failure(error: dm_collab::draft::DraftError) -> EngineError {
    use dm_collab::draft::DraftError;
    match error {
        DraftError::StandsOnDraft { patch, below } => EngineError::StandsOnDraft { patch, below },
        other => EngineError::DamagedDraft(other.to_string()),
    }
}
