//! The fold: what arrives, plus what was there, gives what changes.
//!
//! Stages, each on the outcome of the one before: which envelopes count (`arrival`), what channels say of patches
//! (`channel`), which revisions and ops take effect in the own main (`effect`), and the states of the entities these touch.
//! The work follows what changes, not what is held; `docs/design/convergence.md` says what must come out.

mod arrival;
mod channel;
mod effect;
mod revisions;

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{EntityId, OpId};

use crate::delta::{Batch, ProjectionDelta};
use crate::read::{ProjectionRead, ReadError};
use crate::register::restate;
use crate::state::{EntityState, Fingerprint};

pub use channel::has_given_way;
pub(crate) use effect::{Effects, MemberChange, effective_for};
pub(crate) use revisions::{RevisionOps, Revisions};

/// What changes in the projection when a batch arrives.
///
/// Any split of a set of envelopes into batches, in any order, leads to the same projection.
///
/// # Errors
/// [`ReadError`] if the projection cannot be read; people who disagree are never an error.
pub fn fold(read: &dyn ProjectionRead, batch: &Batch) -> Result<ProjectionDelta, ReadError> {
    let mut revisions = Revisions::new(read, batch)?;
    let arrived = arrival::count(read, batch, &mut revisions)?;
    let channels = channel::advance(read, &mut revisions, &arrived.counted)?;

    let changes = channel::own_changes(read, &mut revisions, &channels)?;
    let mut effects = Effects::new(read, &mut revisions);
    effects.change(&changes)?;
    let effects = effects.finish()?;

    let mut delta = ProjectionDelta {
        counted: arrived.counted,
        pending: arrived.pending,
        leaves: channels.leaves,
        membership: channels.membership,
        effects: effects.revisions,
        view_fingerprint: read.view_fingerprint()?,
        ..ProjectionDelta::default()
    };
    for (entity, touched) in effects.ops {
        restate_entity(read, entity, &touched, &mut delta)?;
    }
    Ok(delta)
}

/// Writes one entity's new state, its ops' effect and its part of the fingerprint into the delta.
fn restate_entity(
    read: &dyn ProjectionRead,
    entity: EntityId,
    touched: &[effect::TouchedOp],
    delta: &mut ProjectionDelta,
) -> Result<(), ReadError> {
    let before = read.entity(&entity)?;
    let mut added = Vec::new();
    let mut removed = BTreeSet::new();
    for op in touched {
        let was = match op.before {
            Some(was) => was,
            None => is_effective_before(read, before.as_ref(), &op.id)?,
        };
        match (was, op.now, op.body()) {
            (false, true, Some(body)) => added.push((op.id, body)),
            (true, false, _) => {
                removed.insert(op.id);
            }
            _ => continue,
        }
        delta.op_effective.insert(op.id, op.now);
    }
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let after = restate(read, &entity, before.as_ref(), &added, &removed)?;
    if after != before {
        renew_fingerprint(&mut delta.view_fingerprint, &entity, before.as_ref(), after.as_ref());
        delta.entities.insert(entity, after.unwrap_or_default());
    }
    Ok(())
}

/// Whether an op is effective in the own main where the entity's state is `before`, asking for it only where the entity's state does not show it.
pub(crate) fn is_effective_before(
    read: &dyn ProjectionRead,
    before: Option<&EntityState>,
    op: &OpId,
) -> Result<bool, ReadError> {
    if before.is_none() || has_head(before, op) { Ok(before.is_some()) } else { read.op_effective(op) }
}

/// Whether an op is a head of an entity in this state.
pub(crate) fn has_head(state: Option<&EntityState>, op: &OpId) -> bool {
    let registers = state.into_iter().flat_map(|state| state.registers.values());
    registers.flat_map(|register| &register.heads).any(|head| head.op == *op)
}

/// Replaces an entity's part of a view fingerprint.
pub(crate) fn renew_fingerprint(
    fingerprint: &mut Fingerprint,
    entity: &EntityId,
    before: Option<&EntityState>,
    after: Option<&EntityState>,
) {
    if let Some(before) = before {
        fingerprint.remove(&before.digest(entity));
    }
    if let Some(after) = after {
        fingerprint.add(&after.digest(entity));
    }
}

/// What effects changed, by revision and by the entities whose ops came or went.
pub(crate) struct EffectChanges {
    /// Revisions whose effect changed.
    pub revisions: BTreeMap<dm_model::RevisionId, crate::state::Effect>,
    /// Ops whose effect may have changed, by entity.
    pub ops: BTreeMap<EntityId, Vec<effect::TouchedOp>>,
}
