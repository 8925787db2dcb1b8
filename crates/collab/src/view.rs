//! Views: what a set of ops means, as the own main's projection with a few ops laid over it (SEMANTICS R24).
//!
//! A view of the main alone asks the projection; an overlay costs what its ops touch. Views never leave ops out: every view
//! has at least what the own main has.

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{Action, Body, DefHash, EntityId, Kind, Location, Op, OpId, Register, RevisionId, Value, entity_id};

use crate::conflict::{self, Conflict};
use crate::delta::ContentHead;
use crate::fold::{RevisionOps, has_head, is_effective_before, renew_fingerprint};
use crate::read::{ProjectionRead, ReadError};
use crate::register::restate;
use crate::state::{EntityState, Fingerprint, Head, RegisterState};

/// Ops to lay over the own main, and what the session that looks calls its own.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    ops: BTreeMap<OpId, Arc<Op>>,
    own_ops: BTreeMap<OpId, usize>,
    own_revisions: Vec<(RevisionId, usize)>,
    definitions: BTreeMap<DefHash, (Kind, Vec<EntityId>)>,
}

/// One of a session's own patches.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'s> {
    /// A revision that the own main has in effect: it shows there, and is only preferred.
    Effective(RevisionId),
    /// A Ready revision, applied or not.
    Ready(RevisionId),
    /// The ops that a draft makes.
    Draft(&'s [(OpId, Op)]),
}

/// What a session lays over the own main.
#[derive(Debug, Clone, Default)]
pub struct SessionLayers<'s> {
    /// Its own patches, lowest first.
    pub own: Vec<Layer<'s>>,
    /// The revisions of patches it has pinned.
    pub pinned: Vec<RevisionId>,
    /// The definitions that its drafts name and the projection does not hold.
    pub definitions: Vec<ContentHead>,
}

/// An entity that an overlay touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its state in the own main, if it exists there.
    pub before: Option<EntityState>,
    /// Its state in the view.
    pub after: EntityState,
}

/// A place for a new entity at a free location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreePlace {
    /// The generation that an entity born there now has (SEMANTICS R5).
    pub generation: u32,
    /// The location writes that freed the name; none if it was never taken.
    pub freed_by: Vec<OpId>,
}

/// What the own main's effective ops and an overlay mean together.
pub struct View<'a> {
    read: &'a dyn ProjectionRead,
    /// Whether the own main has no entity at all, so that nothing need be looked for there.
    main_is_empty: bool,
    overlay: Overlay,
    changed: BTreeMap<EntityId, Changed>,
    /// Where the changed entities are live.
    at: BTreeMap<Location, BTreeSet<EntityId>>,
    /// Changed live users by what they use.
    users: OnceCell<BTreeMap<EntityId, BTreeSet<EntityId>>>,
}

impl Overlay {
    /// Lays an op over the main.
    pub fn add(&mut self, id: OpId, op: Arc<Op>) {
        self.ops.insert(id, op);
    }

    /// Lays an op of the session's own patch at this place of its stack over the main; higher places are preferred.
    pub fn add_own(&mut self, place: usize, id: OpId, op: Arc<Op>) {
        self.ops.insert(id, op);
        self.prefer(place, id);
    }

    /// Says that a definition, though not held, is this.
    pub fn define(&mut self, head: ContentHead) {
        self.definitions.insert(head.hash, (head.kind, head.uses));
    }

    fn prefer(&mut self, place: usize, id: OpId) {
        let known = self.own_ops.entry(id).or_insert(place);
        *known = (*known).max(place);
    }
}

impl<'a> View<'a> {
    /// What the own main means.
    #[must_use]
    pub fn main(read: &'a dyn ProjectionRead) -> Self {
        Self {
            read,
            main_is_empty: false,
            overlay: Overlay::default(),
            changed: BTreeMap::new(),
            at: BTreeMap::new(),
            users: OnceCell::new(),
        }
    }

    /// What the own main means with these ops. Ops that are effective there anyway change nothing.
    ///
    /// # Errors
    /// [`ReadError`], as for everything that asks a view.
    pub fn over(read: &'a dyn ProjectionRead, overlay: Overlay) -> Result<Self, ReadError> {
        Self::over_known(read, overlay, BTreeMap::new())
    }

    /// As [`View::over`], where the states below of some entities are known already.
    fn over_known(
        read: &'a dyn ProjectionRead,
        overlay: Overlay,
        mut known: BTreeMap<EntityId, Option<EntityState>>,
    ) -> Result<Self, ReadError> {
        let main_is_empty = !overlay.ops.is_empty() && read.view_fingerprint()?.count == 0;
        let mut view = Self { main_is_empty, overlay, ..Self::main(read) };
        let mut by_entity: BTreeMap<EntityId, Vec<(OpId, &Op)>> = BTreeMap::new();
        for (id, op) in view.overlay.ops.iter().filter(|(_, op)| op.is_known()) {
            by_entity.entry(op.entity).or_default().push((*id, op));
        }
        let mut changed = BTreeMap::new();
        for (entity, ops) in by_entity {
            let before = match known.remove(&entity) {
                _ if main_is_empty => None,
                Some(known) => known,
                None => read.entity(&entity)?,
            };
            let mut added = Vec::with_capacity(ops.len());
            for (id, op) in ops {
                if !is_effective_before(read, before.as_ref(), &id)? {
                    added.push((id, op));
                }
            }
            if added.is_empty() {
                continue;
            }
            if let Some(after) = restate(read, &entity, before.as_ref(), &added, &BTreeSet::new())? {
                changed.insert(entity, Changed { before, after });
            }
        }
        for (entity, state) in &changed {
            for location in &state.after.live {
                view.at.entry(location.clone()).or_default().insert(*entity);
            }
        }
        view.changed = changed;
        Ok(view)
    }

    /// What a session sees: the own main, its own Ready revisions and the pinned ones, what these need wherever main lacks it,
    /// and its drafts.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn session(read: &'a dyn ProjectionRead, layers: &SessionLayers<'_>) -> Result<Self, ReadError> {
        let mut overlay = Overlay::default();
        let mut needs = BTreeSet::new();
        let mut below: BTreeMap<EntityId, Option<EntityState>> = BTreeMap::new();
        for (place, layer) in layers.own.iter().enumerate() {
            match layer {
                Layer::Effective(revision) => overlay.own_revisions.push((*revision, place)),
                Layer::Ready(revision) => {
                    overlay.own_revisions.push((*revision, place));
                    lay_revision(read, *revision, Some(place), &mut overlay, &mut needs)?;
                }
                Layer::Draft(ops) => {
                    for (id, op) in *ops {
                        // Most stand on what the main shows: its heads, which are looked at anyway, take effect.
                        let before = match below.entry(op.entity) {
                            Entry::Occupied(known) => known.into_mut(),
                            Entry::Vacant(unknown) => unknown.insert(read.entity(&op.entity)?),
                        };
                        needs.extend(op.needs().filter(|need| !has_head(before.as_ref(), need)));
                        overlay.add_own(place, *id, Arc::new(op.clone()));
                    }
                }
            }
        }
        for revision in &layers.pinned {
            lay_revision(read, *revision, None, &mut overlay, &mut needs)?;
        }
        lay_needs(read, &mut overlay, needs)?;
        for head in &layers.definitions {
            overlay.define(head.clone());
        }
        let mut view = Self::over_known(read, overlay, below)?;
        view.take_up_preferred()?;
        Ok(view)
    }

    /// Takes up what the session's own patches write in the main beside what others do: the session may see another value in
    /// force there than the main has, so the main's answers about it are not the session's.
    fn take_up_preferred(&mut self) -> Result<(), ReadError> {
        // Where the main has one value only, there is nothing to prefer; that is almost everywhere.
        let flagged: BTreeSet<EntityId> =
            if self.main_is_empty { BTreeSet::new() } else { self.read.flagged()?.into_iter().collect() };
        if flagged.is_empty() {
            return Ok(());
        }
        let laid = self.overlay.own_ops.keys().filter_map(|id| self.overlay.ops.get(id));
        let mut entities: BTreeSet<EntityId> = laid.map(|op| op.entity).collect();
        for (revision, _) in &self.overlay.own_revisions {
            // Those that main has in effect were not laid over it.
            if self.read.effect(revision)? == crate::state::Effect::Effective
                && let Some(ops) = self.read.envelope(revision)?.and_then(RevisionOps::new)
            {
                entities.extend(ops.ops().map(|(_, op)| op.entity));
            }
        }
        let unchanged = |entity: &EntityId| flagged.contains(entity) && !self.changed.contains_key(entity);
        for entity in entities.into_iter().filter(unchanged).collect::<Vec<_>>() {
            let Some(state) = self.entity_below(&entity)? else { continue };
            if state.registers.values().any(RegisterState::is_contested) {
                for location in &state.live {
                    self.at.entry(location.clone()).or_default().insert(entity);
                }
                self.changed.insert(entity, Changed { before: Some(state.clone()), after: state });
            }
        }
        Ok(())
    }

    /// The projection below.
    #[must_use]
    pub fn read(&self) -> &'a dyn ProjectionRead {
        self.read
    }

    /// The entities in which this view differs from the own main, or only knows other writes or prefers others, ascending.
    pub fn changed(&self) -> impl Iterator<Item = (&EntityId, &Changed)> {
        self.changed.iter()
    }

    /// The ops laid over the main, ascending.
    pub fn overlay_ops(&self) -> impl Iterator<Item = (&OpId, &Arc<Op>)> {
        self.overlay.ops.iter()
    }

    /// An entity's state, if it exists here.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError> {
        match self.changed.get(entity) {
            Some(changed) => Ok(Some(changed.after.clone())),
            None => self.entity_below(entity),
        }
    }

    fn entity_below(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError> {
        if self.main_is_empty { Ok(None) } else { self.read.entity(entity) }
    }

    /// Whether an entity exists here, live or not.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn exists(&self, entity: &EntityId) -> Result<bool, ReadError> {
        Ok(self.changed.contains_key(entity) || self.entity_below(entity)?.is_some())
    }

    /// Whether an op is effective here.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn op_effective(&self, op: &OpId) -> Result<bool, ReadError> {
        Ok(self.overlay.ops.get(op).is_some_and(|op| op.is_known()) || self.read.op_effective(op)?)
    }

    /// An op, effective here or not, if it counts or lies over the main.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError> {
        match self.overlay.ops.get(op) {
            Some(op) => Ok(Some(Arc::clone(op))),
            None => self.read.op(op),
        }
    }

    /// The value in force of a register: of several, the one that belongs highest in the session's own stack.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn value(&self, entity: &EntityId, register: Register) -> Result<Option<Value>, ReadError> {
        let state = match self.changed.get(entity) {
            Some(changed) => changed.after.registers.get(&register).cloned(),
            None => self.entity_below(entity)?.and_then(|mut state| state.registers.remove(&register)),
        };
        match state {
            Some(state) => self.in_force(&state),
            None => Ok(None),
        }
    }

    /// The provisional content of an entity.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn content(&self, entity: &EntityId) -> Result<Option<DefHash>, ReadError> {
        Ok(match self.value(entity, Register::Content)? {
            Some(Value::Content(hash)) => Some(hash),
            _ => None,
        })
    }

    /// The value in force of a register in this state.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn in_force(&self, state: &RegisterState) -> Result<Option<Value>, ReadError> {
        let own = if state.is_contested() { self.own_head(state)? } else { None };
        Ok(own.map(|head| head.value.clone()).or_else(|| state.provisional().cloned()))
    }

    /// The writes that an ordinary edit of what this view shows is made from, and replaces (SEMANTICS R6): the heads with the
    /// value in force, or the ancestor where that is shown.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn shown(&self, entity: &EntityId, register: Register) -> Result<Vec<Head>, ReadError> {
        let Some(mut state) = self.entity(entity)? else { return Ok(Vec::new()) };
        let Some(state) = state.registers.remove(&register) else { return Ok(Vec::new()) };
        let Some(value) = self.in_force(&state)? else { return Ok(Vec::new()) };
        let heads: Vec<Head> = state.heads.iter().filter(|head| head.value == value).cloned().collect();
        Ok(if heads.is_empty() { state.ancestor.into_iter().collect() } else { heads })
    }

    /// All heads of a register: what people disagree about.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn heads(&self, entity: &EntityId, register: Register) -> Result<Vec<Head>, ReadError> {
        let state = self.entity(entity)?;
        Ok(state.and_then(|mut state| state.registers.remove(&register)).map(|state| state.heads).unwrap_or_default())
    }

    /// All tips of a register, by op id ascending: the heads, and what they hide. A resolution replaces these (SEMANTICS R13):
    /// one that was hidden under a head might come back beside another value.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn tips(&self, entity: &EntityId, register: Register) -> Result<Vec<Head>, ReadError> {
        let state = self.entity(entity)?.and_then(|mut state| state.registers.remove(&register));
        let Some(RegisterState { heads: mut tips, hidden, .. }) = state else { return Ok(Vec::new()) };
        for id in hidden {
            let value = self.op(&id)?.and_then(|op| op.action.value(register));
            tips.extend(value.map(|value| Head { op: id, value }));
        }
        tips.sort_unstable();
        Ok(tips)
    }

    /// What a write of a register witnesses (SEMANTICS R22): of a location or deprecation the content heads, of content the
    /// heads that delete or deprecate.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn witness(&self, entity: &EntityId, register: Register) -> Result<Vec<OpId>, ReadError> {
        let heads = match register {
            Register::Location | Register::Deprecation => self.heads(entity, Register::Content)?,
            Register::Content => {
                let mut heads = self.heads(entity, Register::Location)?;
                heads.extend(self.heads(entity, Register::Deprecation)?);
                heads.retain(|head| conflict::sets_aside(&head.value));
                heads
            }
            _ => Vec::new(),
        };
        let mut ops: Vec<OpId> = heads.into_iter().map(|head| head.op).collect();
        ops.sort_unstable();
        Ok(ops)
    }

    /// The effective creations of an entity, ascending: what a first write of a register builds on (SEMANTICS R8).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn creators(&self, entity: &EntityId) -> Result<Vec<OpId>, ReadError> {
        let is_creation = |op: &Op| op.entity == *entity && matches!(op.action, Action::CreateName { .. });
        let mut creators: BTreeSet<OpId> =
            self.overlay.ops.iter().filter(|(_, op)| is_creation(op)).map(|(id, _)| *id).collect();
        let below = self.read.effective_entity_ops(entity)?;
        creators.extend(below.iter().filter(|(_, op)| is_creation(op)).map(|(id, _)| *id));
        Ok(creators.into_iter().collect())
    }

    /// What an entity born at a location now would be. Whether the location is free is [`View::entities_at`]'s to say.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn free_place(&self, location: &Location) -> Result<FreePlace, ReadError> {
        let mut generation = 0;
        let mut last = None;
        loop {
            let entity = entity_id(location, generation);
            if !self.exists(&entity)? {
                break;
            }
            last = Some(entity);
            generation += 1;
        }
        let heads = match last {
            Some(last) => self.heads(&last, Register::Location)?,
            None => Vec::new(),
        };
        Ok(FreePlace { generation, freed_by: heads.into_iter().map(|head| head.op).collect() })
    }

    /// The entities live at a location, ascending.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError> {
        let mut entities = if self.main_is_empty { Vec::new() } else { self.read.entities_at(location)? };
        if !self.changed.is_empty() {
            entities.retain(|entity| !self.changed.contains_key(entity));
            entities.extend(self.at.get(location).into_iter().flatten());
            entities.sort_unstable();
        }
        Ok(entities)
    }

    /// Kind and used entities (ascending) of a definition that is held or comes with the overlay.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError> {
        match self.overlay.definitions.get(content) {
            Some(head) => Ok(Some(head.clone())),
            None => self.read.definition_head(content),
        }
    }

    /// The entities that an entity's provisional definition uses, ascending.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn uses(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError> {
        let Some(content) = self.content(entity)? else { return Ok(Vec::new()) };
        Ok(self.definition_head(&content)?.map(|(_, uses)| uses).unwrap_or_default())
    }

    /// The live entities whose provisional definition uses this one, ascending.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError> {
        let mut dependents = if self.main_is_empty { Vec::new() } else { self.read.dependents(entity)? };
        if !self.changed.is_empty() {
            dependents.retain(|dependent| !self.changed.contains_key(dependent));
            dependents.extend(self.changed_users()?.get(entity).into_iter().flatten());
            dependents.sort_unstable();
        }
        Ok(dependents)
    }

    /// The fingerprint of the view: equal for views with the same heads everywhere.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn fingerprint(&self) -> Result<Fingerprint, ReadError> {
        let mut fingerprint = self.read.view_fingerprint()?;
        for (entity, Changed { before, after }) in &self.changed {
            renew_fingerprint(&mut fingerprint, entity, before.as_ref(), Some(after));
        }
        Ok(fingerprint)
    }

    /// The conflicts of the ops in this view, by kind, then by id; those of a channel's facts are [`conflict::of_channel`]'s.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>, ReadError> {
        let mut conflicts = Vec::new();
        for entity in self.read.flagged()? {
            if !self.changed.contains_key(&entity)
                && let Some(state) = self.read.entity(&entity)?
            {
                conflicts.extend(conflict::of_entity(entity, &state));
            }
        }
        for (entity, changed) in &self.changed {
            conflicts.extend(conflict::of_entity(*entity, &changed.after));
        }
        let mut places: BTreeSet<Location> = self.read.collisions()?.into_iter().collect();
        places.extend(self.at.keys().cloned());
        for location in places {
            let entities = self.entities_at(&location)?;
            if entities.len() > 1 {
                conflicts.push(Conflict::collision(location, entities));
            }
        }
        let deleted = self.deleted_dependencies()?;
        conflicts.extend(deleted.into_iter().map(|(user, used)| Conflict::deleted_dependency(user, used)));
        conflicts.sort_by_key(|conflict| (conflict.kind, conflict.id));
        Ok(conflicts)
    }

    /// The counting revisions that carry each head of a conflict, in the order of its heads; none for a draft's.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn carriers(&self, conflict: &Conflict) -> Result<Vec<(Head, Vec<RevisionId>)>, ReadError> {
        let carried = |head: &Head| Ok((head.clone(), self.read.carriers(&head.op)?));
        conflict.heads.iter().map(carried).collect()
    }

    /// The place in the session's own stack that an op belongs to, if any.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn place_of(&self, op: &OpId) -> Result<Option<usize>, ReadError> {
        let laid = self.overlay.own_ops.get(op).copied();
        if self.overlay.own_revisions.is_empty() {
            return Ok(laid);
        }
        // Own revisions that main has in effect were not looked into.
        let carriers = self.read.carriers(op)?;
        let own = self.overlay.own_revisions.iter().filter(|(revision, _)| carriers.contains(revision));
        Ok(own.map(|(_, place)| *place).chain(laid).max())
    }

    /// The head highest in the session's own stack; the least of several there.
    fn own_head<'s>(&self, state: &'s RegisterState) -> Result<Option<&'s Head>, ReadError> {
        let mut best: Option<(usize, &Head)> = None;
        for head in &state.heads {
            if let Some(place) = self.place_of(&head.op)?
                && best.is_none_or(|(highest, _)| place > highest)
            {
                best = Some((place, head));
            }
        }
        Ok(best.map(|(_, head)| head))
    }

    fn is_deleted(&self, entity: &EntityId) -> Result<bool, ReadError> {
        match self.changed.get(entity) {
            Some(changed) => Ok(!changed.after.is_live()),
            None => Ok(!self.main_is_empty && self.read.is_deleted(entity)?),
        }
    }

    /// Who uses what has no location any more: (user, used).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn deleted_dependencies(&self) -> Result<BTreeSet<(EntityId, EntityId)>, ReadError> {
        let touched = |entity: &EntityId| self.changed.contains_key(entity);
        let mut pairs: BTreeSet<_> = self.read.deleted_dependencies()?.into_iter().collect();
        pairs.retain(|(user, used)| !touched(user) && !touched(used));
        if self.main_is_empty && self.changed.values().all(|changed| changed.after.is_live()) {
            return Ok(pairs);
        }
        for (used, users) in self.changed_users()? {
            if self.is_deleted(used)? {
                pairs.extend(users.iter().map(|user| (*user, *used)));
            }
        }
        for (used, _) in self.changed.iter().filter(|(_, changed)| !changed.after.is_live()) {
            pairs.extend(self.dependents(used)?.into_iter().map(|user| (user, *used)));
        }
        Ok(pairs)
    }

    fn changed_users(&self) -> Result<&BTreeMap<EntityId, BTreeSet<EntityId>>, ReadError> {
        if let Some(users) = self.users.get() {
            return Ok(users);
        }
        let mut users: BTreeMap<EntityId, BTreeSet<EntityId>> = BTreeMap::new();
        for (user, _) in self.changed.iter().filter(|(_, changed)| changed.after.is_live()) {
            for used in self.uses(user)? {
                users.entry(used).or_default().insert(*user);
            }
        }
        Ok(self.users.get_or_init(|| users))
    }
}

/// Lays a revision over the main, unless main has it in effect or this version does not know all of its ops.
fn lay_revision(
    read: &dyn ProjectionRead,
    revision: RevisionId,
    place: Option<usize>,
    overlay: &mut Overlay,
    needs: &mut BTreeSet<OpId>,
) -> Result<(), ReadError> {
    if read.effect(&revision)? == crate::state::Effect::Effective {
        return Ok(());
    }
    let Some(ops) = read.envelope(&revision)?.and_then(RevisionOps::new).filter(|ops| ops.known) else {
        return Ok(());
    };
    for (id, op) in ops.ops() {
        overlay.add(id, Arc::new(op.clone()));
        if let Some(place) = place {
            overlay.prefer(place, id);
        }
    }
    needs.extend(ops.needs.iter().copied());
    Ok(())
}

/// The first of these revisions all of whose ops this version knows.
fn least_known(read: &dyn ProjectionRead, ascending: Vec<RevisionId>) -> Result<Option<RevisionId>, ReadError> {
    for revision in ascending {
        let Some(envelope) = read.envelope(&revision)? else { continue };
        if matches!(envelope.body(), Body::Revision(body) if body.ops.iter().all(Op::is_known)) {
            return Ok(Some(revision));
        }
    }
    Ok(None)
}

/// Lays over the main what is needed and neither there nor laid yet: for each op its least carrier that this version knows, with
/// what that needs.
fn lay_needs(read: &dyn ProjectionRead, overlay: &mut Overlay, needs: BTreeSet<OpId>) -> Result<(), ReadError> {
    let mut wanted = needs;
    let mut asked = BTreeSet::new();
    while !wanted.is_empty() {
        let mut next = BTreeSet::new();
        let mut carriers = BTreeSet::new();
        for op in std::mem::take(&mut wanted) {
            if asked.insert(op) && !overlay.ops.contains_key(&op) && !read.op_effective(&op)? {
                carriers.extend(least_known(read, read.carriers(&op)?)?);
            }
        }
        for carrier in carriers {
            lay_revision(read, carrier, None, overlay, &mut next)?;
        }
        wanted = next;
    }
    Ok(())
}
