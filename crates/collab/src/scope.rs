//! What of the own main the readers of some spaces see (SEMANTICS I16).

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{EntityId, OpId, Space};

use crate::fold::{RevisionOps, renew_fingerprint};
use crate::read::{ProjectionRead, ReadError};
use crate::register::restate;
use crate::state::{Effect, Fingerprint, Membership};

/// The fingerprint of the own main's view for whoever reads these spaces, one of which is the public one: that of a projection
/// that holds no others. The work follows what the others' patches write.
///
/// # Errors
/// [`ReadError`].
pub fn view_fingerprint_for(read: &dyn ProjectionRead, spaces: &[Space]) -> Result<Fingerprint, ReadError> {
    let mut fingerprint = read.view_fingerprint()?;
    let mut unread: BTreeMap<EntityId, BTreeSet<OpId>> = BTreeMap::new();
    for channel in read.own_channels()?.into_iter().filter(|channel| !spaces.contains(&channel.space)) {
        for (_, membership) in read.members(&channel)? {
            let Membership::In(revision) = membership else { continue };
            let Some(revision) = read.envelope(&revision)?.and_then(RevisionOps::new) else { continue };
            for (id, op) in revision.ops() {
                if read.op_effective(&id)? && !is_borne_in(read, &id, spaces)? {
                    unread.entry(op.entity).or_default().insert(id);
                }
            }
        }
    }
    for (entity, ops) in unread {
        let before = read.entity(&entity)?;
        let after = restate(read, &entity, before.as_ref(), &[], &ops)?;
        renew_fingerprint(&mut fingerprint, &entity, before.as_ref(), after.as_ref());
    }
    Ok(fingerprint)
}

fn is_borne_in(read: &dyn ProjectionRead, op: &OpId, spaces: &[Space]) -> Result<bool, ReadError> {
    for carrier in read.carriers(op)? {
        let is_read = read.space(&carrier)?.is_some_and(|space| spaces.contains(&space));
        if is_read && read.effect(&carrier)? == Effect::Effective {
            return Ok(true);
        }
    }
    Ok(false)
}
