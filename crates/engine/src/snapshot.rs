//! Reading: one moment of a store, through a session's view.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::exchange::{Candidates, Held, Reason};
use dm_collab::{Membership, ProjectionRead as _};
use dm_model::{Body, Envelope, PatchId, Register, RevisionId, Session};
use dm_store::ReadTx;

use crate::conflicts;
use crate::diff;
use crate::error::EngineError;
use crate::formatting;
use crate::look::{Found, Look};
use crate::meaning::{self, Form};
use crate::meaning_conflicts;
use crate::own_keys::{fact_signature, revision_signature};
use crate::patches;
use crate::pins;
use crate::report::{
    ConflictSummary, HeldPatch, Listing, LogEntry, ModuleEntry, PatchChanges, PatchDiff, PatchShown, PatchSummary,
    QuarantineEntry, RemoteSummary, SessionSummary, Setting, Shown, Status,
};
use crate::save::{Base, Opened};
use crate::transaction::{may_write, session_view};
use crate::trust;
use crate::workspace::{Workspace, session_named};

/// One moment of a store, through a session's view.
pub struct Snapshot<'e> {
    pub(crate) tx: ReadTx<'e>,
    pub(crate) workspace: Workspace,
}

impl<'e> Snapshot<'e> {
    pub(crate) fn new(tx: ReadTx<'e>, workspace: Workspace) -> Self {
        Self { tx, workspace }
    }

    pub(crate) fn look(&self) -> Result<Look<'_>, EngineError> {
        Ok(Look { tx: &self.tx, view: session_view(&self.tx, &self.workspace, None)? })
    }

    /// A definition by name.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn show(&self, name: &str) -> Result<Shown, EngineError> {
        self.show_as(name, Form::Source)
    }

    /// A definition by name, in any of its forms.
    ///
    /// # Errors
    /// If there is none, or several; or it has no resolved tree and that is asked for.
    pub fn show_as(&self, name: &str, form: Form) -> Result<Shown, EngineError> {
        let look = self.look()?;
        let found = look.find(name)?;
        let heads = look.view.shown(&found.entity, Register::Content)?;
        let written_by = match heads.first() {
            Some(head) => self.writer(&look, &head.op)?,
            None => None,
        };
        let witness = look.view.witness(&found.entity, Register::Content)?;
        let mut in_conflict = Vec::new();
        if dm_collab::conflict::is_flagged(&found.state) {
            for conflict in dm_collab::conflict::of_entity(found.entity, &found.state) {
                in_conflict.push(conflict.id.to_string());
            }
        }
        let (text, link) = match form {
            Form::Source => (look.text_of(&found)?, None),
            Form::Pretty(options) => (formatting::pretty(&look.text_of(&found)?, &options), None),
            Form::Written => (meaning::written(&look.text_of(&found)?), None),
            Form::Program => (look.program_text(&found.content)?, look.link(&found.entity)?),
        };
        Ok(Shown {
            entry: look.entry(&found)?,
            form: form.as_str().to_owned(),
            text,
            link: link.map(|link| link.to_string()),
            written_by,
            conflicts: in_conflict,
            base: heads.iter().map(|head| &head.op).chain(&witness).map(ToString::to_string).collect(),
        })
    }

    /// How many links that earlier readers kept hold in this view, and the locations of those that are not what linking from nothing gives:
    /// none, or the memo is damaged.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn wrong_links(&self) -> Result<(u64, Vec<String>), EngineError> {
        let look = self.look()?;
        let (holding, wrong) = look.wrong_links()?;
        let locations = wrong.iter().map(|entity| look.last_location(entity)).collect::<Result<_, _>>()?;
        Ok((holding, locations))
    }

    /// The patch that made a write.
    pub(crate) fn writer(&self, look: &Look<'_>, op: &dm_model::OpId) -> Result<Option<PatchSummary>, EngineError> {
        let patch = match self.workspace.stack.place_of(op) {
            Some(at) => self.workspace.stack.drafts().get(at).map(|draft| draft.patch),
            None => match self.tx.carriers(op)?.first() {
                Some(revision) => self.tx.revision_summary(revision)?.map(|summary| summary.patch),
                None => None,
            },
        };
        patch.map(|patch| patches::summary(look, &self.workspace, &patch)).transpose()
    }

    /// Whether an edit of this session has a patch to go to: a draft in focus, or an intent for a new one. Asked before a
    /// person begins to type.
    ///
    /// # Errors
    /// If the patch in focus is no draft, or an intent is wanted.
    pub fn may_write(&self, intent: Option<&str>) -> Result<(), EngineError> {
        may_write(&self.tx, &self.workspace, intent)
    }

    /// A definition opened for editing, with what the edit stands on.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn open_for_edit(&self, name: &str) -> Result<Opened, EngineError> {
        let up_to = self.workspace.session.focused.and_then(|patch| self.workspace.stack.place(&patch));
        let look = Look { tx: &self.tx, view: session_view(&self.tx, &self.workspace, up_to)? };
        let found = look.find(name)?;
        let rendered = look.text_of(&found)?;
        let text = dm_lang::print_file(found.location.module_path(), &[&rendered]);
        let shown = look.view.shown(&found.entity, Register::Content)?;
        let witness = look.view.witness(&found.entity, Register::Content)?;
        let base = Base { entity: found.entity, location: Some(found.location.clone()), shown, witness };
        Ok(Opened { location: found.location.to_string(), text, base })
    }

    /// What is in a module; owners with none.
    ///
    /// # Errors
    /// If there is no such module.
    pub fn ls(&self, module: &str, recursive: bool) -> Result<Listing, EngineError> {
        let look = self.look()?;
        let below = look.names_below(module)?;
        if below.is_empty() && !module.is_empty() {
            let found = look.find(module)?;
            let definitions = vec![look.entry(&found)?];
            return Ok(Listing { module: module.to_owned(), modules: Vec::new(), definitions });
        }
        let mut modules: Vec<ModuleEntry> = Vec::new();
        let mut definitions = Vec::new();
        for (location, entity) in below {
            let rest = if module.is_empty() {
                location.as_str()
            } else {
                location.as_str().get(module.len() + 1..).unwrap_or("")
            };
            match rest.split_once('.') {
                Some((next, _)) if !recursive => {
                    let path = if module.is_empty() { next.to_owned() } else { format!("{module}.{next}") };
                    match modules.last_mut().filter(|last| last.path == path) {
                        Some(last) => last.definitions += 1,
                        None => modules.push(ModuleEntry { path, definitions: 1 }),
                    }
                }
                _ => {
                    if let Some(found) = look.found(&entity)? {
                        definitions.push(look.entry(&Found { location, ..found })?);
                    }
                }
            }
        }
        Ok(Listing { module: module.to_owned(), modules, definitions })
    }

    /// How things stand.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn status(&self) -> Result<Status, EngineError> {
        let look = self.look()?;
        let candidates = trust::candidates(&self.tx)?;
        let focused = self.workspace.session.focused;
        let mut changes = Vec::new();
        for (at, draft) in self.workspace.stack.drafts().iter().enumerate() {
            let patch = patches::summary(&look, &self.workspace, &draft.patch)?;
            changes.push(PatchChanges { patch, changes: diff::draft_changes(&look, &self.workspace, at)? });
        }
        Ok(Status {
            session: session_summary(&look, &self.workspace, &self.workspace.session, false)?,
            focused: focused.map(|patch| patches::summary(&look, &self.workspace, &patch)).transpose()?,
            changes,
            pins: pins::entries(&look)?,
            held: held_among(&look, &self.workspace, &candidates)?,
            conflicts: summaries_of(
                &look,
                &self.workspace,
                &conflicts::listed_with(&look, &self.workspace, &candidates)?,
            )?,
            remotes: self.remotes()?,
            pending: self.tx.pending_count()?,
            quarantined: self.tx.quarantined_count()?,
            definitions: self.tx.names_count()?,
            view_fingerprint: self.tx.view_fingerprint()?.short(),
        })
    }

    /// The conflicts of main with what is held for it, and of the session's view.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn conflicts(&self) -> Result<Vec<ConflictSummary>, EngineError> {
        self.conflicts_of(&self.look()?)
    }

    fn conflicts_of(&self, look: &Look<'_>) -> Result<Vec<ConflictSummary>, EngineError> {
        conflict_summaries(look, &self.workspace)
    }

    /// One conflict: by id, the start of it, or the name of a definition with just one.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn conflict(&self, name: &str) -> Result<ConflictSummary, EngineError> {
        let look = self.look()?;
        let conflict = conflicts::find(&look, &self.workspace, name)?;
        let ids: Vec<String> =
            conflicts::listed(&look, &self.workspace)?.iter().map(|conflict| conflict.id.to_string()).collect();
        conflicts::summary(&conflicts::Told::new(&look, &self.workspace), &conflict, &ids)
    }

    /// The text that a resolution by hand begins with: the candidates one after another, what each is in comments.
    ///
    /// # Errors
    /// If there is no such conflict, or it is not about text.
    pub fn conflict_draft(&self, name: &str) -> Result<String, EngineError> {
        let look = self.look()?;
        let conflict = conflicts::find(&look, &self.workspace, name)?;
        let Some(entity) = conflict.entities.first() else { return Err(EngineError::NoSuchConflict(name.to_owned())) };
        let location: dm_model::Location = look.last_location(entity)?.parse()?;
        let mut parts = Vec::new();
        for (at, head) in conflict.heads.iter().enumerate() {
            if let dm_model::Value::Content(hash) = &head.value {
                let text = look.render(&look.definition(hash)?, &location)?;
                parts.push(format!("{}\n{text}", conflicts::mark(at + 1)));
            }
        }
        if parts.is_empty() {
            let way = "--edit".to_owned();
            return Err(EngineError::WayDoesNotFit { way, kind: conflict.kind.as_str() });
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(dm_lang::print_file(location.module_path(), &parts))
    }

    /// Source diffs: of a patch, or of all drafts of the session; of one definition only, if named.
    ///
    /// # Errors
    /// If there is no such patch or definition.
    pub fn diff(&self, patch: Option<&str>, name: Option<&str>) -> Result<Vec<PatchDiff>, EngineError> {
        let look = self.look()?;
        let ids: Vec<PatchId> = match patch {
            Some(prefix) => vec![patches::find(&self.tx, prefix)?],
            None => self.workspace.stack.drafts().iter().map(|draft| draft.patch).collect(),
        };
        let only = name.map(|name| look.find(name)).transpose()?.map(|found| found.location.to_string());
        let mut diffs = Vec::new();
        for id in ids {
            let mut definitions = diff::patch_diff(&look, &self.workspace, &id)?;
            if let Some(only) = &only {
                definitions.retain(|diff| diff.change.location == *only || diff.change.from.as_ref() == Some(only));
            }
            diffs.push(PatchDiff { patch: patches::summary(&look, &self.workspace, &id)?, definitions });
        }
        Ok(diffs)
    }

    /// The patches put into main, newest first; only those that wrote a definition, if named.
    ///
    /// # Errors
    /// If there is no such definition.
    pub fn log(&self, limit: usize, name: Option<&str>) -> Result<Vec<LogEntry>, EngineError> {
        self.log_with(limit, name, false)
    }

    /// As [`Snapshot::log`], with the signatures of each patch and of the fact that put it into main, checked now.
    ///
    /// # Errors
    /// As [`Snapshot::log`].
    pub fn signed_log(&self, limit: usize, name: Option<&str>) -> Result<Vec<LogEntry>, EngineError> {
        self.log_with(limit, name, true)
    }

    fn log_with(&self, limit: usize, name: Option<&str>, signatures: bool) -> Result<Vec<LogEntry>, EngineError> {
        let trusted = trust::Trusted::new(&self.tx);
        let look = self.look()?;
        let mut wanted: Option<BTreeSet<RevisionId>> = None;
        if let Some(name) = name {
            let found = look.find(name)?;
            let mut revisions = BTreeSet::new();
            for (op, _) in self.tx.entity_ops(&found.entity)? {
                revisions.extend(self.tx.carriers(&op)?);
            }
            wanted = Some(revisions);
        }
        let among = patches::Among::load(&self.tx)?;
        let mut entries = Vec::new();
        for (patch, revision, fact) in self.applied_newest_first()? {
            if entries.len() >= limit {
                break;
            }
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&revision)) {
                continue;
            }
            let signed = self.tx.envelope(&revision)?;
            let mut shown = Vec::new();
            if let Some(signed) = signed.as_deref().filter(|_| signatures) {
                shown = vec![revision_signature(&trusted, signed)?, fact_signature(&fact)];
            }
            let Body::Apply(apply) = fact.body() else { continue };
            entries.push(LogEntry {
                patch: patches::summary_among(&self.tx, &self.workspace, &patch, &among)?,
                applied_at: fact.header().authored_at.as_ms(),
                forced: apply.forced.clone(),
                key: signed.map(|signed| signed.header().author_key.to_string()).unwrap_or_default(),
                signatures: shown,
            });
        }
        Ok(entries)
    }

    /// The members of main with the fact that put them in, newest first.
    fn applied_newest_first(&self) -> Result<Vec<(PatchId, RevisionId, Arc<Envelope>)>, EngineError> {
        let mut applied = Vec::new();
        for own in self.tx.own_channels()? {
            for fact in self.tx.facts(&own)? {
                let Body::Apply(apply) = fact.body() else { continue };
                // What stands on others comes after them in the fact, and newest first shows it above them.
                for (patch, revision) in apply.patches.iter().rev() {
                    if self.tx.membership(&own, patch)? == Membership::In(*revision) {
                        applied.push((*patch, *revision, Arc::clone(&fact)));
                    }
                }
            }
        }
        // A patch taken out and put in again stands where it was put in last.
        applied.sort_by_key(|(_, _, fact)| std::cmp::Reverse(fact.header().authored_at));
        let mut seen = BTreeSet::new();
        applied.retain(|(patch, ..)| seen.insert(*patch));
        Ok(applied)
    }

    /// Patches: open ones of this session and held ones, or all there are.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn patches(&self, all: bool) -> Result<Vec<PatchSummary>, EngineError> {
        let look = self.look()?;
        let held = held(&look, &self.workspace)?;
        let known = patches::all_patches(&self.tx)?;
        let among = patches::Among::load(&self.tx)?;
        let mut summaries = Vec::new();
        for id in &known {
            let mut summary = patches::summary_among(&self.tx, &self.workspace, id, &among)?;
            summary.held = held.iter().find(|held| held.patch.id == summary.id).map(|held| held.reason.clone());
            let open = summary.status != "applied" && summary.status != "rejected";
            let here = self.workspace.session.patches.contains(id) || summary.held.is_some();
            if all || (open && here) {
                summaries.push(summary);
            }
        }
        Ok(summaries)
    }

    /// A patch with its ops and its source diff.
    ///
    /// # Errors
    /// If there is no such patch.
    pub fn patch(&self, prefix: Option<&str>) -> Result<PatchShown, EngineError> {
        let look = self.look()?;
        let id = patches::find_or_focused(&self.tx, &self.workspace, prefix)?;
        let mut summary = patches::summary(&look, &self.workspace, &id)?;
        let held = held(&look, &self.workspace)?;
        summary.held = held.into_iter().find(|held| held.patch.id == summary.id).map(|held| held.reason);
        let mut needs = Vec::new();
        for patch in diff::needed_patches(&look, &self.workspace, &id)? {
            needs.push(patches::summary(&look, &self.workspace, &patch)?);
        }
        Ok(PatchShown {
            patch: summary,
            revisions: self.tx.revisions(&id)?.iter().map(ToString::to_string).collect(),
            needs,
            ops: diff::op_entries(&look, &diff::ops_of(&look, &self.workspace, &id)?)?,
            definitions: diff::patch_diff(&look, &self.workspace, &id)?,
        })
    }

    /// All sessions, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, EngineError> {
        let look = self.look()?;
        let mut summaries = Vec::new();
        for session in self.tx.sessions()? {
            summaries.push(session_summary(&look, &self.workspace, &session, true)?);
        }
        summaries.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(summaries)
    }

    /// A session by name or id; else the one in use.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn session(&self, name: Option<&str>) -> Result<SessionSummary, EngineError> {
        let look = self.look()?;
        let session = match name {
            Some(name) => session_named(&self.tx, name)?,
            None => self.workspace.session.clone(),
        };
        session_summary(&look, &self.workspace, &session, true)
    }

    /// The remotes.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn remotes(&self) -> Result<Vec<RemoteSummary>, EngineError> {
        let mut summaries = Vec::new();
        for remote in self.tx.remotes()? {
            summaries.push(remote_summary(&self.tx, &remote)?);
        }
        Ok(summaries)
    }

    /// What arrived and did not pass its checks.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn quarantine(&self) -> Result<Vec<QuarantineEntry>, EngineError> {
        let entry = |one: dm_store::Quarantined| QuarantineEntry {
            id: one.id.to_string(),
            remote: one.remote,
            reason: one.reason.as_str().to_owned(),
            words: one.words,
            bytes: one.bytes.map(|bytes| bytes.len() as u64),
            first_seen_at: one.first_seen.as_ms(),
            last_seen_at: one.last_seen.as_ms(),
            tries: one.tries,
        };
        Ok(self.tx.quarantined()?.into_iter().map(entry).collect())
    }

    /// The store's settings.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn settings(&self) -> Result<Vec<Setting>, EngineError> {
        let all = self.tx.settings()?;
        Ok(all.into_iter().map(|(key, value)| Setting { key, value, source: "store".to_owned() }).collect())
    }
}

/// A remote and how things stand with it.
pub(crate) fn remote_summary(tx: &ReadTx<'_>, remote: &dm_store::Remote) -> Result<RemoteSummary, EngineError> {
    let (mut spaces, mut waiting) = (Vec::new(), 0);
    for space in tx.shared_spaces(&remote.name)? {
        spaces.push(crate::spaces::name_of(tx, space)?);
        waiting += tx.unknown_count(&remote.name, space)?;
    }
    Ok(RemoteSummary {
        name: remote.name.clone(),
        url: remote.url.clone(),
        has_token: remote.token.is_some(),
        timeout_s: remote.timeout_ms / 1000,
        mode: "manual".to_owned(),
        last_sync_at: remote.last_sync.map(dm_model::Timestamp::as_ms),
        spaces,
        waiting,
    })
}

/// A session on a line. Where `listed`, all its patches; else those that are open.
pub(crate) fn session_summary(
    look: &Look<'_>,
    workspace: &Workspace,
    session: &Session,
    listed: bool,
) -> Result<SessionSummary, EngineError> {
    let current = look.tx.current_session()?.is_some_and(|current| current.id == session.id);
    let mut summaries = Vec::new();
    let mut chosen = session.patches.clone();
    if !listed {
        // A session may have thousands of patches in main; few of them need a look.
        let mut open = look.tx.patches_not_in_effect()?;
        open.extend(look.tx.draft_ids()?);
        chosen.retain(|patch| open.contains(patch));
        let settled = look.tx.effective_members(&chosen)?;
        chosen.retain(|patch| !settled.contains_key(patch));
    }
    for patch in &chosen {
        let open = dm_collab::patch::status(look.tx, patch)? != dm_collab::patch::Status::Applied;
        if listed || open {
            summaries.push(patches::summary(look, workspace, patch)?);
        }
    }
    let id = session.id.to_string();
    let others: Vec<String> = look.tx.session_ids()?.iter().map(ToString::to_string).collect();
    Ok(SessionSummary {
        short: patches::short(&id, &others),
        id,
        name: session.name.clone(),
        intent: session.intent.clone(),
        owner: session.owner.clone(),
        state: session.state.as_str().to_owned(),
        current,
        patches: summaries,
        started_at: session.started_at.as_ms(),
        last_active_at: session.last_active_at.as_ms(),
    })
}

/// All listed conflicts for people and programs.
pub(crate) fn conflict_summaries(look: &Look<'_>, workspace: &Workspace) -> Result<Vec<ConflictSummary>, EngineError> {
    summaries_of(look, workspace, &conflicts::listed(look, workspace)?)
}

fn summaries_of(
    look: &Look<'_>,
    workspace: &Workspace,
    all: &[dm_collab::conflict::Conflict],
) -> Result<Vec<ConflictSummary>, EngineError> {
    let ids: Vec<String> = all.iter().map(|conflict| conflict.id.to_string()).collect();
    let told = conflicts::Told::new(look, workspace);
    let mut summaries = Vec::new();
    for conflict in all {
        summaries.push(conflicts::summary(&told, conflict, &ids)?);
    }
    Ok(summaries)
}

/// The patches that other mains applied and this one holds, with the reason in words.
pub(crate) fn held(look: &Look<'_>, workspace: &Workspace) -> Result<Vec<HeldPatch>, EngineError> {
    held_among(look, workspace, &trust::candidates(look.tx)?)
}

fn held_among(
    look: &Look<'_>,
    workspace: &Workspace,
    candidates: &Candidates<'_>,
) -> Result<Vec<HeldPatch>, EngineError> {
    let selection = meaning_conflicts::select(look.tx, candidates)?;
    let mut patches = Vec::new();
    for held in &selection.held {
        patches.push(held_patch(look, workspace, held)?);
    }
    Ok(patches)
}

pub(crate) fn held_patch(look: &Look<'_>, workspace: &Workspace, held: &Held) -> Result<HeldPatch, EngineError> {
    let patch = patches::summary(look, workspace, &held.patch)?;
    let mut conflicts = Vec::new();
    let reason = match &held.reason {
        Reason::Conflict(ids) => {
            conflicts = ids.iter().map(ToString::to_string).collect();
            let shown: Vec<String> = ids.iter().map(dm_collab::conflict::ConflictId::short).collect();
            format!("it conflicts with main ({})", shown.join(", "))
        }
        Reason::Blocked(missing) => format!("it needs {} writes that no patch here carries", missing.len()),
        Reason::NeedsHeld(other) => format!("it needs patch {}, which is held", other.short()),
        Reason::Untrusted => {
            let key = look.tx.envelope(&held.revision)?.map(|envelope| envelope.header().author_key);
            key.map(|key| trust::why_not(look.tx, &patch.author, &key)).transpose()?.unwrap_or_default()
        }
        Reason::Disputed => "other mains have several of its revisions".to_owned(),
        Reason::NeedsNewer => "it has an op that only a newer dm knows".to_owned(),
    };
    let mut patch = patch;
    patch.held = Some(reason.clone());
    Ok(HeldPatch { patch, reason, conflicts })
}
