//! What the fold and the views ask of a projection. `dm-store` answers from SQLite, `dm-sim` from memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{
    DefHash, EntityId, Envelope, EnvelopeId, InstanceId, Kind, Location, Op, OpId, PatchId, RevisionId, Space,
};

use crate::state::{Channel, Effect, EntityState, Fingerprint, Membership};

/// The projection could not be read: the disk, or a damaged store. Says what failed.
#[derive(Debug, thiserror::Error)]
#[error("the projection could not be read: {0}")]
pub struct ReadError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Something an envelope needs before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// An envelope that counts.
    Envelope(EnvelopeId),
    /// An op carried by a counting revision.
    Op(OpId),
    /// A definition in the content store.
    Content(DefHash),
}

/// Whether an envelope is held, and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not held.
    Absent,
    /// Held, waiting for needs.
    Pending,
    /// Held and counting.
    Counted,
}

/// A disputed patch of a space, with what the facts of the channel say: a revision, or none.
pub type DisputedPatch = (Space, PatchId, Vec<Option<RevisionId>>);

/// A patch of a space, with revisions of it that are in on other mains.
pub type UnseenPatch = (Space, PatchId, Vec<RevisionId>);

/// What the own main's projection and the log hold. Answers are owned, and are those of one moment.
pub trait ProjectionRead {
    /// The instance whose main is projected.
    fn own_channel(&self) -> InstanceId;
    /// Whether an envelope is held and counts.
    ///
    /// # Errors
    /// As every method here: [`ReadError`] if the projection cannot be read.
    fn presence(&self, envelope: &EnvelopeId) -> Result<Presence, ReadError>;
    /// A held envelope.
    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError>;
    /// Whether a definition is held.
    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError>;
    /// Pending envelopes that wait for this, ascending.
    fn waiting_on(&self, need: &Need) -> Result<Vec<EnvelopeId>, ReadError>;
    /// An op of a counting revision.
    fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError>;
    /// The counting revisions that carry an op, ascending.
    fn carriers(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    /// The counting revisions that need an op, ascending.
    fn needing(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    /// The counting ops of an entity, ascending; the caller asks which are effective.
    fn entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError>;
    /// Whether an op is effective in the own main.
    fn op_effective(&self, op: &OpId) -> Result<bool, ReadError>;
    /// What a revision does in the own main.
    fn effect(&self, revision: &RevisionId) -> Result<Effect, ReadError>;
    /// What a channel says of a patch.
    fn membership(&self, channel: &Channel, patch: &PatchId) -> Result<Membership, ReadError>;
    /// The leaves of a channel's facts, ascending; none if it has no counting fact.
    fn leaves(&self, channel: &Channel) -> Result<Vec<EnvelopeId>, ReadError>;
    /// All counting facts of a channel, ascending; asked only where facts fork.
    fn facts(&self, channel: &Channel) -> Result<Vec<Arc<Envelope>>, ReadError>;
    /// The channels that have counting facts, ascending.
    fn channels(&self) -> Result<Vec<Channel>, ReadError>;
    /// The patches that are in, or disputed, on a channel, by patch ascending.
    fn members(&self, channel: &Channel) -> Result<Vec<(PatchId, Membership)>, ReadError>;
    /// The counting revisions of a patch, ascending.
    fn revisions(&self, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError>;
    /// The counting facts about a patch or its revisions that change no channel (`Withdraw`, `Verdict`), ascending.
    fn patch_facts(&self, patch: &PatchId) -> Result<Vec<Arc<Envelope>>, ReadError>;
    /// The counting facts about keys of an author of that name (`KeyChange`, `Vouch`), ascending.
    fn key_facts(&self, author: &str) -> Result<Vec<Arc<Envelope>>, ReadError>;
    /// An entity in the own main, if it exists there.
    fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError>;
    /// Whether an entity exists and is live nowhere.
    fn is_deleted(&self, entity: &EntityId) -> Result<bool, ReadError> {
        Ok(self.entity(entity)?.is_some_and(|state| !state.is_live()))
    }
    /// The entities live at a location in the own main, ascending.
    fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError>;
    /// The entities of the own main that have a contested register, an edit beside a deletion or deprecation, ascending.
    fn flagged(&self) -> Result<Vec<EntityId>, ReadError>;
    /// The locations of the own main where several entities are live, ascending.
    fn collisions(&self) -> Result<Vec<Location>, ReadError>;
    /// The (user, used) pairs of the own main where a live entity's definition uses an existing entity that is not live.
    fn deleted_dependencies(&self) -> Result<Vec<(EntityId, EntityId)>, ReadError>;
    /// The live entities of the own main whose provisional definition uses this one, ascending.
    fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError>;
    /// Kind and used entities (ascending) of a held definition.
    fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError>;
    /// The fingerprint of the own main's view.
    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError>;

    // The rest has answers made of the above. A projection with an index of its own gives the same ones faster.

    /// Whether any envelope is pending. True is never wrong, only slower for the fold.
    fn any_pending(&self) -> Result<bool, ReadError> {
        Ok(true)
    }

    /// Whether an envelope of a group's space is held. True is never wrong, only slower for the fold.
    fn any_private(&self) -> Result<bool, ReadError> {
        Ok(true)
    }

    /// The space of a held envelope.
    fn space(&self, envelope: &EnvelopeId) -> Result<Option<Space>, ReadError> {
        Ok(self.envelope(envelope)?.map(|envelope| envelope.header().space))
    }

    /// The channels of the own main that have counting facts, ascending: the public one first.
    fn own_channels(&self) -> Result<Vec<Channel>, ReadError> {
        let own = self.own_channel();
        Ok(self.channels()?.into_iter().filter(|channel| channel.main == own).collect())
    }

    /// What the own main says of the patches of this id, of whichever space: that one is in before that one is disputed, before
    /// that one is out.
    fn own_membership(&self, patch: &PatchId) -> Result<Membership, ReadError> {
        let mut says = Membership::Out { touched: false };
        for channel in self.own_channels()? {
            let now = self.membership(&channel, patch)?;
            match (&says, &now) {
                (_, Membership::In(_)) => return Ok(now),
                (Membership::Out { .. }, Membership::Disputed(_) | Membership::Out { touched: true }) => says = now,
                _ => {}
            }
        }
        Ok(says)
    }

    /// The effective ops of an entity in the own main, ascending.
    fn effective_entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError> {
        let mut effective = Vec::new();
        for (id, op) in self.entity_ops(entity)? {
            if self.op_effective(&id)? {
                effective.push((id, op));
            }
        }
        Ok(effective)
    }

    /// The member revisions of the own main that are not effective (blocked, or waiting for a newer version), ascending.
    fn blocked(&self) -> Result<Vec<RevisionId>, ReadError> {
        let mut blocked = Vec::new();
        for channel in self.own_channels()? {
            for (_, membership) in self.members(&channel)? {
                if let Membership::In(revision) = membership
                    && matches!(self.effect(&revision)?, Effect::Blocked(_) | Effect::NeedsNewer)
                {
                    blocked.push(revision);
                }
            }
        }
        blocked.sort_unstable();
        // Two facts may name one revision, rightly and under another patch.
        blocked.dedup();
        Ok(blocked)
    }

    /// The disputed patches of the own main, by space, then patch, ascending, with what the facts say.
    fn disputed(&self) -> Result<Vec<DisputedPatch>, ReadError> {
        let mut disputed = Vec::new();
        for channel in self.own_channels()? {
            for (patch, membership) in self.members(&channel)? {
                if let Membership::Disputed(values) = membership {
                    disputed.push((channel.space, patch, values));
                }
            }
        }
        Ok(disputed)
    }

    /// The patches that are in on another main and of which the own main has no fact of any kind in that space, by patch, then
    /// space, ascending, with the distinct revisions that are in, ascending.
    fn unseen(&self) -> Result<Vec<UnseenPatch>, ReadError> {
        let own = self.own_channel();
        let mut unseen: BTreeMap<(PatchId, Space), BTreeSet<RevisionId>> = BTreeMap::new();
        for channel in self.channels()?.into_iter().filter(|channel| channel.main != own) {
            let here = Channel { main: own, space: channel.space };
            for (patch, membership) in self.members(&channel)? {
                let Membership::In(revision) = membership else { continue };
                if self.membership(&here, &patch)? == (Membership::Out { touched: false }) {
                    unseen.entry((patch, channel.space)).or_default().insert(revision);
                }
            }
        }
        let revisions = |of: BTreeSet<RevisionId>| of.into_iter().collect();
        Ok(unseen.into_iter().map(|((patch, space), of)| (space, patch, revisions(of))).collect())
    }
}
