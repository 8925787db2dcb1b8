//! Writing: one command, all of it or nothing.

use std::sync::Arc;

use dm_collab::view::{Changed, Layer, SessionLayers, View};
use dm_collab::{ProjectionRead as _, RegisterState};
use dm_model::{Body, Envelope, EnvelopeId, Op, OpId, PatchId, Space};
use dm_store::{Arrival, DraftHeader, NewCommand, WriteTx};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::look::Look;
use crate::patches;
use crate::report::PatchSummary;
use crate::signing::Signers;
use crate::system::new_patch_id;
use crate::undo::Told;
use crate::workspace::Workspace;

/// A write that nobody sees before it is committed. Dropped, it never was.
#[must_use = "dropped without commit, nothing is written"]
pub struct Transaction<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) tx: WriteTx<'e>,
    pub(crate) workspace: Workspace,
    pub(crate) dry_run: bool,
    /// The space that was named for the patch of this command.
    pub(crate) space: Option<Space>,
    /// What this command is called, once a verb has said it.
    pub(crate) told: Option<Told>,
    /// What it added to the log, in order.
    pub(crate) appended: Vec<EnvelopeId>,
    /// The keys that it signed with.
    pub(crate) signers: Signers,
}

impl<'e> Transaction<'e> {
    pub(crate) fn new(engine: &'e Engine, tx: WriteTx<'e>, workspace: Workspace, dry_run: bool) -> Self {
        Self {
            engine,
            tx,
            workspace,
            dry_run,
            space: None,
            told: None,
            appended: Vec::new(),
            signers: Signers::default(),
        }
    }

    /// Makes what was written durable and visible; a dry run writes nothing.
    ///
    /// # Errors
    /// The disk; then nothing was written.
    pub fn commit(mut self) -> Result<(), EngineError> {
        if self.dry_run {
            self.tx.discard();
            return Ok(());
        }
        self.record()?;
        Ok(self.tx.commit()?)
    }

    /// Remembers the command, so that it can be undone: by the session that it was given in, or, where it made another one
    /// current, by that one.
    fn record(&mut self) -> Result<(), EngineError> {
        let Some(Told { kind, target, verb, words }) = self.told.take() else { return Ok(()) };
        let moved = self.tx.wrote_current_session();
        let current = if moved { self.tx.current_session()?.map(|session| session.id) } else { None };
        let session = current.unwrap_or(self.workspace.session.id);
        let at = self.engine.system().now();
        let new = NewCommand { session, at, kind, target, verb: verb.to_owned(), words };
        self.tx.record(&new, &self.appended)?;
        Ok(())
    }

    /// The view up to and including the draft at a place; the whole session's with none.
    pub(crate) fn look(&self, up_to: Option<usize>) -> Result<Look<'_>, EngineError> {
        let view = session_view(&self.tx, &self.workspace, up_to)?;
        Ok(Look { tx: &self.tx, view })
    }

    /// Whose name new patches bear.
    pub(crate) fn author(&self) -> Result<String, EngineError> {
        author_of(self.engine, &self.tx)
    }

    /// Signs and appends, each for the readers of a space; what follows from it is in the projections at once.
    pub(crate) fn append(&mut self, bodies: Vec<(Space, Body)>) -> Result<Vec<EnvelopeId>, EngineError> {
        let now = self.engine.system().now();
        let seal = |(space, body)| Ok(Arc::new(self.seal(space, now, body)?));
        let envelopes = bodies.into_iter().map(seal).collect::<Result<Vec<Arc<Envelope>>, EngineError>>()?;
        let ids: Vec<EnvelopeId> = envelopes.iter().map(|envelope| envelope.id()).collect();
        self.tx.append(&Arrival { envelopes, definitions: Vec::new() })?;
        self.appended.extend(&ids);
        Ok(ids)
    }

    /// Keeps the session as it is now in the workspace.
    pub(crate) fn save_session(&mut self) -> Result<(), EngineError> {
        self.workspace.session.last_active_at = self.engine.system().now();
        Ok(self.tx.put_session(&self.workspace.session)?)
    }

    /// Begins a patch and focuses it.
    ///
    /// # Errors
    /// If it has no intent, or the store cannot be written.
    pub fn new_patch(&mut self, intent: &str) -> Result<PatchSummary, EngineError> {
        let at = self.begin_patch(intent)?;
        let patch = self.patch_at(at)?;
        self.tell("patch new", intent);
        patches::summary_in(&self.tx, &self.workspace, &patch)
    }

    pub(crate) fn patch_at(&self, at: usize) -> Result<PatchId, EngineError> {
        self.workspace.stack.drafts().get(at).map(|draft| draft.patch).ok_or(EngineError::NoFocus)
    }

    pub(crate) fn begin_patch(&mut self, intent: &str) -> Result<usize, EngineError> {
        let intent = intent.trim();
        if intent.is_empty() {
            return Err(EngineError::NoIntent);
        }
        if intent.len() > dm_model::revision::INTENT_BYTES_MAX {
            return Err(EngineError::LongIntent);
        }
        let patch = new_patch_id(self.engine.system()).map_err(EngineError::NoRandomness)?;
        let now = self.engine.system().now();
        let header = DraftHeader {
            patch,
            session: self.workspace.session.id,
            author: self.author()?,
            intent: intent.to_owned(),
            created_at: now,
            updated_at: now,
            depends: Vec::new(),
            todos: Vec::new(),
            tags: Vec::new(),
            space: self.space_of_new()?,
        };
        self.tx.put_draft_header(&header)?;
        self.workspace.headers.push(header);
        self.workspace.session.patches.push(patch);
        self.workspace.session.focused = Some(patch);
        self.save_session()?;
        Ok(self.workspace.stack.push(patch))
    }

    /// The place of the draft that an edit goes to: the focused one, else a new one with that intent. True if it is new.
    pub(crate) fn draft_for(&mut self, intent: Option<&str>) -> Result<(usize, bool), EngineError> {
        let focused = self.workspace.session.focused;
        if let Some(at) = focused.and_then(|focused| self.workspace.stack.place(&focused)) {
            self.check_space_of(at)?;
            return Ok((at, false));
        }
        may_begin(&self.tx, &self.workspace, intent)?;
        Ok((self.begin_patch(intent.unwrap_or_default())?, true))
    }

    /// That the draft at a place is of the space that was named, if one was.
    fn check_space_of(&self, at: usize) -> Result<(), EngineError> {
        let patch = self.patch_at(at)?;
        match (self.space, self.workspace.header(&patch)) {
            (Some(wanted), Some(header)) if header.space != wanted => {
                let space = crate::spaces::name_of(&self.tx, header.space)?;
                Err(EngineError::OtherSpace { patch, space })
            }
            _ => Ok(()),
        }
    }

    /// Writes a draft's rows of these entities to the journal, and notes that it changed.
    pub(crate) fn save_rows(&mut self, at: usize, entities: &[dm_model::EntityId]) -> Result<(), EngineError> {
        let patch = self.patch_at(at)?;
        let Some(draft) = self.workspace.stack.drafts().get(at) else { return Ok(()) };
        for entity in entities {
            self.tx.put_draft_entity(&patch, entity, draft.entities.get(entity))?;
        }
        let now = self.engine.system().now();
        if let Some(header) = self.workspace.headers.iter_mut().find(|header| header.patch == patch) {
            header.updated_at = now;
            self.tx.touch_draft(&patch, now)?;
        }
        self.save_session()
    }
}

/// Whether an edit has a patch to go to: a draft in focus, or an intent for a new one.
pub(crate) fn may_write(
    tx: &dm_store::ReadTx<'_>,
    workspace: &Workspace,
    intent: Option<&str>,
) -> Result<(), EngineError> {
    match workspace.session.focused.and_then(|focused| workspace.stack.place(&focused)) {
        Some(_) => Ok(()),
        None => may_begin(tx, workspace, intent),
    }
}

/// A new patch needs an intent; without one, a patch in focus that is no draft any more says so.
fn may_begin(tx: &dm_store::ReadTx<'_>, workspace: &Workspace, intent: Option<&str>) -> Result<(), EngineError> {
    if intent.is_some_and(|intent| !intent.trim().is_empty()) {
        return Ok(());
    }
    if let Some(focused) = workspace.session.focused {
        let status = dm_collab::patch::status(tx, &focused)?;
        if status != dm_collab::patch::Status::Applied {
            return Err(EngineError::WrongStatus { patch: focused, found: status.as_str(), wanted: "draft" });
        }
    }
    Err(EngineError::NoIntent)
}

/// Whose name new patches bear: the one asked for when opening, else the store's setting.
pub(crate) fn author_of(engine: &Engine, tx: &dm_store::ReadTx<'_>) -> Result<String, EngineError> {
    let author = match engine.author() {
        Some(author) => author.to_owned(),
        None => tx.setting("author")?.unwrap_or_default(),
    };
    let fits = !author.is_empty() && author.len() <= dm_model::revision::AUTHOR_BYTES_MAX;
    if fits { Ok(author) } else { Err(EngineError::NoAuthor) }
}

/// The view of a session, its drafts up to and including the one at a place.
pub(crate) fn session_view<'a>(
    tx: &'a dm_store::ReadTx<'a>,
    workspace: &Workspace,
    up_to: Option<usize>,
) -> Result<View<'a>, EngineError> {
    // What the session has in main already shows there. It only matters where people disagree: then its own is preferred. A
    // session may have thousands of such patches, so they are looked up only then.
    let open = tx.patches_not_in_effect()?;
    if tx.flagged()?.is_empty() {
        let view = view_of(tx, workspace, up_to, &|patch| open.contains(patch))?;
        let agreed = |changed: &Changed| !changed.after.registers.values().any(RegisterState::is_contested);
        if view.changed().all(|(_, changed)| agreed(changed)) {
            return Ok(view);
        }
    }
    view_of(tx, workspace, up_to, &|_| true)
}

/// The view of a session, of whose patches that are no drafts only some are laid over main.
fn view_of<'a>(
    tx: &'a dm_store::ReadTx<'a>,
    workspace: &Workspace,
    up_to: Option<usize>,
    laid: &dyn Fn(&PatchId) -> bool,
) -> Result<View<'a>, EngineError> {
    let places = workspace.stack.drafts().len();
    let shown = up_to.map_or(places, |at| (at + 1).min(places));
    let drafts: Vec<Vec<(OpId, Op)>> = (0..shown)
        .map(|at| workspace.stack.ops(at).into_iter().map(|made| (made.id, made.op.clone())).collect())
        .collect();
    let mut own = Vec::new();
    let is_laid = |patch: &PatchId| workspace.stack.place(patch).is_some() || laid(patch);
    let patches: Vec<PatchId> = workspace.session.patches.iter().filter(|patch| is_laid(patch)).copied().collect();
    let settled = tx.effective_members(&patches)?;
    for patch in &patches {
        match (workspace.stack.place(patch), settled.get(patch)) {
            (Some(at), _) => own.extend(drafts.get(at).map(|ops| Layer::Draft(ops))),
            (None, Some(revision)) => own.push(Layer::Effective(*revision)),
            (None, None) => own.extend(patches::open_revision(tx, patch)?.map(Layer::Ready)),
        }
    }
    let mut pinned = Vec::new();
    for patch in &workspace.session.pinned {
        pinned.extend(patches::open_revision(tx, patch)?);
    }
    Ok(View::session(tx, &SessionLayers { own, pinned, definitions: Vec::new() })?)
}
