//! Patch files: patches as one text that travels by mail.
//!
//! A file has a part for people (who, why, what changed, as a source diff) and, behind it, the signed envelopes with all content
//! that they name, as [`payload`] has them. The part for people is made from the payload alone, so whoever receives the file
//! makes it again and compares: what was read is what was signed. `docs/formats/patch-file.md` has the bytes.

mod payload;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::patch::revision_body;
use dm_collab::sync::{self, Sealed, SyncError};
use dm_collab::{Need, Presence, ProjectionRead as _};
use dm_model::{Action, Body, DefHash, Definition, Deprecation, EntityId, OpId, PatchId, RevisionId, Space, entity_id};
use dm_store::ReadTx;

use crate::error::EngineError;
use crate::look::Look;
use crate::patch_file::payload::{NeedNote, Payload, Place};
use crate::patches;
use crate::report::{PatchFileReport, PatchImportReport, PatchSummary};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// Most bytes of a patch file's text: the largest message in base64, and as much again to read.
pub const PATCH_FILE_BYTES_MAX: u64 = 128 << 20;

/// Why a text is not a patch file that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchFileError {
    /// Nothing in it says that it is one.
    #[error("this is no patch file: it has no line `{}`", text::BEGIN)]
    Foreign,
    /// Its end is missing.
    #[error("the patch file is cut off: it has no line `{}`", text::END)]
    Truncated,
    /// Its payload was changed on the way.
    #[error("the patch file was altered on its way: {0}")]
    Altered(String),
    /// A newer program wrote it.
    #[error("the patch file has format {found}, this program knows format {}", payload::FORMAT)]
    Newer {
        /// The format of the file.
        found: u8,
    },
    /// What people read is not what is signed.
    #[error("line {line} of the patch file does not say what is signed: it should be `{wanted}`")]
    Disagrees {
        /// Which line of the file, from 1.
        line: usize,
        /// What the line should be.
        wanted: String,
    },
}

/// A payload, checked: what the part for people is made from.
struct Checked {
    received: sync::Received,
    bases: BTreeMap<DefHash, Definition>,
    places: BTreeMap<EntityId, Place>,
    needs: Vec<NeedNote>,
}

impl Checked {
    /// Checks a payload by itself: hashes, signatures, bounds, and that nothing in it belongs to no patch of it.
    fn of(payload: Payload, tx: &ReadTx<'_>) -> Result<Self, EngineError> {
        let mut spaces = vec![Space::PUBLIC];
        spaces.extend(tx.named_spaces()?.into_iter().map(|named| named.space));
        for sealed in &payload.parcel.envelopes {
            // What does not decode is told below.
            let Ok(envelope) = dm_model::Envelope::open_trusted(sealed.bytes.clone(), sealed.signature) else {
                continue;
            };
            let space = envelope.header().space;
            if !spaces.contains(&space) {
                return Err(EngineError::UnknownSpace(space.to_string()));
            }
        }
        let revisions_only = |envelope: &dm_model::Envelope| matches!(envelope.body(), Body::Revision(_));
        let received = sync::check_parcel(&payload.parcel, &spaces, &revisions_only, &|_| Ok(false));
        let received = received.map_err(|error| match error {
            SyncError::Protocol(error) => EngineError::PatchFile(PatchFileError::Altered(error.to_string())),
            SyncError::Read(error) => error.into(),
        })?;
        let altered = |what: &str| EngineError::PatchFile(PatchFileError::Altered(what.to_owned()));
        let mut bases = BTreeMap::new();
        for bytes in &payload.bases {
            let definition = Definition::decode(bytes).map_err(|error| altered(&error.to_string()))?;
            bases.insert(Definition::hash_of(bytes), definition);
        }
        let mut places = BTreeMap::new();
        for place in payload.places {
            places.insert(entity_id(&place.birth, place.generation), place);
        }
        let checked = Self { received, bases, places, needs: payload.needs };
        if checked.ops().any(|op| !checked.places.contains_key(&op.entity)) {
            return Err(altered("it does not say where a definition is"));
        }
        let held: BTreeSet<DefHash> = checked.received.definitions.iter().map(|(hash, _)| *hash).collect();
        if checked.ops().filter_map(dm_model::Op::content).any(|hash| !held.contains(&hash)) {
            return Err(altered("a definition that it names is missing"));
        }
        Ok(checked)
    }

    fn ops(&self) -> impl Iterator<Item = &dm_model::Op> {
        self.received.envelopes.iter().flat_map(|envelope| match envelope.body() {
            Body::Revision(revision) => revision.ops.as_slice(),
            _ => &[],
        })
    }
}

impl Snapshot<'_> {
    /// Ready or applied patches as one text. With `with_needs`, all that they need comes along.
    ///
    /// # Errors
    /// If there is no such patch, one is a draft, or they are more than a file may hold.
    pub fn patch_file(&self, prefixes: &[String], with_needs: bool) -> Result<PatchFileReport, EngineError> {
        let look = self.look()?;
        let mut chosen = Vec::new();
        for prefix in prefixes {
            let patch = patches::find(&self.tx, prefix)?;
            let found = dm_collab::patch::status(&self.tx, &patch)?.as_str();
            let wrong = EngineError::WrongStatus { patch, found, wanted: "ready" };
            let draft = self.tx.draft_header(&patch)?.is_some();
            let revision = if draft { None } else { patches::open_revision(&self.tx, &patch)? };
            chosen.push(revision.ok_or(wrong)?);
        }
        let revisions = if with_needs { with_all_needs(&self.tx, &chosen)? } else { chosen };
        let revisions = self.tx.ids_in_order(&revisions)?;
        let payload = pack(&look, &revisions)?;
        let needs = payload.needs.len() as u64;
        let checked = Checked::of(payload.clone(), &self.tx)?;
        let text = text::print(&checked, &payload)?;
        let mut ids = Vec::new();
        for revision in &revisions {
            ids.extend(revision_body(&self.tx, revision)?.map(|body| body.patch));
        }
        let summaries = patches::summaries(&self.tx, &self.workspace, &ids)?;
        Ok(PatchFileReport { patches: summaries, needs, path: None, text })
    }
}

/// These revisions and those that carry what they need, and so on.
fn with_all_needs(tx: &ReadTx<'_>, chosen: &[RevisionId]) -> Result<Vec<RevisionId>, EngineError> {
    let mut all: BTreeSet<RevisionId> = chosen.iter().copied().collect();
    let mut open: Vec<RevisionId> = chosen.to_vec();
    while let Some(revision) = open.pop() {
        let Some(body) = revision_body(tx, &revision)? else { continue };
        for op in body.needs() {
            let carriers = tx.carriers(&op)?;
            if carriers.iter().any(|carrier| all.contains(carrier)) {
                continue;
            }
            if let Some(carrier) = carriers.first() {
                all.insert(*carrier);
                open.push(*carrier);
            }
        }
    }
    Ok(all.into_iter().collect())
}

fn pack(look: &Look<'_>, revisions: &[RevisionId]) -> Result<Payload, EngineError> {
    let tx = look.tx;
    let mut payload = Payload::default();
    let (mut own, mut needed, mut entities) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut contents, mut held, mut olds) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for id in revisions {
        let Some(envelope) = tx.envelope(id)? else { continue };
        let Body::Revision(revision) = envelope.body() else { continue };
        own.extend(revision.ops.iter().map(dm_model::Op::id));
        needed.extend(revision.needs());
        for hash in revision.contents() {
            if held.insert(hash) {
                contents.push(hash);
            }
        }
        for op in &revision.ops {
            entities.insert(op.entity);
            if let Action::Deprecate(Deprecation { replacement: Some(replacement), .. }) = &op.action {
                entities.insert(*replacement);
            }
            if let Action::UpdateName { old: Some(old), .. } = &op.action {
                olds.insert(*old);
            }
        }
        let sealed = Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() };
        payload.parcel.envelopes.push(sealed);
    }
    for hash in contents {
        payload.parcel.definitions.push(look.definition(&hash)?.encode());
    }
    for hash in olds {
        payload.bases.push(look.definition(&hash)?.encode());
    }
    for entity in entities {
        payload.places.push(place(look, &entity)?);
    }
    for op in needed.difference(&own) {
        payload.needs.extend(need_note(tx, op)?);
    }
    Ok(payload)
}

/// Where an entity was born, which its id vouches for, and where it is.
fn place(look: &Look<'_>, entity: &EntityId) -> Result<Place, EngineError> {
    let now = look.location_of(entity)?;
    for (_, op) in look.tx.entity_ops(entity)? {
        if let Action::CreateName { location, generation, .. } = &op.action {
            let now = now.filter(|now| now != location);
            return Ok(Place { birth: location.clone(), generation: *generation, now });
        }
    }
    Err(EngineError::DamagedDraft(format!("entity {entity} was never created")))
}

/// What a patch's waiting revision says, for a patch that has none that counts.
fn fill_from_revision(
    tx: &ReadTx<'_>,
    ids: &[RevisionId],
    patch: &PatchId,
    summary: &mut PatchSummary,
) -> Result<(), EngineError> {
    for id in ids {
        let Some(body) = revision_body(tx, id)?.filter(|body| body.patch == *patch) else { continue };
        summary.status = dm_collab::patch::Status::Ready.as_str().to_owned();
        summary.created_at = body.created_at.as_ms();
        summary.updated_at = body.created_at.as_ms();
        summary.changes = body.ops.len() as u64;
        summary.revision = Some(id.to_string());
        (summary.intent, summary.body) = patches::headed(&body.intent);
        summary.author = body.author;
    }
    Ok(())
}

fn need_note(tx: &ReadTx<'_>, op: &OpId) -> Result<Option<NeedNote>, EngineError> {
    let Some(carrier) = tx.carriers(op)?.first().copied() else { return Ok(None) };
    let body = revision_body(tx, &carrier)?;
    Ok(body.map(|body| NeedNote { op: *op, patch: body.patch, intent: body.intent }))
}

impl Transaction<'_> {
    /// Takes the patches of a patch file: they are stored and ready, and nothing is applied.
    ///
    /// # Errors
    /// If the text is no whole patch file, was altered, or shows people something else than what is signed. Then nothing is
    /// written.
    pub fn import_patch_file(&mut self, text: &str) -> Result<PatchImportReport, EngineError> {
        let file = text::parse(text)?;
        let payload = Payload::unpack(&file.payload)?;
        let checked = Checked::of(payload, &self.tx)?;
        text::compare(&file, &text::print_readable(&checked)?)?;
        let mut ids: Vec<RevisionId> = Vec::new();
        let mut patch_ids: Vec<PatchId> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut fresh = 0;
        for envelope in &checked.received.envelopes {
            fresh += u64::from(self.tx.presence(&envelope.id())? == Presence::Absent);
            ids.push(envelope.id());
            if let Body::Revision(revision) = envelope.body()
                && seen.insert(revision.patch)
            {
                patch_ids.push(revision.patch);
            }
        }
        let needs = checked.needs;
        let new_keys = self.store_received(checked.received, "a patch file")?;
        let mut waits_for = BTreeSet::new();
        for note in needs {
            if self.tx.op(&note.op)?.is_none() {
                waits_for.insert(format!("{} {}", note.patch.short(), note.intent));
            }
        }
        let mut summaries = patches::summaries(&self.tx, &self.workspace, &patch_ids)?;
        for (patch, summary) in patch_ids.iter().zip(&mut summaries) {
            if summary.revision.is_none() {
                // It waits for what it needs, so that no list of patches knows of it yet.
                fill_from_revision(&self.tx, &ids, patch, summary)?;
            }
        }
        let pending = self.pending_among(&ids)?;
        if fresh > 0 {
            let words = summaries.iter().map(|patch| patch.intent.clone()).collect::<Vec<_>>().join("; ");
            self.tell_final("patch import", words);
        }
        Ok(PatchImportReport {
            dry_run: self.dry_run,
            patches: summaries,
            fresh,
            pending,
            waits_for: waits_for.into_iter().collect(),
            new_keys,
            applied: None,
        })
    }

    /// As [`Transaction::import_patch_file`], and puts those of the patches into main that are not there: all or none.
    ///
    /// # Errors
    /// As that, or as [`Transaction::apply`]. Then nothing is written, so that nothing of the file is here.
    pub fn apply_patch_file(&mut self, text: &str) -> Result<PatchImportReport, EngineError> {
        let mut report = self.import_patch_file(text)?;
        if report.pending > 0 {
            return Err(self.missing_needs(&report)?);
        }
        let applied = dm_collab::patch::Status::Applied.as_str();
        let open: Vec<String> =
            report.patches.iter().filter(|patch| patch.status != applied).map(|patch| patch.id.clone()).collect();
        if !open.is_empty() {
            report.applied = Some(self.apply_all(&open)?);
        }
        Ok(report)
    }

    /// Why patches of a file cannot be applied: one of them waits for ops that are not here.
    fn missing_needs(&self, report: &PatchImportReport) -> Result<EngineError, EngineError> {
        let pending = self.tx.pending()?;
        for summary in &report.patches {
            let Some(revision) = summary.revision.as_ref().and_then(|id| id.parse::<RevisionId>().ok()) else {
                continue;
            };
            let Some(needs) = pending.get(&revision) else { continue };
            let op = |need: &Need| if let Need::Op(op) = need { Some(*op) } else { None };
            let missing = needs.iter().filter_map(op).collect();
            return Ok(EngineError::MissingNeeds { patch: summary.id.parse()?, missing });
        }
        Ok(EngineError::NoSuchPatch(report.waits_for.join(", ")))
    }

    /// How many of these wait for something they need.
    fn pending_among(&self, ids: &[RevisionId]) -> Result<u64, EngineError> {
        let mut pending = 0;
        for id in ids {
            pending += u64::from(self.tx.presence(id)? == Presence::Pending);
        }
        Ok(pending)
    }
}
