//! What a set of effective ops means together: values in force, places, conflicts.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::{Conflict, ConflictId, ConflictKind, Effect, EntityState, Fingerprint, Head, Membership, Subject};
use dm_model::codec::{self, Domain};
use dm_model::{DefHash, Encoder, EntityId, Location, OpId, Register, Value};

use super::registers::{fingerprint, in_force, states};
use super::{Model, Ops};

/// What a set of effective ops means.
#[derive(Debug)]
pub struct Meaning {
    /// The ops.
    pub ops: Ops,
    /// The entities that exist.
    pub entities: BTreeMap<EntityId, EntityState>,
    /// Of a session: the places of its own stack that ops belong to.
    pub places: BTreeMap<OpId, usize>,
    /// The entities that each definition uses.
    pub content: BTreeMap<DefHash, Vec<EntityId>>,
}

impl Meaning {
    pub(super) fn of(ops: Ops, content: &BTreeMap<DefHash, Vec<EntityId>>) -> Self {
        let entities = states(&ops);
        Self { ops, entities, places: BTreeMap::new(), content: content.clone() }
    }

    /// The fingerprint of the view.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.entities)
    }

    /// The value in force of a register.
    #[must_use]
    pub fn value(&self, entity: &EntityId, register: Register) -> Option<Value> {
        let state = self.entities.get(entity)?.registers.get(&register)?;
        let contested = state.heads.iter().any(|head| head.value != state.heads[0].value);
        let highest = state.heads.iter().filter_map(|head| self.places.get(&head.op)).max();
        let own = state.heads.iter().find(|head| highest.is_some() && self.places.get(&head.op) == highest);
        match own.filter(|_| contested) {
            Some(own) => Some(own.value.clone()),
            None => Some(in_force(state).clone()),
        }
    }

    /// The entities live at a location, ascending.
    #[must_use]
    pub fn entities_at(&self, location: &Location) -> Vec<EntityId> {
        let live = self.entities.iter().filter(|(_, state)| state.live.contains(location));
        live.map(|(entity, _)| *entity).collect()
    }

    /// The entities that an entity's definition in force uses.
    #[must_use]
    pub fn uses(&self, entity: &EntityId) -> Vec<EntityId> {
        match self.value(entity, Register::Content) {
            Some(Value::Content(content)) => self.content.get(&content).cloned().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The live entities whose definition in force uses this one, ascending.
    #[must_use]
    pub fn dependents(&self, entity: &EntityId) -> Vec<EntityId> {
        let live = self.entities.iter().filter(|(_, state)| !state.live.is_empty()).map(|(user, _)| *user);
        live.filter(|user| self.uses(user).contains(entity)).collect()
    }

    /// All conflicts, by kind, then by id.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (entity, state) in &self.entities {
            of_registers(*entity, state, &mut conflicts);
        }
        let places: BTreeSet<&Location> = self.entities.values().flat_map(|state| &state.live).collect();
        for location in places {
            let entities = self.entities_at(location);
            if entities.len() > 1 {
                conflicts.push(conflict(ConflictKind::Collision, entities, Some(location), Vec::new()));
            }
        }
        for used in self.entities.iter().filter(|(_, state)| state.live.is_empty()).map(|(used, _)| *used) {
            for user in self.dependents(&used) {
                conflicts.push(conflict(ConflictKind::DeletedDependency, vec![user, used], None, Vec::new()));
            }
        }
        conflicts.sort_by_key(|conflict| (conflict.kind, conflict.id));
        conflicts
    }
}

fn of_registers(entity: EntityId, state: &EntityState, conflicts: &mut Vec<Conflict>) {
    for (register, contested) in &state.registers {
        if contested.heads.iter().all(|head| head.value == contested.heads[0].value) {
            continue;
        }
        let kind = match register {
            Register::Content => ConflictKind::Content,
            Register::Location => ConflictKind::Move,
            Register::Deprecation => ConflictKind::Deprecation,
            Register::Visibility => ConflictKind::Visibility,
            Register::Pin(_) => ConflictKind::Pin,
            Register::Later { .. } => continue,
        };
        let mut found = conflict(kind, vec![entity], None, contested.heads.clone());
        (found.register, found.ancestor) = (Some(*register), contested.ancestor.clone());
        conflicts.push(found);
    }
    for (kind, register, beside) in [
        (ConflictKind::DeleteEdit, Register::Location, &state.edited_while_deleted),
        (ConflictKind::DeprecationEdit, Register::Deprecation, &state.edited_while_deprecated),
    ] {
        for (setting, edits) in beside {
            let setting = state.registers[&register].heads.iter().filter(|head| head.op == *setting);
            let edits = state.registers[&Register::Content].heads.iter().filter(|head| edits.contains(&head.op));
            conflicts.push(conflict(kind, vec![entity], None, setting.chain(edits).cloned().collect()));
        }
    }
}

/// A conflict of ops, with its id.
fn conflict(
    kind: ConflictKind,
    entities: Vec<EntityId>,
    location: Option<&Location>,
    mut heads: Vec<Head>,
) -> Conflict {
    heads.sort();
    let mut to = Encoder::new();
    to.text(kind.as_str());
    to.list(&entities, Encoder::entity_id);
    to.list(&location.into_iter().collect::<Vec<_>>(), |to, location| to.text(location.as_str()));
    to.list(&heads, |to, head| to.op_id(&head.op));
    let id = ConflictId::from_bytes(codec::hash(Domain::Conflict, 1, &[&to.finish()]));
    let location = location.cloned();
    Conflict { id, kind, entities, register: None, location, heads, ancestor: None, subject: Subject::Ops }
}

/// A conflict of a channel, with its id.
fn channel_conflict(kind: ConflictKind, about: &[u8], subject: Subject) -> Conflict {
    let mut to = Encoder::new();
    to.text(kind.as_str());
    to.raw(&[0, 0, 0]);
    to.raw(about);
    let id = ConflictId::from_bytes(codec::hash(Domain::Conflict, 1, &[&to.finish()]));
    Conflict {
        id,
        kind,
        entities: Vec::new(),
        register: None,
        location: None,
        heads: Vec::new(),
        ancestor: None,
        subject,
    }
}

impl Model<'_> {
    /// What the own main means.
    #[must_use]
    pub fn main(&self) -> Meaning {
        Meaning::of(self.effective.clone(), &self.holdings.content)
    }

    /// The conflicts of the own main's facts: blocked revisions, then disputed patches.
    pub(super) fn channel_conflicts(&self) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (revision, effect) in &self.effects {
            let missing = match effect {
                Effect::Blocked(missing) => missing.clone(),
                Effect::NeedsNewer => Vec::new(),
                _ => continue,
            };
            let subject = Subject::Revision { revision: *revision, missing };
            conflicts.push(channel_conflict(ConflictKind::Blocked, revision.as_bytes(), subject));
        }
        for ((channel, patch), says) in &self.membership {
            if let (true, Membership::Disputed(values)) = (channel.main == self.own, says) {
                let space = channel.space;
                let subject = Subject::Patch { patch: *patch, space, values: values.clone() };
                let group: &[u8] = if space.is_public() { &[] } else { space.as_bytes() };
                conflicts.push(channel_conflict(ConflictKind::Disputed, &[patch.as_bytes(), group].concat(), subject));
            }
        }
        conflicts
    }
}
