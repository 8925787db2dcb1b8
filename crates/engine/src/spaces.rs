//! Spaces: who reads a patch, what spaces are called here, and where they go (SEMANTICS R21).
//!
//! What a store holds is one view, whatever its spaces; what goes out goes by space. A patch may stand on what all its readers
//! read, which is looked at when it becomes Ready.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::patch::{apply_facts, revision_body};
use dm_collab::{Membership, ProjectionRead as _};
use dm_model::{Action, Body, EntityId, Op, OpId, PatchId, Revision, RevisionId, Space};
use dm_store::{NamedSpace, ReadTx};

use crate::error::{EngineError, NAME_BYTES_MAX};
use crate::instance::remote_named;
use crate::patches;
use crate::report::{ApplyReport, PatchSummary, RemoteSummary, SpaceSummary};
use crate::snapshot::{Snapshot, remote_summary};
use crate::system::new_patch_id;
use crate::transaction::Transaction;

/// What everyone's space is called.
pub(crate) const PUBLIC_NAME: &str = "public";
/// Most spaces with a name in one store: every exchange may name them all.
pub(crate) const SPACES_MAX: usize = 256;
/// Fewest digits of an id that stand for a space.
const ID_DIGITS_MIN: usize = 8;
/// Most lines that say why a patch may not become Ready.
const LACKING_SHOWN: usize = 100;

/// What a space is called here; the id of one without a name.
pub(crate) fn name_of(tx: &ReadTx<'_>, space: Space) -> Result<String, EngineError> {
    if space.is_public() {
        return Ok(PUBLIC_NAME.to_owned());
    }
    Ok(tx.named_space(space)?.map_or_else(|| space.to_string(), |named| named.name))
}

/// As [`name_of`], for what is shown of a patch: nothing where everyone reads it.
pub(crate) fn shown(tx: &ReadTx<'_>, space: Space) -> Result<Option<String>, EngineError> {
    if space.is_public() { Ok(None) } else { name_of(tx, space).map(Some) }
}

/// The space that a word means: a name, or the start of an id that has one.
pub(crate) fn find(tx: &ReadTx<'_>, word: &str) -> Result<Space, EngineError> {
    if word == PUBLIC_NAME {
        return Ok(Space::PUBLIC);
    }
    let all = tx.named_spaces()?;
    if let Some(named) = all.iter().find(|named| named.name == word) {
        return Ok(named.space);
    }
    let long = word.len() >= ID_DIGITS_MIN;
    let fits: Vec<&NamedSpace> = all.iter().filter(|named| long && named.space.to_string().starts_with(word)).collect();
    match fits.as_slice() {
        [one] => Ok(one.space),
        _ => Err(EngineError::NoSuchSpace {
            name: word.to_owned(),
            known: all.into_iter().map(|named| named.name).collect(),
        }),
    }
}

fn summary(tx: &ReadTx<'_>, space: Space) -> Result<SpaceSummary, EngineError> {
    let held: BTreeMap<Space, u64> = tx.held_spaces()?.into_iter().collect();
    let mut tokens = Vec::new();
    for token in tx.tokens()? {
        if space.is_public() || tx.token_spaces(&token.name)?.contains(&space) {
            tokens.push(token.name);
        }
    }
    let drafts = tx.draft_headers()?.into_iter().filter(|header| header.space == space).count();
    Ok(SpaceSummary {
        id: space.to_string(),
        name: name_of(tx, space)?,
        named: space.is_public() || tx.named_space(space)?.is_some(),
        public: space.is_public(),
        envelopes: held.get(&space).copied().unwrap_or(0),
        drafts: drafts as u64,
        remotes: tx.remotes_sharing(space)?,
        tokens,
    })
}

impl crate::engine::Engine {
    /// The groups' spaces that have a name in this store.
    pub(crate) fn named_spaces(&self) -> Result<Vec<Space>, EngineError> {
        Ok(self.store().read()?.named_spaces()?.into_iter().map(|named| named.space).collect())
    }
}

impl Snapshot<'_> {
    /// The public space, those that have a name here, and those of which something is held.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn spaces(&self) -> Result<Vec<SpaceSummary>, EngineError> {
        let named: Vec<Space> = self.tx.named_spaces()?.into_iter().map(|named| named.space).collect();
        let held = self.tx.held_spaces()?.into_iter().map(|(space, _)| space);
        let nameless: Vec<Space> = held.filter(|space| !space.is_public() && !named.contains(space)).collect();
        let all = std::iter::once(Space::PUBLIC).chain(named).chain(nameless);
        all.map(|space| summary(&self.tx, space)).collect()
    }

    /// One space, by name or id.
    ///
    /// # Errors
    /// If there is none.
    pub fn space(&self, name: &str) -> Result<SpaceSummary, EngineError> {
        summary(&self.tx, find(&self.tx, name)?)
    }
}

impl Transaction<'_> {
    /// Names the space that the patch of this command is of. None leaves it to the draft in focus or the store's setting.
    ///
    /// # Errors
    /// If there is no such space.
    pub fn in_space(&mut self, name: Option<&str>) -> Result<(), EngineError> {
        if let Some(name) = name {
            self.space = Some(find(&self.tx, name)?);
        }
        Ok(())
    }

    /// The space of a new patch: the one that was named, else the store's setting.
    pub(crate) fn space_of_new(&self) -> Result<Space, EngineError> {
        if let Some(space) = self.space {
            return Ok(space);
        }
        match self.tx.setting("space")? {
            Some(name) => find(&self.tx, &name),
            None => Ok(Space::PUBLIC),
        }
    }

    /// Makes a space for a group of readers: whoever is told its id can join it.
    ///
    /// # Errors
    /// If the name is taken or does not fit, or there is no randomness.
    pub fn space_new(&mut self, name: &str) -> Result<SpaceSummary, EngineError> {
        let random = self.engine.system().random().map_err(EngineError::NoRandomness)?;
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(random.get(..16).unwrap_or(&[1; 16]));
        let space = self.name_space(name, Space::from_bytes(bytes))?;
        self.tell("space new", name);
        summary(&self.tx, space)
    }

    /// Names a space that a colleague made.
    ///
    /// # Errors
    /// If the name is taken or does not fit, or the id is none or has a name here.
    pub fn space_join(&mut self, name: &str, id: &str) -> Result<SpaceSummary, EngineError> {
        let space = self.name_space(name, id.parse()?)?;
        self.tell("space join", format!("{name} {space}"));
        summary(&self.tx, space)
    }

    fn name_space(&mut self, name: &str, space: Space) -> Result<Space, EngineError> {
        let odd = |letter: char| letter.is_whitespace() || letter.is_control();
        let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(odd);
        if !fits || name == PUBLIC_NAME || name.parse::<Space>().is_ok() {
            return Err(EngineError::BadName { what: "a space" });
        }
        let all = self.tx.named_spaces()?;
        if all.len() >= SPACES_MAX {
            return Err(EngineError::TooManySpaces);
        }
        if space.is_public() {
            return Err(EngineError::SpaceExists(PUBLIC_NAME.to_owned()));
        }
        if let Some(known) = all.into_iter().find(|known| known.name == name || known.space == space) {
            return Err(EngineError::SpaceExists(known.name));
        }
        let since = self.engine.system().now();
        self.tx.put_named_space(&NamedSpace { space, name: name.to_owned(), since })?;
        Ok(space)
    }

    /// Forgets a space's name, and that it is exchanged with anyone. What is held of it stays held.
    ///
    /// # Errors
    /// If there is none of that name, or drafts are of it.
    pub fn space_forget(&mut self, name: &str) -> Result<SpaceSummary, EngineError> {
        let space = find(&self.tx, name)?;
        let before = summary(&self.tx, space)?;
        if before.public {
            return Err(EngineError::BadName { what: "a space that can be forgotten" });
        }
        let drafts: Vec<PatchId> = self
            .tx
            .draft_headers()?
            .into_iter()
            .filter(|header| header.space == space)
            .map(|header| header.patch)
            .collect();
        if let Some(patch) = drafts.first() {
            return Err(EngineError::SpaceInUse { name: before.name, patch: *patch });
        }
        self.tx.forget_space(space)?;
        self.tell("space forget", format!("{} {space}", before.name));
        Ok(before)
    }

    /// Chooses whether a space is exchanged with a remote.
    ///
    /// # Errors
    /// If there is no such space or remote.
    pub fn space_share(&mut self, name: &str, remote: &str, shared: bool) -> Result<RemoteSummary, EngineError> {
        let space = find(&self.tx, name)?;
        let remote = remote_named(&self.tx, Some(remote))?;
        // The public one goes everywhere unless it is taken off, a group's nowhere unless it is put on.
        let chosen = (shared != space.is_public()).then_some(shared);
        self.tx.put_share(&remote.name, space, chosen)?;
        let verb = if shared { "space share" } else { "space unshare" };
        self.tell(verb, format!("{name} {}", remote.name));
        remote_summary(&self.tx, &remote)
    }

    /// Moves a draft to another space, as long as no revision of it was made.
    ///
    /// # Errors
    /// If it is no draft of this session, or was Ready once in another space.
    pub fn space_move(&mut self, name: &str, prefix: Option<&str>) -> Result<PatchSummary, EngineError> {
        let space = find(&self.tx, name)?;
        let id = patches::find_or_focused(&self.tx, &self.workspace, prefix)?;
        let Some(header) = self.workspace.headers.iter_mut().find(|header| header.patch == id) else {
            let found = dm_collab::patch::status(&*self.tx, &id)?.as_str();
            return Err(EngineError::WrongStatus { patch: id, found, wanted: "a draft of this session" });
        };
        if header.space != space {
            let was = header.space;
            header.space = space;
            header.updated_at = self.engine.system().now();
            let header = header.clone();
            if !self.tx.revisions(&id)?.is_empty() {
                return Err(EngineError::OtherSpace { patch: id, space: name_of(&self.tx, was)? });
            }
            self.tx.put_draft_header(&header)?;
            self.save_session()?;
        }
        let summary = patches::summary_in(&self.tx, &self.workspace, &id)?;
        self.tell("space move", format!("{name} {} {}", summary.short, summary.intent));
        Ok(summary)
    }

    /// What readers of a space lack of what these ops need and use, in words: a line for each definition.
    pub(crate) fn lacking(&self, space: Space, ops: &[Op]) -> Result<Vec<String>, EngineError> {
        let group_drafts = self.workspace.headers.iter().any(|header| !header.space.is_public());
        if space.is_public() && !group_drafts && !self.tx.any_private()? {
            return Ok(Vec::new());
        }
        let own: BTreeSet<OpId> = ops.iter().map(Op::id).collect();
        let mut lacking: BTreeMap<EntityId, String> = BTreeMap::new();
        for need in ops.iter().flat_map(Op::needs).filter(|need| !own.contains(need)) {
            if let (Some(carrier), Some(op)) = (self.unread_carrier(space, &need)?, self.tx.op(&need)?) {
                lacking.entry(op.entity).or_insert(self.carrier_words(&carrier)?);
            }
        }
        for entity in self.used_by(ops)? {
            let words = match self.unread_creation(space, &entity)? {
                Unread::Carrier(carrier) => self.carrier_words(&carrier)?,
                Unread::Draft(patch, of) => {
                    let summary = patches::summary_in(&self.tx, &self.workspace, &patch)?;
                    format!("draft {} {}, in {}", summary.short, summary.intent, name_of(&self.tx, of)?)
                }
                Unread::None => continue,
            };
            lacking.entry(entity).or_insert(words);
        }
        let look = self.look(None)?;
        let mut words = Vec::new();
        for (entity, carrier) in lacking.into_iter().take(LACKING_SHOWN) {
            words.push(format!("{} of {carrier}", look.last_location(&entity)?));
        }
        words.sort();
        Ok(words)
    }

    /// A carrier of an op, if none that readers of the space read carries it and there is one.
    fn unread_carrier(&self, space: Space, op: &OpId) -> Result<Option<RevisionId>, EngineError> {
        let carriers = self.tx.carriers(op)?;
        for carrier in &carriers {
            if self.tx.space(carrier)?.is_some_and(|other| space.reads(other)) {
                return Ok(None);
            }
        }
        Ok(carriers.first().copied())
    }

    fn carrier_words(&self, carrier: &RevisionId) -> Result<String, EngineError> {
        let of = name_of(&self.tx, self.tx.space(carrier)?.unwrap_or(Space::PUBLIC))?;
        let Some(body) = revision_body(&*self.tx, carrier)? else { return Ok(of) };
        let summary = patches::summary_in(&self.tx, &self.workspace, &body.patch)?;
        Ok(format!("patch {} {}, in {of}", summary.short, summary.intent))
    }

    /// The entities that the definitions of these ops use and that the ops do not create.
    fn used_by(&self, ops: &[Op]) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut used = BTreeSet::new();
        for content in ops.iter().filter_map(Op::content) {
            used.extend(self.tx.definition_head(&content)?.into_iter().flat_map(|(_, uses)| uses));
        }
        for op in ops.iter().filter(|op| matches!(op.action, Action::CreateName { .. })) {
            used.remove(&op.entity);
        }
        Ok(used)
    }

    fn creations(&self, entity: &EntityId) -> Result<Vec<OpId>, EngineError> {
        let ops = self.tx.entity_ops(entity)?;
        let creating = ops.into_iter().filter(|(_, op)| matches!(op.action, Action::CreateName { .. }));
        Ok(creating.map(|(id, _)| id).collect())
    }

    fn unread_creation(&self, space: Space, entity: &EntityId) -> Result<Unread, EngineError> {
        let mut unread = Unread::None;
        for creation in self.creations(entity)? {
            match self.unread_carrier(space, &creation)? {
                Some(carrier) => unread = Unread::Carrier(carrier),
                None => return Ok(Unread::None),
            }
        }
        for draft in self.workspace.stack.drafts() {
            let born = draft.entities.get(entity).is_some_and(|rows| rows.birth.is_some());
            let Some(header) = self.workspace.header(&draft.patch).filter(|_| born) else { continue };
            if space.reads(header.space) {
                return Ok(Unread::None);
            }
            unread = Unread::Draft(draft.patch, header.space);
        }
        Ok(unread)
    }

    /// That all readers of a patch read what it needs and uses; else it says what they lack.
    pub(crate) fn check_readable(&self, patch: &PatchId, space: Space, ops: &[Op]) -> Result<(), EngineError> {
        let lacking = self.lacking(space, ops)?;
        if lacking.is_empty() {
            return Ok(());
        }
        Err(EngineError::NotReadable { patch: *patch, space: name_of(&self.tx, space)?, lacking })
    }

    /// The space in which these ops can be settled: that of the one group that wrote some of them beside the public ones. None
    /// leaves it to the draft in focus or the setting.
    pub(crate) fn space_over(&self, ops: &[OpId]) -> Result<Option<Space>, EngineError> {
        if !self.tx.any_private()? {
            return Ok(None);
        }
        let mut common: Option<BTreeSet<Space>> = None;
        for op in ops {
            let mut spaces = BTreeSet::new();
            for carrier in self.tx.carriers(op)? {
                spaces.extend(self.tx.space(&carrier)?);
            }
            if spaces.is_empty() || spaces.contains(&Space::PUBLIC) {
                continue;
            }
            common = Some(common.map_or(spaces.clone(), |common| common.intersection(&spaces).copied().collect()));
        }
        Ok(common.and_then(|common| common.into_iter().next()))
    }

    /// Copies Ready or applied patches of groups into the public space, each as a new patch with the same ops: who reads both sees
    /// no change. What they stand on goes along only if that is asked for.
    ///
    /// # Errors
    /// If one is a draft or public already, or stands on what not everyone reads and that is not to go along.
    pub fn publish(&mut self, prefixes: &[String], with_needs: bool) -> Result<ApplyReport, EngineError> {
        let mut chosen = Vec::new();
        for prefix in prefixes {
            let patch = patches::find(&self.tx, prefix)?;
            let found = dm_collab::patch::status(&*self.tx, &patch)?.as_str();
            let wrong = |wanted| EngineError::WrongStatus { patch, found, wanted };
            let draft = self.tx.draft_header(&patch)?.is_some();
            let revision = if draft { None } else { patches::open_revision(&*self.tx, &patch)? };
            let revision = revision.ok_or_else(|| wrong("ready or applied"))?;
            if self.tx.space(&revision)?.is_none_or(|space| space.is_public()) {
                return Err(wrong("of a group's space"));
            }
            chosen.push(revision);
        }
        let all = self.with_unpublished(&chosen)?;
        if !with_needs && all.len() > chosen.iter().collect::<BTreeSet<_>>().len() {
            let mut lacking = Vec::new();
            for revision in all.iter().filter(|revision| !chosen.contains(revision)) {
                lacking.push(self.carrier_words(revision)?);
            }
            let first = chosen.first().map(|revision| revision_body(&*self.tx, revision)).transpose()?.flatten();
            let patch = first.map(|body| body.patch).ok_or(EngineError::NoFocus)?;
            return Err(EngineError::Unpublished { patch, lacking });
        }
        self.publish_revisions(&all)
    }

    /// These revisions and those of groups that carry what they need and use and what not everyone reads, needs first.
    fn with_unpublished(&self, chosen: &[RevisionId]) -> Result<Vec<RevisionId>, EngineError> {
        let mut all: BTreeSet<RevisionId> = chosen.iter().copied().collect();
        let mut open = chosen.to_vec();
        while let Some(revision) = open.pop() {
            let Some(body) = revision_body(&*self.tx, &revision)? else { continue };
            let mut wanted = body.needs();
            for entity in self.used_by(&body.ops)? {
                if let Unread::Carrier(_) = self.unread_creation(Space::PUBLIC, &entity)? {
                    wanted.extend(self.creations(&entity)?);
                }
            }
            for op in wanted {
                if self.unread_carrier(Space::PUBLIC, &op)?.is_none() {
                    continue;
                }
                let carriers = self.tx.carriers(&op)?;
                if !carriers.iter().any(|carrier| all.contains(carrier)) {
                    let carrier = self.carrier_to_publish(&revision, carriers)?;
                    all.extend(carrier);
                    open.extend(carrier);
                }
            }
        }
        let all: Vec<RevisionId> = all.into_iter().collect();
        Ok(self.tx.ids_in_order(&all)?)
    }

    /// Of the carriers of an op, one that the readers of the revision above it read, in effect if one is.
    fn carrier_to_publish(
        &self,
        above: &RevisionId,
        carriers: Vec<RevisionId>,
    ) -> Result<Option<RevisionId>, EngineError> {
        let space = self.tx.space(above)?.unwrap_or(Space::PUBLIC);
        let mut best = None;
        for carrier in carriers {
            if !self.tx.space(&carrier)?.is_some_and(|other| space.reads(other)) {
                continue;
            }
            if self.tx.effect(&carrier)? == dm_collab::Effect::Effective {
                return Ok(Some(carrier));
            }
            best = best.or(Some(carrier));
        }
        Ok(best)
    }

    fn publish_revisions(&mut self, revisions: &[RevisionId]) -> Result<ApplyReport, EngineError> {
        let (mut bodies, mut applied) = (Vec::new(), Vec::new());
        for revision in revisions {
            let Some(body) = revision_body(&*self.tx, revision)? else { continue };
            let is_in = self.tx.own_membership(&body.patch)? == Membership::In(*revision);
            let patch = new_patch_id(self.engine.system()).map_err(EngineError::NoRandomness)?;
            let (author, now) = (self.author()?, self.engine.system().now());
            applied.push((patch, is_in));
            let copy = Revision { patch, replaces: Vec::new(), author, created_at: now, depends: Vec::new(), ..body };
            bodies.push((Space::PUBLIC, Body::Revision(copy)));
        }
        let ids = self.append(bodies)?;
        let made = applied.iter().zip(&ids);
        let members: Vec<(PatchId, RevisionId)> =
            made.filter(|((_, is_in), _)| *is_in).map(|((patch, _), id)| (*patch, *id)).collect();
        let facts = apply_facts(&*self.tx, &members, "")?;
        let facts = self.append(facts.into_iter().map(|(space, fact)| (space, Body::Apply(fact))).collect())?;
        self.workspace.session.patches.extend(applied.iter().filter(|(_, is_in)| !is_in).map(|(patch, _)| *patch));
        self.save_session()?;
        let mut published = Vec::new();
        for (patch, _) in &applied {
            published.push(patches::summary_in(&self.tx, &self.workspace, patch)?);
        }
        let words: Vec<&str> = published.iter().map(|patch| patch.intent.as_str()).collect();
        self.tell("space publish", words.join("; "));
        Ok(ApplyReport {
            dry_run: self.dry_run,
            applied: published,
            overridden: Vec::new(),
            errors: Vec::new(),
            settled: Vec::new(),
            fact: facts.first().map(ToString::to_string),
            view_fingerprint: self.tx.view_fingerprint()?.short(),
        })
    }
}

/// Where an entity comes from that readers of a space do not read.
enum Unread {
    None,
    Carrier(RevisionId),
    Draft(PatchId, Space),
}
