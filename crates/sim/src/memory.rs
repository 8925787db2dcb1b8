//! A projection in memory, written only from what the fold gives back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::sync::{ExchangeRead, Place, Range};
use dm_collab::{
    Batch, Channel, ContentHead, Effect, EntityState, Fingerprint, Membership, Need, Presence, ProjectionDelta,
    ProjectionRead, ReadError, fold,
};
use dm_model::codec::{Domain, hash};
use dm_model::{
    Body, DefHash, Definition, EntityId, Envelope, EnvelopeId, InstanceId, Kind, Location, Op, OpId, PatchId,
    RevisionId, Space,
};

/// In which order envelopes came: two instances that hold the same are equal whatever it is.
#[derive(Clone, Debug, Default)]
struct Arrived(Vec<EnvelopeId>);

impl PartialEq for Arrived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What one instance holds and what its main's projection says. Two that hold the same are equal.
#[derive(Clone, PartialEq, Debug)]
pub struct Memory {
    own: InstanceId,
    /// In which order they came.
    arrived: Arrived,
    /// All envelopes held.
    pub envelopes: BTreeMap<EnvelopeId, Arc<Envelope>>,
    /// Those that count.
    pub counted: BTreeSet<EnvelopeId>,
    /// Those that wait, with what is missing.
    pub pending: BTreeMap<EnvelopeId, Vec<Need>>,
    content: BTreeMap<DefHash, (Kind, Vec<EntityId>)>,
    /// The definitions themselves; only exchanges need them.
    pub definitions: BTreeMap<DefHash, Arc<Definition>>,
    /// What each peer is known to hold.
    pub known: BTreeMap<String, BTreeSet<EnvelopeId>>,
    ops: BTreeMap<OpId, Arc<Op>>,
    carriers: BTreeMap<OpId, BTreeSet<RevisionId>>,
    needing: BTreeMap<OpId, BTreeSet<RevisionId>>,
    /// The ops effective in the own main.
    pub effective: BTreeSet<OpId>,
    /// What revisions do in the own main; those that are no members are left out.
    pub effects: BTreeMap<RevisionId, Effect>,
    /// What channels say of patches; patches without a fact are left out.
    pub membership: BTreeMap<(Channel, PatchId), Membership>,
    /// The leaves of the channels that have facts.
    pub leaves: BTreeMap<Channel, Vec<EnvelopeId>>,
    /// The entities of the own main.
    pub entities: BTreeMap<EntityId, EntityState>,
    /// The fingerprint of the own main's view.
    pub fingerprint: Fingerprint,
}

impl Memory {
    /// An instance that holds nothing.
    #[must_use]
    pub fn new(own: InstanceId) -> Self {
        Self {
            own,
            arrived: Arrived::default(),
            envelopes: BTreeMap::new(),
            counted: BTreeSet::new(),
            pending: BTreeMap::new(),
            content: BTreeMap::new(),
            definitions: BTreeMap::new(),
            known: BTreeMap::new(),
            ops: BTreeMap::new(),
            carriers: BTreeMap::new(),
            needing: BTreeMap::new(),
            effective: BTreeSet::new(),
            effects: BTreeMap::new(),
            membership: BTreeMap::new(),
            leaves: BTreeMap::new(),
            entities: BTreeMap::new(),
            fingerprint: Fingerprint::default(),
        }
    }

    /// Folds what of the batch is not held yet.
    ///
    /// # Panics
    /// If the fold gives back what is so already.
    pub fn receive(&mut self, batch: &Batch) -> ProjectionDelta {
        let (mut envelopes, mut content) = (BTreeSet::new(), BTreeSet::new());
        let mut batch = batch.clone();
        batch.envelopes.retain(|one| !self.envelopes.contains_key(&one.id()) && envelopes.insert(one.id()));
        batch.content.retain(|head| !self.content.contains_key(&head.hash) && content.insert(head.hash));
        let delta = fold(self, &batch).unwrap();
        self.write(&batch, &delta);
        delta
    }

    fn write(&mut self, batch: &Batch, delta: &ProjectionDelta) {
        for envelope in &batch.envelopes {
            self.envelopes.insert(envelope.id(), Arc::clone(envelope));
            self.arrived.0.push(envelope.id());
        }
        for head in &batch.content {
            self.content.insert(head.hash, (head.kind, head.uses.clone()));
        }
        for id in &delta.counted {
            assert!(self.counted.insert(*id), "counted twice");
            self.pending.remove(id);
            if let Body::Revision(revision) = self.envelopes[id].body() {
                for op in &revision.ops {
                    self.ops.insert(op.id(), Arc::new(op.clone()));
                    self.carriers.entry(op.id()).or_default().insert(*id);
                }
                for need in revision.needs() {
                    self.needing.entry(need).or_default().insert(*id);
                }
            }
        }
        self.pending.extend(delta.pending.clone());
        self.leaves.extend(delta.leaves.clone());
        for (place, membership) in &delta.membership {
            match membership {
                Membership::Out { touched: false } => self.membership.remove(place),
                membership => self.membership.insert(*place, membership.clone()),
            };
        }
        for (revision, effect) in &delta.effects {
            match effect {
                Effect::NotApplied => self.effects.remove(revision),
                effect => self.effects.insert(*revision, effect.clone()),
            };
        }
        for (op, effective) in &delta.op_effective {
            let changed = if *effective { self.effective.insert(*op) } else { self.effective.remove(op) };
            assert!(changed, "an op's effect that was so before");
        }
        for (entity, state) in &delta.entities {
            if state.registers.is_empty() {
                self.entities.remove(entity);
            } else {
                self.entities.insert(*entity, state.clone());
            }
        }
        self.fingerprint = delta.view_fingerprint;
    }

    fn uses(&self, state: &EntityState) -> Vec<EntityId> {
        state.content().and_then(|hash| self.content.get(&hash)).map(|(_, uses)| uses.clone()).unwrap_or_default()
    }
}

fn sorted<T: Ord + Copy>(set: Option<&BTreeSet<T>>) -> Vec<T> {
    set.into_iter().flatten().copied().collect()
}

impl ProjectionRead for Memory {
    fn own_channel(&self) -> InstanceId {
        self.own
    }
    fn presence(&self, envelope: &EnvelopeId) -> Result<Presence, ReadError> {
        Ok(match (self.envelopes.contains_key(envelope), self.counted.contains(envelope)) {
            (_, true) => Presence::Counted,
            (true, false) => Presence::Pending,
            (false, false) => Presence::Absent,
        })
    }
    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError> {
        Ok(self.envelopes.get(envelope).cloned())
    }
    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError> {
        Ok(self.content.contains_key(content))
    }
    fn waiting_on(&self, need: &Need) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.pending.iter().filter(|(_, needs)| needs.contains(need)).map(|(id, _)| *id).collect())
    }
    fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError> {
        Ok(self.ops.get(op).cloned())
    }
    fn carriers(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError> {
        Ok(sorted(self.carriers.get(op)))
    }
    fn needing(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError> {
        Ok(sorted(self.needing.get(op)))
    }
    fn entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError> {
        Ok(self.ops.iter().filter(|(_, op)| op.entity == *entity).map(|(id, op)| (*id, Arc::clone(op))).collect())
    }
    fn op_effective(&self, op: &OpId) -> Result<bool, ReadError> {
        Ok(self.effective.contains(op))
    }
    fn effect(&self, revision: &RevisionId) -> Result<Effect, ReadError> {
        Ok(self.effects.get(revision).cloned().unwrap_or(Effect::NotApplied))
    }
    fn membership(&self, channel: &Channel, patch: &PatchId) -> Result<Membership, ReadError> {
        let known = self.membership.get(&(*channel, *patch)).cloned();
        Ok(known.unwrap_or(Membership::Out { touched: false }))
    }
    fn leaves(&self, channel: &Channel) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.leaves.get(channel).cloned().unwrap_or_default())
    }
    fn facts(&self, channel: &Channel) -> Result<Vec<Arc<Envelope>>, ReadError> {
        let of_channel = |envelope: &&Arc<Envelope>| {
            envelope.body().channel() == Some(channel.main) && envelope.header().space == channel.space
        };
        Ok(self.counted.iter().map(|id| &self.envelopes[id]).filter(of_channel).cloned().collect())
    }
    fn channels(&self) -> Result<Vec<Channel>, ReadError> {
        Ok(self.leaves.keys().copied().collect())
    }
    fn members(&self, channel: &Channel) -> Result<Vec<(PatchId, Membership)>, ReadError> {
        let of_channel = self.membership.iter().filter(|((of, _), _)| of == channel);
        Ok(of_channel
            .filter(|(_, membership)| !matches!(membership, Membership::Out { .. }))
            .map(|((_, patch), membership)| (*patch, membership.clone()))
            .collect())
    }
    fn revisions(&self, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError> {
        let of_patch = |id: &&EnvelopeId| matches!(self.envelopes[id].body(), Body::Revision(r) if r.patch == *patch);
        Ok(self.counted.iter().filter(of_patch).copied().collect())
    }
    fn patch_facts(&self, patch: &PatchId) -> Result<Vec<Arc<Envelope>>, ReadError> {
        let revisions = self.revisions(patch)?;
        let about = |envelope: &&Arc<Envelope>| match envelope.body() {
            Body::Withdraw(withdraw) => withdraw.patch == *patch,
            Body::Verdict(verdict) => revisions.contains(&verdict.revision),
            _ => false,
        };
        Ok(self.counted.iter().map(|id| &self.envelopes[id]).filter(about).cloned().collect())
    }
    fn key_facts(&self, author: &str) -> Result<Vec<Arc<Envelope>>, ReadError> {
        let about = |envelope: &&Arc<Envelope>| match envelope.body() {
            Body::KeyChange(change) => change.author == author,
            Body::Vouch(vouch) => vouch.author == author,
            _ => false,
        };
        Ok(self.counted.iter().map(|id| &self.envelopes[id]).filter(about).cloned().collect())
    }
    fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError> {
        Ok(self.entities.get(entity).cloned())
    }
    fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError> {
        Ok(self.entities.iter().filter(|(_, state)| state.live.contains(location)).map(|(id, _)| *id).collect())
    }
    fn flagged(&self) -> Result<Vec<EntityId>, ReadError> {
        let flagged = |state: &EntityState| {
            !state.edited_while_deleted.is_empty()
                || !state.edited_while_deprecated.is_empty()
                || state.registers.values().any(dm_collab::RegisterState::is_contested)
        };
        Ok(self.entities.iter().filter(|(_, state)| flagged(state)).map(|(id, _)| *id).collect())
    }
    fn collisions(&self) -> Result<Vec<Location>, ReadError> {
        let mut at: BTreeMap<&Location, u32> = BTreeMap::new();
        for location in self.entities.values().flat_map(|state| &state.live) {
            *at.entry(location).or_default() += 1;
        }
        Ok(at.into_iter().filter(|(_, count)| *count > 1).map(|(location, _)| location.clone()).collect())
    }
    fn deleted_dependencies(&self) -> Result<Vec<(EntityId, EntityId)>, ReadError> {
        let mut pairs = Vec::new();
        for (user, state) in self.entities.iter().filter(|(_, state)| state.is_live()) {
            for used in self.uses(state) {
                if self.entities.get(&used).is_some_and(|used| !used.is_live()) {
                    pairs.push((*user, used));
                }
            }
        }
        Ok(pairs)
    }
    fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError> {
        let uses = |state: &EntityState| state.is_live() && self.uses(state).contains(entity);
        Ok(self.entities.iter().filter(|(_, state)| uses(state)).map(|(id, _)| *id).collect())
    }
    fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError> {
        Ok(self.content.get(content).cloned())
    }
    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError> {
        Ok(self.fingerprint)
    }
    fn any_private(&self) -> Result<bool, ReadError> {
        Ok(self.envelopes.values().any(|envelope| !envelope.header().space.is_public()))
    }
}

impl Memory {
    /// The definitions held: of each its hash, kind and used entities.
    pub fn content(&self) -> impl Iterator<Item = ContentHead> + '_ {
        self.content.iter().map(|(hash, (kind, uses))| ContentHead { hash: *hash, kind: *kind, uses: uses.clone() })
    }

    /// Every counting op, numbered.
    pub fn all_ops(&self) -> impl Iterator<Item = (usize, &Arc<Op>)> {
        self.ops.values().enumerate()
    }
}

fn fingerprint_of<'a>(ids: impl Iterator<Item = &'a EnvelopeId>) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    for id in ids {
        fingerprint.add(&hash(Domain::SetElement, 1, &[id.as_bytes()]));
    }
    fingerprint
}

impl Memory {
    fn of_space(&self, space: Space) -> impl Iterator<Item = &EnvelopeId> {
        self.envelopes.iter().filter(move |(_, envelope)| envelope.header().space == space).map(|(id, _)| id)
    }

    /// The envelopes of a range, in order.
    fn placed(&self, space: Space, range: &Range) -> Vec<(Place, EnvelopeId)> {
        let places = self.of_space(space).map(|id| (Place::of(&self.envelopes[id]), *id));
        let mut placed: Vec<_> = places.filter(|(place, _)| range.has(*place)).collect();
        placed.sort_unstable();
        placed
    }

    /// Puts an envelope behind all that it needs and that is held.
    fn place(&self, id: &EnvelopeId, seen: &mut BTreeSet<EnvelopeId>, order: &mut Vec<EnvelopeId>) {
        let Some(envelope) = self.envelopes.get(id).filter(|_| seen.insert(*id)) else { return };
        let mut needs = envelope.needs();
        if let Body::Revision(revision) = envelope.body() {
            needs.extend(revision.needs().iter().flat_map(|op| sorted(self.carriers.get(op))));
        }
        for need in needs {
            self.place(&need, seen, order);
        }
        order.push(*id);
    }
}

impl ExchangeRead for Memory {
    fn set_fingerprint(&self, space: Space) -> Result<Fingerprint, ReadError> {
        Ok(fingerprint_of(self.of_space(space)))
    }
    fn envelope_ids(&self, space: Space) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.of_space(space).copied().collect())
    }
    fn ids_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, ReadError> {
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        let counted = self.counted.iter().chain(self.pending.keys());
        counted.for_each(|id| self.place(id, &mut seen, &mut order));
        order.sort_by_key(|id| self.pending.contains_key(id));
        order.retain(|id| ids.contains(id));
        Ok(order)
    }
    fn range_fingerprint(&self, space: Space, range: &Range) -> Result<Fingerprint, ReadError> {
        Ok(fingerprint_of(self.placed(space, range).iter().map(|(_, id)| id)))
    }
    fn range_ids(&self, space: Space, range: &Range, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.placed(space, range).into_iter().map(|(_, id)| id).take(limit).collect())
    }
    fn range_cuts(&self, space: Space, range: &Range, parts: usize) -> Result<Vec<Place>, ReadError> {
        let placed = self.placed(space, range);
        let Some((first, _)) = placed.first() else { return Ok(Vec::new()) };
        let at = |part: usize| placed.get(part * placed.len() / parts).map(|(place, _)| *place);
        let cuts: BTreeSet<Place> = (1..parts).filter_map(at).filter(|place| place > first).collect();
        if cuts.is_empty() {
            // All but a few stand at the first place.
            return Ok(placed.iter().map(|(place, _)| *place).find(|place| place > first).into_iter().collect());
        }
        Ok(cuts.into_iter().collect())
    }
    fn newest_ids(&self, space: Space, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
        let of_space = |id: &&EnvelopeId| self.envelopes[*id].header().space == space;
        Ok(self.arrived.0.iter().rev().filter(of_space).take(limit).copied().collect())
    }
    fn definition(&self, hash: &DefHash) -> Result<Option<Definition>, ReadError> {
        Ok(self.definitions.get(hash).map(|definition| (**definition).clone()))
    }
    fn missing_contents(&self, spaces: &[Space], limit: usize) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
        let shared = |(id, _): &(&EnvelopeId, &Vec<Need>)| spaces.contains(&self.envelopes[*id].header().space);
        let content = |need: &Need| match need {
            Need::Content(hash) => Some(*hash),
            _ => None,
        };
        let of = |(id, needs): (&EnvelopeId, &Vec<Need>)| {
            needs.iter().filter_map(content).map(|hash| (*id, hash)).collect::<Vec<_>>()
        };
        Ok(self.pending.iter().filter(shared).flat_map(of).take(limit).collect())
    }
    fn known_fingerprint(&self, peer: &str, space: Space) -> Result<Fingerprint, ReadError> {
        let known = self.known.get(peer);
        Ok(fingerprint_of(self.of_space(space).filter(|id| known.is_some_and(|known| known.contains(id)))))
    }
    fn unknown_ids(&self, peer: &str, space: Space) -> Result<Vec<EnvelopeId>, ReadError> {
        let known = self.known.get(peer);
        Ok(self.of_space(space).filter(|id| known.is_none_or(|known| !known.contains(id))).copied().collect())
    }
}
