//! Revisions that a fold looks into, each with its op ids computed once.

use std::rc::Rc;
use std::sync::Arc;

use dm_model::{Body, Envelope, EnvelopeId, Op, OpId, PatchId, Revision, RevisionId, Space};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::delta::Batch;
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Channel, Membership};

/// A revision with what is computed from its ops.
pub(crate) struct RevisionOps {
    envelope: Arc<Envelope>,
    /// The ids of its ops, in their order.
    pub ids: Vec<OpId>,
    /// The ops it needs and does not carry, ascending.
    pub needs: Vec<OpId>,
    /// Whether this version knows all its ops.
    pub known: bool,
}

impl RevisionOps {
    /// None if the envelope carries no revision.
    pub(crate) fn new(envelope: Arc<Envelope>) -> Option<Self> {
        let Body::Revision(revision) = envelope.body() else { return None };
        let ids: Vec<OpId> = revision.ops.iter().map(Op::id).collect();
        let known = revision.ops.iter().all(Op::is_known);
        let mut needs: Vec<OpId> = revision.ops.iter().flat_map(Op::needs).collect();
        if !needs.is_empty() {
            let own: FxHashSet<&OpId> = ids.iter().collect();
            needs.retain(|need| !own.contains(need));
            needs.sort_unstable();
            needs.dedup();
        }
        Some(Self { envelope, ids, needs, known })
    }

    /// Who reads it.
    pub(crate) fn space(&self) -> Space {
        self.envelope.header().space
    }

    /// What the envelope says.
    pub(crate) fn revision(&self) -> Option<&Revision> {
        match self.envelope.body() {
            Body::Revision(revision) => Some(revision),
            _ => None,
        }
    }

    /// The op at a place.
    pub(crate) fn op(&self, place: usize) -> Option<&Op> {
        self.revision()?.ops.get(place)
    }

    /// The ops with their ids.
    pub(crate) fn ops(&self) -> impl Iterator<Item = (OpId, &Op)> {
        self.ids.iter().copied().zip(self.revision().into_iter().flat_map(|revision| &revision.ops))
    }
}

/// Envelopes of the batch and of the log, and the revisions among those asked for.
pub(crate) struct Revisions<'a> {
    read: &'a dyn ProjectionRead,
    batch: FxHashMap<EnvelopeId, Arc<Envelope>>,
    /// Whether an envelope of a group is held or arrives. If not, every space is the public one and nothing is asked.
    any_private: bool,
    known: FxHashMap<RevisionId, Option<Rc<RevisionOps>>>,
}

impl<'a> Revisions<'a> {
    pub(crate) fn new(read: &'a dyn ProjectionRead, batch: &Batch) -> Result<Self, ReadError> {
        let arrives = batch.envelopes.iter().any(|envelope| !envelope.header().space.is_public());
        let any_private = arrives || read.any_private()?;
        let batch = batch.envelopes.iter().map(|envelope| (envelope.id(), Arc::clone(envelope))).collect();
        Ok(Self { read, batch, any_private, known: FxHashMap::default() })
    }

    /// Whether spaces have to be told apart.
    pub(crate) fn any_private(&self) -> bool {
        self.any_private
    }

    /// The space of an envelope that is held or arrives.
    pub(crate) fn space(&self, id: &EnvelopeId) -> Result<Option<Space>, ReadError> {
        match self.batch.get(id) {
            Some(envelope) => Ok(Some(envelope.header().space)),
            None if self.any_private => self.read.space(id),
            None => Ok(Some(Space::PUBLIC)),
        }
    }

    /// Whether readers of a space read this envelope, which is held or arrives.
    pub(crate) fn is_read(&self, space: Space, id: &EnvelopeId) -> Result<bool, ReadError> {
        Ok(!self.any_private || self.space(id)?.is_some_and(|other| space.reads(other)))
    }

    /// An envelope that is held or arrives.
    pub(crate) fn envelope(&self, id: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError> {
        match self.batch.get(id) {
            Some(envelope) => Ok(Some(Arc::clone(envelope))),
            None => self.read.envelope(id),
        }
    }

    /// A revision; none if that envelope is not held or carries none.
    pub(crate) fn revision(&mut self, id: &RevisionId) -> Result<Option<Rc<RevisionOps>>, ReadError> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let revision = self.envelope(id)?.and_then(RevisionOps::new).map(Rc::new);
        self.known.insert(*id, revision.clone());
        Ok(revision)
    }

    /// The revision that a channel's membership puts in. A fact may name what it likes: only a revision of the very patch, of the
    /// channel's space, is one.
    pub(crate) fn member(
        &mut self,
        channel: &Channel,
        patch: &PatchId,
        membership: &Membership,
    ) -> Result<Option<RevisionId>, ReadError> {
        let Membership::In(id) = membership else { return Ok(None) };
        let Some(found) = self.revision(id)? else { return Ok(None) };
        let own = found.space() == channel.space && found.revision().is_some_and(|body| body.patch == *patch);
        Ok(own.then_some(*id))
    }
}
